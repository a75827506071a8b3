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

/// Entries that were taken out.
pub(crate) type Removed = Vec<Box<Entry>>;

/// The shards in which the slots are.
pub(crate) enum Shards<'a> {
    One(&'a mut Shard),
    Many {
        shards: Vec<&'a mut Shard>,
        /// What was removed, to be dropped when the shards are given back.
        removed: &'a mut Removed,
    },
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
        let (shard, removed) = match &mut self.shards {
            Shards::One(shard) => (&mut **shard, None),
            Shards::Many { shards, removed } => (&mut *shards[shard], Some(&mut **removed)),
        };
        Slot { context: self.context, shard, removed, key, hash }
    }

    /// Whether two of the keys are one and the same, in one database.
    pub(crate) fn are_same(&self, first: usize, second: usize) -> bool {
        let (first, second) = (self.located[first], self.located[second]);
        (first.shard, first.key) == (second.shard, second.key)
    }
}

/// The place of one key: empty, or with an entry whose time has not come.
pub(crate) struct Slot<'a> {
    context: &'a Context<'a>,
    shard: &'a mut Shard,
    removed: Option<&'a mut Removed>,
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

    /// The entry, read as a client reads, except that it does not count as used.
    pub(crate) fn peek(&mut self) -> Option<&Entry> {
        self.shard.peek(self.hash, self.key, self.context)
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

    /// Stores a value. Where there is an entry, its time stays.
    pub(crate) fn replace(&mut self, value: Value) {
        match self.entry() {
            Some(entry) => (entry.value, entry.is_edited) = (value, false),
            None => self.set(value),
        }
    }

    /// Stores a value that was taken or copied from another slot, with its end.
    pub(crate) fn put(&mut self, moved: Moved) {
        self.set(moved.value);
        if let Some(entry) = self.entry() {
            entry.is_edited = moved.is_edited;
        }
        if moved.expires_at.is_some() {
            self.expire_at(moved.expires_at);
        }
    }

    /// Removes the entry, and tells whether there was one.
    pub(crate) fn remove(&mut self) -> bool {
        let Some(entry) = self.take() else { return false };
        if let Some(removed) = &mut self.removed {
            removed.push(entry);
        }
        true
    }

    /// Takes the entry out.
    pub(crate) fn take(&mut self) -> Option<Box<Entry>> {
        self.shard.take(self.hash, self.key, self.context)
    }

    /// Sets when the entry ends, in milliseconds since 1970. An entry whose time has come is removed.
    pub(crate) fn expire_at(&mut self, at: Option<u64>) {
        self.shard.expire_at(self.hash, self.key, at, self.context);
    }
}

/// What one slot gives to another: a value and what belongs to it.
#[derive(Debug)]
pub(crate) struct Moved {
    value: Value,
    is_edited: bool,
    expires_at: Option<u64>,
}

/// A copy.
impl From<&Entry> for Moved {
    fn from(entry: &Entry) -> Self {
        Self { value: entry.value.clone(), is_edited: entry.is_edited, expires_at: entry.expires_at() }
    }
}

impl From<Box<Entry>> for Moved {
    fn from(entry: Box<Entry>) -> Self {
        Self { is_edited: entry.is_edited, expires_at: entry.expires_at(), value: entry.value }
    }
}
