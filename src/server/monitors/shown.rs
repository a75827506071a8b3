//! [`Shown`]: the commands of one connection that monitors are shown.

use std::cell::Cell;

use kvstore_protocol::{Command, Transaction};

use super::{Monitors, line};
use crate::server::ServerStatus;

/// Which commands of a connection were shown, and which ones EXEC will run.
#[derive(Default)]
pub(in crate::server) struct Shown {
    /// The number of the last one: a command that has waited comes again.
    last: Cell<u64>,
    /// The words of the commands in the open transaction, which are shown in front of EXEC. Those that were queued before
    /// somebody monitored are not here.
    queued: Cell<Vec<String>>,
}

impl Shown {
    /// Shows a command that is about to be called, unless it was shown already.
    pub(in crate::server) fn show(&self, command: &Command, monitors: &Monitors, server: &ServerStatus) {
        if command.number() <= self.last.replace(command.number()) {
            return;
        }
        let words = line::words(command);
        let transaction = command.session().transaction().filter(|transaction| transaction.is_open());
        // An aborted transaction runs nothing.
        let mut queued = self.queued.take();
        if transaction.is_none_or(Transaction::is_aborted) {
            queued = Vec::new();
        }
        match () {
            () if transaction.is_some() && is_queued(command) => {
                queued.extend(words);
                return self.queued.set(queued);
            }
            () if command.is("EXEC") => queued.iter().for_each(|words| monitors.show(command, words, server)),
            () if begins(command) => self.queued.set(queued),
            () => {}
        }
        words.inspect(|words| monitors.show(command, words, server));
    }
}

/// Whether an open transaction queues a command.
fn is_queued(command: &Command) -> bool {
    !begins(command) && !["EXEC", "DISCARD", "RESET", "QUIT"].iter().any(|name| command.is(name))
}

/// Whether it is refused in an open transaction, which goes on.
fn begins(command: &Command) -> bool {
    command.is("MULTI") || command.is("WATCH")
}
