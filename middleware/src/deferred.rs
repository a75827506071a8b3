//! The state of a command in a layer that calls the inner service at once, later or never.

use std::mem;

use kvstore_protocol::{Command, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

pin_project! {
    /// `F` is the future of the inner service, and `W` is what a waiting command needs.
    #[derive(Debug)]
    #[project = DeferredProjected]
    pub(crate) enum Deferred<F, W> {
        Called { #[pin] answer: F },
        NotCalled { reason: NotCalled<W> },
    }
}

/// Why the inner service has not been called. Boxed: most commands are called at once, and all futures are moved.
#[derive(Debug)]
pub(crate) enum NotCalled<W> {
    Waiting(Box<W>),
    Refused(Box<Response>),
    /// The command was taken to be called; the call panicked if this is seen.
    Taken,
}

/// A command, and the instance of the inner service that was polled ready for it.
///
/// What the instance reserved in `poll_ready` is used by the call, or given back when this is dropped.
#[derive(Debug)]
pub(crate) struct ReadyCall<S> {
    service: S,
    command: Command,
}

impl<W> NotCalled<W> {
    pub(crate) fn waiting(waiting: W) -> Self {
        Self::Waiting(Box::new(waiting))
    }

    pub(crate) fn refused(refusal: impl Into<Response>) -> Self {
        Self::Refused(Box::new(refusal.into()))
    }
}

impl<S> ReadyCall<S>
where
    S: Service<Command> + Clone,
{
    /// Takes the ready instance out of `inner`, and leaves a clone there.
    pub(crate) fn take(inner: &mut S, command: Command) -> Self {
        let fresh = inner.clone();
        Self { service: mem::replace(inner, fresh), command }
    }
}

impl<S> ReadyCall<S>
where
    S: Service<Command>,
{
    /// Calls the instance, and drops it: it is ready for one command.
    pub(crate) fn call(mut self) -> S::Future {
        self.service.call(self.command)
    }
}
