//! [`serve`] and [`Serve`], the builder that it returns.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use kvstore_protocol::{Codec, Command, Limits, Response, ServerCodec, Session, mailbox::Order};
use tokio::{task::JoinSet, time::timeout};
use tower::{BoxError, Service};

use super::{
    Authenticate, Listener, Shared, SocketOptions, accept,
    supply::{Cloned, Made, Supply},
};

/// Serves the connections of `listener` with clones of `service`, one for each connection.
///
/// The service is any `Service<Command, Response = Response>` that can be cloned: a handler, a store, a stack of layers.
/// Its error type is anything that converts to [`BoxError`]; an error is the answer to its command and no more. The
/// builder that comes back is awaited, with settings or without.
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
pub fn serve<L, S>(listener: L, service: S) -> Serve<Cloned<S>>
where
    L: Listener,
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    Serve::new(service).listen(listener)
}

/// Serves the connections of `listener`, each with a service of its own that `factory` makes for it.
///
/// The factory is a tower `Service<Session>`, what tower calls a `MakeService`; a connection for which it fails is closed.
/// Such a service need not be `Clone`. One that is spent, after an error of its `poll_ready` or a panic, is not replaced:
/// its command is answered, and the connection closed.
pub fn serve_with_factory<L, M, S>(listener: L, factory: M) -> Serve<Made<M>>
where
    L: Listener,
    M: Service<Session, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    Serve::with_factory(factory).listen(listener)
}

/// A server in the making. Awaiting it serves, until the signal of [`with_graceful_shutdown`](Serve::with_graceful_shutdown)
/// comes, or for ever.
///
/// # Cancel safety
/// Dropping the future stops listening and ends every connection.
#[must_use = "a server serves once it is awaited"]
pub struct Serve<U> {
    supply: U,
    shared: Shared,
    barriers: Vec<String>,
    listeners: Vec<StartListening<U>>,
    signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// Starts one listener, once everything else is settled.
type StartListening<U> = Box<dyn FnOnce(&mut JoinSet<()>, Arc<Shared>, Arc<U>) + Send>;

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// How many connections were cut, because they were not done when the grace period ended.
    pub cut: usize,
}

impl<S> Serve<Cloned<S>>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    /// A server of clones of `service` that listens nowhere yet.
    pub fn new(service: S) -> Self {
        Self::from_supply(Cloned::new(service))
    }
}

impl<M, S> Serve<Made<M>>
where
    M: Service<Session, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    /// A server of services that `factory` makes, that listens nowhere yet.
    pub fn with_factory(factory: M) -> Self {
        Self::from_supply(Made::new(factory))
    }
}

impl<U: Supply> Serve<U> {
    fn from_supply(supply: U) -> Self {
        Self { supply, shared: Shared::default(), barriers: Vec::new(), listeners: Vec::new(), signal: None }
    }

    /// Serves the connections of another listener too.
    pub fn listen(self, listener: impl Listener) -> Self {
        self.listen_with(listener, ServerCodec::default)
    }

    /// Serves the connections of another listener too, in another protocol: `codec` makes the codec of each connection.
    pub fn listen_with<C>(mut self, listener: impl Listener, codec: impl Fn() -> C + Send + 'static) -> Self
    where
        C: Codec + Send + 'static,
    {
        self.listeners.push(Box::new(move |tasks, shared, supply| {
            tasks.spawn(accept::accept_all(listener, shared, supply, codec));
        }));
        self
    }

    /// Stops when `signal` completes: no connection is accepted any more, commands in flight are answered, what was not
    /// begun is dropped, connections are closed in order. What is not done within the
    /// [grace period](Serve::grace_period) is cut, and counted.
    pub fn with_graceful_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { signal: Some(Box::pin(signal)), ..self }
    }

    /// Shows each batch of decoded commands to `hint` before the first of them is called. A hint has no effect but on
    /// speed: a store prefetches what the commands will touch.
    pub fn hint(mut self, hint: impl Fn(&[Command]) + Send + Sync + 'static) -> Self {
        self.shared.hint = Some(Arc::new(hint));
        self
    }

