//! [`ServerSettings`]: the settings of a server.

use std::time::Duration;

use kvstore_protocol::Limits;

use super::MESSAGE_LIMIT;

/// The settings of a server that cannot change while it runs. The methods of [`Serve`](super::Serve) with the same
/// names set and document them. The defaults are here.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    pub(crate) max_in_flight: usize,
    pub(crate) max_settled: usize,
    /// Whether an idle connection keeps its service.
    pub(crate) keep_service: bool,
    pub(crate) databases: usize,
    pub(crate) unauthenticated_timeout: Duration,
    /// The rate at which a client that has not authenticated must send a request.
    pub(crate) unauthenticated_sender: MinSendRate,
    pub(crate) unauthenticated_limits: Limits,
    pub(crate) unauthenticated_buffer: usize,
    pub(crate) query_buffer_timeout: Duration,
    pub(crate) slot_patience: Duration,
    pub(crate) max_rejecting: usize,
    pub(crate) linger: Duration,
    pub(crate) input_buffer: usize,
    pub(crate) push_queue: usize,
    pub(crate) push_buffer: usize,
    pub(crate) socket: SocketOptions,
    /// The name and the version that HELLO returns.
    pub(crate) name: (String, String),
    pub(crate) connection_commands: ConnectionCommands,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_in_flight: 1,
            max_settled: 128,
            keep_service: false,
            databases: 16,
            unauthenticated_timeout: Duration::from_secs(30),
            unauthenticated_sender: MinSendRate { bytes: 30 * 1024, window: Duration::from_secs(30) },
            unauthenticated_limits: Limits::unauthenticated(),
            unauthenticated_buffer: 16 * 1024,
            query_buffer_timeout: Duration::from_secs(60),
            slot_patience: Duration::from_secs(30),
            max_rejecting: 64,
            linger: Duration::from_millis(500),
            input_buffer: 256 * 1024,
            push_queue: 1024,
            push_buffer: MESSAGE_LIMIT,
            socket: SocketOptions::default(),
            name: ("redis".to_owned(), "7.2.4".to_owned()),
            connection_commands: ConnectionCommands::Outermost,
        }
    }
}

/// The minimum rate at which a client must send an incomplete request: `bytes` per `window`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MinSendRate {
    pub(crate) bytes: usize,
    pub(crate) window: Duration,
}

/// Where the connection commands are answered, for [`Serve::connection_commands`](super::Serve::connection_commands).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionCommands {
    /// In front of the service: `serve` puts a [`ConnectionLayer`](super::ConnectionLayer) around it.
    #[default]
    Outermost,
    /// In the service, which contains a [`ConnectionLayer`](super::ConnectionLayer).
    Inside,
}

/// Options of accepted TCP sockets.
///
/// ```
/// use kvstore::server::SocketOptions;
///
/// let options = SocketOptions::default().keepalive(None);
/// assert!(options.nodelay && options.keepalive.is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketOptions {
    /// Whether small writes are sent immediately (`TCP_NODELAY`): true by default.
    pub nodelay: bool,
    /// After what idle time the kernel probes a connection (`SO_KEEPALIVE`): 300 s by default, as in Redis. `None`
    /// disables it.
    pub keepalive: Option<Duration>,
}

impl SocketOptions {
    /// Sets whether small writes are sent immediately.
    #[must_use]
    pub fn nodelay(self, nodelay: bool) -> Self {
        Self { nodelay, ..self }
    }

    /// Sets after what idle time the kernel probes a connection; `None` disables it.
    #[must_use]
    pub fn keepalive(self, silence: impl Into<Option<Duration>>) -> Self {
        Self { keepalive: silence.into(), ..self }
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: Some(Duration::from_secs(300)) }
    }
}
