use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use ::metrics::{Counter, Gauge, Histogram, counter, histogram};

use super::codes::ErrorCodes;
use crate::outcome::Outcome;

/// The metrics of the commands of one name.
pub(super) struct Handles {
    prefix: Arc<str>,
    command: Arc<str>,
    ok: Counter,
    duration: Histogram,
    in_flight: Gauge,
    /// Made when they are needed, which they never are for most commands.
    rare: Mutex<Vec<(Box<str>, Counter)>>,
    nested: OnceLock<Counter>,
    codes: Arc<ErrorCodes>,
}

impl Handles {
    pub(super) fn new(prefix: &Arc<str>, command: &str, in_flight: &Gauge, codes: &Arc<ErrorCodes>) -> Self {
        let (prefix, command) = (Arc::clone(prefix), Arc::from(command));
        Self {
            ok: outcomes(&prefix, &command, "ok"),
            duration: histogram!(format!("{prefix}_command_duration_seconds"), "command" => Arc::clone(&command)),
            in_flight: in_flight.clone(),
            rare: Mutex::default(),
            nested: OnceLock::new(),
            codes: Arc::clone(codes),
            prefix,
            command,
        }
    }

    #[inline]
    pub(super) fn start(&self) {
        self.in_flight.increment(1.0);
    }

    /// Undoes [`Handles::start`]. Does not count, since a command may be counted in the handles of another name.
    #[inline]
    pub(super) fn end(&self) {
        self.in_flight.decrement(1.0);
    }

    #[inline]
    pub(super) fn count(&self, outcome: Outcome<'_>, duration: Duration) {
        match outcome {
            Outcome::Ok => self.ok.increment(1),
            Outcome::Error(code) => self.count_rare(self.codes.label(code)),
            Outcome::Failed => self.count_rare("failed"),
            Outcome::Dropped | Outcome::Started => return self.count_rare("dropped"),
        }
        self.duration.record(duration.as_secs_f64());
    }

    #[cold]
    fn count_rare(&self, outcome: &str) {
        let mut rare = self.rare.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = rare.iter().find(|(known, _)| **known == *outcome) {
            return counter.increment(1);
        }
        let counter = outcomes(&self.prefix, &self.command, outcome);
        counter.increment(1);
        rare.push((outcome.into(), counter));
    }

    pub(super) fn count_nested(&self) {
        let new = || counter!(format!("{}_nested_commands_total", self.prefix), "command" => Arc::clone(&self.command));
        self.nested.get_or_init(new).increment(1);
    }
}

fn outcomes(prefix: &str, command: &Arc<str>, outcome: &str) -> Counter {
    counter!(
        format!("{prefix}_commands_total"),
        "command" => Arc::clone(command),
        "outcome" => outcome.to_owned()
    )
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles").field("command", &self.command).finish_non_exhaustive()
    }
}
