//! [`Slots`]: the places of a command's keys, lent for as long as it runs.

use kvstore_protocol::{ByteString, CommandError};
use smallvec::SmallVec;

use super::memory::{Entry, Expiry, Found, Shard};
use crate::store::{
    context::Context,
    value::{NewValue, StringRef, Value},
};

/// As many as most commands have keys, without an allocation.
pub(crate) type PerKey<T> = SmallVec<[T; 16]>;

/// The places of the keys of a command, in the order of the keys.
pub(crate) struct Slots<'a> {
    context: &'a Context<'a>,
    shards: Shards<'a>,
    located: &'a [Located<'a>],
}

/// Values that were taken out.
pub(crate) type Removed = Vec<Value>;

/// The shards in which the slots are.
pub(crate) enum Shards<'a> {
    One(&'a mut Shard),
    Many {
        shards: PerKey<&'a mut Shard>,
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
    #[inline(always)]
    pub(crate) fn new(context: &'a Context<'a>, shards: Shards<'a>, located: &'a [Located<'a>]) -> Self {
        Self { context, shards, located }
    }

    /// How many slots there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.located.len()
    }

    /// The slot of the first key.
    #[inline(always)]
    pub(crate) fn first(&mut self) -> Slot<'_> {
        self.at(0)
    }

    /// The slot of the key at `index`.
    ///
    /// # Panics
    /// When the command has fewer keys.
    #[inline(always)]
    pub(crate) fn at(&mut self, index: usize) -> Slot<'_> {
        let Located { key, hash, shard } = self.located[index];
        let (shard, removed) = match &mut self.shards {
            Shards::One(shard) => (&mut **shard, None),
            Shards::Many { shards, removed } => (&mut *shards[shard], Some(&mut **removed)),
        };
        Slot { context: self.context, shard, removed, key, hash, found: None }
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
    /// Where the entry is, once somebody asked: a command looks for its key once.
    found: Option<Option<Found>>,
}

