//! [`Entry`]: a key and its value, borrowed from the heap.

use kvstore_protocol::CommandError;

use super::{
    super::record::{Flag, Header, Tail, index_at},
    Heap,
};
use crate::store::value::{Kind, NewValue, StringRef, Value, string};

/// The memory of an entry in the table, in bytes: its handle and a byte of its hash.
const TABLE_SLOT: usize = 5;

/// The record of one key: the key, its value, its expiry, and when it was last accessed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    heap: &'a Heap,
    record: &'a [u8],
    header: Header,
}

impl<'a> Entry<'a> {
    #[inline]
    pub(super) fn new(heap: &'a Heap, record: &'a [u8]) -> Self {
        Self { heap, record, header: Header::read(record) }
    }

    #[inline]
    pub(crate) fn key(&self) -> &'a [u8] {
        let bytes = &self.record[self.header.key()];
        if self.header.is(Flag::EXTERNAL_KEY) { self.heap.external_key(bytes) } else { bytes }
    }

    #[inline(always)]
    pub(in super::super) fn has_key(&self, key: &[u8]) -> bool {
        let bytes = &self.record[self.header.key()];
        if self.header.is(Flag::EXTERNAL_KEY) { self.heap.external_key(bytes) == key } else { are_equal(bytes, key) }
    }

    /// A copy of the value.
    pub(crate) fn value(&self) -> NewValue<'a> {
        match self.external() {
            Some(value) => NewValue::External(value.clone()),
            None => match self.header.kind() {
                Kind::String => NewValue::Inline(self.inline_bytes()),
                kind => NewValue::Packed(kind, self.inline_bytes()),
            },
        }
    }

    /// The bytes of an inline value, and what they are; `None` if the value is external.
    pub(crate) fn inline(&self) -> Option<(Kind, &'a [u8])> {
        (!self.header.is(Flag::EXTERNAL_VALUE)).then(|| (self.header.kind(), self.inline_bytes()))
    }

    /// The bytes of a value that is a run of bytes, and what they are; `None` for another.
    #[inline]
    pub(crate) fn packed(&self) -> Option<(Kind, &'a [u8])> {
        match self.external() {
            None => Some((self.header.kind(), self.inline_bytes())),
            Some(Value::Packed(kind, bytes)) => Some((*kind, bytes)),
            Some(_) => None,
        }
    }

    /// The external value; `None` if the value is an inline string.
    #[inline]
    pub(crate) fn external(&self) -> Option<&'a Value> {
        let is_external = self.header.is(Flag::EXTERNAL_VALUE);
        is_external.then(|| self.heap.values.get(index_at(self.record, self.header.value())))
    }

    /// The string.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    #[inline(always)]
    pub(crate) fn string(&self) -> Result<StringRef<'a>, CommandError> {
        if self.header.is_inline_string() {
            return Ok(StringRef::Inline(self.inline_bytes()));
        }
        let value = self.external().ok_or(CommandError::WRONG_TYPE)?;
        value.as_string().map(StringRef::External)
    }

    /// The expiry, in milliseconds since the Unix epoch.
    #[inline]
    pub(crate) fn expires_at(&self) -> Option<u64> {
        self.header.is(Flag::EXPIRES).then(|| Tail::read(self.record).expires_at)
    }

    /// Whether there may be an expiry, of the key or of a field.
    #[inline(always)]
    pub(crate) fn may_expire(&self) -> bool {
        self.header.may_expire()
    }

    /// Whether the expiry has passed, or that of every field of a hash. In its millisecond the entry is still there, as in Redis.
    #[inline(always)]
    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.has_key_expired(now) || self.header.has_field_links() && self.has_only_expired_fields(now)
    }

    /// Whether the expiry has passed.
    #[inline(always)]
    pub(crate) fn has_key_expired(&self, now: u64) -> bool {
        self.expires_at().is_some_and(|at| at < now)
    }

    #[cold]
    fn has_only_expired_fields(&self, now: u64) -> bool {
        self.external().is_some_and(|value| value.has_only_expired_fields(now))
    }

    /// The earliest expiry of a field, in milliseconds since the Unix epoch.
    #[inline]
    pub(crate) fn earliest_field_expiry(&self) -> Option<u64> {
        if self.header.has_field_links() { self.external()?.earliest_field_expiry() } else { None }
    }

    /// Whether the record has room for what tells when the first field expires.
    pub(crate) fn has_field_links(&self) -> bool {
        self.header.has_field_links()
    }

    /// The time of the last access, in seconds since the Unix epoch.
    #[inline]
    pub(crate) fn accessed(&self) -> u32 {
        self.header.accessed
    }

    /// Whether the value is a string that was modified in place: OBJECT ENCODING shows it.
    pub(crate) fn is_edited(&self) -> bool {
        self.header.is(Flag::EDITED)
    }

    /// The type of the value, as TYPE names it.
    pub(crate) fn type_name(&self) -> &'static str {
        self.external().map_or_else(|| self.header.kind().type_name(), Value::type_name)
    }

    /// The encoding of the value, as OBJECT ENCODING names it.
    pub(crate) fn encoding(&self) -> &'static str {
        match self.external() {
            Some(Value::String(_)) if self.is_edited() => string::EDITED_ENCODING,
            Some(value) => value.encoding(),
            None => match self.header.kind() {
                Kind::String if self.is_edited() => string::EDITED_ENCODING,
                Kind::String => string::encoding(self.inline_bytes()),
                kind => kind.encoding(),
            },
        }
    }

    /// The memory of the entry, in bytes: its record, what is outside of it, and its place in the table.
    pub(crate) fn memory(&self) -> usize {
        let allocated = self.heap.allocated();
        let key = if self.header.is(Flag::EXTERNAL_KEY) { allocated(self.key().len()) } else { 0 };
        let value = self.external().map_or(0, |value| size_of::<Value>() + value.memory(allocated));
        TABLE_SLOT + self.record.len() + key + value
    }

    /// The number of bytes that a copy of the value copies. Long strings are shared.
    pub(crate) fn copied(&self) -> usize {
        match self.external() {
            None | Some(Value::String(_)) => 0,
            Some(value) => value.size(),
        }
    }

    #[inline(always)]
    fn inline_bytes(&self) -> &'a [u8] {
        &self.record[self.header.value()]
    }
}

/// Whether two keys are equal. Most have 8 to 16 bytes: these are compared in two steps.
#[inline]
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if (8..=16).contains(&one.len()) {
        return one.first_chunk::<8>() == other.first_chunk() && one.last_chunk::<8>() == other.last_chunk();
    }
    one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_whole_whatever_their_length() {
        for length in 0..20 {
            let key = vec![b'k'; length];
            assert!(are_equal(&key, &key.clone()) && !are_equal(&key, &[&key[..], b"k"].concat()));
            for at in 0..length {
                let mut other = key.clone();
                other[at] = b'x';
                assert!(!are_equal(&key, &other), "{length} {at}");
            }
        }
    }
}
