//! [`Pause`]: holds commands back, for CLIENT PAUSE.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use kvstore_protocol::{Command, Transaction, catalog::Flags};
use tokio::time::Instant;

use super::{registry::Registry, state::OnlyReads};

/// The commands that a pause holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseMode {
    /// Commands that [may write](Command::may_write), and EXEC behind one. Of those that run others, such as EVAL, not those that
    /// [only read](super::Serve::only_reads).
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
    end: Mutex<End>,
}

#[derive(Debug, Default)]
struct End {
    /// Of a pause of all commands.
    all: Option<Instant>,
    /// Of one of those that may write.
    writes: Option<Instant>,
    /// The number of connections that wait for it.
    waiting: usize,
}

/// A connection whose next command is held back. Counted until it is dropped.
#[derive(Debug)]
pub(super) struct HeldConnection(Arc<Registry>);

/// The bits of the state.
const PAUSED: u8 = 1;
const MONITORED: u8 = 1 << 1;
/// Connections wait for the end of a pause, which may be over.
const WAITING: u8 = 1 << 2;

impl Pause {
    /// Holds commands back until `until`. A longer pause of the same mode is not shortened.
    pub(super) fn begin(&self, until: Instant, mode: PauseMode) {
        let mut end = self.lock();
        let at = if mode == PauseMode::All { &mut end.all } else { &mut end.writes };
        *at = (*at).max(Some(until));
        self.state.fetch_or(PAUSED, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        let mut end = self.lock();
        (end.all, end.writes) = (None, None);
        self.state.fetch_and(!PAUSED, Ordering::Relaxed);
    }

    /// Whether commands may be held back, or are shown to monitors, or connections wait that should not.
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
    pub(super) fn holds(&self, command: &Command, only_reads: Option<&OnlyReads>) -> Option<Instant> {
        if self.state.load(Ordering::Relaxed) & PAUSED == 0 {
            return None;
        }
        let End { all, writes, .. } = *self.lock();
        let now = Instant::now();
        if all.max(writes).is_none_or(|last| last <= now) {
            self.end();
            return None;
        }
        let all = all.filter(|_| !changes_connection(command));
        let writes = writes.filter(|_| may_write(command, only_reads));
        all.max(writes).filter(|until| *until > now)
    }

    /// The number of connections that wait for the end.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn lock(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldConnection {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        let pause = registry.pause();
        let mut end = pause.lock();
        end.waiting += 1;
        pause.state.fetch_or(WAITING, Ordering::Relaxed);
        drop(end);
        Self(registry)
    }
}

impl Drop for HeldConnection {
    fn drop(&mut self) {
        let pause = self.0.pause();
        let mut end = pause.lock();
        end.waiting -= 1;
        if end.waiting == 0 {
            pause.state.fetch_and(!WAITING, Ordering::Relaxed);
        }
    }
}

fn changes_connection(command: &Command) -> bool {
    let flags = command.flags();
    flags.has(Flags::CONNECTION) && flags.has(Flags::EXCLUSIVE)
}

fn may_write(command: &Command, only_reads: Option<&OnlyReads>) -> bool {
    let transaction = || command.session().transaction().is_some_and(Transaction::may_write);
    // One with too few arguments is refused at once.
    let is_whole = || command.known().is_none_or(|known| known.arity().admits(command.len()));
    let only_reads = || command.runs_commands() && only_reads.is_some_and(|only_reads| only_reads(command));
    command.may_write() && is_whole() && !only_reads() || command.is("EXEC") && transaction()
}
