//! [`ResponseFuture`]: a command of the store, from its call to its answer.

use std::{
    any::Any,
    convert::Infallible,
    fmt,
    future::Future,
    mem,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
};

use kvstore_protocol::{Command, Response};
use tokio::sync::oneshot;

use super::{
    Handle,
    gate::Ticket,
    state::{NotDone, Patience},
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
    // Ready -> Gated, Running, Done.
    Ready,
    // Gated -> Gated, Running, Done: a long command holds a lock that this one needs.
    Gated(Ticket),
    // Running -> Done: a thread of the store executes the command.
    Running(oneshot::Receiver<thread::Result<Response>>),
    Done,
}

impl ResponseFuture {
    #[inline]
    pub(super) fn new(store: Arc<Handle>, command: Command) -> Self {
        Self { store, command, state: State::Ready }
    }

    #[cold]
    fn poll_slowly(&mut self, not_done: NotDone, cx: &mut Context<'_>) -> Poll<Response> {
        match not_done {
            NotDone::Refused(refusal) => return self.complete(refusal.into()),
            NotDone::Long => return self.poll_running(self.store.start_long(self.command.clone()), cx),
            NotDone::Gated => {}
        }
        let ticket = match self.state {
            State::Gated(ticket) => Some(ticket),
            _ => None,
        };
        match self.store.databases.gate.wait(ticket, cx.waker()) {
            Some(ticket) => self.state = State::Gated(ticket),
            // The long command has ended meanwhile.
            None => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    }

    fn poll_running(&mut self, mut running: oneshot::Receiver<thread::Result<Response>>, cx: &mut Context<'_>) -> Poll<Response> {
        match Pin::new(&mut running).poll(cx) {
            Poll::Pending => {
                self.state = State::Running(running);
                Poll::Pending
            }
            Poll::Ready(Ok(Ok(response))) => self.complete(response),
            Poll::Ready(Ok(Err(panic))) => self.fail(panic),
            Poll::Ready(Err(_)) => self.fail(Box::new("the thread of the store has ended")),
        }
    }

    fn complete(&mut self, response: Response) -> Poll<Response> {
        self.state = State::Done;
        Poll::Ready(response)
    }

    fn fail(&mut self, panic: Box<dyn Any + Send>) -> ! {
        self.state = State::Done;
        resume_unwind(panic)
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match mem::replace(&mut this.state, State::Done) {
            State::Ready => {}
            state => return this.poll_again(state, cx).map(Ok),
        }
        match this.store.attempt(&this.command, Patience::Short) {
            Ok(response) => Poll::Ready(Ok(response)),
            Err(not_done) => this.poll_slowly(not_done, cx).map(Ok),
        }
    }
}

impl ResponseFuture {
    #[cold]
    fn poll_again(&mut self, state: State, cx: &mut Context<'_>) -> Poll<Response> {
        match state {
            State::Running(running) => self.poll_running(running, cx),
            State::Done => panic!("a future of a store is not polled after it has completed"),
            state => {
                self.state = state;
                match self.store.attempt(&self.command, Patience::Short) {
                    Ok(response) => self.complete(response),
                    Err(not_done) => self.poll_slowly(not_done, cx),
                }
            }
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseFuture").field(&self.command).finish()
    }
}
