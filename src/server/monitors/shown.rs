//! [`Shown`]: the commands of one connection that monitors are shown.

use std::cell::Cell;

use kvstore_protocol::Command;

use super::Monitors;
use crate::server::ServerStatus;

/// Which commands of a connection were shown, and which ones EXEC will run.
#[derive(Default)]
pub(in crate::server) struct Shown {
    /// The number of the last one: a command that has waited comes again.
    last: Cell<u64>,
    /// The commands of the open transaction, which are shown in front of EXEC. Those that were queued before somebody monitored
    /// are not here.
    queued: Cell<Vec<Command>>,
}

impl Shown {
    /// Shows a command that is about to be called, unless it was shown already.
    pub(in crate::server) fn show(&self, command: &Command, monitors: &Monitors, server: &ServerStatus) {
        if command.number() <= self.last.replace(command.number()) {
            return;
        }
        let mut queued = self.queued.take();
        if let Some(transaction) = command.session().transaction().filter(|transaction| transaction.is_open()) {
            if is_queued(command) {
                queued.push(command.clone());
                return self.queued.set(queued);
            }
            match () {
                () if command.is("EXEC") && !transaction.is_aborted() => {
                    queued.iter().for_each(|command| monitors.show(command, server));
                }
                () if begins(command) => self.queued.set(queued),
                () => {}
            }
        }
        monitors.show(command, server);
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
