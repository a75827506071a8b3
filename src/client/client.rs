//! [`Client`]: the handle of a connection.

use std::{fmt, sync::Arc, time::Duration};

use kvstore_protocol::{ClientCodec, Command, Output, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{ToSocketAddrs, lookup_host},
    sync::{OwnedSemaphorePermit, oneshot},
};
use tokio_util::sync::{PollSemaphore, ReusableBoxFuture};
use tower::{BoxError, Service};

use super::{
    ClientBuilder, ClientError, Endpoint, Pipeline, Pushes, ResponseFuture,
    endpoint::Address,
    local::{InProcess, LocalService},
    queue::DriverMessage,
    remote::Remote,
};

/// Connects to a server at any of the addresses. [`Client::connect`] also takes URLs.
///
/// # Errors
/// When the address cannot be looked up, or the connection cannot be made.
pub async fn create(address: impl ToSocketAddrs) -> std::io::Result<Client> {
    let addresses = lookup_host(address).await?.collect();
    let client = Client::connect(Endpoint::at(Address::Resolved(addresses))).await;
    client.map_err(|error| match error {
        ClientError::Closed(cause) => cause.into(),
        other => std::io::Error::other(other),
    })
}

/// A handle to a connection that is shared by all clones of the handle.
///
/// A call is a future, and is sent when it is first polled. Commands that are called at the same time are written together.
/// Keys and values are bytes; a value of more than a few bytes shares the memory that it was read into. Cloning costs a
/// reference count.
///
/// Since the connection is shared, commands that change it for all callers are refused: SELECT, AUTH and their kin are
/// settings of the [builder](Client::builder). Send a transaction as one [pipeline](Client::pipeline). A blocking command
/// (BLPOP) holds up all commands behind it: give it a client of its own.
///
/// The connection is closed when the last handle is dropped and no call waits for an answer; see also
/// [`close`](Client::close).
///
/// # Errors
/// A typed call returns an error reply as [`ClientError::Refused`], and a reply of an unexpected type as
/// [`ClientError::Unexpected`]. When the connection is lost, calls of which any byte was sent fail with
/// [`ClientError::Lost`], and are not sent again. The others wait for the next connection, as
/// [`Reconnect`](super::Reconnect) says, or fail with [`ClientError::Closed`].
///
/// # Cancel safety
/// A call may be dropped at any time. Its command may then be executed or not; its answer is discarded.
pub struct Client {
    pub(super) target: Target,
    pub(super) deadline: Option<Duration>,
    /// As a service: where this instance waits for a permit, and the permit that it holds. A clone has neither.
    pub(super) waiting: Option<PollSemaphore>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// As a service: where it waits for a connection.
    pub(super) reconnecting: Option<ReusableBoxFuture<'static, ()>>,
}

/// Where calls go.
#[derive(Clone)]
pub(super) enum Target {
    Remote(Arc<Remote>),
    Local(Arc<dyn LocalService>),
}

impl Client {
    /// Starts with the default settings of a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Connects with the default settings to an [`Endpoint`]: an address or a URL.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), kvstore::client::ClientError> {
    /// use kvstore::client::Client;
    ///
    /// let client = Client::connect("redis://:secret@localhost/3").await?;
    /// let client = Client::connect("localhost:6379").await?;
    /// let client = Client::connect("unix:/run/kvstore.sock").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub async fn connect<E>(endpoint: E) -> Result<Self, ClientError>
    where
        E: TryInto<Endpoint, Error: Into<ClientError>>,
    {
        Self::builder().connect(endpoint).await
    }

    /// Uses one stream with the protocol of `codec`: a pipe in memory, a TLS stream, a socket with special options. There is
    /// no handshake, and the client is closed when the stream ends.
    ///
    /// [`ClientBuilder::over`] does the same with settings and a handshake, [`ClientBuilder::connect_with`] makes a stream
    /// for each connection.
    ///
    /// # Panics
    /// Outside of a tokio runtime: it spawns a task.
    pub fn over(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, mut codec: ClientCodec) -> Self {
        // What tells the native protocol from RESP, which has a form for every command.
        let is_native = codec.encode(&Command::new("EXISTS"), &mut Output::default()).is_err();
        let builder = Self::builder();
        if is_native { builder.native() } else { builder }.over_now(io, codec)
    }

    /// Calls a service in this process, without a socket or a protocol: for tests, and for programs that embed the server.
    ///
    /// Each call takes a clone of the service, waits until it is ready, and calls it. As in a server, an error of the service
    /// or a panic is an error reply. PING and ECHO are answered by the client, as the transport of a server does. A command
    /// has no connection, or the session that it carries: any database, no pushes.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use kvstore::{client::Client, store::Store};
    ///
    /// let client = Client::local(Store::new());
    /// client.set("key", "value").await?;
    /// assert_eq!(client.get("key").await?.unwrap(), "value");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn local<S>(service: S) -> Self
    where
        S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    {
        Self::new(Target::Local(Arc::new(InProcess::new(service))), None)
    }

    pub(super) fn remote(remote: Remote, deadline: Option<Duration>) -> Self {
        Self::new(Target::Remote(Arc::new(remote)), deadline)
    }

    const fn new(target: Target, deadline: Option<Duration>) -> Self {
        Self { target, deadline, waiting: None, permit: None, reconnecting: None }
    }

