//! A command that is being logged.

use std::{task::Poll, time::Duration};

use kvstore_protocol::{
    Command,
    parking::{Parking, observe, seen},
};
use tokio::time::Instant;
use tracing::{
    Level, Span,
    field::{Empty, debug, display},
    level_filters::LevelFilter,
};

use super::{
    layer::Settings,
    text::{Arguments, Name, Text},
};

#[derive(Debug)]
pub(super) struct Active {
    span: Span,
    started: Instant,
    /// How long the command was parked, up to the time it parked last.
    parked: Duration,
    parked_since: Option<Instant>,
    slow: Option<Slow>,
    is_answered: bool,
}

/// What the warning of a slow command needs.
#[derive(Debug)]
struct Slow {
    threshold: Duration,
    command: Command,
    log_arguments: bool,
}

impl Active {
    /// Starts to log, if anybody listens.
    #[inline]
    pub(super) fn start(command: &Command, settings: &Settings) -> Option<Box<Self>> {
        if settings.level > LevelFilter::current() && settings.slow_threshold.is_none() {
            return None;
        }
        Self::start_listened(command, settings)
    }

    #[cold]
    #[inline(never)]
    fn start_listened(command: &Command, settings: &Settings) -> Option<Box<Self>> {
        let span = span(command, settings);
        let threshold = settings.slow_threshold.filter(|_| tracing::enabled!(Level::WARN));
        if span.is_disabled() && threshold.is_none() {
            return None;
        }
        let slow = threshold.map(|threshold| Slow {
            threshold,
            command: command.clone(),
            log_arguments: settings.log_arguments,
        });
        let started = Instant::now();
        Some(Box::new(Self { span, started, parked: Duration::ZERO, parked_since: None, slow, is_answered: false }))
    }

    /// Runs `f` inside the span.
    pub(super) fn inside<T>(&self, f: impl FnOnce() -> T) -> T {
        self.span.in_scope(f)
    }

    /// Polls inside the span, and takes the time while the command is parked.
    pub(super) fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let answer = self.inside(|| observe(poll));
        let parking = if answer.is_pending() { seen() } else { Parking::Busy };
        match (parking, self.parked_since) {
            (Parking::Parked, None) => self.parked_since = Some(Instant::now()),
            (Parking::Busy | Parking::Returning, Some(since)) => {
                self.parked += since.elapsed();
                self.parked_since = None;
            }
            _ => {}
        }
        answer
    }

    pub(super) fn finish(&mut self, outcome: &str) {
        self.is_answered = true;
        self.record(outcome);
    }

    fn record(&self, outcome: &str) {
        let parked = self.parked + self.parked_since.map_or(Duration::ZERO, |since| since.elapsed());
        let duration = self.started.elapsed().saturating_sub(parked);
        self.span.record("outcome", display(Text(outcome.as_bytes())));
        self.span.record("duration", debug(duration));
        if let Some(slow) = self.slow.as_ref().filter(|slow| slow.threshold <= duration) {
            self.inside(|| slow.warn(outcome, duration));
        }
    }
}

/// The peer went away, or a layer around gave up.
impl Drop for Active {
    fn drop(&mut self) {
        if !self.is_answered {
            self.record("dropped");
        }
    }
}

impl Slow {
    fn warn(&self, outcome: &str, duration: Duration) {
        tracing::warn!(
            name = %Name(self.command.name()),
            peer = %self.command.session().peer(),
            args = self.log_arguments.then(|| display(Arguments(&self.command))),
            outcome = %Text(outcome.as_bytes()),
            ?duration,
            "slow command"
        );
    }
}

/// A span's level is part of its code, so there is one of them for each level.
fn span(command: &Command, settings: &Settings) -> Span {
    macro_rules! span_at {
        ($level:expr) => {
            tracing::span!(
                $level,
                "command",
                name = %Name(command.name()),
                peer = %command.session().peer(),
                args = settings.log_arguments.then(|| display(Arguments(command))),
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
