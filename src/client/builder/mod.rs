//! [`ClientBuilder`]: the settings of a client.

mod connect;

use std::time::Duration;

use kvstore_protocol::Limits;

use super::{
    Reconnect,
    driver::ConnectionSettings,
    handshake::{Handshake, Secret},
};
#[cfg(feature = "tls")]
use crate::tls::ClientTls;

/// The settings of a [`Client`](crate::client::Client), made by [`Client::builder`](crate::client::Client::builder).
///
/// The settings of a URL override those of the builder.
///
/// ```no_run
/// # async fn example() -> Result<(), kvstore::client::ClientError> {
/// use std::time::Duration;
/// use kvstore::client::Client;
///
/// let client = Client::builder()
///     .name("worker")
///     .deadline(Duration::from_millis(200))
///     .connect("redis://:secret@localhost/3")
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder connects when it is told to"]
pub struct ClientBuilder {
    settings: ConnectionSettings,
    deadline: Option<Duration>,
    reconnect: Option<Reconnect>,
    max_in_flight: usize,
    push_queue: usize,
    ready_when_connected: bool,
    #[cfg(feature = "tls")]
    tls: Option<ClientTls>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        let settings = ConnectionSettings {
            is_native: false,
            limits: None,
            stream_over: None,
            handshake: Handshake::default(),
            connect_timeout: Duration::from_secs(5),
        };
        Self {
            settings,
            deadline: None,
            reconnect: Some(Reconnect::default()),
            max_in_flight: 1024,
            push_queue: 128,
            ready_when_connected: false,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl ClientBuilder {
    /// Speaks RESP3, which has pushes and more types of replies. The default is RESP2, which every server speaks.
    pub fn resp3(mut self) -> Self {
        self.settings.handshake.is_resp3 = true;
        self.settings.is_native = false;
        self
    }

    /// Speaks the native protocol, which has GET, SET, CLEAR and PING, and text values only.
    pub fn native(mut self) -> Self {
        self.settings.is_native = true;
        self.settings.handshake.is_resp3 = false;
        self
    }

    /// The user to authenticate as. A password without a user is for the user `default`.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.settings.handshake.user = Some(user.into());
        self
    }

    /// The password to authenticate with. Without one the client does not authenticate, whatever the user is.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.settings.handshake.password = Some(Secret(password.into()));
        self
    }

    /// The database to select: 0 by default.
    pub fn database(mut self, database: usize) -> Self {
        self.settings.handshake.database = database;
        self
    }

    /// The name of the connection in the server's CLIENT LIST.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.handshake.name = Some(name.into());
        self
    }

    /// The settings of TLS, for `rediss://` URLs and for addresses without a scheme. Without them, a `rediss://` URL has the
    /// [default](ClientTls::new) ones, and an address without a scheme is connected to without TLS.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The timeout of an attempt to connect, including the handshake: 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// The deadline of every call: none by default. See
    /// [`Client::with_deadline`](crate::client::Client::with_deadline).
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// When to connect again after the connection is lost. With `None` the client is closed then.
    pub fn reconnect(mut self, reconnect: impl Into<Option<Reconnect>>) -> Self {
        self.reconnect = reconnect.into();
        self
    }

    /// The maximum number of commands in flight, including those that wait for a connection: 1024 by default. More calls
    /// wait for a permit.
    pub fn max_in_flight(mut self, commands: usize) -> Self {
        self.max_in_flight = commands.clamp(1, u32::MAX as usize >> 4);
        self
    }

    /// Whether the client, as a service, is ready only while it is connected. By default it is also ready without a
    /// connection, and the command waits or fails as [`Reconnect`] says.
    ///
    /// For several servers behind tower's `Balance`, which uses the others until this one is back. Readiness is pending
    /// while the client tries to connect. It is an error, at which `Balance` drops the server, only once the client has
    /// given up. With every server down the balance is pending too: put a load-shedding layer around it to answer then.
    ///
    /// ```
    /// # fn example() -> Result<(), kvstore::client::ClientError> {
    /// use kvstore::client::Client;
    /// use tower::{balance::p2c::Balance, discover::ServiceList, load::{CompleteOnResponse, PendingRequests}};
    ///
    /// let client = |address| Client::builder().ready_when_connected(true).connect_lazily(address);
    /// let clients = [client("10.0.0.7:6379")?, client("10.0.0.8:6379")?];
    /// let clients = clients.map(|client| PendingRequests::new(client, CompleteOnResponse::default()));
    /// let balance = Balance::<_, kvstore::protocol::Command>::new(ServiceList::new(clients));
    /// # Ok(()) }
    /// ```
    pub fn ready_when_connected(mut self, only: bool) -> Self {
        self.ready_when_connected = only;
        self
    }

    /// How many pushes are kept for the slowest reader: 128 by default.
    pub fn push_queue(mut self, messages: usize) -> Self {
        self.push_queue = messages;
        self
    }

    /// The limits of a reply: the longest string, the largest reply, and the maximum number of elements in one
    /// ([`max_args`](Limits::max_args)). The client disconnects from a server that exceeds them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = Some(limits);
        self
    }

    /// Streams values of more than this many bytes: such a reply to a single command is a [`Response::Streamed`] as soon as
    /// its head has arrived, and is never buffered whole. Off by default.
    ///
    /// The connection reads at most 128 KiB ahead of the reader of the [`Body`]. A slow reader therefore holds up the
    /// connection: its pushes, and all callers that share it. Give a slow reader a client of its own. Read two such replies
    /// in the order of their commands. When a body is dropped, the rest of it is discarded and the connection goes on. When
    /// the connection is lost, reading fails with an error that has the [`ConnectionError`](super::ConnectionError) inside.
    ///
    /// The [limits](Self::limits) apply as to every reply. The deadline of a [`call`](crate::client::Client::execute) ends with the head of
    /// the reply. Typed calls return the whole value, within their deadline. Values in a [`Pipeline`](super::Pipeline), inside
    /// of another reply, or over the native protocol are never streamed.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use kvstore::{client::Client, protocol::{Command, Response}, server, store::Store};
    /// use tokio::io::AsyncReadExt;
    ///
    /// let (connector, listener) = server::pipe();
    /// tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    ///
    /// let client = Client::builder().stream_over(100_000).over(connector.connect()?).await?;
    /// client.set("key", "x".repeat(1_000_000)).await?;
    /// let Response::Streamed(value) = client.execute(Command::new("GET").arg("key")).await? else { unreachable!() };
    /// let mut body = value.take().expect("it was not taken before");
    /// let (mut read, mut piece) = (0, [0; 4096]);
    /// while !body.is_empty() {
    ///     read += body.read(&mut piece).await?;
    /// }
    /// assert_eq!(read, 1_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Response::Streamed`]: kvstore_protocol::Response::Streamed
    /// [`Body`]: kvstore_protocol::Body
    pub fn stream_over(mut self, bytes: usize) -> Self {
        self.settings.stream_over = Some(bytes);
        self
    }
}
