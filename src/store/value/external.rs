//! [`ExternalString`]: a string that is too long for the record of its entry.

use std::{
    ops::{Deref, Range},
    sync::Arc,
};

use bytes::Bytes;

/// The two reference counts in front of what an `Arc` holds.
const COUNTS: usize = 2 * size_of::<usize>();

/// The bytes of a long string. Clones and replies share them; a change copies them first if they are shared.
///
/// Two words, so that a string of some hundred bytes costs little more than these.
#[derive(Clone, Debug)]
pub(crate) struct ExternalString(Repr);

#[derive(Clone, Debug)]
enum Repr {
    /// One allocation of the length of the string: most strings.
    Exact(Arc<[u8]>),
    Buffered(Arc<Buffer>),
}

/// A buffer of its own.
#[derive(Debug)]
enum Buffer {
    /// The buffer of a string that was modified: it may have room to grow.
    Growing(Vec<u8>),
    /// The buffer that the string was received in.
    Received(Bytes),
}

impl ExternalString {
    /// Keeps the buffer that the string was received in.
    pub(crate) fn adopt(bytes: Bytes) -> Self {
        Self(Repr::Buffered(Arc::new(Buffer::Received(bytes))))
    }

    /// The bytes for a reply, which shares them.
    #[inline]
    pub(crate) fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Exact(bytes) => Bytes::from_owner(Arc::clone(bytes)),
            Repr::Buffered(buffer) => match &**buffer {
                Buffer::Growing(_) => Bytes::from_owner(self.clone()),
                Buffer::Received(bytes) => bytes.clone(),
            },
        }
    }

    /// A part of the bytes for a reply.
    pub(crate) fn slice(&self, range: Range<usize>) -> Bytes {
        self.to_bytes().slice(range)
    }

    /// Appends `tail`, in amortized time of its length: the buffer doubles when it is full.
    pub(crate) fn append(&mut self, tail: &[u8]) {
        self.growing(tail.len()).extend_from_slice(tail);
    }

    /// Overwrites the bytes from `offset` on. A gap is filled with zeros.
    pub(crate) fn overwrite(&mut self, offset: usize, patch: &[u8]) {
        let (length, end) = (self.len(), offset + patch.len());
        if end <= length && self.overwrite_in_place(offset, patch) {
            return;
        }
        if offset / 2 >= length {
            *self = overwritten(self, offset, patch).into();
            return;
        }
        let bytes = self.growing(end.saturating_sub(length));
        bytes.resize(length.max(end), 0);
        bytes[offset..end].copy_from_slice(patch);
    }

    /// The memory that it takes, for an allocator that takes so many bytes for an allocation.
    pub(crate) fn memory(&self, allocated: impl Fn(usize) -> usize) -> usize {
        match &self.0 {
            // The empty string is shared by all.
            Repr::Exact(bytes) if bytes.is_empty() => 0,
            Repr::Exact(bytes) => allocated(COUNTS + bytes.len()),
            Repr::Buffered(buffer) => {
                let capacity = match &**buffer {
                    Buffer::Growing(bytes) => bytes.capacity(),
                    Buffer::Received(bytes) => bytes.len(),
                };
                allocated(COUNTS + size_of::<Buffer>()) + allocated(capacity)
            }
        }
    }

    /// The number of bytes that a change copies, because the buffer is shared, or has no room if the string `grows`.
    pub(crate) fn copied_by_change(&self, grows: bool) -> usize {
        let is_copied = match &self.0 {
            Repr::Exact(bytes) => grows || Arc::strong_count(bytes) > 1,
            Repr::Buffered(buffer) => match &**buffer {
                Buffer::Growing(_) => Arc::strong_count(buffer) > 1,
                Buffer::Received(bytes) => grows || Arc::strong_count(buffer) > 1 || !bytes.is_unique(),
            },
        };
        if is_copied { self.len() } else { 0 }
    }

    /// Overwrites bytes that are there, unless they are shared. Returns whether it did.
    fn overwrite_in_place(&mut self, offset: usize, patch: &[u8]) -> bool {
        let bytes = match &mut self.0 {
            Repr::Exact(bytes) => Arc::get_mut(bytes),
            Repr::Buffered(buffer) => Arc::get_mut(buffer).and_then(Buffer::growing).map(|bytes| &mut bytes[..]),
        };
        let Some(bytes) = bytes else { return false };
        bytes[offset..][..patch.len()].copy_from_slice(patch);
        true
    }

    /// A buffer of its own, which may grow: the present one, or else a new one with room for `more` bytes.
    fn growing(&mut self, more: usize) -> &mut Vec<u8> {
        let is_growing = match &mut self.0 {
            Repr::Exact(_) => false,
            Repr::Buffered(buffer) => Arc::get_mut(buffer).and_then(Buffer::growing).is_some(),
        };
        if !is_growing {
            let mut bytes = Vec::with_capacity(self.len() + more);
            bytes.extend_from_slice(self);
            *self = bytes.into();
        }
        match &mut self.0 {
            Repr::Buffered(buffer) => Arc::get_mut(buffer).and_then(Buffer::growing),
            Repr::Exact(_) => None,
        }
        .expect("the buffer is growing and not shared")
    }
}

