//! [`ResponseFuture`]: a command of the store, from its call to its answer.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    thread,
};

use kvstore_protocol::{Command, CommandError, Response};
use tokio::sync::oneshot::{Receiver, error::RecvError};

use super::{
    Handle,
    execute::{Attempt, Patience, Stopped},
    gate::Ticket,
};

/// The future of a [`Store`](super::Store). Most complete at their first poll.
///
/// The command is executed by a poll, not by `call`: a layer around the store may still refuse it before. It is pending if it
/// needs a lock that a long command holds, or if it may take long itself: then a thread of the store executes it. A command is
/// executed completely, and once, or not at all. If the future is dropped before a long command has begun, it never begins.
///
/// # Panics
/// If it is polled again after it has completed.
#[must_use = "a command is executed when its future is polled"]
pub struct ResponseFuture {
    store: Arc<Handle>,
    command: Command,
    state: State,
}

enum State {
    // Ready -> Waiting, Done.
    Ready,
    // Waiting -> Done. Boxed, since few commands wait.
    Waiting(Box<Waiting>),
    Done,
}

/// What a command waits for.
enum Waiting {
    /// For a long command that holds a lock.
    Gated(Ticket),
    /// For the thread of the store that executes the command.
    Running(Receiver<thread::Result<Response>>),
}

impl ResponseFuture {
    #[inline]
    pub(super) fn new(store: Arc<Handle>, command: Command) -> Self {
        Self { store, command, state: State::Ready }
    }

    #[inline(never)]
    fn poll_again(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let ticket = match &mut self.state {
            State::Done => panic!("a future of a store is not polled after it has completed"),
            State::Ready => None,
            State::Waiting(waiting) => match &mut **waiting {
                Waiting::Gated(ticket) => Some(*ticket),
                Waiting::Running(receiver) => {
                    let result = ready!(Pin::new(receiver).poll(cx));
                    self.state = State::Done;
                    return Poll::Ready(finished(result));
                }
            },
        };
        // After a panic it is done.
        self.state = State::Done;
        let mut attempt = Attempt::new(Patience::Short);
        match self.store.attempt(&self.command, &mut attempt) {
            Ok(response) => Poll::Ready(response),
            Err(refusal) => self.refuse_or_wait(refusal, attempt, ticket, cx),
        }
    }

    #[inline(never)]
    fn refuse_or_wait(
        &mut self,
        refusal: CommandError,
        attempt: Attempt,
        ticket: Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Response> {
        match attempt.stopped {
            None => Poll::Ready(refusal.into()),
            Some(Stopped::Long) => {
                self.state = State::Waiting(Box::new(Waiting::Running(self.store.start_long(self.command.clone()))));
                self.poll_again(cx)
            }
            Some(Stopped::Gated) => {
                self.state = match self.store.databases.gate.wait(ticket, cx.waker()) {
                    Some(ticket) => State::Waiting(Box::new(Waiting::Gated(ticket))),
                    None => {
                        // The long command has ended meanwhile.
                        cx.waker().wake_by_ref();
                        State::Ready
                    }
                };
                Poll::Pending
            }
        }
    }
}

/// The response of the thread of the store. A panic there is one here.
fn finished(result: Result<thread::Result<Response>, RecvError>) -> Response {
    match result {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("the thread of the store has ended"),
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let State::Ready = this.state else { return this.poll_again(cx).map(Ok) };
        this.state = State::Done;
        let mut attempt = Attempt::new(Patience::Short);
        match this.store.attempt(&this.command, &mut attempt) {
            Ok(response) => Poll::Ready(Ok(response)),
            Err(refusal) => this.refuse_or_wait(refusal, attempt, None, cx).map(Ok),
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseFuture").field(&self.command).finish()
    }
}
