//! [`Entries`]: reading a run of entries.

use super::element::Element;
use super::encoded::Encoded;
use super::entry;

/// The overhead of a listpack of Redis: a header and a terminator.
const LISTPACK_OVERHEAD: usize = 6 + 1;

/// The place of an element. Valid until the entries are edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(pub(super) usize);

/// Entries one after another, and how many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entries<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Entries<'a> {
    /// Entries that are known to be valid.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], count: usize) -> Self {
        Self { bytes, count }
    }

    /// Entries from outside, such as a payload of RESTORE. `None` if they are not valid, or not as many as expected.
    pub(crate) fn validate(bytes: &'a [u8], count: usize) -> Option<Self> {
        let (mut at, mut found) = (0, 0);
        while at < bytes.len() {
            at = entry::validate(bytes, at)?;
            found += 1;
        }
        (found == count).then_some(Self { bytes, count })
    }

    /// The elements of entries from outside that [`validate`](Self::validate) may refuse only because Redis would not have
    /// encoded them like this. `None` if they are not valid.
    pub(crate) fn decode_any(bytes: &'a [u8]) -> Option<impl Iterator<Item = Element<'a>>> {
        let mut at = 0;
        while at < bytes.len() {
            at = entry::check(bytes, at)?;
        }
        let mut at = 0;
        Some(std::iter::from_fn(move || {
            let element = (at < bytes.len()).then(|| entry::decode(bytes, at))?;
            at += entry::len(bytes, at);
            // The text of an integer may be encoded as a string.
            Some(if let Element::Bytes(text) = element { Element::new(text) } else { element })
        }))
    }

    /// The number of elements.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.count
    }

    /// Whether there is no element.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The entries, as they are in a listpack.
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The size that Redis's listpack would have, in bytes.
    #[inline]
    pub(crate) fn lp_size(self) -> usize {
        self.bytes.len() + LISTPACK_OVERHEAD
    }

    /// The element at a position.
    #[inline]
    pub(crate) fn element(self, position: Position) -> Element<'a> {
        entry::decode(self.bytes, position.0)
    }

    /// The position of the first element.
    #[inline]
    pub(crate) fn first(self) -> Option<Position> {
        self.existing(0)
    }

    /// The position behind the last element.
    #[inline]
    pub(crate) fn end(self) -> Position {
        Position(self.bytes.len())
    }

    /// The position of the element after the one at a position.
    #[inline]
    pub(crate) fn next(self, position: Position) -> Option<Position> {
        self.existing(self.skip(position.0))
    }

    /// The position of the element in front of a position.
    #[inline]
    pub(crate) fn prev(self, position: Position) -> Option<Position> {
        (position.0 > 0).then(|| Position(entry::start(self.bytes, position.0)))
    }

    /// The position of the element with an index, found from the nearer end.
    pub(crate) fn at(self, index: usize) -> Option<Position> {
        (index < self.count).then(|| self.boundary(index))
    }

    /// The first `index` elements, and the others.
    ///
    /// # Panics
    /// If there are less.
    pub(crate) fn split_at(self, index: usize) -> (Self, Self) {
        assert!(index <= self.count, "the index is that of an element or the end");
        let (front, back) = self.bytes.split_at(self.boundary(index).0);
        (Self::new(front, index), Self::new(back, self.count - index))
    }

    /// The position of the first element that is equal, among every `step`-th.
    #[inline]
    pub(crate) fn find(self, element: &Encoded<'_>, step: usize) -> Option<Position> {
        let (first, (offset, distinctive)) = (element.first(), element.distinctive());
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at) {
            // Two bytes tell most entries apart, without a comparison of all.
            let is_like = *byte == first && self.bytes.get(at + offset) == Some(&distinctive);
            if is_like && element.is_at(&self.bytes[at..]) {
                return Some(Position(at));
            }
            at += entry::len(self.bytes, at);
            for _ in 1..step {
                at = self.skip(at);
            }
        }
        None
    }

    /// The elements in order.
    #[inline]
    pub(crate) fn iter(self) -> Iter<'a> {
        Iter { bytes: self.bytes, count: self.count }
    }

    /// The offset behind the entry at an offset, or the end.
    #[inline]
    pub(super) fn skip(self, at: usize) -> usize {
        if at < self.bytes.len() { at + entry::len(self.bytes, at) } else { at }
    }

    #[inline]
    fn existing(self, at: usize) -> Option<Position> {
        (at < self.bytes.len()).then_some(Position(at))
    }

    /// The position of an element, or the end.
    fn boundary(self, index: usize) -> Position {
        if index <= self.count / 2 {
            return Position((0..index).fold(0, |at, _| self.skip(at)));
        }
        Position((index..self.count).fold(self.bytes.len(), |at, _| entry::start(self.bytes, at)))
    }
}

impl<'a> IntoIterator for Entries<'a> {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The elements of [`Entries`].
#[derive(Clone, Debug)]
pub(crate) struct Iter<'a> {
    /// The entries that are left.
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.bytes.is_empty() {
            return None;
        }
        let (entry, rest) = self.bytes.split_at(entry::len(self.bytes, 0));
        self.bytes = rest;
        self.count -= 1;
        Some(entry::decode(entry, 0))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let (rest, entry) = self.bytes.split_at(entry::start(self.bytes, self.bytes.len()));
        self.bytes = rest;
        self.count -= 1;
        Some(entry::decode(entry, 0))
    }
}

impl ExactSizeIterator for Iter<'_> {}
