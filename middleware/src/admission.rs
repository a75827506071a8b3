//! The future of layers that either pass a command on or refuse it at once.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The answer of the inner service, or the refusal of a command that was not passed on.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        admission: Admission<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projected]
    enum Admission<F> {
        Admitted { #[pin] answer: F },
        // Boxed: most commands are admitted, and all futures are moved.
        Refused { refusal: Box<Response> },
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(crate) const fn admitted(answer: F) -> Self {
        Self { admission: Admission::Admitted { answer } }
    }

    #[cold]
    pub(crate) fn refused(refusal: impl Into<Response>) -> Self {
        Self { admission: Admission::Refused { refusal: Box::new(refusal.into()) } }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().admission.project() {
            Projected::Admitted { answer } => answer.poll(cx),
            Projected::Refused { refusal } => Poll::Ready(Ok(Response::clone(refusal))),
        }
    }
}
