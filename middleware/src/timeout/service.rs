use std::{
    task::{Context, Poll},
    time::Duration,
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::ResponseFuture;

/// A service whose commands have a time limit. Made by [`TimeoutLayer`](super::TimeoutLayer).
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    limit: Option<Duration>,
}

impl<S> Timeout<S> {
    pub(super) const fn new(inner: S, limit: Option<Duration>) -> Self {
        Self { inner, limit }
    }
}

impl<S> Service<Command> for Timeout<S>
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

    #[inline(always)]
    fn call(&mut self, command: Command) -> Self::Future {
        ResponseFuture::new(self.inner.call(command), self.limit)
    }
}
