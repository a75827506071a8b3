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
use kvstore_protocol::{
    Response,
    parking::{Parking, observe, seen},
};

use super::transaction::OnError;
use crate::server::connection_layer::Pending;

/// A pinned slot for a future. It is reused, so that a command costs no allocation.
type FutureSlot<F> = Pin<Box<Option<F>>>;

/// The commands that are called and not answered, in the order of the requests.
pub(super) struct CallsInFlight<F, T> {
    calls: VecDeque<CallInFlight<F, T>>,
    /// How many of the first calls are settled or have an answer. The commands behind them need not wait for these.
    settled: usize,
    /// About how many bytes the answers take that wait for their turn.
    answer_bytes: usize,
    free_slots: Vec<FutureSlot<F>>,
}

struct CallInFlight<F, T> {
    state: CallInFlightState<F>,
    /// Whether its effect is there, and only its answer waits: for an event, or for its turn.
    is_settled: bool,
    /// Whether it waits for an outside event, and may do so for ever.
    is_parked: bool,
    /// About how many bytes its answer takes.
    bytes: usize,
    /// While it is pending: what an error does to the transaction of the connection.
    on_error: OnError,
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
        Self { calls: VecDeque::new(), settled: 0, answer_bytes: 0, free_slots: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether all commands are settled or have an answer.
    pub(super) fn is_settled(&self) -> bool {
        self.settled == self.calls.len()
    }

    /// Whether the next answer is that of a command which waits for an outside event.
    pub(super) fn is_parked(&self) -> bool {
        self.calls.front().is_some_and(|call| call.is_parked)
    }

    /// Returns the number of commands in flight, where at most `max_settled` that are settled do not count. A settled
    /// command behind one that is not does.
    pub(super) fn unsettled(&self, max_settled: usize) -> usize {
        self.calls.len() - self.settled.min(max_settled)
    }

    /// Returns about how many bytes the answers take that wait for their turn.
    pub(super) fn answer_bytes(&self) -> usize {
        self.answer_bytes
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
    pub(super) fn push_called(
        &mut self,
        polled: Polled<E>,
        tag: T,
        on_error: OnError,
        cx: &mut Context<'_>,
    ) -> Result<(), Spent> {
        let Some(mut slot) = self.free_slots.pop() else { return Ok(()) };
        let is_spent = polled.is_err() && slot.is_none();
        let mut call = match answer_of(polled, &mut slot) {
            Poll::Pending => CallInFlight { on_error, ..CallInFlight::pending(CallInFlightState::Service(slot), tag) },
            Poll::Ready(response) => {
                on_error.see(&response);
                self.free_slots.push(slot);
                CallInFlight::answered(response, tag)
            }
        };
        // The first poll clears no mark, which would cost every command an instruction. So this one may be older.
        if call.is_pending() && matches!(seen(), Parking::Settled | Parking::Parked) {
            self.free_slots.extend(call.poll(cx));
        }
        self.push(call);
        if is_spent { Err(Spent) } else { Ok(()) }
    }

    fn push(&mut self, call: CallInFlight<F, T>) {
        self.answer_bytes += call.bytes;
        self.calls.push_back(call);
        self.count_settled();
    }

    /// Counts the settled commands anew, from where the last count ended.
    fn count_settled(&mut self) {
        let uncounted = self.calls.range(self.settled..);
        self.settled += uncounted.take_while(|call| call.is_settled).count();
    }

    /// Queues a response that needs no future. Returns it if it is the next to encode.
    #[inline]
    pub(super) fn push_answer(&mut self, response: Response, tag: T) -> Option<(Response, T)> {
        if self.calls.is_empty() {
            return Some((response, tag));
        }
        self.push(CallInFlight::answered(response, tag));
        None
    }

    /// Queues a connection command that is pending.
    pub(super) fn push_pending(&mut self, pending: Pending, tag: T, cx: &mut Context<'_>) {
        let mut call = CallInFlight::pending(CallInFlightState::ConnectionCommand(pending), tag);
        call.poll(cx);
        self.push(call);
    }

    /// Polls every future that is pending.
    #[inline]
    pub(super) fn poll_all(&mut self, cx: &mut Context<'_>) {
        if !self.calls.is_empty() {
            self.poll_calls(cx);
        }
    }

    fn poll_calls(&mut self, cx: &mut Context<'_>) {
        for call in self.calls.iter_mut().filter(|call| call.is_pending()) {
            self.free_slots.extend(call.poll(cx));
            self.answer_bytes += call.bytes;
        }
        // A settled command may have an answer that holds back those behind it.
        self.settled = 0;
        self.count_settled();
    }

    /// Takes the next response in order, if it is ready.
    #[inline(always)]
    pub(super) fn next_answer(&mut self) -> Option<(Response, T)> {
        if self.calls.is_empty() { None } else { self.first_answer() }
    }

    fn first_answer(&mut self) -> Option<(Response, T)> {
        if self.calls.front()?.is_pending() {
            return None;
        }
        let call = self.calls.pop_front()?;
        self.answer_bytes -= call.bytes;
        self.settled = self.settled.saturating_sub(1);
        self.count_settled();
        match call.state {
            CallInFlightState::Answered(response) => Some((response, call.tag)),
            _ => None,
        }
    }

    /// Puts an answer back that cannot be sent yet. It is the next one again.
    #[cold]
    pub(super) fn put_back(&mut self, response: Response, tag: T) {
        let call = CallInFlight::answered(response, tag);
        self.answer_bytes += call.bytes;
        self.settled = if call.is_settled { self.settled + 1 } else { 0 };
        self.calls.push_front(call);
    }

    /// Releases the memory of an idle connection, but for one slot.
    pub(super) fn shrink(&mut self) {
        self.free_slots.truncate(1);
        if self.calls.is_empty() {
            self.calls.shrink_to(4);
        }
    }
}

impl<F, T> CallInFlight<F, T> {
    fn pending(state: CallInFlightState<F>, tag: T) -> Self {
        Self { state, is_settled: false, is_parked: false, bytes: 0, on_error: OnError::Nothing, tag }
    }

    fn answered(response: Response, tag: T) -> Self {
        let (is_settled, bytes) = (!is_last(&response), response.size());
        let (state, on_error) = (CallInFlightState::Answered(response), OnError::Nothing);
        Self { state, is_settled, is_parked: false, bytes, on_error, tag }
    }

    fn is_pending(&self) -> bool {
        !matches!(self.state, CallInFlightState::Answered(_))
    }
}

impl<F, T, E> CallInFlight<F, T>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<tower::BoxError>,
{
    /// Polls a pending call, and notes whether it is parked or has settled. Returns its slot when it is ready.
    fn poll(&mut self, cx: &mut Context<'_>) -> Option<FutureSlot<F>> {
        let polled = observe(|| self.state.poll(cx));
        self.is_parked = polled.is_pending() && seen() == Parking::Parked;
        let Poll::Ready(response) = polled else {
            self.is_settled |= seen() == Parking::Settled;
            return None;
        };
        self.on_error.see(&response);
        (self.is_settled, self.bytes) = (!is_last(&response), response.size());
        match mem::replace(&mut self.state, CallInFlightState::Answered(response)) {
            CallInFlightState::Service(slot) => Some(slot),
            _ => None,
        }
    }
}

/// Whether nothing may be called behind a response: it closes or upgrades the connection.
fn is_last(response: &Response) -> bool {
    matches!(response, Response::Close(_) | Response::Upgrade(_))
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
