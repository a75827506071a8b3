use std::{
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, in_flight::AuditedCommand, layer::AuditSettings, nested::with_inspector};

/// A service that records its commands. Made by [`AuditLayer`](super::AuditLayer).
#[derive(Clone, Debug)]
pub struct Audit<S> {
    inner: S,
    settings: Arc<AuditSettings>,
}

impl<S> Audit<S> {
    pub(super) const fn new(inner: S, settings: Arc<AuditSettings>) -> Self {
        Self { inner, settings }
    }
}

impl<S> Audit<S>
where
    S: Service<Command, Response = Response>,
{
    /// Not inlined, so that `call` stays short for commands that are not recorded.
    #[inline(never)]
    fn call_recorded(&mut self, mut command: Command, is_wanted: bool) -> ResponseFuture<S::Future> {
        let audited = is_wanted.then(|| AuditedCommand::start(&command, &self.settings));
        if command.runs_commands() {
            command = with_inspector(command, &self.settings);
        }
        ResponseFuture::new(self.inner.call(command), audited)
    }
}

impl<S> Service<Command> for Audit<S>
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

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        let is_wanted = self.settings.wants(&command);
        if is_wanted || command.runs_commands() {
            return self.call_recorded(command, is_wanted);
        }
        ResponseFuture::new(self.inner.call(command), None)
    }
}
