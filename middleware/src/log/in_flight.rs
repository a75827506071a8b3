//! A command that is logged.

use std::{fmt, sync::Arc, task::Poll, time::Duration};

use kvstore_protocol::Command;
use tracing::{
    Level, Span,
    field::{Empty, debug, display},
    level_filters::LevelFilter,
};

use super::layer::LogSettings;
use crate::{
    instrumented::Instrument,
    outcome::Outcome,
    redact::{EscapedName, Redact},
    stopwatch::Stopwatch,
};

/// The span of a command, and what the warning needs if it is slow.
#[derive(Debug)]
pub struct LoggedCommand {
    span: Span,
    stopwatch: Stopwatch,
    slow: Option<Slow>,
    is_answered: bool,
}

/// What the warning of a slow command needs.
struct Slow {
    threshold: Duration,
    command: Command,
    log_arguments: bool,
    redact: Option<Arc<Redact>>,
}

impl LoggedCommand {
    /// Starts to log, if spans of this level are enabled or slow commands are warned of.
    #[inline]
    pub(super) fn start(command: &Command, settings: &LogSettings) -> Option<Box<Self>> {
        if settings.level > LevelFilter::current() && settings.slow_threshold.is_none() {
            return None;
        }
        Self::start_enabled(command, settings)
    }

    #[cold]
    #[inline(never)]
    fn start_enabled(command: &Command, settings: &LogSettings) -> Option<Box<Self>> {
        let span = span(command, settings);
        let threshold = settings.slow_threshold.filter(|_| tracing::enabled!(Level::WARN));
        if span.is_disabled() && threshold.is_none() {
            return None;
        }
        let slow = threshold.map(|threshold| Slow {
            threshold,
            command: command.clone(),
            log_arguments: settings.log_arguments,
            redact: settings.redact.clone(),
        });
        Some(Box::new(Self { span, stopwatch: Stopwatch::start(), slow, is_answered: false }))
    }

    /// Runs `f` inside the span.
    pub(super) fn inside<T>(&self, f: impl FnOnce() -> T) -> T {
        self.span.in_scope(f)
    }

    fn record(&self, outcome: Outcome<'_>) {
        let duration = self.stopwatch.elapsed();
        self.span.record("outcome", display(outcome));
        self.span.record("duration", debug(duration));
        if let Some(slow) = self.slow.as_ref().filter(|slow| slow.threshold <= duration) {
            self.inside(|| slow.warn(outcome, duration));
        }
    }
}

impl Instrument for LoggedCommand {
    /// Polls inside the span. The stopwatch stops while the command is parked.
    fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let Self { span, stopwatch, .. } = self;
        span.in_scope(|| stopwatch.poll(poll))
    }

    fn finish(&mut self, outcome: Outcome<'_>) {
        self.is_answered = true;
        self.record(outcome);
    }
}

/// The client disconnected, or an outer layer gave up.
impl Drop for LoggedCommand {
    fn drop(&mut self) {
        if !self.is_answered {
            self.record(Outcome::Dropped);
        }
    }
}

/// Without the command, since arguments of it may be hidden.
impl fmt::Debug for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slow").field("threshold", &self.threshold).finish_non_exhaustive()
    }
}

impl Slow {
    fn warn(&self, outcome: Outcome<'_>, duration: Duration) {
        tracing::warn!(
            name = %EscapedName(self.command.name()),
            peer = %self.command.session().peer(),
            args = self.log_arguments.then(|| display(rules(&self.redact).arguments(&self.command))),
            %outcome,
            ?duration,
            "slow command"
        );
    }
}

/// The level of a span is a constant, so there is one span for each level.
fn span(command: &Command, settings: &LogSettings) -> Span {
    macro_rules! span_at {
        ($level:expr) => {
            tracing::span!(
                $level,
                "command",
                name = %EscapedName(command.name()),
                peer = %command.session().peer(),
                args = settings.log_arguments.then(|| display(rules(&settings.redact).arguments(command))),
                outcome = Empty,
                duration = Empty,
            )
        };
    }
    match settings.level {
        Level::ERROR => span_at!(Level::ERROR),
        Level::WARN => span_at!(Level::WARN),
        Level::INFO => span_at!(Level::INFO),
        Level::DEBUG => span_at!(Level::DEBUG),
        _ => span_at!(Level::TRACE),
    }
}

fn rules(redact: &Option<Arc<Redact>>) -> &Redact {
    redact.as_deref().unwrap_or_else(|| Redact::standard())
}
