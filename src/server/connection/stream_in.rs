//! Requests that are called before they have come: the last argument goes to the handler piece by piece.

use std::task::Context;

use kvstore_protocol::{BodyPipe, Codec, Command};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Stage};
use crate::server::{
    commands::{Class, Replies},
    supply::Supply,
};

/// An argument on its way in. Nothing behind it is decoded until all of it has come.
pub(super) struct Incoming {
    pipe: BodyPipe,
    /// Whether the peer sends no more.
    has_ended: bool,
}

impl<Io, U, C> Connection<Io, U, C>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    U: Supply,
    C: Codec,
{
    /// Decodes a command without its last argument, if that is one to be streamed.
    pub(super) fn decode_head(&mut self) {
        let may_stream = !self.shared.streams.is_empty() && self.standing.is_authenticated();
        // Of half a command that ends there, none is called.
        if !may_stream || self.stage != Stage::Open {
            return;
        }
        let (streams, names) = (&self.shared.streams, &self.shared.names);
        // The connection's own commands come whole: their long arguments are nothing for the service, either.
        let is_own = |name: &[u8]| matches!(names.get(name), Some(Class::Connection(_)));
        let over = |name: &[u8]| streams.get(name).copied().filter(|_| !is_own(name));
        let head = self.codec.decode_head(self.input.buffer(), &over);
        if let Some((command, tag, length)) = head {
            self.begin_argument(command, tag, length);
        }
    }

    #[cold]
    fn begin_argument(&mut self, command: Command, tag: C::Tag, length: u64) {
        let (pipe, body) = BodyPipe::new(length);
        self.incoming = Some(Box::new(Incoming { pipe, has_ended: false }));
        let command = self.number(command).with_body(body);
        self.queue.push(command, tag, Class::Barrier);
    }

    /// Hands on what has come of an argument, or throws it away. True when all of it has come.
    #[cold]
    pub(super) fn stream_in(&mut self, cx: &mut Context<'_>) -> bool {
        // Its command is called when everything before it is answered.
        if !self.queue.is_empty() {
            return false;
        }
        let is_wanted = self.is_answering();
        let Some(incoming) = &mut self.incoming else { return false };
        if !is_wanted {
            incoming.pipe.discard();
        }
        if incoming.pipe.poll_forward(self.input.buffer(), cx).is_pending() {
            return false;
        }
        if incoming.pipe.remaining() > 0 {
            if !incoming.has_ended {
                return false;
            }
            // The handler reads of the early end. Half a command has no answer.
            self.standing.replies = Replies::Off;
        }
        self.incoming = None;
        self.input.end_passing();
        true
    }

    /// Whether more of an argument is read: as long as its handler keeps up, or nobody wants it.
    #[cold]
    pub(super) fn wants_argument(&self) -> bool {
        let has_ended = self.incoming.as_ref().is_none_or(|incoming| incoming.has_ended);
        let is_listening = self.stage == Stage::Open || self.stage == Stage::Finishing && self.is_answering();
        let room = if self.queue.is_empty() { 1 } else { self.input_bound() };
        !has_ended && is_listening && self.input.len() < room
    }

    /// Notes that the peer sends no more.
    #[cold]
    pub(super) fn note_end(&mut self) {
        if let Some(incoming) = &mut self.incoming {
            incoming.has_ended = true;
        }
        if self.stage == Stage::Open {
            self.stage = Stage::Ended;
        }
    }

    /// Whether the answer under way may still need its request: a stream out of a stream.
    fn is_answering(&self) -> bool {
        !self.flight.is_empty() || self.outgoing.is_some()
    }

    /// Forgets an argument whose command is dropped before it was called.
    pub(super) fn drop_uncalled(&mut self) {
        if !self.queue.is_empty() {
            self.incoming = None;
        }
    }

    /// Whether it is the peer that an argument waits for.
    pub(super) fn awaits_argument(&self) -> bool {
        self.incoming.is_some() && self.queue.is_empty()
    }
}
