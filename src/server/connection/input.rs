//! [`Input`]: what was read and not decoded yet, and whether the peer makes progress with it.

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

use super::{spare, zero_copy};
use crate::server::settings::Progress;

/// How much is read at once: of a peer that is not authenticated, of others, and after a read that filled its room.
const SMALL_CHUNK: usize = 4 * 1024;
const CHUNK: usize = 16 * 1024;
const LARGE_CHUNK: usize = 64 * 1024;

/// How many times as much as has come of a long request is made room for, or up to twice that if it is the whole. What is
/// not written yet is address space and no memory, and what is moved to a larger place costs more the more often.
const AHEAD: usize = 7;

/// The bytes that a connection has read, and when.
pub(super) struct Input {
    buffer: BytesMut,
    /// Whether something may be decoded: something was read, and not all that it holds was taken.
    has_news: bool,
    chunk: usize,
    /// As much as is read at once of this peer.
    largest_chunk: usize,
    /// How many bytes the request at hand lacks at least.
    missing: usize,
    /// When something was read or written last, once somebody has asked.
    last_active: Option<Instant>,
    unfinished: Option<Unfinished>,
    /// Whether the request decoded last goes past its decoder, and its end has not come there.
    is_passing: bool,
}

/// A request of which a part has come.
struct Unfinished {
    /// Since when it is waited for; `None` while nothing is read.
    since: Option<Instant>,
    /// How much has come since.
    bytes: usize,
}

