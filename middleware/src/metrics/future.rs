use std::{
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

use super::in_flight::MeasuredCommand;
use crate::outcome::Outcome;

pin_project! {
    /// The answer of [`Metrics`](super::Metrics).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: F,
        // Dropped with the answer: a future that is kept is no longer in flight.
        measured: Option<MeasuredCommand>,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(answer: F, measured: MeasuredCommand) -> Self {
        Self { answer, measured: Some(measured) }
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
        let Some(measured) = this.measured else { return this.answer.poll(cx) };
        let polled = measured.poll(|| this.answer.poll(cx));
        if let Poll::Ready(result) = &polled {
            measured.finish(Outcome::of(result));
            *this.measured = None;
        }
        polled
    }
}
