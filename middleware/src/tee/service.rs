use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower::BoxError;
use tower_service::Service;

use super::{ResponseFuture, future::Mirroring, mirror::Mirror};

/// A service whose commands are mirrored to another one. Made by [`TeeLayer`](super::TeeLayer).
pub struct Tee<S, T> {
    inner: S,
    mirror: Arc<Mirror<T>>,
}

impl<S, T> Tee<S, T> {
    pub(super) const fn new(inner: S, mirror: Arc<Mirror<T>>) -> Self {
        Self { inner, mirror }
    }
}

impl<S: Clone, T> Clone for Tee<S, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), mirror: Arc::clone(&self.mirror) }
    }
}

impl<S: fmt::Debug, T> fmt::Debug for Tee<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tee").field("inner", &self.inner).field("mirror", &self.mirror).finish()
    }
}

impl<S, T> Service<Command> for Tee<S, T>
where
    S: Service<Command, Response = Response>,
    T: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, T>;

    /// The readiness of the first service. Clients do not wait for the second.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        let mirroring = self.mirror.wants(&command).then(|| Mirroring::new(&command, &self.mirror));
        ResponseFuture::new(self.inner.call(command), mirroring)
    }
}
