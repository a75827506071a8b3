use std::{
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, layer::WhenFull, permit::CommandPermit, permits::Permits};

/// A service with a limited number of commands under way. Made by
/// [`ConcurrencyLimitLayer`](super::ConcurrencyLimitLayer).
///
/// It reserves nothing in `poll_ready`, so an instance that is ready and idle stands in nobody's way.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S> {
    inner: S,
    permits: Option<Arc<Permits>>,
    when_full: WhenFull,
}

impl<S> ConcurrencyLimit<S> {
    pub(super) const fn new(inner: S, permits: Option<Arc<Permits>>, when_full: WhenFull) -> Self {
        Self { inner, permits, when_full }
    }
}

impl<S> Service<Command> for ConcurrencyLimit<S>
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
        // Before the call: where nothing can fail once it is made, its future is built in its place.
        let permit = CommandPermit::new(self.permits.as_ref());
        ResponseFuture::new(self.inner.call(command), permit, self.when_full)
    }
}
