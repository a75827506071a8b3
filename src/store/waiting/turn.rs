//! [`Turn`]: who may end the waiting of a command.

use std::{
    mem,
    task::{Context, Poll, Waker},
};

use super::sync::Mutex;

/// The state of one who waits for an answer. Those who may serve it, its timeout, and its drop compete: one of them ends the
/// waiting.
#[derive(Debug)]
pub(super) struct Turn<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    phase: Phase<T>,
    waker: Option<Waker>,
}

/// Waiting -> Claimed -> Answered, or Waiting -> Left. A claimed one may wait again.
#[derive(Debug)]
enum Phase<T> {
    Waiting,
    /// Somebody is about to serve it.
    Claimed,
    Answered(T),
    /// It wants no answer any more, or has taken it.
    Left,
}

impl<T> Turn<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { phase: Phase::Waiting, waker: None }))
    }

    /// Returns true for the only one to serve it from now on. It must [answer](Self::answer) or [release](Self::release) it.
    pub(super) fn claim(&self) -> bool {
        let mut state = self.0.lock();
        let is_waiting = matches!(state.phase, Phase::Waiting);
        if is_waiting {
            state.phase = Phase::Claimed;
        }
        is_waiting
    }

    /// Gives it an answer, and wakes it. It was claimed.
    pub(super) fn answer(&self, answer: T) {
        self.end_claim(Phase::Answered(answer));
    }

    /// Lets it wait on. It was claimed.
    pub(super) fn release(&self) {
        self.end_claim(Phase::Waiting);
    }

    fn end_claim(&self, phase: Phase<T>) {
        let mut state = self.0.lock();
        // Otherwise it was dropped meanwhile.
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

    /// Ends the waiting. Returns false if it is claimed or answered: then it is woken when it has the answer, or waits on.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.0.lock();
        let may_leave = matches!(state.phase, Phase::Waiting);
        if may_leave {
            state.phase = Phase::Left;
        }
        may_leave
    }

    /// Ends the waiting, whatever its phase is.
    pub(super) fn abandon(&self) {
        let left = mem::replace(&mut self.0.lock().phase, Phase::Left);
        // Outside of the lock, since an answer may own anything.
        drop(left);
    }

    /// Waits for the answer.
    pub(super) fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.lock();
        if matches!(state.phase, Phase::Answered(_))
            && let Phase::Answered(answer) = mem::replace(&mut state.phase, Phase::Left)
        {
            return Poll::Ready(answer);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}
