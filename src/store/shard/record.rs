//! [`Header`]: the layout of an entry in a record of bytes.
//!
//! ```text
//! header (8) | key | value | free | with an expiry: expiry (8), previous and next record of its list (4 + 4)
//! ```
//!
//! A key or a value that is too long for a record is external: four bytes in its place are its index in an arena. Behind the index of a
//! hash whose fields may expire are the earliest expiry (8), and the neighbours in its list of the wheel of such hashes (4 + 4).

use std::ops::Range;

use crate::store::{
    memory::{GRANULE, MAX_GRANULES},
    value::{Kind, MAX_INLINE},
};

/// The longest key that is stored in the record.
pub(super) const MAX_INLINE_KEY: usize = 255;

/// The number of bytes of an index in an arena.
pub(super) const INDEX: usize = 4;

/// The number of bytes of the index of a hash whose fields may expire, and of the links behind it.
pub(super) const INDEX_AND_LINKS: usize = INDEX + TAIL;

const HEADER: usize = 8;
const TAIL: usize = 16;

const _: () = assert!(HEADER + MAX_INLINE_KEY + MAX_INLINE + TAIL <= MAX_GRANULES * GRANULE);

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The time of the last access, in seconds since the Unix epoch.
    pub(super) accessed: u32,
    pub(super) key_len: u8,
    pub(super) value_len: u8,
    pub(super) flags: u8,
    /// The list of the expiry wheel that the record is in, if it has an expiry.
    pub(super) list: u8,
}

/// One bit of the flags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag(u8);

impl Flag {
    /// The value is a string that was modified in place: OBJECT ENCODING shows it.
    pub(super) const EDITED: Self = Self(1);
    /// The key is external.
    pub(super) const EXTERNAL_KEY: Self = Self(2);
    /// The value is external.
    pub(super) const EXTERNAL_VALUE: Self = Self(4);
    /// The entry has an expiry.
    pub(super) const EXPIRES: Self = Self(8);
}

/// The bit of the flags that is the epoch of the entry: whether the running snapshot has saved it.
pub(super) const EPOCH: u8 = 1 << 7;

/// The bits of the flags that are the kind of an inline value start here.
const KIND_SHIFT: u32 = 4;

const KIND_MASK: u8 = ((1 << Kind::BITS) - 1) << KIND_SHIFT;

const _: () = assert!(KIND_MASK & EPOCH == 0);

impl Header {
    /// A header for a key and a value that take so many bytes of the record.
    pub(super) fn new(key_len: usize, value_len: usize, accessed: u32) -> Self {
        Self { accessed, key_len: key_len as u8, value_len: value_len as u8, flags: 0, list: 0 }
    }

    /// The epoch of the entry.
    #[inline]
    pub(super) fn epoch(self) -> u8 {
        self.flags & EPOCH
    }

    /// The same in an epoch.
    #[inline]
    #[must_use]
    pub(super) fn in_epoch(self, epoch: u8) -> Self {
        Self { flags: self.flags & !EPOCH | epoch, ..self }
    }

    #[inline]
    pub(super) fn read(record: &[u8]) -> Self {
        let [a, b, c, d, key_len, value_len, flags, list] = *first(record);
        Self { accessed: u32::from_le_bytes([a, b, c, d]), key_len, value_len, flags, list }
    }

    #[inline]
    pub(super) fn write(self, record: &mut [u8]) {
        let [a, b, c, d] = self.accessed.to_le_bytes();
        let bytes = [a, b, c, d, self.key_len, self.value_len, self.flags, self.list];
        record[..HEADER].copy_from_slice(&bytes);
    }

    #[inline]
    pub(super) fn is(self, flag: Flag) -> bool {
        self.flags & flag.0 != 0
    }

    #[inline]
    #[must_use]
    pub(super) fn with(self, flag: Flag, is_set: bool) -> Self {
        let flags = if is_set { self.flags | flag.0 } else { self.flags & !flag.0 };
        Self { flags, ..self }
    }

    /// The kind of an inline value.
    #[inline]
    pub(super) fn kind(self) -> Kind {
        Kind::from_number((self.flags & KIND_MASK) >> KIND_SHIFT)
    }

