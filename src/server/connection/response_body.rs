//! Responses that are more than a message: streamed values, the last response of a connection, upgrades.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, BytesMut};
use kvstore_middleware::failure;
use kvstore_protocol::{Body, Codec, CommandError, Response, Session, Streamed, Upgrade};
use tokio_util::io::poll_read_buf;

use super::Connection;
use crate::server::{make_service::MakeService, upgrade::UpgradeRequest};

/// The most bytes of a streamed value that wait to be written.
pub(super) const WINDOW: usize = 64 * 1024;

/// A streamed value that is being sent. Nothing else is answered before its end.
pub(super) struct OutgoingBody<T> {
    body: Body,
    tag: T,
    /// The bytes that were read, when the protocol cannot stream values.
    collected: Option<BytesMut>,
    /// Whether the connection is closed after it.
    is_last: bool,
}

impl<T> OutgoingBody<T> {
    /// The memory of what was read and is not in the output, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.collected.as_ref().map_or(0, BytesMut::capacity)
    }
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Sends a response that is more than a message.
    #[cold]
    pub(super) fn reply_special(&mut self, mut response: Response, tag: C::Tag) {
        let mut is_last = false;
        loop {
            response = match response {
                Response::Close(last) => {
                    is_last = true;
                    // Before the client learns that it is closed: what is sent to it later would be lost.
                    self.inbox.refuse_messages();
                    self.change_session(Session::end);
                    *last
                }
                Response::Upgrade(upgrade) => {
                    let last = self.accept_upgrade(&upgrade);
                    is_last |= self.upgrade.is_some();
                    last
                }
                Response::Streamed(streamed) => return self.begin_stream(&streamed, tag, is_last),
                other => {
                    if other.is_error() {
                        self.fail_transaction();
                    }
                    if self.writer.sends_reply() {
                        self.codec.encode(&other, tag, &mut self.writer.output);
                    }
                    return self.finish_reply(is_last);
                }
            }
        }
    }

    /// Notes the upgrade of the connection, and returns the last response before it.
    fn accept_upgrade(&mut self, upgrade: &Upgrade) -> Response {
        if !self.caller.is_behind_exclusive() || !self.reader.queue.is_empty() {
            // Bytes after the command may be decoded already, and would be lost to the new protocol.
            tracing::error!("a command that upgrades its connection is not named as an exclusive one");
            return Response::error("ERR", "a command that upgrades its connection must be an exclusive one");
        }
        if self.reader.input.is_streaming() {
            tracing::error!("a command whose argument is streamed upgrades its connection");
            return Response::error("ERR", "a command whose argument is streamed cannot upgrade its connection");
        }
        match upgrade.take::<UpgradeRequest>() {
            Some(upgrade) if self.upgrade.is_none() => {
                self.upgrade = Some(upgrade.run);
                upgrade.last
            }
            _ => CommandError::UPGRADE_INSIDE.into(),
        }
    }

    fn begin_stream(&mut self, streamed: &Streamed, tag: C::Tag, is_last: bool) {
        let body = streamed.take();
        if !self.writer.sends_reply() {
            failure::discard(body);
            return self.finish_reply(is_last);
        }
        let Some(body) = body else {
            self.codec.encode(&CommandError::STREAMED_INSIDE.into(), tag, &mut self.writer.output);
            return self.finish_reply(is_last);
        };
        let collected = match self.codec.begin_streamed(body.len(), &tag, &mut self.writer.output) {
            true => None,
            false if body.len() > self.output_bound() as u64 => {
                let refusal = Response::error("ERR", "the value is too long to be sent in this protocol");
                self.codec.encode(&refusal, tag, &mut self.writer.output);
                failure::discard(body);
                return self.finish_reply(is_last);
            }
            false => Some(BytesMut::new()),
        };
        self.writer.outgoing = Some(Box::new(OutgoingBody { body, tag, collected, is_last }));
        self.reset_flush_threshold();
    }

    /// Sends as much as there is room for. Pending while the source has nothing to send.
    #[cold]
    pub(super) fn stream_out(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let room = self.writer.flush_threshold.saturating_sub(self.writer.output.remaining());
        let Some(outgoing) = &mut self.writer.outgoing else { return Poll::Ready(()) };
        let left = usize::try_from(outgoing.body.len()).unwrap_or(usize::MAX);
        if left == 0 {
            self.end_stream();
            return Poll::Ready(());
        }
        let (buffer, room) = match &mut outgoing.collected {
            Some(collected) => (collected, WINDOW),
            None => (self.writer.output.bytes(), room.min(WINDOW)),
        };
        let room = room.min(left);
        buffer.reserve(room);
        let mut buffer = buffer.limit(room);
        let body = Pin::new(&mut outgoing.body);
        let cause = match failure::catch(|| poll_read_buf(body, cx, &mut buffer)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(_))) => return Poll::Ready(()),
            Ok(Poll::Ready(Err(error))) => error,
            Err(_) => io::Error::other("the source panicked"),
        };
        self.break_stream(&cause);
        Poll::Ready(())
    }

    fn end_stream(&mut self) {
        let Some(outgoing) = self.writer.outgoing.take() else { return };
        let OutgoingBody { body, tag, collected, is_last } = *outgoing;
        failure::discard(body);
        match collected {
            Some(collected) => self.codec.encode(&Response::bulk(collected.freeze()), tag, &mut self.writer.output),
            None => self.codec.end_streamed(tag, &mut self.writer.output),
        }
        self.reset_flush_threshold();
        self.finish_reply(is_last);
    }

    /// Closes the connection after a source has failed, since the bytes that were sent cannot be taken back.
    fn break_stream(&mut self, cause: &io::Error) {
        let Some(outgoing) = self.writer.outgoing.take() else { return };
        let OutgoingBody { body, tag, collected, is_last } = *outgoing;
        failure::discard(body);
        self.reset_flush_threshold();
        if collected.is_some() {
            let answer = failure::internal_error(&format!("a streamed value broke off: {cause}"));
            self.codec.encode(&answer, tag, &mut self.writer.output);
            return self.finish_reply(is_last);
        }
        let peer = self.client.session.peer();
        tracing::error!(%peer, %cause, "a streamed value broke off, and its connection with it");
        failure::discard(self.upgrade.take());
        // Further bytes would be taken for the rest of the value.
        self.start_draining();
        self.caller.cancel();
        self.inbox.close_to_messages();
    }

    /// Counts the next command in order as answered.
    fn finish_reply(&mut self, is_last: bool) {
        self.writer.answered += 1;
        if self.inbox.has_mail() {
            self.read_inbox();
        }
        if is_last {
            self.start_draining();
        }
    }
}