    /// A handle to the same connection whose calls have this deadline, counted from the call. It includes waiting for a permit
    /// and for a connection. A call that is late fails with [`ClientError::TimedOut`]; its answer is discarded, and a command
    /// that is not sent by then is never sent.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// use std::{convert::Infallible, time::Duration};
    /// use kvstore::{client::{Client, ClientError}, protocol::{Command, Response}};
    ///
    /// let stuck = tower::service_fn(|_: Command| std::future::pending::<Result<Response, Infallible>>());
    /// let client = Client::local(stuck);
    /// let hasty = client.with_deadline(Duration::from_millis(5));
    /// assert!(matches!(hasty.get("key").await, Err(ClientError::TimedOut)));
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self::new(self.target.clone(), Some(deadline))
    }

    /// Sends any command that has one reply, and returns the reply as it is: an error reply is a [`Response::Error`], not an
    /// `Err`. The deadline counts from here.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use kvstore::{client::Client, protocol::{ClientCodec, Command, Response}, server, store::Store};
    ///
    /// let (connector, listener) = server::pipe();
    /// tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    ///
    /// let client = Client::over(connector.connect()?, ClientCodec::resp());
    /// client.set("key", "value").await?;
    /// assert_eq!(client.execute(Command::new("STRLEN").arg("key")).await?, Response::from(5));
    /// assert!(client.execute(Command::new("STRLEN")).await?.is_error());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// SUBSCRIBE and its kin need a RESP3 connection: the call returns the last confirmation, and the messages come from
    /// [`pushes`](Client::pushes).
    ///
    /// A command with a [body](Command::with_body) is streamed: it is read from its source as the server takes it, and never
    /// buffered whole.
    ///
    /// - Other calls wait behind it. Give a slow source a client of its own.
    /// - A source that fails or ends early breaks the connection, since the bytes sent cannot be taken back. The calls in
    ///   flight fail with [`ClientError::Lost`], with the error of the source as the cause.
    /// - When the call is dropped or late, the value is still sent to its end: as long as there is a handle, and for 5 s
    ///   after that.
    /// - An answer that arrives before the value is sent is returned once it is sent, or when the connection is lost. A
    ///   [`Response::Streamed`] is returned at once.
    /// - The body is read once: sending a clone of the command, as a retry does, fails with [`ClientError::Unsupported`].
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use kvstore::{client::Client, protocol::{Body, ClientCodec, Command, Response}, server, store::Store};
    ///
    /// let (connector, listener) = server::pipe();
    /// tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    ///
    /// let client = Client::over(connector.connect()?, ClientCodec::resp());
    /// let body = Body::new(1_000_000, tokio::io::repeat(b'x')); // a file, another connection
    /// let answer = client.execute(Command::new("SET").arg("key").with_body(body)).await?;
    /// assert_eq!(answer, Response::ok());
    /// assert_eq!(client.strlen("key").await?, 1_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ClientError::Unsupported`], and nothing is sent, for a command that the native protocol does not have, that changes
    /// the connection for other callers, that has no single reply (MONITOR, CLIENT REPLY, replication), or that comes from a
    /// connection with another database selected. Otherwise the [errors of the connection](Client#errors).
    pub fn execute(&self, command: Command) -> ResponseFuture {
        ResponseFuture::new(self, command, None)
    }

    /// Starts a pipeline: commands that are sent together.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use kvstore::{client::Client, protocol::{Command, Response}, store::Store};
    ///
    /// let client = Client::local(Store::new());
    /// let answers = client.pipeline().add(Command::new("SET").arg("key").arg(1)).add(Command::new("INCR").arg("key")).send().await?;
    /// assert_eq!(answers, [Response::ok(), Response::from(2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.clone())
    }

    /// A reader of the pushes of a RESP3 server, from now on.
    pub fn pushes(&self) -> Pushes {
        match &self.target {
            Target::Remote(remote) => remote.hub.read(),
            Target::Local(_) => Pushes::none(),
        }
    }

    /// Closes the connection in order: accepts no more calls from any handle, and waits for the answers of those in flight.
    /// Later calls fail with [`ClientError::Closed`].
    ///
    /// It waits for a server that does not answer as long as a caller does; a deadline on calls bounds that. A local client has
    /// no connection to close, and its handles go on.
    ///
    /// # Cancel safety
    /// Once it was polled, the connection closes even if the future is dropped.
    pub async fn close(self) {
        let Target::Remote(remote) = &self.target else { return };
        let (closer, closed) = oneshot::channel::<()>();
        if remote.requests.send(DriverMessage::Close(closer)).is_ok() {
            // Nothing is sent over it: it is dropped when the connection is closed.
            let _ = closed.await;
        }
    }

    /// Whether the protocol is the native one, which answers a missing value with an error.
    pub(super) fn is_native(&self) -> bool {
        matches!(&self.target, Target::Remote(remote) if remote.is_native)
    }
}

/// The clone does not share the permit that this instance holds as a service.
impl Clone for Client {
    fn clone(&self) -> Self {
        Self::new(self.target.clone(), self.deadline)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Client");
        match &self.target {
            Target::Remote(remote) => shown.field("is_native", &remote.is_native).field("database", &remote.database),
            Target::Local(_) => shown.field("is_local", &true),
        };
        shown.field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
