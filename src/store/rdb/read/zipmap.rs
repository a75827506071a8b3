//! Zipmaps: small hashes before Redis 2.6.
//!
//! ```text
//! number of fields (1) | fields and values | FF
//!
//! length | field | length | number of free bytes (1) | value | free bytes
//! ```
//!
//! A length takes one byte, or FE and four more.

use super::{
    listpack::{self, Blob},
    reader::Reader,
};
use crate::store::value::packed::EditEntries;

/// From this number on, the number of fields is not told.
const UNKNOWN: u8 = 0xFE;

const LONG: u8 = 0xFE;
const END: u8 = 0xFF;

/// Reads a zipmap.
pub(super) fn read(bytes: &[u8]) -> Option<Blob<'static>> {
    let (mut reader, mut elements) = (Reader::new(bytes), listpack::unlimited());
    let count = reader.byte()?;
    while let Some(len) = length(&mut reader)? {
        elements.push_back(reader.bytes(len)?);
        let len = length(&mut reader)??;
        let free = reader.byte()?;
        elements.push_back(reader.bytes(len)?);
        reader.bytes(free.into())?;
    }
    let is_whole = count >= UNKNOWN || usize::from(count) == elements.entries().len() / 2;
    (is_whole && reader.len() == 0).then_some(Blob::Rebuilt(elements))
}

/// A length; `None` at the end.
fn length(reader: &mut Reader<'_>) -> Option<Option<u64>> {
    Some(match reader.byte()? {
        END => None,
        LONG => Some(u32::from_le_bytes(reader.array()?).into()),
        len => Some(len.into()),
    })
}
