use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tower::BoxError;
use tower_service::Service;

use super::{mirror::Mirror, queue::FirstResponse};

pin_project! {
    /// The answer of the first service of [`Tee`](super::Tee).
    ///
    /// # Cancel safety
    /// A command whose future is dropped before its first poll is not mirrored.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, T> {
        #[pin]
        answer: F,
        // Boxed: a command that is not mirrored has none.
        mirroring: Option<Box<Mirroring<T>>>,
    }
}

/// What a command needs to be mirrored.
pub(super) struct Mirroring<T> {
    mirror: Arc<Mirror<T>>,
    state: MirrorState,
}

enum MirrorState {
    /// The first service has not been polled.
    Called(Command),
    /// Called -> Mirrored: it was pending at its first poll, and its response will be compared.
    Mirrored(oneshot::Sender<Response>),
    Done,
}

impl<T> Mirroring<T> {
    pub(super) fn new(command: &Command, mirror: &Arc<Mirror<T>>) -> Box<Self> {
        Box::new(Self { mirror: Arc::clone(mirror), state: MirrorState::Called(command.clone()) })
    }
}

impl<T> Mirroring<T>
where
    T: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
{
    /// Mirrors the command after a poll of the first service, and sends the response to be compared. Returns whether
    /// nothing is left to do.
    fn after_poll<E>(&mut self, polled: &Poll<Result<Response, E>>) -> bool {
        match (std::mem::replace(&mut self.state, MirrorState::Done), polled) {
            (MirrorState::Called(command), Poll::Ready(result)) => {
                let answer = result.as_ref().ok().filter(|answer| self.mirror.compares() && is_comparable(answer));
                self.mirror.send(command, answer.cloned().map(FirstResponse::Answered));
            }
            (MirrorState::Called(command), Poll::Pending) if self.mirror.compares() => {
                let (sender, receiver) = oneshot::channel();
                self.mirror.send(command, Some(FirstResponse::Awaited(receiver)));
                self.state = MirrorState::Mirrored(sender);
            }
            (MirrorState::Called(command), Poll::Pending) => self.mirror.send(command, None),
            (MirrorState::Mirrored(sender), Poll::Ready(Ok(answer)))
                if !sender.is_closed() && is_comparable(answer) =>
            {
                // The receiver may be gone.
                let _ = sender.send(answer.clone());
            }
            (MirrorState::Mirrored(sender), Poll::Pending) => self.state = MirrorState::Mirrored(sender),
            (MirrorState::Mirrored(_) | MirrorState::Done, _) => {}
        }
        matches!(self.state, MirrorState::Done)
    }
}

/// A response that can be taken only once is for the client.
fn is_comparable(answer: &Response) -> bool {
    !matches!(answer, Response::Streamed(_) | Response::Upgrade(_))
}

impl<F, T> ResponseFuture<F, T> {
    #[inline]
    pub(super) const fn new(answer: F, mirroring: Option<Box<Mirroring<T>>>) -> Self {
        Self { answer, mirroring }
    }
}

impl<F, T, E> Future for ResponseFuture<F, T>
where
    F: Future<Output = Result<Response, E>>,
    T: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.answer.poll(cx);
        if this.mirroring.as_mut().is_some_and(|mirroring| mirroring.after_poll(&polled)) {
            *this.mirroring = None;
        }
        polled
    }
}

impl<F: fmt::Debug, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut future = f.debug_struct("ResponseFuture");
        future.field("answer", &self.answer).field("is_mirrored", &self.mirroring.is_some()).finish()
    }
}
