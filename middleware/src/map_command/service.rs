use std::{
    any::type_name,
    fmt,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

/// A service that gets changed commands. Made by [`MapCommandLayer`](super::MapCommandLayer).
#[derive(Clone)]
pub struct MapCommand<S, F> {
    inner: S,
    map: F,
}

impl<S, F> MapCommand<S, F> {
    pub(super) const fn new(inner: S, map: F) -> Self {
        Self { inner, map }
    }
}

impl<S, F> Service<Command> for MapCommand<S, F>
where
    S: Service<Command, Response = Response>,
    F: Fn(Command) -> Command,
{
    type Response = Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, command: Command) -> S::Future {
        self.inner.call((self.map)(command))
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MapCommand<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapCommand").field("inner", &self.inner).field("map", &type_name::<F>()).finish()
    }
}
