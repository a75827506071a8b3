use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use crate::failure;

/// The rest of the stack, ready for one command.
pub struct Next {
    rest: Pin<Box<dyn OneCall>>,
}

impl Next {
    pub(super) fn new<S>(ready: S) -> Self
    where
        S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send + 'static> + Send + 'static,
    {
        Self { rest: Box::pin(CallState::Ready { service: Some(ready) }) }
    }

    /// Calls the rest of the stack with a command: the one that came, or another. It is called at the first poll. What
    /// it holds for the command, such as a permit of a limit, is given back with the answer.
    ///
    /// # Cancel safety
    /// Dropping the future drops the future of the inner service, as when a client disconnects before its answer.
    pub async fn run(mut self, command: Command) -> Response {
        self.rest.as_mut().start(command);
        poll_fn(|cx| self.rest.as_mut().poll(cx)).await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

/// A ready service, and then its future, in one allocation.
trait OneCall: Send {
    fn start(self: Pin<&mut Self>, command: Command);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response>;
}

pin_project! {
    #[project = Projected]
    enum CallState<S, F> {
        Ready { service: Option<S> },
        InFlight { #[pin] answer: F },
    }
}

impl<S> OneCall for CallState<S, S::Future>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send,
{
    // Ready -> InFlight: the service is called once, and not needed any more.
    fn start(mut self: Pin<&mut Self>, command: Command) {
        if let Projected::Ready { service } = self.as_mut().project()
            && let Some(mut service) = service.take()
        {
            self.set(Self::InFlight { answer: service.call(command) });
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let Projected::InFlight { answer } = self.project() else { return Poll::Pending };
        answer.poll(cx).map(|result| result.unwrap_or_else(|error| failure::response_to(error.into())))
    }
}
