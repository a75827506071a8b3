//! [`CallsInFlight`]: the commands that are called and not answered yet, in the order of their requests.

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
type FutureSlot<F> = Pin<Box<Option<F>>>;

/// The commands in flight, in the order of the requests.
pub(super) struct CallsInFlight<F, T> {
    calls: VecDeque<CallInFlight<F, T>>,
    free_slots: Vec<FutureSlot<F>>,
}

struct CallInFlight<F, T> {
    state: CallInFlightState<F>,
    tag: T,
}

enum CallInFlightState<F> {
    Service(FutureSlot<F>),
    /// A connection command that is pending.
    ConnectionCommand(Pending),
    Answered(Response),
}

impl<F, T, E> CallsInFlight<F, T>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<tower::BoxError>,
{
    pub(super) fn new() -> Self {
        Self { calls: VecDeque::new(), free_slots: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Calls a service and polls its future once. The future is created in its slot, since moving it costs too much.
    #[inline(always)]
    pub(super) fn start(&mut self, call: impl FnOnce() -> F, cx: &mut Context<'_>) -> Polled<E> {
        if self.free_slots.is_empty() {
            self.free_slots.push(Box::pin(None));
        }
        let Some(slot) = self.free_slots.last_mut() else { return Ok(Poll::Pending) };
        catch_unwind(AssertUnwindSafe(|| {
            let future = call();
            // A slot is empty before it is used. The compiler sees here that there is nothing to drop.
            if slot.is_none() {
                slot.set(Some(future));
            } else {
                refill(slot, future);
            }
            poll_unguarded(slot, cx)
        }))
    }

    /// Queues the result of [`start`](Self::start), when it is not simply the next answer.
    ///
    /// # Errors
    /// [`Spent`] when the call panicked, so that the service must not be used again. The answer is queued.
    pub(super) fn push_called(&mut self, polled: Polled<E>, tag: T) -> Result<(), Spent> {
        let Some(mut slot) = self.free_slots.pop() else { return Ok(()) };
        let is_spent = polled.is_err() && slot.is_none();
        let state = match answer_of(polled, &mut slot) {
            Poll::Pending => CallInFlightState::Service(slot),
            Poll::Ready(response) => {
                self.free_slots.push(slot);
                CallInFlightState::Answered(response)
            }
        };
        self.calls.push_back(CallInFlight { state, tag });
        if is_spent { Err(Spent) } else { Ok(()) }
    }

    /// Queues a response that needs no future. Returns it if it is the next to encode.
    #[inline]
    pub(super) fn push_answer(&mut self, response: Response, tag: T) -> Option<(Response, T)> {
        if self.calls.is_empty() {
            return Some((response, tag));
        }
        self.calls.push_back(CallInFlight { state: CallInFlightState::Answered(response), tag });
        None
    }

    /// Queues a connection command that is pending.
    pub(super) fn push_pending(&mut self, pending: Pending, tag: T, cx: &mut Context<'_>) {
        let mut state = CallInFlightState::ConnectionCommand(pending);
        if let Poll::Ready(response) = state.poll(cx) {
            state = CallInFlightState::Answered(response);
        }
        self.calls.push_back(CallInFlight { state, tag });
    }

    /// Polls every future that is pending.
    pub(super) fn poll_all(&mut self, cx: &mut Context<'_>) {
        for call in &mut self.calls {
            let Poll::Ready(response) = call.state.poll(cx) else { continue };
            if let CallInFlightState::Service(slot) =
                mem::replace(&mut call.state, CallInFlightState::Answered(response))
            {
                self.free_slots.push(slot);
            }
        }
    }

    /// Takes the next response in order, if it is ready.
    #[inline(always)]
    pub(super) fn next_answer(&mut self) -> Option<(Response, T)> {
        if self.calls.is_empty() { None } else { self.first_answer() }
    }

    fn first_answer(&mut self) -> Option<(Response, T)> {
        match self.calls.front()?.state {
            CallInFlightState::Service(_) | CallInFlightState::ConnectionCommand(_) => None,
            CallInFlightState::Answered(_) => match self.calls.pop_front()? {
                CallInFlight { state: CallInFlightState::Answered(response), tag } => Some((response, tag)),
                CallInFlight { .. } => None,
            },
        }
    }

    /// Puts an answer back that cannot be sent yet. It is the next one again.
    #[cold]
    pub(super) fn put_back(&mut self, response: Response, tag: T) {
        self.calls.push_front(CallInFlight { state: CallInFlightState::Answered(response), tag });
    }

    /// Releases the memory of an idle connection, but for one slot.
    pub(super) fn shrink(&mut self) {
        self.free_slots.truncate(1);
        if self.calls.is_empty() {
            self.calls.shrink_to(4);
        }
    }
}

impl<F, E> CallInFlightState<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<tower::BoxError>,
{
    /// Polls a pending future. A panic in it becomes an error response.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        match self {
            Self::Service(slot) => poll_slot(slot, cx),
            Self::ConnectionCommand(pending) => {
                failure::catch(|| pending.as_mut().poll(cx)).unwrap_or_else(Poll::Ready)
            }
            Self::Answered(_) => Poll::Pending,
        }
    }
}

