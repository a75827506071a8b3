use std::{
    any::type_name,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The changed response of [`MapResponse`](super::MapResponse).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<A, F> {
        #[pin]
        answer: A,
        map: F,
    }
}

impl<A, F> ResponseFuture<A, F> {
    #[inline]
    pub(super) const fn new(answer: A, map: F) -> Self {
        Self { answer, map }
    }
}

impl<A, F, E> Future for ResponseFuture<A, F>
where
    A: Future<Output = Result<Response, E>>,
    F: Fn(Response) -> Response,
{
    type Output = A::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        let this = self.project();
        Poll::Ready(ready!(this.answer.poll(cx)).map(&*this.map))
    }
}

impl<A: fmt::Debug, F> fmt::Debug for ResponseFuture<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("answer", &self.answer).field("map", &type_name::<F>()).finish()
    }
}
