//! [`Connection`]: one client, from its first byte to its last.
//!
//! A connection works in turns. In each turn whatever can be done is done: commands are decoded in batches, called one by
//! one, their answers encoded in the order of the requests and written together. Then the connection waits for everything
//! that can happen next, in one place: an answer, input, room for output, mail, a deadline.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Buf;
use kvstore_protocol::{
    Codec, Command, CommandError, Limits, Output, ProtocolError, Response, Session,
    mailbox::{Inbox, Order},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::io::poll_write_buf;
use tower::Service;

use super::{
    Shared,
    commands::{Answer, Class, ConnectionCommand, Later, Standing},
    deadline::Deadline,
    flight::{Flight, Spent},
    input::Input,
    queue::{BATCH, Queue},
    supply::Supply,
    trouble,
};

/// How many commands are called in one turn of the task, so that a deep pipeline does not starve its neighbours.
const BUDGET: usize = 1024;

/// What a read, or a round of mail, takes of the same budget.
const ROUND: usize = 16;

/// From how many bytes on output is written before more is answered.
const FLUSH_AT: usize = 256 * 1024;

/// What a client may leave unread, and send ahead, that has not shown who it is.
const UNAUTHENTICATED_BUFFER: usize = 16 * 1024;

/// How long a peer may be silent before an orderly close stops listening to it.
const LINGER: Duration = Duration::from_millis(500);

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
    later: Option<(Later, C::Tag)>,
    output: Output,
    /// From how many bytes on nothing more is answered before output is written.
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

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// In order: everything that was called is answered and written.
    Finished,
    /// The peer, or the network, broke it off.
    Lost(io::Error),
    /// Somebody ordered it.
    Killed,
    /// The peer broke a rule of the settings.
    Cut(&'static str),
}

impl<Io, U, C> Connection<Io, U, C>
where
    Io: AsyncRead + AsyncWrite + Unpin,
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
            input: Input::new(Instant::now()),
            queue: Queue::new(),
            flight: Flight::new(),
            later: None,
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
        connection.flush_at = FLUSH_AT.min(connection.output_bound());
        connection
    }

    /// Serves the client to its end.
    pub(super) async fn run(mut self) -> Ending {
        let ending = poll_fn(|cx| self.poll_turns(cx)).await;
        if let Ending::Finished = ending {
            // Apart and boxed: every connection would carry the room for its farewell otherwise.
            Box::pin(self.close()).await;
        }
        ending
    }

    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut budget = BUDGET;
        self.flight.ask_all(cx);
        loop {
            self.read_mail();
            match self.order {
                Some(Order::Kill) => return Poll::Ready(Ending::Killed),
                Some(_) => self.finish(),
                None => {}
            }
            let is_held_back = self.answer(cx, &mut budget);
            if !is_held_back {
                self.conclude();
            }
            if let Err(error) = self.write(cx) {
                return Poll::Ready(Ending::Lost(error));
            }
            if self.is_finished() {
                return Poll::Ready(Ending::Finished);
            }
            if is_held_back && !self.is_full() {
                if budget > 0 {
                    continue;
                }
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.read(cx) {
                Poll::Ready(Ok(())) => {
                    budget = budget.saturating_sub(ROUND);
                    continue;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Ending::Lost(error)),
                Poll::Pending => {}
            }
            if self.inbox.poll_news(cx).is_ready() {
                budget = budget.saturating_sub(ROUND);
                continue;
            }
            if let Poll::Ready(reason) = self.poll_deadline(cx) {
                return Poll::Ready(Ending::Cut(reason));
            }
            self.rest();
            return Poll::Pending;
        }
    }

    /// Answers what can be answered at once. True when there is more to do, but output or other connections come first.
    fn answer(&mut self, cx: &mut Context<'_>, budget: &mut usize) -> bool {
        loop {
            // No answer either while output is full: messages that go out in front of it may wait for room too.
            while !self.is_full()
                && let Some((response, tag)) = self.flight.next_answer()
            {
                self.reply(response, tag);
            }
            if self.is_full() || *budget == 0 {
                return true;
            }
            self.poll_later(cx);
            if self.queue.is_empty() && !self.decode() || !self.call_next(cx) {
                return false;
            }
            *budget -= 1;
        }
    }

    /// Decodes a batch. A barrier ends it: what follows may be bound by other limits, or mean something else.
    fn decode(&mut self) -> bool {
        if matches!(self.stage, Stage::Broken(_) | Stage::Finishing) || self.is_held_up() {
            return false;
        }
        while self.queue.len() < BATCH {
            match self.codec.decode(self.input.buffer()) {
                Ok(Some((command, tag))) => {
                    let class = self.shared.names.get(command.name()).copied().unwrap_or(Class::Ordinary);
                    self.decoded += 1;
                    if self.codec.protocol() != self.standing.session.protocol() {
                        let protocol = self.codec.protocol();
                        self.change_session(|session| session.set_protocol(protocol));
                    }
                    let command = command.in_session(self.standing.session.clone(), self.decoded);
                    self.queue.push(command, tag, class);
                    if class.is_barrier() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.stage = Stage::Broken(error);
                    break;
                }
            }
        }
        self.input.note_decoded(self.queue.len(), self.codec.missing());
        if self.queue.is_empty() {
            return false;
        }
        let batch = self.queue.commands();
        self.standing.registration.entry.touch(self.input.heard(), batch.last());
        if let Some(hint) = &self.shared.hint {
            // Advice that panics is no advice, and no reason to leave a batch unanswered.
            let _ = trouble::guard(|| hint(batch));
        }
        true
    }

    /// Calls the next command, if it may be called now.
    fn call_next(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(class) = self.queue.next_class() else { return false };
        if self.later.is_some() {
            return false;
        }
        if !self.flight.is_empty() {
            let has_room = self.flight.len() < self.shared.settings.max_in_flight;
            if self.at_barrier || class.is_barrier() || !has_room {
                return false;
            }
        }
        match class {
            Class::Connection(known) => {
                let Some((command, tag)) = self.queue.pop() else { return false };
                self.call_own(known, &command, tag);
                true
            }
            _ if !self.standing.is_authenticated() => {
                let Some((_, tag)) = self.queue.pop() else { return false };
                self.answer_now(CommandError::new("NOAUTH", "Authentication required.").into(), tag);
                true
            }
            _ => self.call_service(class, cx),
        }
    }

    fn call_service(&mut self, class: Class, cx: &mut Context<'_>) -> bool {
        let Some(mut service) = self.service.take().or_else(|| self.supply.renew()) else {
            self.finish();
            return false;
        };
        match trouble::guard(|| service.poll_ready(cx)) {
            Ok(Poll::Ready(Ok(()))) => {}
            Ok(Poll::Pending) => {
                // Its place in a queue is given up while others are in flight: it would hold a permit that only an
                // answer to one of them may lead to. After that answer it is asked afresh.
                if self.flight.is_empty() || !U::RENEWS {
                    self.service = Some(service);
                }
                return false;
            }
            Ok(Poll::Ready(Err(error))) => return self.answer_spent(trouble::answer_to(error.into())),
            Err(answer) => return self.answer_spent(answer),
        }
        let Some((command, tag)) = self.queue.pop() else { return false };
        self.at_barrier = class.is_barrier();
        match self.flight.start(|| service.call(command), tag, cx) {
            Ok(answer) => {
                self.service = Some(service);
                if let Some((response, tag)) = answer {
                    self.reply(response, tag);
                }
            }
            Err(Spent) => self.finish_if_spent(),
        }
        true
    }

    /// Answers the next command for a service that is spent before it was called.
    fn answer_spent(&mut self, answer: Response) -> bool {
        let Some((_, tag)) = self.queue.pop() else { return false };
        self.answer_now(answer, tag);
        self.finish_if_spent();
        true
    }

    /// A service that came from a factory is not replaced: its connection ends with the answer.
    fn finish_if_spent(&mut self) {
        if !U::RENEWS {
            self.finish();
        }
    }

    /// Runs a command that is the connection's own.
    fn call_own(&mut self, known: &'static ConnectionCommand, command: &Command, tag: C::Tag) {
        match known.run(&self.shared, &mut self.standing, command) {
            Answer::Now(response) => {
                self.settle_session();
                self.answer_now(response, tag);
            }
            Answer::Later(later) => self.later = Some((later, tag)),
        }
    }

    fn poll_later(&mut self, cx: &mut Context<'_>) {
        let Some((later, _)) = &mut self.later else { return };
        let conclude = match trouble::guard(|| later.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(conclude)) => Ok(conclude),
            Err(answer) => Err(answer),
        };
        let Some((_, tag)) = self.later.take() else { return };
        let response = conclude.map_or_else(|answer| answer, |conclude| conclude(&self.shared, &mut self.standing));
        self.settle_session();
        self.answer_now(response, tag);
    }

    /// Answers a command in its turn.
    fn answer_now(&mut self, response: Response, tag: C::Tag) {
        if let Some((response, tag)) = self.flight.answered(response, tag) {
            self.reply(response, tag);
        }
    }

    /// Encodes the answer to the next command in order, between the messages that were sent before and behind it.
    #[inline]
    fn reply(&mut self, response: Response, tag: C::Tag) {
        if self.inbox.has_mail() {
            self.read_mail();
        }
        self.answered += 1;
        let is_last = matches!(response, Response::Close(_));
        if self.standing.replies.pass() {
            self.codec.encode(response, tag, &mut self.output);
        }
        if self.inbox.has_mail() {
            self.read_mail();
        }
        if is_last {
            self.finish();
        }
    }

    /// Takes what is in the inbox, and what of it may go out now goes out.
    fn read_mail(&mut self) {
        if !self.inbox.has_mail() {
            return;
        }
        if self.output.remaining() >= self.output_bound() {
            self.order = self.order.max(self.inbox.peek_order());
            return;
        }
        let mail = self.inbox.take(self.answered);
        self.order = self.order.max(mail.order);
        if !mail.changes.is_empty() {
            self.change_session(|session| mail.changes.into_iter().for_each(|change| change(session)));
            self.settle_session();
        }
        for message in mail.messages {
            self.codec.encode_push(message, &mut self.output);
        }
    }

    fn change_session(&mut self, change: impl FnOnce(&mut Session)) {
        change(Arc::make_mut(&mut self.standing.session));
        self.standing.registration.entry.set_session(self.standing.session.clone());
    }

    /// Lets the codec and the registry know what a connection command may have changed.
    fn settle_session(&mut self) {
        let session = &self.standing.session;
        self.codec.set_protocol(session.protocol());
        let limits =
            if self.standing.is_authenticated() { self.shared.settings.limits } else { Limits::unauthenticated() };
        self.codec.set_limits(limits);
        self.input.trust(self.standing.is_authenticated());
        self.standing.registration.entry.set_session(session.clone());
    }

    /// Calls nothing more: what was decoded is dropped, what was called is answered.
    fn finish(&mut self) {
        self.stage = Stage::Finishing;
        self.queue.clear();
        // With its place in a queue for a permit, if it has one: the farewell may take a while.
        let service = self.service.take();
        let _ = trouble::guard(|| drop(service));
    }

    /// Whether a barrier is under way: who the client is, and what its commands mean, is known after it.
    fn is_held_up(&self) -> bool {
        self.later.is_some() || self.at_barrier && !self.flight.is_empty()
    }

    fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.flight.is_empty() || self.later.is_some()
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

    /// Whether there is no room for more answers.
    #[inline]
    fn is_full(&self) -> bool {
        self.output.remaining() >= self.flush_at
    }

    /// How many bytes the client may leave unread.
    fn output_bound(&self) -> usize {
        let bound = self.shared.settings.output_buffer;
        if self.standing.is_authenticated() { bound.max(1) } else { bound.clamp(1, UNAUTHENTICATED_BUFFER) }
    }

    /// How many bytes are read ahead of what the client waits for.
    fn input_bound(&self) -> usize {
        let bound = self.shared.settings.input_buffer;
        if self.standing.is_authenticated() { bound } else { bound.min(UNAUTHENTICATED_BUFFER) }
    }

    fn is_finished(&self) -> bool {
        self.stage == Stage::Finishing && !self.is_busy() && !self.output.has_remaining()
    }

    /// Writes as much as goes.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.output.has_remaining() && !self.is_flushing {
            return Ok(());
        }
        while self.output.has_remaining() {
            match poll_write_some(Pin::new(&mut self.io), &mut self.output, cx) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(_)) => self.deadline.progress(),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.deadline.stall();
                    // More is answered meanwhile, but in bounds: the peer may send all before it reads.
                    let bound = self.output_bound();
                    self.flush_at = self.output.remaining().saturating_add(FLUSH_AT).min(bound);
                    // Or the buffer would double up to twice the bound.
                    if self.output.bytes().len() >= FLUSH_AT {
                        self.output.seal();
                    }
                    return Ok(());
                }
            }
        }
        self.flush_at = FLUSH_AT.min(self.output_bound());
        // A stream with a buffer of its own, such as TLS, may take all and not be done: it is asked again.
        match Pin::new(&mut self.io).poll_flush(cx)? {
            Poll::Ready(()) if self.is_flushing => {
                self.is_flushing = false;
                self.deadline.progress();
            }
            Poll::Ready(()) => {}
            Poll::Pending => {
                self.is_flushing = true;
                self.deadline.stall();
            }
        }
        Ok(())
    }

    /// Reads once, if there is room for it. Also while commands are in flight: their peer may go away.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.wants_input() {
            return Poll::Pending;
        }
        match std::task::ready!(self.input.poll_read(Pin::new(&mut self.io), cx))? {
            0 => self.stage = Stage::Ended,
            _ => self.input.note_heard(Instant::now()),
        }
        Poll::Ready(Ok(()))
    }

    fn wants_input(&self) -> bool {
        // A request larger than the buffer is read whole: its own limits bound it.
        self.stage == Stage::Open && (!self.is_busy() && !self.is_full() || self.input.len() < self.input_bound())
    }

    /// Waits for the first moment at which the peer has broken a rule.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        let settings = &self.shared.settings;
        loop {
            let is_idle = !self.is_busy() && !self.is_full() && self.stage == Stage::Open;
            let heard = self.input.heard();
            let reads = self.wants_input() && is_idle;
            let rules = [
                (
                    self.deadline.stalled().map(|since| since + settings.slow_reader_timeout),
                    "it does not read its replies",
                ),
                (self.input.window_end(reads, settings.slow_sender), "it does not finish its request"),
                (
                    (is_idle && !self.standing.is_authenticated()).then(|| heard + settings.unauthenticated_timeout),
                    "it does not authenticate",
                ),
                (settings.idle_timeout.filter(|_| is_idle).map(|timeout| heard + timeout), "it is idle"),
            ];
            let first = rules.into_iter().filter_map(|(at, reason)| Some((at?, reason))).min_by_key(|(at, _)| *at);
            let Some((at, reason)) = first else { return Poll::Pending };
            std::task::ready!(self.deadline.poll(at, cx));
            if !self.input.renew_window(settings.slow_sender) {
                return Poll::Ready(reason);
            }
        }
    }

    /// Gives back what an idle connection does not need.
    fn rest(&mut self) {
        let entry = &self.standing.registration.entry;
        entry.input.store(self.input.len(), Ordering::Relaxed);
        entry.output.store(self.output.remaining(), Ordering::Relaxed);
        if !self.is_busy() {
            self.input.shrink();
            self.output.shrink();
            self.queue.shrink();
            self.flight.shrink();
        }
    }

    /// Says farewell, unless somebody orders otherwise.
    async fn close(&mut self) {
        let Self { io, inbox, shared, .. } = self;
        tokio::select! {
            () = farewell(io, shared.settings.grace) => {}
            () = ordered(inbox, Order::Kill) => {}
        }
    }
}

