use std::task::{Context, Poll};

use kvstore_protocol::{Command, Response};
use tower::Service;

use super::{PubSub, ResponseFuture, commands};

/// The service of [`PubSubLayer`](super::PubSubLayer).
#[derive(Clone, Debug)]
pub struct PubSubService<S> {
    hub: PubSub,
    inner: S,
}

impl<S> PubSubService<S> {
    pub(super) const fn new(hub: PubSub, inner: S) -> Self {
        Self { hub, inner }
    }
}

impl<S> Service<Command> for PubSubService<S>
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
    fn call(&mut self, command: Command) -> ResponseFuture<S::Future> {
        match commands::knows(&command) && !command.session().is_in_transaction() {
            true => ResponseFuture::answered_by(self.hub.clone(), command),
            false => ResponseFuture::passed(self.inner.call(command)),
        }
    }
}
