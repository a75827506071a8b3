//! [`PackedRef`] and [`Packed`]: a collection in one run of bytes.
//!
//! ```text
//! number of elements (2) | entries
//! ```

use std::ops::{Deref, Range};

use super::buffer::Buffer;
use super::edit::EditEntries;
use super::entries::Entries;

/// The number of bytes in front of the entries.
const HEAD: usize = 2;

/// A collection that is read. Dereferences to its [`Entries`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedRef<'a>(Entries<'a>);

impl<'a> PackedRef<'a> {
    /// Reads the bytes of a [`Packed`].
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match bytes {
            [low, high, entries @ ..] => Self(Entries::new(entries, u16::from_le_bytes([*low, *high]).into())),
            _ => Self(Entries::default()),
        }
    }

    /// The entries.
    #[inline]
    pub(crate) fn entries(self) -> Entries<'a> {
        self.0
    }
}

impl<'a> Deref for PackedRef<'a> {
    type Target = Entries<'a>;

    #[inline]
    fn deref(&self) -> &Entries<'a> {
        &self.0
    }
}

/// A collection that is edited.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    bytes: Buffer,
}

impl Packed {
    /// The most elements. A collection with more is large, whatever its threshold.
    pub(crate) const MAX_LEN: usize = u16::MAX as usize;

    /// The bytes, for a [`PackedRef`].
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes in an allocation of their length.
    pub(crate) fn into_boxed(self) -> Box<[u8]> {
        self.bytes.into_boxed()
    }
}

impl EditEntries for Packed {
    #[inline]
    fn entries(&self) -> Entries<'_> {
        PackedRef::new(&self.bytes).entries()
    }

    /// # Panics
    /// If `count` exceeds [`Packed::MAX_LEN`].
    #[inline]
    fn splice(&mut self, range: Range<usize>, len: usize, count: usize) -> &mut [u8] {
        let count = u16::try_from(count).expect("a collection with more elements is not packed");
        self.bytes[..HEAD].copy_from_slice(&count.to_le_bytes());
        self.bytes.make_room(HEAD + range.start, HEAD + range.end, len)
    }
}

/// An empty collection.
impl Default for Packed {
    fn default() -> Self {
        Self { bytes: Buffer::from(&[0; HEAD][..]) }
    }
}

/// Copies the bytes of a collection.
impl From<&[u8]> for Packed {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into() }
    }
}

/// Takes the bytes of a collection, without a copy.
impl From<Box<[u8]>> for Packed {
    #[inline]
    fn from(bytes: Box<[u8]>) -> Self {
        Self { bytes: bytes.into() }
    }
}

/// Copies entries.
impl From<Entries<'_>> for Packed {
    fn from(entries: Entries<'_>) -> Self {
        let mut packed = Self::default();
        packed.extend(entries);
        packed
    }
}
