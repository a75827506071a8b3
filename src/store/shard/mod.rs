//! [`Shard`]: a part of a database, and everything that is protected by its lock.
//!
//! The table finds the handle of a key's record; the heap has the records.
//!
//! - `heap` entries: their records in a slab, long keys and external values in arenas, expiries in an `expiry_wheel`
//! - `record` the layout of one entry in bytes
//! - `saving` how a snapshot saves the entries as they were at its cut

mod expiry_wheel;
mod heap;
mod record;
mod saving;

use std::{cell::Cell, ops::AddAssign, time::Duration};

use kvstore_protocol::ByteString;

use super::{
    memory::{Hasher, Matcher, Position, Records, Relocated, Table},
    snapshot::Saving,
    value::{Editable, Hash, HashRef, NewValue, Value},
};
use expiry_wheel::Due;
use heap::{Heap, Written};

pub(crate) use heap::{Entry, Expiry, Write};
pub(super) use saving::{Part, Slice, Walk};

/// The entries of a part of the keys of a database.
#[derive(Debug)]
pub(crate) struct Shard {
    hasher: Hasher,
    table: Table,
    heap: Heap,
    hits: Cell<u64>,
    misses: Cell<u64>,
    expired: u64,
    expired_fields: u64,
    /// Changes whenever an entry may be at another position.
    version: u32,
    /// Whether a panic may have left the shard inconsistent.
    is_sealed: bool,
    /// There while a snapshot has entries of the old epoch to save.
    saving: Option<Box<Saving>>,
    /// The number of changes so far, which SWAPDB leaves where it is.
    changes: u64,
    /// The time of the latest commit that asked for it.
    latest: Cell<Duration>,
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
    /// Fields of hashes that were removed because they had expired.
    pub(crate) expired_fields: u64,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
        self.expired_fields += other.expired_fields;
    }
}

/// What active expiry has removed.
#[derive(Debug)]
pub(super) enum Expired {
    /// A key, with its value if that was external.
    Key(Option<Value>),
    /// A hash whose fields have all expired, with its value.
    Hash(Option<Value>),
    /// Fields of a hash, by their names.
    Fields(Vec<Box<[u8]>>),
}

impl Expired {
    /// How much work it was.
    fn steps(&self) -> usize {
        match self {
            Self::Key(_) | Self::Hash(_) => 1,
            Self::Fields(names) => names.len().max(1),
        }
    }
}

/// The milliseconds after which active expiry looks again at a hash that a snapshot is about to save.
const SAVED_WITHIN: u64 = 100;

/// Where an entry is. Valid as long as the shard has the same version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found(Position);

impl Shard {
    /// An empty shard. `allocated` says how many bytes an allocation takes.
    pub(super) fn new(hasher: Hasher, allocated: fn(usize) -> usize) -> Self {
        Self {
            hasher,
            table: Table::default(),
            heap: Heap::new(allocated),
            hits: Cell::new(0),
            misses: Cell::new(0),
            expired: 0,
            expired_fields: 0,
            version: 0,
            is_sealed: false,
            saving: None,
            changes: 0,
            latest: Cell::new(Duration::ZERO),
        }
    }

    /// Changes whenever an entry may be at another position.
    #[inline]
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Whether a command has failed while it changed the shard.
    #[inline]
    pub(crate) fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Whether some commands are refused: the shard is sealed, or full.
    #[inline(always)]
    pub(crate) fn is_restricted(&self) -> bool {
        self.is_sealed || self.heap.is_full()
    }

    /// Lets the shard be full from `chunks` chunks of records on.
    #[cfg(test)]
    pub(crate) fn set_full_from(&mut self, chunks: usize) {
        self.heap.set_full_from(chunks);
    }

    /// Refuses all commands until the shard is cleared.
    #[cold]
    pub(crate) fn seal(&mut self) {
        self.is_sealed = true;
    }

    /// The time, or that of the latest commit if the clock was set back. Remembers it.
    pub(crate) fn not_before(&self, now: Duration) -> Duration {
        self.latest.set(self.latest.get().max(now));
        self.latest.get()
    }

