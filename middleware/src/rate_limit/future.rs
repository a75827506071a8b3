use std::{
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

use super::{check::RateCheck, refusal::refusal};

pin_project! {
    /// The answer of [`RateLimit`](super::RateLimit), or the refusal of a command that is one too many.
    ///
    /// # Cancel safety
    /// A command that is dropped before it was let through has used nothing up, and its place in the queue goes back.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: F,
        // `None` once the command was let through.
        check: Option<RateCheck>,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(answer: F, check: Option<RateCheck>) -> Self {
        Self { answer, check }
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
        let polled;
        match this.check.as_mut().map_or(Poll::Ready(Ok(())), |check| check.poll(cx)) {
            Poll::Ready(Ok(())) => {
                *this.check = None;
                polled = this.answer.poll(cx);
            }
            Poll::Ready(Err(wait)) => polled = Poll::Ready(Ok(refusal(wait).into())),
            Poll::Pending => polled = Poll::Pending,
        }
        // One variable on every way out: each other would be one more move of the answer.
        polled
    }
}
