use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::{Command, IntoResponse, Response};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tower::{BoxError, Service};

use super::{PATIENCE, settle};

/// Creates a mock service, and the script that receives its calls.
pub fn mock() -> (Mock, Script) {
    let (calls, called) = mpsc::unbounded_channel();
    (Mock(calls), Script(called))
}

/// A service that passes each command to a [`Script`]. It is always ready, and its clones share the script.
#[derive(Clone, Debug)]
pub struct Mock(mpsc::UnboundedSender<Call>);

impl Service<Command> for Mock {
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> ResponseFuture {
        let (answer, answered) = oneshot::channel();
        // If the script was dropped, the sender of the answer is dropped too, and the call fails.
        drop(self.0.send(Call { command, answer }));
        ResponseFuture(answered)
    }
}

/// The response future of [`Mock`]. It is ready when the test answers the call.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(oneshot::Receiver<Result<Response, BoxError>>);

impl Future for ResponseFuture {
    type Output = Result<Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(answered.unwrap_or_else(|_| Err("the test gave no answer".into())))
    }
}

/// Receives the calls of a [`Mock`], in order.
#[derive(Debug)]
pub struct Script(mpsc::UnboundedReceiver<Call>);

impl Script {
    /// Waits for the next call.
    ///
    /// # Panics
    /// If there is none within a minute, or the mock and all its clones were dropped.
    ///
    /// # Cancel safety
    /// This method is cancel safe: no call is lost.
    pub async fn next(&mut self) -> Call {
        timeout(PATIENCE, self.0.recv()).await.expect("another command is called").expect("the mock is there")
    }

    /// Waits for the next call, which must be of the command called `name`.
    ///
    /// # Panics
    /// If it is of another command, or there is none within a minute.
    pub async fn expect(&mut self, name: &str) -> Call {
        let call = self.next().await;
        assert!(call.command.is(name), "{:?} was called instead of {name}", call.command);
        call
    }

    /// Returns the calls that have arrived and were not taken.
    pub fn waiting(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    /// Waits until all tasks are idle, and asserts that no call has arrived. Time must be paused.
    ///
    /// # Panics
    /// If there is a call.
    pub async fn assert_quiet(&mut self) {
        settle().await;
        let called = self.waiting();
        assert!(called.is_empty(), "{called:?} was called");
    }
}

/// A pending call. Dropping it without an answer fails the call.
pub struct Call {
    command: Command,
    answer: oneshot::Sender<Result<Response, BoxError>>,
}

impl Call {
    /// Returns the command.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Answers the call. Has no effect if the future of the call was dropped.
    pub fn answer(self, answer: impl IntoResponse) {
        drop(self.answer.send(Ok(answer.into_response())));
    }

    /// Fails the call with an error.
    pub fn fail(self, error: impl Into<BoxError>) {
        drop(self.answer.send(Err(error.into())));
    }

    /// Waits until the call is cancelled: its future is dropped.
    ///
    /// # Panics
    /// If it is not dropped within a minute.
    pub async fn dropped(&mut self) {
        timeout(PATIENCE, self.answer.closed()).await.expect("the future is dropped");
    }

    /// Whether the call was cancelled: its future was dropped.
    pub fn is_dropped(&self) -> bool {
        self.answer.is_closed()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.command).finish()
    }
}
