//! [`ClientBuilder`]: the settings of a client.

mod connect;

use std::time::Duration;

use kvstore_protocol::Limits;

use super::{
    Reconnect,
    driver::ConnectionSettings,
    handshake::{Handshake, Secret},
};

/// The settings of a [`Client`], made by [`Client::builder`].
///
/// What a URL says wins over what is set here.
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
        }
    }
}

impl ClientBuilder {
    /// Speaks RESP3, which has pushes and more kinds of replies. RESP2 by default, since every server speaks it.
    pub fn resp3(mut self) -> Self {
        self.settings.handshake.is_resp3 = true;
        self.settings.is_native = false;
        self
    }

    /// Speaks the native protocol, which has GET, SET, CLEAR and PING, and only text.
    pub fn native(mut self) -> Self {
        self.settings.is_native = true;
        self.settings.handshake.is_resp3 = false;
        self
    }

    /// Who the client is. A password without a user is the default user's.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.settings.handshake.user = Some(user.into());
        self
    }

    /// How the client shows it. Without a password no user is named either.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.settings.handshake.password = Some(Secret(password.into()));
        self
    }

    /// The database: 0 by default.
    pub fn database(mut self, database: usize) -> Self {
        self.settings.handshake.database = database;
        self
    }

    /// The name of the connection in the server's list of clients.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.handshake.name = Some(name.into());
        self
    }

    /// How long an attempt to connect may take, the handshake included: 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long a call may take: as long as it does by default. See [`Client::with_deadline`].
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// What becomes of a broken connection; `None` makes the first break the end.
    pub fn reconnect(mut self, reconnect: impl Into<Option<Reconnect>>) -> Self {
        self.reconnect = reconnect.into();
        self
    }

    /// How many commands may be on their way at a time, waiting for a connection or for their answers: 1024 by default.
    /// More calls wait for room.
    pub fn max_in_flight(mut self, commands: usize) -> Self {
        self.max_in_flight = commands.clamp(1, u32::MAX as usize >> 4);
        self
    }

    /// Whether the client as a service is ready only while it has a connection. By default it is ready without one too,
    /// and the command waits or fails as [`Reconnect`] says.
    ///
    /// For one of several servers behind tower's `Balance`: it asks another one until this one is back. Readiness is
    /// pending for as long as attempts are made, and an error, for which a balance drops a server for good, only when
    /// no more will be. By itself such a client says nothing while its server is gone; a layer that sheds load, around
    /// the balance for when all of them are gone, has an answer.
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

    /// How many pushed messages may wait for the slowest reader: 128 by default.
    pub fn push_queue(mut self, messages: usize) -> Self {
        self.push_queue = messages;
        self
    }

    /// The bounds of a reply: the longest text, the largest reply, and (as
    /// [`max_args`](Limits::max_args)) the most responses in one. A server that exceeds them is disconnected.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = Some(limits);
        self
    }

    /// Over how many bytes a value comes in pieces: the reply to a single command that is one longer value is a
    /// [`Response::Streamed`] as soon as it has begun, and is never held whole. Off by default.
    ///
    /// Its [`Body`] is read as fast as one likes; the connection is at most 128 KiB ahead. A reader who does not go on
    /// holds up the connection, its pushes, and everybody who shares it: who reads slowly has a client of its own. Two
    /// such replies are read in the order in which they were asked for. The rest of a body that is dropped is read and
    /// thrown away, and the connection goes on. When the connection breaks in the middle, reading ends with an error
    /// that has the [`ConnectionError`](super::ConnectionError) inside.
    ///
    /// The bounds of a reply hold as for every other. The deadline of a [`call`](Client::call) counts until the reply
    /// has begun. Typed calls give the value whole, within their deadline; in a [`Pipeline`](super::Pipeline), inside
    /// of another reply, and over the native protocol, values always come whole.
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
    /// let Response::Streamed(value) = client.call(Command::get("key")).await? else { unreachable!() };
    /// let mut body = value.take().expect("nobody took it before");
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
