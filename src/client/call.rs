//! [`ResponseFuture`]: one call, from its caller's side.

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
    Client, ClientError, ConnectionError,
    client::{Link, Remote},
    queue::Message,
    request::{Answer, Request},
    sharing::Expected,
};

/// The answer to a call of a [`Client`]. Nothing happens before it is polled.
///
/// # Cancel safety
/// See [`Client`](Client#cancel-safety).
#[must_use = "a call does nothing unless it is awaited"]
pub struct ResponseFuture {
    step: Step,
    deadline: Deadline,
}

enum Step {
    /// Nothing has happened. The room may have been promised before.
    New(Link, Command, Option<OwnedSemaphorePermit>),
    Queued(Arc<Remote>, Command, Expected, PollSemaphore),
    Sent(oneshot::Receiver<Answer>),
    Local(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Done,
}

impl ResponseFuture {
    pub(super) fn new(client: &Client, command: Command, room: Option<OwnedSemaphorePermit>) -> Self {
        Self { step: Step::New(client.link.clone(), command, room), deadline: Deadline::after(client.deadline) }
    }

    /// Goes on as far as it goes.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        loop {
            match &mut self.step {
                Step::Sent(answer) => return Pin::new(answer).poll(cx).map(arrived),
                Step::Local(answer) => return answer.as_mut().poll(cx),
                Step::Queued(remote, .., waiting) => {
                    let room = ready!(waiting.poll_acquire(cx)).ok_or_else(|| remote.gate.error())?;
                    if let Step::Queued(remote, command, expected, _) = mem::replace(&mut self.step, Step::Done) {
                        self.step = Step::Sent(remote.send(command, expected, room)?);
                    }
                }
                Step::New(..) => self.begin()?,
                Step::Done => panic!("a call was polled after its answer"),
            }
        }
    }

    fn begin(&mut self) -> Result<(), ClientError> {
        let Step::New(link, command, room) = mem::replace(&mut self.step, Step::Done) else { return Ok(()) };
        self.step = match link {
            Link::Local(local) => Step::Local(local.call(command)),
            Link::Remote(remote) => {
                let expected = remote.check(&command).map_err(ClientError::Unsupported)?;
                match room {
                    Some(room) => Step::Sent(remote.send(command, expected, room)?),
                    None => {
                        let waiting = PollSemaphore::new(remote.gate.room.clone());
                        Step::Queued(remote, command, expected, waiting)
                    }
                }
            }
        };
        Ok(())
    }
}

impl Remote {
    fn send(
        &self,
        command: Command,
        expected: Expected,
        room: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Answer>, ClientError> {
        let (request, answer) = Request::one(command, expected, Some(room));
        self.requests.send(Message::Request(request)).map_err(|_| self.gate.error())?;
        Ok(answer)
    }
}

/// What came, or that nothing ever will.
pub(super) fn arrived<T>(answer: Result<Result<T, ClientError>, oneshot::error::RecvError>) -> Result<T, ClientError> {
    answer.unwrap_or(Err(ClientError::Lost(ConnectionError::Stopped)))
}

impl Future for ResponseFuture {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut polled = self.poll_answer(cx);
        // The answer is asked first: one that arrives on the deadline is not late.
        if polled.is_pending() && self.deadline.poll_passed(cx).is_ready() {
            polled = Poll::Ready(Err(ClientError::TimedOut));
        }
        if polled.is_ready() {
            self.step = Step::Done;
        }
        polled
    }
}

/// When a call is late.
pub(super) enum Deadline {
    Never,
    At(Instant),
    /// Boxed: most calls have none, and all of them are moved.
    Armed(Pin<Box<Sleep>>),
}

impl Deadline {
    /// So long from now.
    pub(super) fn after(limit: Option<Duration>) -> Self {
        // A time that cannot be said is as good as never.
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
        let step = match &self.step {
            Step::New(..) => "new",
            Step::Queued(..) => "queued",
            Step::Sent(_) => "sent",
            Step::Local(_) => "local",
            Step::Done => "done",
        };
        f.debug_struct("ResponseFuture").field("step", &step).finish_non_exhaustive()
    }
}
