//! [`Shard`]: a part of a database, and everything that is consistent under its lock.

use kvstore_protocol::CommandError;

use super::{
    expiry_wheel::Due,
    hash::Hasher,
    heap::{Entry, Expiry, Heap, Relocated, Written},
    table::{Matcher, Position, Records, Table},
};
use crate::{
    server::NoTouch,
    store::{
        context::Context,
        engine::Statistics,
        value::{NewValue, Value},
    },
};

/// Entries, where they are, and the order in which those with an end will end.
#[derive(Debug)]
pub(crate) struct Shard {
    hasher: Hasher,
    table: Table,
    heap: Heap,
    pub(super) statistics: Statistics,
}

/// Where an entry is. Holds until another entry of the shard is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found(Position);

impl Shard {
    pub(super) fn new(hasher: Hasher) -> Self {
        Self { hasher, table: Table::default(), heap: Heap::default(), statistics: Statistics::default() }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many entries have an end, and the sum of the ends.
    pub(super) fn expiries(&self) -> (usize, u128) {
        (self.heap.expiry_wheel().len(), self.heap.expiry_wheel().total())
    }

    /// Finds the entry of a key. One whose time has come is removed and not found. `uses` tells whether it counts as used.
    #[inline(always)]
    pub(crate) fn find(&mut self, hash: u64, key: &[u8], uses: bool, context: &Context<'_>) -> Option<Found> {
        let (position, (expires_at, accessed)) = self.table.find(hash, &WithKey { heap: &self.heap, key })?;
        if expires_at.is_some_and(|at| at <= context.now()) {
            self.expired(hash, Found(position));
            return None;
        }
        if uses && accessed != context.lru_clock() {
            self.touch(Found(position), context);
        }
        Some(Found(position))
    }

    /// The entry, to be read.
    #[inline]
    pub(crate) fn entry(&self, found: Found) -> Entry<'_> {
        self.heap.entry(found.0.handle)
    }

    /// Counts a read that found its key, or did not.
    #[inline]
    pub(crate) fn count(&mut self, is_hit: bool) {
        match is_hit {
            true => self.statistics.hits += 1,
            false => self.statistics.misses += 1,
        }
    }

    /// Notes that the entry was used, unless the client asked for its commands not to count.
    pub(crate) fn touch(&mut self, found: Found, context: &Context<'_>) {
        if context.session().get::<NoTouch>().is_none() {
            self.heap.touch(found.0.handle, context.lru_clock());
        }
    }

