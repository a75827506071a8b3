//! [`Connection`]: the connection loop.
//!
//! A connection works in turns. Each turn does all work that is possible without waiting: it decodes commands in
//! batches, calls them one after another, encodes the responses in the order of the requests and writes them together.
//! Then the connection waits in one place for all events: a response, input, room for output, messages, a deadline.
//!
//! A peer that has closed its side still receives its answers, and cannot be told from one that is gone until something is
//! written to it. Its connection is closed when its next answer is that of a parked command, such as BLPOP. Any other command
//! that never answers holds such a connection, which counts as a connection, until it is killed: only a timeout layer around
//! the service bounds how long a command takes.
//!
//! This file has the parts of a connection and its turn. `reading` decodes bytes to commands (`input`, `queue`),
//! `calling` calls the service (`in_flight`), `writing` encodes and writes responses, `zero_copy` writes long values
//! without copying them. `transaction` is what an error does to MULTI. `request_body` and `response_body` stream values,
//! `deadline` has the time limits, `output_limit` the limit on what is unread, `close` the graceful close, `memory` counts the
//! memory of the buffers.

mod buffer_pool;
mod calling;
mod close;
mod deadline;
mod in_flight;
mod input;
mod memory;
mod output_limit;
mod queue;
mod reading;
mod request_body;
mod response_body;
mod transaction;
mod writing;
#[cfg(all(target_os = "linux", feature = "zero-copy"))]
mod zero_copy;
#[cfg(not(all(target_os = "linux", feature = "zero-copy")))]
#[path = "zero_copy/fallback.rs"]
mod zero_copy;

