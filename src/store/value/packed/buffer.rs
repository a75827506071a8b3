//! [`Buffer`]: the bytes of a collection while it is edited.

use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
};

/// The largest buffer that a thread keeps for the next edit.
const MAX_SPARE: usize = 1024;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes that may grow. A short copy is in a buffer of the thread, so that most edits do not allocate.
#[derive(Clone, Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    /// The bytes in an allocation of their length.
    pub(super) fn into_boxed(mut self) -> Box<[u8]> {
        match self.0.capacity() {
            capacity if capacity == self.0.len() || capacity > MAX_SPARE => {
                std::mem::take(&mut self.0).into_boxed_slice()
            }
            _ => self.0[..].into(),
        }
    }

    /// Puts `len` bytes in the place of some. They are for the caller to fill.
    #[inline]
    pub(super) fn make_room(&mut self, start: usize, end: usize, len: usize) -> &mut [u8] {
        let (before, after) = (self.0.len(), self.0.len() + len - (end - start));
        if after > before {
            // Exactly: the bytes are stored in an allocation of their length.
            self.0.reserve_exact(after - before);
            self.0.resize(after, 0);
        }
        if after != before {
            self.0.copy_within(end..before, start + len);
            self.0.truncate(after);
        }
        &mut self.0[start..start + len]
    }
}

/// Copies bytes.
impl From<&[u8]> for Buffer {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = SPARE.take();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        Self(buffer)
    }
}

/// Takes bytes, without a copy.
impl From<Box<[u8]>> for Buffer {
    #[inline]
    fn from(bytes: Box<[u8]>) -> Self {
        Self(bytes.into_vec())
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity() > 0 && self.0.capacity() <= MAX_SPARE {
            SPARE.set(std::mem::take(&mut self.0));
        }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    #[inline]
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_of_a_short_copy_is_used_again() {
        drop(Buffer::from(&[1; 100][..]));
        let first = Buffer::from(&[2; 50][..]);
        let place = first.as_ptr();
        let boxed = first.into_boxed();
        let second = Buffer::from(&[3; 60][..]);
        assert_eq!((second.as_ptr(), &second[..], &boxed[..]), (place, &[3; 60][..], &[2; 50][..]));
    }

    #[test]
    fn bytes_are_replaced_by_more_or_less() {
        let mut buffer = Buffer::from(&b"abcdef"[..]);
        buffer.make_room(1, 3, 4).copy_from_slice(b"1234");
        assert_eq!(&buffer[..], b"a1234def");
        buffer.make_room(0, 5, 1).copy_from_slice(b"x");
        assert_eq!(&buffer[..], b"xdef");
        assert!(buffer.make_room(1, 4, 0).is_empty() && buffer[..] == *b"x");
    }
}
