use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, CommandError, Response};
use pin_project_lite::pin_project;

use super::PubSub;

pin_project! {
    /// The response future of [`PubSubService`](super::PubSubService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Passed { #[pin] future: F },
        // The command runs when the future is polled.
        Answered { hub: PubSub, command: Command },
    }
}

impl<F> ResponseFuture<F> {
    /// The response of the inner service.
    #[inline]
    pub(super) const fn passed(future: F) -> Self {
        Self { state: State::Passed { future } }
    }

    /// The response of the layer.
    pub(super) const fn answered_by(hub: PubSub, command: Command) -> Self {
        Self { state: State::Answered { hub, command } }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { future } => future.poll(cx),
            StateProjection::Answered { hub, command } => Poll::Ready(Ok(answer(hub, command))),
        }
    }
}

#[inline(never)]
fn answer(hub: &PubSub, command: &Command) -> Response {
    hub.answer(command).unwrap_or_else(|| CommandError::unknown_command(command).into())
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
