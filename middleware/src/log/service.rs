use std::task::{Context, Poll};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, active::Active, layer::Settings};

/// A service whose commands are logged. Made by [`LogLayer`](super::LogLayer).
#[derive(Clone, Debug)]
pub struct Log<S> {
    inner: S,
    settings: Settings,
}

impl<S> Log<S> {
    pub(super) const fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }
}

impl<S> Service<Command> for Log<S>
where
    S: Service<Command, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline(always)]
    fn call(&mut self, command: Command) -> Self::Future {
        match Active::start(&command, &self.settings) {
            None => ResponseFuture::new(self.inner.call(command), None),
            Some(active) => ResponseFuture::new(call_inside(&active, &mut self.inner, command), Some(active)),
        }
    }
}

#[cold]
#[inline(never)]
fn call_inside<S: Service<Command>>(active: &Active, service: &mut S, command: Command) -> S::Future {
    active.inside(|| service.call(command))
}
