//! The allowance of one key, and who waits for it.

use std::{collections::VecDeque, task::Waker, time::Duration};

use super::rate::{Allowance, Rate};

#[derive(Debug, Default)]
pub(super) struct Bucket {
    allowance: Allowance,
    /// Boxed, and there only while somebody waits: most keys are never over their limit.
    queue: Option<Box<BucketQueue>>,
}

/// Those who wait, first come first. A waiter is removed by its own command alone.
#[derive(Debug, Default)]
struct BucketQueue {
    last_ticket: u64,
    waiters: VecDeque<Waiter>,
    /// What all of them cost.
    cost: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    cost: u32,
    /// Wakes one who is not the first yet.
    waker: Option<Waker>,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What a command is told that has just come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Passed,
    Queued(Ticket),
    /// It would have to wait this long.
    Refused(Duration),
}

/// What a command is told that waits.
#[derive(Debug)]
pub(super) enum QueuePosition {
    /// It may pass.
    Passed(RemovedWaiter),
    /// It is the first, and has to wait this long.
    First(Duration),
    /// It will be woken when it is the first. The waker that it had before is to be dropped.
    Behind(Option<Waker>),
}

/// What is to be done about a waiter that is in the queue no more.
#[derive(Debug, Default)]
#[must_use = "the next one sleeps until it is woken"]
pub(super) struct RemovedWaiter {
    old: Option<Waker>,
    next: Option<Waker>,
}

impl RemovedWaiter {
    /// Wakes the one who is the first now. Not under the lock, as a waker is dropped too: it may own a future that waits
    /// here.
    pub(super) fn wake_next(self) {
        drop(self.old);
        if let Some(next) = self.next {
            next.wake();
        }
    }
}

impl Bucket {
    /// Lets a command through, or into the queue if that is done with within `max_wait`.
    ///
    /// It is known now: those in front can only become fewer.
    pub(super) fn arrive(&mut self, rate: &Rate, cost: u32, max_wait: Duration, now: Duration) -> Arrival {
        let queued = self.queue.as_ref().map_or(0, |queue| queue.cost);
        let wait = rate.wait(self.allowance, queued, cost, now);
        if wait.is_zero() && self.queue.is_none() {
            self.allowance = rate.take(self.allowance, cost, now);
            return Arrival::Passed;
        }
        // Zero when those in front may pass already, and have not been polled since.
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

    /// Takes a waiter out of the queue.
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

    /// Whether nothing is lost when the bucket is evicted.
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
