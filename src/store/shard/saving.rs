//! How a shard is saved by a snapshot.
//!
//! At its cut a new epoch begins. Each entry of the old epoch is encoded once: when the walk of the snapshot comes to it, or before
//! its first change after the cut.

use std::sync::Arc;

use bytes::Bytes;

use super::{Entry, Expiry, Found, Keyed, Shard, Write};
use crate::store::{
    rdb::Parts,
    snapshot::{Images, Large, Saving, value_of, write_entry, write_head},
    value::{NewValue, Value},
};

/// The size of a value from which on it is kept instead of encoded, where the lock is held.
const LARGE: usize = 8 * 1024;

/// The size of a collection from which on it is saved in slices of its own.
const SLICED: usize = 256 * 1024;

/// The most bytes, and about the most entries, that are saved under one lock: that takes some ten microseconds.
const SLICE_BYTES: usize = 64 * 1024;
const SLICE: usize = 256;

/// The entries that are looked at together.
const BATCH: usize = 32;

/// Who else uses a shard that is walked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Walk {
    /// Others wait for its lock: long strings go to the images.
    Shared,
    /// Nobody.
    Owned,
}

/// What came of a slice of a shard.
#[derive(Debug, Default)]
pub(in super::super) struct Slice {
    /// The number of entries that were encoded.
    pub(in super::super) entries: u64,
    /// The entry that is next, which is large.
    pub(in super::super) large: Option<Large>,
}

/// What came of a slice of a large collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Part {
    More,
    /// It is saved.
    Last,
    /// The entry has changed, and was saved before that.
    Gone,
}

