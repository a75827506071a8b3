//! [`Waiter`]: a command that waits.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use kvstore_protocol::{Command, Response};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{KeyName, Wait};
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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    waker: Option<Waker>,
}

/// Waiting -> Claimed -> Answered, or Waiting -> Left. A claimed command may wait again.
#[derive(Debug, Default)]
enum Phase {
    #[default]
    Waiting,
    /// Somebody is about to serve it.
    Claimed,
    Answered(Response),
    /// Its time is over, it was unblocked, or its future was dropped.
    Left,
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
        let (keys, destination, state) = (SmallVec::new(), None, Mutex::default());
        Self { command, row, database, wait, keys, destination, ticket, state }
    }

    /// The only one to serve it from now on. `None` if it waits no more, or is claimed.
    pub(super) fn claim(self: &Arc<Self>) -> Option<Claim> {
        let mut state = self.state.lock();
        let is_waiting = matches!(state.phase, Phase::Waiting);
        if is_waiting {
            state.phase = Phase::Claimed;
        }
        is_waiting.then(|| Claim(Some(Arc::clone(self))))
    }

    /// Ends the waiting. Returns false if it is claimed or answered: then its answer comes soon, or it waits on.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.state.lock();
        let may_leave = matches!(state.phase, Phase::Waiting);
        if may_leave {
            state.phase = Phase::Left;
        }
        may_leave
    }

    /// Ends the waiting, whatever its phase is. Nobody wants an answer any more.
    pub(super) fn abandon(&self) {
        self.state.lock().phase = Phase::Left;
    }

    /// Waits for the answer.
    pub(super) fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<Response> {
        let mut state = self.state.lock();
        if let Phase::Answered(answer) = &mut state.phase {
            return Poll::Ready(mem::replace(answer, Response::Null));
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Goes from claimed to another phase, and wakes the future.
    fn settle(&self, phase: Phase) {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Claimed) {
            return;
        }
        state.phase = phase;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
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
            waiter.settle(Phase::Waiting);
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let answer = mem::replace(&mut self.answer, Response::Null);
        self.waiter.settle(Phase::Answered(answer));
    }
}
