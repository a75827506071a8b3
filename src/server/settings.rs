//! [`Settings`]: what a server allows its connections, in one plain struct.

use std::time::Duration;

use kvstore_protocol::Limits;

/// Every setting of a server that is not a service and cannot be set while it runs. The builder's methods of the same names set them and say what each
/// one means; the defaults stand here.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) max_in_flight: usize,
    pub(crate) databases: usize,
    pub(crate) protected_mode: bool,
    pub(crate) limits: Limits,
    pub(crate) unauthenticated_timeout: Duration,
    pub(crate) slow_sender: Progress,
    pub(crate) slow_reader_timeout: Duration,
    pub(crate) input_buffer: usize,
    pub(crate) output_buffer: usize,
    pub(crate) push_queue: usize,
    pub(crate) push_buffer: usize,
    pub(crate) grace: Duration,
    pub(crate) socket: SocketOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_in_flight: 1,
            databases: 16,
            protected_mode: true,
            limits: Limits::default(),
            unauthenticated_timeout: Duration::from_secs(30),
            slow_sender: Progress { bytes: 30 * 1024, window: Duration::from_secs(30) },
            slow_reader_timeout: Duration::from_secs(60),
            input_buffer: 256 * 1024,
            output_buffer: 64 * 1024 * 1024,
            push_queue: 1024,
            push_buffer: 32 * 1024 * 1024,
            grace: Duration::from_secs(5),
            socket: SocketOptions::default(),
        }
    }
}

/// So many bytes in every such window, or the peer makes no progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) bytes: usize,
    pub(crate) window: Duration,
}

/// What is set on every TCP socket that is accepted.
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
    /// Whether small writes leave at once (`TCP_NODELAY`); true by default.
    pub nodelay: bool,
    /// How long a connection is silent before the kernel probes it (`SO_KEEPALIVE`); 300 s by default, as in Redis.
    /// `None` for never.
    pub keepalive: Option<Duration>,
}

impl SocketOptions {
    /// Whether small writes leave at once.
    #[must_use]
    pub fn nodelay(self, nodelay: bool) -> Self {
        Self { nodelay, ..self }
    }

    /// How long a connection is silent before the kernel probes it; `None` for never.
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
