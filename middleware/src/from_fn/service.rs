use std::{
    any::type_name,
    fmt, mem,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, IntoResponse, Response};
use tower::BoxError;
use tower_service::Service;

use super::{Next, ResponseFuture};

/// A service inside of an async function. Made by [`from_fn`](super::from_fn()).
#[derive(Clone)]
pub struct FromFn<S, F> {
    inner: S,
    f: F,
}

impl<S, F> FromFn<S, F> {
    pub(super) const fn new(inner: S, f: F) -> Self {
        Self { inner, f }
    }
}

impl<S, F, A> Service<Command> for FromFn<S, F>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send + 'static> + Clone + Send + 'static,
    F: Fn(Command, Next) -> A,
    A: Future<Output: IntoResponse>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<A, S::Error>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Self::Future {
        let fresh = self.inner.clone();
        let ready = mem::replace(&mut self.inner, fresh);
        ResponseFuture::new((self.f)(command, Next::new(ready)))
    }
}

impl<S: fmt::Debug, F> fmt::Debug for FromFn<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").field("inner", &self.inner).field("f", &type_name::<F>()).finish()
    }
}
