//! [`AnyType`] and [`Object`]: values of any type.

use std::borrow::Cow;

use kvstore_protocol::CommandError;

use crate::store::{
    shard::Entry,
    value::{
        DataType, Editable, Hash, HashRef, List, ListRef, NewValue, Set, SetRef, SortedSet, SortedSetRef, Stream,
        StringRef, StringValue, stream::Log,
    },
};

/// Any of the data types.
#[derive(Debug)]
pub(crate) enum AnyType {}

/// A stored value of any type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyRef<'a> {
    String(StringRef<'a>),
    List(ListRef<'a>),
    Hash(HashRef<'a>),
    Set(SetRef<'a>),
    SortedSet(SortedSetRef<'a>),
    Stream(&'a Log),
}

/// A value that was read from a serialization.
#[derive(Debug)]
pub(crate) enum Object<'a> {
    String(Cow<'a, [u8]>),
    List(List),
    Hash(Hash),
    Set(Set),
    SortedSet(SortedSet),
    Stream(Stream),
}

impl DataType for AnyType {
    type Ref<'a> = AnyRef<'a>;

    fn read(entry: Entry<'_>) -> Result<AnyRef<'_>, CommandError> {
        (StringValue::read(entry).map(AnyRef::String))
            .or_else(|_| List::read(entry).map(AnyRef::List))
            .or_else(|_| Hash::read(entry).map(AnyRef::Hash))
            .or_else(|_| Set::read(entry).map(AnyRef::Set))
            .or_else(|_| SortedSet::read(entry).map(AnyRef::SortedSet))
            .or_else(|_| Stream::read(entry).map(AnyRef::Stream))
    }
}

impl AnyRef<'_> {
    /// The number of elements. A string and a stream count as many as take the same time.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::String(string) => string.len() / 8,
            Self::List(list) => list.len(),
            Self::Hash(hash) => hash.len() * 2,
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
            // Its nodes are copied.
            Self::Stream(log) => log.memory() / 8,
        }
    }
}

impl Object<'_> {
    /// Passes the value on, to store it.
    pub(crate) fn store<R>(self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::String(bytes) => store(bytes[..].into()),
            Self::List(mut list) => list.take(store),
            Self::Hash(mut hash) => hash.take(store),
            Self::Set(mut set) => set.take(store),
            Self::SortedSet(mut set) => set.take(store),
            Self::Stream(mut stream) => stream.take(store),
        }
    }
}
