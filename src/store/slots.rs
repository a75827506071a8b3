//! [`Slots`]: the keys of a command while it runs. Their shards are locked for that time.

use kvstore_protocol::{ByteString, CommandError};

use super::{
    context::Context,
    databases::PerKey,
    shard::{Entry, Expiry, Found, Shard},
    value::{NewValue, StringRef, Value, overwritten},
};

/// One slot for each key of a command, in the order of the keys.
pub(crate) struct Slots<'a> {
    context: &'a Context<'a>,
    shards: HeldShards<'a>,
    keys: &'a [LocatedKey<'a>],
}

/// The shards of the keys, which are locked.
pub(super) enum HeldShards<'a> {
    One(&'a mut Shard),
    Many {
        shards: PerKey<&'a mut Shard>,
        /// Removed values, which are dropped after the locks.
        removed: &'a mut Vec<Value>,
    },
}

/// A key, its hash, and the index of its shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocatedKey<'a> {
    pub(super) key: &'a [u8],
    pub(super) hash: u64,
    pub(super) shard: usize,
}

impl<'a> Slots<'a> {
    #[inline(always)]
    pub(super) fn new(context: &'a Context<'a>, shards: HeldShards<'a>, keys: &'a [LocatedKey<'a>]) -> Self {
        Self { context, shards, keys }
    }

    /// The number of slots.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The slot of the first key.
    #[inline(always)]
    pub(crate) fn first(&mut self) -> Slot<'_> {
        self.at(0)
    }

    /// The slot of the key at `index`.
    ///
    /// # Panics
    /// If the command has fewer keys.
    #[inline(always)]
    pub(crate) fn at(&mut self, index: usize) -> Slot<'_> {
        let LocatedKey { key, hash, shard } = self.keys[index];
        let (shard, removed) = match &mut self.shards {
            HeldShards::One(shard) => (&mut **shard, None),
            HeldShards::Many { shards, removed } => (&mut *shards[shard], Some(&mut **removed)),
        };
        Slot { context: self.context, shard, removed, key, hash, found: None }
    }

    /// Whether two of the keys are the same key of the same database.
    pub(crate) fn are_same(&self, first: usize, second: usize) -> bool {
        let (first, second) = (self.keys[first], self.keys[second]);
        (first.shard, first.key) == (second.shard, second.key)
    }
}

/// One key: empty, or with an entry that has not expired.
pub(crate) struct Slot<'a> {
    context: &'a Context<'a>,
    shard: &'a mut Shard,
    removed: Option<&'a mut Vec<Value>>,
    key: &'a [u8],
    hash: u64,
    /// Where the entry is, once it was searched: a command searches its key once.
    found: Option<Option<Found>>,
}

