//! [`InputBuffer`]: the bytes that were read and not decoded yet, and the progress of an unfinished request.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use kvstore_protocol::Command;
use tokio::{io::AsyncRead, time::Instant};
use tokio_util::io::poll_read_buf;

use super::{buffer_pool, zero_copy};
use crate::server::settings::MinSendRate;

/// The size of a read: before the client has authenticated, afterwards, and after a read that filled its buffer.
const SMALL_CHUNK: usize = 4 * 1024;
const CHUNK: usize = 16 * 1024;
const LARGE_CHUNK: usize = 64 * 1024;

/// The growth of the buffer of a long request: this many times what has arrived, or up to twice that if the whole request
/// fits. Memory that is not written yet is only address space, and each growth moves what has arrived.
const GROWTH: usize = 7;

/// The bytes that a connection has read.
pub(super) struct InputBuffer {
    buffer: BytesMut,
    /// Whether the buffer may hold a command that was not decoded.
    has_undecoded: bool,
    chunk: usize,
    /// The largest read of this peer.
    largest_chunk: usize,
    /// The least number of bytes that the first request lacks.
    missing: usize,
    /// The time of the last read or write, once it was asked for.
    last_active: Option<Instant>,
    unfinished: Option<PartialRequest>,
    /// Whether the rest of the last request is streamed, and not decoded.
    is_streaming: bool,
}

/// A request of which a part has arrived.
struct PartialRequest {
    /// The start of the current window; `None` while nothing is read.
    since: Option<Instant>,
    /// The bytes that have arrived in it.
    bytes: usize,
}

