//! Listpacks, and [`Blob`]: what all collections in one string become.

use super::reader::Reader;
use crate::store::value::packed::{Chunk, EditEntries, Entries};

/// The number of entries that a listpack does not tell.
const UNKNOWN: u16 = u16::MAX;

/// What ends a listpack.
const END: u8 = 0xFF;

/// The elements of a collection in one string.
#[derive(Debug)]
pub(super) enum Blob<'a> {
    /// The entries of a listpack, each encoded as it is stored.
    Borrowed(Entries<'a>),
    /// Entries that were encoded anew.
    Rebuilt(Chunk),
}

impl Blob<'_> {
    pub(super) fn entries(&self) -> Entries<'_> {
        match self {
            Self::Borrowed(entries) => *entries,
            Self::Rebuilt(chunk) => chunk.entries(),
        }
    }
}

/// No elements yet, for as many as there are.
pub(super) fn unlimited() -> Chunk {
    Chunk::new(u32::MAX)
}

/// Reads a listpack: its length (4), the number of entries (2), the entries, the end (1).
pub(super) fn read(bytes: &[u8]) -> Option<Blob<'_>> {
    let mut reader = Reader::new(bytes);
    let (len, count) = (u32::from_le_bytes(reader.array()?), u16::from_le_bytes(reader.array()?));
    let entries = reader.bytes(reader.len().checked_sub(1)? as u64)?;
    if len as usize != bytes.len() || reader.byte()? != END {
        return None;
    }
    let count = match count {
        UNKNOWN => Entries::decode_any(entries)?.count(),
        count => count.into(),
    };
    Entries::validate(entries, count).map(Blob::Borrowed).or_else(|| rebuild(entries, count))
}

/// Encodes entries anew that Redis would have encoded in another way.
fn rebuild(entries: &[u8], count: usize) -> Option<Blob<'static>> {
    let mut elements = unlimited();
    Entries::decode_any(entries)?.for_each(|element| elements.push_back(element));
    (elements.entries().len() == count).then_some(Blob::Rebuilt(elements))
}
