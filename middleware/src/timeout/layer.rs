use std::time::Duration;

use tower_layer::Layer;

use super::Timeout;

/// Gives every command the same time to be answered.
///
/// See the [module](super) for what happens to a command that is late.
#[derive(Clone, Debug)]
pub struct TimeoutLayer {
    limit: Option<Duration>,
}

impl TimeoutLayer {
    /// Commands are late after `limit`. A limit of zero still takes an answer that is there at the first poll.
    pub const fn new(limit: Duration) -> Self {
        Self { limit: Some(limit) }
    }

    /// No command is ever late: the same type of stack for a program that was told not to limit the time.
    pub const fn disabled() -> Self {
        Self { limit: None }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout::new(inner, self.limit)
    }
}
