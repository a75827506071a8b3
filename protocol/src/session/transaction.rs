//! [`Transaction`]: the state of MULTI on a connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::Command;

/// The state of MULTI on a connection. All snapshots of its session share it.
///
/// The service that answers MULTI and EXEC creates it at the first MULTI, and puts it into the session. There it stays until
/// RESET, or until the connection is closed. The transport, the layers and the service all read and change it:
///
/// - The service [begins](Self::begin) it at MULTI, and [ends](Self::end) it at EXEC and DISCARD. Between the two it queues
///   commands.
/// - The transport [aborts](Self::abort) it when a command is answered with an error, whoever made that. After an error to EXEC,
///   which then has not run, it ends it. An error to MULTI or WATCH, which are not queued, changes nothing: if one has the
///   wrong number of arguments, the service aborts.
/// - The connection layer passes the commands of the connection on while it is [open](Self::is_open), except QUIT and RESET.
///
/// ```
/// use kvstore_protocol::{Command, Session, Transaction};
///
/// let transaction = Transaction::new();
/// let mut session = Session::default();
/// session.set_transaction(transaction.clone());
/// let command = Command::new("MULTI").in_session(session.into(), 1);
///
/// assert!(transaction.begin());
/// assert!(!transaction.begin(), "calls of MULTI do not nest");
/// assert!(command.session().is_in_transaction());
/// transaction.abort();
/// assert!(transaction.end(), "EXEC runs nothing");
/// assert!(!command.session().is_in_transaction());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Transaction(Arc<State>);

#[derive(Debug, Default)]
struct State {
    bits: AtomicUsize,
    /// The bytes of the queued commands.
    bytes: AtomicUsize,
    /// The number of watched keys.
    watched: AtomicUsize,
}

/// The bits of the state. The others count the queued commands.
const OPEN: usize = 1;
const ABORTED: usize = 1 << 1;
const CHANGES_REPLIES: usize = 1 << 2;
const WRITES: usize = 1 << 3;
const QUEUED: usize = 1 << 4;

impl Transaction {
    /// Creates the state of a connection without a transaction.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a transaction, without queued commands. Returns false if one is open.
    ///
    /// What is left of an earlier one must be dropped now: it may have ended without the service.
    pub fn begin(&self) -> bool {
        let begins = self.update(|state| if state & OPEN == 0 { OPEN } else { state }) & OPEN == 0;
        if begins {
            self.0.bytes.store(0, Ordering::Relaxed);
        }
        begins
    }

    /// Whether a transaction is open, aborted or not.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.state() & OPEN != 0
    }

    /// Whether the open transaction was aborted: EXEC will run nothing.
    pub fn is_aborted(&self) -> bool {
        self.state() & ABORTED != 0
    }

    /// Aborts the open transaction. Does nothing if none is open.
    pub fn abort(&self) {
        self.update(|state| if state & OPEN == 0 { state } else { state | ABORTED });
    }

    /// Ends the transaction. Returns whether it was aborted.
    pub fn end(&self) -> bool {
        self.update(|_| 0) & ABORTED != 0
    }

    /// Counts a command that was queued, for CLIENT LIST.
    pub fn count_queued(&self, command: &Command) {
        self.count(command, command.may_write());
    }

    /// The same for a command that writes nothing, though it [may](Command::may_write): a script that only reads.
    pub fn count_queued_read(&self, command: &Command) {
        self.count(command, false);
    }

    fn count(&self, command: &Command, may_write: bool) {
        let writes = if may_write { WRITES } else { 0 };
        self.update(|state| if state & OPEN == 0 { state } else { state.saturating_add(QUEUED) | writes });
        self.0.bytes.fetch_add(command.size(), Ordering::Relaxed);
    }

    /// Whether a queued command may write.
    pub fn may_write(&self) -> bool {
        self.state() & WRITES != 0
    }

    /// Returns the number of queued commands.
    pub fn queued(&self) -> usize {
        self.state() / QUEUED
    }

    /// Returns the bytes of the queued commands.
    pub fn queued_bytes(&self) -> usize {
        if self.is_open() { self.0.bytes.load(Ordering::Relaxed) } else { 0 }
    }

    /// Says how many keys the connection watches, for CLIENT LIST.
    pub fn set_watched(&self, keys: usize) {
        self.0.watched.store(keys, Ordering::Relaxed);
    }

    /// Returns how many keys the connection watches.
    pub fn watched(&self) -> usize {
        self.0.watched.load(Ordering::Relaxed)
    }

    /// Notes that a queued command changes how replies are sent, as HELLO and CLIENT REPLY do: EXEC then waits until all
    /// earlier commands are answered.
    pub fn set_changes_replies(&self) {
        self.update(|state| if state & OPEN == 0 { state } else { state | CHANGES_REPLIES });
    }

    /// Whether a queued command changes how replies are sent.
    pub fn changes_replies(&self) -> bool {
        self.state() & CHANGES_REPLIES != 0
    }

    /// The commands of a connection order the accesses.
    fn state(&self) -> usize {
        self.0.bits.load(Ordering::Relaxed)
    }

    /// Changes the state. Returns the one before.
    fn update(&self, change: impl Fn(usize) -> usize) -> usize {
        self.0.bits.update(Ordering::Relaxed, Ordering::Relaxed, change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_aborted_or_counted_outside() {
        let transaction = Transaction::new();
        transaction.abort();
        transaction.count_queued(&Command::new("SET"));
        transaction.set_changes_replies();
        assert!(transaction.begin());
        assert!(!transaction.is_aborted() && !transaction.changes_replies());
        assert!(transaction.queued() == 0 && !transaction.may_write());
        assert!(!transaction.end());
    }

    #[test]
    fn an_aborted_transaction_is_open_until_it_ends() {
        let transaction = Transaction::new();
        assert!(transaction.begin());
        transaction.count_queued(&Command::new("SET"));
        transaction.set_changes_replies();
        transaction.abort();
        assert_eq!((transaction.is_open(), transaction.is_aborted(), transaction.queued()), (true, true, 1));
        assert!(!transaction.begin() && transaction.may_write());
        assert!(transaction.end());
        assert!(transaction.begin());
        transaction.end();
        transaction.begin();
        transaction.count_queued(&Command::new("GET"));
        transaction.count_queued_read(&Command::new("EVAL"));
        assert!(!transaction.may_write());
        transaction.end();
        transaction.begin();
        assert_eq!((transaction.is_aborted(), transaction.queued(), transaction.changes_replies()), (false, 0, false));
    }
}
