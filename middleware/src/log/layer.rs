use std::{sync::Arc, time::Duration};

use tower_layer::Layer;
use tracing::Level;

use super::Log;
use crate::redact::Redact;

/// Logs commands: their names, their peers, their outcomes and durations.
#[derive(Clone, Debug)]
pub struct LogLayer {
    settings: LogSettings,
}

#[derive(Clone, Debug)]
pub(super) struct LogSettings {
    pub(super) level: Level,
    pub(super) slow_threshold: Option<Duration>,
    pub(super) log_arguments: bool,
    /// `None` for the default rules.
    pub(super) redact: Option<Arc<Redact>>,
}

impl LogLayer {
    /// A span at DEBUG for each command, without arguments and without a warning for slow commands.
    pub const fn new() -> Self {
        Self { settings: LogSettings { level: Level::DEBUG, slow_threshold: None, log_arguments: false, redact: None } }
    }

    /// Sets the level of the spans.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.settings.level = level;
        self
    }

    /// Warns of each command that takes `threshold` or longer, also where spans are disabled.
    #[must_use]
    pub const fn slow_threshold(mut self, threshold: Duration) -> Self {
        self.settings.slow_threshold = Some(threshold);
        self
    }

    /// Sets whether arguments are logged: the first eight, each escaped and truncated to 64 bytes. The arguments of
    /// AUTH, HELLO, ACL, CONFIG and MIGRATE are hidden, since they carry passwords.
    #[must_use]
    pub const fn log_arguments(mut self, log_arguments: bool) -> Self {
        self.settings.log_arguments = log_arguments;
        self
    }

    /// Sets which arguments are hidden, in place of the rules of [`Redact::new`].
    #[must_use]
    pub fn redact(mut self, redact: Redact) -> Self {
        self.settings.redact = Some(Arc::new(redact));
        self
    }
}

impl Default for LogLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for LogLayer {
    type Service = Log<S>;

    fn layer(&self, inner: S) -> Log<S> {
        Log::new(inner, self.settings.clone())
    }
}
