//! [`Output`]: encoded bytes to be written, with long values by reference.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes, BytesMut};

/// Shared values of this length or more are queued by reference. Copying shorter ones is cheaper than another slice.
pub(crate) const SHARED: usize = 8 * 1024;

/// The initial capacity, in which the short responses to a pipeline fit.
const FIRST: usize = 4 * 1024;

/// How long the tail grows with one response before it becomes a part.
const PART: usize = 256 * 1024;

/// A queue of bytes to be written: encoded bytes, and long values that share the memory they came in.
///
/// It is a [`Buf`] of several chunks, which `tokio_util::io::poll_write_buf` writes with one vectored write.
///
/// ```
/// use bytes::{Buf, Bytes};
/// use kvstore_protocol::Output;
///
/// let mut output = Output::default();
/// output.bytes().extend_from_slice(b"$10000\r\n");
/// output.share(Bytes::from(vec![b'x'; 10_000]));
/// output.bytes().extend_from_slice(b"\r\n");
/// assert_eq!(output.remaining(), 10_010);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// What is written first.
    parts: VecDeque<Bytes>,
    parts_len: usize,
    /// What is written after the parts.
    tail: BytesMut,
}

impl Output {
    /// The buffer to append encoded bytes to.
    #[inline]
    pub fn bytes(&mut self) -> &mut BytesMut {
        if self.tail.capacity() == 0 {
            self.tail.reserve(FIRST);
        }
        &mut self.tail
    }

    /// Appends `value`. A value of 8 KiB or more is not copied.
    #[inline]
    pub fn share(&mut self, value: Bytes) {
        if value.len() < SHARED {
            self.bytes().extend_from_slice(&value);
            return;
        }
        self.push(value);
    }

    /// Appends the bytes of a [`ByteString`](crate::ByteString).
    #[inline]
    pub(crate) fn append(&mut self, string: &crate::ByteString) {
        match string.shared() {
            Some(shared) if shared.len() >= SHARED => self.push(shared.clone()),
            _ => self.bytes().extend_from_slice(string),
        }
    }

    /// Moves the bytes appended so far into a buffer of exactly their size, so that the buffer does not double as it grows.
    pub fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.parts_len += self.tail.len();
            self.parts.push_back(Bytes::copy_from_slice(&self.tail));
            self.tail.clear();
        }
    }

    /// Makes the tail a part once it is long. It would double with a large response, and be copied each time. Returns whether it was.
    #[inline]
    pub(crate) fn split_when_large(&mut self) -> bool {
        let is_large = self.tail.len() >= PART;
        if is_large {
            self.split();
        }
        is_large
    }

    #[cold]
    fn split(&mut self) {
        // Enough for the next part and the last value in it, so that it neither grows nor stays half empty.
        let part = std::mem::replace(&mut self.tail, BytesMut::with_capacity(PART + 2 * SHARED)).freeze();
        self.parts_len += part.len();
        self.parts.push_back(part);
    }

    /// The memory of the output, in bytes: what is queued, and the room for more. Shared values count in full.
    #[inline]
    pub fn memory(&self) -> usize {
        self.parts_len + self.tail.capacity()
    }

    /// How many bytes can be appended without an allocation.
    pub fn room(&self) -> usize {
        self.tail.capacity() - self.tail.len()
    }

    /// Makes a long tail a part, so that it is shared from now on.
    pub(crate) fn share_tail(&mut self) {
        if self.tail.len() >= SHARED {
            let tail = std::mem::take(&mut self.tail).freeze();
            self.push(tail);
        }
    }

    /// Appends the bytes of another output. Its long parts are not copied.
    pub(crate) fn append_output(&mut self, other: &Self) {
        other.parts.iter().for_each(|part| self.share(part.clone()));
        self.bytes().extend_from_slice(&other.tail);
    }

    /// The parts that are shared, and the bytes after them.
    pub(crate) fn parts(&self) -> (impl Iterator<Item = &Bytes>, &[u8]) {
        (self.parts.iter(), &self.tail)
    }

    /// The bytes in contiguous pieces.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| &part[..]).chain([&self.tail[..]]).filter(|chunk| !chunk.is_empty())
    }

    fn push(&mut self, value: Bytes) {
        let before = self.tail.split().freeze();
        self.parts_len += before.len() + value.len();
        self.parts.extend([before, value].into_iter().filter(|part| !part.is_empty()));
    }
}

impl Buf for Output {
    #[inline]
    fn remaining(&self) -> usize {
        self.parts_len + self.tail.len()
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&self.tail[..], |part| part)
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(part) = self.parts.front_mut() {
            let written = count.min(part.len());
            part.advance(written);
            self.parts_len -= written;
            count -= written;
            if part.has_remaining() {
                return;
            }
            self.parts.pop_front();
        }
        // In the common case all of the tail was written, and its memory is reused.
        if count == self.tail.len() { self.tail.clear() } else { self.tail.advance(count) }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.chunks()) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_out_in_the_order_in_which_they_went_in() {
        let mut output = Output::default();
        let mut expected = Vec::new();
        for length in [3, SHARED, 1, 0, SHARED + 5, 7] {
            let part = Bytes::from(vec![length as u8; length]);
            expected.extend_from_slice(&part);
            output.share(part);
        }
        output.seal();
        assert_eq!(output.parts.len(), 5);
        let mut written = Vec::new();
        while output.has_remaining() {
            let step = output.chunk().len().min(1000);
            written.extend_from_slice(&output.chunk()[..step]);
            output.advance(step);
        }
        assert_eq!(written, expected);
    }
}