impl Input {
    pub(super) fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            has_news: false,
            chunk: SMALL_CHUNK,
            largest_chunk: SMALL_CHUNK,
            missing: 1,
            last_active: None,
            unfinished: None,
            is_passing: false,
        }
    }

    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Takes whole requests off the front.
    pub(super) fn take_frame(&mut self, bytes: usize) -> Bytes {
        let frame = self.buffer.split_to(bytes).freeze();
        // What is empty need not be asked for another command.
        self.has_news = !self.buffer.is_empty();
        frame
    }

    /// A command that was decoded by itself, as long ones are, since they come piece by piece: its memory may be lent, if it
    /// came in a buffer of its own.
    pub(super) fn settle(&mut self, command: Command) -> Command {
        if command.size() < zero_copy::WORTHWHILE {
            return command;
        }
        if self.buffer.is_empty() {
            // Or it would share the command's.
            self.buffer = BytesMut::new();
        }
        command.map_frame(|frame| frame.try_into_mut().map_or_else(|shared| shared, zero_copy::lendable))
    }

    /// Whether something was read since the last command was looked for in vain.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.has_news
    }

    /// Notes that what is there is no whole command.
    pub(super) fn note_exhausted(&mut self) {
        self.has_news = false;
    }

    /// When something last came from the peer or went to it. Mostly nobody need know, and to read the clock takes about as
    /// long as to look up a key: so it is when somebody asks first, but for the `silence` that is known of otherwise.
    pub(super) fn last_active(&mut self, silence: Duration) -> Instant {
        *self.last_active.get_or_insert_with(|| {
            let now = Instant::now();
            now.checked_sub(silence).unwrap_or(now)
        })
    }

    pub(super) fn note_active(&mut self) {
        self.last_active = None;
    }

    /// Reads much at once of a peer that is trusted, and little of one that has yet to show who it is.
    pub(super) fn trust(&mut self, is_trusted: bool) {
        (self.chunk, self.largest_chunk) = if is_trusted { (CHUNK, LARGE_CHUNK) } else { (SMALL_CHUNK, SMALL_CHUNK) };
    }

    /// Reads once. 0 is the peer's end.
    pub(super) fn poll_read<Io: AsyncRead>(
        &mut self,
        io: Pin<&mut Io>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let room = self.buffer.capacity() - self.buffer.len();
        let read = std::task::ready!(poll_read_buf(io, cx, &mut self.buffer))?;
        self.chunk = if read == room { self.largest_chunk } else { self.largest_chunk.min(CHUNK) };
        self.has_news |= read > 0;
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.bytes += read;
        }
        Poll::Ready(Ok(read))
    }

    /// Makes room for the next read. A long request gets a buffer of its own, with room for [`AHEAD`] times what
    /// has arrived of it or for all of it, and in the end exactly its size, so that its last owner pins nothing else.
    fn make_room(&mut self) {
        if self.buffer.capacity() == 0 {
            self.buffer = spare::input();
        }
        if self.missing <= LARGE_CHUNK {
            // The end of a long request has its room: with more, all of it would be moved.
            let least = if self.buffer.len() < LARGE_CHUNK { SMALL_CHUNK } else { 1 };
            if self.buffer.capacity() - self.buffer.len() < self.chunk.min(self.missing.max(least)) {
                self.buffer.reserve(self.chunk);
            }
            return;
        }
        if self.buffer.capacity() == self.buffer.len() {
            let ahead = self.buffer.len().max(LARGE_CHUNK) * AHEAD;
            // All of it, where little would be left: for that, all that came would be moved once more.
            let more = if self.missing <= 2 * ahead { self.missing } else { ahead };
            let mut larger = BytesMut::with_capacity(self.buffer.len() + more);
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
    }

    /// Notes that so many commands were decoded, and that the next one lacks so many bytes.
    pub(super) fn note_decoded(&mut self, commands: usize, missing: usize) {
        self.missing = missing.max(1);
        self.is_passing = false;
        if self.buffer.is_empty() {
            self.missing = 1;
            self.unfinished = None;
        } else if commands > 0 || self.unfinished.is_none() {
            self.unfinished = Some(Unfinished { since: Some(self.last_active(Duration::ZERO)), bytes: 0 });
        }
    }

    /// Notes that so much of a request was decoded that the rest of it is passed on as it comes.
    pub(super) fn begin_passing(&mut self) {
        self.missing = 1;
        self.is_passing = true;
        self.unfinished = Some(Unfinished { since: Some(self.last_active(Duration::ZERO)), bytes: 0 });
    }

    /// Whether what comes next belongs to the request that was decoded last.
    pub(super) fn is_passing(&self) -> bool {
        self.is_passing
    }

    /// Notes that what comes next is decoded again.
    pub(super) fn end_passing(&mut self) {
        self.has_news = !self.buffer.is_empty();
    }

    /// Whether a part of a request has come.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished.is_some()
    }

    /// When an unfinished request must have made progress. The clock stands while nothing is read.
    pub(super) fn window_end(&mut self, reads: bool, slow: Progress) -> Option<Instant> {
        let unfinished = self.unfinished.as_mut()?;
        if !reads {
            *unfinished = Unfinished { since: None, bytes: 0 };
            return None;
        }
        unfinished.since.get_or_insert_with(Instant::now).checked_add(slow.window)
    }

    /// Starts another window when the last one has ended with enough progress.
    pub(super) fn renew_window(&mut self, slow: Progress) -> bool {
        let now = Instant::now();
        match &mut self.unfinished {
            Some(Unfinished { since: Some(since), bytes })
                if now.duration_since(*since) >= slow.window && *bytes >= slow.bytes =>
            {
                (*since, *bytes) = (now, 0);
                true
            }
            _ => false,
        }
    }

    /// Gives back the memory of an empty buffer.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            spare::keep_input(std::mem::take(&mut self.buffer), CHUNK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A request of this many bytes in the buffer that it has when all of it has come: all but a few bytes as fast as they
    /// are read, and those by themselves.
    fn received(length: usize) -> Input {
        let request = vec![b'x'; length];
        let (mut input, mut cx) = (Input::new(), Context::from_waker(Waker::noop()));
        input.trust(true);
        let mut end = 0;
        for most in [length - 40, length] {
            while end < most {
                let mut piece = &request[end..most];
                let Poll::Ready(Ok(read)) = input.poll_read(Pin::new(&mut piece), &mut cx) else {
                    panic!("bytes are there")
                };
                end += read;
                input.note_decoded(0, (length - end).max(1));
            }
        }
        input
    }

    #[tokio::test]
    async fn a_long_request_ends_in_a_buffer_of_its_size() {
        let grown = CHUNK + LARGE_CHUNK * AHEAD;
        // Also where room was made for all but a few bytes.
        for length in [5 * LARGE_CHUNK + 100, grown + 48, grown * (1 + AHEAD) + 48] {
            let mut input = received(length);
            assert_eq!((input.len(), input.buffer().capacity()), (length, length));
        }
    }

    /// Whether the memory of a request that was received may be lent: then it stays its last owner's, and is not changed.
    fn is_lendable(mut input: Input, length: usize) -> bool {
        let words = [kvstore_protocol::Word::within(0..length)];
        let command = Command::from_frame(input.buffer().split_to(length).freeze(), &words);
        let settled = input.settle(command);
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
        let length = zero_copy::WORTHWHILE;
        assert!(is_lendable(received(length + LARGE_CHUNK), length + LARGE_CHUNK));
        // Short, or not alone in its buffer.
        assert!(!is_lendable(received(length - 1), length - 1));
        assert!(!is_lendable(received(length + LARGE_CHUNK), length));
    }
}
