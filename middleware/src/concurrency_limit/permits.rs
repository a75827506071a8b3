//! The permits of a limit, and the queue of commands that wait for one.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

/// One waiter in `counts`. The lower half counts the permits in use.
const WAITER: u64 = 1 << 32;

/// The permits of one limit.
///
/// Permits in use and waiters are counted in one atomic word. Giving a permit back tells in the same step whether a
/// command waits, and starting to wait checks in the same step that no permit is free, so no wake-up is lost in
/// between. A permit that is given back while commands wait is handed to the first of them; new commands take none
/// while there are waiters.
#[derive(Debug)]
pub(super) struct Permits {
    max: u64,
    counts: AtomicU64,
    queue: Mutex<PermitQueue>,
}

/// The waiters, in order. Their number is that in `counts`, which changes only under the lock.
#[derive(Debug, Default)]
struct PermitQueue {
    last_ticket: u64,
    waiters: VecDeque<(Ticket, Waker)>,
}

/// A place in the queue. If it is no longer in the queue, its permit has been handed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Permits {
    pub(super) fn new(max: usize) -> Self {
        let max = u32::try_from(max).unwrap_or(u32::MAX).into();
        Self { max, counts: AtomicU64::new(0), queue: Mutex::default() }
    }

    pub(super) fn max(&self) -> usize {
        self.max as usize
    }

    pub(super) fn in_use(&self) -> usize {
        (self.counts.load(Ordering::Relaxed) % WAITER) as usize
    }

    pub(super) fn waiting(&self) -> usize {
        (self.counts.load(Ordering::Relaxed) / WAITER) as usize
    }

    /// Takes a permit, unless all are in use or another command waits for one.
    #[inline]
    pub(super) fn try_take(&self) -> bool {
        // A single waiter makes the word larger than any limit.
        let one_more = |counts| (counts < self.max).then_some(counts + 1);
        self.counts.try_update(Ordering::Acquire, Ordering::Relaxed, one_more).is_ok()
    }

    /// Gives a permit back, or hands it to the first waiter.
    #[inline]
    pub(super) fn give(&self) {
        if self.counts.fetch_sub(1, Ordering::Release) >= WAITER {
            self.hand_on();
        }
    }

    /// Takes a permit, or a place in the queue.
    pub(super) fn take_or_queue(&self, waker: Waker) -> Result<(), Ticket> {
        let mut queue = self.lock();
        let either = |counts| if counts < self.max { counts + 1 } else { counts + WAITER };
        if self.counts.update(Ordering::Acquire, Ordering::Relaxed, either) < self.max {
            return Ok(());
        }
        queue.last_ticket += 1;
        let ticket = Ticket(queue.last_ticket);
        queue.waiters.push_back((ticket, waker));
        Err(ticket)
    }

    /// Waits until a permit has been handed to `ticket`.
    pub(super) fn poll_handed(&self, ticket: Ticket, waker: &Waker) -> Poll<()> {
        let mut queue = self.lock();
        let Some(position) = queue.position(ticket) else { return Poll::Ready(()) };
        let known = &mut queue.waiters[position].1;
        if !known.will_wake(waker) {
            let old = mem::replace(known, waker.clone());
            drop(queue);
            drop(old);
        }
        Poll::Pending
    }

    /// Leaves the queue. A permit that was handed over already is given back.
    pub(super) fn leave(&self, ticket: Ticket) {
        let mut queue = self.lock();
        let Some(position) = queue.position(ticket) else {
            drop(queue);
            return self.give();
        };
        self.counts.fetch_sub(WAITER, Ordering::Relaxed);
        let left = queue.waiters.remove(position);
        drop(queue);
        drop(left);
    }

    /// Hands a permit to the first waiter. One is enough: each permit that is given back comes here.
    #[cold]
    fn hand_on(&self) {
        let mut queue = self.lock();
        // All may be in use again: the queue was empty for a moment, and a new command took the permit.
        let swap = |counts| (counts >= WAITER && counts % WAITER < self.max).then(|| counts - WAITER + 1);
        if self.counts.try_update(Ordering::Relaxed, Ordering::Relaxed, swap).is_err() {
            return;
        }
        let handed = queue.waiters.pop_front();
        drop(queue);
        if let Some((_, waker)) = handed {
            waker.wake();
        }
    }

    /// Wakers are woken and dropped outside of the lock: one may own a future that waits here.
    fn lock(&self) -> MutexGuard<'_, PermitQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PermitQueue {
    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_takes_no_permit_that_is_on_its_way_to_a_waiter() {
        let permits = Permits::new(1);
        assert!(permits.try_take());
        let waiter = permits.take_or_queue(Waker::noop().clone()).expect_err("all are in use");
        permits.counts.fetch_sub(1, Ordering::Release);
        // The permit is between the two steps of being given back.
        assert!(!permits.try_take());
        let newcomer = permits.take_or_queue(Waker::noop().clone()).expect_err("somebody waits");
        permits.hand_on();
        assert!(permits.poll_handed(waiter, Waker::noop()).is_ready());
        assert!(permits.poll_handed(newcomer, Waker::noop()).is_pending());
    }

    #[test]
    fn a_permit_that_was_taken_on_its_way_is_not_handed_on() {
        let permits = Permits::new(1);
        assert!(permits.try_take());
        let waiter = permits.take_or_queue(Waker::noop().clone()).expect_err("all are in use");
        permits.counts.fetch_sub(1, Ordering::Release);
        permits.leave(waiter);
        assert!(permits.try_take());
        let next = permits.take_or_queue(Waker::noop().clone()).expect_err("all are in use");
        permits.hand_on();
        assert!(permits.poll_handed(next, Waker::noop()).is_pending());
        permits.give();
        assert!(permits.poll_handed(next, Waker::noop()).is_ready());
    }
}