    /// Names more commands that change what later ones mean. Such a command is called when everything before it is
    /// answered, and nothing is called until it is answered. Those of transactions and subscriptions are known; those that
    /// [upgrade](super::upgrade()) their connection are to be named.
    pub fn barriers<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.barriers.extend(names.into_iter().map(Into::into));
        self
    }

    /// Calls these commands before the last argument has come, when it is longer than `over` bytes: a large value goes to
    /// its handler piece by piece, and is never held whole. [`Command::body`] has it, whether it came so or whole; among
    /// the [`args`](Command::args) it is missing then, so a check of their number counts one less.
    ///
    /// What the handler does not read stops the client; what is left when it has answered is thrown away. So a time limit
    /// around the handler bounds the sending too, and without one a handler that neither reads nor answers holds its
    /// connection. Such a command is a barrier. When the client goes away in the middle, the handler reads
    /// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof), and nobody reads its answer. The bounds of requests hold as for
    /// every other; a client that is not authenticated streams nothing, and neither does one of the native protocol.
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
    /// # Ok::<(), std::io::Error>(()) }).expect("no trouble");
    /// ```
    pub fn stream_in<N: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = N>, over: usize) -> Self {
        for name in names {
            self.shared.streams.insert(name, over);
        }
        self
    }

    /// Shows `observe` each command that the transport answers itself, with its answer: PING, HELLO, AUTH, CLIENT and their
    /// kin, and whatever is refused to a client that is not authenticated. Layers do not see those, so one that must not
    /// miss any (it counts them, or writes down who did what) gives its observer here.
    ///
    /// The arguments may hold passwords: those of AUTH and of HELLO … AUTH are not to be written anywhere.
    pub fn observe(mut self, observe: impl Fn(&Command, &Response) + Send + Sync + 'static) -> Self {
        self.shared.observe = Some(Arc::new(observe));
        self
    }

    /// Asks clients who they are before anything else is answered.
    pub fn authenticate(mut self, auth: impl Authenticate) -> Self {
        self.shared.auth = Some(Arc::new(auth));
        self
    }

    /// What HELLO says about the server: its name and its version. `redis` and `7.2.0` by default, since clients read
    /// from it what they may use.
    pub fn identity(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.shared.identity = (name.into(), version.into());
        self
    }

    /// How many commands of one connection may be in flight at a time: 1 by default, strict sequence. More is for
    /// services that wait; answers keep the order of the requests.
    pub fn max_in_flight(mut self, commands: usize) -> Self {
        self.shared.settings.max_in_flight = commands.max(1);
        self
    }

    /// How many connections there may be: 10,000 by default. One more is told so and closed.
    pub fn max_connections(self, connections: usize) -> Self {
        self.shared.live.set_max_connections(connections);
        self
    }

    /// How many databases SELECT knows: 16 by default.
    pub fn databases(mut self, databases: usize) -> Self {
        self.shared.settings.databases = databases;
        self
    }

    /// Whether a server without authentication refuses clients from other machines: true by default, as in Redis.
    pub fn protected_mode(mut self, is_on: bool) -> Self {
        self.shared.settings.protected_mode = is_on;
        self
    }

    /// The bounds of a request, once its client is authenticated.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.shared.settings.limits = limits;
        self
    }

    /// After how much silence, in which nothing came from it or went to it, an idle connection is closed: never by default.
    pub fn idle_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.shared.live.set_idle_timeout(timeout.into());
        self
    }

    /// After how much silence a connection is closed whose client must authenticate and has not: 30 s by default.
    pub fn unauthenticated_timeout(mut self, timeout: Duration) -> Self {
        self.shared.settings.unauthenticated_timeout = timeout;
        self
    }

    /// How many bytes of a half-sent request must arrive in every such time: 30 KiB in 30 s by default. The clock stands
    /// while the server does not read.
    pub fn slow_sender(mut self, bytes: usize, window: Duration) -> Self {
        self.shared.settings.slow_sender = super::settings::Progress { bytes, window };
        self
    }

    /// After how long a client is cut off that reads nothing of its replies: 60 s by default.
    pub fn slow_reader_timeout(mut self, timeout: Duration) -> Self {
        self.shared.settings.slow_reader_timeout = timeout;
        self
    }

    /// From how many bytes of undecoded input on a connection with commands under way is not read from: 256 KiB by
    /// default. A single larger request is read whole, within its [limits](Serve::limits).
    pub fn input_buffer(mut self, bytes: usize) -> Self {
        self.shared.settings.input_buffer = bytes;
        self
    }

    /// From how many bytes of unread replies on a connection's commands are not called: 64 MiB by default. One reply may
    /// be larger.
    pub fn output_buffer(mut self, bytes: usize) -> Self {
        self.shared.settings.output_buffer = bytes;
        self
    }

    /// How many pushed messages may wait for a connection: 1024 by default.
    ///
    /// They wait for room in its [output buffer](Self::output_buffer), into which they move on: a handler that sends to a
    /// client that does not read waits only when that is full, and this behind it.
    pub fn push_queue(mut self, messages: usize) -> Self {
        self.shared.settings.push_queue = messages;
        self
    }

    /// How many bytes of pushed messages may wait for a connection, about: 32 MiB by default. One message may always wait,
    /// however large it is. What has moved on into the [output buffer](Self::output_buffer) is counted there.
    pub fn push_buffer(mut self, bytes: usize) -> Self {
        self.shared.settings.push_buffer = bytes;
        self
    }

    /// How long a graceful shutdown may take: 5 s by default.
    pub fn grace_period(mut self, grace: Duration) -> Self {
        self.shared.settings.grace = grace;
        self
    }

    /// What is set on each TCP socket.
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        self.shared.settings.socket = options;
        self
    }

    async fn run(self) -> Stopped {
        let Self { supply, mut shared, barriers, listeners, signal } = self;
        shared.names = super::commands::classes(&barriers);
        // The transport answers its own commands at once, and waits for all of their arguments.
        let streams = shared.streams.iter().filter(|(name, _)| !shared.is_own(name));
        shared.streams = streams.map(|(name, over)| (name, *over)).collect();
        let (shared, supply) = (Arc::new(shared), Arc::new(supply));
        // Whatever ends this future ends the connections.
        let _guard = CutAll(shared.clone());
        let mut accepting = JoinSet::new();
        for listen in listeners {
            listen(&mut accepting, shared.clone(), supply.clone());
        }
        let signal = signal.unwrap_or_else(|| Box::pin(std::future::pending()));
        tokio::select! {
            () = signal => {}
            () = outlive(&mut accepting) => {}
            never = shared.registry.count_uptime() => match never {},
        }
        // The listeners are closed before the connections are: a client that is turned away may try elsewhere at once.
        accepting.shutdown().await;
        shared.registry.order_all(Order::Stop);
        let cut = match timeout(shared.settings.grace, shared.registry.emptied()).await {
            Ok(()) => 0,
            Err(_) => shared.registry.order_all(Order::Kill),
        };
        Stopped { cut }
    }
}

/// Waits for ever, and tells of listeners that end: only a panic ends one. The others go on, and so do all connections.
async fn outlive(accepting: &mut JoinSet<()>) {
    while let Some(ended) = accepting.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a listener ended");
        }
    }
    std::future::pending().await
}

/// Ends every connection when it is dropped.
struct CutAll(Arc<Shared>);

impl Drop for CutAll {
    fn drop(&mut self) {
        self.0.registry.order_all(Order::Kill);
    }
}

impl<U: Supply> IntoFuture for Serve<U> {
    type Output = Stopped;
    type IntoFuture = Pin<Box<dyn Future<Output = Stopped> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<U> fmt::Debug for Serve<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("settings", &self.shared.settings)
            .field("barriers", &self.barriers)
            .finish_non_exhaustive()
    }
}
