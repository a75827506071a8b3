//! [`ResponseFuture`]: one call.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use kvstore_protocol::Command;
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::PollSemaphore;

use super::{
    Client, ClientError, ConnectionError, client::Target, remote::Remote, request::CallResult, sharing::Expected,
};

/// The answer to a call of a [`Client`]. The command is sent when the future is first polled.
///
/// # Cancel safety
/// See [`Client`](Client#cancel-safety).
#[must_use = "a call does nothing unless it is awaited"]
pub struct ResponseFuture {
    state: CallState,
    deadline: CallDeadline,
}

enum CallState {
    /// Nothing has happened. A service that was ready brings its permit.
    New(Target, Command, Option<OwnedSemaphorePermit>),
    Queued(Arc<Remote>, Command, Expected, PollSemaphore),
    Sent(oneshot::Receiver<CallResult>),
    Local(Pin<Box<dyn Future<Output = CallResult> + Send>>),
    Done,
}

impl ResponseFuture {
    pub(super) fn new(client: &Client, command: Command, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            state: CallState::New(client.target.clone(), command, permit),
            deadline: CallDeadline::after(client.deadline),
        }
    }

    /// Makes progress as far as possible.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<CallResult> {
        loop {
            match &mut self.state {
                CallState::Sent(answer) => return Pin::new(answer).poll(cx).map(arrived),
                CallState::Local(answer) => return answer.as_mut().poll(cx),
                CallState::Queued(remote, .., waiting) => {
                    let permit = ready!(waiting.poll_acquire(cx)).ok_or_else(|| remote.permits.error())?;
                    if let CallState::Queued(remote, command, expected, _) =
                        mem::replace(&mut self.state, CallState::Done)
                    {
                        self.state = CallState::Sent(remote.send(command, expected, permit)?);
                    }
                }
                CallState::New(..) => self.begin()?,
                CallState::Done => panic!("a call was polled after its answer"),
            }
        }
    }

    fn begin(&mut self) -> Result<(), ClientError> {
        let CallState::New(target, command, permit) = mem::replace(&mut self.state, CallState::Done) else {
            return Ok(());
        };
        self.state = match target {
            Target::Local(local) => CallState::Local(local.call(command)),
            Target::Remote(remote) => {
                let expected = remote.check(&command).map_err(ClientError::Unsupported)?;
                match permit {
                    Some(permit) => CallState::Sent(remote.send(command, expected, permit)?),
                    None => {
                        let waiting = PollSemaphore::new(remote.permits.semaphore.clone());
                        CallState::Queued(remote, command, expected, waiting)
                    }
                }
            }
        };
        Ok(())
    }
}

/// The answer, or an error when the task of the connection has ended.
pub(super) fn arrived<T>(answer: Result<Result<T, ClientError>, oneshot::error::RecvError>) -> Result<T, ClientError> {
    answer.unwrap_or(Err(ClientError::Lost(ConnectionError::Stopped)))
}

impl Future for ResponseFuture {
    type Output = CallResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallResult> {
        let mut polled = self.poll_answer(cx);
        // The answer is polled first: one that arrives at the deadline is not late.
        if polled.is_pending() && self.deadline.poll_passed(cx).is_ready() {
            polled = Poll::Ready(Err(ClientError::TimedOut));
        }
        if polled.is_ready() {
            self.state = CallState::Done;
        }
        polled
    }
}

/// The deadline of a call.
pub(super) enum CallDeadline {
    Never,
    At(Instant),
    /// Boxed: most calls have none, and all of them are moved.
    Armed(Pin<Box<Sleep>>),
}

impl CallDeadline {
    /// This long from now.
    pub(super) fn after(limit: Option<Duration>) -> Self {
        // An instant beyond what the clock can represent is no deadline.
        limit.and_then(|limit| Instant::now().checked_add(limit)).map_or(Self::Never, Self::At)
    }

    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::At(end) = *self {
            *self = Self::Armed(Box::pin(sleep_until(end)));
        }
        match self {
            Self::Armed(timer) => timer.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            CallState::New(..) => "new",
            CallState::Queued(..) => "queued",
            CallState::Sent(_) => "sent",
            CallState::Local(_) => "local",
            CallState::Done => "done",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
