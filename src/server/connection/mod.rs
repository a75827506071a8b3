//! [`Connection`]: one client, from its first byte to its last.
//!
//! A connection works in turns. In each turn whatever can be done is done: commands are decoded in batches, called one by
//! one, their answers encoded in the order of the requests and written together. Then the connection waits for everything
//! that can happen next, in one place: an answer, input, room for output, mail, a deadline.
//!
//! A peer that has closed its side is still owed its answers, and is no different from one that is gone for good until
//! something is written to it. So a command that never answers holds such a connection, and its place among the allowed,
//! until somebody kills it: no rule bounds how long a command takes but a timeout layer around the service.
//!
//! Here are its parts and its turn; `answer` is what it does between input and output, `exchange` how it reads and writes,
//! `lend` how a long value leaves without a copy, `stream_in` and `stream_out` what one does that is never held whole,
//! `deadline` the rules that a peer may break, `close` the end.

mod answer;
mod close;
mod deadline;
mod exchange;
mod flight;
mod input;
#[cfg(target_os = "linux")]
mod lend;
#[cfg(not(target_os = "linux"))]
#[path = "lend/elsewhere.rs"]
mod lend;
mod queue;
mod spare;
mod stream_in;
mod stream_out;

use std::{
    future::poll_fn,
    io,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use kvstore_middleware::failure;
use kvstore_protocol::{
    Codec, Command, Limits, Output, ProtocolError, Session, batch,
    mailbox::{Inbox, Order},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

use super::{
    Shared,
    commands::{Later, Standing},
    detach::{self, Run, Running},
    supply::Supply,
};
use deadline::Deadline;
use flight::Flight;
use input::Input;
use queue::Queue;
use stream_in::Incoming;
use stream_out::Outgoing;

pub(super) use close::ordered;

/// How many commands are called in one turn of the task, so that a deep pipeline does not starve its neighbours.
const BUDGET: usize = 1024;

/// What a read, or a round of mail, takes of the same budget.
const ROUND: usize = 16;

type Futures<U> = <<U as Supply>::Service as Service<Command>>::Future;

/// One client: its stream, its service, and what lies between.
pub(super) struct Connection<Io, U: Supply, C: Codec> {
    io: Io,
    codec: C,
    shared: Arc<Shared>,
    supply: Arc<U>,
    /// `None` after an error or a panic in it, until the next command needs one.
    service: Option<U::Service>,
    standing: Standing,
    inbox: Inbox,
    input: Input,
    /// Decoded, not called.
    queue: Queue<C::Tag>,
    /// Called, not answered.
    flight: Flight<Futures<U>, C::Tag>,
    /// A connection command that takes its time, such as AUTH.
    later: Option<Box<Waiting<C::Tag>>>,
    /// An answer that is sent piece by piece.
    outgoing: Option<Box<Outgoing<C::Tag>>>,
    /// An argument that comes piece by piece.
    incoming: Option<Box<Incoming>>,
    /// Who has the connection when all is answered.
    takeover: Option<Run>,
    output: Output,
    /// From how many bytes on nothing more is answered before output is written: never more than the bound, or messages
    /// that found no room would not be sent when there is some.
    flush_at: usize,
    /// Whether all was handed to the stream, and some of it is still on its way through.
    is_flushing: bool,
    /// Whether a barrier is in flight: nothing is called beside it.
    at_barrier: bool,
    decoded: u64,
    answered: u64,
    stage: Stage,
    order: Option<Order>,
    deadline: Deadline,
}

/// A connection command that waits for something.
struct Waiting<T> {
    later: Later,
    command: Command,
    tag: T,
}

/// How far a connection is on its way to its end.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    /// Reads, calls and answers.
    Open,
    /// Open -> `Ended`: the peer sends no more. What it sent is answered.
    Ended,
    /// Open, Ended -> `Broken`: the stream cannot be trusted. What came before is answered, then the peer is told why.
    Broken(ProtocolError),
    /// any -> `Finishing`: what is in flight is answered and written, nothing more is called.
    Finishing,
}

/// What a connection does next in its turn.
enum Next {
    /// Does what can be done with what is here.
    Act,
    /// Reads, or waits.
    Read,
    /// Lets others work first.
    Yield,
    End(Ending),
}

/// Why a connection ended.
pub(super) enum Ending {
    /// In order: everything that was called is answered and written.
    Finished,
    /// It goes on in another protocol.
    Detached(Running),
    /// The peer, or the network, broke it off.
    Lost(io::Error),
    /// Somebody ordered it.
    Killed,
    /// The peer broke a rule of the settings.
    Cut(&'static str),
}

impl<Io, U, C> Connection<Io, U, C>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    U: Supply,
    C: Codec,
{
    pub(super) fn new(
        io: Io,
        codec: C,
        shared: Arc<Shared>,
        supply: Arc<U>,
        service: U::Service,
        standing: Standing,
        inbox: Inbox,
    ) -> Self {
        let mut connection = Self {
            io,
            codec,
            shared,
            supply,
            service: Some(service),
            standing,
            inbox,
            input: Input::new(),
            queue: Queue::new(),
            flight: Flight::new(),
            later: None,
            outgoing: None,
            incoming: None,
            takeover: None,
            output: Output::default(),
            flush_at: 0,
            is_flushing: false,
            at_barrier: false,
            decoded: 0,
            answered: 0,
            stage: Stage::Open,
            order: None,
            deadline: Deadline::default(),
        };
        connection.settle_session();
        connection.flush_soon();
        connection
    }

    /// Serves the client to its end.
    #[expect(clippy::manual_async_fn, reason = "it would keep the connection twice, as its argument and as a variable")]
    pub(super) fn run(mut self) -> impl Future<Output = Ending>
    where
        Io: Send,
    {
        async move {
            let ending = poll_fn(|cx| batch::run(|| self.poll_turns(cx))).await;
            if let Ending::Finished = ending {
                if let Some(run) = self.takeover.take() {
                    return self.hand_over(run);
                }
                // Apart and boxed: every connection would carry the room for its farewell otherwise.
                Box::pin(self.close()).await;
            }
            failure::discard(self.service.take());
            failure::discard(self.outgoing.take());
            failure::discard(self.takeover.take());
            ending
        }
    }

    #[cold]
    fn hand_over(mut self, run: Run) -> Ending
    where
        Io: Send,
    {
        failure::discard(self.service.take());
        let unread = Some(std::mem::take(self.input.buffer())).filter(|unread| !unread.is_empty());
        let unread = unread.map_or_else(Bytes::new, BytesMut::freeze);
        let Standing { session, registration, .. } = self.standing;
        Ending::Detached(detach::go_on(run, self.io, unread, session, self.inbox, registration))
    }

    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut budget = BUDGET;
        self.flight.ask_all(cx);
        // Mostly a connection wakes from its rest because there is something to read.
        let mut next = if self.is_at_rest() { Next::Read } else { Next::Act };
        loop {
            next = match next {
                Next::Act => self.act(cx, &mut budget),
                Next::Read => match self.await_next(cx, &mut budget) {
                    Poll::Ready(next) => next,
                    Poll::Pending => {
                        self.rest();
                        return Poll::Pending;
                    }
                },
                Next::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::End(ending) => return Poll::Ready(ending),
            }
        }
    }

    /// Does what can be done with what is here.
    #[inline(always)]
    fn act(&mut self, cx: &mut Context<'_>, budget: &mut usize) -> Next {
        self.read_mail();
        match self.order {
            Some(Order::Kill) => return Next::End(Ending::Killed),
            Some(_) => self.finish(),
            None => {}
        }
        let is_held_back = self.answer(cx, budget);
        if self.incoming.is_some() && self.stream_in(cx) {
            return Next::Act;
        }
        if !is_held_back {
            self.conclude();
        }
        if let Err(error) = self.write(cx) {
            return Next::End(Ending::Lost(error));
        }
        if self.is_finished() {
            // Messages may have waited for the room that there is now.
            let is_done = self.read_mail() && !self.output.has_remaining();
            return if is_done { Next::End(Ending::Finished) } else { Next::Yield };
        }
        // Also while output is stuck: what is read meanwhile may be thrown away, and there may be no end to it.
        if *budget == 0 {
            return Next::Yield;
        }
        if is_held_back && !self.is_full() { Next::Act } else { Next::Read }
    }

    /// Waits for what comes next: input, mail, a deadline.
    #[inline(always)]
    fn await_next(&mut self, cx: &mut Context<'_>, budget: &mut usize) -> Poll<Next> {
        let next = match self.read(cx) {
            Poll::Ready(Ok(())) => Next::Act,
            Poll::Ready(Err(error)) => Next::End(Ending::Lost(error)),
            Poll::Pending if self.inbox.poll_news(cx).is_ready() => Next::Act,
            Poll::Pending => Next::End(Ending::Cut(ready!(self.poll_deadline(cx)))),
        };
        *budget = budget.saturating_sub(ROUND);
        Poll::Ready(next)
    }

    /// Takes what is in the inbox, and what of it may go out now goes out, as long as there is room. False when messages
    /// are left that may go out.
    fn read_mail(&mut self) -> bool {
        if !self.inbox.has_mail() {
            return true;
        }
        if self.output.remaining() >= self.output_bound() || self.outgoing.is_some() {
            self.order = self.order.max(self.inbox.peek_order());
            return false;
        }
        let mail = self.inbox.take();
        self.order = self.order.max(mail.order);
        if !mail.changes.is_empty() {
            self.change_session(|session| mail.changes.into_iter().for_each(|change| change(session)));
        }
        while self.output.remaining() < self.output_bound() {
            let Some(message) = self.inbox.next_message(self.answered) else { return true };
            self.codec.encode_push(message, &mut self.output);
        }
        false
    }

    fn change_session(&mut self, change: impl FnOnce(&mut Session)) {
        change(Arc::make_mut(&mut self.standing.session));
        self.settle_session();
    }

    /// Lets the codec and the registry know what a connection command may have changed.
    fn settle_session(&mut self) {
        let session = &self.standing.session;
        self.codec.set_protocol(session.protocol());
        let limits =
            if self.standing.is_authenticated() { self.shared.settings.limits } else { Limits::unauthenticated() };
        self.codec.set_limits(limits);
        self.input.trust(self.standing.is_authenticated());
        self.flush_at = self.flush_at.min(self.output_bound());
        self.standing.registration.entry.set_session(self.standing.session.clone());
    }

    /// Calls nothing more: what was decoded is dropped, what was called is answered.
    fn finish(&mut self) {
        self.stage = Stage::Finishing;
        self.drop_uncalled();
        self.queue.clear();
        // With its place in a queue for a permit, if it has one: the farewell may take a while.
        failure::discard(self.service.take());
    }

    fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.flight.is_empty() || self.later.is_some() || self.outgoing.is_some()
    }

    /// Whether there is nothing to do before something comes.
    fn is_at_rest(&self) -> bool {
        let has_work = self.is_busy() || self.input.has_news() || self.incoming.is_some() || self.inbox.has_mail();
        let has_unwritten = self.output.has_remaining() || self.is_flushing;
        self.stage == Stage::Open && self.order.is_none() && !has_work && !has_unwritten
    }

    /// Once everything before the end is answered: says why a stream is broken off, and goes on to the end.
    fn conclude(&mut self) {
        if self.is_busy() {
            return;
        }
        match &self.stage {
            Stage::Open | Stage::Finishing => {}
            Stage::Ended => self.finish(),
            Stage::Broken(error) => {
                tracing::debug!(peer = %self.standing.session.peer(), %error, "protocol error");
                self.codec.encode_error(error, &mut self.output);
                self.finish();
            }
        }
    }

    fn is_finished(&self) -> bool {
        // Who takes the connection need not flush what others wrote.
        let has_unwritten = self.output.has_remaining() || self.is_flushing && self.takeover.is_some();
        self.stage == Stage::Finishing && !self.is_busy() && !has_unwritten
    }

    /// Gives back what an idle connection does not need.
    fn rest(&mut self) {
        let entry = &self.standing.registration.entry;
        entry.input.store(self.input.len(), Ordering::Relaxed);
        entry.output.store(self.output.remaining(), Ordering::Relaxed);
        if !self.is_busy() {
            self.input.shrink();
            if !self.output.has_remaining() && self.output.room() > 0 {
                spare::keep_output(std::mem::take(&mut self.output));
            }
            self.queue.shrink();
            self.flight.shrink();
        }
    }
}
