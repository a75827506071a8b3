use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::{Command, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::queued::QueuedCommand;
use crate::deferred::{Deferred, DeferredProjected, NotCalled, ReadyCall};

pin_project! {
    /// The answer of [`RateLimit`](super::RateLimit), or the refusal of a command over the limit.
    ///
    /// # Cancel safety
    /// A command that is dropped while it waits does not count, and its place in the queue is given back.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, S> {
        #[pin]
        call: Deferred<F, Waiting<S>>,
    }
}

/// A command over the limit that waits.
#[derive(Debug)]
pub(super) struct Waiting<S> {
    pub(super) queued: QueuedCommand,
    pub(super) ready: ReadyCall<S>,
}

impl<F, S> ResponseFuture<F, S> {
    #[inline(always)]
    pub(super) const fn new(call: Deferred<F, Waiting<S>>) -> Self {
        Self { call }
    }
}

impl<S> Future for ResponseFuture<S::Future, S>
where
    S: Service<Command, Response = Response>,
{
    type Output = Result<Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut call = self.project().call;
        match call.as_mut().project() {
            DeferredProjected::Called { answer } => answer.poll(cx),
            DeferredProjected::NotCalled { .. } => poll_not_called(call, cx),
        }
    }
}

#[cold]
#[inline(never)]
fn poll_not_called<S>(
    mut call: Pin<&mut Deferred<S::Future, Waiting<S>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response, S::Error>>
where
    S: Service<Command, Response = Response>,
{
    if let DeferredProjected::NotCalled { reason } = call.as_mut().project() {
        match reason {
            NotCalled::Waiting(waiting) => ready!(waiting.queued.poll(cx)),
            NotCalled::Refused(refusal) => return Poll::Ready(Ok(Response::clone(refusal))),
            NotCalled::Taken => return Poll::Pending,
        }
        if let NotCalled::Waiting(waiting) = mem::replace(reason, NotCalled::Taken) {
            // NotCalled -> Called.
            call.set(Deferred::Called { answer: waiting.ready.call() });
        }
    }
    match call.project() {
        DeferredProjected::Called { answer } => answer.poll(cx),
        DeferredProjected::NotCalled { .. } => Poll::Pending,
    }
}
