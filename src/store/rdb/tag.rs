//! The types of values in an RDB file, by number.

pub(super) const STRING: u8 = 0;

/// A list of strings. Before Redis 3.2.
pub(super) const LIST: u8 = 1;
pub(super) const SET: u8 = 2;

/// Scores as texts. Before Redis 4.
pub(super) const SORTED_SET_TEXT: u8 = 3;
pub(super) const HASH: u8 = 4;
pub(super) const SORTED_SET: u8 = 5;

/// Before Redis 2.6.
pub(super) const HASH_ZIPMAP: u8 = 9;

/// Before Redis 3.2.
pub(super) const LIST_ZIPLIST: u8 = 10;
pub(super) const SET_INTSET: u8 = 11;

/// Before Redis 7.
pub(super) const SORTED_SET_ZIPLIST: u8 = 12;
pub(super) const HASH_ZIPLIST: u8 = 13;
pub(super) const LIST_ZIPLISTS: u8 = 14;

/// Since Redis 7.
pub(super) const HASH_LISTPACK: u8 = 16;
pub(super) const SORTED_SET_LISTPACK: u8 = 17;
pub(super) const LIST_LISTPACKS: u8 = 18;

/// Since Redis 7.2.
pub(super) const SET_LISTPACK: u8 = 20;

/// Streams as of Redis 5, 7.0 and 7.2: each has more of the entries that are not there any more, and of the consumers.
pub(super) const STREAM_1: u8 = 15;
pub(super) const STREAM_2: u8 = 19;
pub(super) const STREAM_3: u8 = 21;

/// A hash of fields, each with its expiry in front, relative to the earliest. Since Redis 7.4.
pub(super) const HASH_EXPIRING: u8 = 24;

/// The same in a listpack: fields, values and expiries. Since Redis 7.4.
pub(super) const HASH_EXPIRING_LISTPACK: u8 = 25;

/// A hash of fields, each with its expiry behind its value, in Valkey 9. In files of Redis the number has another meaning.
pub(super) const HASH_EXPIRING_VALKEY: u8 = 22;

/// Whether Redis reads values of a type only since 7.4, whose payloads have another version.
pub(super) fn is_of_redis_7_4(tag: u8) -> bool {
    matches!(tag, HASH_EXPIRING | HASH_EXPIRING_LISTPACK)
}

/// How a part of a list of listpacks is stored: one element as it is, or a listpack.
pub(super) const PART_PLAIN: u64 = 1;
pub(super) const PART_LISTPACK: u64 = 2;
