//! Requests that are called before all of their last argument has arrived: it is streamed to the handler.

use std::task::Context;

use kvstore_protocol::{
    BodyPipe, Codec, Command,
    catalog::{CommandId, Flags},
};

use super::{Connection, Lifecycle};
use crate::server::{make_service::MakeService, state::Exclusivity};

/// An argument that is being received. Nothing after it is decoded before its end.
pub(super) struct IncomingBody {
    pipe: BodyPipe,
    /// Whether the peer has closed its side.
    has_ended: bool,
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Decodes a command without its last argument, if that is to be streamed.
    pub(super) fn decode_head(&mut self) {
        let may_stream = !self.client.shared().streams.is_empty() && self.client.is_authenticated();
        // A command that will not be complete is not called.
        if !may_stream || self.lifecycle != Lifecycle::Open {
            return;
        }
        // Commands of the connection are not streamed: the service does not read their arguments.
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
        self.sync_protocol();
        let command = self.reader.number(command, &self.client.session).with_body(body);
        self.reader.queue.push(command, 0, tag, Exclusivity::Alone);
    }

    /// Forwards the bytes of an argument that have arrived, or discards them. True at the end of the argument.
    #[cold]
    pub(super) fn stream_in(&mut self, cx: &mut Context<'_>) -> bool {
        // Its command is called once everything before it is answered.
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
            // The handler reads an error. A command that is not complete has no answer.
            self.writer.stop_replies();
        }
        self.reader.incoming = None;
        self.reader.input.end_streaming();
        true
    }

    /// Whether more of an argument is read: while its handler keeps up, or when it is discarded.
    #[cold]
    pub(super) fn wants_argument(&self) -> bool {
        let has_ended = self.reader.incoming.as_ref().is_none_or(|incoming| incoming.has_ended);
        let is_listening =
            self.lifecycle == Lifecycle::Open || self.lifecycle == Lifecycle::Draining && self.is_answering();
        let room = if self.reader.queue.is_empty() { 1 } else { self.input_bound() };
        !has_ended && is_listening && self.reader.input.len() < room
    }

    /// Notes that the peer has closed its side.
    #[cold]
    pub(super) fn handle_eof(&mut self) {
        if let Some(incoming) = &mut self.reader.incoming {
            incoming.has_ended = true;
        }
        if self.lifecycle == Lifecycle::Open {
            self.lifecycle = Lifecycle::HalfClosed;
        }
    }

    /// Whether a command is in flight, or its answer is being sent, and may still read the argument.
    fn is_answering(&self) -> bool {
        !self.caller.in_flight.is_empty() || self.writer.outgoing.is_some()
    }

    /// Drops an argument whose command is not called.
    pub(super) fn drop_uncalled(&mut self) {
        if !self.reader.queue.is_empty() {
            self.reader.incoming = None;
        }
    }

    /// Whether the argument waits for the peer.
    pub(super) fn awaits_argument(&self) -> bool {
        self.reader.incoming.is_some() && self.reader.queue.is_empty()
    }
}