    /// Whether the value is an inline string.
    #[inline]
    pub(super) fn is_inline_string(self) -> bool {
        self.flags & (KIND_MASK | Flag::EXTERNAL_VALUE.0) == 0
    }

    /// The same for a value of this kind that takes so many bytes of the record.
    #[inline]
    #[must_use]
    pub(super) fn with_value(self, kind: Kind, len: usize) -> Self {
        Self { value_len: len as u8, flags: self.flags & !KIND_MASK | (kind as u8) << KIND_SHIFT, ..self }
    }

    /// The range of the key in the record, or of its index.
    #[inline]
    pub(super) fn key(self) -> Range<usize> {
        HEADER..HEADER + usize::from(self.key_len)
    }

    /// The range of the value in the record, or of its index.
    #[inline]
    pub(super) fn value(self) -> Range<usize> {
        let start = HEADER + usize::from(self.key_len);
        start..start + usize::from(self.value_len)
    }

    /// Whether the value is a hash whose fields may expire: links are behind its index.
    #[inline]
    pub(super) fn has_field_links(self) -> bool {
        self.is(Flag::EXTERNAL_VALUE) && usize::from(self.value_len) == INDEX_AND_LINKS
    }

    /// Whether the entry, or a part of it, may expire.
    #[inline(always)]
    pub(super) fn may_expire(self) -> bool {
        // One test tells most entries.
        self.flags & (Flag::EXPIRES.0 | Flag::EXTERNAL_VALUE.0) != 0
            && (self.is(Flag::EXPIRES) || self.has_field_links())
    }

    /// The number of granules that the record needs.
    #[inline]
    pub(super) fn granules(self) -> usize {
        let tail = if self.is(Flag::EXPIRES) { TAIL } else { 0 };
        (self.value().end + tail).div_ceil(GRANULE)
    }

    /// The number of granules for a record that is likely to grow: the most that still fit it.
    pub(super) fn granules_to_grow(self) -> usize {
        (self.granules() * 4 / 3).min(MAX_GRANULES)
    }

    /// Whether so many granules fit the record: at most a quarter of them stays empty. So a record is not moved whenever the
    /// length of its value changes a little.
    #[inline]
    pub(super) fn fits(self, granules: usize) -> bool {
        let needed = self.granules();
        needed <= granules && needed * 4 >= granules * 3
    }
}

/// The last part of a record with an expiry: the expiry, and the neighbours in its list of the expiry wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// In milliseconds since the Unix epoch.
    pub(super) expires_at: u64,
    pub(super) previous: u32,
    pub(super) next: u32,
}

impl Tail {
    #[inline]
    pub(super) fn read(record: &[u8]) -> Self {
        Self::read_at(record, record.len() - TAIL)
    }

    #[inline]
    fn read_at(record: &[u8], start: usize) -> Self {
        let (end, links) = record[start..start + TAIL].split_at(8);
        let (previous, next) = links.split_at(4);
        Self {
            expires_at: u64::from_le_bytes(*first(end)),
            previous: u32::from_le_bytes(*first(previous)),
            next: u32::from_le_bytes(*first(next)),
        }
    }

    #[inline]
    pub(super) fn write(self, record: &mut [u8]) {
        let start = record.len() - TAIL;
        self.write_at(record, start);
    }

    #[inline]
    fn write_at(self, record: &mut [u8], start: usize) {
        let (end, links) = record[start..start + TAIL].split_at_mut(8);
        end.copy_from_slice(&self.expires_at.to_le_bytes());
        links[..4].copy_from_slice(&self.previous.to_le_bytes());
        links[4..].copy_from_slice(&self.next.to_le_bytes());
    }
}

/// Where an expiry wheel has its links in a record.
pub(super) trait Links {
    /// The list that the record is in.
    fn list(record: &[u8]) -> u8;

    /// The expiry and the neighbours.
    fn tail(record: &[u8]) -> Tail;

    /// Changes these, and leaves the list.
    fn set_tail(record: &mut [u8], tail: Tail);

    /// Marks the record as being in a list.
    fn link(record: &mut [u8], list: u8, tail: Tail);

