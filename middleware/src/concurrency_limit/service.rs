use std::{
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response, catalog::Flags};
use tower_service::Service;

use super::{
    ResponseFuture,
    future::{Waiting, overloaded},
    layer::WhenFull,
    permit::CommandPermit,
    permits::Permits,
};
use crate::deferred::{Deferred, NotCalled, ReadyCall};

/// A service that works on a limited number of commands at once. Made by
/// [`ConcurrencyLimitLayer`](super::ConcurrencyLimitLayer).
///
/// `poll_ready` takes no permit, so an instance that is ready and idle holds none.
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

impl<S> ConcurrencyLimit<S>
where
    S: Service<Command, Response = Response> + Clone,
{
    /// Takes the ready instance along, so that nothing of what it reserved stays here while the command waits, or once
    /// it was refused.
    #[cold]
    #[inline(never)]
    fn call_without_permit(&mut self, command: Command) -> NotCalled<Waiting<S>> {
        let ready = ReadyCall::take(&mut self.inner, command);
        match self.when_full {
            WhenFull::Wait => NotCalled::waiting(Waiting::new(ready, None)),
            WhenFull::WaitAtMost(limit) => NotCalled::waiting(Waiting::new(ready, Some(limit))),
            WhenFull::Refuse => NotCalled::refused(overloaded("too many commands at once")),
        }
    }
}

impl<S> Service<Command> for ConcurrencyLimit<S>
where
    S: Service<Command, Response = Response> + Clone,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    /// Calls the inner service only with a permit: a service may do all of its work in `call`.
    #[inline(always)]
    fn call(&mut self, command: Command) -> Self::Future {
        // A full server says PONG, and can be cured by CLIENT KILL.
        let permits = self.permits.as_ref().filter(|_| !command.flags().has(Flags::CONNECTION));
        let permit = CommandPermit::try_take(permits);
        let call = match permit.is_missing() {
            false => Deferred::Called { answer: self.inner.call(command) },
            true => Deferred::NotCalled { reason: self.call_without_permit(command) },
        };
        ResponseFuture::new(call, permit)
    }
}
