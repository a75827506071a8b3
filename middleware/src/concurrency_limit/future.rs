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

use super::{layer::Patience, turn::Turn};

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
        turn: Turn,
        stage: Stage,
    }
}

#[derive(Debug)]
enum Stage {
    /// Before the first permit.
    Arriving(Patience),
    /// Arriving -> Waiting: no permit was free, and the patience has an end.
    Waiting(Pin<Box<Sleep>>),
    /// Polled with a permit alone.
    UnderWay,
    /// Polled without a permit.
    Parked,
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) fn new(answer: F, turn: Turn, patience: Patience) -> Self {
        Self { answer, turn, stage: Stage::Arriving(patience) }
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
        if !matches!(this.stage, Stage::Arriving(_)) || !this.turn.try_enter() {
            return poll_rare(this.answer, this.turn, this.stage, cx);
        }
        match observe(|| this.answer.poll(cx)) {
            // As it came, with nothing in between: the compiler then leaves an answer where it was made.
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => {
                heed(this.turn, this.stage, cx);
                Poll::Pending
            }
        }
    }
}

/// Any poll but a first one that finds a permit.
#[cold]
#[inline(never)]
fn poll_rare<F, E>(answer: Pin<&mut F>, turn: &mut Turn, stage: &mut Stage, cx: &mut Context<'_>) -> Poll<F::Output>
where
    F: Future<Output = Result<Response, E>>,
{
    match stage {
        Stage::Arriving(_) | Stage::Waiting(_) => {
            if let Err(refusal) = ready!(poll_enter(turn, stage, cx)) {
                return Poll::Ready(Ok(refusal));
            }
        }
        Stage::UnderWay => ready!(turn.poll_enter(cx)),
        Stage::Parked => {}
    }
    let polled = observe(|| answer.poll(cx));
    if polled.is_ready() {
        turn.leave();
    } else {
        heed(turn, stage, cx);
    }
    polled
}

/// Does what a pending command says: one that parks gives its permit away.
#[cold]
fn heed(turn: &mut Turn, stage: &mut Stage, cx: &mut Context<'_>) {
    match seen() {
        Parking::Parked => {
            turn.leave();
            *stage = Stage::Parked;
        }
        // Parked -> UnderWay: the permit is taken at the next poll, not in this one, so that of two limits the outer one
        // always comes first; otherwise each could hold what a command at the other waits for.
        Parking::Returning | Parking::Busy => {
            turn.stay();
            if matches!(stage, Stage::Parked) {
                cx.waker().wake_by_ref();
            }
            *stage = Stage::UnderWay;
        }
    }
}

/// Waits for the first permit, as long as there is patience for it.
fn poll_enter(turn: &mut Turn, stage: &mut Stage, cx: &mut Context<'_>) -> Poll<Result<(), Response>> {
    if matches!(stage, Stage::Arriving(Patience::Refuse)) {
        return Poll::Ready(if turn.try_enter() { Ok(()) } else { Err(overloaded("too many commands at once")) });
    }
    // The turn is asked first: one that comes on the deadline is taken.
    if turn.poll_enter(cx).is_ready() {
        return Poll::Ready(Ok(()));
    }
    if let Stage::Arriving(Patience::WaitAtMost(limit)) = stage {
        *stage = Stage::Waiting(Box::pin(sleep(*limit)));
    }
    let Stage::Waiting(deadline) = stage else { return Poll::Pending };
    ready!(deadline.as_mut().poll(cx));
    turn.leave();
    Poll::Ready(Err(overloaded("waited too long for its turn")))
}

fn overloaded(text: &str) -> Response {
    Response::error("OVERLOADED", text)
}
