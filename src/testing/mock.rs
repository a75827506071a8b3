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

/// Makes a service whose answers a test writes, and the script where its calls arrive.
pub fn mock() -> (Mock, Script) {
    let (calls, called) = mpsc::unbounded_channel();
    (Mock(calls), Script(called))
}

/// A service that hands each command to a test. Always ready; its clones share the script.
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
        // A script that is gone is seen in the answer that never comes.
        drop(self.0.send(Call { command, answer }));
        ResponseFuture(answered)
    }
}

/// The answer of a [`Mock`]: there once the test gives it.
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

/// The calls of a [`Mock`], in the order in which they came.
#[derive(Debug)]
pub struct Script(mpsc::UnboundedReceiver<Call>);

impl Script {
    /// Waits for the next command that is called.
    ///
    /// # Panics
    /// When none comes within a minute, or the mock and all of its clones are gone.
    ///
    /// # Cancel safety
    /// No call is lost.
    pub async fn next(&mut self) -> Call {
        timeout(PATIENCE, self.0.recv()).await.expect("another command is called").expect("the mock is there")
    }

    /// The next command, which must have this name.
    ///
    /// # Panics
    /// When it has another, or none comes.
    pub async fn expect(&mut self, name: &str) -> Call {
        let call = self.next().await;
        assert!(call.command.is(name), "{:?} was called instead of {name}", call.command);
        call
    }

    /// The commands that have been called by now.
    pub fn waiting(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    /// Asserts that nothing more is called, once everything has come to rest. Time must be paused.
    ///
    /// # Panics
    /// When something is.
    pub async fn assert_quiet(&mut self) {
        settle().await;
        let called = self.waiting();
        assert!(called.is_empty(), "{called:?} was called");
    }
}

/// A command that waits for its answer. Dropped without one, it fails.
pub struct Call {
    command: Command,
    answer: oneshot::Sender<Result<Response, BoxError>>,
}

impl Call {
    /// The command.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Answers it. An answer that nobody waits for any more is dropped.
    pub fn answer(self, answer: impl IntoResponse) {
        drop(self.answer.send(Ok(answer.into_response())));
    }

    /// Fails it.
    pub fn fail(self, error: impl Into<BoxError>) {
        drop(self.answer.send(Err(error.into())));
    }

    /// Waits until nobody waits for the answer any more: the future of the command was dropped.
    ///
    /// # Panics
    /// When it is still there after a minute.
    pub async fn dropped(&mut self) {
        timeout(PATIENCE, self.answer.closed()).await.expect("the future is dropped");
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_dropped(&self) -> bool {
        self.answer.is_closed()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.command).finish()
    }
}
