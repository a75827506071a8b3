use std::{
    any::type_name,
    fmt,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::ResponseFuture;

/// A service whose responses are changed. Made by [`MapResponseLayer`](super::MapResponseLayer).
#[derive(Clone)]
pub struct MapResponse<S, F> {
    inner: S,
    map: F,
}

impl<S, F> MapResponse<S, F> {
    pub(super) const fn new(inner: S, map: F) -> Self {
        Self { inner, map }
    }
}

impl<S, F> Service<Command> for MapResponse<S, F>
where
    S: Service<Command, Response = Response>,
    F: Fn(Response) -> Response + Clone,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, F>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        ResponseFuture::new(self.inner.call(command), self.map.clone())
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MapResponse<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapResponse").field("inner", &self.inner).field("map", &type_name::<F>()).finish()
    }
}
