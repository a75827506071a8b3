//! Calling: calls the service with decoded commands and answers them.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Buf;
use kvstore_middleware::failure;
use kvstore_protocol::{Codec, Command, CommandError, Response, batch};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use super::{
    Connection, Lifecycle, ROUND,
    in_flight::{CallsInFlight, Polled, Spent},
    transaction::{OnError, exclusivity_within},
};
use crate::server::{
    ConnectionCommands, ConnectionEvent,
    connection_layer::{self, ConnectionCommand, Outcome},
    make_service::MakeService,
    monitors::Shown,
    pause::HeldConnection,
    registry::Registry,
    settings::ServerSettings,
    state::Exclusivity,
};

type Futures<M> = <<M as MakeService>::Service as Service<Command>>::Future;

/// The result of the first poll of a call.
type Called<M> = Polled<<<M as MakeService>::Service as Service<Command>>::Error>;

/// A pause that holds back the next command.
struct Paused {
    /// Wakes the connection.
    end: Pin<Box<Sleep>>,
    _held: HeldConnection,
}

/// The service of a connection, and the commands in flight.
pub(super) struct Caller<M: MakeService, T> {
    make: Arc<M>,
    /// `None` if it was released, until the next command.
    service: Option<M::Service>,
    /// Whether `poll_ready` of the service was pending. The service may be queued for a permit, so it is kept.
    is_waiting: bool,
    pub(super) in_flight: CallsInFlight<Futures<M>, T>,
    /// The exclusivity of the last command that was called.
    last: Exclusivity,
    /// What monitors were shown.
    shown: Shown,
    /// Set while a pause holds back the next command.
    pause: Option<Paused>,
}

impl<M: MakeService, T> Caller<M, T> {
    pub(super) fn new(make: Arc<M>, service: M::Service) -> Self {
        let (service, in_flight) = (Some(service), CallsInFlight::new());
        Self {
            make,
            service,
            is_waiting: false,
            in_flight,
            last: Exclusivity::Shared,
            shown: Shown::default(),
            pause: None,
        }
    }

    /// Whether an exclusive command holds back those behind it.
    #[inline]
    pub(super) fn is_held(&self) -> bool {
        match self.last {
            Exclusivity::Shared => false,
            Exclusivity::Alone => !self.in_flight.is_empty(),
            _ => !self.in_flight.is_settled(),
        }
    }

    /// Whether the last command that was called is exclusive, and is answered.
    pub(super) fn is_behind_exclusive(&self) -> bool {
        self.last != Exclusivity::Shared && self.in_flight.is_empty()
    }

    /// Whether a command may be called while others are in flight.
    fn admits(&self, command: &Command, exclusivity: Exclusivity, settings: &ServerSettings) -> bool {
        let in_flight = self.in_flight.unsettled(settings.max_settled);
        match exclusivity {
            _ if self.is_held() => false,
            Exclusivity::Shared => in_flight < settings.max_in_flight,
            Exclusivity::Alone => false,
            _ => in_flight == 0 && !connection_layer::sets_replies(command),
        }
    }

    /// Drops the service and releases what it reserved. A panic in its drop is logged.
    pub(super) fn drop_service(&mut self) {
        self.is_waiting = false;
        failure::discard(self.service.take());
    }

    /// Cancels all commands in flight.
    pub(super) fn cancel(&mut self) {
        self.in_flight = CallsInFlight::new();
    }

    /// Drops the service when the connection is idle, since it may hold a permit that it reserved and did not use.
    /// Keeps a service that is waiting to become ready.
    #[inline]
    pub(super) fn release_service(&mut self, keeps_service: bool) {
        if !keeps_service && M::IS_CLONED && !self.is_waiting {
            self.drop_service();
        }
    }

