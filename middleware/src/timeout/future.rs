use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use kvstore_protocol::{
    Response,
    parking::{Parking, observe, seen},
};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

pin_project! {
    /// The answer of [`Timeout`](super::Timeout), or the refusal of a late command.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: F,
        limit: Option<Duration>,
        // Boxed: most commands need no timer, and all futures are moved.
        deadline: Option<Pin<Box<Sleep>>>,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(answer: F, limit: Option<Duration>) -> Self {
        Self { answer, limit, deadline: None }
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
        // The answer is polled first: one that arrives on the deadline is not late.
        match observe(|| this.answer.poll(cx)) {
            // Returned as it came: the compiler then does not move the answer.
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => poll_deadline(*this.limit, this.deadline, cx),
        }
    }
}

/// Waits for the deadline of a pending command.
#[cold]
#[inline(never)]
fn poll_deadline<E>(
    limit: Option<Duration>,
    deadline: &mut Option<Pin<Box<Sleep>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response, E>> {
    let Some(limit) = limit else { return Poll::Pending };
    if seen() == Parking::Parked {
        *deadline = None;
        return Poll::Pending;
    }
    ready!(deadline.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(cx));
    Poll::Ready(Ok(Response::error("TIMEOUT", "the command took too long")))
}
