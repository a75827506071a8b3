//! [`Writer`]: the serialization of values.

use super::{
    AnyRef,
    format::Version,
    length::{COMPRESSED, Head, INTEGER_8, INTEGER_16, INTEGER_32},
    lzf::Compressor,
    stream_parts::StreamPart,
    tag,
};
use crate::store::value::{
    Element, HashRef, ListRef, SetRef, SortedSetRef, TableField,
    packed::{Entries, IntSetRef},
};

/// The longest string that is not compressed.
const MAX_PLAIN: usize = 20;

/// The longest text that may be an integer of 32 bits.
const MAX_DIGITS: usize = 11;

/// The longest element of a list that is written as an entry of a listpack.
const MAX_LISTED: usize = 8192;

/// What stands for no expiry in the format of Valkey: -1.
const NEVER: u64 = u64::MAX;

/// The length of the header of a listpack, and what ends it.
const LISTPACK_HEAD: usize = 6;
const LISTPACK_END: u8 = 0xFF;

/// Writes values one after another.
#[derive(Debug)]
pub(super) struct Writer<'c> {
    bytes: Vec<u8>,
    /// `None` if strings are not compressed.
    compressor: Option<&'c mut Compressor>,
    version: Version,
}

impl<'c> Writer<'c> {
    /// Writes what servers of a version can read.
    pub(super) fn new(compressor: &'c mut Compressor, version: Version) -> Self {
        Self { bytes: Vec::new(), compressor: Some(compressor), version }
    }