    /// Waits for the end of a pause that holds back the next command.
    pub(super) fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pause) = &mut self.pause else { return Poll::Pending };
        std::task::ready!(pause.end.as_mut().poll(cx));
        self.pause = None;
        Poll::Ready(())
    }

    /// Waits no more for the end of a pause.
    #[cold]
    fn stop_waiting(&mut self) {
        self.pause = None;
    }

    /// Starts to wait for the end of a pause. Drops the service, so that it holds no permit meanwhile.
    #[cold]
    fn wait_until(&mut self, end: Instant, registry: &Arc<Registry>) {
        self.drop_service();
        match &mut self.pause {
            Some(pause) => pause.end.as_mut().reset(end),
            None => {
                let _held = HeldConnection::new(registry.clone());
                self.pause = Some(Paused { end: Box::pin(sleep_until(end)), _held });
            }
        }
    }
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Calls commands and encodes their responses, as far as possible without waiting. Returns true if there is more to
    /// do, but the output buffer is full or the budget is used up.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>, budget: &mut usize) -> bool {
        loop {
            // No response is encoded while the output buffer is full: push messages that must be sent before it may
            // wait for room too.
            while !self.writer.is_full() {
                if self.writer.outgoing.is_some() {
                    if *budget == 0 {
                        return true;
                    }
                    *budget = budget.saturating_sub(ROUND);
                    if self.stream_out(cx).is_pending() {
                        return false;
                    }
                    continue;
                }
                let Some((mut response, tag)) = self.caller.in_flight.next_answer() else { break };
                self.reply(&mut response, tag);
            }
            if self.writer.is_full() || *budget == 0 {
                return true;
            }
            if self.reader.queue.is_empty() && !self.decode() || !self.call_next(cx) {
                return false;
            }
            *budget -= 1;
        }
    }

    /// Calls the next command, if it may be called now. Returns false if it may not.
    fn call_next(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((command, tag, _)) = self.reader.queue.next() else { return false };
        let shared = self.client.shared();
        if !self.caller.in_flight.is_empty() && !self.may_join() {
            return false;
        }
        if let Some(response) = self.codec.answer(command, tag) {
            return self.answer_next(response);
        }
        if shared.registry.pause().is_active() {
            if let Some(end) = self.hold_or_show_next() {
                return self.hold_until(end);
            }
            self.caller.stop_waiting();
        }
        if self.client.is_restricted
            && let Some(refusal) = self.client.refusal(command)
        {
            return self.refuse_next(refusal);
        }
        let is_outermost = shared.settings.connection_commands == ConnectionCommands::Outermost;
        match if is_outermost { connection_layer::find(command) } else { None } {
            Some(known) => self.call_connection_layer(known, cx),
            None => self.call_service(cx),
        }
    }

    /// Returns until when the next command is held back; otherwise shows it to the monitors.
    #[cold]
    fn hold_or_show_next(&self) -> Option<Instant> {
        let (command, ..) = self.reader.queue.next()?;
        let (registry, only_reads) = (&self.client.shared().registry, self.client.shared().only_reads.as_ref());
        let end = registry.pause().holds(command, only_reads);
        if end.is_none() && registry.pause().is_monitored() && self.client.refusal(command).is_none() {
            self.caller.shown.show(command, registry.monitors(), &self.client.server);
        }
        end
    }

    /// Whether the next command may be called while others are in flight.
    #[inline(never)]
    fn may_join(&self) -> bool {
        let Some((command, _, exclusivity)) = self.reader.queue.next() else { return false };
        let exclusivity = exclusivity_within(&self.client.session, exclusivity);
        let output = self.writer.output.remaining() + self.caller.in_flight.answer_bytes();
        output < self.output_bound() && self.caller.admits(command, exclusivity, &self.client.shared().settings)
    }

    /// Holds the next command until a pause is over. A client that has closed its side meanwhile does not wait for it.
    #[cold]
    fn hold_until(&mut self, end: Instant) -> bool {
        match self.lifecycle {
            Lifecycle::HalfClosed => self.start_draining(),
            _ => self.caller.wait_until(end, &self.client.shared().registry),
        }
        false
    }

    fn call_service(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(service) = &mut self.caller.service else { return self.renew_service() };
        match failure::catch(|| service.poll_ready(cx)) {
            Ok(Poll::Ready(Ok(()))) => {}
            Ok(Poll::Pending) => return self.wait_for_service(),
            Ok(Poll::Ready(Err(error))) => return self.answer_spent(failure::response_to(error.into())),
            Err(answer) => return self.answer_spent(answer),
        }
        let Some((command, tag, exclusivity)) = self.reader.queue.pop() else { return false };
        (self.caller.last, self.caller.is_waiting) = (exclusivity, false);
        batch::set_more(!self.reader.queue.is_empty());
        let mut polled = self.caller.in_flight.start(|| service.call(command), cx);
        match &mut polled {
            Ok(Poll::Ready(Ok(response))) if self.caller.in_flight.is_empty() => {
                if let Response::Error(_) = response {
                    self.fail_transaction();
                }
                self.reply(response, tag);
            }
            _ => self.reply_later(polled, tag, cx),
        }
        true
    }

    /// The service is not ready. It is polled again when it wakes the connection.
    #[cold]
    fn wait_for_service(&mut self) -> bool {
        // While other commands are in flight, the service is dropped, and with it its place in the queue for a permit:
        // those commands may need that permit to complete. A fresh clone is polled after the next response.
        if !self.caller.in_flight.is_empty() && M::IS_CLONED {
            self.caller.drop_service();
        } else {
            self.caller.is_waiting = true;
        }
        false
    }

    /// Answers a connection command in front of the service, which need not be ready.
    #[inline(never)]
    fn call_connection_layer(&mut self, known: &'static ConnectionCommand, cx: &mut Context<'_>) -> bool {
        let Some((command, tag)) = self.pop_next() else { return false };
        match failure::catch(|| known.answer(command)) {
            Ok(Outcome::Answered(answer)) | Err(answer) => self.answer_now(answer, tag),
            Ok(Outcome::Pending(pending)) => self.caller.in_flight.push_pending(pending, tag, cx),
        }
        true
    }

    /// Queues a call whose response is pending, out of turn, or an error.
    #[cold]
    fn reply_later(&mut self, polled: Called<M>, tag: C::Tag, cx: &mut Context<'_>) {
        let on_error = OnError::of(&self.client.session, self.caller.last);
        if let Err(Spent) = self.caller.in_flight.push_called(polled, tag, on_error, cx) {
            self.caller.drop_service();
            self.drain_if_spent();
        }
        self.apply_changes();
    }

    /// Applies changes of the session by a command that is settled or answered before its turn, for those called next.
    fn apply_changes(&mut self) {
        if self.inbox.has_mail() {
            self.read_inbox();
        }
    }

    /// Makes a new service. Returns true if there is more to do.
    #[inline(never)]
    fn renew_service(&mut self) -> bool {
        match failure::catch(|| self.caller.make.renew()) {
            Ok(Some(service)) => {
                self.caller.service = Some(service);
                return true;
            }
            Ok(None) => {}
            // Without a service, the commands after it cannot be answered.
            Err(answer) => {
                if let Some((_, tag)) = self.pop_next() {
                    self.answer_now(answer, tag);
                }
            }
        }
        self.start_draining();
        false
    }

    /// Answers the next command with `answer`, after `poll_ready` failed or panicked. The service must not be used
    /// again.
    #[cold]
    fn answer_spent(&mut self, answer: Response) -> bool {
        self.caller.drop_service();
        let Some((_, tag)) = self.pop_next() else { return false };
        self.answer_now(answer, tag);
        self.drain_if_spent();
        true
    }

    /// Closes the connection after the response if its service came from a factory: such a service is not replaced.
    fn drain_if_spent(&mut self) {
        if !M::IS_CLONED {
            self.start_draining();
        }
    }

    /// Answers the next command with a response of the codec.
    #[cold]
    fn answer_next(&mut self, response: Response) -> bool {
        let Some((_, tag)) = self.pop_next() else { return false };
        self.answer_now(response, tag);
        true
    }

    /// Refuses the next command: the client has not authenticated, or is subscribed.
    #[cold]
    fn refuse_next(&mut self, refusal: CommandError) -> bool {
        let Some((command, tag)) = self.pop_next() else { return false };
        let answer = Response::from(refusal);
        if let Some(stats) = &self.client.shared().stats {
            stats.note_refusal(&command, &answer);
        }
        self.client.shared().notify(ConnectionEvent::Refused { command: &command, answer: &answer });
        self.answer_now(answer, tag);
        true
    }

    /// Takes the next command, which counts as called from now on.
    fn pop_next(&mut self) -> Option<(Command, C::Tag)> {
        let (command, tag, exclusivity) = self.reader.queue.pop()?;
        self.caller.last = exclusivity;
        Some((command, tag))
    }

    /// Aborts the transaction of the connection, after the last command that was called is answered with an error.
    #[cold]
    pub(super) fn fail_transaction(&self) {
        OnError::of(&self.client.session, self.caller.last).apply();
    }

    /// Answers a command after the commands in flight are answered.
    fn answer_now(&mut self, response: Response, tag: C::Tag) {
        if response.is_error() {
            self.fail_transaction();
        }
        match self.caller.in_flight.push_answer(response, tag) {
            Some((mut response, tag)) => self.reply(&mut response, tag),
            None => self.apply_changes(),
        }
    }
}
