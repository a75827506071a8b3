use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use kvstore_protocol::{
    Command, Response,
    parking::{Parking, observe, seen},
};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::permit::CommandPermit;
use crate::deferred::{Deferred, DeferredProjected, NotCalled, ReadyCall};

pin_project! {
    /// The answer of [`ConcurrencyLimit`](super::ConcurrencyLimit), or the refusal of a command that got no permit.
    ///
    /// # Cancel safety
    /// When the future is dropped, its permit or its place in the queue is given back.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, S> {
        // Dropped before the permit is given back.
        #[pin]
        call: Deferred<F, Waiting<S>>,
        permit: CommandPermit,
    }
}

/// A command that waits for its first permit.
#[derive(Debug)]
pub(super) struct Waiting<S> {
    ready: ReadyCall<S>,
    limit: Option<Duration>,
    /// Started by the first poll that finds no permit.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Waiting<S> {
    pub(super) fn new(ready: ReadyCall<S>, limit: Option<Duration>) -> Self {
        Self { ready, limit, deadline: None }
    }

    /// Never ready without a limit.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else { return Poll::Pending };
        self.deadline.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(cx)
    }
}

impl<F, S> ResponseFuture<F, S> {
    #[inline(always)]
    pub(super) const fn new(call: Deferred<F, Waiting<S>>, permit: CommandPermit) -> Self {
        Self { call, permit }
    }
}

impl<S> Future for ResponseFuture<S::Future, S>
where
    S: Service<Command, Response = Response>,
{
    type Output = Result<Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.permit.is_new()
            && let DeferredProjected::Called { answer } = this.call.as_mut().project()
        {
            return match observe(|| answer.poll(cx)) {
                // As it came, with nothing in between: the compiler then leaves an answer where it was made.
                Poll::Ready(answer) => Poll::Ready(answer),
                Poll::Pending => {
                    after_pending(this.permit, cx);
                    Poll::Pending
                }
            };
        }
        poll_again(this.call, this.permit, cx)
    }
}

/// Any poll but the first of a command that had a permit at once.
#[cold]
#[inline(never)]
fn poll_again<S>(
    mut call: Pin<&mut Deferred<S::Future, Waiting<S>>>,
    permit: &mut CommandPermit,
    cx: &mut Context<'_>,
) -> Poll<Result<Response, S::Error>>
where
    S: Service<Command, Response = Response>,
{
    if let DeferredProjected::NotCalled { reason } = call.as_mut().project() {
        let ready = match ready!(poll_not_called(reason, permit, cx)) {
            Ok(ready) => ready,
            Err(refusal) => return Poll::Ready(Ok(refusal)),
        };
        // NotCalled -> Called.
        call.set(Deferred::Called { answer: ready.call() });
    }
    match call.project() {
        DeferredProjected::Called { answer } => poll_called(answer, permit, cx),
        DeferredProjected::NotCalled { .. } => Poll::Pending,
    }
}

/// Waits for the first permit.
fn poll_not_called<S>(
    reason: &mut NotCalled<Waiting<S>>,
    permit: &mut CommandPermit,
    cx: &mut Context<'_>,
) -> Poll<Result<ReadyCall<S>, Response>> {
    let waiting = match reason {
        NotCalled::Waiting(waiting) => waiting,
        NotCalled::Refused(refusal) => return Poll::Ready(Err(Response::clone(refusal))),
        NotCalled::Taken => return Poll::Pending,
    };
    // The permit is asked first: one that comes on the deadline is taken.
    let has_permit = permit.poll_take(cx).is_ready();
    if !has_permit {
        ready!(waiting.poll_deadline(cx));
    }
    match mem::replace(reason, NotCalled::Taken) {
        NotCalled::Waiting(waiting) if has_permit => Poll::Ready(Ok(waiting.ready)),
        _ => {
            permit.give_back();
            Poll::Ready(Err(overloaded("waited too long for its turn")))
        }
    }
}

/// Polls a command that was called: with a permit, unless it is parked or settled.
fn poll_called<F, E>(answer: Pin<&mut F>, permit: &mut CommandPermit, cx: &mut Context<'_>) -> Poll<F::Output>
where
    F: Future<Output = Result<Response, E>>,
{
    if !permit.is_released() {
        ready!(permit.poll_take(cx));
    }
    let polled = observe(|| answer.poll(cx));
    if polled.is_ready() {
        permit.give_back();
    } else {
        after_pending(permit, cx);
    }
    polled
}

/// Gives the permit back while the command is parked, and for good once it has settled.
#[cold]
fn after_pending(permit: &mut CommandPermit, cx: &mut Context<'_>) {
    match seen() {
        Parking::Parked => permit.park(),
        Parking::Settled => permit.settle(),
        // The permit is taken at the next poll and not in this one, so that of two limits the outer one always comes
        // first. Otherwise each could hold what a command at the other waits for.
        Parking::Returning | Parking::Busy => {
            if permit.is_parked() {
                cx.waker().wake_by_ref();
            }
            permit.stay();
        }
    }
}

pub(super) fn overloaded(text: &str) -> Response {
    Response::error("OVERLOADED", text)
}
