use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use pin_project_lite::pin_project;

use super::{
    ConnectionCommand,
    call::{Outcome, Pending},
};

pin_project! {
    /// The response future of [`ConnectionService`](super::ConnectionService).
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
        // Called -> Pending: the command waits, for example for an authenticator.
        Called { known: &'static ConnectionCommand, command: Option<Command> },
        Pending { pending: Pending },
    }
}

impl<F> ResponseFuture<F> {
    /// The response of the inner service.
    #[inline]
    pub(super) const fn passed(future: F) -> Self {
        Self { state: State::Passed { future } }
    }

    /// The response of the layer. The command runs when the future is polled.
    pub(super) const fn answered_by(known: &'static ConnectionCommand, command: Command) -> Self {
        Self { state: State::Called { known, command: Some(command) } }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StateProjection::Passed { future } = this.state.as_mut().project() {
            return future.poll(cx);
        }
        this.state.poll_own(cx).map(Ok)
    }
}

impl<F> State<F> {
    #[inline(never)]
    fn poll_own(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        loop {
            let pending = match self.as_mut().project() {
                StateProjection::Passed { .. } => unreachable!("a command that is passed on is not the layer's"),
                StateProjection::Pending { pending } => return pending.as_mut().poll(cx),
                StateProjection::Called { known, command } => {
                    match known.answer(command.take().expect("a future is not polled after its answer")) {
                        Outcome::Answered(answer) => return Poll::Ready(answer),
                        Outcome::Pending(pending) => pending,
                    }
                }
            };
            self.set(State::Pending { pending });
        }
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