use std::{
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use kvstore_middleware::failure;
use kvstore_protocol::{
    Codec, ProtocolError, Session, batch,
    mailbox::{Inbox, Order},
    release::Held,
};

use super::{
    BufferMemory, CutReason,
    client_state::ClientState,
    cut,
    events::ConnectionEvent,
    io::ServerIo,
    make_service::MakeService,
    turns::Turn,
    upgrade::{UpgradeFuture, UpgradeHandler, run_upgraded},
};
use calling::Caller;
use deadline::Deadline;
use reading::Reader;
use writing::Writer;

pub(super) use close::ordered;
use output_limit::FREE_OUTPUT;

/// How many commands are called per poll of the task, so that a deep pipeline does not starve other connections.
const BUDGET: usize = 1024;

/// How much of that budget a read, or a batch of messages, costs.
const ROUND: usize = 16;

/// How many bytes that are read, or answered, cost as much as one command. A whole budget is 512 KiB, so that long requests and
/// replies do not starve other connections, and their memory is counted before there are more.
const BYTES_PER_COMMAND: usize = 512;

/// A connection: the byte stream of one client, and all state between it and the service.
pub(super) struct Connection<M: MakeService, C: Codec> {
    io: ServerIo,
    codec: C,
    client: ClientState,
    inbox: Inbox,
    reader: Reader<C::Tag>,
    caller: Caller<M, C::Tag>,
    writer: Writer<C::Tag>,
    /// What output waits for before it is written.
    held: Held,
    /// The upgrade that takes the connection once everything is answered.
    upgrade: Option<UpgradeHandler>,
    lifecycle: Lifecycle,
    order: Option<Order>,
    deadline: Deadline,
    turn: Turn,
    /// The memory of the buffers, as it was counted last.
    counted: usize,
}

/// The state of a connection from open to closed.
#[derive(Clone, Debug, PartialEq)]
enum Lifecycle {
    /// Commands are read, called and answered.
    Open,
    /// Open -> `HalfClosed`: the client has closed its write side. What it sent is answered.
    HalfClosed,
    /// Open, `HalfClosed` -> `Failed`: a protocol error. All commands before it are answered, then the error is sent.
    Failed(ProtocolError),
    /// any -> `Draining`: the commands in flight are answered and written, no more are called.
    Draining,
}

/// The next step of a turn.
enum NextStep {
    /// Does all work that is possible without waiting.
    Process,
    /// Reads, or waits for an event.
    Wait,
    /// Lets other tasks run first.
    Yield,
    End(ConnectionOutcome),
}

/// How the connection loop ended.
pub(super) enum ConnectionOutcome {
    /// Gracefully: all commands that were called are answered and written.
    Finished,
    /// A handler has upgraded the connection.
    Upgraded(UpgradeFuture),
    /// Reading or writing failed.
    Lost(io::Error),
    /// It was killed by an order.
    Killed,
    /// The client went over a limit, what it wrote is not safe, or the server ends.
    Cut(CutReason),
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    pub(super) fn new(
        io: ServerIo,
        codec: C,
        make: Arc<M>,
        service: M::Service,
        client: ClientState,
        inbox: Inbox,
    ) -> Self {
        let mut connection = Self {
            io,
            codec,
            client,
            inbox,
            reader: Reader::new(),
            caller: Caller::new(make, service),
            writer: Writer::new(),
            held: Held::default(),
            upgrade: None,
            lifecycle: Lifecycle::Open,
            order: None,
            deadline: Deadline::default(),
            turn: Turn::default(),
            counted: 0,
        };
        connection.apply_session();
        connection.reset_flush_threshold();
        connection
    }

    /// Serves the client until the connection ends.
    #[expect(clippy::manual_async_fn, reason = "it would keep the connection twice, as its argument and as a variable")]
    pub(super) fn run(mut self) -> impl Future<Output = ConnectionOutcome> {
        async move {
            let outcome = poll_fn(|cx| batch::run(|| self.poll_turns(cx))).await;
            if let ConnectionOutcome::Cut(reason) = outcome {
                Box::pin(self.close_cut(reason)).await;
            }
            if let ConnectionOutcome::Finished = outcome {
                if let Some(run) = self.upgrade.take() {
                    return self.into_upgraded(run);
                }
                // Closing may take a while.
                self.drop_buffers();
                self.inbox.close_to_messages();
                // Boxed, since every connection would reserve the room for it otherwise.
                Box::pin(self.close()).await;
            }
            self.caller.drop_service();
            failure::discard(self.writer.outgoing.take());
            failure::discard(self.upgrade.take());
            outcome
        }
    }

    #[cold]
    fn into_upgraded(mut self, run: UpgradeHandler) -> ConnectionOutcome {
        self.caller.drop_service();
        let unread = Some(std::mem::take(self.reader.input.buffer())).filter(|unread| !unread.is_empty());
        let unread = unread.map_or_else(Bytes::new, BytesMut::freeze);
        let ClientState { session, registration, .. } = self.client;
        // What is unread belongs to the handler.
        registration.count_buffers(BufferMemory::default());
        ConnectionOutcome::Upgraded(run_upgraded(run, self.io, unread, session, self.inbox, registration))
    }

    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionOutcome> {
        if self.turn.must_wait() && self.client.registration.entry.cut_reason().is_none() {
            return Poll::Pending;
        }
        let mut budget = if self.client.shared().turns.is_crowded() { self.turn.budget() } else { BUDGET };
        self.caller.in_flight.poll_all(cx);
        // An idle connection usually wakes because there is input.
        let mut next = if self.is_idle() { NextStep::Wait } else { NextStep::Process };
        loop {
            next = match next {
                NextStep::Process => self.process(cx, &mut budget),
                NextStep::Wait => match self.poll_events(cx, &mut budget) {
                    Poll::Ready(next) => next,
                    Poll::Pending => {
                        self.turn.leave();
                        self.release_resources();
                        return Poll::Pending;
                    }
                },
                NextStep::Yield => {
                    self.count_buffers();
                    self.turn.end(&self.client.shared().turns, cx);
                    // It may be cut while it stands in the queue.
                    let _ = self.inbox.poll_news(cx);
                    return Poll::Pending;
                }
                NextStep::End(outcome) => {
                    self.turn.leave();
                    return Poll::Ready(outcome);
                }
            }
        }
    }

    /// Does all work that is possible without waiting.
    #[inline(always)]
    fn process(&mut self, cx: &mut Context<'_>, budget: &mut usize) -> NextStep {
        self.read_inbox();
        match self.order {
            Some(Order::Kill) => return NextStep::End(self.killed()),
            Some(_) => self.start_draining(),
            None => {}
        }
        let before = self.writer.output.remaining();
        let has_more = self.answer(cx, budget);
        let answered = self.writer.output.remaining().saturating_sub(before);
        *budget = budget.saturating_sub(answered / BYTES_PER_COMMAND);
        if self.reader.incoming.is_some() && self.stream_in(cx) {
            return NextStep::Process;
        }
        if !has_more {
            self.drain_if_answered();
        }
        if self.writer.output.remaining() > FREE_OUTPUT && !self.is_within_output_limit() {
            return NextStep::End(self.killed());
        }
        if let Err(error) = self.write(cx) {
            return NextStep::End(self.lost(error));
        }
        if self.is_drained() {
            // Messages may have waited for room in the output buffer, which is empty now.
            let is_done = self.read_inbox() && !self.writer.output.has_remaining();
            return if is_done { NextStep::End(ConnectionOutcome::Finished) } else { NextStep::Yield };
        }
        // Also while output is stalled: input may be read and discarded without end meanwhile.
        if *budget == 0 {
            return NextStep::Yield;
        }
        if has_more && !self.writer.is_full() { NextStep::Process } else { NextStep::Wait }
    }

    /// How a connection ends that is ordered to.
    #[cold]
    fn killed(&self) -> ConnectionOutcome {
        self.client.registration.entry.cut_reason().map_or(ConnectionOutcome::Killed, ConnectionOutcome::Cut)
    }

    /// How a connection ends that cannot write.
    #[cold]
    fn lost(&self, error: io::Error) -> ConnectionOutcome {
        self.client.registration.entry.cut_reason().map_or(ConnectionOutcome::Lost(error), ConnectionOutcome::Cut)
    }

    /// Waits for the next event: input, messages, the end of a pause, a deadline.
    #[inline(always)]
    fn poll_events(&mut self, cx: &mut Context<'_>, budget: &mut usize) -> Poll<NextStep> {
        let next = match self.read(cx) {
            Poll::Ready(Ok(bytes)) => {
                *budget = budget.saturating_sub(bytes / BYTES_PER_COMMAND);
                NextStep::Process
            }
            Poll::Ready(Err(error)) => NextStep::End(ConnectionOutcome::Lost(error)),
            Poll::Pending if self.inbox.poll_news(cx).is_ready() => NextStep::Process,
            Poll::Pending if self.caller.poll_pause(cx).is_ready() => NextStep::Process,
            Poll::Pending => NextStep::End(ConnectionOutcome::Cut(ready!(self.poll_deadline(cx)))),
        };
        *budget = budget.saturating_sub(ROUND);
        Poll::Ready(next)
    }

    /// Reads the inbox, and encodes the messages that may be sent now, as long as there is room. Returns false when messages
    /// are left that may be sent.
    fn read_inbox(&mut self) -> bool {
        if !self.inbox.has_mail() {
            return true;
        }
        let is_done = self.read_mail();
        self.check_output_limit();
        is_done
    }

    fn read_mail(&mut self) -> bool {
        if self.writer.output.remaining() >= self.output_bound() || self.writer.outgoing.is_some() {
            self.order = self.order.max(self.inbox.peek_order());
            return false;
        }
        let received = self.inbox.take();
        self.order = self.order.max(received.order);
        if !received.changes.is_empty() {
            self.change_session(|session| received.changes.into_iter().for_each(|change| change(session)));
        }
        while self.writer.output.remaining() < self.output_bound() {
            let Some(message) = self.inbox.next_message(self.writer.answered) else { return true };
            self.writer.make_room();
            self.codec.encode_push(message, &mut self.writer.output);
        }
        false
    }

    pub(super) fn change_session(&mut self, change: impl FnOnce(&mut Session)) {
        let session = Arc::make_mut(&mut self.client.session);
        change(session);
        if let Some(mode) = session.take_reply_mode() {
            self.writer.set_replies(mode);
        }
        self.apply_session();
    }

    /// Applies the session to the codec, the registry, and the commands that are decoded and not called.
    fn apply_session(&mut self) {
        self.client.update_restriction();
        let session = &self.client.session;
        self.codec.set_protocol(session.protocol());
        self.codec.set_limits(self.client.limits());
        self.reader.input.set_trusted(self.client.is_authenticated());
        self.reader.queue.set_session(session);
        self.writer.flush_threshold = self.writer.flush_threshold.min(self.output_bound());
        self.client.registration.entry.set_session(self.client.session.clone());
    }

    /// Stops calling commands: those that are decoded are dropped, those in flight are answered.
    fn start_draining(&mut self) {
        self.lifecycle = Lifecycle::Draining;
        self.drop_uncalled();
        self.reader.queue.clear();
        // With its position in a queue for a permit: closing may take a while.
        self.caller.drop_service();
    }

    fn is_busy(&self) -> bool {
        !self.reader.queue.is_empty() || !self.caller.in_flight.is_empty() || self.writer.outgoing.is_some()
    }

    /// Whether there is nothing to do until an event.
    fn is_idle(&self) -> bool {
        let has_work = self.is_busy() || self.reader.has_work() || self.inbox.has_mail();
        self.lifecycle == Lifecycle::Open && self.order.is_none() && !has_work && !self.writer.has_unwritten()
    }

    /// Starts draining after a half-close or a protocol error, once all commands are answered. Encodes the protocol
    /// error.
    fn drain_if_answered(&mut self) {
        if matches!(self.lifecycle, Lifecycle::HalfClosed | Lifecycle::Draining) && self.caller.in_flight.is_parked() {
            // It may wait for ever, and the client is gone, or is to go.
            self.caller.cancel();
            self.start_draining();
        }
        if self.is_busy() {
            return;
        }
        match &self.lifecycle {
            Lifecycle::Open | Lifecycle::Draining => {}
            Lifecycle::HalfClosed => self.start_draining(),
            Lifecycle::Failed(error) => {
                cut::log(&self.client.session, error);
                self.client.shared().notify(ConnectionEvent::ProtocolError { session: &self.client.session, error });
                self.codec.encode_error(error, &mut self.writer.output);
                self.start_draining();
            }
        }
    }

    fn is_drained(&self) -> bool {
        // An upgraded connection need not flush what was written before.
        let has_unwritten = self.writer.output.has_remaining() || self.writer.is_flushing && self.upgrade.is_some();
        self.lifecycle == Lifecycle::Draining && !self.is_busy() && !has_unwritten
    }

    /// Releases memory and the service when the connection is idle.
    fn release_resources(&mut self) {
        self.caller.release_service(self.client.shared().settings.keep_service);
        let is_parked = self.reader.queue.is_empty() && self.caller.in_flight.is_parked();
        if self.is_busy() && !is_parked {
            return self.count_buffers();
        }
        self.reader.input.shrink();
        self.writer.shrink();
        self.reader.queue.shrink();
        self.caller.in_flight.shrink();
        if self.has_buffers() {
            self.count_buffers();
        }
    }
}
