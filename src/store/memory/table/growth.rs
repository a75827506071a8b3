//! How the table grows and shrinks: by linear hashing.
//!
//! For every eight entries that are inserted one bucket is split in two, and for every six that are removed two are merged.
//! No hash is stored: the keys of a bucket that is split are hashed again, about a dozen at a time.

use smallvec::SmallVec;

use super::{Records, Table, buckets::OVERFLOW, tags::CELLS};

/// The average number of entries of a bucket above which one is split. A third of the cells stay free, so that few buckets
/// overflow before their turn.
pub(super) const LOAD: usize = 8;

/// The average number of entries of a bucket below which two are merged.
pub(super) const LOW_LOAD: usize = 6;

impl Table {
    /// Splits the bucket whose turn it is.
    pub(super) fn split(&mut self, records: &impl Records) {
        let count = self.buckets.len();
        self.buckets.push();
        if count == 0 {
            self.mask = 1;
            return;
        }
        let half = self.mask / 2 + 1;
        // All records are prefetched before the first is read.
        self.chain(count - half).for_each(|handle| records.prefetch(handle));
        let entries = self.drain(count - half);
        if self.buckets.len() > self.mask {
            self.mask = self.mask * 2 + 1;
        }
        for (tag, handle) in entries {
            let is_moved = records.hash(handle) as usize & half != 0;
            self.add(if is_moved { count } else { count - half }, tag, handle);
        }
    }

    /// Merges the last bucket into the one that it was split from.
    pub(super) fn merge(&mut self) {
        let last = self.buckets.len() - 1;
        if last < self.mask / 2 + 1 {
            self.mask /= 2;
        }
        let entries = self.drain(last);
        self.buckets.pop();
        for (tag, handle) in entries {
            self.add(last - (self.mask / 2 + 1), tag, handle);
        }
    }

    /// Empties a bucket and its overflow buckets.
    fn drain(&mut self, home: usize) -> SmallVec<[(u8, u32); 2 * CELLS]> {
        let mut entries = SmallVec::new();
        let mut next = Some(home as u32);
        while let Some(number) = next {
            let bucket = std::mem::take(self.bucket_mut(number));
            entries.extend(bucket.tags.taken().map(|cell| (bucket.tags.get(cell), bucket.handles[cell])));
            if number & OVERFLOW != 0 {
                self.overflow.release(number);
            }
            next = bucket.next();
        }
        entries
    }
}
