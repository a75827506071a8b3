//! [`StreamId`]: the identifier of an entry.

use std::ops::Deref;

/// The length of the longest text of an identifier.
const MAX_TEXT: usize = 41;

/// The identifier of an entry of a stream: milliseconds since the Unix epoch, and a sequence number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

impl StreamId {
    /// Less than that of any entry.
    pub(crate) const MIN: Self = Self { ms: 0, seq: 0 };
    pub(crate) const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    pub(crate) const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The next one; `None` behind the last.
    pub(crate) fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The one in front of it; `None` in front of the first.
    pub(crate) fn prev(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// The text that clients read: `ms-seq`.
    #[inline]
    pub(crate) fn text(self) -> IdText {
        let (mut bytes, mut digits) = ([0; MAX_TEXT], itoa::Buffer::new());
        let ms = digits.format(self.ms).as_bytes();
        bytes[..ms.len()].copy_from_slice(ms);
        bytes[ms.len()] = b'-';
        let start = ms.len() + 1;
        let seq = digits.format(self.seq).as_bytes();
        bytes[start..start + seq.len()].copy_from_slice(seq);
        IdText { bytes, len: (start + seq.len()) as u8 }
    }

    /// The bytes in an RDB file. They sort like the identifiers.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// Reads the bytes in an RDB file.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self { ms: (number >> 64) as u64, seq: number as u64 }
    }
}

/// The text of a [`StreamId`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdText {
    bytes: [u8; MAX_TEXT],
    len: u8,
}

impl Deref for IdText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for IdText {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_a_text_and_bytes() {
        for (id, text) in [
            (StreamId::MIN, "0-0"),
            (StreamId::new(1_526_919_030_474, 55), "1526919030474-55"),
            (StreamId::MAX, "18446744073709551615-18446744073709551615"),
        ] {
            assert_eq!(&*id.text(), text.as_bytes());
            assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
        }
        assert!(StreamId::new(1, u64::MAX).to_bytes() < StreamId::new(2, 0).to_bytes());
    }

    #[test]
    fn the_neighbours_of_an_identifier_end_at_the_first_and_the_last() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).prev(), Some(StreamId::new(1, u64::MAX)));
        assert_eq!(StreamId::new(2, 7).next(), Some(StreamId::new(2, 8)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.prev()), (None, None));
    }
}
