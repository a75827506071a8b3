//! Writing: encodes responses and push messages, and writes them.

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
use crate::server::{CutReason, io::ServerIo, make_service::MakeService};

/// When the output has this many bytes, it is written before more responses are encoded.
const FLUSH_THRESHOLD: usize = 256 * 1024;

/// The output that is encoded and not yet written.
pub(super) struct Writer<T> {
    pub(super) output: Output,
    /// No response is encoded while the output has this many bytes. Never larger than the output buffer, otherwise
    /// messages that wait for room would not be sent when there is room.
    pub(super) flush_threshold: usize,
    /// Whether all output was passed to the stream and its flush is pending.
    pub(super) is_flushing: bool,
    /// Whether the output begins within a response, of which a part is written.
    pub(super) is_split: bool,
    /// The response that is being streamed.
    pub(super) outgoing: Option<Box<OutgoingBody<T>>>,
    /// The number of commands answered so far.
    pub(super) answered: u64,
    replies: Replies,
}

/// The responses that are sent, for CLIENT REPLY.
#[derive(Clone, Copy)]
enum Replies {
    On,
    Off,
    /// This many responses are not sent.
    Skip(u8),
}

impl<T> Writer<T> {
    pub(super) fn new() -> Self {
        let output = Output::default();
        Self {
            output,
            flush_threshold: 0,
            is_flushing: false,
            is_split: false,
            outgoing: None,
            answered: 0,
            replies: Replies::On,
        }
    }

    /// Whether there is no room for more responses.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.output.remaining() >= self.flush_threshold
    }

    /// Whether there is output that is not written or not flushed.
    pub(super) fn has_unwritten(&self) -> bool {
        self.output.has_remaining() || self.is_flushing
    }

    /// The memory of the output, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.output.memory() + self.outgoing.as_ref().map_or(0, |outgoing| outgoing.memory())
    }

    /// Takes an output buffer from the pool, if there is none.
    pub(super) fn make_room(&mut self) {
        if self.output.room() == 0 && !self.output.has_remaining() {
            self.output = buffer_pool::take_output();
        }
    }

    /// Returns an empty output buffer to the pool.
    pub(super) fn shrink(&mut self) {
        if !self.output.has_remaining() && self.output.room() > 0 {
            buffer_pool::put_output(mem::take(&mut self.output));
        }
    }

    /// Whether the next response is sent. Call it once for each response.
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

    /// Sends no more responses.
    pub(super) fn stop_replies(&mut self) {
        self.replies = Replies::Off;
    }

    /// Sets which responses are sent.
    pub(super) fn set_replies(&mut self, mode: ReplyMode) {
        self.replies = match (mode, self.replies) {
            (ReplyMode::Initial, Replies::Skip(_)) => Replies::Skip(1),
            (ReplyMode::On | ReplyMode::Initial, _) => Replies::On,
            // SKIP has no effect while replies are off.
            (ReplyMode::Off, _) | (ReplyMode::Skip, Replies::Off) => Replies::Off,
            // The response to the command itself, and the next one.
            (ReplyMode::Skip, _) => Replies::Skip(2),
        };
    }
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Encodes the response to the next command in order, between the push messages that belong before and after it.
    /// Takes a reference, since a response is expensive to move.
    #[inline(always)]
    pub(super) fn reply(&mut self, response: &mut Response, tag: C::Tag) {
        if self.inbox.has_mail() && !self.read_inbox() {
            // Push messages that may belong before it are sent first, when there is room.
            return self.caller.in_flight.put_back(mem::replace(response, Response::Silent), tag);
        }
        if matches!(response, Response::Close(_) | Response::Streamed(_) | Response::Upgrade(_)) {
            return self.reply_special(mem::replace(response, Response::Silent), tag);
        }
        self.writer.answered += 1;
        // Messages of a subscription are no replies.
        if self.writer.sends_reply() || is_message(response) {
            self.codec.encode(response, tag, &mut self.writer.output);
        }
        if self.inbox.has_mail() {
            self.read_inbox();
        }
    }

    /// Writes as much output as possible. Nothing, as long as it is held back.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.writer.has_unwritten() {
            return Ok(());
        }
        match self.held.poll(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                self.client.registration.entry.mark_cut(CutReason::OutcomeUnknown);
                return Err(error);
            }
            Poll::Pending => return Ok(()),
        }
        while self.writer.output.has_remaining() {
            match poll_write_some(&mut self.io, &mut self.writer.output, cx) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => {
                    self.client.shared().runtime.traffic.count_write(written);
                    self.writer.is_split = true;
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
        self.writer.is_split = false;
        self.reset_flush_threshold();
        // A stream with a buffer of its own, such as TLS, may accept all bytes and not have sent them: the flush is
        // polled again.
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

    /// The stream accepts no more bytes. More responses are encoded meanwhile, within limits: the client may send all
    /// its requests before it reads.
    fn handle_stall(&mut self) {
        self.deadline.mark_stalled();
        // For a streamed value, the window is the limit.
        if self.writer.outgoing.is_none() {
            let bound = self.output_bound();
            self.writer.flush_threshold = self.writer.output.remaining().saturating_add(FLUSH_THRESHOLD).min(bound);
        }
        // Otherwise the buffer would grow up to twice the limit.
        if self.writer.output.bytes().len() >= FLUSH_THRESHOLD {
            self.writer.output.seal();
        }
    }

    /// Resets the threshold after output was written.
    pub(super) fn reset_flush_threshold(&mut self) {
        let most = if self.writer.outgoing.is_some() { WINDOW } else { FLUSH_THRESHOLD };
        self.writer.flush_threshold = most.min(self.output_bound());
    }

    /// Returns the size of the output buffer, in bytes.
    pub(super) fn output_bound(&self) -> usize {
        let shared = self.client.shared();
        let bound = shared.runtime.output_buffer.get().max(1);
        if self.client.is_authenticated() { bound } else { bound.min(shared.settings.unauthenticated_buffer.max(1)) }
    }
}

/// Whether a response is a message or several, as SUBSCRIBE answers.
fn is_message(response: &Response) -> bool {
    matches!(response, Response::Push(_) | Response::PackedPush(_) | Response::Messages(_))
}

/// Writes once. A single chunk is written with the plain call, which is faster than the vectored one.
pub(super) fn poll_write_some(io: &mut ServerIo, output: &mut Output, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
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
