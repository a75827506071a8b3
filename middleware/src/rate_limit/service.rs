use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{
    ResponseFuture, future::Waiting, limiter::Limiter, nested::with_inspector, queued::QueuedCommand, refusal::refusal,
};
use crate::deferred::{Deferred, NotCalled, ReadyCall};

/// A service that takes a limited number of commands in a period. Made by [`RateLimitLayer`](super::RateLimitLayer).
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

impl<S> RateLimit<S>
where
    S: Service<Command, Response = Response> + Clone,
{
    /// Takes the ready instance along, so that nothing of what it reserved stays here while the command waits, or once
    /// it was refused.
    #[cold]
    #[inline(never)]
    fn hold_back(&mut self, command: Command, over: Result<QueuedCommand, Duration>) -> NotCalled<Waiting<S>> {
        let ready = ReadyCall::take(&mut self.inner, command);
        match over {
            Err(wait) => NotCalled::refused(refusal(wait)),
            Ok(queued) => NotCalled::waiting(Waiting { queued, ready }),
        }
    }
}

impl<S> Service<Command> for RateLimit<S>
where
    S: Service<Command, Response = Response> + Clone,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    /// Calls the inner service only once the command may pass: a service may do all of its work in `call`.
    #[inline]
    fn call(&mut self, mut command: Command) -> Self::Future {
        let over = self.limiter.as_ref().and_then(|limiter| limiter.count(&command, self.max_wait));
        if let Some(limiter) = self.limiter.as_ref().filter(|_| command.runs_commands()) {
            command = with_inspector(command, limiter);
        }
        ResponseFuture::new(match over {
            None => Deferred::Called { answer: self.inner.call(command) },
            Some(over) => Deferred::NotCalled { reason: self.hold_back(command, over) },
        })
    }
}
