use std::{
    any::type_name,
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, IntoResponse, Response};
use tower::BoxError;
use tower_service::Service;

use super::ResponseFuture;

/// A service whose errors are answered. Made by [`HandleErrorLayer`](super::HandleErrorLayer).
pub struct HandleError<S, F> {
    inner: S,
    /// Never called, only cloned: an instance that failed in `poll_ready` is spent.
    pristine: S,
    /// The error of `poll_ready`. The next command is answered with it.
    failed: Option<BoxError>,
    handle: F,
}

impl<S: Clone, F> HandleError<S, F> {
    pub(super) fn new(pristine: S, handle: F) -> Self {
        Self { inner: pristine.clone(), pristine, failed: None, handle }
    }
}

/// A clone is made of the instance that was never called.
impl<S: Clone, F: Clone> Clone for HandleError<S, F> {
    fn clone(&self) -> Self {
        Self::new(self.pristine.clone(), self.handle.clone())
    }
}

impl<S, F, A> Service<Command> for HandleError<S, F>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>> + Clone,
    F: Fn(BoxError) -> A + Clone,
    A: Future<Output: IntoResponse>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future, F, A>;

    /// Ready after an error: the next command is answered with it.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.failed.is_none()
            && let Err(error) = std::task::ready!(self.inner.poll_ready(cx))
        {
            self.inner = self.pristine.clone();
            self.failed = Some(error.into());
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        match self.failed.take() {
            None => ResponseFuture::called(self.inner.call(command), self.handle.clone()),
            Some(error) => ResponseFuture::failed(error, self.handle.clone()),
        }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for HandleError<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandleError").field("inner", &self.inner).field("handle", &type_name::<F>()).finish()
    }
}
