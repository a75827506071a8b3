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
    Arriving(Arrival),
    /// Polled with a permit alone.
    UnderWay,
    /// Polled without a permit.
    Parked,
}

#[derive(Debug)]
struct Arrival {
    patience: Patience,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(answer: F, turn: Turn, patience: Patience) -> Self {
        Self { answer, turn, stage: Stage::Arriving(Arrival { patience, deadline: None }) }
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
        match this.stage {
            Stage::Arriving(arrival) => {
                if let Err(refusal) = ready!(arrival.poll_enter(this.turn, cx)) {
                    return Poll::Ready(Ok(refusal));
                }
                *this.stage = Stage::UnderWay;
            }
            Stage::UnderWay => ready!(this.turn.poll_enter(cx)),
            Stage::Parked => {}
        }
        let polled = observe(|| this.answer.poll(cx));
        if polled.is_ready() {
            this.turn.leave();
            return polled;
        }
        match seen() {
            Parking::Parked => {
                this.turn.leave();
                *this.stage = Stage::Parked;
            }
            // Parked -> UnderWay: the permit is taken at the next poll, not in this one, so that of two limits the outer one
            // always comes first; otherwise each could hold what a command at the other waits for.
            Parking::Returning | Parking::Busy => {
                if matches!(this.stage, Stage::Parked) {
                    *this.stage = Stage::UnderWay;
                    cx.waker().wake_by_ref();
                }
            }
        }
        Poll::Pending
    }
}

impl Arrival {
    #[inline]
    fn poll_enter(&mut self, turn: &mut Turn, cx: &mut Context<'_>) -> Poll<Result<(), Response>> {
        if turn.try_enter() {
            return Poll::Ready(Ok(()));
        }
        self.poll_wait(turn, cx)
    }

    #[cold]
    fn poll_wait(&mut self, turn: &mut Turn, cx: &mut Context<'_>) -> Poll<Result<(), Response>> {
        if matches!(self.patience, Patience::Refuse) {
            return Poll::Ready(Err(overloaded("too many commands at once")));
        }
        // The turn is asked first: one that comes on the deadline is taken.
        if turn.poll_enter(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let Patience::WaitAtMost(limit) = self.patience else { return Poll::Pending };
        ready!(self.deadline.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(cx));
        turn.leave();
        Poll::Ready(Err(overloaded("waited too long for its turn")))
    }
}

fn overloaded(text: &str) -> Response {
    Response::error("OVERLOADED", text)
}