impl Slot<'_> {
    /// The entry, read as a client reads: it counts as used, and as a hit or a miss.
    #[inline(always)]
    pub(crate) fn read(&mut self) -> Option<Entry<'_>> {
        let found = self.find(true);
        self.shard.count(found.is_some());
        found.map(|found| self.shard.entry(found))
    }

    /// The string, read as a client reads.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Option<StringRef<'_>>, CommandError> {
        self.read().map(|entry| entry.string()).transpose()
    }

    /// The entry, read as a client reads, except that it does not count as used.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<Entry<'_>> {
        let found = self.find(false);
        self.shard.count(found.is_some());
        found.map(|found| self.shard.entry(found))
    }

    /// The entry, to be changed: it counts as used, and its end stays.
    #[inline(always)]
    pub(crate) fn entry(&mut self) -> Option<Entry<'_>> {
        self.find_apart(true).map(|found| self.shard.entry(found))
    }

    /// Whether there is an entry.
    #[inline]
    pub(crate) fn is_filled(&mut self) -> bool {
        self.find_apart(true).is_some()
    }

    /// Stores a value, without an end.
    #[inline]
    pub(crate) fn set<'c>(&mut self, value: impl Into<NewValue<'c>>) {
        self.put(value.into(), Expiry::Never, false);
    }

    /// Stores a value. Where there is an entry, its end stays.
    #[inline]
    pub(crate) fn replace<'c>(&mut self, value: impl Into<NewValue<'c>>) {
        self.put(value.into(), Expiry::Keep, false);
    }

    /// Stores a value, and says what becomes of the end. Nothing is stored that ends already.
    #[inline]
    pub(crate) fn put(&mut self, value: NewValue<'_>, expiry: Expiry, is_edited: bool) {
        if self.is_expired(expiry) {
            self.remove();
            return;
        }
        let Some(found) = self.find_apart(false) else {
            let found = self.shard.insert(self.hash, self.key, value, (expiry, is_edited), self.context);
            self.found = Some(Some(found));
            return;
        };
        let (found, replaced) = self.shard.write(found, value, (expiry, is_edited), self.context);
        self.shard.reset_idle_time(found, self.context);
        self.found = Some(Some(found));
        self.discard(replaced);
    }

    /// Adds bytes at the end of the string, and returns its length. Where there is no entry, nothing is done.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    pub(crate) fn append(&mut self, tail: &[u8]) -> Result<usize, CommandError> {
        let Some(found) = self.find_apart(false) else { return Ok(0) };
        let (found, length) = self.shard.append(found, tail)?;
        self.found = Some(Some(found));
        Ok(length)
    }

    /// Writes bytes over those of the string from `offset` on. Zeros fill a gap; a missing string is an empty one.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    pub(crate) fn overwrite(&mut self, offset: usize, patch: &[u8]) -> Result<(), CommandError> {
        let Some(found) = self.find_apart(false) else {
            let mut bytes = vec![0; offset];
            bytes.extend_from_slice(patch);
            self.put(NewValue::from(&bytes[..]), Expiry::Never, true);
            return Ok(());
        };
        self.found = Some(Some(self.shard.overwrite(found, offset, patch)?));
        Ok(())
    }

    /// Stores a value that was taken or copied from another slot, with its end.
    pub(crate) fn put_entry(&mut self, entry: OwnedEntry) {
        let expiry = entry.expires_at.map_or(Expiry::Never, Expiry::At);
        match entry.value {
            OwnedValue::Inline(string) => self.put(NewValue::Inline(&string), expiry, entry.is_edited),
            OwnedValue::External(value) => self.put(NewValue::External(value), expiry, entry.is_edited),
        }
    }

    /// Removes the entry, and tells whether there was one.
    #[inline]
    pub(crate) fn remove(&mut self) -> bool {
        let Some(found) = self.find_apart(false) else { return false };
        let removed = self.shard.remove(self.hash, found);
        self.found = Some(None);
        self.discard(removed);
        true
    }

    /// Takes the entry out.
    pub(crate) fn take(&mut self) -> Option<OwnedEntry> {
        let found = self.find_apart(false)?;
        let entry = self.shard.entry(found);
        let (is_edited, expires_at) = (entry.is_edited(), entry.expires_at());
        let inline = entry.inline_string().map(ByteString::copy_from);
        let value = self.shard.remove(self.hash, found);
        self.found = Some(None);
        let value = inline.map(OwnedValue::Inline).or(value.map(OwnedValue::External))?;
        Some(OwnedEntry { value, is_edited, expires_at })
    }

    /// Sets when the entry ends. One that ends already is removed.
    pub(crate) fn expire_at(&mut self, expiry: Expiry) {
        let Some(found) = self.find_apart(false) else { return };
        if self.is_expired(expiry) {
            self.remove();
        } else {
            self.found = Some(Some(self.shard.expire_at(found, expiry, self.context)));
        }
    }

    /// Drops a value, after the locks where there are several.
    #[inline]
    fn discard(&mut self, value: Option<Value>) {
        if let (Some(value), Some(removed)) = (value, &mut self.removed) {
            removed.push(value);
        }
    }

    #[inline]
    fn is_expired(&self, expiry: Expiry) -> bool {
        matches!(expiry, Expiry::At(at) if at <= self.context.now())
    }

    /// Where the entry is. `uses` tells whether it counts as used.
    #[inline(always)]
    fn find(&mut self, uses: bool) -> Option<Found> {
        let Some(found) = self.found else {
            let found = self.shard.find(self.hash, self.key, uses, self.context);
            self.found = Some(found);
            return found;
        };
        if let (Some(found), true) = (found, uses) {
            self.shard.touch(found, self.context);
        }
        found
    }

    /// The same, but not inlined: for commands beside those that only read, which are the shortest and most frequent.
    #[inline(never)]
    fn find_apart(&mut self, uses: bool) -> Option<Found> {
        self.find(uses)
    }
}

/// What one slot gives to another: a value and what belongs to it.
#[derive(Debug)]
pub(crate) struct OwnedEntry {
    value: OwnedValue,
    is_edited: bool,
    expires_at: Option<u64>,
}

/// A value on its way.
#[derive(Debug)]
enum OwnedValue {
    Inline(ByteString),
    External(Value),
}

/// A copy.
impl From<Entry<'_>> for OwnedEntry {
    fn from(entry: Entry<'_>) -> Self {
        let value = match entry.value() {
            NewValue::Inline(bytes) => OwnedValue::Inline(ByteString::copy_from(bytes)),
            NewValue::External(value) => OwnedValue::External(value),
        };
        Self { value, is_edited: entry.is_edited(), expires_at: entry.expires_at() }
    }
}
