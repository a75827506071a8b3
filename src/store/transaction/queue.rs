//! [`Queue`]: the commands between MULTI and EXEC.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::BytesMut;
use kvstore_protocol::{Command, CommandError, RequestBatch, catalog::Flags};

use crate::{
    server::ConnectionLayer,
    store::{command_table::Row, state::StoreState},
};

/// The memory that a queued command takes besides its words, in bytes, about.
const OVERHEAD: usize = 200;

/// Up to this size a queued command is copied, so that it does not keep the whole buffer in which it was received.
const MAX_COPIED: usize = 64 * 1024;

/// The memory for copies of commands that is kept for the next transaction, in bytes.
const KEPT: usize = 4096;

/// The queued commands of a transaction.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The row of each command; `None` for one of the connection.
    rows: Vec<Option<&'static Row>>,
    /// All but the last commands, which are in the batch.
    commands: Vec<Command>,
    batch: RequestBatch,
    /// The words of the batch.
    frame: BytesMut,
    size: Size,
    has_scripts: bool,
}

/// The memory of the commands of a queue, in bytes, which is part of that of all queues of the store.
#[derive(Debug, Default)]
struct Size {
    bytes: usize,
    total: Option<Arc<AtomicUsize>>,
}

impl Size {
    fn add(&mut self, bytes: usize, total: &Arc<AtomicUsize>) {
        self.bytes += bytes;
        self.total.get_or_insert_with(|| Arc::clone(total)).fetch_add(bytes, Ordering::Relaxed);
    }

    fn clear(&mut self) {
        if let Some(total) = &self.total {
            total.fetch_sub(self.bytes, Ordering::Relaxed);
        }
        self.bytes = 0;
    }
}

impl Drop for Size {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Queue {
    /// Adds a command, if it can be executed later. Returns `None` if it is not queued but executed at once.
    pub(super) fn push(&mut self, command: &Command, store: &StoreState) -> Option<Result<(), CommandError>> {
        let row = match row_of(command, store) {
            Ok(Some(row)) if row.flags().has(Flags::TRANSACTION) && row.spec.name != "UNWATCH" => return None,
            Ok(row) => row,
            Err(refusal) => return Some(Err(refusal)),
        };
        if row.is_some_and(Row::writes)
            && let Some(refusal) = store.write_refusal()
        {
            return Some(Err(refusal));
        }
        let size = command.size();
        if self.size.bytes + size + OVERHEAD > store.max_queue {
            return Some(Err(CommandError::err("the transaction is too large")));
        }
        self.size.add(size + OVERHEAD, &store.queued);
        self.rows.push(row);
        self.has_scripts |= command.runs_commands();
        if self.batch.is_full() || size > MAX_COPIED {
            self.complete(command);
        }
        match size > MAX_COPIED {
            true => self.commands.push(command.clone()),
            false => self.batch.push_copy(command, &mut self.frame),
        }
        Some(Ok(()))
    }

    /// Moves the commands of the batch to the others. They get the session of `last`, a command after them.
    pub(super) fn complete(&mut self, last: &Command) {
        let frame = self.frame.split().freeze();
        self.commands.extend(self.batch.drain(frame, last.shared_session(), last.number()));
    }

    /// Whether there is a script.
    pub(super) fn has_scripts(&self) -> bool {
        self.has_scripts
    }

    /// The number of commands.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The memory of the commands, in bytes.
    pub(super) fn size(&self) -> usize {
        self.size.bytes
    }

    /// The commands, each with its row. They are [complete](Self::complete).
    pub(super) fn commands(&self) -> impl Iterator<Item = (Option<&'static Row>, &Command)> {
        self.rows.iter().copied().zip(&self.commands)
    }

    /// Forgets the commands. Keeps the memory for the next ones, if it is little.
    pub(super) fn clear(&mut self) {
        if self.size.bytes > KEPT {
            *self = Self::default();
            return;
        }
        self.rows.clear();
        self.commands.clear();
        self.batch.clear();
        self.frame.clear();
        self.size.clear();
        self.has_scripts = false;
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
