//! The token bucket of one key, and the commands that wait for it.

use std::{collections::VecDeque, task::Waker, time::Duration};

use super::rate::{Allowance, Rate};

#[derive(Debug, Default)]
pub(super) struct Bucket {
    allowance: Allowance,
    /// Boxed, and there only while a command waits: most keys are never over their limit.
    queue: Option<Box<BucketQueue>>,
}

/// The waiting commands, in order. Only a command itself removes its waiter.
#[derive(Debug, Default)]
struct BucketQueue {
    last_ticket: u64,
    waiters: VecDeque<Waiter>,
    /// The cost of all of them.
    cost: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    cost: u32,
    /// Set for a waiter that is not the first.
    waker: Option<Waker>,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What happens to a command that has just come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Passed,
    Queued(Ticket),
    /// It would have to wait for this long.
    Refused(Duration),
}

/// What a waiting command has to do.
#[derive(Debug)]
pub(super) enum QueuePosition {
    /// It may pass.
    Passed(RemovedWaiter),
    /// It is the first, and has to wait for this long.
    First(Duration),
    /// It is woken once it is the first. Its old waker must be dropped outside of the lock.
    Behind(Option<Waker>),
}

/// A waiter that has been removed, and the waker of the one that is the first now.
#[derive(Debug, Default)]
#[must_use = "the next waiter sleeps until it is woken"]
pub(super) struct RemovedWaiter {
    old: Option<Waker>,
    next: Option<Waker>,
}

impl RemovedWaiter {
    /// Wakes the first waiter. Called outside of the lock, since a waker may own a future that waits here.
    pub(super) fn wake_next(self) {
        drop(self.old);
        if let Some(next) = self.next {
            next.wake();
        }
    }
}

impl Bucket {
    /// Lets a command pass, or queues it if its wait is no longer than `max_wait`.
    ///
    /// The wait is known now: the commands in front can only become fewer.
    pub(super) fn arrive(&mut self, rate: &Rate, cost: u32, max_wait: Duration, now: Duration) -> Arrival {
        let queued = self.queue.as_ref().map_or(0, |queue| queue.cost);
        let wait = rate.wait(self.allowance, queued, cost, now);
        if wait.is_zero() && self.queue.is_none() {
            self.allowance = rate.take(self.allowance, cost, now);
            return Arrival::Passed;
        }
        // The wait is zero if the commands in front may pass, but have not been polled since.
        if wait > max_wait || max_wait.is_zero() {
            return Arrival::Refused(wait);
        }
        Arrival::Queued(self.queue.get_or_insert_default().push(cost))
    }

    pub(super) fn poll(&mut self, ticket: Ticket, rate: &Rate, now: Duration, waker: &Waker) -> QueuePosition {
        let Some(queue) = &mut self.queue else { return QueuePosition::Passed(RemovedWaiter::default()) };
        let Some(place) = queue.place(ticket) else { return QueuePosition::Passed(RemovedWaiter::default()) };
        let waiter = &mut queue.waiters[place];
        if place > 0 {
            let known = waiter.waker.as_ref().is_some_and(|known| known.will_wake(waker));
            return QueuePosition::Behind(if known { None } else { waiter.waker.replace(waker.clone()) });
        }
        let wait = rate.wait(self.allowance, 0, waiter.cost, now);
        if !wait.is_zero() {
            return QueuePosition::First(wait);
        }
        self.allowance = rate.take(self.allowance, waiter.cost, now);
        QueuePosition::Passed(self.leave(ticket))
    }

    /// Removes a waiter from the queue.
    pub(super) fn leave(&mut self, ticket: Ticket) -> RemovedWaiter {
        let Some(queue) = &mut self.queue else { return RemovedWaiter::default() };
        let Some(place) = queue.place(ticket) else { return RemovedWaiter::default() };
        let removed = queue.waiters.remove(place);
        queue.cost -= removed.as_ref().map_or(0, |waiter| waiter.cost.into());
        let next = queue.waiters.front_mut().filter(|_| place == 0).and_then(|next| next.waker.take());
        if queue.waiters.is_empty() {
            self.queue = None;
        }
        RemovedWaiter { old: removed.and_then(|waiter| waiter.waker), next }
    }

    /// Whether the bucket is as good as a new one, so that it can be evicted.
    pub(super) fn is_full(&self, rate: &Rate, now: Duration) -> bool {
        self.queue.is_none() && rate.is_full(self.allowance, now)
    }
}

impl BucketQueue {
    fn push(&mut self, cost: u32) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.cost += u64::from(cost);
        self.waiters.push_back(Waiter { ticket, cost, waker: None });
        ticket
    }

    fn place(&self, ticket: Ticket) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }
}
