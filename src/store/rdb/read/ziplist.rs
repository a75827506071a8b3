//! Ziplists: what Redis had before listpacks.
//!
//! ```text
//! length (4) | offset of the last entry (4) | number of entries (2) | entries | FF
//!
//! an entry: length of the one before (1, or FE and 4) | encoding and value
//! 00llllll                 a string shorter than 64 bytes
//! 01llllll l               a string of a length of 14 bits, the most significant first
//! 80 llll                  a longer string, the most significant byte of the length first
//! C0 xx, D0 xxxx, E0 xxxxxxxx, F0 xxx, FE x   an integer, the least significant byte first
//! 1111xxxx                 an integer from 0 to 12, one less than x
//! ```

use super::{
    listpack::{self, Blob},
    reader::Reader,
};
use crate::store::value::packed::{Chunk, EditEntries, Element};

/// The number of entries that a ziplist does not tell.
const UNKNOWN: u16 = u16::MAX;

const END: u8 = 0xFF;

/// The first byte of a length in front of an entry that takes four more.
const LONG: u8 = 0xFE;

/// Reads a ziplist.
pub(super) fn read(bytes: &[u8]) -> Option<Blob<'static>> {
    let mut reader = Reader::new(bytes);
    let (len, last) = (u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?));
    let count = u16::from_le_bytes(reader.array()?);
    let entries = reader.bytes(reader.len().checked_sub(1)? as u64)?;
    if len as usize != bytes.len() || reader.byte()? != END {
        return None;
    }
    let (elements, last_len) = elements(entries)?;
    let is_last = last as usize == bytes.len() - 1 - last_len;
    let is_whole = count == UNKNOWN || usize::from(count) == elements.entries().len();
    (is_last && is_whole).then_some(Blob::Rebuilt(elements))
}

/// The elements, and the length of the last entry.
fn elements(entries: &[u8]) -> Option<(Chunk, usize)> {
    let (mut reader, mut elements, mut before) = (Reader::new(entries), listpack::unlimited(), 0);
    while reader.len() > 0 {
        let start = reader.len();
        if length_before(&mut reader)? != before {
            return None;
        }
        elements.push_back(element(&mut reader)?);
        before = start - reader.len();
    }
    Some((elements, before))
}

fn length_before(reader: &mut Reader<'_>) -> Option<usize> {
    match reader.byte()? {
        LONG => Some(u32::from_le_bytes(reader.array()?) as usize),
        END => None,
        len => Some(len.into()),
    }
}

fn element<'a>(reader: &mut Reader<'a>) -> Option<Element<'a>> {
    let len = match reader.byte()? {
        len @ 0..0x40 => len.into(),
        high @ 0x40..0x80 => u16::from_be_bytes([high - 0x40, reader.byte()?]).into(),
        0x80 => u32::from_be_bytes(reader.array()?).into(),
        integer => return self::integer(integer, reader).map(Element::Integer),
    };
    // The text of an integer may be stored as a string.
    reader.bytes(len).map(Element::new)
}

fn integer(encoding: u8, reader: &mut Reader<'_>) -> Option<i64> {
    Some(match encoding {
        0xC0 => i16::from_le_bytes(reader.array()?).into(),
        0xD0 => i32::from_le_bytes(reader.array()?).into(),
        0xE0 => i64::from_le_bytes(reader.array()?),
        0xF0 => {
            let [low, middle, high] = reader.array()?;
            (i32::from_le_bytes([0, low, middle, high]) >> 8).into()
        }
        0xFE => i8::from_le_bytes(reader.array()?).into(),
        small @ 0xF1..=0xFD => i64::from(small - 0xF1),
        _ => return None,
    })
}
