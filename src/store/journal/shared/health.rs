//! [`Health`]: whether the journal takes commits.

use std::{mem, sync::Arc, task::Waker};

use kvstore_protocol::CommandError;
use parking_lot::MutexGuard;

use super::{Shared, State};
use crate::store::observers::Interests;

/// Whether the journal takes commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum Health {
    #[default]
    Good,
    /// The disk is full.
    Full(Arc<str>),
    /// Nobody knows what is on disk of the commits that are not synced.
    Failed(Arc<str>),
    /// The store is closed.
    Closed,
}

/// Whether a command may write.
#[derive(Debug)]
pub(in crate::store) enum Admission {
    Admitted,
    Refused(CommandError),
    /// There are many commits that are not written. It may when there are fewer.
    Later,
}

impl Health {
    /// Whether nothing is written for now.
    pub(in super::super) fn is_halted(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Failed(_))
    }

    /// Why a command may not write, and what helps. `path` is that of the directory.
    pub(super) fn refusal(&self, path: &str) -> Option<CommandError> {
        let (reason, help) = match self {
            Self::Good => return None,
            Self::Closed => return Some(CommandError::new("ERR", "the store is closed")),
            Self::Full(reason) => (reason, "Writes are accepted again when there is room"),
            Self::Failed(reason) => (reason, REVIVAL),
        };
        let text = format!("Errors writing to the AOF file: {reason}: {path}. {help}");
        Some(CommandError::with_code("MISCONF", text))
    }
}

const REVIVAL: &str =
    "Writes are accepted again when a snapshot is saved in new files: that is tried from time to time, and by BGSAVE";

impl Shared {
    /// Whether a command may write, and nothing is between its asking and its commit but its locks.
    pub(in super::super) fn admission(&self) -> Admission {
        let state = self.state.lock();
        match state.health.refusal(&self.path) {
            Some(refusal) => Admission::Refused(refusal),
            None if state.is_crowded => Admission::Later,
            None => Admission::Admitted,
        }
    }

    pub(in super::super) fn is_full(&self) -> bool {
        matches!(self.state.lock().health, Health::Full(_))
    }

    /// Whether nothing is written for now.
    pub(in super::super) fn is_halted(&self) -> bool {
        self.state.lock().health.is_halted()
    }

    /// Whether the disk has failed.
    pub(in super::super) fn has_failed(&self) -> bool {
        matches!(self.state.lock().health, Health::Failed(_))
    }

    /// Refuses what writes from now on.
    pub(in super::super) fn stop_writes(&self) {
        let mut state = self.state.lock();
        if state.health == Health::Good || matches!(state.health, Health::Full(_)) {
            state.health = Health::Closed;
        }
        self.tell_halted(&state);
        self.wake_for_room(state);
    }

    /// Whether everything is on disk, after the thread has ended.
    pub(in super::super) fn outcome(&self) -> Result<(), Arc<str>> {
        match &self.state.lock().health {
            Health::Full(reason) | Health::Failed(reason) => Err(Arc::clone(reason)),
            Health::Good | Health::Closed => Ok(()),
        }
    }

    /// Notes that there is room on the disk again.
    pub(in super::super) fn has_room(&self) {
        // There may be no commit: a cut has found that the disk is full.
        self.noted_room(self.state.lock());
    }

    pub(super) fn noted_room(&self, mut state: MutexGuard<'_, State>) {
        let is_full = matches!(state.health, Health::Full(_));
        if is_full {
            state.health = if state.is_closing { Health::Closed } else { Health::Good };
            tracing::info!("the disk has room again");
        }
        if is_full || (state.is_crowded && state.pending <= self.max_pending / 2) {
            state.is_crowded = state.pending > self.max_pending / 2;
            self.tell_halted(&state);
            self.wake_for_room(state);
        }
    }

    /// Notes that the disk is full.
    pub(in super::super) fn full(&self, reason: String) {
        let mut state = self.state.lock();
        if state.health == Health::Good {
            let path = &*self.path;
            tracing::error!(path, reason, "the disk of the journal is full: writes are refused until there is room");
            state.health = Health::Full(reason.into());
            self.tell_halted(&state);
            self.wake_for_room(state);
        }
    }

    /// Notes that the disk has failed.
    pub(in super::super) fn fail(&self, reason: String) {
        let mut state = self.state.lock();
        tracing::error!(
            path = &*self.path,
            reason,
            "the journal has failed: writes are refused, and the outcome of the last ones is unknown"
        );
        state.health = Health::Failed(reason.into());
        state.incoming.clear();
        state.commits = 0;
        self.tell_halted(&state);
        let (waiting, watching) = (mem::take(&mut state.waiting_for_sync), mem::take(&mut state.watching_sync));
        let writing = mem::take(&mut state.waiting_for_write);
        self.cut.notify_all();
        self.wake_for_room(state);
        let woken = waiting.into_values().chain(watching.into_values()).chain(writing.into_values());
        woken.for_each(Waker::wake);
    }

    /// Tells the commands whether they may write without asking.
    pub(super) fn tell_halted(&self, state: &State) {
        self.observers.set(Interests::JOURNAL_HALTED, state.is_crowded || state.health != Health::Good);
    }
}
