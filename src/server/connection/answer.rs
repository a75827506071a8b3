//! From decoded commands to encoded answers: what a connection does in its turn.

use std::{
    mem,
    task::{Context, Poll},
};

use bytes::Buf;
use kvstore_middleware::failure;
use kvstore_protocol::{Codec, Command, Response, batch};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

use super::{
    Connection, ROUND, Stage, Waiting,
    flight::{Polled, Spent},
    queue::BATCH,
    spare,
};
use crate::server::{
    commands::{Answer, Class, ConnectionCommand, NOT_AUTHENTICATED},
    supply::Supply,
};

/// What calling the service comes to.
type Called<U> = Polled<<<U as Supply>::Service as Service<Command>>::Error>;

impl<Io, U, C> Connection<Io, U, C>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    U: Supply,
    C: Codec,
{
    /// Answers what can be answered at once. True when there is more to do, but output or other connections come first.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>, budget: &mut usize) -> bool {
        loop {
            // No answer either while output is full: messages that go out in front of it may wait for room too.
            while !self.is_full() {
                if self.outgoing.is_some() {
                    if *budget == 0 {
                        return true;
                    }
                    *budget = budget.saturating_sub(ROUND);
                    if self.stream_out(cx).is_pending() {
                        return false;
                    }
                    continue;
                }
                let Some((mut response, tag)) = self.flight.next_answer() else { break };
                self.reply(&mut response, tag);
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
        if !self.input.has_news() || matches!(self.stage, Stage::Broken(_) | Stage::Finishing) || self.is_held_up() {
            return false;
        }
        self.decode_run();
        if self.queue.is_empty() {
            self.decode_singly();
        }
        self.input.note_decoded(self.queue.len(), self.codec.missing());
        if self.incoming.is_some() {
            self.input.begin_passing();
        }
        if self.queue.is_empty() {
            return false;
        }
        if self.output.room() == 0 && !self.output.has_remaining() {
            self.output = spare::output();
        }
        let batch = self.queue.commands();
        if let Some(last) = batch.last() {
            self.standing.registration.entry.note(last);
        }
        if let Some(hint) = &self.shared.hint {
            // Advice that panics is no advice, and no reason to leave a batch unanswered.
            let _ = failure::catch(|| hint(batch));
        }
        true
    }

    /// Decodes all whole commands at once, as far as the codec can. Apart from the rest, so that the registers are its own.
    #[inline(never)]
    fn decode_run(&mut self) {
        let mut run = spare::run();
        let (names, queue) = (&self.shared.names, &mut self.queue);
        self.codec.decode_run(self.input.buffer(), &mut run, |name, tag| {
            let class = names.get(name).copied().unwrap_or(Class::Ordinary);
            queue.announce(tag, class) < BATCH && !class.is_barrier()
        });
        if !run.is_empty() {
            self.note_protocol();
            let frame = self.input.take_frame(run.bytes());
            let number = self.decoded + 1;
            self.decoded += run.len() as u64;
            self.queue.fill(run.drain(frame, self.standing.session.clone(), number));
        }
        spare::keep_run(run);
    }

    /// Decodes commands one by one, whatever they are.
    fn decode_singly(&mut self) {
        while self.queue.len() < BATCH {
            match self.codec.decode(self.input.buffer()) {
                Ok(Some((command, tag))) => {
                    let class = self.shared.names.get(command.name()).copied().unwrap_or(Class::Ordinary);
                    let command = self.input.settle(command);
                    let command = self.number(command);
                    self.queue.push(command, tag, class);
                    if class.is_barrier() {
                        break;
                    }
                }
                Ok(None) => {
                    self.input.note_exhausted();
                    self.decode_head();
                    break;
                }
                Err(error) => {
                    self.stage = Stage::Broken(error);
                    break;
                }
            }
        }
    }

    /// The next command that came, in its session.
    pub(super) fn number(&mut self, command: Command) -> Command {
        self.decoded += 1;
        self.note_protocol();
        command.in_session(self.standing.session.clone(), self.decoded)
    }

    /// Notes in the session which protocol the codec found.
    #[inline]
    fn note_protocol(&mut self) {
        let protocol = self.codec.protocol();
        if protocol != self.standing.session.protocol() {
            self.change_session(|session| session.set_protocol(protocol));
        }
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
                let Some((command, tag)) = self.queue.pop() else { return false };
                self.answer_own(&command, NOT_AUTHENTICATED.into(), tag);
                true
            }
            _ => self.call_service(class, cx),
        }
    }

    fn call_service(&mut self, class: Class, cx: &mut Context<'_>) -> bool {
        let Some(service) = &mut self.service else { return self.renew_service() };
        match failure::catch(|| service.poll_ready(cx)) {
            Ok(Poll::Ready(Ok(()))) => {}
            Ok(Poll::Pending) => {
                // Its place in a queue is given up while others are in flight: it would hold a permit that only an
                // answer to one of them may lead to. After that answer it is asked afresh.
                if !self.flight.is_empty() && U::RENEWS {
                    failure::discard(self.service.take());
                }
                return false;
            }
            Ok(Poll::Ready(Err(error))) => return self.answer_spent(failure::response_to(error.into())),
            Err(answer) => return self.answer_spent(answer),
        }
        let Some((command, tag)) = self.queue.pop() else { return false };
        self.at_barrier = class.is_barrier();
        batch::set_more(!self.queue.is_empty());
        let mut polled = self.flight.start(|| service.call(command), cx);
        match &mut polled {
            Ok(Poll::Ready(Ok(response))) if self.flight.is_empty() => self.reply(response, tag),
            _ => self.reply_later(polled, tag),
        }
        true
    }

    /// Notes what a command came to whose answer is not there, not its turn, or not an answer.
    #[cold]
    fn reply_later(&mut self, polled: Called<U>, tag: C::Tag) {
        if let Err(Spent) = self.flight.started(polled, tag) {
            failure::discard(self.service.take());
            self.finish_if_spent();
        }
    }

    /// Gets another service in place of a spent one. True when there is more to do.
    #[cold]
    fn renew_service(&mut self) -> bool {
        match failure::catch(|| self.supply.renew()) {
            Ok(Some(service)) => {
                self.service = Some(service);
                return true;
            }
            Ok(None) => {}
            // Nobody is left to answer what comes behind.
            Err(answer) => {
                if let Some((_, tag)) = self.queue.pop() {
                    self.answer_now(answer, tag);
                }
            }
        }
        self.finish();
        false
    }

    /// Answers the next command for a service that is spent before it was called.
    #[cold]
    fn answer_spent(&mut self, answer: Response) -> bool {
        failure::discard(self.service.take());
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
                self.answer_own(command, response, tag);
            }
            Answer::Later(later) => self.later = Some(Box::new(Waiting { later, command: command.clone(), tag })),
        }
    }

    fn poll_later(&mut self, cx: &mut Context<'_>) {
        let Some(waiting) = &mut self.later else { return };
        let conclude = match failure::catch(|| waiting.later.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(conclude)) => Ok(conclude),
            Err(answer) => Err(answer),
        };
        let Some(waiting) = self.later.take() else { return };
        let response = conclude.map_or_else(|answer| answer, |conclude| conclude(&self.shared, &mut self.standing));
        self.settle_session();
        self.answer_own(&waiting.command, response, waiting.tag);
    }

    /// Answers a command that no layer has seen.
    fn answer_own(&mut self, command: &Command, response: Response, tag: C::Tag) {
        if let Some(observe) = &self.shared.observe {
            // Whoever looks on changes nothing, not even by a panic.
            let _ = failure::catch(|| observe(command, &response));
        }
        self.answer_now(response, tag);
    }

    /// Answers a command in its turn.
    fn answer_now(&mut self, response: Response, tag: C::Tag) {
        if let Some((mut response, tag)) = self.flight.answered(response, tag) {
            self.reply(&mut response, tag);
        }
    }

    /// Encodes the answer to the next command in order, between the messages that were sent before and behind it. A
    /// response is large, so it is moved only where it has to be.
    #[inline(always)]
    fn reply(&mut self, response: &mut Response, tag: C::Tag) {
        if self.inbox.has_mail() && !self.read_mail() {
            // What may be meant to go out in front of it goes first, once there is room.
            return self.flight.put_back(mem::replace(response, Response::Silent), tag);
        }
        if matches!(response, Response::Close(_) | Response::Streamed(_) | Response::Handover(_)) {
            return self.reply_rare(mem::replace(response, Response::Silent), tag);
        }
        self.answered += 1;
        if self.standing.replies.pass() {
            self.codec.encode(response, tag, &mut self.output);
        }
        if self.inbox.has_mail() {
            self.read_mail();
        }
    }

    /// Whether a barrier or a long argument is under way: who the client is, and what its commands mean, is known after it.
    fn is_held_up(&self) -> bool {
        self.later.is_some() || self.incoming.is_some() || self.at_barrier && !self.flight.is_empty()
    }
}
