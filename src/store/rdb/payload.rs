//! Payloads of DUMP and RESTORE.
//!
//! ```text
//! type (1) | value | RDB version (2) | checksum of all in front of it (8)
//! ```
//!
//! Numbers have their least significant byte first.

use std::{cell::RefCell, mem};

use crc::{CRC_64_REDIS, Crc, Table};

use super::{
    AnyRef, Object, RdbFormat,
    lzf::Compressor,
    read::{read_first_object, read_object},
    stream_parts::StreamPart,
    tag,
    write::Writer,
};
use crate::store::value::Thresholds;

/// The version of the payloads of [`dump`], and of those that Redis reads since 7.4.
pub(super) const VERSION: u16 = 11;
const LATEST_REDIS: u16 = 12;

/// The version of Valkey 9. What lies between is left to Redis.
const VALKEY: u16 = 80;

pub(super) static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

thread_local! {
    /// Kept: it is larger than most values.
    static COMPRESSOR: RefCell<Compressor> = RefCell::default();
}

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestoreError {
    /// The version is not known, or the checksum is wrong.
    Footer,
    /// The value is not valid.
    Value,
}

/// The payload of a value.
pub(crate) fn dump(value: AnyRef<'_>, format: RdbFormat) -> Vec<u8> {
    let object = COMPRESSOR.with_borrow_mut(|compressor| {
        let mut writer = Writer::new(compressor, format.into());
        writer.object(value);
        writer.into_bytes()
    });
    seal_object(object)
}

/// The value of a payload. Like in Redis, bytes behind the value do no harm.
///
/// # Errors
/// If it is not valid.
pub(crate) fn restore<'a>(payload: &'a [u8], thresholds: &Thresholds) -> Result<Object<'a>, RestoreError> {
    let (object, version) = open(payload).ok_or(RestoreError::Footer)?;
    read_object(object, version == VALKEY, thresholds).ok_or(RestoreError::Value)
}

/// Appends the type of a value and the value, whose strings are not compressed.
pub(crate) fn write(value: AnyRef<'_>, buffer: &mut Vec<u8>) {
    let mut writer = Writer::plain(mem::take(buffer));
    writer.object(value);
    *buffer = writer.into_bytes();
}

/// A collection that is written in parts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    is_begun: bool,
    /// The number of the next element, or of the next part of a list.
    next: usize,
    /// The next part of a stream.
    stream: StreamPart,
}

impl Parts {
    /// Appends about so many bytes more of a large collection, which must not have changed. Returns whether nothing is left.
    pub(crate) fn write(&mut self, value: AnyRef<'_>, most: usize, buffer: &mut Vec<u8>) -> bool {
        let mut writer = Writer::plain(mem::take(buffer));
        if !mem::replace(&mut self.is_begun, true) {
            writer.head_of_large(value);
        }
        let end = writer.len() + most;
        let mut is_more = true;
        while is_more && writer.len() < end {
            is_more = self.write_next(value, &mut writer);
        }
        *buffer = writer.into_bytes();
        !is_more
    }

    /// Writes the next element, or the next part. Returns whether there is one.
    fn write_next(&mut self, value: AnyRef<'_>, writer: &mut Writer<'_>) -> bool {
        if let AnyRef::Stream(log) = value {
            let next = self.stream.write(log, writer);
            self.stream = next.unwrap_or(self.stream);
            return next.is_some();
        }
        let is_element = writer.element_of_large(value, self.next);
        self.next += 1;
        is_element
    }
}

/// Reads a type and a value off the front of bytes; `None` if it is not valid.
pub(crate) fn read<'a>(bytes: &mut &'a [u8], thresholds: &Thresholds) -> Option<Object<'a>> {
    read_first_object(bytes, thresholds)
}

/// The payload of a serialized value, or of one of a file. Its version is that of the servers that know the type of the value.
pub(crate) fn seal_object(object: Vec<u8>) -> Vec<u8> {
    let version = match object.first() {
        Some(&tag::HASH_EXPIRING_VALKEY) => VALKEY,
        Some(tag) if tag::is_of_redis_7_4(*tag) => LATEST_REDIS,
        _ => VERSION,
    };
    seal(object, version)
}

/// Appends the version and the checksum.
pub(super) fn seal(mut object: Vec<u8>, version: u16) -> Vec<u8> {
    object.extend_from_slice(&version.to_le_bytes());
    object.extend_from_slice(&CRC.checksum(&object).to_le_bytes());
    object
}

/// What is in front of the version, and the version, if that is known and the checksum is right.
pub(super) fn open(payload: &[u8]) -> Option<(&[u8], u16)> {
    let (checked, checksum) = payload.split_last_chunk()?;
    let (object, version) = checked.split_last_chunk()?;
    let version = u16::from_le_bytes(*version);
    let is_known = matches!(version, 0..=LATEST_REDIS | VALKEY);
    (is_known && CRC.checksum(checked) == u64::from_le_bytes(*checksum)).then_some((object, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_redis_and_valkey_are_read() {
        for version in [0, 1, 6, 9, 10, 11, 12, 80] {
            assert_eq!(open(&seal(b"\0\x01v".to_vec(), version)), Some((&b"\0\x01v"[..], version)), "{version}");
        }
        for version in [13, 79, 81, u16::MAX] {
            assert_eq!(open(&seal(b"\0\x01v".to_vec(), version)), None, "{version}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused_and_none_too() {
        let payload = seal(b"\0\x01v".to_vec(), VERSION);
        for at in 0..payload.len() {
            let mut changed = payload.clone();
            changed[at] ^= 1;
            assert_eq!(open(&changed), None, "{at}");
        }
        assert_eq!(open(&[&payload[..5], &[0; 8]].concat()), None);
        assert!((0..payload.len()).all(|len| open(&payload[..len]).is_none()));
    }
}
