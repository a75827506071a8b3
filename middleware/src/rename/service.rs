use std::{
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, names::Names};

/// A service whose commands are called by other names. Made by [`RenameLayer`](super::RenameLayer).
#[derive(Clone, Debug)]
pub struct Rename<S> {
    inner: S,
    names: Arc<Names>,
}

impl<S> Rename<S> {
    pub(super) const fn new(inner: S, names: Arc<Names>) -> Self {
        Self { inner, names }
    }
}

impl<S> Service<Command> for Rename<S>
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
        match self.names.resolve(command) {
            // The command may be a script only under its old name.
            Ok(command) => ResponseFuture::admitted(self.inner.call(command.inspected_by(|| self.names.clone()))),
            Err(unknown) => ResponseFuture::refused(unknown),
        }
    }
}
