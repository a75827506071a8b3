//! [`Waiter`]: a command that waits.

use std::{mem, sync::Arc};

use kvstore_protocol::{Command, Response};
use smallvec::SmallVec;

use super::{KeyName, Wait, turn::Turn};
use crate::store::command_table::Row;

/// A command that waits. Its future and the queues of its keys share it.
#[derive(Debug)]
pub(in super::super) struct Waiter {
    /// A copy that keeps no other bytes of the buffer in which the command was received.
    pub(super) command: Command,
    pub(super) row: &'static Row,
    /// The selected database of the client.
    pub(super) database: usize,
    pub(super) wait: Wait,
    /// The keys in whose queues it stands.
    pub(super) keys: SmallVec<[KeyName; 1]>,
    /// Another key that is changed when it is served.
    pub(super) destination: Option<KeyName>,
    /// The position in all queues.
    pub(super) ticket: u64,
    pub(super) turn: Turn<Response>,
}

/// A command that is served. It is answered when this is dropped.
#[derive(Debug)]
pub(super) struct Served {
    waiter: Arc<Waiter>,
    answer: Response,
}

/// The claim to a command, which waits on if this is dropped.
#[derive(Debug)]
pub(super) struct Claim(Option<Arc<Waiter>>);

impl Waiter {
    pub(super) fn new(command: Command, row: &'static Row, database: usize, wait: Wait, ticket: u64) -> Self {
        let (keys, destination, turn) = (SmallVec::new(), None, Turn::new());
        Self { command, row, database, wait, keys, destination, ticket, turn }
    }

    /// The only one to serve it from now on. `None` if it waits no more, or is claimed.
    pub(super) fn claim(self: &Arc<Self>) -> Option<Claim> {
        self.turn.claim().then(|| Claim(Some(Arc::clone(self))))
    }
}

impl Claim {
    /// The command gets its answer.
    pub(super) fn serve(mut self, answer: Response) -> Option<Served> {
        self.0.take().map(|waiter| Served { waiter, answer })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(waiter) = &self.0 {
            waiter.turn.release();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.waiter.turn.answer(mem::replace(&mut self.answer, Response::Null));
    }
}