/// Waits for an order, this one or a harder one. Messages wait too.
pub(super) async fn ordered(inbox: &mut Inbox, order: Order) {
    poll_fn(|cx| {
        loop {
            if inbox.peek_order() >= Some(order) {
                return Poll::Ready(());
            }
            std::task::ready!(inbox.poll_news(cx));
        }
    })
    .await;
}

/// No more answers come, and what the peer still sends is read until it closes, so that the kernel does not answer it
/// with a reset that overtakes the last answers.
async fn farewell(io: &mut (impl AsyncRead + AsyncWrite + Unpin), grace: Duration) {
    let end = Instant::now() + grace;
    if timeout_at(end, io.shutdown()).await.is_err() {
        return;
    }
    let mut scratch = vec![0; 4096];
    while Instant::now() < end {
        match timeout(LINGER, io.read(&mut scratch)).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => return,
        }
    }
}

/// Writes once. One piece alone goes by the plain call, which the kernel answers faster than the vectored one.
fn poll_write_some<Io: AsyncWrite>(
    io: Pin<&mut Io>,
    output: &mut Output,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if output.chunk().len() < output.remaining() {
        return poll_write_buf(io, cx, output);
    }
    let written = std::task::ready!(io.poll_write(cx, output.chunk()))?;
    output.advance(written);
    Poll::Ready(Ok(written))
}