    /// Makes an entry for a key that has none.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        key: &[u8],
        value: NewValue<'_>,
        how: (Expiry, bool),
        context: &Context<'_>,
    ) -> Found {
        let handle = self.heap.create(key, value, how, context.lru_clock(), || context.now());
        Found(self.table.insert(hash, handle, &Keyed { hasher: &self.hasher, heap: &self.heap }))
    }

    /// Writes a value over that of an entry, and returns what lay outside before.
    #[inline]
    pub(crate) fn write(
        &mut self,
        found: Found,
        value: NewValue<'_>,
        how: (Expiry, bool),
        context: &Context<'_>,
    ) -> (Found, Option<Value>) {
        let written = self.heap.write(found.0.handle, value, how, || context.now());
        self.note(found, written)
    }

    /// Notes that the entry is new, in a way.
    #[inline]
    pub(crate) fn reset_idle_time(&mut self, found: Found, context: &Context<'_>) {
        self.heap.touch(found.0.handle, context.lru_clock());
    }

    /// Sets when an entry ends, which is not yet.
    pub(crate) fn expire_at(&mut self, found: Found, expiry: Expiry, context: &Context<'_>) -> Found {
        let written = self.heap.expire_at(found.0.handle, expiry, || context.now());
        self.note(found, written).0
    }

    /// Adds bytes at the end of a string, and returns its length.
    pub(crate) fn append(&mut self, found: Found, tail: &[u8]) -> Result<(Found, usize), CommandError> {
        let (written, length) = self.heap.append(found.0.handle, tail)?;
        Ok((self.note(found, written).0, length))
    }

    /// Writes bytes over those of a string from `offset` on.
    pub(crate) fn overwrite(&mut self, found: Found, offset: usize, patch: &[u8]) -> Result<Found, CommandError> {
        let written = self.heap.overwrite(found.0.handle, offset, patch)?;
        Ok(self.note(found, written).0)
    }

    /// Removes an entry, and returns its value if that lay outside.
    pub(crate) fn remove(&mut self, hash: u64, found: Found) -> Option<Value> {
        let (value, relocated) = self.heap.remove(found.0.handle);
        // The table first: the record that moved took the handle of the one that is removed.
        self.table.remove(hash, found.0);
        self.redirect(relocated);
        value
    }

    /// Removes entries whose time has come, in at most about `limit` steps, and returns how many steps it took.
    pub(super) fn expire(&mut self, now: u64, limit: usize) -> usize {
        for step in 0..limit {
            match self.heap.next_due(now) {
                None => return step,
                Some(Due::Cascaded) => {}
                Some(Due::Record(handle)) => self.remove_record(handle),
            }
        }
        limit
    }

    /// Takes everything out but the statistics.
    pub(super) fn clear(&mut self) -> Self {
        let new = Self { statistics: self.statistics, ..Self::new(self.hasher.clone()) };
        std::mem::replace(self, new)
    }

    /// Shows the entries in the bucket that `cursor` names, and returns the next cursor, 0 after the last.
    pub(super) fn scan(&self, cursor: u64, mut visit: impl FnMut(Entry<'_>)) -> u64 {
        self.table.scan(cursor, |handle| visit(self.heap.entry(handle)))
    }

    /// All entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.heap.iter()
    }

    /// The entry at an index among all of them.
    pub(super) fn nth(&self, index: usize) -> Option<Entry<'_>> {
        self.heap.nth(index)
    }

    /// Asks for the bucket that `hash` means.
    #[inline]
    pub(super) fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// Asks for the entries that `hash` may mean. Their bucket should be in the cache.
    #[inline]
    pub(super) fn prefetch_entries(&self, hash: u64) {
        self.table.prefetch_records(hash, &Keyed { hasher: &self.hasher, heap: &self.heap });
    }

    /// Removes an entry that was found over.
    #[cold]
    fn expired(&mut self, hash: u64, found: Found) {
        self.statistics.expired += 1;
        self.remove(hash, found);
    }

    #[cold]
    fn remove_record(&mut self, handle: u32) {
        let hash = self.hasher.hash(self.heap.entry(handle).key());
        if let Some(position) = self.table.position(hash, handle) {
            self.expired(hash, Found(position));
        }
    }

    /// Notes where the records are after one was written.
    #[inline]
    fn note(&mut self, found: Found, written: Written) -> (Found, Option<Value>) {
        let mut position = found.0;
        if written.handle != position.handle {
            position = self.table.set(position, written.handle);
            self.redirect(written.relocated);
        }
        (Found(position), written.replaced)
    }

    fn redirect(&mut self, relocated: Option<Relocated>) {
        let Some(Relocated { from, to }) = relocated else { return };
        let hash = self.hasher.hash(self.heap.entry(to).key());
        if let Some(position) = self.table.position(hash, from) {
            self.table.set(position, to);
        }
        // Whoever removes one entry mostly removes more: which record moves next is matches, and no hint asks for its bucket.
        if let Some(next) = self.heap.last_like(to) {
            self.table.prefetch_bucket(self.hasher.hash(self.heap.entry(next).key()));
        }
    }
}

/// The record of a key, when it ends, and when it was last used.
struct WithKey<'a> {
    heap: &'a Heap,
    key: &'a [u8],
}

impl Matcher for WithKey<'_> {
    type Facts = (Option<u64>, u32);

    #[inline(always)]
    fn matches(&self, handle: u32) -> Option<Self::Facts> {
        let entry = self.heap.entry(handle);
        if entry.has_key(self.key) { Some((entry.expires_at(), entry.accessed())) } else { None }
    }
}

/// What the table asks about records.
struct Keyed<'a> {
    hasher: &'a Hasher,
    heap: &'a Heap,
}

impl Records for Keyed<'_> {
    #[inline]
    fn hash(&self, handle: u32) -> u64 {
        self.hasher.hash(self.heap.entry(handle).key())
    }

    #[inline]
    fn prefetch(&self, handle: u32) {
        self.heap.prefetch(handle);
    }
}
