//! [`Cursor`]: a place in a run of entries that is read element by element.

use super::{element::Element, encoded::Encoded, entry};

/// A place between two entries, which are known to be valid.
///
/// # Panics
/// The methods panic if they go past the end or the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The place in front of the entry at an offset, or at the end.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The offset.
    #[inline]
    pub(crate) fn at(self) -> usize {
        self.at
    }

    /// Reads an element, and goes behind it.
    #[inline]
    pub(crate) fn read(&mut self) -> Element<'a> {
        let element = entry::decode(self.bytes, self.at);
        self.skip(1);
        element
    }

    /// The same for an element that is an integer; 0 for any other.
    #[inline]
    pub(crate) fn integer(&mut self) -> i64 {
        self.read().as_integer().unwrap_or_default()
    }

    /// Goes behind the element that follows if it has this text. Returns whether it has.
    #[inline]
    pub(crate) fn skip_equal(&mut self, text: &[u8]) -> bool {
        let is_equal = Encoded::from(text).is_at(&self.bytes[self.at..]);
        if is_equal {
            self.skip(1);
        }
        is_equal
    }

    /// Goes forward by so many elements.
    #[inline]
    pub(crate) fn skip(&mut self, elements: usize) {
        for _ in 0..elements {
            self.at += entry::len(self.bytes, self.at);
        }
    }

    /// Goes back by so many elements.
    #[inline]
    pub(crate) fn back(&mut self, elements: usize) {
        for _ in 0..elements {
            self.at = entry::start(self.bytes, self.at);
        }
    }
}
