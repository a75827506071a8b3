//! A command that waits until the limit lets it through.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::{Sleep, sleep};

use super::{
    bucket::{QueuePosition, Ticket},
    key::BucketId,
    limiter::Limiter,
};

/// A command's place in the queue of its bucket. Given back on drop.
pub(super) struct QueuedCommand {
    limiter: Arc<Limiter>,
    bucket_id: BucketId,
    ticket: Ticket,
    /// Only the first in the queue has one.
    sleep: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl QueuedCommand {
    pub(super) fn new(limiter: &Arc<Limiter>, bucket_id: BucketId, ticket: Ticket) -> Self {
        Self { limiter: Arc::clone(limiter), bucket_id, ticket, sleep: None, is_waiting: true }
    }

    /// Waits until the command may pass.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
            }
            match self.limiter.poll(self.bucket_id, self.ticket, cx.waker()) {
                QueuePosition::First(wait) => self.sleep = Some(Box::pin(sleep(wait))),
                QueuePosition::Behind(old_waker) => {
                    drop(old_waker);
                    return Poll::Pending;
                }
                QueuePosition::Passed(removed) => {
                    self.is_waiting = false;
                    removed.wake_next();
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Drop for QueuedCommand {
    fn drop(&mut self) {
        if self.is_waiting {
            self.limiter.leave(self.bucket_id, self.ticket);
        }
    }
}

impl fmt::Debug for QueuedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedCommand").field("is_waiting", &self.is_waiting).finish_non_exhaustive()
    }
}
