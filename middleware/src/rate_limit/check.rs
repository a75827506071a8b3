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
    bucket::{Arrival, QueuePosition, Ticket},
    key::BucketId,
    limiter::Limiter,
};

/// One command before the limit, or in a queue. It gives its place back when it is dropped.
pub(super) struct RateCheck {
    limiter: Arc<Limiter>,
    bucket_id: BucketId,
    cost: u32,
    max_wait: Duration,
    waiting: Option<Box<Waiting>>,
}

struct Waiting {
    ticket: Ticket,
    /// Of the first in the queue alone.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl RateCheck {
    /// `None` for a command that is not limited.
    #[inline]
    pub(super) fn of(command: &Command, limiter: &Arc<Limiter>, max_wait: Duration) -> Option<Self> {
        let (bucket_id, cost) = limiter.bucket_and_cost(command)?;
        Some(Self { limiter: Arc::clone(limiter), bucket_id, cost, max_wait, waiting: None })
    }

    /// Lets the command through, or tells how long it would have to wait.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Duration>> {
        if self.waiting.is_none() {
            match self.limiter.arrive(&mut self.bucket_id, self.cost, self.max_wait) {
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
            match self.limiter.poll(self.bucket_id, waiting.ticket, cx.waker()) {
                QueuePosition::First(wait) => waiting.sleep = Some(Box::pin(sleep(wait))),
                QueuePosition::Behind(old) => {
                    drop(old);
                    return Poll::Pending;
                }
                QueuePosition::Passed(removed) => {
                    self.waiting = None;
                    removed.wake_next();
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Drop for RateCheck {
    #[inline]
    fn drop(&mut self) {
        if let Some(waiting) = &self.waiting {
            self.limiter.leave(self.bucket_id, waiting.ticket);
        }
    }
}

impl fmt::Debug for RateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut check = f.debug_struct("RateCheck");
        check.field("cost", &self.cost).field("is_waiting", &self.waiting.is_some()).finish_non_exhaustive()
    }
}