impl Buffer {
    /// The bytes, if they may be changed. A buffer that the string was received in becomes one that grows if nothing else
    /// uses it.
    fn growing(&mut self) -> Option<&mut Vec<u8>> {
        if let Self::Received(bytes) = self {
            match std::mem::take(bytes).try_into_mut() {
                Ok(bytes) => *self = Self::Growing(bytes.into()),
                Err(shared) => *bytes = shared,
            }
        }
        match self {
            Self::Growing(bytes) => Some(bytes),
            Self::Received(_) => None,
        }
    }
}

/// `bytes` with those from `offset` on overwritten, in a new buffer. The zeros of a gap come from the allocator, which need not
/// write them.
pub(crate) fn overwritten(bytes: &[u8], offset: usize, patch: &[u8]) -> Vec<u8> {
    let end = offset + patch.len();
    let mut longer = vec![0; bytes.len().max(end)];
    longer[..bytes.len()].copy_from_slice(bytes);
    longer[offset..end].copy_from_slice(patch);
    longer
}

/// An empty string. Allocates nothing.
impl Default for ExternalString {
    fn default() -> Self {
        Self(Repr::Exact(Arc::default()))
    }
}

impl From<&[u8]> for ExternalString {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Self(Repr::Exact(bytes.into()))
    }
}

impl From<Vec<u8>> for ExternalString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Repr::Buffered(Arc::new(Buffer::Growing(bytes))))
    }
}

impl Deref for ExternalString {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Exact(bytes) => bytes,
            Repr::Buffered(buffer) => match &**buffer {
                Buffer::Growing(bytes) => bytes,
                Buffer::Received(bytes) => bytes,
            },
        }
    }
}

impl AsRef<[u8]> for ExternalString {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for ExternalString {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One string of each kind with these bytes.
    fn each(bytes: &[u8]) -> [ExternalString; 4] {
        let request = Bytes::from([b"SET", bytes].concat());
        let adopted = ExternalString::adopt(request.slice(3..));
        let lent = ExternalString::adopt(Bytes::from_owner(bytes.to_vec()));
        [bytes.into(), bytes.to_vec().into(), adopted, lent]
    }

    #[test]
    fn it_takes_two_words() {
        assert_eq!(size_of::<ExternalString>(), 16);
    }

    #[test]
    fn an_append_copies_the_string_seldom() {
        for mut string in each(b"x") {
            let (mut moves, mut place) = (0, std::ptr::null());
            for _ in 0..100_000 {
                string.append(b"x");
                moves += usize::from(std::mem::replace(&mut place, string.as_ptr()) != string.as_ptr());
            }
            assert!(string.len() == 100_001 && string.iter().all(|byte| *byte == b'x'));
            assert!(moves < 200, "moved {moves} times");
        }
    }

    #[test]
    fn an_append_grows_the_buffer_that_the_string_was_received_in() {
        let mut request = Vec::with_capacity(1000);
        request.resize(500, b'x');
        let mut string = ExternalString::adopt(Bytes::from(request).slice(3..));
        let (start, end) = (string.as_ptr().addr() - 3, string.as_ptr().addr() + 997);
        string.append(b"y");
        assert!(string.len() == 498 && (start..end).contains(&string.as_ptr().addr()));
    }

    #[test]
    fn a_change_leaves_replies_and_copies_alone() {
        for string in each(&[b'a'; 100]) {
            let (mut changed, copy, reply) = (string.clone(), string.clone(), string.to_bytes());
            drop(string);
            changed.append(b"b");
            changed.overwrite(0, b"c");
            let mut overwritten = copy.clone();
            overwritten.overwrite(99, b"d");
            assert_eq!((&copy[..], &reply[..]), (&[b'a'; 100][..], &[b'a'; 100][..]));
            assert_eq!((changed.len(), changed[0], changed[100], overwritten[99]), (101, b'c', b'b', b'd'));
        }
    }

    #[test]
    fn bytes_that_are_not_shared_are_overwritten_in_place() {
        let [exact, growing, adopted, _] = each(&[b'a'; 100]);
        for mut string in [exact, growing, adopted] {
            // The first change may give it another buffer.
            string.overwrite(0, b"b");
            let place = string.as_ptr();
            string.overwrite(98, b"cd");
            assert_eq!((string.as_ptr(), &string[97..]), (place, &b"acd"[..]));
        }
    }

    #[test]
    fn a_gap_is_filled_with_zeros() {
        for mut string in each(b"abc") {
            string.overwrite(5, b"cd");
            assert_eq!(&string[..], b"abc\0\0cd");
            string.overwrite(100, b"x");
            assert_eq!((string.len(), string[6], string[7], string[99], string[100]), (101, b'd', 0, 0, b'x'));
            string.overwrite(1, b"x");
            string.overwrite(100, b"yz");
            assert_eq!((&string[..3], &string[100..]), (&b"axc"[..], &b"yz"[..]));
        }
    }

    #[test]
    fn its_memory_is_that_of_its_allocations() {
        let [exact, growing, adopted, _] = each(&[b'a'; 100]);
        let rounded = |size: usize| size.next_multiple_of(64);
        assert_eq!([exact, growing, adopted].map(|string| string.memory(rounded)), [128, 192, 192]);
    }
}
