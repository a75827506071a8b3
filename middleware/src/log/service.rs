use std::task::{Context, Poll};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, in_flight::LoggedCommand, layer::LogSettings};

/// A service whose commands are logged. Made by [`LogLayer`](super::LogLayer).
#[derive(Clone, Debug)]
pub struct Log<S> {
    inner: S,
    settings: LogSettings,
}

impl<S> Log<S> {
    pub(super) const fn new(inner: S, settings: LogSettings) -> Self {
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
        match LoggedCommand::start(&command, &self.settings) {
            None => ResponseFuture::new(self.inner.call(command), None),
            Some(logged) => ResponseFuture::new(call_inside(&logged, &mut self.inner, command), Some(logged)),
        }
    }
}

#[cold]
#[inline(never)]
fn call_inside<S: Service<Command>>(logged: &LoggedCommand, service: &mut S, command: Command) -> S::Future {
    logged.inside(|| service.call(command))
}
