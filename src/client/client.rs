//! [`Client`]: the handle.

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

/// Connects to a server: [`Client::connect`] under the name of the first version, to anything that says addresses.
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
/// A call is a future: nothing is sent before it is polled. What many callers send at a time is written together, and
/// the answers come back in the order of the stream. Keys and values are bytes; a value of more than a few bytes that
/// comes back shares the memory that it was read into. Cloning costs a reference count.
///
/// Since the connection is shared, commands are refused that would change it for all: SELECT, AUTH and their like are
/// settings of the [builder](Client::builder). A transaction is one [pipeline](Client::pipeline). A command that waits
/// on the server (BLPOP) holds up all commands behind it: give it a client of its own.
///
/// The connection ends when the last handle is dropped and nobody waits for an answer any more; see also
/// [`close`](Client::close).
///
/// # Errors
/// A typed call gives an error reply as [`ClientError::Refused`], and a reply that it cannot have as
/// [`ClientError::Unexpected`]. When the connection breaks, calls of which something was sent are
/// [`ClientError::Lost`], and their commands are not sent again; the others wait for the next connection, as
/// [`Reconnect`](super::Reconnect) says, or are [`ClientError::Closed`].
///
/// # Cancel safety
/// A call may be dropped at any time. Its command may then be executed or not; its answer is read and thrown away.
pub struct Client {
    pub(super) target: Target,
    pub(super) deadline: Option<Duration>,
    /// Where this instance waits for room as a service, and the room that it was promised. Of no other instance.
    pub(super) waiting: Option<PollSemaphore>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// Where it waits for a connection.
    pub(super) reconnecting: Option<ReusableBoxFuture<'static, ()>>,
}

/// Who answers.
#[derive(Clone)]
pub(super) enum Target {
    Remote(Arc<Remote>),
    Local(Arc<dyn LocalService>),
}

impl Client {
    /// The settings of a client, to be changed before it connects.
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

    /// Speaks the protocol of `codec` over `io`: a pipe in memory, an encrypted stream, a socket with options of its
    /// own. Nothing is sent but what is called, and the end of the stream is the end of the client.
    ///
    /// [`ClientBuilder::over`] does the same with a handshake and settings, [`ClientBuilder::connect_with`] with more
    /// than one stream.
    ///
    /// # Panics
    /// Outside of a tokio runtime: the connection is a task.
    pub fn over(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, mut codec: ClientCodec) -> Self {
        // What tells the native protocol from RESP, which has a form for every command.
        let is_native = codec.encode(&Command::new("EXISTS"), &mut Output::default()).is_err();
        let builder = Self::builder();
        if is_native { builder.native() } else { builder }.over_now(io, codec)
    }

    /// Calls a service in this process, with no socket and no protocol: for tests, and for programs that have the
    /// server inside.
    ///
    /// Each call has a clone of the service, which is asked for its readiness and then called. What goes wrong in it is
    /// answered as a server would answer it: an error of the service, or a panic, is an error reply. PING and ECHO are
    /// answered here, as the transport of a server does in front of the service. A command comes without a connection,
    /// or in the session that it brings: any database, no pushes.
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

    /// A handle to the same connection whose calls take no longer than that, counted from the call: waiting for room
    /// and for a connection is part of it. A late call is [`ClientError::TimedOut`]; its answer is skipped when it
    /// comes, and a command that was not sent by then never is.
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

    /// Sends any command that has one reply, and gives the reply as it is: an error reply is a [`Response::Error`] and
    /// no `Err`. The time of the deadline begins here.
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
    /// assert_eq!(client.call(Command::new("STRLEN").arg("key")).await?, Response::from(5));
    /// assert!(client.call(Command::new("STRLEN")).await?.is_error());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// SUBSCRIBE and its like go over a RESP3 connection: the call is answered with the last confirmation, and the
    /// messages come out of [`pushes`](Client::pushes).
    ///
    /// A command with a [body](Command::with_body) is sent in pieces, as its source gives them and the server takes
    /// them, and never held whole:
    ///
    /// - Other calls wait behind it, so a source that is slow has a client of its own.
    /// - A source that fails or ends early breaks the connection, since what was sent cannot be taken back. The calls
    ///   under way are [`ClientError::Lost`] then, with the error of the source as the cause.
    /// - A call that is dropped in the middle, or late, changes nothing of this: the value is sent to its end, as long
    ///   as there is a handle, and for 5 s from then on.
    /// - An answer that comes before the value is sent is given when it is, or when the connection breaks. A
    ///   [`Response::Streamed`] is given at once.
    /// - Its body is read once: a clone of a command that was sent, as a retry has it, is refused as unsupported.
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
    /// let answer = client.call(Command::new("SET").arg("key").with_body(body)).await?;
    /// assert_eq!(answer, Response::ok());
    /// assert_eq!(client.strlen("key").await?, 1_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ClientError::Unsupported`] for a command that the native protocol has no form for, that would change the
    /// connection for others, or that is answered with no reply or several (MONITOR, CLIENT REPLY, replication), and
    /// for a command that comes from a connection on which another database is selected; nothing is sent then. Else the
    /// [errors of the connection](Client#errors).
    pub fn call(&self, command: Command) -> ResponseFuture {
        ResponseFuture::new(self, command, None)
    }

    /// Commands that are sent in one piece, and their answers.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use kvstore::{client::Client, protocol::{Command, Response}, store::Store};
    ///
    /// let client = Client::local(Store::new());
    /// let answers = client.pipeline().add(Command::set("key", 1)).add(Command::new("INCR").arg("key")).send().await?;
    /// assert_eq!(answers, [Response::ok(), Response::from(2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.clone())
    }

    /// A reader of what a RESP3 server pushes from now on.
    pub fn pushes(&self) -> Pushes {
        match &self.target {
            Target::Remote(remote) => remote.hub.read(),
            Target::Local(_) => Pushes::none(),
        }
    }

    /// Takes no more calls from any handle, waits for the answers that are due, and closes the connection. Calls that
    /// come too late are [`ClientError::Closed`].
    ///
    /// A server that never answers is waited for as long as a caller waits; those with a deadline do not wait for ever.
    /// A client in this process has no connection, and its handles go on.
    ///
    /// # Cancel safety
    /// Once it was polled, the connection closes whether it is waited for or not.
    pub async fn close(self) {
        let Target::Remote(remote) = &self.target else { return };
        let (closer, closed) = oneshot::channel::<()>();
        if remote.requests.send(DriverMessage::Close(closer)).is_ok() {
            // Nothing is ever sent: it is dropped at the end.
            let _ = closed.await;
        }
    }

    /// Whether missing values are spelled out, since the protocol is the native one.
    pub(super) fn is_native(&self) -> bool {
        matches!(&self.target, Target::Remote(remote) if remote.is_native)
    }
}

/// What this instance was promised as a service stays its own.
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
