use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tokio::task::coop::unconstrained;
use tower_service::Service;

use super::ResponseFuture;

/// A service that is always ready, and refuses commands that the inner one is not ready for. Made by
/// [`LoadShedLayer`](super::LoadShedLayer).
#[derive(Debug)]
pub struct LoadShed<S> {
    inner: S,
    is_ready: bool,
}

impl<S> LoadShed<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner, is_ready: false }
    }
}

/// A clone has not been polled ready.
impl<S: Clone> Clone for LoadShed<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S> LoadShed<S>
where
    S: Service<Command> + Clone,
{
    /// Drops the instance, and with it its places in queues. Its clone is in none: by tower's contract reservations are
    /// not cloned.
    #[cold]
    fn replace_pending(&mut self) {
        let fresh = self.inner.clone();
        *self = Self::new(fresh);
    }
}

impl<S> Service<Command> for LoadShed<S>
where
    S: Service<Command, Response = Response> + Clone,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    /// Always ready, unless the inner service fails.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // Outside of the task's budget: once that is spent, everything of tokio's is pending.
        let polled = pin!(unconstrained(poll_fn(|cx| self.inner.poll_ready(cx)))).poll(cx);
        match polled {
            Poll::Ready(ready) => {
                self.is_ready = ready.is_ok();
                Poll::Ready(ready)
            }
            Poll::Pending => {
                self.replace_pending();
                Poll::Ready(Ok(()))
            }
        }
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        match std::mem::take(&mut self.is_ready) {
            true => ResponseFuture::admitted(self.inner.call(command)),
            false => ResponseFuture::refused(Response::error("OVERLOADED", "too many commands at once")),
        }
    }
}
