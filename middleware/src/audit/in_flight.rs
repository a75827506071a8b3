//! A command that is recorded once it ends.

use std::{fmt, sync::Arc, task::Poll};

use kvstore_protocol::Command;

use super::{AuditRecord, layer::AuditSettings};
use crate::{instrumented::Instrument, outcome::Outcome, stopwatch::Stopwatch};

/// A command, and what its record needs.
pub struct AuditedCommand {
    settings: Arc<AuditSettings>,
    command: Command,
    stopwatch: Stopwatch,
    is_recorded: bool,
}

impl AuditedCommand {
    pub(super) fn start(command: &Command, settings: &Arc<AuditSettings>) -> Box<Self> {
        let (settings, command) = (Arc::clone(settings), command.clone());
        Box::new(Self { settings, command, stopwatch: Stopwatch::start(), is_recorded: false })
    }
}

impl Instrument for AuditedCommand {
    fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.stopwatch.poll(poll)
    }

    fn finish(&mut self, outcome: Outcome<'_>) {
        self.is_recorded = true;
        let duration = self.stopwatch.elapsed();
        self.settings.record(&AuditRecord::ended(&self.command, self.settings.redact(), outcome, duration));
    }
}

/// Hides what the record hides.
impl fmt::Debug for AuditedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.settings.redact().show(&self.command);
        f.debug_struct("AuditedCommand")
            .field("command", &shown)
            .field("stopwatch", &self.stopwatch)
            .finish_non_exhaustive()
    }
}

/// The client disconnected, or an outer layer gave up.
impl Drop for AuditedCommand {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.finish(Outcome::Dropped);
        }
    }
}
