use std::{
    any::{Any, type_name},
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

use super::catch::catch;
use crate::failure;

pin_project! {
    /// The answer of [`CatchPanic`](super::CatchPanic), or the answer to a panic.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, A> {
        // `None` if the service panicked before there was a future. Then there is a refusal.
        #[pin]
        inner: Option<F>,
        refusal: Option<Box<Response>>,
        answer: A,
    }

    impl<F, A> PinnedDrop for ResponseFuture<F, A> {
        fn drop(this: Pin<&mut Self>) {
            let _ = failure::catch(|| this.project().inner.set(None));
        }
    }
}

impl<F, A> ResponseFuture<F, A> {
    #[inline]
    pub(super) const fn new(inner: F, answer: A) -> Self {
        Self { inner: Some(inner), refusal: None, answer }
    }

    pub(super) const fn refused(refusal: Box<Response>, answer: A) -> Self {
        Self { inner: None, refusal: Some(refusal), answer }
    }
}

impl<F, A, E> Future for ResponseFuture<F, A>
where
    F: Future<Output = Result<Response, E>>,
    A: Fn(&(dyn Any + Send)) -> Response,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut polled = Poll::Pending;
        if let Some(inner) = this.inner.as_pin_mut() {
            if let Err(refusal) = catch(this.answer, || polled = inner.poll(cx)) {
                polled = Poll::Ready(Ok(refusal));
            }
        } else if let Some(refusal) = this.refusal {
            polled = Poll::Ready(Ok(Response::clone(refusal)));
        }
        // One variable on every way out: each other would be one more move of the answer.
        polled
    }
}

impl<F: fmt::Debug, A> fmt::Debug for ResponseFuture<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("inner", &self.inner).field("answer", &type_name::<A>()).finish()
    }
}
