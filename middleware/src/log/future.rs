use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

use super::active::Active;

pin_project! {
    /// The answer of [`Log`](super::Log).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: F,
        // Boxed: most programs log few commands, and all futures are moved.
        active: Option<Box<Active>>,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(answer: F, active: Option<Box<Active>>) -> Self {
        Self { answer, active }
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
        let Some(active) = this.active else { return this.answer.poll(cx) };
        let result = ready!(active.poll(|| this.answer.poll(cx)));
        active.finish(outcome(&result));
        *this.active = None;
        Poll::Ready(result)
    }
}

fn outcome<E>(result: &Result<Response, E>) -> &str {
    match result {
        Ok(response) if response.is_error() => response.error_code().unwrap_or("error"),
        Ok(_) => "ok",
        Err(_) => "failed",
    }
}
