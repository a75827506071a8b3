//! Reading and writing, each within its bounds.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use kvstore_protocol::{Codec, Output};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_write_buf;

use super::{Connection, Stage, lend, stream_out::WINDOW};
use crate::server::supply::Supply;

/// From how many bytes on output is written before more is answered.
const FLUSH_AT: usize = 256 * 1024;

/// What a client may leave unread, and send ahead, that has not shown who it is.
const UNAUTHENTICATED_BUFFER: usize = 16 * 1024;

impl<Io, U, C> Connection<Io, U, C>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    U: Supply,
    C: Codec,
{
    /// Writes as much as goes.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.output.has_remaining() && !self.is_flushing {
            return Ok(());
        }
        while self.output.has_remaining() {
            match poll_write_some(&mut self.io, &mut self.output, cx) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(_)) => {
                    self.deadline.progress();
                    self.note_life();
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.deadline.stall();
                    // More is answered meanwhile, but in bounds: the peer may send all before it reads.
                    // Of a streamed value, only as much as its window holds.
                    if self.outgoing.is_none() {
                        let bound = self.output_bound();
                        self.flush_at = self.output.remaining().saturating_add(FLUSH_AT).min(bound);
                    }
                    // Or the buffer would double up to twice the bound.
                    if self.output.bytes().len() >= FLUSH_AT {
                        self.output.seal();
                    }
                    return Ok(());
                }
            }
        }
        self.flush_soon();
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
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.wants_input() {
            return Poll::Pending;
        }
        match std::task::ready!(self.input.poll_read(Pin::new(&mut self.io), cx))? {
            0 => self.note_end(),
            _ => self.note_life(),
        }
        Poll::Ready(Ok(()))
    }

    /// Notes that something passed between the peer and the server.
    #[inline]
    fn note_life(&mut self) {
        self.input.note_active();
        self.standing.registration.entry.touch(self.shared.registry.uptime());
    }

    pub(super) fn wants_input(&self) -> bool {
        if self.incoming.is_some() {
            return self.wants_argument();
        }
        // A request larger than the buffer is read whole: its own limits bound it.
        self.stage == Stage::Open && (!self.is_busy() && !self.is_full() || self.input.len() < self.input_bound())
    }

    /// Lets no more output gather than is written at once.
    pub(super) fn flush_soon(&mut self) {
        let most = if self.outgoing.is_some() { WINDOW } else { FLUSH_AT };
        self.flush_at = most.min(self.output_bound());
    }

    /// Whether there is no room for more answers.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.output.remaining() >= self.flush_at
    }

    /// How many bytes the client may leave unread.
    pub(super) fn output_bound(&self) -> usize {
        let bound = self.shared.settings.output_buffer;
        if self.standing.is_authenticated() { bound.max(1) } else { bound.clamp(1, UNAUTHENTICATED_BUFFER) }
    }

    /// How many bytes are read ahead of what the client waits for.
    pub(super) fn input_bound(&self) -> usize {
        let bound = self.shared.settings.input_buffer;
        if self.standing.is_authenticated() { bound } else { bound.min(UNAUTHENTICATED_BUFFER) }
    }
}

/// Writes once. One piece alone goes by the plain call, which the kernel answers faster than the vectored one.
fn poll_write_some<Io: AsyncWrite + Unpin + 'static>(
    io: &mut Io,
    output: &mut Output,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if let Some(written) = lend::poll_write(io, output, cx) {
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
