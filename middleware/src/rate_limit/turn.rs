//! The way of one command through the limit.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use kvstore_protocol::Command;
use tokio::time::{Sleep, sleep};

use super::{
    bucket::{Arrival, Place, Ticket},
    key::Owner,
    limiter::Limiter,
};

/// One command before the limit, or in a queue. It gives its place back when it is dropped.
pub(super) struct Turn {
    limiter: Arc<Limiter>,
    owner: Owner,
    cost: u32,
    patience: Duration,
    waiting: Option<Box<Waiting>>,
}

struct Waiting {
    ticket: Ticket,
    /// Of the first in the queue alone.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Turn {
    /// `None` for a command that is not limited.
    #[inline]
    pub(super) fn of(command: &Command, limiter: &Arc<Limiter>, patience: Duration) -> Option<Self> {
        let (owner, cost) = limiter.owner_and_cost(command)?;
        Some(Self { limiter: Arc::clone(limiter), owner, cost, patience, waiting: None })
    }

    /// Lets the command through, or tells how long it would have to wait.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Duration>> {
        if self.waiting.is_none() {
            match self.limiter.arrive(&mut self.owner, self.cost, self.patience) {
                Arrival::Passed => return Poll::Ready(Ok(())),
                Arrival::Refused(wait) => return Poll::Ready(Err(wait)),
                Arrival::Queued(ticket) => self.waiting = Some(Box::new(Waiting { ticket, sleep: None })),
            }
        }
        self.poll_queue(cx).map(Ok)
    }

    #[cold]
    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(waiting) = &mut self.waiting else { return Poll::Ready(()) };
        loop {
            if let Some(sleep) = &mut waiting.sleep {
                ready!(sleep.as_mut().poll(cx));
            }
            match self.limiter.poll(self.owner, waiting.ticket, cx.waker()) {
                Place::First(wait) => waiting.sleep = Some(Box::pin(sleep(wait))),
                Place::Behind(old) => {
                    drop(old);
                    return Poll::Pending;
                }
                Place::Passed(left) => {
                    self.waiting = None;
                    left.wake_next();
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        if let Some(waiting) = &self.waiting {
            self.limiter.leave(self.owner, waiting.ticket);
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut turn = f.debug_struct("Turn");
        turn.field("cost", &self.cost).field("is_waiting", &self.waiting.is_some()).finish_non_exhaustive()
    }
}