/// Cancels the commands. A panic in the drop of one does not affect the others.
impl<F, T> Drop for CallsInFlight<F, T> {
    fn drop(&mut self) {
        for call in self.calls.drain(..) {
            match call.state {
                CallInFlightState::Service(mut slot) => clear(&mut slot),
                other => failure::discard(other),
            }
        }
    }
}

/// The result of a poll: pending, an answer, or a panic.
pub(super) type Polled<E> = thread::Result<Poll<Result<Response, E>>>;

/// The service panicked in `call` and must not be used again.
pub(super) struct Spent;

/// Polls the future in a slot, and drops it when it is ready. A panic in either becomes an error response.
fn poll_slot<F, E>(slot: &mut FutureSlot<F>, cx: &mut Context<'_>) -> Poll<Response>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<tower::BoxError>,
{
    let polled = catch_unwind(AssertUnwindSafe(|| poll_unguarded(slot, cx)));
    answer_of(polled, slot)
}

#[inline(always)]
fn poll_unguarded<F: Future>(slot: &mut FutureSlot<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let guard = ClearOnDrop(slot);
    let future = guard.0.as_mut().as_pin_mut().expect("a slot in flight holds its future");
    match future.poll(cx) {
        // Returned unchanged, so that the compiler does not move the answer.
        Poll::Ready(answer) => Poll::Ready(answer),
        Poll::Pending => {
            mem::forget(guard);
            Poll::Pending
        }
    }
}

/// Clears a slot when its future is ready. Not after a panic, since the drop of that future may panic too.
struct ClearOnDrop<'a, F>(&'a mut FutureSlot<F>);

impl<F> Drop for ClearOnDrop<'_, F> {
    #[inline]
    fn drop(&mut self) {
        if !thread::panicking() {
            self.0.set(None);
        }
    }
}

/// The response to the result of a poll: also to an error, and to a panic.
fn answer_of<F, E>(polled: Polled<E>, slot: &mut FutureSlot<F>) -> Poll<Response>
where
    E: Into<tower::BoxError>,
{
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(failure::response_to(error.into())),
        Err(panic) => {
            clear(slot);
            Poll::Ready(failure::response_to_panic(&*panic))
        }
    }
}

#[cold]
#[inline(never)]
fn refill<F>(slot: &mut FutureSlot<F>, future: F) {
    clear(slot);
    slot.set(Some(future));
}

/// Drops the future in a slot. A panic in that is logged.
fn clear<F>(slot: &mut FutureSlot<F>) {
    let _ = failure::catch(|| slot.set(None));
}
