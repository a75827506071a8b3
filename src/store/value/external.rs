//! [`ExternalString`]: a string that is too long for the record of its entry.

use std::{
    mem,
    ops::{Deref, Range},
};

use bytes::{Bytes, BytesMut};
use kvstore_protocol::ByteString;

/// The shortest string that replies share. A shorter one is copied into the output of a connection in any case, so that it has
/// no count of its users.
const MIN_SHARED: usize = 8 * 1024;

/// The bytes of a long string.
///
/// Two words, so that a string of some hundred bytes costs little more than these.
#[derive(Clone, Debug)]
pub(crate) struct ExternalString(Repr);

#[derive(Clone, Debug)]
enum Repr {
    /// One allocation of the length of the string.
    Exact(Box<[u8]>),
    /// A string that is longer, or that was modified.
    Buffered(Box<Buffer>),
}

/// A buffer that replies and copies share. A change copies it first if they do.
#[derive(Clone, Debug)]
struct Buffer {
    bytes: Bytes,
    capacity: usize,
}

impl ExternalString {
    /// Keeps the buffer that the string was received in.
    pub(crate) fn adopt(bytes: Bytes) -> Self {
        let capacity = bytes.len();
        Self(Repr::Buffered(Box::new(Buffer { bytes, capacity })))
    }

    /// The bytes for a reply. Not inlined, so that replies with short strings need few registers.
    #[inline(never)]
    pub(crate) fn to_reply(&self) -> ByteString {
        match &self.0 {
            Repr::Exact(bytes) => ByteString::copy_from(bytes),
            Repr::Buffered(buffer) => buffer.bytes.clone().into(),
        }
    }

    /// A part of the bytes for a reply.
    pub(crate) fn slice(&self, range: Range<usize>) -> ByteString {
        match &self.0 {
            Repr::Exact(bytes) => ByteString::copy_from(&bytes[range]),
            Repr::Buffered(buffer) => buffer.bytes.slice(range).into(),
        }
    }

    /// Appends `tail`, in amortized time of its length: the buffer doubles when it is full.
    pub(crate) fn append(&mut self, tail: &[u8]) {
        self.edit(tail.len(), |bytes| bytes.extend_from_slice(tail));
    }

    /// Overwrites the bytes from `offset` on. A gap is filled with zeros.
    pub(crate) fn overwrite(&mut self, offset: usize, patch: &[u8]) {
        let (length, end) = (self.len(), offset + patch.len());
        if let Repr::Exact(bytes) = &mut self.0
            && end <= length
        {
            bytes[offset..end].copy_from_slice(patch);
        } else if is_far_behind(offset, length) {
            *self = overwritten(self, offset, patch).into();
        } else {
            self.edit(end.saturating_sub(length), |bytes| {
                bytes.resize(length.max(end), 0);
                bytes[offset..end].copy_from_slice(patch);
            });
        }
    }

    /// Changes the bytes, in place unless they are shared.
    pub(crate) fn modify<R>(&mut self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        if let Repr::Exact(bytes) = &mut self.0 {
            return change(bytes);
        }
        self.edit(0, |bytes| change(bytes))
    }

    /// The memory that it takes, for an allocator that takes so many bytes for an allocation.
    pub(crate) fn memory(&self, allocated: impl Fn(usize) -> usize) -> usize {
        match &self.0 {
            Repr::Exact(bytes) if bytes.is_empty() => 0,
            Repr::Exact(bytes) => allocated(bytes.len()),
            Repr::Buffered(buffer) => allocated(size_of::<Buffer>()) + allocated(buffer.capacity),
        }
    }

    /// The number of bytes that a change of those in `range` copies or appends. The string is copied if the buffer is
    /// shared or has no room.
    pub(crate) fn work_of_change(&self, range: Range<usize>) -> usize {
        if is_far_behind(range.start, self.len()) {
            return self.len();
        }
        let growth = range.end.saturating_sub(self.len());
        let is_copied = match &self.0 {
            Repr::Exact(_) => growth > 0,
            Repr::Buffered(buffer) => !buffer.bytes.is_unique() || growth > 0 && buffer.capacity == buffer.bytes.len(),
        };
        growth + if is_copied { self.len() } else { 0 }
    }

    /// Modifies the bytes: in their buffer, or in a copy with room for `more` if the buffer is shared, with a reply in flight or
    /// with a copy of the string.
    fn edit<R>(&mut self, more: usize, change: impl FnOnce(&mut BytesMut) -> R) -> R {
        if let Repr::Exact(bytes) = &mut self.0 {
            *self = Self::adopt(mem::take(bytes).into());
        }
        let Repr::Buffered(buffer) = &mut self.0 else { unreachable!("it was made to be buffered") };
        let mut bytes = mem::take(&mut buffer.bytes).try_into_mut().unwrap_or_else(|shared| {
            let mut copy = BytesMut::with_capacity(shared.len() + more);
            copy.extend_from_slice(&shared);
            copy
        });
        let result = change(&mut bytes);
        **buffer = Buffer { capacity: bytes.capacity(), bytes: bytes.freeze() };
        result
    }
}

/// Whether a gap up to `offset` is so long that the string gets a new buffer, whose zeros come from the allocator.
fn is_far_behind(offset: usize, length: usize) -> bool {
    offset / 2 >= length
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
        Self(Repr::Exact(Box::default()))
    }
}

impl From<&[u8]> for ExternalString {
    // Not inlined, so that writing short strings needs few registers.
    #[inline(never)]
    fn from(bytes: &[u8]) -> Self {
        Self::from(Box::<[u8]>::from(bytes))
    }
}

impl From<Vec<u8>> for ExternalString {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(bytes.into_boxed_slice())
    }
}

impl From<Box<[u8]>> for ExternalString {
    #[inline]
    fn from(bytes: Box<[u8]>) -> Self {
        if bytes.len() < MIN_SHARED { Self(Repr::Exact(bytes)) } else { Self::adopt(bytes.into()) }
    }
}

impl Deref for ExternalString {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Exact(bytes) => bytes,
            Repr::Buffered(buffer) => &buffer.bytes,
        }
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
        let mut grown = ExternalString::from(&bytes[..1]);
        grown.append(&bytes[1..]);
        [bytes.into(), grown, adopted, lent]
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
            let (mut changed, copy, reply) = (string.clone(), string.clone(), string.to_reply());
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
    fn replies_share_a_long_string() {
        let (short, long) = (ExternalString::from(&[1; 1000][..]), ExternalString::from(&[1; MIN_SHARED][..]));
        assert_ne!(short.to_reply().as_ptr(), short.as_ptr());
        assert_eq!(long.to_reply().as_ptr(), long.as_ptr());
        assert_eq!(long.slice(100..5000).as_ptr(), long[100..].as_ptr());
        assert_eq!(&short.slice(990..1000)[..], [1; 10]);
    }

    #[test]
    fn its_memory_is_that_of_its_allocations() {
        let rounded = |size: usize| size.next_multiple_of(64);
        let mut string = ExternalString::from(&[1; 300][..]);
        assert_eq!(string.memory(rounded), 320);
        string.append(b"x");
        assert_eq!(string.memory(rounded), 64 + 640);
        assert_eq!(ExternalString::from(vec![0; 100_000]).memory(rounded), 64 + 100_032);
    }
}
