//! [`Encoded`]: an element ready to be stored or searched for.

use super::element::Element;
use super::entry::{
    INTEGER_13, INTEGER_16, INTEGER_24, INTEGER_32, INTEGER_64, STRING_6, STRING_12, STRING_32, backlen_size,
    write_backlen,
};

/// The longest encoding of an integer.
const MAX_HEAD: usize = 9;

/// An element as its entry, without a copy of a string. Made once, it is compared with many entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a> {
    /// All of an integer, or what is in front of a string.
    head: [u8; MAX_HEAD],
    head_len: u8,
    /// The string.
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    fn new(head: &[u8], text: &'a [u8]) -> Self {
        let mut bytes = [0; MAX_HEAD];
        bytes[..head.len()].copy_from_slice(head);
        Self { head: bytes, head_len: head.len() as u8, text }
    }

    #[inline]
    fn string(text: &'a [u8]) -> Self {
        match text.len() {
            len @ 0..64 => Self::new(&[STRING_6 | len as u8], text),
            len @ 64..4096 => Self::new(&[STRING_12 | (len >> 8) as u8, len as u8], text),
            len => {
                let [a, b, c, d] = (len as u32).to_le_bytes();
                Self::new(&[STRING_32, a, b, c, d], text)
            }
        }
    }

    #[inline]
    fn integer(value: i64) -> Self {
        let [a, b, c, d, ..] = value.to_le_bytes();
        match value {
            0..=127 => Self::new(&[a], &[]),
            -4096..=4095 => Self::new(&[INTEGER_13 | b & 0x1F, a], &[]),
            -0x8000..=0x7FFF => Self::new(&[INTEGER_16, a, b], &[]),
            -0x80_0000..=0x7F_FFFF => Self::new(&[INTEGER_24, a, b, c], &[]),
            -0x8000_0000..=0x7FFF_FFFF => Self::new(&[INTEGER_32, a, b, c, d], &[]),
            _ => {
                let mut head = [INTEGER_64; MAX_HEAD];
                head[1..].copy_from_slice(&value.to_le_bytes());
                Self { head, head_len: 9, text: &[] }
            }
        }
    }

    #[inline]
    fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// The length without the length behind the entry.
    #[inline]
    fn front_len(&self) -> usize {
        usize::from(self.head_len) + self.text.len()
    }

    /// The length of the entry.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let front = self.front_len();
        front + backlen_size(front)
    }

    /// Writes the entry, which fills all of `target`.
    #[inline]
    pub(super) fn write_to(&self, target: &mut [u8]) {
        let (head, rest) = target.split_at_mut(usize::from(self.head_len));
        let (text, backlen) = rest.split_at_mut(self.text.len());
        head.copy_from_slice(self.head());
        text.copy_from_slice(self.text);
        write_backlen(self.front_len(), backlen);
    }

    /// Appends the entry.
    #[inline]
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        let at = bytes.len();
        bytes.resize(at + self.len(), 0);
        self.write_to(&mut bytes[at..]);
    }

    /// The first byte of the entry.
    #[inline]
    pub(super) fn first(&self) -> u8 {
        self.head[0]
    }

    /// Another byte of the entry, with its offset: the one that most often differs from that of other entries.
    #[inline]
    pub(super) fn distinctive(&self) -> (usize, u8) {
        match self.text {
            [.., last] => (self.front_len() - 1, *last),
            // The least significant byte of a longer integer.
            [] => {
                let at = usize::from(self.head_len > 1);
                (at, self.head[at])
            }
        }
    }

    /// Whether the entry at the start of these bytes holds this element.
    #[inline]
    pub(super) fn is_at(&self, bytes: &[u8]) -> bool {
        // The comparison with an empty slice is slow on some machines: its dangling pointer is no mapped memory.
        bytes.strip_prefix(self.head()).is_some_and(|rest| self.text.is_empty() || rest.starts_with(self.text))
    }

    /// Whether these bytes are this entry, with its length behind it.
    pub(super) fn is_entry(&self, bytes: &[u8]) -> bool {
        let mut backlen = [0; 5];
        let backlen = &mut backlen[..backlen_size(self.front_len())];
        write_backlen(self.front_len(), backlen);
        bytes.len() == self.len() && self.is_at(bytes) && bytes.ends_with(backlen)
    }
}

/// Encodes the element with this text.
impl<'a> From<&'a [u8]> for Encoded<'a> {
    #[inline]
    fn from(text: &'a [u8]) -> Self {
        Self::from(Element::new(text))
    }
}

impl<'a> From<Element<'a>> for Encoded<'a> {
    #[inline]
    fn from(element: Element<'a>) -> Self {
        match element {
            Element::Bytes(text) => Self::string(text),
            Element::Integer(value) => Self::integer(value),
        }
    }
}

impl From<i64> for Encoded<'_> {
    #[inline]
    fn from(value: i64) -> Self {
        Self::integer(value)
    }
}