impl Shard {
    /// The number of changes so far.
    pub(in super::super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Begins a new epoch: all entries are to be saved as they are now.
    pub(in super::super) fn begin_saving(&mut self, database: usize, images: &Arc<Images>) {
        if self.table.len() > 0 {
            self.heap.begin_epoch();
            images.begin_shard();
            self.saving = Some(Box::new(Saving { database, cursor: 0, images: Arc::clone(images) }));
        }
    }

    /// Whether there are entries of the old epoch.
    #[inline(always)]
    pub(in super::super) fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Encodes the next entries of the old epoch. Stops in front of one with a large collection, if others wait for the lock.
    pub(in super::super) fn save_slice(&mut self, walk: Walk, buffer: &mut Vec<u8>) -> Slice {
        let (limit, mut slice) = (buffer.len() + SLICE_BYTES, Slice::default());
        let mut handles = Vec::new();
        for _ in 0..SLICE / BATCH {
            let Some(cursor) = self.saving.as_ref().map(|saving| saving.cursor) else { return slice };
            let records = Keyed { hasher: &self.hasher, heap: &self.heap };
            let next = self.table.scan_many(cursor, BATCH, &records, |handle| handles.push(handle));
            for handle in handles.drain(..) {
                // The walk comes here again, and those that are saved are skipped.
                if buffer.len() > limit {
                    return slice;
                }
                if walk == Walk::Shared
                    && let Some(large) = self.large_of(handle)
                {
                    return Slice { large: Some(large), ..slice };
                }
                slice.entries += u64::from(self.save_record(handle, walk, buffer));
            }
            self.advance(next);
        }
        slice
    }

    /// Encodes a slice of a large collection, if its entry is of the old epoch still.
    pub(in super::super) fn save_part(&mut self, large: &mut Large, buffer: &mut Vec<u8>) -> Part {
        let Some(saving) = self.saving.as_ref().filter(|saving| saving.database == large.database) else {
            return Part::Gone;
        };
        let Some((found, entry)) = self.find(large.hash, &large.key) else { return Part::Gone };
        if !self.heap.is_old(found.0.handle()) {
            return Part::Gone;
        }
        let parts = large.parts.get_or_insert_with(|| {
            write_head(saving.database, entry, saving.images.accessed(), buffer);
            Parts::default()
        });
        if !parts.write(value_of(entry), SLICE_BYTES, buffer) {
            return Part::More;
        }
        self.heap.enter_epoch(found.0.handle());
        Part::Last
    }

    /// The large collection of a key that is to be saved before it is changed.
    pub(in super::super) fn large_to_save(&self, hash: u64, key: &[u8]) -> Option<Large> {
        if !self.is_saving() {
            return None;
        }
        self.find(hash, key).and_then(|(found, _)| self.large_of(found.0.handle()))
    }

    /// Whether a running snapshot is to save the value of a record in slices, so that nothing should change it.
    pub(super) fn is_to_be_saved_in_slices(&self, handle: u32) -> bool {
        self.is_saving() && self.large_of(handle).is_some()
    }

    fn large_of(&self, handle: u32) -> Option<Large> {
        let (saving, entry) = (self.saving.as_ref()?, self.heap.entry(handle));
        let value = entry.external().filter(|value| !matches!(value, Value::String(_)))?;
        (value.size() >= SLICED && self.heap.is_old(handle)).then(|| Large {
            database: saving.database,
            hash: self.hasher.hash(entry.key()),
            key: Bytes::copy_from_slice(entry.key()),
            parts: None,
        })
    }

    /// Moves the next entries to the new epoch without saving them. Returns whether any are left.
    pub(in super::super) fn skip_slice(&mut self) -> bool {
        let Some(cursor) = self.saving.as_ref().map(|saving| saving.cursor) else { return false };
        let (mut handles, records) = (Vec::new(), Keyed { hasher: &self.hasher, heap: &self.heap });
        let next = self.table.scan_many(cursor, SLICE, &records, |handle| handles.push(handle));
        handles.into_iter().for_each(|handle| _ = self.heap.enter_epoch(handle));
        self.advance(next);
        self.is_saving()
    }

    /// Gives a shard that nobody else has any more to the snapshot, if that needs it.
    pub(in super::super) fn hand_over(self) -> Option<Self> {
        let Some(saving) = &self.saving else { return Some(self) };
        let images = Arc::clone(&saving.images);
        images.add_shard(self, 0);
        None
    }

    /// Saves an entry that is about to change, if it is of the old epoch.
    #[inline(always)]
    pub(super) fn save(&mut self, found: Found) {
        if self.is_saving() {
            self.save_old(found);
        }
    }

    #[cold]
    fn save_old(&mut self, found: Found) {
        if let Some(kept) = self.leave(found) {
            match self.entry(found).external() {
                // It is shared, and copied when it is changed.
                Some(value @ Value::String(_)) => kept.give(value.clone()),
                _ => self.add_image(found),
            }
        }
    }

    /// Encodes the entry of a record if it is of the old epoch. Returns whether it did.
    fn save_record(&mut self, handle: u32, walk: Walk, buffer: &mut Vec<u8>) -> bool {
        let Some(saving) = &self.saving else { return false };
        if !self.heap.enter_epoch(handle) {
            return false;
        }
        let entry = self.heap.entry(handle);
        match entry.external() {
            Some(value @ Value::String(_)) if walk == Walk::Shared && value.size() >= LARGE => {
                self.keep(entry, saving).give(value.clone());
                false
            }
            _ => {
                write_entry(saving.database, entry, saving.images.accessed(), buffer);
                true
            }
        }
    }

    fn advance(&mut self, cursor: u64) {
        let Some(saving) = &mut self.saving else { return };
        saving.cursor = cursor;
        if cursor == 0
            && let Some(saving) = self.saving.take()
        {
            saving.images.finish_shard();
        }
    }

    /// Moves an entry to the new epoch, before it changes. One of the old epoch is encoded, or kept if it is large: then its
    /// value is still to come.
    #[cold]
    pub(super) fn leave(&mut self, found: Found) -> Option<Box<Kept>> {
        let handle = found.0.handle();
        if !self.heap.enter_epoch(handle) {
            return None;
        }
        let (saving, entry) = (self.saving.as_ref()?, self.heap.entry(handle));
        if entry.external().is_some_and(|value| value.size() >= LARGE) {
            return Some(Box::new(self.keep(entry, saving)));
        }
        saving.images.add(saving.database, entry);
        None
    }

    fn add_image(&self, found: Found) {
        if let Some(saving) = &self.saving {
            saving.images.add(saving.database, self.entry(found));
        }
    }

    fn keep(&self, entry: Entry<'_>, saving: &Saving) -> Kept {
        let mut shard = Self::new(self.hasher.clone(), self.heap.allocated());
        let expiry = entry.expires_at().map_or(Expiry::Never, Expiry::At);
        let write = Write { is_edited: entry.is_edited(), ..Write::new(expiry) };
        let (hash, key) = (self.hasher.hash(entry.key()), entry.key());
        let found = shard.insert(hash, key, NewValue::External(Value::default()), write, (entry.accessed(), 0));
        Kept { shard, found, database: saving.database, images: Arc::clone(&saving.images) }
    }
}

/// An entry of the old epoch in a shard of its own, without its value.
pub(super) struct Kept {
    shard: Shard,
    found: Found,
    database: usize,
    images: Arc<Images>,
}

impl Kept {
    /// Gives the entry its value, and to the snapshot. An entry that is kept has one.
    #[cold]
    pub(super) fn give(mut self, value: impl Into<Option<Value>>) {
        let Some(value) = value.into() else { return };
        let size = value.size();
        self.shard.put_external(self.found, value);
        self.shard.begin_saving(self.database, &self.images);
        self.images.add_shard(self.shard, size);
    }
}
