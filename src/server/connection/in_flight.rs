//! [`InFlight`]: the commands that are called and not answered yet, in the order of their requests.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    thread,
};

use kvstore_middleware::failure;
use kvstore_protocol::Response;

use crate::server::connection_layer::Pending;

/// A pinned slot for a future. It is reused, so that a command costs no allocation.
type FuturePlace<F> = Pin<Box<Option<F>>>;

/// The commands in flight.
pub(super) struct InFlight<F, T> {
    commands: VecDeque<CommandInFlight<F, T>>,
    spare: Vec<FuturePlace<F>>,
}

struct CommandInFlight<F, T> {
    state: State<F>,
    tag: T,
}

enum State<F> {
    Pending(FuturePlace<F>),
    /// A command of the connection that waits.
    Waiting(Pending),
    Answered(Response),
}

impl<F, T, E> InFlight<F, T>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<tower::BoxError>,
{
    pub(super) fn new() -> Self {
        Self { commands: VecDeque::new(), spare: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Calls a service and polls its future once. The future is created in its slot, since moving it costs too much.
    #[inline(always)]
    pub(super) fn start(&mut self, call: impl FnOnce() -> F, cx: &mut Context<'_>) -> Polled<E> {
        if self.spare.is_empty() {
            self.spare.push(Box::pin(None));
        }
        let Some(place) = self.spare.last_mut() else { return Ok(Poll::Pending) };
        catch_unwind(AssertUnwindSafe(|| {
            let future = call();
            // A slot is empty before it is used. The compiler sees here that there is nothing to drop.
            if place.is_none() {
                place.set(Some(future));
            } else {
                refill(place, future);
            }
            poll_in(place, cx)
        }))
    }

    /// Queues the result of [`start`](Self::start), when it is not simply the next answer.
    ///
    /// # Errors
    /// [`Spent`] when the call panicked, so that the service must not be used again. The answer is queued.
    pub(super) fn started(&mut self, polled: Polled<E>, tag: T) -> Result<(), Spent> {
        let Some(mut place) = self.spare.pop() else { return Ok(()) };
        let is_spent = polled.is_err() && place.is_none();
        let state = match answer_of(polled, &mut place) {
            Poll::Pending => State::Pending(place),
            Poll::Ready(response) => {
                self.spare.push(place);
                State::Answered(response)
            }
        };
        self.commands.push_back(CommandInFlight { state, tag });
        if is_spent { Err(Spent) } else { Ok(()) }
    }

    /// Queues an answer that needs no future.
    #[inline]
    pub(super) fn answered(&mut self, response: Response, tag: T) -> Option<(Response, T)> {
        if self.commands.is_empty() {
            return Some((response, tag));
        }
        self.commands.push_back(CommandInFlight { state: State::Answered(response), tag });
        None
    }

    /// Queues a command of the connection that waits.
    pub(super) fn wait(&mut self, pending: Pending, tag: T, cx: &mut Context<'_>) {
        let mut state = State::Waiting(pending);
        if let Poll::Ready(response) = state.poll(cx) {
            state = State::Answered(response);
        }
        self.commands.push_back(CommandInFlight { state, tag });
    }

    /// Polls every future that is pending.
    pub(super) fn poll_all(&mut self, cx: &mut Context<'_>) {
        for commands in &mut self.commands {
            let Poll::Ready(response) = commands.state.poll(cx) else { continue };
            if let State::Pending(place) = mem::replace(&mut commands.state, State::Answered(response)) {
                self.spare.push(place);
            }
        }
    }

    /// The next answer in order, when it is there.
    #[inline(always)]
    pub(super) fn next_answer(&mut self) -> Option<(Response, T)> {
        if self.commands.is_empty() { None } else { self.first_answer() }
    }

    fn first_answer(&mut self) -> Option<(Response, T)> {
        match self.commands.front()?.state {
            State::Pending(_) | State::Waiting(_) => None,
            State::Answered(_) => match self.commands.pop_front()? {
                CommandInFlight { state: State::Answered(response), tag } => Some((response, tag)),
                CommandInFlight { .. } => None,
            },
        }
    }

    /// Puts an answer back that cannot be sent yet. It is the next one again.
    #[cold]
    pub(super) fn put_back(&mut self, response: Response, tag: T) {
        self.commands.push_front(CommandInFlight { state: State::Answered(response), tag });
    }

    /// Releases the memory of an idle connection, but for one slot.
    pub(super) fn shrink(&mut self) {
        self.spare.truncate(1);
        if self.commands.is_empty() {
            self.commands.shrink_to(4);
        }
    }
}

impl<F, E> State<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<tower::BoxError>,
{
    /// Polls a future that is pending. A panic in it is its answer.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        match self {
            Self::Pending(place) => ask(place, cx),
            Self::Waiting(pending) => failure::catch(|| pending.as_mut().poll(cx)).unwrap_or_else(Poll::Ready),
            Self::Answered(_) => Poll::Pending,
        }
    }
}

/// Cancels the commands. A panic in the drop of one does not affect the others.
impl<F, T> Drop for InFlight<F, T> {
    fn drop(&mut self) {
        for commands in self.commands.drain(..) {
            match commands.state {
                State::Pending(mut place) => empty(&mut place),
                other => failure::discard(other),
            }
        }
    }
}

/// The result of a poll: pending, an answer, or a panic.
pub(super) type Polled<E> = thread::Result<Poll<Result<Response, E>>>;

/// A service panicked in its `call`.
pub(super) struct Spent;

/// Polls a future, and drops it once it has answered. A panic in either is the answer.
fn ask<F, E>(place: &mut FuturePlace<F>, cx: &mut Context<'_>) -> Poll<Response>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<tower::BoxError>,
{
    let polled = catch_unwind(AssertUnwindSafe(|| poll_in(place, cx)));
    answer_of(polled, place)
}

#[inline(always)]
fn poll_in<F: Future>(place: &mut FuturePlace<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let emptying = Emptying(place);
    let future = emptying.0.as_mut().as_pin_mut().expect("a place in flight holds its future");
    match future.poll(cx) {
        // Returned unchanged, so that the compiler does not move the answer.
        Poll::Ready(answer) => Poll::Ready(answer),
        Poll::Pending => {
            mem::forget(emptying);
            Poll::Pending
        }
    }
}

/// Drops a future that has answered; not one that has panicked, which may do so again.
struct Emptying<'a, F>(&'a mut FuturePlace<F>);

impl<F> Drop for Emptying<'_, F> {
    #[inline]
    fn drop(&mut self) {
        if !thread::panicking() {
            self.0.set(None);
        }
    }
}

/// The response to the result of a poll: also to an error, and to a panic.
fn answer_of<F, E>(polled: Polled<E>, place: &mut FuturePlace<F>) -> Poll<Response>
where
    E: Into<tower::BoxError>,
{
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(failure::response_to(error.into())),
        Err(panic) => {
            empty(place);
            Poll::Ready(failure::response_to_panic(&*panic))
        }
    }
}

#[cold]
#[inline(never)]
fn refill<F>(place: &mut FuturePlace<F>, future: F) {
    empty(place);
    place.set(Some(future));
}

/// Drops a future that may panic while it is dropped.
fn empty<F>(place: &mut FuturePlace<F>) {
    let _ = failure::catch(|| place.set(None));
}
