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

/// Makes a mock service, and the script at which its calls arrive.
pub fn mock() -> (Mock, Script) {
    let (calls, called) = mpsc::unbounded_channel();
    (Mock(calls), Script(called))
}

/// A service that passes each command to the test. It is always ready, and its clones share the script.
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
        // If the script is gone, the sender of the answer is dropped, and the call fails.
        drop(self.0.send(Call { command, answer }));
        ResponseFuture(answered)
    }
}

/// The answer of a [`Mock`]: ready once the test gives it.
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

/// The calls of a [`Mock`], in their order.
#[derive(Debug)]
pub struct Script(mpsc::UnboundedReceiver<Call>);

impl Script {
    /// Waits for the next call.
    ///
    /// # Panics
    /// When there is none within a minute, or the mock and all of its clones are dropped.
    ///
    /// # Cancel safety
    /// No call is lost.
    pub async fn next(&mut self) -> Call {
        timeout(PATIENCE, self.0.recv()).await.expect("another command is called").expect("the mock is there")
    }

    /// Waits for the next call, which must be of the command with this name.
    ///
    /// # Panics
    /// When it is of another command, or there is none within a minute.
    pub async fn expect(&mut self, name: &str) -> Call {
        let call = self.next().await;
        assert!(call.command.is(name), "{:?} was called instead of {name}", call.command);
        call
    }

    /// The calls that have arrived by now.
    pub fn waiting(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    /// Asserts that no more calls arrive, once all tasks are idle. Time must be paused.
    ///
    /// # Panics
    /// When there is a call.
    pub async fn assert_quiet(&mut self) {
        settle().await;
        let called = self.waiting();
        assert!(called.is_empty(), "{called:?} was called");
    }
}

/// A call that is pending. It fails when it is dropped without an answer.
pub struct Call {
    command: Command,
    answer: oneshot::Sender<Result<Response, BoxError>>,
}

impl Call {
    /// The command.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Answers the call. The answer is dropped if the future of the call was dropped.
    pub fn answer(self, answer: impl IntoResponse) {
        drop(self.answer.send(Ok(answer.into_response())));
    }

    /// Fails the call.
    pub fn fail(self, error: impl Into<BoxError>) {
        drop(self.answer.send(Err(error.into())));
    }

    /// Waits until the future of the call is dropped: the call was cancelled.
    ///
    /// # Panics
    /// When it is not dropped within a minute.
    pub async fn dropped(&mut self) {
        timeout(PATIENCE, self.answer.closed()).await.expect("the future is dropped");
    }

    /// Whether the future of the call was dropped.
    pub fn is_dropped(&self) -> bool {
        self.answer.is_closed()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.command).finish()
    }
}
