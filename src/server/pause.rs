//! [`Pause`]: holds commands back, for CLIENT PAUSE.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use kvstore_protocol::{Command, catalog::Flags};
use tokio::time::Instant;

/// The commands that a pause holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseMode {
    /// Commands that may write: those with the flag in the catalog, scripts, PUBLISH, and commands that are not in the
    /// catalog.
    Writes,
    /// All but the commands that change the connection: CLIENT, AUTH, HELLO, SELECT, RESET, QUIT. So a client can log in and
    /// end the pause.
    All,
}

/// A pause of all connections of a server.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Read for every command. 0 if there is no pause, and commands are not shown to monitors.
    state: AtomicU8,
    until: Mutex<Option<Instant>>,
}

/// The bits of the state.
const WRITES: u8 = 1;
const ALL: u8 = 1 << 1;
const MONITORED: u8 = 1 << 2;

impl Pause {
    /// Holds commands back until `until`. A longer pause is not shortened, and the stricter mode applies.
    pub(super) fn begin(&self, until: Instant, mode: PauseMode) {
        let mut end = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *end = (*end).max(Some(until));
        let mode = if mode == PauseMode::All { ALL } else { WRITES };
        self.state.fetch_or(mode, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        let mut end = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *end = None;
        self.state.fetch_and(!(WRITES | ALL), Ordering::Relaxed);
    }

    /// Whether commands may be held back, or are shown to monitors.
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }

    /// Notes whether commands are shown to monitors.
    pub(super) fn set_monitored(&self, is_monitored: bool) {
        if is_monitored {
            self.state.fetch_or(MONITORED, Ordering::Relaxed);
        } else {
            self.state.fetch_and(!MONITORED, Ordering::Relaxed);
        }
    }

    /// Whether commands are shown to monitors.
    pub(super) fn is_monitored(&self) -> bool {
        self.state.load(Ordering::Relaxed) & MONITORED != 0
    }

    /// Returns until when `command` is held back; `None` if it may be called now.
    pub(super) fn holds(&self, command: &Command) -> Option<Instant> {
        let state = self.state.load(Ordering::Relaxed);
        let is_held = match () {
            () if state & ALL != 0 => !changes_connection(command),
            () if state & WRITES != 0 => may_write(command),
            () => return None,
        };
        let until = (*self.until.lock().unwrap_or_else(PoisonError::into_inner))?;
        if until <= Instant::now() {
            self.end();
            return None;
        }
        is_held.then_some(until)
    }
}

fn changes_connection(command: &Command) -> bool {
    let flags = command.flags();
    flags.has(Flags::CONNECTION) && flags.has(Flags::EXCLUSIVE)
}

fn may_write(command: &Command) -> bool {
    command.known().is_none_or(|known| known.flags().has(Flags::WRITE | Flags::RUNS_COMMANDS)) || command.is("PUBLISH")
}
