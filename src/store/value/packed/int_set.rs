//! [`IntSetRef`] and [`IntSet`]: a sorted set of integers, as Redis's intset.
//!
//! ```text
//! bytes of an integer: 2, 4 or 8 (1) | integers in ascending order, the least significant byte first
//! ```

use std::ops::Range;

use super::buffer::Buffer;

/// The number of bytes in front of the integers.
const HEAD: usize = 1;

/// The number of bytes in front of the integers in Redis: the width and the count, with 4 bytes each.
const REDIS_HEAD: usize = 8;

/// A set of integers that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntSetRef<'a> {
    width: usize,
    integers: &'a [u8],
}

impl<'a> IntSetRef<'a> {
    /// Reads the bytes of an [`IntSet`].
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match bytes {
            [width, integers @ ..] => Self { width: usize::from(*width), integers },
            [] => Self { width: 2, integers: &[] },
        }
    }

    /// Reads an intset of Redis from outside, such as a payload of RESTORE. `None` if it is not valid.
    pub(crate) fn from_redis(bytes: &'a [u8]) -> Option<Self> {
        let (head, integers) = bytes.split_first_chunk::<REDIS_HEAD>()?;
        let [width @ (2 | 4 | 8), 0, 0, 0, count @ ..] = *head else { return None };
        let set = Self { width: usize::from(width), integers };
        let is_whole = integers.len() as u64 == u64::from(u32::from_le_bytes(count)) * u64::from(width);
        (is_whole && set.iter().is_sorted_by(|left, right| left < right)).then_some(set)
    }

    /// Appends the intset of Redis to a buffer.
    pub(crate) fn write_redis(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&(self.width as u32).to_le_bytes());
        buffer.extend_from_slice(&(self.len() as u32).to_le_bytes());
        buffer.extend_from_slice(self.integers);
    }

    /// The number of integers.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.integers.len() / self.width
    }

    /// The integer with an index in ascending order.
    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.value(index))
    }

    /// Whether an integer is in the set.
    #[inline]
    pub(crate) fn contains(self, value: i64) -> bool {
        width_of(value) <= self.width && self.search(value).is_ok()
    }

    /// The integers in ascending order.
    #[inline]
    pub(crate) fn iter(self) -> IntSetIter<'a> {
        IntSetIter { set: self, range: 0..self.len() }
    }

    /// The index of an integer, or the index at which it would be inserted.
    #[inline]
    fn search(self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.value(middle) < value { low = middle + 1 } else { high = middle }
        }
        if self.get(low) == Some(value) { Ok(low) } else { Err(low) }
    }

    #[inline]
    fn value(self, index: usize) -> i64 {
        let bytes = &self.integers[index * self.width..];
        match self.width {
            2 => i16::from_le_bytes([bytes[0], bytes[1]]).into(),
            4 => i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
            _ => bytes.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes)),
        }
    }
}

/// A set of integers that is edited.
#[derive(Clone, Debug)]
pub(crate) struct IntSet {
    bytes: Buffer,
}

impl IntSet {
    /// The set, to be read.
    #[inline]
    pub(crate) fn as_ref(&self) -> IntSetRef<'_> {
        IntSetRef::new(&self.bytes)
    }

    /// The bytes, for an [`IntSetRef`].
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes in an allocation of their length.
    pub(crate) fn into_boxed(self) -> Box<[u8]> {
        self.bytes.into_boxed()
    }

    /// Inserts an integer. Returns whether it is new.
    pub(crate) fn insert(&mut self, value: i64) -> bool {
        self.widen(width_of(value));
        let (set, width) = (self.as_ref(), self.as_ref().width);
        let Err(index) = set.search(value) else { return false };
        let at = HEAD + index * width;
        self.bytes.make_room(at, at, width).copy_from_slice(&value.to_le_bytes()[..width]);
        true
    }

    /// Removes an integer. Returns whether it was in the set. The others stay as wide as they are.
    pub(crate) fn remove(&mut self, value: i64) -> bool {
        let Ok(index) = self.as_ref().search(value) else { return false };
        self.remove_at(index..index + 1);
        true
    }

    /// Removes the integers with a range of indexes.
    ///
    /// # Panics
    /// If there are less.
    pub(crate) fn remove_at(&mut self, indexes: Range<usize>) {
        let width = self.as_ref().width;
        self.bytes.drain(HEAD + indexes.start * width..HEAD + indexes.end * width);
    }

    /// Stores the integers with `width` bytes each if they have less.
    fn widen(&mut self, width: usize) {
        let set = self.as_ref();
        if set.width < width {
            let mut bytes = Buffer::from(&[width as u8][..]);
            bytes.reserve_exact((set.len() + 1) * width);
            set.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()[..width]));
            self.bytes = bytes;
        }
    }
}

