use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, check::RateCheck, limiter::Limiter, nested::with_inspector};

/// A service with a limited number of commands in a time. Made by [`RateLimitLayer`](super::RateLimitLayer).
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    limiter: Option<Arc<Limiter>>,
    max_wait: Duration,
}

impl<S> RateLimit<S> {
    pub(super) const fn new(inner: S, limiter: Option<Arc<Limiter>>, max_wait: Duration) -> Self {
        Self { inner, limiter, max_wait }
    }
}

impl<S> Service<Command> for RateLimit<S>
where
    S: Service<Command, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut command: Command) -> Self::Future {
        let Some(limiter) = &self.limiter else { return ResponseFuture::new(self.inner.call(command), None) };
        let check = RateCheck::of(&command, limiter, self.max_wait);
        if command.runs_others() {
            command = with_inspector(command, limiter);
        }
        ResponseFuture::new(self.inner.call(command), check)
    }
}
