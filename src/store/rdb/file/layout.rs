//! What belongs to each code of a file.

use super::super::{
    libraries::{LIBRARY, PRE_RELEASE},
    tag,
};

/// A part of what belongs to a code.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// A string in any of its encodings.
    String,
    /// A length, or any other number that is encoded as one.
    Length,
    /// So many bytes.
    Bytes(usize),
    /// A score as a text.
    Score,
    /// A number, and these parts as often as it says.
    Each(&'static [Part]),
    /// Numbers and strings of a module, each behind a code, up to the code 0.
    Module,
}

use Part::{Bytes, Each, Length, Module, Score, String};

/// A code of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The slots of a cluster.
    SlotInfo,
    /// A library of functions.
    Library,
    /// A function as versions before the first release of Redis 7 saved it.
    PreReleaseFunction,
    /// What a module has saved besides keys.
    ModuleAux,
    /// The seconds since the last access of the next key.
    Idle,
    /// How often the next key is used.
    Frequency,
    /// Something about the file.
    Aux,
    /// The number of the keys that follow.
    Resize,
    /// The expiry of the next key in milliseconds since the Unix epoch, and in seconds.
    ExpiryMilliseconds,
    ExpirySeconds,
    /// The database of the keys that follow.
    Select,
    End,
    /// A key and its value.
    Key(ValueType),
}

/// What is known of the type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueType {
    /// A type that the store has, by name.
    Known(&'static str),
    /// A type that it does not have.
    Foreign(&'static str),
    /// The type of a module.
    Module,
}

/// The code of a byte, and what belongs to it; behind the key, if it is that of one. `None` for a byte that is no code of this kind of
/// file.
pub(super) fn find(byte: u8, is_valkey: bool) -> Option<(Code, &'static [Part])> {
    Some(match byte {
        244 => (Code::SlotInfo, &[Length, Length, Length]),
        LIBRARY => (Code::Library, &[String]),
        PRE_RELEASE => (Code::PreReleaseFunction, &[]),
        247 => (Code::ModuleAux, &[Length, Length, Length, Module]),
        248 => (Code::Idle, &[Length]),
        249 => (Code::Frequency, &[Bytes(1)]),
        250 => (Code::Aux, &[String, String]),
        251 => (Code::Resize, &[Length, Length]),
        252 => (Code::ExpiryMilliseconds, &[Bytes(8)]),
        253 => (Code::ExpirySeconds, &[Bytes(4)]),
        254 => (Code::Select, &[Length]),
        255 => (Code::End, &[Bytes(8)]),
        byte => {
            let (value_type, parts) = find_value(byte, is_valkey)?;
            (Code::Key(value_type), parts)
        }
    })
}

/// The key in front of a value.
pub(super) const KEY: &[Part] = &[String];

fn find_value(byte: u8, is_valkey: bool) -> Option<(ValueType, &'static [Part])> {
    /// That of Redis before 7.4.0, which nobody was to keep.
    const EXPIRING: ValueType = ValueType::Foreign("hash with expiring fields");
    Some(match byte {
        tag::STRING => (ValueType::Known("string"), &[String]),
        tag::LIST => (LIST, &[Each(&[String])]),
        tag::LIST_ZIPLIST => (LIST, &[String]),
        tag::LIST_ZIPLISTS => (LIST, &[Each(&[String])]),
        tag::LIST_LISTPACKS => (LIST, &[Each(&[Length, String])]),
        tag::SET => (SET, &[Each(&[String])]),
        tag::SET_INTSET | tag::SET_LISTPACK => (SET, &[String]),
        tag::SORTED_SET_TEXT => (SORTED_SET, &[Each(&[String, Score])]),
        tag::SORTED_SET => (SORTED_SET, &[Each(&[String, Bytes(8)])]),
        tag::SORTED_SET_ZIPLIST | tag::SORTED_SET_LISTPACK => (SORTED_SET, &[String]),
        tag::HASH => (HASH, &[Each(&[String, String])]),
        tag::HASH_ZIPMAP | tag::HASH_ZIPLIST | tag::HASH_LISTPACK => (HASH, &[String]),
        7 => (ValueType::Module, &[Length, Module]),
        tag::STREAM_1 => (STREAM, &STREAM_1),
        tag::STREAM_2 => (STREAM, &STREAM_2),
        tag::STREAM_3 => (STREAM, &STREAM_3),
        // Valkey 9: each field, its value, and its expiry.
        tag::HASH_EXPIRING_VALKEY if is_valkey => (HASH, &[Each(&[String, String, Bytes(8)])]),
        // Before Redis 7.4.0, and since. The expiry of each field is in front of it, and the first of all in front of the number.
        22 => (EXPIRING, &[Each(&[Length, String, String])]),
        23 if !is_valkey => (EXPIRING, &[String]),
        tag::HASH_EXPIRING if !is_valkey => (HASH, &[Bytes(8), Each(&[Length, String, String])]),
        tag::HASH_EXPIRING_LISTPACK if !is_valkey => (HASH, &[Bytes(8), String]),
        _ => return None,
    })
}

const LIST: ValueType = ValueType::Known("list");
const SET: ValueType = ValueType::Known("set");
const SORTED_SET: ValueType = ValueType::Known("sorted set");
const HASH: ValueType = ValueType::Known("hash");
const STREAM: ValueType = ValueType::Known("stream");

/// The nodes of a stream, and the entries that a consumer or a group has not acknowledged.
const NODES: Part = Each(&[String, String]);
const OF_GROUP: Part = Each(&[Bytes(16), Bytes(8), Length]);
const OF_CONSUMER: Part = Each(&[Bytes(16)]);

/// The number of entries and the last identifier; since Redis 7 also the first one, the greatest that was deleted, and the number
/// of entries ever added. Each group has the last identifier that was delivered, and since Redis 7 the number of entries read.
const STREAM_1: [Part; 5] = [NODES, Length, Length, Length, Each(&[String, Length, Length, OF_GROUP, CONSUMERS_1])];
const STREAM_2: [Part; 10] = stream_with(Each(&[String, Length, Length, Length, OF_GROUP, CONSUMERS_1]));
const STREAM_3: [Part; 10] = stream_with(Each(&[String, Length, Length, Length, OF_GROUP, CONSUMERS_3]));

/// A consumer has the time at which it was seen, and since Redis 7.2 that at which it was active.
const CONSUMERS_1: Part = Each(&[String, Bytes(8), OF_CONSUMER]);
const CONSUMERS_3: Part = Each(&[String, Bytes(8), Bytes(8), OF_CONSUMER]);

const fn stream_with(groups: Part) -> [Part; 10] {
    [NODES, Length, Length, Length, Length, Length, Length, Length, Length, groups]
}
