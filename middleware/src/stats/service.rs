use std::task::{Context, Poll};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{CommandStats, ResponseFuture};

/// A service whose commands are counted. Made by [`StatsLayer`](super::StatsLayer).
#[derive(Clone, Debug)]
pub struct Stats<S> {
    inner: S,
    stats: CommandStats,
}

impl<S> Stats<S> {
    pub(super) const fn new(inner: S, stats: CommandStats) -> Self {
        Self { inner, stats }
    }
}

impl<S> Service<Command> for Stats<S>
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
        let (id, stats) = (command.id(), self.stats.number());
        // One future in each arm, so that the compiler builds it in its place.
        match self.stats.count(&command) {
            None => ResponseFuture::new(self.inner.call(command), id, stats, None),
            timed => ResponseFuture::new(call_timed(&mut self.inner, command), id, stats, timed),
        }
    }
}

#[cold]
#[inline(never)]
fn call_timed<S: Service<Command>>(service: &mut S, command: Command) -> S::Future {
    service.call(command)
}
