//! [`Gate`]: is up while a command that may take long runs, so that others wait without a thread.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
};

use parking_lot::Mutex;

/// Counts the long commands that run, and holds the wakers of the commands that wait for their locks.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    /// Whether a script holds locks for so long that those who wait for them are refused.
    is_busy: AtomicBool,
}

#[derive(Debug, Default)]
struct GateState {
    raised: usize,
    next_ticket: u64,
    waiting: BTreeMap<u64, Waker>,
}

/// The place of a waiting future.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

/// Holds the gate up until it is dropped. Wakes all who wait then.
#[derive(Debug)]
pub(super) struct Raised<'a>(&'a Gate);

impl Gate {
    pub(super) fn raise(&self) -> Raised<'_> {
        self.state.lock().raised += 1;
        Raised(self)
    }

    pub(super) fn is_up(&self) -> bool {
        self.state.lock().raised > 0
    }

    /// Whether those who wait are refused.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// Sets whether those who wait are refused. Wakes all of them to be told so, though it stays up.
    pub(super) fn set_busy(&self, is_busy: bool) {
        if self.is_busy.swap(is_busy, Ordering::Relaxed) == is_busy || !is_busy {
            return;
        }
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        waiting.into_values().for_each(Waker::wake);
    }

    /// Leaves a waker, in the place of the one before. Returns `None` if the gate is down, or those who wait are refused.
    pub(super) fn wait(&self, ticket: Option<Ticket>, waker: &Waker) -> Option<Ticket> {
        let mut state = self.state.lock();
        if state.raised == 0 || self.is_busy() {
            return None;
        }
        state.next_ticket += 1;
        let ticket = ticket.unwrap_or(Ticket(state.next_ticket));
        state.waiting.insert(ticket.0, waker.clone());
        Some(ticket)
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.raised -= 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Also while others hold it up, perhaps with other shards.
        waiting.into_values().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_future_that_waits_is_woken_once_when_a_long_command_ends() {
        let (gate, wakes) = (Gate::default(), Arc::new(Wakes::default()));
        let waker = Waker::from(Arc::clone(&wakes));
        assert!(!gate.is_up() && gate.wait(None, &waker).is_none());
        let (first, second) = (gate.raise(), gate.raise());
        let ticket = gate.wait(None, &waker);
        assert!(gate.is_up() && gate.wait(ticket, &waker).is_some() && gate.wait(None, &waker).is_some());
        drop(first);
        assert_eq!((wakes.0.load(Ordering::Relaxed), gate.is_up()), (2, true));
        drop(second);
        assert_eq!((wakes.0.load(Ordering::Relaxed), gate.is_up()), (2, false));
    }

    #[test]
    fn whoever_waits_or_comes_to_wait_is_told_that_a_script_keeps_it_too_long() {
        let (gate, wakes) = (Gate::default(), Arc::new(Wakes::default()));
        let waker = Waker::from(Arc::clone(&wakes));
        let _raised = gate.raise();
        assert!(gate.wait(None, &waker).is_some());
        gate.set_busy(true);
        gate.set_busy(true);
        assert!(gate.is_up() && gate.wait(None, &waker).is_none());
        gate.set_busy(false);
        assert!(gate.wait(None, &waker).is_some());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }
}
