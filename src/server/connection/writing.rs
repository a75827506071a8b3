//! Writing: from answers and messages to the bytes that the peer reads.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use kvstore_protocol::{Codec, Output, ReplyMode, Response};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_write_buf;

use super::{
    Connection, buffer_pool,
    response_body::{OutgoingBody, WINDOW},
    zero_copy,
};
use crate::server::{io::ServerIo, make_service::MakeService};

/// From how many bytes on output is written before more is answered.
const FLUSH_THRESHOLD: usize = 256 * 1024;

/// How many bytes a client may leave unread that has not authenticated.
const UNAUTHENTICATED_BUFFER: usize = 16 * 1024;

/// What was encoded and not written.
pub(super) struct Writer<T> {
    pub(super) output: Output,
    /// From how many bytes on nothing more is answered before output is written: never more than the bound, or messages
    /// that found no room would not be sent when there is some.
    pub(super) flush_threshold: usize,
    /// Whether all was handed to the stream, and some of it is still on its way through.
    pub(super) is_flushing: bool,
    /// An answer that is sent piece by piece.
    pub(super) outgoing: Option<Box<OutgoingBody<T>>>,
    /// How many commands were answered.
    pub(super) answered: u64,
    replies: Replies,
}

/// Which answers the client wants to read: CLIENT REPLY.
#[derive(Clone, Copy)]
enum Replies {
    On,
    Off,
    /// So many answers are not sent.
    Skip(u8),
}

impl<T> Writer<T> {
    pub(super) fn new() -> Self {
        let output = Output::default();
        Self { output, flush_threshold: 0, is_flushing: false, outgoing: None, answered: 0, replies: Replies::On }
    }

    /// Whether there is no room for more answers.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.output.remaining() >= self.flush_threshold
    }

    /// Whether something was encoded that the stream has not sent.
    pub(super) fn has_unwritten(&self) -> bool {
        self.output.has_remaining() || self.is_flushing
    }

    /// Takes a buffer to encode to, where there is none.
    pub(super) fn make_room(&mut self) {
        if self.output.room() == 0 && !self.output.has_remaining() {
            self.output = buffer_pool::take_output();
        }
    }

    /// Gives back an empty buffer.
    pub(super) fn shrink(&mut self) {
        if !self.output.has_remaining() && self.output.room() > 0 {
            buffer_pool::put_output(mem::take(&mut self.output));
        }
    }

    /// Whether the next answer is sent.
    #[inline]
    pub(super) fn sends_reply(&mut self) -> bool {
        match self.replies {
            Replies::On => true,
            _ => self.sends_reply_slow(),
        }
    }

    #[cold]
    fn sends_reply_slow(&mut self) -> bool {
        if let Replies::Skip(left) = self.replies {
            self.replies = if left > 1 { Replies::Skip(left - 1) } else { Replies::On };
        }
        false
    }

    /// Sends no more answers.
    pub(super) fn stop_replies(&mut self) {
        self.replies = Replies::Off;
    }

    /// Sends the answers that the client asks for.
    pub(super) fn set_replies(&mut self, mode: ReplyMode) {
        self.replies = match (mode, self.replies) {
            (ReplyMode::Initial, Replies::Skip(_)) => Replies::Skip(1),
            (ReplyMode::On | ReplyMode::Initial, _) => Replies::On,
            // While there are no replies at all, there is none to skip.
            (ReplyMode::Off, _) | (ReplyMode::Skip, Replies::Off) => Replies::Off,
            // The answer to the command itself, and the next.
            (ReplyMode::Skip, _) => Replies::Skip(2),
        };
    }
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Encodes the answer to the next command in order, between the messages that were sent before and behind it. A
    /// response is large, so it is moved only where it has to be.
    #[inline(always)]
    pub(super) fn reply(&mut self, response: &mut Response, tag: C::Tag) {
        if self.inbox.has_mail() && !self.read_inbox() {
            // What may be meant to go out in front of it goes first, once there is room.
            return self.caller.in_flight.put_back(mem::replace(response, Response::Silent), tag);
        }
        if matches!(response, Response::Close(_) | Response::Streamed(_) | Response::Upgrade(_)) {
            return self.reply_special(mem::replace(response, Response::Silent), tag);
        }
        self.writer.answered += 1;
        if self.writer.sends_reply() {
            self.codec.encode(response, tag, &mut self.writer.output);
        }
        if self.inbox.has_mail() {
            self.read_inbox();
        }
    }

    /// Writes as much as goes.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.writer.has_unwritten() {
            return Ok(());
        }
        while self.writer.output.has_remaining() {
            match poll_write_some(&mut self.io, &mut self.writer.output, cx) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(_)) => {
                    self.deadline.clear_stall();
                    self.record_activity();
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.handle_stall();
                    return Ok(());
                }
            }
        }
        self.reset_flush_threshold();
        // A stream with a buffer of its own, such as TLS, may take all and not be done: it is asked again.
        match Pin::new(&mut self.io).poll_flush(cx)? {
            Poll::Ready(()) if self.writer.is_flushing => {
                self.writer.is_flushing = false;
                self.deadline.clear_stall();
            }
            Poll::Ready(()) => {}
            Poll::Pending => {
                self.writer.is_flushing = true;
                self.deadline.mark_stalled();
            }
        }
        Ok(())
    }

    /// The stream takes no more. More is answered meanwhile, but within bounds: the peer may send all before it reads.
    fn handle_stall(&mut self) {
        self.deadline.mark_stalled();
        // Of a streamed value, only as much as its window holds.
        if self.writer.outgoing.is_none() {
            let bound = self.output_bound();
            self.writer.flush_threshold = self.writer.output.remaining().saturating_add(FLUSH_THRESHOLD).min(bound);
        }
        // Or the buffer would double up to twice the bound.
        if self.writer.output.bytes().len() >= FLUSH_THRESHOLD {
            self.writer.output.seal();
        }
    }

    /// Lets no more output gather than is written at once.
    pub(super) fn reset_flush_threshold(&mut self) {
        let most = if self.writer.outgoing.is_some() { WINDOW } else { FLUSH_THRESHOLD };
        self.writer.flush_threshold = most.min(self.output_bound());
    }

    /// How many bytes the client may leave unread.
    pub(super) fn output_bound(&self) -> usize {
        let bound = self.client.shared().settings.output_buffer;
        if self.client.is_authenticated() { bound.max(1) } else { bound.clamp(1, UNAUTHENTICATED_BUFFER) }
    }
}

/// Writes once. One piece alone goes by the plain call, which the kernel answers faster than the vectored one.
fn poll_write_some(io: &mut ServerIo, output: &mut Output, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    if let Some(written) = zero_copy::poll_write(io, output, cx) {
        return written;
    }
    let io = Pin::new(io);
    if output.chunk().len() < output.remaining() {
        return poll_write_buf(io, cx, output);
    }
    let written = std::task::ready!(io.poll_write(cx, output.chunk()))?;
    output.advance(written);
    Poll::Ready(Ok(written))
}
