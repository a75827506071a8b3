//! [`Shard`]: a part of a database, and everything that is protected by its lock.
//!
//! The table finds the handle of a key's record; the heap has the records.
//!
//! - `table` handles by the hashes of keys; `hasher` the hash
//! - `heap` entries: their records in a `slab`, long keys and external values in an `arena`, expiries in an `expiry_wheel`
//! - `directory` vectors that grow in bounded steps
//! - `record` the layout of one entry in bytes
//! - `prefetch` the processor's prefetch instruction

mod arena;
mod directory;
mod expiry_wheel;
mod hasher;
mod heap;
mod prefetch;
mod record;
mod slab;
mod table;

use std::ops::AddAssign;

use kvstore_protocol::CommandError;

use super::{
    context::Context,
    value::{NewValue, Value},
};
use crate::server::NoTouch;
use expiry_wheel::Due;
use heap::{Heap, Relocated, Written};
use table::{Matcher, Position, Records, Table};

pub(crate) use hasher::Hasher;
pub(crate) use heap::{Entry, Expiry};

/// The entries of a part of the keys of a database.
#[derive(Debug)]
pub(crate) struct Shard {
    hasher: Hasher,
    table: Table,
    heap: Heap,
    pub(super) statistics: Statistics,
}

/// Counts that INFO shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// Reads that found their key.
    pub(crate) hits: u64,
    /// Reads that did not.
    pub(crate) misses: u64,
    /// Keys that were removed because they had expired.
    pub(crate) expired: u64,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
    }
}

/// Where an entry is. Valid until another entry of the shard is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found(Position);

impl Shard {
    pub(super) fn new(hasher: Hasher) -> Self {
        Self { hasher, table: Table::default(), heap: Heap::default(), statistics: Statistics::default() }
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The number of entries with an expiry, and the sum of the expiries.
    pub(super) fn expiries(&self) -> (usize, u128) {
        (self.heap.expiry_wheel().len(), self.heap.expiry_wheel().total())
    }

    /// Finds the entry of a key. An expired entry is removed and not found. `touches` says whether this is an access.
    #[inline(always)]
    pub(crate) fn find(&mut self, hash: u64, key: &[u8], touches: bool, context: &Context<'_>) -> Option<Found> {
        let (position, (expires_at, accessed)) = self.table.find(hash, &WithKey { heap: &self.heap, key })?;
        if expires_at.is_some_and(|at| at <= context.now()) {
            self.expired(hash, Found(position));
            return None;
        }
        if touches && accessed != context.lru_clock() {
            self.touch(Found(position), context);
        }
        Some(Found(position))
    }

    /// The entry at a position.
    #[inline]
    pub(crate) fn entry(&self, found: Found) -> Entry<'_> {
        self.heap.entry(found.0.handle)
    }

    /// Counts a hit or a miss.
    #[inline]
    pub(crate) fn count(&mut self, is_hit: bool) {
        match is_hit {
            true => self.statistics.hits += 1,
            false => self.statistics.misses += 1,
        }
    }

    /// Sets the time of the last access, unless the client has turned that off (CLIENT NO-TOUCH).
    pub(crate) fn touch(&mut self, found: Found, context: &Context<'_>) {
        if context.session().extensions().get::<NoTouch>().is_none() {
            self.heap.touch(found.0.handle, context.lru_clock());
        }
    }

    /// Creates an entry for a key that has none.
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

    /// Replaces the value of an entry, and returns the value before if that was external.
    #[inline]
    pub(crate) fn write(
        &mut self,
        found: Found,
        value: NewValue<'_>,
        how: (Expiry, bool),
        context: &Context<'_>,
    ) -> (Found, Option<Value>) {
        let written = self.heap.write(found.0.handle, value, how, || context.now());
        self.update(found, written)
    }

    /// Sets the time of the last access, as for a new entry.
    #[inline]
    pub(crate) fn reset_idle_time(&mut self, found: Found, context: &Context<'_>) {
        self.heap.touch(found.0.handle, context.lru_clock());
    }

    /// Sets the expiry of an entry, which has not passed.
    pub(crate) fn expire_at(&mut self, found: Found, expiry: Expiry, context: &Context<'_>) -> Found {
        let written = self.heap.expire_at(found.0.handle, expiry, || context.now());
        self.update(found, written).0
    }

    /// Appends bytes to a string, and returns its new length.
    pub(crate) fn append(&mut self, found: Found, tail: &[u8]) -> Result<(Found, usize), CommandError> {
        let (written, length) = self.heap.append(found.0.handle, tail)?;
        Ok((self.update(found, written).0, length))
    }

    /// Overwrites the bytes of a string from `offset` on.
    pub(crate) fn overwrite(&mut self, found: Found, offset: usize, patch: &[u8]) -> Result<Found, CommandError> {
        let written = self.heap.overwrite(found.0.handle, offset, patch)?;
        Ok(self.update(found, written).0)
    }

    /// Removes an entry, and returns its value if that was external.
    pub(crate) fn remove(&mut self, hash: u64, found: Found) -> Option<Value> {
        let (value, relocated) = self.heap.remove(found.0.handle);
        // The table first: the record that was moved has the handle of the removed one.
        self.table.remove(hash, found.0);
        self.redirect(relocated);
        value
    }

    /// Removes expired entries in at most `limit` steps, and returns the number of steps.
    pub(super) fn remove_expired(&mut self, now: u64, limit: usize) -> usize {
        for step in 0..limit {
            match self.heap.next_due(now) {
                None => return step,
                Some(Due::Cascaded) => {}
                Some(Due::Record(handle)) => self.remove_record(handle),
            }
        }
        limit
    }

    /// Takes out all entries. The statistics stay.
    pub(super) fn clear(&mut self) -> Self {
        let new = Self { statistics: self.statistics, ..Self::new(self.hasher.clone()) };
        std::mem::replace(self, new)
    }

    /// Visits the entries in the bucket that `cursor` names, and returns the next cursor, 0 after the last.
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

    /// Prefetches the bucket of a hash.
    #[inline]
    pub(super) fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// Prefetches the entries that a hash may refer to. The bucket should be in the cache.
    #[inline]
    pub(super) fn prefetch_entries(&self, hash: u64) {
        self.table.prefetch_records(hash, &Keyed { hasher: &self.hasher, heap: &self.heap });
    }

    /// Removes an entry that was found to be expired.
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

    /// Updates the table after a record was written.
    #[inline]
    fn update(&mut self, found: Found, written: Written) -> (Found, Option<Value>) {
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
        // Entries are often removed in a row. The record that moves next is known, and nothing else prefetches its bucket.
        if let Some(next) = self.heap.last_like(to) {
            self.table.prefetch_bucket(self.hasher.hash(self.heap.entry(next).key()));
        }
    }
}

/// Recognizes the record of a key, and reads its expiry and its last access.
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

/// The records, as the table sees them.
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
