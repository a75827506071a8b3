use std::{
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, rule::DenyRule};

/// A service that does not get denied commands. Made by [`DenyLayer`](super::DenyLayer).
#[derive(Clone, Debug)]
pub struct Deny<S> {
    inner: S,
    rule: Arc<DenyRule>,
}

impl<S> Deny<S> {
    pub(super) const fn new(inner: S, rule: Arc<DenyRule>) -> Self {
        Self { inner, rule }
    }
}

impl<S> Service<Command> for Deny<S>
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
    fn call(&mut self, command: Command) -> Self::Future {
        if self.rule.denies(&command) {
            return ResponseFuture::refused(self.rule.refusal(&command));
        }
        ResponseFuture::admitted(self.inner.call(command.inspected_by(|| self.rule.clone())))
    }
}
