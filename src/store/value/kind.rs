//! [`Kind`]: the type of a value that is stored as a run of bytes, and how they are encoded.

/// What the bytes of a value are.
///
/// Such a value is stored in the record of its key if it is short, otherwise in one allocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The bytes of a string.
    #[default]
    String,
    /// The elements of a list, packed.
    List,
    /// The fields and values of a hash, packed.
    Hash,
    /// The fields, values and expiries of a hash, packed. It is never stored in the record of its key.
    ExpiringHash,
    /// The members of a set, packed.
    Set,
    /// The members of a set of integers.
    IntSet,
    /// The members and scores of a sorted set, packed.
    SortedSet,
}

impl Kind {
    /// All kinds, by number.
    const ALL: [Self; 7] =
        [Self::String, Self::List, Self::Hash, Self::ExpiringHash, Self::Set, Self::IntSet, Self::SortedSet];

    /// The number of bits that tell the kinds apart.
    pub(crate) const BITS: u32 = 3;

    /// The kind with a number.
    #[inline]
    pub(crate) fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// The type, as TYPE names it.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Hash | Self::ExpiringHash => "hash",
            Self::Set | Self::IntSet => "set",
            Self::SortedSet => "zset",
        }
    }

    /// The encoding of a collection, as OBJECT ENCODING names it.
    pub(crate) const fn encoding(self) -> &'static str {
        match self {
            Self::String => "raw",
            Self::IntSet => "intset",
            Self::ExpiringHash => "listpackex",
            Self::List | Self::Hash | Self::Set | Self::SortedSet => "listpack",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_a_number() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind as u8), kind);
            assert!((kind as u8) < 1 << Kind::BITS);
        }
    }
}