impl InputBuffer {
    pub(super) fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            has_undecoded: false,
            chunk: SMALL_CHUNK,
            largest_chunk: SMALL_CHUNK,
            missing: 1,
            last_active: None,
            unfinished: None,
            is_streaming: false,
        }
    }

    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Takes whole requests off the front of the buffer.
    pub(super) fn take_frame(&mut self, bytes: usize) -> Bytes {
        let frame = self.buffer.split_to(bytes).freeze();
        // An empty buffer holds no command.
        self.has_undecoded = !self.buffer.is_empty();
        frame
    }

    /// Prepares a command that was decoded by itself, as long ones are: its pages may be lent to a socket later, if its buffer
    /// holds nothing else.
    pub(super) fn make_lendable(&mut self, command: Command) -> Command {
        if command.size() < zero_copy::MIN_REQUEST {
            return command;
        }
        if self.buffer.is_empty() {
            // Otherwise the next request would share the buffer of the command.
            self.buffer = BytesMut::new();
        }
        command.map_frame(|frame| frame.try_into_mut().map_or_else(|shared| shared, zero_copy::lendable))
    }

    /// Whether something was read since no command was found last.
    #[inline]
    pub(super) fn has_undecoded(&self) -> bool {
        self.has_undecoded
    }

    /// Notes that the buffer holds no whole command.
    pub(super) fn mark_exhausted(&mut self) {
        self.has_undecoded = false;
    }

    /// The time of the last read or write. Reading the clock costs about as much as a look-up of a key and is mostly not
    /// needed, so the time is taken when it is asked for first, less the `silence` that is known from elsewhere.
    pub(super) fn last_active(&mut self, silence: Duration) -> Instant {
        *self.last_active.get_or_insert_with(|| {
            let now = Instant::now();
            now.checked_sub(silence).unwrap_or(now)
        })
    }

    pub(super) fn mark_active(&mut self) {
        self.last_active = None;
    }

    /// Sets the size of reads: small ones before the client has authenticated.
    pub(super) fn set_trusted(&mut self, is_trusted: bool) {
        (self.chunk, self.largest_chunk) = if is_trusted { (CHUNK, LARGE_CHUNK) } else { (SMALL_CHUNK, SMALL_CHUNK) };
    }

    /// Reads once. Returns 0 when the peer has closed its side.
    pub(super) fn poll_read<Io: AsyncRead>(
        &mut self,
        io: Pin<&mut Io>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let room = self.buffer.capacity() - self.buffer.len();
        let read = std::task::ready!(poll_read_buf(io, cx, &mut self.buffer))?;
        self.chunk = if read == room { self.largest_chunk } else { self.largest_chunk.min(CHUNK) };
        self.has_undecoded |= read > 0;
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.bytes += read;
        }
        Poll::Ready(Ok(read))
    }

    /// Makes room for the next read. A long request gets a buffer of its own that grows by [`GROWTH`], and in the end has exactly
    /// the size of the request, so that a value that keeps it pins nothing else.
    fn make_room(&mut self) {
        if self.buffer.capacity() == 0 {
            self.buffer = buffer_pool::take_input();
        }
        if self.missing <= LARGE_CHUNK {
            // The end of a long request fits already. More room would move all of it.
            let least = if self.buffer.len() < LARGE_CHUNK { SMALL_CHUNK } else { 1 };
            if self.buffer.capacity() - self.buffer.len() < self.chunk.min(self.missing.max(least)) {
                self.buffer.reserve(self.chunk);
            }
            return;
        }
        if self.buffer.capacity() == self.buffer.len() {
            let ahead = self.buffer.len().max(LARGE_CHUNK) * GROWTH;
            // All of it if little would be left, which would move everything once more.
            let more = if self.missing <= 2 * ahead { self.missing } else { ahead };
            let mut larger = BytesMut::with_capacity(self.buffer.len() + more);
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
    }

    /// Notes how many commands were decoded, and how many bytes the next one lacks.
    pub(super) fn record_decoded(&mut self, commands: usize, missing: usize) {
        self.missing = missing.max(1);
        self.is_streaming = false;
        if self.buffer.is_empty() {
            self.missing = 1;
            self.unfinished = None;
        } else if commands > 0 || self.unfinished.is_none() {
            self.unfinished = Some(PartialRequest { since: Some(self.last_active(Duration::ZERO)), bytes: 0 });
        }
    }

    /// Notes that the rest of the last request is streamed.
    pub(super) fn begin_streaming(&mut self) {
        self.missing = 1;
        self.is_streaming = true;
        self.unfinished = Some(PartialRequest { since: Some(self.last_active(Duration::ZERO)), bytes: 0 });
    }

    /// Whether the next bytes belong to a request that is streamed.
    pub(super) fn is_streaming(&self) -> bool {
        self.is_streaming
    }

    /// Notes that the next bytes are decoded again.
    pub(super) fn end_streaming(&mut self) {
        self.has_undecoded = !self.buffer.is_empty();
    }

    /// Whether a part of a request has arrived.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished.is_some()
    }

    /// The end of the window in which an unfinished request must make progress. There is none while nothing is read.
    pub(super) fn window_end(&mut self, reads: bool, slow: MinSendRate) -> Option<Instant> {
        let unfinished = self.unfinished.as_mut()?;
        if !reads {
            *unfinished = PartialRequest { since: None, bytes: 0 };
            return None;
        }
        unfinished.since.get_or_insert_with(Instant::now).checked_add(slow.window)
    }

    /// Starts the next window if the last one ended with enough progress. Returns whether it did.
    pub(super) fn renew_window(&mut self, slow: MinSendRate) -> bool {
        let now = Instant::now();
        match &mut self.unfinished {
            Some(PartialRequest { since: Some(since), bytes })
                if now.duration_since(*since) >= slow.window && *bytes >= slow.bytes =>
            {
                (*since, *bytes) = (now, 0);
                true
            }
            _ => false,
        }
    }

    /// Releases the memory of an empty buffer.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            buffer_pool::put_input(std::mem::take(&mut self.buffer), CHUNK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Returns a buffer that has received a request of this length: all but the last bytes in full reads, and those
    /// separately.
    fn received(length: usize) -> InputBuffer {
        let request = vec![b'x'; length];
        let (mut input, mut cx) = (InputBuffer::new(), Context::from_waker(Waker::noop()));
        input.set_trusted(true);
        let mut end = 0;
        for most in [length - 40, length] {
            while end < most {
                let mut piece = &request[end..most];
                let Poll::Ready(Ok(read)) = input.poll_read(Pin::new(&mut piece), &mut cx) else {
                    panic!("bytes are there")
                };
                end += read;
                input.record_decoded(0, (length - end).max(1));
            }
        }
        input
    }

    #[tokio::test]
    async fn a_long_request_ends_in_a_buffer_of_its_size() {
        let grown = CHUNK + LARGE_CHUNK * GROWTH;
        // Also if the capacity lacks only a few bytes.
        for length in [5 * LARGE_CHUNK + 100, grown + 48, grown * (1 + GROWTH) + 48] {
            let mut input = received(length);
            assert_eq!((input.len(), input.buffer().capacity()), (length, length));
        }
    }

    /// Whether the memory of a received request is lendable. Such memory has an owner and is never unique.
    fn is_lendable(mut input: InputBuffer, length: usize) -> bool {
        let words = [kvstore_protocol::Word::within(0..length)];
        let command = Command::from_frame(input.buffer().split_to(length).freeze(), &words);
        let settled = input.make_lendable(command);
        drop(input);
        let mut is_lendable = false;
        let _ = settled.map_frame(|frame| {
            is_lendable = !frame.is_unique();
            frame
        });
        is_lendable
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_long_request_in_a_buffer_of_its_own_is_lendable() {
        let length = zero_copy::MIN_REQUEST;
        assert!(is_lendable(received(length + LARGE_CHUNK), length + LARGE_CHUNK));
        // Short, or not alone in its buffer.
        assert!(!is_lendable(received(length - 1), length - 1));
        assert!(!is_lendable(received(length + LARGE_CHUNK), length));
    }
}
