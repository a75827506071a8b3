//! The commands of some connections on their way to the second service, one after the other.

use std::collections::VecDeque;

use kvstore_protocol::{Command, Response};
use tokio::sync::oneshot;

use super::capacity::Reservation;

/// A queue, and whether a task works it off. There is a task only while there is something to do.
#[derive(Debug, Default)]
pub(super) struct MirrorQueue {
    queue: VecDeque<Mirrored>,
    is_running: bool,
}

/// A command for the second service.
#[derive(Debug)]
pub(super) struct Mirrored {
    pub(super) command: Command,
    /// `None` where answers are not compared, or there is none.
    pub(super) first: Option<FirstResponse>,
    pub(super) reservation: Reservation,
}

/// The answer of the first service.
#[derive(Debug)]
pub(super) enum FirstResponse {
    Answered(Response),
    Awaited(oneshot::Receiver<Response>),
}

impl MirrorQueue {
    /// Takes a command. Whether a task is to be started.
    pub(super) fn push(&mut self, mirrored: Mirrored) -> bool {
        self.queue.push_back(mirrored);
        !std::mem::replace(&mut self.is_running, true)
    }

    /// The next command for the task, which ends when there is none.
    pub(super) fn next(&mut self) -> Option<Mirrored> {
        let next = self.queue.pop_front();
        self.is_running = next.is_some();
        if self.queue.is_empty() && self.queue.capacity() > 64 {
            self.queue = VecDeque::new();
        }
        next
    }

    /// What is left when the task ends before its time.
    pub(super) fn abandon(&mut self) -> VecDeque<Mirrored> {
        self.is_running = false;
        std::mem::take(&mut self.queue)
    }
}
