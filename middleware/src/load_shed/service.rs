use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tokio::task::coop::unconstrained;
use tower_service::Service;

use super::ResponseFuture;

/// A service that is ready for every command, and refuses those that the inner one is not ready for. Made by
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

/// A clone has yet to ask whether it is ready.
impl<S: Clone> Clone for LoadShed<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S> LoadShed<S>
where
    S: Service<Command> + Clone,
{
    /// Leaves every queue that the instance stands in. A clone stands in none: no service clones what it has reserved.
    #[cold]
    fn step_back(&mut self) {
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
        // Outside of the task's budget: when that is spent, everything of tokio's says that it is not ready.
        let polled = pin!(unconstrained(poll_fn(|cx| self.inner.poll_ready(cx)))).poll(cx);
        match polled {
            Poll::Ready(ready) => {
                self.is_ready = ready.is_ok();
                Poll::Ready(ready)
            }
            Poll::Pending => {
                self.step_back();
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