impl Slot<'_> {
    /// The entry, for a client that reads it: counts a hit or a miss, and is an access.
    #[inline(always)]
    pub(crate) fn read(&mut self) -> Option<Entry<'_>> {
        let found = self.find(true);
        self.shard.count(found.is_some());
        found.map(|found| self.shard.entry(found))
    }

    /// The string, for a client that reads it.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Option<StringRef<'_>>, CommandError> {
        // Not by `map`, whose closure is a call otherwise.
        match self.read() {
            None => Ok(None),
            Some(entry) => entry.string().map(Some),
        }
    }

    /// The entry, for a client that reads it: counts a hit or a miss, but is no access.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<Entry<'_>> {
        let found = self.find(false);
        self.shard.count(found.is_some());
        found.map(|found| self.shard.entry(found))
    }

    /// The entry, for a command that modifies it: is an access.
    #[inline(always)]
    pub(crate) fn entry(&mut self) -> Option<Entry<'_>> {
        self.find_to_write(true).map(|found| self.shard.entry(found))
    }

    /// Whether there is an entry.
    #[inline]
    pub(crate) fn exists(&mut self) -> bool {
        self.find_to_write(true).is_some()
    }

    /// Stores a value without an expiry.
    #[inline]
    pub(crate) fn set<'c>(&mut self, value: impl Into<NewValue<'c>>) {
        self.put(value.into(), Expiry::Never, false);
    }

    /// Stores a value. An existing entry keeps its expiry.
    #[inline]
    pub(crate) fn replace<'c>(&mut self, value: impl Into<NewValue<'c>>) {
        self.put(value.into(), Expiry::Keep, false);
    }

    /// Stores a value with an expiry. One that has passed removes the entry instead.
    #[inline]
    pub(crate) fn put(&mut self, value: NewValue<'_>, expiry: Expiry, is_edited: bool) {
        if self.is_expired(expiry) {
            self.remove();
            return;
        }
        let Some(found) = self.find_to_write(false) else {
            let found = self.shard.insert(self.hash, self.key, value, (expiry, is_edited), self.context);
            self.found = Some(Some(found));
            return;
        };
        let (found, replaced) = self.shard.write(found, value, (expiry, is_edited), self.context);
        self.shard.reset_idle_time(found, self.context);
        self.found = Some(Some(found));
        self.discard(replaced);
    }

    /// Appends bytes to the string, and returns its new length. Does nothing if there is no entry.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    pub(crate) fn append(&mut self, tail: &[u8]) -> Result<usize, CommandError> {
        let Some(found) = self.find_to_write(false) else { return Ok(0) };
        let (found, length) = self.shard.append(found, tail)?;
        self.found = Some(Some(found));
        Ok(length)
    }

    /// Overwrites the bytes of the string from `offset` on. A gap is filled with zeros; a missing key is an empty string.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    pub(crate) fn overwrite(&mut self, offset: usize, patch: &[u8]) -> Result<(), CommandError> {
        let Some(found) = self.find_to_write(false) else {
            self.put(NewValue::from(&mut overwritten(&[], offset, patch)), Expiry::Never, true);
            return Ok(());
        };
        self.found = Some(Some(self.shard.overwrite(found, offset, patch)?));
        Ok(())
    }

    /// Stores an entry that was taken or copied from another slot, with its expiry.
    pub(crate) fn put_entry(&mut self, entry: OwnedEntry) {
        let expiry = entry.expires_at.map_or(Expiry::Never, Expiry::At);
        match entry.value {
            OwnedValue::Inline(string) => self.put(NewValue::Inline(&string), expiry, entry.is_edited),
            OwnedValue::External(value) => self.put(NewValue::External(value), expiry, entry.is_edited),
        }
    }

    /// Removes the entry, and returns whether there was one.
    #[inline]
    pub(crate) fn remove(&mut self) -> bool {
        let Some(found) = self.find_to_write(false) else { return false };
        let removed = self.shard.remove(self.hash, found);
        self.found = Some(None);
        self.discard(removed);
        true
    }

    /// Takes the entry out.
    pub(crate) fn take(&mut self) -> Option<OwnedEntry> {
        let found = self.find_to_write(false)?;
        let entry = self.shard.entry(found);
        let (is_edited, expires_at) = (entry.is_edited(), entry.expires_at());
        let inline = entry.inline_string().map(ByteString::copy_from);
        let value = self.shard.remove(self.hash, found);
        self.found = Some(None);
        let value = inline.map(OwnedValue::Inline).or(value.map(OwnedValue::External))?;
        Some(OwnedEntry { value, is_edited, expires_at })
    }

    /// Sets the expiry of the entry. One that has passed removes the entry.
    pub(crate) fn expire_at(&mut self, expiry: Expiry) {
        let Some(found) = self.find_to_write(false) else { return };
        if self.is_expired(expiry) {
            self.remove();
        } else {
            self.found = Some(Some(self.shard.expire_at(found, expiry, self.context)));
        }
    }

    /// Drops a value: after the locks if there are several.
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

    /// Where the entry is. `touches` says whether this is an access.
    #[inline(always)]
    fn find(&mut self, touches: bool) -> Option<Found> {
        let Some(found) = self.found else {
            let found = self.shard.find(self.hash, self.key, touches, self.context);
            self.found = Some(found);
            return found;
        };
        if let (Some(found), true) = (found, touches) {
            self.shard.touch(found, self.context);
        }
        found
    }

    /// The same, not inlined: for commands that write. Those that read are the shortest and most frequent.
    #[inline(never)]
    fn find_to_write(&mut self, touches: bool) -> Option<Found> {
        self.find(touches)
    }
}

/// An entry without its key, on its way from one slot to another.
#[derive(Debug)]
pub(crate) struct OwnedEntry {
    value: OwnedValue,
    is_edited: bool,
    expires_at: Option<u64>,
}

/// The value of an [`OwnedEntry`].
#[derive(Debug)]
enum OwnedValue {
    Inline(ByteString),
    External(Value),
}

/// Copies an entry.
impl From<Entry<'_>> for OwnedEntry {
    fn from(entry: Entry<'_>) -> Self {
        let value = match entry.value() {
            NewValue::Inline(bytes) => OwnedValue::Inline(ByteString::copy_from(bytes)),
            NewValue::External(value) => OwnedValue::External(value),
        };
        Self { value, is_edited: entry.is_edited(), expires_at: entry.expires_at() }
    }
}
