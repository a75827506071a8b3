//! [`Queue`]: the commands between MULTI and EXEC.

use kvstore_protocol::{Command, CommandError, catalog::Flags};

use crate::{
    server::ConnectionLayer,
    store::{command_table::Row, state::StoreState},
};

/// The memory that a queued command takes besides its words, in bytes, about.
const OVERHEAD: usize = 200;

/// Up to this size a queued command is copied, so that it does not keep the whole buffer in which it was received.
const MAX_COPIED: usize = 64 * 1024;

/// The queued commands of a transaction.
#[derive(Debug, Default)]
pub(super) struct Queue {
    commands: Vec<Queued>,
    /// The memory of the commands, in bytes.
    size: usize,
}

/// A queued command.
#[derive(Debug)]
pub(super) struct Queued {
    /// `None` for a command of the connection.
    pub(super) row: Option<&'static Row>,
    pub(super) command: Command,
}

impl Queue {
    /// Adds a command, if it can be executed later. Returns `None` if it is not queued but executed at once.
    pub(super) fn push(&mut self, command: &Command, store: &StoreState) -> Option<Result<(), CommandError>> {
        let row = match row_of(command, store) {
            Ok(Some(row)) if row.flags().has(Flags::TRANSACTION) && row.spec.name != "UNWATCH" => return None,
            Ok(row) => row,
            Err(refusal) => return Some(Err(refusal)),
        };
        let size = command.size();
        self.size += size + OVERHEAD;
        if self.size > store.max_queue {
            return Some(Err(CommandError::err("the transaction is too large")));
        }
        let command = if size > MAX_COPIED { command.clone() } else { command.detached(size) };
        self.commands.push(Queued { row, command });
        Some(Ok(()))
    }

    pub(super) fn commands(&self) -> &[Queued] {
        &self.commands
    }

    /// Forgets the commands. Keeps the memory for the next ones, if it is little.
    pub(super) fn clear(&mut self) {
        self.commands.clear();
        self.commands.shrink_to(16);
        self.size = 0;
    }
}

/// The row of a command that can be executed in a transaction; `None` for a command of the connection.
fn row_of(command: &Command, store: &StoreState) -> Result<Option<&'static Row>, CommandError> {
    if command.flags().has(Flags::CONNECTION)
        && let Some(checked) = ConnectionLayer::check_queued(command)
    {
        return checked.map(|()| None);
    }
    let row = store.row_of(command)?;
    if row.flags().has(Flags::NO_MULTI) { Err(CommandError::NOT_IN_TRANSACTION) } else { Ok(Some(row)) }
}
