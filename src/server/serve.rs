//! [`serve`] and [`Serve`], the builder that it returns.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use kvstore_middleware::CommandStats;
use kvstore_protocol::{Codec, Command, Limits, Response, ServerCodec, Session};
use tokio::task::JoinSet;
use tower::{BoxError, Service};

use super::{
    Authenticate, ClientClass, Clients, ConnectionCommands, ConnectionEvent, ListenOptions, Listener, OutputLimit,
    Password, ServerStatus, SocketOptions,
    accept::{self, Acceptor},
    listen_options::CodecChoice,
    make_service::{ClonedService, MakeService, ServiceFactory},
    mount::{Mount, Mounted},
    settings::MinSendRate,
    state::{ListenerAuth, ListenerSettings, ServerState},
};
use crate::{CommandService, procfs};

/// Serves the connections of `listener`, each with a clone of `service`.
///
/// The service is any `Service<Command, Response = Response>` that implements `Clone`: a
/// [`Router`](crate::routing::Router), a store, a stack of layers. Its error type converts to [`BoxError`]. An error
/// becomes the response to its command and does not close the connection. The returned builder is configured and then
/// awaited.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use kvstore::protocol::{Command, Response};
///
/// let greet = tower::service_fn(|command: Command| async move {
///     Ok::<_, std::convert::Infallible>(Response::from(format!("hello, {command:?}")))
/// });
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:6379").await?;
/// kvstore::serve(listener, greet).max_connections(1000).await;
/// # Ok(()) }
/// ```
pub fn serve<L: Listener, S: CommandService>(listener: L, service: S) -> Serve {
    Serve::new(service).listen(listener)
}

/// Serves the connections of `listener`, each with a service that `factory` makes.
///
/// The factory is a `Service<Session>`, which tower calls a `MakeService`. When it fails, the client reads the error
/// and is disconnected: the text of a [`CommandError`](kvstore_protocol::CommandError), else `-ERR internal error`.
///
/// The service of a connection need not be `Clone`, so it is never replaced. After an error of `poll_ready`, or a
/// panic, the command is answered and the connection closed. What the service reserves in `poll_ready`, it keeps until
/// the next call.
pub fn serve_with_factory<L, M, S>(listener: L, factory: M) -> Serve
where
    L: Listener,
    M: Service<Session, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    Serve::with_factory(factory).listen(listener)
}

/// A builder for a server. Awaiting it runs the server until the signal of
/// [`with_graceful_shutdown`](Serve::with_graceful_shutdown) completes, or for ever.
///
/// # Cancel safety
/// Dropping the future stops listening and closes all connections.
#[must_use = "a server serves once it is awaited"]
pub struct Serve {
    pub(super) mount: Arc<dyn Mount>,
    pub(super) state: ServerState,
    /// The settings of listeners that have none of their own.
    pub(super) listener: ListenerSettings,
    pub(super) listeners: Vec<StartListening>,
    pub(super) tasks: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(super) signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(super) on_start: Vec<OnStart>,
}

/// A function that is called with the server before it accepts connections.
pub(super) type OnStart = Box<dyn FnOnce(&ServerStatus) + Send>;

/// Starts a listener, once all settings are known.
pub(super) type StartListening =
    Box<dyn FnOnce(&mut JoinSet<()>, Arc<ServerState>, &ListenerSettings, &Arc<dyn Mount>) + Send>;

impl Serve {
    /// Creates a server without listeners. Each connection gets a clone of `service`.
    pub fn new<S: CommandService>(service: S) -> Self {
        Self::from_make_service(ClonedService::new(service))
    }

    /// Creates a server without listeners. `factory` makes the service of each connection, as with
    /// [`serve_with_factory`].
    pub fn with_factory<M, S>(factory: M) -> Self
    where
        M: Service<Session, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
        S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static,
    {
        Self::from_make_service(ServiceFactory::new(factory))
    }

