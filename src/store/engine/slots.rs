//! [`Slots`]: the places of a command's keys, lent for as long as it runs.

use kvstore_protocol::{ByteString, CommandError};

use super::memory::{Entry, Shard};
use crate::store::{context::Context, value::Value};

/// The places of the keys of a command, in the order of the keys.
pub(crate) struct Slots<'a> {
    context: &'a Context<'a>,
    shards: Shards<'a>,
    located: &'a [Located<'a>],
}

/// The shards in which the slots are.
pub(crate) enum Shards<'a> {
    One(&'a mut Shard),
    Many(Vec<&'a mut Shard>),
}

/// Where a key is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) hash: u64,
    /// Its index among the shards.
    pub(crate) shard: usize,
}

impl<'a> Slots<'a> {
    pub(crate) fn new(context: &'a Context<'a>, shards: Shards<'a>, located: &'a [Located<'a>]) -> Self {
        Self { context, shards, located }
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.located.len()
    }

    /// The slot of the first key.
    #[inline]
    pub(crate) fn first(&mut self) -> Slot<'_> {
        self.at(0)
    }

    /// The slot of the key at `index`.
    ///
    /// # Panics
    /// When the command has fewer keys.
    #[inline]
    pub(crate) fn at(&mut self, index: usize) -> Slot<'_> {
        let Located { key, hash, shard } = self.located[index];
        let shard = match &mut self.shards {
            Shards::One(shard) => &mut **shard,
            Shards::Many(shards) => &mut *shards[shard],
        };
        Slot { context: self.context, shard, key, hash }
    }
}

/// The place of one key: empty, or with an entry whose time has not come.
pub(crate) struct Slot<'a> {
    context: &'a Context<'a>,
    shard: &'a mut Shard,
    key: &'a [u8],
    hash: u64,
}

impl Slot<'_> {
    /// The entry, read as a client reads: it counts as used, and as a hit or a miss.
    #[inline]
    pub(crate) fn read(&mut self) -> Option<&Entry> {
        self.shard.read(self.hash, self.key, self.context)
    }

    /// The string, read as a client reads.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Option<&ByteString>, CommandError> {
        self.read().map(|entry| entry.value.as_string()).transpose()
    }

    /// The entry, looked at without being used.
    pub(crate) fn peek(&mut self) -> Option<&Entry> {
        self.entry().map(|entry| &*entry)
    }

    /// The entry, to be changed. Its time stays.
    #[inline]
    pub(crate) fn entry(&mut self) -> Option<&mut Entry> {
        self.shard.entry(self.hash, self.key, self.context)
    }

    /// Whether there is an entry.
    pub(crate) fn is_filled(&mut self) -> bool {
        self.entry().is_some()
    }

    /// Stores a value, without an end.
    #[inline]
    pub(crate) fn set(&mut self, value: Value) {
        self.shard.set(self.hash, self.key, value, self.context);
    }

    /// Removes the entry.
    pub(crate) fn take(&mut self) -> Option<Box<Entry>> {
        self.shard.take(self.hash, self.key, self.context)
    }

    /// When the entry ends, in milliseconds since 1970: no entry, never, or then.
    pub(crate) fn expires_at(&mut self) -> Option<Option<u64>> {
        self.entry().map(|entry| entry.expires_at())
    }

    /// Sets when the entry ends, in milliseconds since 1970. An entry whose time has come is removed.
    pub(crate) fn expire_at(&mut self, at: Option<u64>) {
        self.shard.expire_at(self.hash, self.key, at, self.context);
    }
}
