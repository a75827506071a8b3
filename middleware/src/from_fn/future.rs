use std::{
    any::type_name,
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::{IntoResponse, Response};
use pin_project_lite::pin_project;

pin_project! {
    /// The answer of the function of a [`FromFn`](super::FromFn).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<A, E> {
        #[pin]
        answer: A,
        error: PhantomData<fn() -> E>,
    }
}

impl<A, E> ResponseFuture<A, E> {
    #[inline]
    pub(super) const fn new(answer: A) -> Self {
        Self { answer, error: PhantomData }
    }
}

impl<A, E> Future for ResponseFuture<A, E>
where
    A: Future<Output: IntoResponse>,
{
    type Output = Result<Response, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx).map(|answer| Ok(answer.into_response()))
    }
}

impl<A, E> fmt::Debug for ResponseFuture<A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("answer", &type_name::<A>()).finish()
    }
}