    fn from_make_service(make: impl MakeService) -> Self {
        let state = ServerState::default();
        if let Some(memory) = procfs::available_memory() {
            state.registry.buffers.set_limit((memory / 4) as usize);
        }
        Self {
            mount: Arc::new(Mounted::new(make, ServerCodec::default)),
            state,
            listener: ListenerSettings::default(),
            listeners: Vec::new(),
            tasks: Vec::new(),
            signal: None,
            on_start: Vec::new(),
        }
    }

    /// Adds a listener.
    pub fn listen(self, listener: impl Listener) -> Self {
        self.listen_with(listener, ListenOptions::new())
    }

    /// Adds a listener with its own options: authentication, limits, protocol.
    pub fn listen_with<C>(mut self, listener: impl Listener, options: ListenOptions<C>) -> Self
    where
        C: Codec + Send + 'static,
    {
        self.listeners.push(Box::new(move |tasks, state, server, mount| {
            let (codec, settings) = options.resolve(server);
            let mount = match codec {
                CodecChoice::Default => mount.clone(),
                CodecChoice::Own(codec) => mount.service().mount(codec),
            };
            tasks.spawn(accept::accept_all(listener, Acceptor::new(state, settings, mount)));
        }));
        self
    }

    /// Shuts the server down when `signal` completes. It stops accepting connections, answers the commands in flight,
    /// drops those that were not called, and closes the connections. Connections that are still open after the [grace
    /// period](Serve::grace_period) are closed immediately, and counted in [`Stopped::cut`](super::Stopped::cut).
    pub fn with_graceful_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { signal: Some(Box::pin(signal)), ..self }
    }

    /// Runs `task` in the background until it completes or the server ends: work that belongs to the service, such as
    /// [`Store::run`](crate::store::Store::run). A panic in it is logged.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let store = kvstore::store::Store::new();
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:6379").await?;
    /// kvstore::serve(listener, store.clone()).with_task(store.run()).await;
    /// # Ok(()) }
    /// ```
    pub fn with_task<F: Future<Output: Send> + Send + 'static>(mut self, task: F) -> Self {
        self.tasks.push(Box::pin(async move { drop(task.await) }));
        self
    }

    /// Calls `call` when the server starts, before it accepts connections: for settings that can change while it runs.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:6379").await?;
    /// let store = kvstore::store::Store::new();
    /// kvstore::serve(listener, store).on_start(|server| server.set_max_bulk(1 << 20)).await;
    /// # Ok(()) }
    /// ```
    pub fn on_start(mut self, call: impl FnOnce(&ServerStatus) + Send + 'static) -> Self {
        self.on_start.push(Box::new(call));
        self
    }

    /// Returns a handle to the connections of this server.
    pub fn clients(&self) -> Clients {
        Clients::new(self.state.registry.clone())
    }

    /// Calls `prefetch` with each batch of decoded commands before the first of them is called. It affects speed only: a store
    /// prefetches the memory that the commands will touch.
    pub fn prefetch(mut self, prefetch: impl Fn(&[Command]) + Send + Sync + 'static) -> Self {
        self.state.prefetch = Some(Arc::new(prefetch));
        self
    }

    /// Refuses PING with LOADING for as long as `loading` returns true, as Redis does: the service is there, and reads its
    /// data. It refuses its own commands itself.
    pub fn loading(mut self, loading: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.state.loading = Some(Arc::new(loading));
        self
    }

    /// Asks `only_reads` of each command that runs others, such as EVAL, whether it only reads: then a
    /// [pause of writes](super::PauseMode::Writes) does not hold it back.
    pub fn only_reads(mut self, only_reads: impl Fn(&Command) -> bool + Send + Sync + 'static) -> Self {
        self.state.only_reads = Some(Arc::new(only_reads));
        self
    }

    /// Adds exclusive commands. An exclusive command is called after all earlier commands are answered, and no command
    /// is called until it is answered: it changes the meaning of later commands. Add commands that
    /// [upgrade](super::upgrade()) their connection, and those that change their session if
    /// [`max_in_flight`](Self::max_in_flight) is not 1 or the service [settles](Self::max_settled) commands.
    ///
    /// The commands with [`Flags::EXCLUSIVE`](kvstore_protocol::catalog::Flags::EXCLUSIVE) in the catalog are exclusive
    /// already. Of these, HELLO, AUTH, RESET, QUIT and CLIENT REPLY wait until all earlier commands are answered. The others,
    /// such as SELECT and MULTI, wait until all earlier commands are answered or settled.
    pub fn exclusive<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        for name in names {
            self.state.exclusive.insert(name.as_ref());
        }
        self
    }

    /// Streams the last argument of these commands when it is longer than `over` bytes: the handler is called before the
    /// argument has arrived, reads it piece by piece, and it is never held whole. [`Command::body`] returns it, whether it is
    /// streamed or not. A streamed argument is not one of the [`args`](Command::args), so a check of their number counts one less.
    ///
    /// Backpressure reaches the client: it is read from only as fast as the handler reads. What is left when the handler has
    /// answered is discarded. A timeout around the handler bounds the whole request; without one, a handler that neither reads
    /// nor answers holds its connection. Such a command is [exclusive](Self::exclusive). When the client disconnects in the middle,
    /// the handler reads [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof), and its answer is dropped. The limits of requests
    /// apply. Nothing is streamed before a client has authenticated, nor in the native protocol.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
    /// use kvstore::{protocol::{Command, CommandError, Response}, server::pipe};
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// /// `COUNT bytes`: how many of the bytes are zero.
    /// async fn count(command: Command) -> Result<Response, tower::BoxError> {
    ///     let mut body = command.body().ok_or(CommandError::wrong_arity("count"))?;
    ///     let (mut zeros, mut piece) = (0, [0; 4096]);
    ///     loop {
    ///         match body.read(&mut piece).await? {
    ///             0 => return Ok(Response::Integer(zeros)),
    ///             read => zeros += piece[..read].iter().filter(|byte| **byte == 0).count() as i64,
    ///         }
    ///     }
    /// }
    ///
    /// let (connector, listener) = pipe();
    /// tokio::spawn(kvstore::serve(listener, tower::service_fn(count)).stream_in(["COUNT"], 1 << 20).into_future());
    /// let mut stream = connector.connect()?;
    /// stream.write_all(b"*2\r\n$5\r\nCOUNT\r\n$100000000\r\n").await?;
    /// for _ in 0..100 {
    ///     stream.write_all(&[0; 1_000_000]).await?;
    /// }
    /// stream.write_all(b"\r\n").await?;
    /// let mut answer = [0; 12];
    /// stream.read_exact(&mut answer).await?;
    /// assert_eq!(&answer, b":100000000\r\n");
    /// # Ok::<(), std::io::Error>(()) }).expect("no error");
    /// ```
    pub fn stream_in<N: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = N>, over: usize) -> Self {
        for name in names {
            self.state.streams.insert(name, over);
        }
        self
    }

    /// Calls `observe` with what happens to connections where no layer sees it: connections that open and close, commands that
    /// are refused because their client has not authenticated, errors of the protocol, and the commands that a
    /// [`ConnectionLayer`](super::ConnectionLayer) answers.
    ///
    /// It is called on the thread of the connection, and should return soon.
    pub fn observe(mut self, observe: impl Fn(ConnectionEvent<'_>) + Send + Sync + 'static) -> Self {
        self.state.observe = Some(Arc::new(observe));
        self
    }

    /// Shows what these counts have of commands and errors in INFO: those of a [`StatsLayer`](kvstore_middleware::StatsLayer)
    /// around the service. Commands that are refused in front of the service are added to them.
    pub fn command_stats(mut self, stats: CommandStats) -> Self {
        self.state.stats = Some(stats);
        self
    }

    /// Sets where the connection commands (PING, HELLO, AUTH, CLIENT …) are answered: in front of the service by
    /// default.
    ///
    /// With [`ConnectionCommands::Inside`] the service has a [`ConnectionLayer`](super::ConnectionLayer), and the layers outside
    /// of that see these commands too. Without one, the service itself must answer them.
    pub fn connection_commands(mut self, place: ConnectionCommands) -> Self {
        self.state.settings.connection_commands = place;
        self
    }

    /// Whether a connection keeps its service while it is idle: false by default.
    ///
    /// A layer may reserve something in `poll_ready`, a permit or a slot of a buffer, and then answer a command without calling
    /// the service that it wraps. An idle connection would keep that reservation, so it drops its service, and takes a fresh clone
    /// for the next command. Set this to true when the service holds nothing between commands and a clone of it is costly.
    pub fn keep_service(mut self, keeps: bool) -> Self {
        self.state.settings.keep_service = keeps;
        self
    }

    /// Requires clients to authenticate.
    pub fn authenticate(mut self, auth: impl Authenticate) -> Self {
        self.listener.auth = ListenerAuth::Own(Arc::new(auth));
        self
    }

    /// Requires clients to authenticate with this password, like `requirepass` in Redis. It can be
    /// [changed](super::ServerStatus::set_password) while the server runs. No password is required by default.
    pub fn require_password(self, password: impl AsRef<[u8]>) -> Self {
        self.state.runtime.set_password(Some(Password::new(password)));
        self
    }

    /// Adds commands that clients may send before they have authenticated. AUTH, HELLO, RESET and QUIT are among them already.
    ///
    /// This allows a command of your own to authenticate a client: it sets the user of the session. The next command in
    /// the same pipeline runs as that user:
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use kvstore::{
    ///     protocol::{Command, CommandError, Response},
    ///     routing::Router,
    ///     server::Password,
    ///     testing::Server,
    /// };
    ///
    /// async fn login(command: Command) -> Result<(), CommandError> {
    ///     if command.arg_at(0) != Some(b"token") {
    ///         return Err(CommandError::new("WRONGPASS", "this is no token"));
    ///     }
    ///     if let Some(session) = command.session_handle() {
    ///         session.update(|session| session.set_user(Some("ada".into())));
    ///     }
    ///     Ok(())
    /// }
    ///
    /// fn whoami(command: Command) -> String {
    ///     command.session().user().unwrap_or_default().to_owned()
    /// }
    ///
    /// let app = Router::new().command("LOGIN", login).command("WHOAMI", whoami);
    /// let server = Server::start_with(|listener| {
    ///     // No client knows this password, so LOGIN is the only way to authenticate.
    ///     kvstore::serve(listener, app).authenticate(Password::new(b"\0")).allow_unauthenticated(["LOGIN"])
    /// });
    /// let login = Command::new("LOGIN").arg("token");
    /// let answers = server.client().pipeline().add(login).add(Command::new("WHOAMI")).send().await?;
    /// assert_eq!(answers, [Response::ok(), "ada".into()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_unauthenticated<N: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        for name in names {
            self.state.no_auth.insert(name, ());
        }
        self
    }

    /// Sets the name and the version that HELLO returns: `redis` and `7.2.4` by default, since clients choose features
    /// by them.
    pub fn server_name(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.state.settings.name = (name.into(), version.into());
        self
    }

    /// Sets the maximum number of commands in flight per connection: 1 by default, which is strict sequence. More is
    /// useful for services that wait for a disk or another server.
    ///
    /// Responses keep the order of the requests. Effects may be reordered: a command is called while earlier ones are
    /// pending, and the service may complete them in any order. A client that pipelines `SET k 1` and `GET k` may read
    /// the old value. [Exclusive](Self::exclusive) commands are called alone.
    pub fn max_in_flight(mut self, commands: usize) -> Self {
        self.state.settings.max_in_flight = commands.max(1);
        self
    }

    /// Sets how many settled commands of a connection may wait for their answers, beside those in flight: 128 by default.
    ///
    /// A command has settled when its effect is there and only its answer waits, for a disk or for a quorum: its future says
    /// so, see [`parking`](kvstore_protocol::parking). It does not hold up the next command of its connection, also with one
    /// in flight, so that a pipeline waits once and not for each command. Commands are called in order, and answered in order.
    /// A settled command behind one that is not counts as in flight.
    ///
    /// The memory of what waits is bounded by this number, and the responses that wait behind a settled command also by the
    /// [output buffer](Self::output_buffer). With 0 a settled command counts like any other that is pending.
    pub fn max_settled(mut self, commands: usize) -> Self {
        self.state.settings.max_settled = commands;
        self
    }

    /// The maximum number of connections: 10,000 by default. A client beyond it receives an error and is disconnected.
    pub fn max_connections(self, connections: usize) -> Self {
        self.state.runtime.max_connections.set(connections);
        self
    }

    /// Asks `admissible` how many connections there can be before the [maximum](Self::max_connections) changes while the server
    /// runs: it is called with the number that is wanted, and may raise a limit of the system. CONFIG SET refuses what is more.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:6379").await?;
    /// let store = kvstore::store::Store::new();
    /// kvstore::serve(listener, store).admissible_connections(|wanted| wanted.min(1000)).await;
    /// # Ok(()) }
    /// ```
    pub fn admissible_connections(mut self, admissible: impl Fn(usize) -> usize + Send + Sync + 'static) -> Self {
        self.state.admissible = Some(Arc::new(admissible));
        self
    }

    /// The number of databases that SELECT accepts: 16 by default.
    pub fn databases(mut self, databases: usize) -> Self {
        self.state.settings.databases = databases;
        self
    }

    /// Sets whether a server without authentication refuses clients from other machines: true by default, as in Redis.
    pub fn protected_mode(mut self, is_on: bool) -> Self {
        self.listener.protected_mode = is_on;
        self
    }

    /// The limits of a request, once its client has authenticated.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.listener.limits = limits;
        self
    }

    /// Closes an idle connection when nothing was read from it or written to it for this long: never by default.
    pub fn idle_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.state.runtime.set_idle_timeout(timeout.into());
        self
    }

    /// Closes a connection whose client must authenticate and has not sent anything for this long: 30 s by default.
    pub fn unauthenticated_timeout(mut self, timeout: Duration) -> Self {
        self.state.settings.unauthenticated_timeout = timeout;
        self
    }

    /// Closes a connection that has sent a part of a request, and then less than `bytes` in a `window`: never by default, but
    /// for clients that have not authenticated, for which there is [another](Self::unauthenticated_sender). Time in which the
    /// server does not read does not count.
    pub fn slow_sender(self, bytes: usize, window: Duration) -> Self {
        self.state.runtime.set_slow_sender(Some(MinSendRate { bytes, window }));
        self
    }

    /// Closes a connection that reads none of its replies for this long: never by default, but for one whose requests fill the
    /// [query buffer](Self::query_buffer), for which there is [another limit](Self::query_buffer_timeout).
    pub fn slow_reader_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.state.runtime.set_slow_reader_timeout(timeout.into());
        self
    }

    /// The most bytes of requests that are read from a connection while its replies are not read: 256 MiB by default. They are
    /// not executed until it reads. So a client may send a whole pipeline before it reads the first reply.
    pub fn query_buffer(self, bytes: usize) -> Self {
        self.state.runtime.query_buffer.set(bytes);
        self
    }

    /// Closes a connection whose requests fill the [query buffer](Self::query_buffer) and that reads none of its replies for this
    /// long: 60 s by default.
    pub fn query_buffer_timeout(mut self, timeout: Duration) -> Self {
        self.state.settings.query_buffer_timeout = timeout;
        self
    }

    /// When there are [as many connections as there may be](Self::max_connections), a new one takes the place of the one that
    /// has left a request incomplete, or its replies unread, for the longest time, if that is this long: 30 s by default, in whole
    /// seconds.
    pub fn slot_patience(mut self, patience: Duration) -> Self {
        self.state.settings.slot_patience = patience;
        self
    }

    /// The limits of a request before its client has authenticated: 10 words of 16 KiB, and 64 KiB in all, by default.
    pub fn unauthenticated_limits(mut self, limits: Limits) -> Self {
        self.state.settings.unauthenticated_limits = limits;
        self
    }

    /// The most bytes of requests that wait, and of replies that are unread, of a client that has not authenticated: 16 KiB each by
    /// default. A single larger request is read whole, within its [limits](Self::unauthenticated_limits).
    pub fn unauthenticated_buffer(mut self, bytes: usize) -> Self {
        self.state.settings.unauthenticated_buffer = bytes;
        self
    }

    /// Closes a connection that has not authenticated, has sent a part of a request, and then less than `bytes` in a `window`:
    /// 30 KiB in 30 s by default. [`slow_sender`](Self::slow_sender) takes its place if it is set.
    pub fn unauthenticated_sender(mut self, bytes: usize, window: Duration) -> Self {
        self.state.settings.unauthenticated_sender = MinSendRate { bytes, window };
        self
    }

    /// The most clients that are told at a time why they are refused: 64 by default. Further ones are disconnected without a word.
    pub fn max_rejecting(mut self, clients: usize) -> Self {
        self.state.settings.max_rejecting = clients;
        self
    }

    /// For how long a connection that the server closes stays open for its client to read the last bytes and close its side:
    /// 500 ms by default.
    pub fn linger(mut self, time: Duration) -> Self {
        self.state.settings.linger = time;
        self
    }

    /// Limits the memory of the buffers of all connections, in bytes: a quarter of the memory that the process may use by
    /// default, if that is known. When they take more, the connection that takes most is closed. A client with CLIENT NO-EVICT is
    /// spared.
    pub fn max_buffer_memory(self, bytes: usize) -> Self {
        self.state.registry.buffers.set_limit(bytes);
        self
    }

    /// The number of undecoded bytes at which a connection with commands in flight is not read from any more: 256 KiB by
    /// default. A single larger request is read whole, within its [limits](Serve::limits); and a connection that does not read its
    /// replies may send as much as its [query buffer](Self::query_buffer) takes.
    pub fn input_buffer(mut self, bytes: usize) -> Self {
        self.state.settings.input_buffer = bytes;
        self
    }

    /// The number of bytes of unread replies at which the commands of a connection are not called any more: 64 MiB by default.
    /// One reply may be larger.
    pub fn output_buffer(self, bytes: usize) -> Self {
        self.state.runtime.output_buffer.set(bytes);
        self
    }

    /// The maximum number of pushed messages that wait for a connection: 1024 by default.
    ///
    /// They wait for room in its [output buffer](Self::output_buffer) and are moved there. So a handler that sends to a client that
    /// does not read waits once both are full.
    pub fn push_queue(mut self, messages: usize) -> Self {
        self.state.settings.push_queue = messages;
        self
    }

    /// The maximum number of bytes of pushed messages that wait for a connection, approximately: 32 MiB by default. One message
    /// may always wait, however large it is. Messages that were moved to the [output buffer](Self::output_buffer) count there.
    pub fn push_buffer(mut self, bytes: usize) -> Self {
        self.state.settings.push_buffer = bytes;
        self
    }

    /// Sets how much clients of a class may leave unread: 32 MiB, or 8 MiB for 60 s, for clients that are subscribed; no limit for
    /// others, whose commands wait at the [output buffer](Self::output_buffer). A client over the limit is disconnected.
    ///
    /// For a client that is subscribed, the hard limit takes the place of the [queue](Self::push_queue) of messages.
    pub fn output_limit(self, class: ClientClass, limit: OutputLimit) -> Self {
        self.state.runtime.output_limits.set(class, limit);
        self
    }

    /// The longest time that a graceful shutdown takes: 5 s by default.
    pub fn grace_period(self, grace: Duration) -> Self {
        self.state.runtime.set_grace_period(grace);
        self
    }

    /// The options of accepted TCP sockets.
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        self.state.settings.socket = options;
        self
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("settings", &self.state.settings).finish_non_exhaustive()
    }
}
