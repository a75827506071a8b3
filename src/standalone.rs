//! The default layers around the default store, as the server program and [`run`] serve them.

use std::time::Duration;

use tower::ServiceBuilder;

use crate::{
    middleware::{
        CommandStats, ConcurrencyLimit, ConcurrencyLimitLayer, Log, LogLayer, Stats, StatsLayer, Timeout, TimeoutLayer,
    },
    server::{ConnectionCommands, ConnectionLayer, ConnectionService, Listener, Serve, Stopped},
    store::Store,
};

/// A store behind the default layers, the outermost first.
pub type Stack = Stats<Log<ConcurrencyLimit<Timeout<ConnectionService<Store>>>>>;

/// The settings of the default layers.
#[derive(Clone, Debug)]
pub struct StackSettings {
    slow_threshold: Option<Duration>,
    max_commands: usize,
    command_timeout: Option<Duration>,
}

impl StackSettings {
    /// Sets the duration from which a command is logged as slow: never by default, since that reads the clock twice per
    /// command.
    #[must_use]
    pub fn slow_threshold(self, threshold: impl Into<Option<Duration>>) -> Self {
        Self { slow_threshold: threshold.into(), ..self }
    }

    /// Sets the maximum number of commands in flight, across all connections: 10,000 by default. Further commands wait.
    ///
    /// # Panics
    /// [`stack`] does when it is 0.
    #[must_use]
    pub fn max_commands(self, commands: usize) -> Self {
        Self { max_commands: commands, ..self }
    }

    /// Sets the timeout of a command: 10 s by default. A late command is answered with an error.
    #[must_use]
    pub fn command_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { command_timeout: timeout.into(), ..self }
    }
}

impl Default for StackSettings {
    fn default() -> Self {
        Self { slow_threshold: None, max_commands: 10_000, command_timeout: Some(Duration::from_secs(10)) }
    }
}

/// Wraps a store in the default layers.
pub fn stack(store: Store, settings: &StackSettings) -> Stack {
    counted_stack(store, settings, CommandStats::new())
}

/// Wraps a store in the default layers, which count commands in `stats`.
fn counted_stack(store: Store, settings: &StackSettings, stats: CommandStats) -> Stack {
    let log = settings.slow_threshold.map_or(LogLayer::new(), |threshold| LogLayer::new().slow_threshold(threshold));
    ServiceBuilder::new()
        .layer(StatsLayer::new(stats))
        .layer(log)
        .layer(ConcurrencyLimitLayer::new(settings.max_commands))
        .layer(settings.command_timeout.map_or(TimeoutLayer::disabled(), TimeoutLayer::new))
        .layer(ConnectionLayer::new())
        .service(store)
}

/// Creates a server of `store` behind the default layers, without listeners. It prefetches for commands, and removes
/// expired keys in the background.
pub fn server(store: &Store, settings: &StackSettings) -> Serve {
    let stats = CommandStats::new();
    Serve::new(counted_stack(store.clone(), settings, stats.clone()))
        .command_stats(stats)
        .connection_commands(ConnectionCommands::Inside)
        // No layer of this stack holds anything between commands.
        .keep_service(true)
        .databases(store.databases())
        .prefetch(store.prefetch())
        .loading(store.loading())
        .only_reads(store.only_reads())
        .with_task(store.run())
}

/// Serves a new store behind the default stack, for ever. This is the simplest way to run a server.
///
/// # Cancel safety
/// Dropping the future stops listening, closes all connections, and drops the store.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:6379").await?;
/// kvstore::run(listener).await;
/// # Ok(()) }
/// ```
pub async fn run(listener: impl Listener) -> Stopped {
    server(&Store::new(), &StackSettings::default()).listen(listener).await
}
