//! A queue of commands for the second service, which gets them one after the other.

use std::collections::VecDeque;

use kvstore_protocol::{Command, Response};
use tokio::sync::oneshot;

use super::capacity::Reservation;

/// A queue, and whether a task works on it. There is a task only while the queue is not empty.
#[derive(Debug, Default)]
pub(super) struct MirrorQueue {
    queue: VecDeque<Mirrored>,
    is_running: bool,
}

/// A command for the second service.
#[derive(Debug)]
pub(super) struct Mirrored {
    pub(super) command: Command,
    /// `None` if responses are not compared, or there is none.
    pub(super) first: Option<FirstResponse>,
    pub(super) reservation: Reservation,
}

/// The response of the first service.
#[derive(Debug)]
pub(super) enum FirstResponse {
    Answered(Response),
    Awaited(oneshot::Receiver<Response>),
}

impl MirrorQueue {
    /// Adds a command. Returns whether a task has to be started.
    pub(super) fn push(&mut self, mirrored: Mirrored) -> bool {
        self.queue.push_back(mirrored);
        !std::mem::replace(&mut self.is_running, true)
    }

    /// The next command for the task, which ends if there is none.
    pub(super) fn next(&mut self) -> Option<Mirrored> {
        let next = self.queue.pop_front();
        self.is_running = next.is_some();
        if self.queue.is_empty() && self.queue.capacity() > 64 {
            self.queue = VecDeque::new();
        }
        next
    }

    /// Empties the queue of a task that was aborted.
    pub(super) fn abandon(&mut self) -> VecDeque<Mirrored> {
        self.is_running = false;
        std::mem::take(&mut self.queue)
    }
}
