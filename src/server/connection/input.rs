//! [`InputBuffer`]: the bytes that were read and not decoded yet, and the progress of an unfinished request.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use kvstore_protocol::Command;
use tokio::{io::AsyncRead, time::Instant};
use tokio_util::io::poll_read_buf;

use super::{buffer_pool, zero_copy};
use crate::server::settings::MinSendRate;

/// The size of a read: before the client has authenticated, afterwards, and after a read that filled its buffer.
const SMALL_CHUNK: usize = 4 * 1024;
const CHUNK: usize = 16 * 1024;
const LARGE_CHUNK: usize = 64 * 1024;

/// The most bytes of a read. The buffer of a long request has room for more, which would be copied without a break.
const MAX_READ: usize = 256 * 1024;

/// The size from which a request is long: it gets a buffer of its own, since the store may keep that.
const LONG: usize = 64 * 1024;

/// The room behind a long request, for arguments after its value that are not known yet.
const HEADROOM: usize = 256;

/// The buffer of a long request may be larger than the request by this fraction of its size.
const MAX_EXCESS: usize = 32;

/// Behind so many arguments a long one is not searched for.
const MAX_WORDS: usize = 16;

/// The growth of the buffer of a long request: this many times what has arrived, or up to 7 times if the whole request fits.
/// Memory that is not written yet is only address space, and each growth moves what has arrived.
const GROWTH: usize = 3;

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

    /// Prepares a command that was decoded by itself, as long ones are. One with a long argument gets a buffer of its own, whose
    /// pages may be lent to a socket later.
    pub(super) fn make_lendable(&mut self, command: Command) -> Command {
        let size = command.size();
        if size < LONG {
            return command;
        }
        // An argument that the store may keep, with the buffer, is nearly all of its request.
        if !command.args().take(MAX_WORDS).any(|argument| size - argument.len() <= argument.len() / MAX_EXCESS) {
            self.buffer = BytesMut::from(&self.buffer[..]);
            return command;
        }
        command.map_frame(|frame| zero_copy::lendable(self.separate(frame)))
    }

    /// Gives a long request that was taken off the front a buffer that holds little else: it may be kept.
    fn separate(&mut self, frame: Bytes) -> BytesMut {
        let room = self.buffer.capacity();
        self.buffer = BytesMut::from(&self.buffer[..]);
        match frame.try_into_mut() {
            Ok(frame) if room <= frame.len() / MAX_EXCESS => frame,
            Ok(frame) => BytesMut::from(&frame[..]),
            Err(shared) => BytesMut::from(&shared[..]),
        }
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
        let room = (self.buffer.capacity() - self.buffer.len()).min(MAX_READ);
        let read = std::task::ready!(poll_read_buf(io, cx, &mut (&mut self.buffer).limit(room)))?;
        self.chunk = if read == room { self.largest_chunk } else { self.largest_chunk.min(CHUNK) };
        self.has_undecoded |= read > 0;
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.bytes += read;
        }
        Poll::Ready(Ok(read))
    }

    /// Makes room for the next read.
    fn make_room(&mut self) {
        if self.buffer.capacity() == 0 {
            self.buffer = buffer_pool::take_input();
        }
        let (length, room) = (self.buffer.len(), self.buffer.capacity() - self.buffer.len());
        if length + self.missing >= LONG {
            // What has arrived is moved while it is little, or when the buffer is full.
            let least = if length < LONG { self.missing.min(LONG) } else { 1 };
            if room < least && length < LONG {
                self.move_to(self.growth());
            } else if room < least {
                // It has a buffer of its own, which the allocator may extend in place.
                self.buffer.reserve(self.growth());
            }
        } else if room < self.chunk.min(self.missing.max(SMALL_CHUNK)) && !self.buffer.try_reclaim(self.chunk) {
            self.move_to(self.chunk);
        }
    }

    /// The growth of the buffer of a long request: at most by [`GROWTH`], and in the end to little more than the request takes.
    fn growth(&self) -> usize {
        let length = self.buffer.len();
        let ahead = length.max(LONG) * GROWTH;
        // All of it if less would be left than has arrived then: a buffer at least doubles, so it would be too large at the end.
        let more = if self.missing <= 2 * ahead + length { self.missing + HEADROOM } else { ahead };
        // Many arguments of which only the next one is known.
        if length < LONG { more } else { more.max(length) }
    }

    /// Moves the bytes to a buffer of its own that has room for `more`.
    fn move_to(&mut self, more: usize) {
        let mut moved = BytesMut::with_capacity(self.buffer.len() + more);
        moved.extend_from_slice(&self.buffer);
        self.buffer = moved;
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
        let grown = CHUNK + LONG * GROWTH;
        let few_bytes_more = [grown + 48, grown * (1 + GROWTH) + 48];
        let lengths = (2..80).map(|eighths| eighths * grown / 8).chain(few_bytes_more).filter(|length| *length >= LONG);
        for length in lengths {
            let mut input = received(length);
            assert_eq!(input.len(), length);
            let capacity = input.buffer().capacity();
            assert!(capacity <= length + HEADROOM, "{capacity} bytes for {length}");
        }
    }

    #[tokio::test]
    async fn a_long_request_between_others_is_kept_without_them() {
        let lengths = [30, LONG + 40, 20_000, LONG + 40, 2 * LONG, 50, 70_000, 64];
        let stream = vec![b'x'; lengths.iter().sum()];
        let (mut input, mut cx) = (InputBuffer::new(), Context::from_waker(Waker::noop()));
        input.set_trusted(true);
        let (mut unread, mut kept) = (&stream[..], 0);
        for length in lengths {
            while input.len() < length {
                input.record_decoded(0, length - input.len());
                let Poll::Ready(Ok(_)) = input.poll_read(Pin::new(&mut unread), &mut cx) else {
                    panic!("bytes are there")
                };
            }
            let frame = input.take_frame(length);
            if length >= LONG {
                let frame = input.separate(frame);
                assert!(frame.len() == length && frame.capacity() <= length + length / MAX_EXCESS);
                kept += 1;
            }
        }
        assert_eq!((kept, input.len()), (4, 0));
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_long_request_in_a_buffer_of_its_own_is_lendable() {
        let length = LONG + 100;
        let words = [0..1, 1..length].map(kvstore_protocol::Word::within);
        for (received_bytes, length) in [(length, length), (length + 100, length)] {
            let mut input = received(received_bytes);
            let command = Command::from_frame(input.take_frame(length), &words);
            let settled = input.make_lendable(command);
            assert_eq!(input.len(), received_bytes - length);
            // Such memory has an owner and is never unique.
            let _ = settled.map_frame(|frame| {
                assert!(!frame.is_unique() || !cfg!(feature = "zero-copy"));
                frame
            });
        }
    }

    #[tokio::test]
    async fn a_long_request_of_short_arguments_is_not_copied() {
        let mut input = received(LONG + 100);
        let place = input.buffer.as_ptr();
        let words: Vec<_> = (0..LONG).map(|at| kvstore_protocol::Word::within(at..at + 1)).collect();
        let command = Command::from_frame(input.take_frame(LONG), &words);
        let _ = input.make_lendable(command).map_frame(|frame| {
            assert_eq!(frame.as_ptr(), place);
            frame
        });
        assert!(input.len() == 100 && input.buffer.as_ptr() != place.wrapping_add(LONG));
    }
}