    /// Appends to these bytes, and compresses no strings.
    pub(super) fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, compressor: None, version: Version::Redis7_4 }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn is_for_redis_7_0(&self) -> bool {
        self.version == Version::Redis7_0
    }

    /// Writes the type of a value, and the value.
    pub(super) fn object(&mut self, value: AnyRef<'_>) {
        match value {
            AnyRef::String(string) => self.typed(tag::STRING).string(&string),
            AnyRef::List(list) => self.typed(tag::LIST_LISTPACKS).list(list),
            AnyRef::Hash(HashRef::Packed(entries)) => self.typed(tag::HASH_LISTPACK).listpack(entries),
            AnyRef::Hash(hash) => self.typed_hash(hash),
            AnyRef::Set(SetRef::Integers(integers)) => self.typed(tag::SET_INTSET).int_set(integers),
            AnyRef::Set(set @ SetRef::Packed(_)) if self.is_for_redis_7_0() => self.typed(tag::SET).set(set),
            AnyRef::Set(SetRef::Packed(entries)) => self.typed(tag::SET_LISTPACK).listpack(entries),
            AnyRef::Set(set @ SetRef::Table(_)) => self.typed(tag::SET).set(set),
            AnyRef::SortedSet(SortedSetRef::Packed(entries)) => self.typed(tag::SORTED_SET_LISTPACK).listpack(entries),
            AnyRef::SortedSet(set @ SortedSetRef::Ranked(_)) => self.typed(tag::SORTED_SET).sorted_set(set),
            AnyRef::Stream(log) => {
                let mut next = Some(StreamPart::default());
                while let Some(part) = next {
                    next = part.write(log, self);
                }
            }
        }
    }

    /// Writes the type of a large collection, and its length. Its elements follow.
    pub(super) fn head_of_large(&mut self, value: AnyRef<'_>) {
        match value {
            AnyRef::List(list) => self.typed(tag::LIST_LISTPACKS).length(list.parts()),
            AnyRef::Hash(hash) => self.head_of_hash(hash),
            AnyRef::Set(set) => self.typed(tag::SET).length(set.len()),
            AnyRef::SortedSet(set) => self.typed(tag::SORTED_SET).length(set.len()),
            // A stream is written by parts of its own.
            AnyRef::String(_) | AnyRef::Stream(_) => {}
        }
    }

    /// Writes an element of a large collection by its number, or a part of a list. Returns whether there is one.
    pub(super) fn element_of_large(&mut self, value: AnyRef<'_>, number: usize) -> bool {
        match value {
            AnyRef::List(list) => list.part(number).map(|part| self.part(part)).is_some(),
            AnyRef::Hash(HashRef::Table(table, _)) => {
                table.nth(number).map(|field| self.field(field, table.earliest_expiry())).is_some()
            }
            AnyRef::Set(set @ SetRef::Table(_)) => set.nth(number, |member| self.string(member)).is_some(),
            AnyRef::SortedSet(set @ SortedSetRef::Ranked(_)) => {
                set.nth(number, |member, score| self.scored(member, score)).is_some()
            }
            _ => false,
        }
    }

    pub(super) fn typed(&mut self, tag: u8) -> &mut Self {
        self.bytes.push(tag);
        self
    }

    fn list(&mut self, list: ListRef<'_>) {
        self.length(list.parts());
        list.visit_parts(|part| self.part(part));
    }

    fn part(&mut self, part: Entries<'_>) {
        match part.iter().next() {
            Some(Element::Bytes(long)) if part.len() == 1 && long.len() > MAX_LISTED => {
                Head::Length(tag::PART_PLAIN).write(&mut self.bytes);
                self.string(long);
            }
            _ => {
                Head::Length(tag::PART_LISTPACK).write(&mut self.bytes);
                self.listpack(part);
            }
        }
    }

    /// Writes a large hash, or one whose fields may expire.
    fn typed_hash(&mut self, hash: HashRef<'_>) {
        match (hash, hash.earliest_expiry()) {
            (_, Some(_)) if self.version == Version::Valkey9 => self.hash_for_valkey(hash),
            (HashRef::Expiring(fields), Some(earliest)) => {
                self.typed(tag::HASH_EXPIRING_LISTPACK).fixed(earliest);
                self.listpack(fields.entries());
            }
            (_, earliest) => {
                self.head_of_hash(hash);
                hash.for_each_expiring(|name, value, expires_at| {
                    self.field(TableField { name, value, expires_at }, earliest);
                });
            }
        }
    }

    /// Writes a hash whose fields may expire as Valkey does: each field, its value, and its expiry or -1.
    fn hash_for_valkey(&mut self, hash: HashRef<'_>) {
        self.typed(tag::HASH_EXPIRING_VALKEY).length(hash.len());
        hash.for_each_expiring(|name, value, expires_at| {
            self.string(name);
            self.string(value);
            self.fixed(expires_at.unwrap_or(NEVER));
        });
    }

    /// Writes the type of a hash of strings, and its length.
    fn head_of_hash(&mut self, hash: HashRef<'_>) {
        match hash.earliest_expiry() {
            None => _ = self.typed(tag::HASH),
            Some(earliest) => self.typed(tag::HASH_EXPIRING).fixed(earliest),
        }
        self.length(hash.len());
    }

    /// Writes a field, behind its expiry if any field of its hash has one. The earliest counts as 1.
    fn field(&mut self, field: TableField<'_>, earliest: Option<u64>) {
        if let Some(earliest) = earliest {
            let since_earliest = field.expires_at.map_or(0, |at| at.saturating_sub(earliest).saturating_add(1));
            Head::Length(since_earliest).write(&mut self.bytes);
        }
        self.string(field.name);
        self.string(field.value);
    }

    /// Writes a number in eight bytes.
    fn fixed(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn set(&mut self, set: SetRef<'_>) {
        self.length(set.len());
        set.for_each(|member| self.string(member));
    }

    /// Writes the members from the last to the first: Redis inserts each in front of all others.
    fn sorted_set(&mut self, set: SortedSetRef<'_>) {
        self.length(set.len());
        set.visit(0..set.len(), true, |member, score| {
            self.scored(member, score);
            true
        });
    }

    fn scored(&mut self, member: &[u8], score: f64) {
        self.string(member);
        self.bytes.extend_from_slice(&score.to_le_bytes());
    }

    fn int_set(&mut self, integers: IntSetRef<'_>) {
        let mut bytes = Vec::new();
        integers.write_redis(&mut bytes);
        self.string(&bytes);
    }

    /// Writes entries as a listpack: its length, the number of entries or the greatest number for more, the entries.
    fn listpack(&mut self, entries: Entries<'_>) {
        let len = LISTPACK_HEAD + entries.bytes().len() + 1;
        let count = u16::try_from(entries.len()).unwrap_or(u16::MAX);
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(&(len as u32).to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(entries.bytes());
        bytes.push(LISTPACK_END);
        self.string(&bytes);
    }

    /// Writes a string: as an integer if it is the text of one, compressed if that saves something, or else as it is.
    pub(super) fn string(&mut self, string: &[u8]) {
        if string.len() <= MAX_DIGITS && self.integer(string) || string.len() > MAX_PLAIN && self.compressed(string) {
            return;
        }
        self.length(string.len());
        self.bytes.extend_from_slice(string);
    }

    /// Writes the text of an integer of 32 bits. Returns whether it is one.
    fn integer(&mut self, text: &[u8]) -> bool {
        let Some(value) = Element::new(text).as_integer().and_then(|value| i32::try_from(value).ok()) else {
            return false;
        };
        let (encoding, len) = match value {
            -0x80..=0x7F => (INTEGER_8, 1),
            -0x8000..=0x7FFF => (INTEGER_16, 2),
            _ => (INTEGER_32, 4),
        };
        Head::Encoded(encoding).write(&mut self.bytes);
        self.bytes.extend_from_slice(&value.to_le_bytes()[..len]);
        true
    }

    /// Writes a compressed string. Returns whether it is shorter.
    fn compressed(&mut self, string: &[u8]) -> bool {
        let Some(shorter) = self.compressor.as_mut().and_then(|compressor| compressor.compress(string)) else {
            return false;
        };
        Head::Encoded(COMPRESSED).write(&mut self.bytes);
        self.length(shorter.len());
        self.length(string.len());
        self.bytes.extend_from_slice(&shorter);
        true
    }

    pub(super) fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    /// Writes a number that is encoded as a length.
    pub(super) fn number(&mut self, number: u64) {
        Head::Length(number).write(&mut self.bytes);
    }

    /// Writes bytes without their length.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}
