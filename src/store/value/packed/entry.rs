//! The encoding of one element as an entry of Redis's listpack.
//!
//! ```text
//! 0xxxxxxx                 an integer from 0 to 127
//! 10llllll | bytes         a string shorter than 64 bytes
//! 110xxxxx x               an integer of 13 bits, the most significant first
//! 1110llll l | bytes       a string shorter than 4096 bytes
//! F0 llll | bytes          a longer string, the least significant byte of the length first
//! F1 xx, F2 xxx, F3 xxxx, F4 xxxxxxxx   integers of 16, 24, 32 and 64 bits, the least significant byte first
//! ```
//!
//! Behind it is the length of the above, for reading backwards: seven bits a byte, the most significant first, and the high
//! bit set in every byte but the first.

use super::element::Element;
use super::encoded::Encoded;

/// The first byte of strings shorter than 64 bytes, 4096 bytes, and longer.
pub(super) const STRING_6: u8 = 0x80;
pub(super) const STRING_12: u8 = 0xE0;
pub(super) const STRING_32: u8 = 0xF0;

/// The first byte of integers of 13, 16, 24, 32 and 64 bits.
pub(super) const INTEGER_13: u8 = 0xC0;
pub(super) const INTEGER_16: u8 = 0xF1;
pub(super) const INTEGER_24: u8 = 0xF2;
pub(super) const INTEGER_32: u8 = 0xF3;
pub(super) const INTEGER_64: u8 = 0xF4;

/// The length of an entry by its first byte. 0 if other bytes tell.
static LENGTHS: [u8; 256] = lengths();

const fn lengths() -> [u8; 256] {
    let mut lengths = [0; 256];
    let mut first = 0;
    while first < 256 {
        lengths[first] = match first as u8 {
            0..STRING_6 => 2,
            STRING_6..INTEGER_13 => 2 + (first as u8 - STRING_6),
            INTEGER_13..STRING_12 => 3,
            INTEGER_16 => 4,
            INTEGER_24 => 5,
            INTEGER_32 => 6,
            INTEGER_64 => 10,
            _ => 0,
        };
        first += 1;
    }
    lengths
}

/// The length of the entry at an offset.
#[inline]
pub(super) fn len(bytes: &[u8], at: usize) -> usize {
    match LENGTHS[usize::from(bytes[at])] {
        0 => long_len(&bytes[at..]),
        len => usize::from(len),
    }
}

/// The length of an entry that is a string of 64 bytes or more.
#[cold]
fn long_len(entry: &[u8]) -> usize {
    let (head, text) = string_lens(entry);
    head + text + backlen_size(head + text)
}

/// The lengths of what is in front of a string, and of the string.
fn string_lens(entry: &[u8]) -> (usize, usize) {
    match entry[0] {
        first @ STRING_12..STRING_32 => (2, usize::from(first & 0x0F) << 8 | usize::from(entry[1])),
        STRING_32 => (5, u32::from_le_bytes([entry[1], entry[2], entry[3], entry[4]]) as usize),
        first => (1, usize::from(first & 0x3F)),
    }
}

/// The offset of the entry that ends at an offset.
#[inline]
pub(super) fn start(bytes: &[u8], end: usize) -> usize {
    let (mut at, mut len, mut shift) = (end, 0, 0);
    loop {
        at -= 1;
        len |= usize::from(bytes[at] & 0x7F) << shift;
        if bytes[at] & 0x80 == 0 {
            return at - len;
        }
        shift += 7;
    }
}

/// The element at an offset.
#[inline]
pub(super) fn decode(bytes: &[u8], at: usize) -> Element<'_> {
    match bytes[at] {
        first @ STRING_6..INTEGER_13 => Element::Bytes(&bytes[at + 1..at + 1 + usize::from(first - STRING_6)]),
        first @ 0..STRING_6 => Element::Integer(i64::from(first)),
        first @ INTEGER_13..STRING_12 => {
            // The sign is the topmost of the 13 bits.
            let bits = u16::from_be_bytes([first << 3 | bytes[at + 1] >> 5, bytes[at + 1] << 3]);
            Element::Integer(i64::from(bits as i16 >> 3))
        }
        INTEGER_16 => integer(&bytes[at + 1..at + 3]),
        INTEGER_24 => integer(&bytes[at + 1..at + 4]),
        INTEGER_32 => integer(&bytes[at + 1..at + 5]),
        INTEGER_64 => integer(&bytes[at + 1..at + 9]),
        _ => {
            let (head, len) = string_lens(&bytes[at..]);
            Element::Bytes(&bytes[at + head..at + head + len])
        }
    }
}

/// An integer with its least significant byte first.
#[inline]
fn integer<'a>(bytes: &[u8]) -> Element<'a> {
    let mut wide = [0; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    Element::Integer(i64::from_le_bytes(wide) >> (64 - 8 * bytes.len()))
}

/// Checks the entry at an offset, and returns the offset of the next one. It may have an encoding that Redis would not have
/// chosen.
pub(super) fn check(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let needed = match *rest.first()? {
        STRING_12..STRING_32 => 2,
        STRING_32 => 5,
        first if LENGTHS[usize::from(first)] == 0 => return None,
        _ => 1,
    };
    rest.get(..needed)?;
    let entry = rest.get(..len(rest, 0))?;
    has_backlen(entry).then_some(at + entry.len())
}

/// The same, but refuses an encoding that Redis would not have chosen: equal elements would have different bytes.
pub(super) fn validate(bytes: &[u8], at: usize) -> Option<usize> {
    let end = check(bytes, at)?;
    let encoded = match decode(bytes, at) {
        Element::Bytes(text) => Encoded::from(text),
        integer => Encoded::from(integer),
    };
    encoded.is_entry(&bytes[at..end]).then_some(end)
}

/// Whether the bytes behind an entry tell its length.
fn has_backlen(entry: &[u8]) -> bool {
    let front = match LENGTHS[usize::from(entry[0])] {
        0 => string_lens(entry).0 + string_lens(entry).1,
        len => usize::from(len) - 1,
    };
    let mut backlen = [0; 5];
    let backlen = &mut backlen[..backlen_size(front)];
    write_backlen(front, backlen);
    entry.ends_with(backlen)
}

/// The number of bytes behind an entry that tell its length. The limits are those of Redis.
#[inline]
pub(super) const fn backlen_size(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Writes the length of an entry into the bytes behind it, which are all of `target`.
#[inline]
pub(super) fn write_backlen(len: usize, target: &mut [u8]) {
    let mut rest = len;
    for byte in target.iter_mut().rev() {
        *byte = (rest & 0x7F) as u8 | 0x80;
        rest >>= 7;
    }
    target[0] &= 0x7F;
}
