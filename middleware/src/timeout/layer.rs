use std::time::Duration;

use tower_layer::Layer;

use super::Timeout;

/// Limits how long a command may take.
///
/// See the [module](super) for how a late command ends.
#[derive(Clone, Debug)]
pub struct TimeoutLayer {
    limit: Option<Duration>,
}

impl TimeoutLayer {
    /// A command is late after `limit`. With a limit of zero, a command that is answered at its first poll is not late.
    pub const fn new(limit: Duration) -> Self {
        Self { limit: Some(limit) }
    }

    /// No command is ever late. For a program whose timeout is a setting: the type of the stack stays the same.
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
