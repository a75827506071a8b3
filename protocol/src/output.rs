//! [`Output`]: encoded bytes on their way out, long values among them not copied.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes, BytesMut};

/// From this length on a shared value is queued by reference; below, copying is cheaper than another slice.
pub(crate) const SHARED: usize = 8 * 1024;

/// How much room the first bytes get: small answers to a pipeline fit without growing step by step.
const FIRST: usize = 4 * 1024;

/// How much of one response gathers in the tail, before it is set apart.
const PART: usize = 256 * 1024;

/// A queue of bytes to be written: what was encoded, and shared values between.
///
/// A [`Buf`], so that `poll_write_buf` writes several parts with one call.
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
#[derive(Debug, Default)]
pub struct Output {
    /// What goes out first.
    parts: VecDeque<Bytes>,
    parts_len: usize,
    /// What goes out after the parts.
    tail: BytesMut,
}

impl Output {
    /// Where bytes are appended.
    #[inline]
    pub fn bytes(&mut self) -> &mut BytesMut {
        if self.tail.capacity() == 0 {
            self.tail.reserve(FIRST);
        }
        &mut self.tail
    }

    /// Appends `value`: copied when short, by reference when long.
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

    /// Sets apart what was appended so far, in no more room than it takes: a buffer that goes on growing doubles.
    pub fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.parts_len += self.tail.len();
            self.parts.push_back(Bytes::copy_from_slice(&self.tail));
            self.tail.clear();
        }
    }

    /// Sets apart what was appended so far, once it is much: a buffer that grows with one large response doubles, and is
    /// copied each time.
    #[inline]
    pub(crate) fn split_when_large(&mut self) {
        if self.tail.len() >= PART {
            self.split();
        }
    }

    #[cold]
    fn split(&mut self) {
        // Room for the next part and what may go beyond it: what follows neither grows it nor leaves much of it empty.
        let part = std::mem::replace(&mut self.tail, BytesMut::with_capacity(PART + 2 * SHARED)).freeze();
        self.parts_len += part.len();
        self.parts.push_back(part);
    }

    /// How many bytes fit without an allocation.
    pub fn room(&self) -> usize {
        self.tail.capacity() - self.tail.len()
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
        // The whole tail is the common case: its room is used again.
        if count == self.tail.len() { self.tail.clear() } else { self.tail.advance(count) }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = self.parts.iter().map(|part| &part[..]).chain([&self.tail[..]]);
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(parts.filter(|part| !part.is_empty())) {
            *slice = IoSlice::new(part);
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
