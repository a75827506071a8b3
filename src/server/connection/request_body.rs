//! Requests that are called before they have come: the last argument goes to the handler piece by piece.

use std::task::Context;

use kvstore_protocol::{
    BodyPipe, Codec, Command,
    catalog::{CommandId, Flags},
};

use super::{Connection, Phase};
use crate::server::make_service::MakeService;

/// An argument on its way in. Nothing behind it is decoded until all of it has come.
pub(super) struct IncomingBody {
    pipe: BodyPipe,
    /// Whether the peer sends no more.
    has_ended: bool,
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Decodes a command without its last argument, if that is one to be streamed.
    pub(super) fn decode_head(&mut self) {
        let may_stream = !self.client.shared().streams.is_empty() && self.client.is_authenticated();
        // Of half a command that ends there, none is called.
        if !may_stream || self.phase != Phase::Open {
            return;
        }
        // The commands of the connection come whole: their long arguments are nothing for the service, either.
        let is_own =
            |name: &[u8]| CommandId::of(name).known().is_some_and(|known| known.flags().has(Flags::CONNECTION));
        let streams = &self.client.shared().streams;
        let over = |name: &[u8]| streams.get(name).copied().filter(|_| !is_own(name));
        let head = self.codec.decode_head(self.reader.input.buffer(), &over);
        if let Some((command, tag, length)) = head {
            self.begin_argument(command, tag, length);
        }
    }

    #[cold]
    fn begin_argument(&mut self, command: Command, tag: C::Tag, length: u64) {
        let (pipe, body) = BodyPipe::new(length);
        self.reader.incoming = Some(Box::new(IncomingBody { pipe, has_ended: false }));
        self.note_protocol();
        let command = self.reader.number(command, &self.client.session).with_body(body);
        self.reader.queue.push(command, tag, true);
    }

    /// Hands on what has come of an argument, or throws it away. True when all of it has come.
    #[cold]
    pub(super) fn stream_in(&mut self, cx: &mut Context<'_>) -> bool {
        // Its command is called when everything before it is answered.
        if !self.reader.queue.is_empty() {
            return false;
        }
        let is_wanted = self.is_answering();
        let Some(incoming) = &mut self.reader.incoming else { return false };
        if !is_wanted {
            incoming.pipe.discard();
        }
        if incoming.pipe.poll_forward(self.reader.input.buffer(), cx).is_pending() {
            return false;
        }
        if incoming.pipe.remaining() > 0 {
            if !incoming.has_ended {
                return false;
            }
            // The handler reads of the early end. Half a command has no answer.
            self.writer.stop_replies();
        }
        self.reader.incoming = None;
        self.reader.input.end_passing();
        true
    }

    /// Whether more of an argument is read: as long as its handler keeps up, or nobody wants it.
    #[cold]
    pub(super) fn wants_argument(&self) -> bool {
        let has_ended = self.reader.incoming.as_ref().is_none_or(|incoming| incoming.has_ended);
        let is_listening = self.phase == Phase::Open || self.phase == Phase::Finishing && self.is_answering();
        let room = if self.reader.queue.is_empty() { 1 } else { self.input_bound() };
        !has_ended && is_listening && self.reader.input.len() < room
    }

    /// Notes that the peer sends no more.
    #[cold]
    pub(super) fn note_end(&mut self) {
        if let Some(incoming) = &mut self.reader.incoming {
            incoming.has_ended = true;
        }
        if self.phase == Phase::Open {
            self.phase = Phase::Ended;
        }
    }

    /// Whether the answer under way may still need its request: a stream out of a stream.
    fn is_answering(&self) -> bool {
        !self.caller.in_flight.is_empty() || self.writer.outgoing.is_some()
    }

    /// Forgets an argument whose command is dropped before it was called.
    pub(super) fn drop_uncalled(&mut self) {
        if !self.reader.queue.is_empty() {
            self.reader.incoming = None;
        }
    }

    /// Whether it is the peer that an argument waits for.
    pub(super) fn awaits_argument(&self) -> bool {
        self.reader.incoming.is_some() && self.reader.queue.is_empty()
    }
}
