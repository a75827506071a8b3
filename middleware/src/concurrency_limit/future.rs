use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::{
    Response,
    parking::{Parking, observe, seen},
};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::{layer::WhenFull, permit::CommandPermit};

pin_project! {
    /// The answer of [`ConcurrencyLimit`](super::ConcurrencyLimit), or the refusal of a command that found no permit.
    ///
    /// # Cancel safety
    /// A permit or a place in the queue goes back when the future is dropped.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: F,
        permit: CommandPermit,
        state: LimitState,
    }
}

#[derive(Debug)]
enum LimitState {
    /// Before the first permit.
    Arriving(WhenFull),
    /// Arriving -> Waiting: no permit was free, and the wait is bounded.
    Waiting(Pin<Box<Sleep>>),
    /// Polled with a permit alone.
    UnderWay,
    /// Polled without a permit.
    Parked,
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) fn new(answer: F, permit: CommandPermit, when_full: WhenFull) -> Self {
        Self { answer, permit, state: LimitState::Arriving(when_full) }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !matches!(this.state, LimitState::Arriving(_)) || !this.permit.try_enter() {
            return poll_rare(this.answer, this.permit, this.state, cx);
        }
        match observe(|| this.answer.poll(cx)) {
            // As it came, with nothing in between: the compiler then leaves an answer where it was made.
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => {
                heed(this.permit, this.state, cx);
                Poll::Pending
            }
        }
    }
}

/// Any poll but a first one that finds a permit.
#[cold]
#[inline(never)]
fn poll_rare<F, E>(
    answer: Pin<&mut F>,
    permit: &mut CommandPermit,
    state: &mut LimitState,
    cx: &mut Context<'_>,
) -> Poll<F::Output>
where
    F: Future<Output = Result<Response, E>>,
{
    match state {
        LimitState::Arriving(_) | LimitState::Waiting(_) => {
            if let Err(refusal) = ready!(poll_enter(permit, state, cx)) {
                return Poll::Ready(Ok(refusal));
            }
        }
        LimitState::UnderWay => ready!(permit.poll_enter(cx)),
        LimitState::Parked => {}
    }
    let polled = observe(|| answer.poll(cx));
    if polled.is_ready() {
        permit.leave();
    } else {
        heed(permit, state, cx);
    }
    polled
}

/// Does what a pending command says: one that parks gives its permit away.
#[cold]
fn heed(permit: &mut CommandPermit, state: &mut LimitState, cx: &mut Context<'_>) {
    match seen() {
        Parking::Parked => {
            permit.leave();
            *state = LimitState::Parked;
        }
        // Parked -> UnderWay: the permit is taken at the next poll, not in this one, so that of two limits the outer one
        // always comes first; otherwise each could hold what a command at the other waits for.
        Parking::Returning | Parking::Busy => {
            permit.stay();
            if matches!(state, LimitState::Parked) {
                cx.waker().wake_by_ref();
            }
            *state = LimitState::UnderWay;
        }
    }
}

/// Waits for the first permit, for as long as the settings allow.
fn poll_enter(permit: &mut CommandPermit, state: &mut LimitState, cx: &mut Context<'_>) -> Poll<Result<(), Response>> {
    if matches!(state, LimitState::Arriving(WhenFull::Refuse)) {
        return Poll::Ready(if permit.try_enter() { Ok(()) } else { Err(overloaded("too many commands at once")) });
    }
    // The permit is asked first: one that comes on the deadline is taken.
    if permit.poll_enter(cx).is_ready() {
        return Poll::Ready(Ok(()));
    }
    if let LimitState::Arriving(WhenFull::WaitAtMost(limit)) = state {
        *state = LimitState::Waiting(Box::pin(sleep(*limit)));
    }
    let LimitState::Waiting(deadline) = state else { return Poll::Pending };
    ready!(deadline.as_mut().poll(cx));
    permit.leave();
    Poll::Ready(Err(overloaded("waited too long for its turn")))
}

fn overloaded(text: &str) -> Response {
    Response::error("OVERLOADED", text)
}
