use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

use super::active::Active;
use crate::outcome::Outcome;

pin_project! {
    /// The answer of [`Audit`](super::Audit).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: F,
        // Boxed: a command that is filtered out has none.
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
        match this.active {
            None => this.answer.poll(cx),
            Some(_) => poll_recorded(this.answer, this.active, cx),
        }
    }
}

/// Apart, so that the way of an answer that is not recorded is short.
#[inline(never)]
fn poll_recorded<F, E>(answer: Pin<&mut F>, active: &mut Option<Box<Active>>, cx: &mut Context<'_>) -> Poll<F::Output>
where
    F: Future<Output = Result<Response, E>>,
{
    let Some(recorded) = active else { return answer.poll(cx) };
    let result = ready!(recorded.poll(|| answer.poll(cx)));
    recorded.finish(Outcome::of(&result));
    *active = None;
    Poll::Ready(result)
}
