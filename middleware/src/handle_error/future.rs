use std::{
    any::type_name,
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tower::BoxError;

pin_project! {
    /// The answer of [`HandleError`](super::HandleError), or what its function makes of the error.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, H, A> {
        #[pin]
        state: HandleState<F, A>,
        handle: H,
    }
}

pin_project! {
    #[project = HandleProjected]
    enum HandleState<F, A> {
        Called { #[pin] answer: F },
        // Called -> Handling: it failed.
        Handling { #[pin] response: A },
    }
}

impl<F, H, A> ResponseFuture<F, H, A>
where
    H: Fn(BoxError) -> A,
{
    #[inline]
    pub(super) const fn called(answer: F, handle: H) -> Self {
        Self { state: HandleState::Called { answer }, handle }
    }

    #[cold]
    pub(super) fn failed(error: BoxError, handle: H) -> Self {
        Self { state: HandleState::Handling { response: handle(error) }, handle }
    }
}

impl<F, H, A, E> Future for ResponseFuture<F, H, A>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
    H: Fn(BoxError) -> A,
    A: Future<Output: IntoResponse>,
{
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let HandleProjected::Called { answer } = this.state.as_mut().project() {
            match ready!(answer.poll(cx)) {
                Ok(response) => return Poll::Ready(Ok(response)),
                Err(error) => this.state.set(HandleState::Handling { response: (this.handle)(error.into()) }),
            }
        }
        match this.state.project() {
            HandleProjected::Handling { response } => response.poll(cx).map(|response| Ok(response.into_response())),
            HandleProjected::Called { .. } => Poll::Pending,
        }
    }
}

impl<F, H, A> fmt::Debug for ResponseFuture<F, H, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_handling = matches!(self.state, HandleState::Handling { .. });
        let mut future = f.debug_struct("ResponseFuture");
        future.field("is_handling", &is_handling).field("handle", &type_name::<H>()).finish()
    }
}