/// An empty set.
impl Default for IntSet {
    fn default() -> Self {
        Self { bytes: Buffer::from(&[2][..]) }
    }
}

/// Copies the bytes of a set.
impl From<&[u8]> for IntSet {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into() }
    }
}

/// Takes the bytes of a set, without a copy.
impl From<Box<[u8]>> for IntSet {
    #[inline]
    fn from(bytes: Box<[u8]>) -> Self {
        Self { bytes: bytes.into() }
    }
}

/// Copies a set.
impl From<IntSetRef<'_>> for IntSet {
    fn from(set: IntSetRef<'_>) -> Self {
        let mut bytes = Buffer::from(&[set.width as u8][..]);
        bytes.extend_from_slice(set.integers);
        Self { bytes }
    }
}

/// The integers of an [`IntSetRef`].
#[derive(Clone, Debug)]
pub(crate) struct IntSetIter<'a> {
    set: IntSetRef<'a>,
    range: Range<usize>,
}

impl Iterator for IntSetIter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        self.range.next().map(|index| self.set.value(index))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for IntSetIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        self.range.next_back().map(|index| self.set.value(index))
    }
}

impl ExactSizeIterator for IntSetIter<'_> {}

/// The least number of bytes for an integer.
#[inline]
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn integers() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -20..20_i64,
            1 => prop::sample::select(vec![-32768, 32767, -32769, 32768, -2147483648, 2147483647]),
            1 => prop::sample::select(vec![-2147483649, 2147483648, i64::MIN, i64::MAX]),
        ]
    }

    fn redis(set: &IntSet) -> Vec<u8> {
        let mut bytes = Vec::new();
        set.as_ref().write_redis(&mut bytes);
        bytes
    }

    #[test]
    fn bytes_are_those_of_redis() {
        for (values, expected) in [
            (&[1, -5, 70][..], &b"\x02\x00\x00\x00\x03\x00\x00\x00\xfb\xff\x01\x00F\x00"[..]),
            (&[1, 40000], b"\x04\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00@\x9c\x00\x00"),
            (
                &[-1, 5_000_000_000],
                b"\x08\x00\x00\x00\x02\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\xf2\x05*\x01\x00\x00\x00",
            ),
        ] {
            let mut set = IntSet::default();
            values.iter().for_each(|value| assert!(set.insert(*value)));
            assert_eq!(redis(&set), expected);
            let read = IntSet::from(IntSetRef::from_redis(expected).unwrap());
            assert_eq!(read.as_bytes(), set.as_bytes());
        }
    }

    #[test]
    fn invalid_bytes_of_redis_are_refused() {
        for bytes in [
            &b""[..],
            b"\x02\x00\x00\x00\x01\x00\x00",
            b"\x03\x00\x00\x00\x00\x00\x00\x00",
            b"\x02\x01\x00\x00\x00\x00\x00\x00",
            b"\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00",
            b"\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x02",
            b"\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\x00",
            b"\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00",
            b"\x08\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00",
        ] {
            assert!(IntSetRef::from_redis(bytes).is_none(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_set_equals_a_sorted_set(edits in prop::collection::vec((any::<bool>(), integers()), 0..120)) {
            let (mut set, mut model) = (IntSet::default(), BTreeSet::new());
            for (is_insert, value) in edits {
                if is_insert {
                    prop_assert_eq!(set.insert(value), model.insert(value));
                } else {
                    prop_assert_eq!(set.remove(value), model.remove(&value));
                }
                let read = set.as_ref();
                prop_assert_eq!(read.contains(value), is_insert);
                prop_assert_eq!(read.len(), model.len());
                prop_assert!(read.iter().eq(model.iter().copied()));
                prop_assert!(read.iter().rev().eq(model.iter().rev().copied()));
            }
            let redis = redis(&set);
            let read = IntSet::from(IntSetRef::from_redis(&redis).unwrap());
            prop_assert_eq!(read.as_bytes(), set.as_bytes());
            let boxed = IntSet::from(set.clone().into_boxed());
            prop_assert_eq!(boxed.as_bytes(), set.as_bytes());
        }
    }
}
