//! The bytes of an entry in a snapshot.
//!
//! ```text
//! flags (1) | database, if it is not the first | expiry (8), if there is one | seconds since the last access | length of the key | key | value
//! ```
//!
//! Numbers without a size are encoded like lengths in an RDB file, and the value as there, but without compression.

use crate::store::{
    rdb::{self, AnyRef, AnyType, Head, Object, take},
    shard::{Entry, Expiry, Write},
    value::{DataType, Thresholds},
};

const EXPIRES: u8 = 1;
/// The value is a string that was modified in place.
const EDITED: u8 = 1 << 1;
const HAS_DATABASE: u8 = 1 << 2;
const KNOWN: u8 = EXPIRES | EDITED | HAS_DATABASE;

/// An entry that was read.
#[derive(Debug)]
pub(super) struct SavedEntry<'a> {
    pub(super) database: usize,
    pub(super) key: &'a [u8],
    pub(super) write: Write,
    /// The time of the last access, in seconds since the Unix epoch.
    pub(super) accessed: u32,
    pub(super) value: Object<'a>,
}

/// An entry whose value cannot be read.
#[derive(Debug)]
pub(super) struct UnreadableEntry<'a> {
    pub(super) database: usize,
    pub(super) key: &'a [u8],
    /// The bytes of the value.
    pub(super) bytes: usize,
}

/// Appends an entry. Access times count back from `accessed`.
pub(in super::super) fn write(database: usize, entry: Entry<'_>, accessed: u32, buffer: &mut Vec<u8>) {
    write_head(database, entry, accessed, buffer);
    rdb::write(value_of(entry), buffer);
}

/// The value of an entry.
pub(in super::super) fn value_of(entry: Entry<'_>) -> AnyRef<'_> {
    AnyType::read(entry).expect("every value has one of the types")
}

/// Appends what is in front of the value of an entry.
pub(in super::super) fn write_head(database: usize, entry: Entry<'_>, accessed: u32, buffer: &mut Vec<u8>) {
    let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
    let expires_at = entry.expires_at();
    buffer
        .push(flag(expires_at.is_some(), EXPIRES) | flag(entry.is_edited(), EDITED) | flag(database > 0, HAS_DATABASE));
    if database > 0 {
        number(database as u64, buffer);
    }
    if let Some(at) = expires_at {
        buffer.extend_from_slice(&at.to_le_bytes());
    }
    number(accessed.saturating_sub(entry.accessed()).into(), buffer);
    number(entry.key().len() as u64, buffer);
    buffer.extend_from_slice(entry.key());
}

/// Reads an entry off the front of bytes, whether its value is valid or not; `None` if it is not known where it ends.
pub(super) fn read<'a>(
    bytes: &mut &'a [u8],
    accessed: u32,
    thresholds: &Thresholds,
) -> Option<Result<SavedEntry<'a>, UnreadableEntry<'a>>> {
    let [flags] = take(bytes)?;
    if flags & !KNOWN != 0 {
        return None;
    }
    let database = if flags & HAS_DATABASE == 0 { 0 } else { length(bytes)? };
    let expiry = match flags & EXPIRES {
        0 => Expiry::Never,
        _ => Expiry::At(u64::from_le_bytes(take(bytes)?)),
    };
    let accessed = accessed.saturating_sub(u32::try_from(length(bytes)?).ok()?);
    let key_len = length(bytes)?;
    let (key, rest) = bytes.split_at_checked(key_len)?;
    *bytes = rest;
    let before = *bytes;
    let Some(value) = rdb::read(bytes, thresholds) else {
        rdb::skip(bytes)?;
        return Some(Err(UnreadableEntry { database, key, bytes: before.len() - bytes.len() }));
    };
    let write = Write { is_edited: flags & EDITED != 0, ..Write::new(expiry) };
    Some(Ok(SavedEntry { database, key, write, accessed, value }))
}

fn number(number: u64, buffer: &mut Vec<u8>) {
    Head::Length(number).write(buffer);
}

fn length(bytes: &mut &[u8]) -> Option<usize> {
    match Head::read(bytes)? {
        Head::Length(length) => usize::try_from(length).ok(),
        Head::Encoded(_) => None,
    }
}
