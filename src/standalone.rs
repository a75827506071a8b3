//! The default layers around the default store, as the server program and [`run`] serve them.

use std::time::Duration;

use tower::ServiceBuilder;

use crate::{
    middleware::{ConcurrencyLimit, ConcurrencyLimitLayer, Log, LogLayer, Timeout, TimeoutLayer},
    server::{ConnectionCommands, ConnectionLayer, ConnectionService, Listener, Serve, Stopped},
    store::Store,
};

/// A store behind the default layers. Read from the outside in.
pub type Stack = Log<ConcurrencyLimit<Timeout<ConnectionService<Store>>>>;

/// The settings of the default layers.
#[derive(Clone, Debug)]
pub struct StackSettings {
    slow_threshold: Option<Duration>,
    max_commands: usize,
    command_timeout: Option<Duration>,
}

impl StackSettings {
    /// From how long on a command is logged as slow: never by default, since it costs two readings of the clock for each.
    #[must_use]
    pub fn slow_threshold(self, threshold: impl Into<Option<Duration>>) -> Self {
        Self { slow_threshold: threshold.into(), ..self }
    }

    /// How many commands of all connections may be under way at a time; others wait: 10,000 by default.
    ///
    /// # Panics
    /// [`stack`] does when it is 0.
    #[must_use]
    pub fn max_commands(self, commands: usize) -> Self {
        Self { max_commands: commands, ..self }
    }

    /// How long a command may take before it is answered with an error: 10 s by default.
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

/// Puts the default layers round a store.
pub fn stack(store: Store, settings: &StackSettings) -> Stack {
    let log = settings.slow_threshold.map_or(LogLayer::new(), |threshold| LogLayer::new().slow_threshold(threshold));
    ServiceBuilder::new()
        .layer(log)
        .layer(ConcurrencyLimitLayer::new(settings.max_commands))
        .layer(settings.command_timeout.map_or(TimeoutLayer::disabled(), TimeoutLayer::new))
        .layer(ConnectionLayer::new())
        .service(store)
}

/// A server of `store` behind the default layers. It prefetches what commands will touch, and removes expired keys. It listens
/// nowhere yet.
pub fn server(store: &Store, settings: &StackSettings) -> Serve {
    Serve::new(stack(store.clone(), settings))
        .connection_commands(ConnectionCommands::Inside)
        // None of these layers holds anything between commands.
        .keep_service(true)
        .databases(store.databases())
        .prefetch(store.prefetch())
        .with_task(store.run())
}

/// Serves a new store behind the default stack, for ever: the shortest way to a server.
///
/// # Cancel safety
/// Dropping the future stops listening, ends every connection, and drops the store.
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