    /// Hits, misses and expired keys so far.
    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            hits: self.hits.get(),
            misses: self.misses.get(),
            expired: self.expired,
            expired_fields: self.expired_fields,
        }
    }

    /// Sets the statistics.
    pub(super) fn set_statistics(&mut self, statistics: Statistics) {
        let Statistics { hits, misses, expired, expired_fields } = statistics;
        self.hits.set(hits);
        self.misses.set(misses);
        (self.expired, self.expired_fields) = (expired, expired_fields);
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The memory of the entries, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.table.memory() + self.heap.memory()
    }

    /// The memory of the long keys and values, in bytes.
    pub(super) fn external_memory(&self) -> usize {
        self.heap.external_memory()
    }

    /// The memory of the value of a key, in bytes; 0 if it is short.
    pub(super) fn size_of_value(&self, hash: u64, key: &[u8]) -> usize {
        self.find(hash, key).and_then(|(_, entry)| entry.external()).map_or(0, Value::size)
    }

    /// The number of entries with an expiry, and the sum of the expiries.
    pub(super) fn expiries(&self) -> (usize, u128) {
        (self.heap.expiry_wheel().len(), self.heap.expiry_wheel().total())
    }

    /// The number of hashes with fields that expire.
    pub(super) fn hashes_with_expiries(&self) -> usize {
        self.heap.hashes_with_expiries()
    }

    /// Finds the entry of a key, also an expired one.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<(Found, Entry<'_>)> {
        let (position, entry) = self.table.find(hash, &WithKey { heap: &self.heap, key })?;
        Some((Found(position), entry))
    }

    /// The entry at a position.
    #[inline]
    pub(crate) fn entry(&self, found: Found) -> Entry<'_> {
        self.heap.entry(found.0.handle())
    }

    /// Counts a hit or a miss.
    #[inline]
    pub(crate) fn count(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.set(counter.get() + 1);
    }

    /// Counts a hit or a miss less: the command runs again.
    pub(crate) fn take_back_count(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.set(counter.get().saturating_sub(1));
    }

    /// Counts an entry that was removed because it had expired.
    pub(crate) fn count_expired(&mut self) {
        self.expired += 1;
    }

    /// Counts fields that were removed because they had expired.
    pub(crate) fn count_expired_fields(&mut self, fields: usize) {
        self.expired_fields += fields as u64;
    }

    /// Sets the time of the last access.
    #[inline]
    pub(crate) fn touch(&mut self, found: Found, lru_clock: u32) {
        self.heap.touch(found.0.handle(), lru_clock);
    }

    /// Creates an entry for a key that has none. `now` is the time, for one with an expiry.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        key: &[u8],
        value: NewValue<'_>,
        write: Write,
        (lru_clock, now): (u32, u64),
    ) -> Found {
        self.version = self.version.wrapping_add(1);
        self.changes += 1;
        let handle = self.heap.create(key, value, write, (lru_clock, now));
        Found(self.table.insert(hash, handle, &Keyed { hasher: &self.hasher, heap: &self.heap }))
    }

    /// Replaces the value of an entry, and returns the value before if that was external. `now` is the time, for an expiry
    /// that is set.
    #[inline]
    pub(crate) fn write(
        &mut self,
        found: Found,
        value: NewValue<'_>,
        write: Write,
        now: u64,
    ) -> (Found, Option<Value>) {
        let kept = if self.is_saving() { self.leave(found) } else { None };
        self.changes += 1;
        let written = self.heap.write(found.0.handle(), value, write, now);
        let (found, replaced) = self.update(found, written);
        match kept {
            Some(kept) => {
                kept.give(replaced);
                (found, None)
            }
            None => (found, replaced),
        }
    }

    /// Sets the expiry of an entry, which has not passed.
    pub(crate) fn expire_at(&mut self, found: Found, expiry: Expiry, now: u64) -> Found {
        self.save(found);
        self.changes += 1;
        let written = self.heap.expire_at(found.0.handle(), expiry, now);
        self.update(found, written).0
    }

    /// Takes the external value of an entry out, for a command that changes it. An empty one is in its place meanwhile.
    pub(crate) fn take_external(&mut self, found: Found) -> Option<Value> {
        self.save(found);
        self.heap.take_external(found.0.handle())
    }

    /// Sets the time of the last access, and marks the value as modified in place.
    pub(crate) fn mark_edited(&mut self, found: Found, lru_clock: u32) {
        self.changes += 1;
        self.heap.mark_edited(found.0.handle(), lru_clock);
    }

    /// Puts the external value of an entry back that was taken out.
    pub(crate) fn put_external(&mut self, found: Found, value: Value) {
        let now = self.latest.get().as_millis() as u64;
        self.heap.put_external(found.0.handle(), value, now);
    }

    /// Removes at most so many fields that expired before `now` from a hash, in which others are left. Returns their names.
    pub(crate) fn remove_expired_fields(&mut self, found: Found, now: u64, most: usize) -> Vec<Box<[u8]>> {
        let Some(value) = self.take_external(found) else { return Vec::new() };
        let mut hash = Hash::from_external(value);
        let names = hash.take_expired(now, most);
        if let Some(value) = hash.take_external() {
            self.put_external(found, value);
        }
        self.count_expired_fields(names.len());
        self.changes += 1;
        names
    }

    /// Removes an entry, and returns its value if that was external, to drop it.
    #[inline]
    pub(crate) fn remove(&mut self, hash: u64, found: Found) -> Option<Value> {
        let kept = if self.is_saving() { self.leave(found) } else { None };
        let value = self.take_out(hash, found);
        match kept {
            Some(kept) => {
                kept.give(value);
                None
            }
            None => value,
        }
    }

    /// Removes an entry whose value is stored elsewhere, and returns the value if that was external.
    pub(crate) fn take(&mut self, hash: u64, found: Found) -> Option<Value> {
        self.save(found);
        self.take_out(hash, found)
    }

    fn take_out(&mut self, hash: u64, found: Found) -> Option<Value> {
        self.version = self.version.wrapping_add(1);
        self.changes += 1;
        let (value, relocated) = self.heap.remove(found.0.handle());
        // The table first: the record that was moved has the handle of the removed one.
        self.table.remove(hash, found.0);
        self.redirect(relocated);
        value
    }

    /// Removes expired entries and fields in about `limit` steps, and returns the number of steps. Calls `visit` with the key of each,
    /// and what was removed.
    pub(super) fn remove_expired(&mut self, now: u64, limit: usize, mut visit: impl FnMut(&[u8], Expired)) -> usize {
        for step in 0..limit {
            // Those whose millisecond is over.
            match self.heap.next_due(now.saturating_sub(1)) {
                None => return step + self.remove_all_expired_fields(now, limit - step, visit),
                Some(Due::Cascaded) => {}
                Some(Due::Record(handle)) => {
                    let key = ByteString::copy_from(self.heap.entry(handle).key());
                    self.count_expired();
                    let value = self.remove_record(handle);
                    visit(&key, Expired::Key(value));
                }
            }
        }
        limit
    }

    /// The same for the fields of hashes.
    fn remove_all_expired_fields(&mut self, now: u64, limit: usize, mut visit: impl FnMut(&[u8], Expired)) -> usize {
        let mut steps = 0;
        while steps < limit {
            match self.heap.next_due_fields(now.saturating_sub(1)) {
                None => break,
                Some(Due::Cascaded) => steps += 1,
                // A running snapshot saves it first, in slices.
                Some(Due::Record(handle)) if self.is_to_be_saved_in_slices(handle) => {
                    self.heap.postpone_fields(handle, now + SAVED_WITHIN);
                    steps += 1;
                }
                Some(Due::Record(handle)) => {
                    let key = ByteString::copy_from(self.heap.entry(handle).key());
                    let expired = self.remove_fields_of(handle, now, limit - steps);
                    steps += expired.steps();
                    if !matches!(&expired, Expired::Fields(names) if names.is_empty()) {
                        visit(&key, expired);
                    }
                }
            }
        }
        steps
    }

    #[cold]
    fn remove_fields_of(&mut self, handle: u32, now: u64, most: usize) -> Expired {
        let entry = self.heap.entry(handle);
        if entry.has_expired(now) {
            let fields = entry.external().and_then(HashRef::of).map_or(0, HashRef::len);
            self.count_expired_fields(fields);
            return Expired::Hash(self.remove_record(handle));
        }
        let hash = self.hasher.hash(entry.key());
        let position = self.table.position(hash, handle);
        Expired::Fields(position.map_or(Vec::new(), |position| self.remove_expired_fields(Found(position), now, most)))
    }

    /// Takes out all entries. The statistics and the time stay. A sealed shard can be used again.
    pub(super) fn clear(&mut self) -> Self {
        let mut new = Self { latest: self.latest.clone(), ..Self::new(self.hasher.clone(), self.heap.allocated()) };
        new.set_statistics(self.statistics());
        new.table.walks = self.table.walks;
        new.version = self.version.wrapping_add(1);
        new.changes = self.changes + self.len() as u64;
        std::mem::replace(self, new)
    }

    /// Swaps the entries with those of another shard.
    pub(super) fn swap(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.table, &mut other.table);
        std::mem::swap(&mut self.table.walks, &mut other.table.walks);
        std::mem::swap(&mut self.heap, &mut other.heap);
        std::mem::swap(&mut self.is_sealed, &mut other.is_sealed);
        std::mem::swap(&mut self.saving, &mut other.saving);
        let latest = self.latest.get().max(other.latest.get());
        for shard in [self, other] {
            shard.latest.set(latest);
            shard.version = shard.version.wrapping_add(1);
            shard.changes += 1;
        }
    }

    /// Visits the entries in the bucket that `cursor` names, and returns the next cursor, 0 after the last.
    pub(super) fn scan(&self, cursor: u64, mut visit: impl FnMut(Entry<'_>)) -> u64 {
        self.table.scan(cursor, |handle| visit(self.heap.entry(handle)))
    }

    /// Visits the entries of buckets from `cursor` on, about `count` of them, and returns the next cursor, 0 after the last.
    pub(super) fn scan_many(&self, cursor: u64, count: usize, mut visit: impl FnMut(Entry<'_>)) -> u64 {
        let records = Keyed { hasher: &self.hasher, heap: &self.heap };
        self.table.scan_many(cursor, count, &records, |handle| visit(self.heap.entry(handle)))
    }

    /// Merges no buckets until the walk ends, so that a scan visits every entry once.
    pub(super) fn begin_walk(&mut self) {
        self.table.walks += 1;
    }

    pub(super) fn end_walk(&mut self) {
        self.table.walks -= 1;
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

    /// Prefetches the external values of the entries that a hash may refer to. The entries should be in the cache.
    #[inline]
    pub(super) fn prefetch_values(&self, hash: u64) {
        if self.heap.has_external_values() {
            self.table.for_each_candidate(hash, |handle| self.heap.prefetch_value(handle));
        }
    }

    #[cold]
    fn remove_record(&mut self, handle: u32) -> Option<Value> {
        let hash = self.hasher.hash(self.heap.entry(handle).key());
        let position = self.table.position(hash, handle)?;
        self.remove(hash, Found(position))
    }

    /// Updates the table after a record was written.
    #[inline]
    fn update(&mut self, found: Found, written: Written) -> (Found, Option<Value>) {
        let mut position = found.0;
        if written.handle != position.handle() {
            self.version = self.version.wrapping_add(1);
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

/// Recognizes the record of a key.
struct WithKey<'a, 'k> {
    heap: &'a Heap,
    key: &'k [u8],
}

impl<'a> Matcher for WithKey<'a, '_> {
    type Facts = Entry<'a>;

    #[inline(always)]
    fn matches(&self, handle: u32) -> Option<Entry<'a>> {
        let entry = self.heap.entry(handle);
        if entry.has_key(self.key) { Some(entry) } else { None }
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