    /// Marks it as being in none.
    fn unlink(record: &mut [u8]);
}

/// The expiry of a key is at the end of its record.
#[derive(Debug)]
pub(super) enum OfKey {}

impl Links for OfKey {
    #[inline]
    fn list(record: &[u8]) -> u8 {
        Header::read(record).list
    }

    #[inline]
    fn tail(record: &[u8]) -> Tail {
        Tail::read(record)
    }

    #[inline]
    fn set_tail(record: &mut [u8], tail: Tail) {
        tail.write(record);
    }

    #[inline]
    fn link(record: &mut [u8], list: u8, tail: Tail) {
        Header { list, ..Header::read(record).with(Flag::EXPIRES, true) }.write(record);
        tail.write(record);
    }

    #[inline]
    fn unlink(record: &mut [u8]) {
        Header::read(record).with(Flag::EXPIRES, false).write(record);
    }
}

/// The earliest expiry of the fields of a hash is behind the index of the hash. The highest byte of it is the list.
#[derive(Debug)]
pub(super) enum OfFields {}

/// The bits of an expiry of a field.
const FIELD_EXPIRY: u64 = u64::MAX >> u8::BITS;

impl OfFields {
    /// What is in the place of the links of a record that is in no list.
    const UNLINKED: Tail = Tail { expires_at: u64::MAX, previous: 0, next: 0 };

    /// Whether a record with such links is in a list.
    pub(super) fn is_linked(record: &[u8]) -> bool {
        Self::stored(record) != Self::UNLINKED
    }

    fn stored(record: &[u8]) -> Tail {
        Tail::read_at(record, Header::read(record).value().start + INDEX)
    }

    fn store(record: &mut [u8], tail: Tail) {
        tail.write_at(record, Header::read(record).value().start + INDEX);
    }
}

impl Links for OfFields {
    fn list(record: &[u8]) -> u8 {
        (Self::stored(record).expires_at >> FIELD_EXPIRY.count_ones()) as u8
    }

    fn tail(record: &[u8]) -> Tail {
        let stored = Self::stored(record);
        Tail { expires_at: stored.expires_at & FIELD_EXPIRY, ..stored }
    }

    fn set_tail(record: &mut [u8], tail: Tail) {
        Self::link(record, Self::list(record), tail);
    }

    fn link(record: &mut [u8], list: u8, tail: Tail) {
        debug_assert!(tail.expires_at < FIELD_EXPIRY, "the expiry of a field is bounded");
        let expires_at = tail.expires_at | u64::from(list) << FIELD_EXPIRY.count_ones();
        Self::store(record, Tail { expires_at, ..tail });
    }

    fn unlink(record: &mut [u8]) {
        Self::store(record, Self::UNLINKED);
    }
}

/// The index of an external key or value.
#[inline]
pub(super) fn index_at(record: &[u8], range: Range<usize>) -> u32 {
    u32::from_le_bytes(*first(&record[range]))
}

#[inline]
pub(super) fn set_index_at(record: &mut [u8], range: Range<usize>, index: u32) {
    record[range][..INDEX].copy_from_slice(&index.to_le_bytes());
}

#[inline]
fn first<const N: usize>(bytes: &[u8]) -> &[u8; N] {
    bytes.first_chunk().expect("a record is as long as its parts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut record = [0; 40];
        let header = Header { list: 200, ..Header::new(9, 3, 77) }.with(Flag::EXPIRES, true).with(Flag::EDITED, true);
        let tail = Tail { expires_at: u64::MAX - 1, previous: 1, next: u32::MAX };
        header.write(&mut record);
        tail.write(&mut record);
        assert_eq!((Header::read(&record), Tail::read(&record)), (header, tail));
        assert!(!header.with(Flag::EDITED, false).is(Flag::EDITED) && header.is(Flag::EXPIRES));
        assert_eq!((header.key(), header.value(), header.granules()), (8..17, 17..20, 5));
    }

    #[test]
    fn a_key_of_16_and_a_value_of_64_bytes_take_88() {
        assert_eq!(Header::new(16, 64, 0).granules() * GRANULE, 88);
    }
}
