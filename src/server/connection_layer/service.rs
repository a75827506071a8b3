use std::task::{Context, Poll};

use kvstore_protocol::{Command, Response};
use tower::Service;

use super::{ResponseFuture, find};

/// The service of [`ConnectionLayer`](super::ConnectionLayer).
#[derive(Clone, Debug)]
pub struct ConnectionService<S> {
    inner: S,
}

impl<S> ConnectionService<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Command> for ConnectionService<S>
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
    fn call(&mut self, command: Command) -> ResponseFuture<S::Future> {
        match find(&command) {
            None => ResponseFuture::passed(self.inner.call(command)),
            Some(known) => ResponseFuture::answered_by(known, command),
        }
    }
}
