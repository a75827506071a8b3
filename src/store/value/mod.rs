//! The data types, one a file. Plain synchronous Rust: no tokio, no protocol.
//!
//! - `string_value`, `hash` … one type each, as commands read and edit it: `data_type` says how
//! - `kind` the types of values that are runs of bytes; `packed` the elements of a small collection
//! - `elements` the elements of a large hash, set or sorted set
//! - `thresholds` up to which size a collection is small
//! - `hyperloglog` strings that estimate a number of elements
//! - `external` long strings; `decimal`, `hexadecimal` numbers as Redis writes them

mod data_type;
mod decimal;
mod double;
mod elements;
mod external;
mod hash;
mod hexadecimal;
pub(crate) mod hyperloglog;
mod kind;
mod list;
mod new_value;
pub(crate) mod packed;
mod set;
mod sorted_set;
pub(crate) mod stream;
pub(crate) mod string;
mod string_value;
mod thresholds;

use kvstore_protocol::CommandError;

use super::memory::{prefetch, prefetch_bytes};

pub(crate) use data_type::{DataType, Editable};
pub(crate) use decimal::{Decimal, Extended, Finite};
pub(crate) use double::{parse_double, parse_double_bound};
pub(crate) use elements::Elements;
pub(crate) use external::{ExternalString, overwritten};
pub(crate) use hash::{Hash, HashRef, HashTable, MAX_FIELD_EXPIRY, TableField};
pub(crate) use kind::Kind;
pub(crate) use list::{ChunkList, End, List, ListRef};
pub(crate) use new_value::NewValue;
pub(crate) use packed::Element;
pub(crate) use set::{Set, SetLimits, SetRef, difference, intersection, union};
pub(crate) use sorted_set::{
    Aggregate, Bounds, Combination, NameBound, Ranked, ScoreBound, SortedSet, SortedSetRef, Source,
};
pub(crate) use stream::{Stream, StreamId};
pub(crate) use string::{MAX_INLINE, StringRef};
pub(crate) use string_value::StringValue;
pub(crate) use thresholds::{ChunkLimit, PackedLimit, Threshold, Thresholds};

/// The bytes of a value that are prefetched.
const PREFETCHED: usize = 256;

/// An external value: every value but a short one, which is stored in the record of its entry.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string of bytes.
    String(ExternalString),
    /// A collection in one run of bytes.
    Packed(Kind, Box<[u8]>),
    /// A large list.
    List(Box<ChunkList>),
    /// A large hash.
    Hash(Box<HashTable>),
    /// A large set.
    Set(Box<Elements>),
    /// A large sorted set.
    SortedSet(Box<Ranked>),
    /// A stream.
    Stream(Box<stream::Log>),
}

impl Value {
    /// The type, as TYPE names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => Kind::String.type_name(),
            Self::Packed(kind, _) => kind.type_name(),
            Self::List(_) => Kind::List.type_name(),
            Self::Hash(_) => Kind::Hash.type_name(),
            Self::Set(_) => Kind::Set.type_name(),
            Self::SortedSet(_) => Kind::SortedSet.type_name(),
            Self::Stream(_) => Stream::TYPE_NAME,
        }
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Self::String(bytes) => string::encoding(bytes),
            Self::Packed(kind, _) => kind.encoding(),
            Self::List(_) => "quicklist",
            Self::Hash(_) | Self::Set(_) => "hashtable",
            Self::SortedSet(_) => "skiplist",
            Self::Stream(_) => "stream",
        }
    }

    /// Whether it is a hash whose fields may have an expiry.
    #[inline]
    pub(crate) fn has_expiring_fields(&self) -> bool {
        match self {
            Self::Packed(kind, _) => *kind == Kind::ExpiringHash,
            Self::Hash(table) => table.has_expiries(),
            _ => false,
        }
    }

    /// The earliest expiry of a field, in milliseconds since the Unix epoch.
    pub(crate) fn earliest_field_expiry(&self) -> Option<u64> {
        HashRef::of(self)?.earliest_expiry()
    }

    /// Whether it is a hash and each of its fields has expired.
    pub(crate) fn has_only_expired_fields(&self, now: u64) -> bool {
        HashRef::of(self).is_some_and(|hash| hash.latest_expiry().is_some_and(|at| at < now))
    }

    /// The memory outside of this, in bytes. `allocated` says how many an allocation takes.
    pub(crate) fn memory(&self, allocated: fn(usize) -> usize) -> usize {
        match self {
            Self::String(bytes) => bytes.memory(allocated),
            Self::Packed(_, bytes) => allocated(bytes.len()),
            Self::List(list) => list.memory(),
            Self::Hash(table) => table.memory(),
            Self::Set(table) => table.memory(),
            Self::SortedSet(ranked) => ranked.memory(),
            Self::Stream(log) => log.memory(),
        }
    }

    /// Prefetches what commands read first.
    #[inline]
    pub(crate) fn prefetch(&self) {
        match self {
            Self::String(bytes) => prefetch_bytes(&bytes[..bytes.len().min(PREFETCHED)]),
            Self::Packed(_, bytes) => prefetch_bytes(&bytes[..bytes.len().min(PREFETCHED)]),
            Self::List(list) => prefetch(&**list),
            Self::Hash(table) => prefetch(&**table),
            Self::Set(table) => prefetch(&**table),
            Self::SortedSet(ranked) => prefetch(&**ranked),
            Self::Stream(log) => prefetch(&**log),
        }
    }

    /// About the memory outside of this, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.memory(|size| size)
    }

    /// The bytes of a string.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    pub(crate) fn as_string(&self) -> Result<&ExternalString, CommandError> {
        match self {
            Self::String(bytes) => Ok(bytes),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }
}

/// An empty string, which is in the place of a value that is taken out.
impl Default for Value {
    fn default() -> Self {
        Self::String(ExternalString::default())
    }
}
