//! [`Table`]: a hash table that finds the record of a key, and grows by one bucket at a time.
//!
//! A bucket is one cache line: twelve handles, a byte of hash for each, and a link to an overflow bucket. The table uses
//! linear hashing (Litwin, 1980), so no command waits for a rehash of the whole table.
//!
//! - `buckets` one bucket, and how buckets are allocated; `tags` the bytes of hash of a bucket
//! - `growth` splits and merges buckets

mod buckets;
mod compare;
mod growth;
mod tags;

use std::num::NonZeroU32;

use smallvec::SmallVec;

use super::prefetch::prefetch;
use buckets::{Bucket, Buckets, OVERFLOW, Overflow};
use growth::{LOAD, LOW_LOAD};
use tags::Cells;

/// How many buckets a scan prefetches at a time.
const BUCKETS_AT_ONCE: usize = 8;

/// The records that the handles of a table refer to.
pub(in crate::store) trait Records {
    /// The hash of the key of a record.
    fn hash(&self, handle: u32) -> u64;

    /// Prefetches a record.
    fn prefetch(&self, handle: u32);
}

/// Recognizes the handle that is searched for.
pub(in crate::store) trait Matcher {
    /// What it reads of the record on the way.
    type Facts;

    /// The facts of the record, if it is the one.
    fn matches(&self, handle: u32) -> Option<Self::Facts>;
}

/// Recognizes one handle.
struct SameHandle(u32);

impl Matcher for SameHandle {
    type Facts = ();

    fn matches(&self, handle: u32) -> Option<()> {
        (handle == self.0).then_some(())
    }
}

/// Where a handle is in a table. Valid until the next entry is inserted or removed.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Position {
    /// The handle and 1. No handle is `u32::MAX`, so an optional position takes eight bytes.
    handle: NonZeroU32,
    bucket: u32,
}

impl Position {
    #[inline(always)]
    fn new(handle: u32, bucket: u32) -> Self {
        Self { handle: NonZeroU32::MIN.saturating_add(handle), bucket }
    }

    #[inline(always)]
    pub(in crate::store) fn handle(self) -> u32 {
        self.handle.get() - 1
    }
}

/// The handles of records, by the hashes of their keys.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Table {
    /// Twice the largest power of two that is at most the number of buckets, minus 1.
    mask: usize,
    buckets: Buckets,
    len: usize,
    overflow: Overflow,
    /// The number of scans that must visit every entry once. No buckets are merged meanwhile.
    pub(in crate::store) walks: u32,
}

impl Table {
    pub(in crate::store) fn len(&self) -> usize {
        self.len
    }

    /// The memory of the buckets, in bytes.
    pub(in crate::store) fn memory(&self) -> usize {
        self.buckets.memory() + self.overflow.buckets.memory()
    }

    /// The position of the handle with this hash that matches, and its facts.
    #[inline(always)]
    pub(in crate::store) fn find<S: Matcher>(&self, hash: u64, matcher: &S) -> Option<(Position, S::Facts)> {
        if self.len == 0 {
            return None;
        }
        let home = self.home(hash);
        let (number, bucket) = (home as u32, self.buckets.get(home));
        let mut cells = bucket.tags.matching(tag(hash));
        if let Some(cell) = cells.next()
            && let Some(found) = bucket.check(number, cell, matcher)
        {
            return Some(found);
        }
        self.find_further(number, cells, hash, matcher)
    }

    /// Goes on with the other cells of a bucket. Not inlined: the first cell usually matches, and needs no loop.
    #[inline(never)]
    fn find_further<S: Matcher>(
        &self,
        mut number: u32,
        mut cells: Cells,
        hash: u64,
        matcher: &S,
    ) -> Option<(Position, S::Facts)> {
        loop {
            let bucket = self.bucket(number);
            if let Some(found) = cells.find_map(|cell| bucket.check(number, cell, matcher)) {
                return Some(found);
            }
            number = bucket.next()?;
            cells = self.bucket(number).tags.matching(tag(hash));
        }
    }

    /// Inserts a handle whose key is not in the table.
    pub(in crate::store) fn insert(&mut self, hash: u64, handle: u32, records: &impl Records) -> Position {
        if self.len >= self.buckets.len() * LOAD {
            self.split(records);
        }
        self.len += 1;
        self.add(self.home(hash), tag(hash), handle)
    }

    /// Removes a handle.
    pub(in crate::store) fn remove(&mut self, hash: u64, position: Position) {
        let bucket = self.bucket_mut(position.bucket);
        let cell = bucket.cell_of(position.handle());
        bucket.tags.set(cell, 0);
        self.len -= 1;
        let home = self.home(hash);
        if self.buckets.get(home).next().is_some() {
            self.fill(home, position.bucket, cell);
        }
        // Up to two, so that merges that a walk has held up are made up for.
        for _ in 0..2 {
            if self.walks == 0 && self.len < self.buckets.len().saturating_sub(1) * LOW_LOAD {
                self.merge();
            }
        }
    }

    /// The position of a handle with this hash.
    pub(in crate::store) fn position(&self, hash: u64, handle: u32) -> Option<Position> {
        self.find(hash, &SameHandle(handle)).map(|(position, ())| position)
    }

    /// Replaces a handle: its record was moved.
    #[inline]
    pub(in crate::store) fn set(&mut self, position: Position, handle: u32) -> Position {
        let bucket = self.bucket_mut(position.bucket);
        let cell = bucket.cell_of(position.handle());
        bucket.handles[cell] = handle;
        Position::new(handle, position.bucket)
    }

    /// Calls `visit` with the handles in the bucket that `cursor` names, and returns the next cursor, 0 after the last.
    ///
    /// The cursor counts with its bits reversed, as that of Redis does: the buckets that a visited bucket is split into or
    /// merged with later count as visited. So an entry that exists from the first call to the last is visited at least once.
    pub(in crate::store) fn scan(&self, cursor: u64, visit: impl FnMut(u32)) -> u64 {
        if self.buckets.len() == 0 {
            return 0;
        }
        self.chain(self.home(cursor)).for_each(visit);
        self.next_cursor(cursor)
    }

    /// Visits buckets from `cursor` on, with about `count` entries, and returns the next cursor. The memory of several is
    /// prefetched at a time.
    pub(in crate::store) fn scan_many(
        &self,
        mut cursor: u64,
        count: usize,
        records: &impl Records,
        mut visit: impl FnMut(u32),
    ) -> u64 {
        if self.buckets.len() == 0 {
            return 0;
        }
        let mut seen = 0;
        while seen < count {
            let mut homes = SmallVec::<[usize; BUCKETS_AT_ONCE]>::new();
            while homes.len() < BUCKETS_AT_ONCE && (homes.is_empty() || cursor != 0) {
                homes.push(self.home(cursor));
                cursor = self.next_cursor(cursor);
            }
            homes.iter().for_each(|home| prefetch(self.buckets.get(*home)));
            homes.iter().for_each(|home| self.chain(*home).for_each(|handle| records.prefetch(handle)));
            for home in homes {
                seen += 1;
                self.chain(home).for_each(|handle| {
                    seen += 1;
                    visit(handle);
                });
            }
            if cursor == 0 {
                break;
            }
        }
        cursor
    }

    /// The cursor of the bucket after the one of a cursor, 0 after the last.
    fn next_cursor(&self, cursor: u64) -> u64 {
        let home = self.home(cursor);
        let half = self.mask / 2 + 1;
        let is_split = home >= half || home + half < self.buckets.len();
        let mask = if is_split { self.mask } else { self.mask / 2 } as u64;
        (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
    }

    /// Prefetches the bucket of a hash.
    #[inline]
    pub(in crate::store) fn prefetch_bucket(&self, hash: u64) {
        if self.len > 0 {
            prefetch(self.buckets.get(self.home(hash)));
        }
    }

    /// Prefetches the records that a hash may refer to, and the overflow bucket. The bucket should be in the cache.
    #[inline]
    pub(in crate::store) fn prefetch_records(&self, hash: u64, records: &impl Records) {
        if self.len > 0 {
            let bucket = self.buckets.get(self.home(hash));
            bucket.tags.matching(tag(hash)).for_each(|cell| records.prefetch(bucket.handles[cell]));
            bucket.next().into_iter().for_each(|next| prefetch(self.bucket(next)));
        }
    }

    /// Calls `visit` with the handles that a hash may refer to, but for those in overflow buckets.
    #[inline]
    pub(in crate::store) fn for_each_candidate(&self, hash: u64, mut visit: impl FnMut(u32)) {
        if self.len > 0 {
            let bucket = self.buckets.get(self.home(hash));
            bucket.tags.matching(tag(hash)).for_each(|cell| visit(bucket.handles[cell]));
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        let home = hash as usize & self.mask;
        if home < self.buckets.len() { home } else { home & (self.mask / 2) }
    }

    #[inline]
    fn bucket(&self, number: u32) -> &Bucket {
        let buckets = if number & OVERFLOW == 0 { &self.buckets } else { &self.overflow.buckets };
        buckets.get((number & !OVERFLOW) as usize)
    }

    #[inline]
    fn bucket_mut(&mut self, number: u32) -> &mut Bucket {
        let buckets = if number & OVERFLOW == 0 { &mut self.buckets } else { &mut self.overflow.buckets };
        buckets.get_mut((number & !OVERFLOW) as usize)
    }

    /// The handles in a bucket and its overflow buckets.
    fn chain(&self, home: usize) -> impl Iterator<Item = u32> {
        let buckets =
            std::iter::successors(Some(self.buckets.get(home)), |bucket| bucket.next().map(|next| self.bucket(next)));
        buckets.flat_map(|bucket| bucket.tags.taken().map(|cell| bucket.handles[cell]))
    }

    fn add(&mut self, home: usize, tag: u8, handle: u32) -> Position {
        let mut number = home as u32;
        loop {
            let bucket = self.bucket_mut(number);
            if let Some(cell) = bucket.tags.free() {
                bucket.tags.set(cell, tag);
                bucket.handles[cell] = handle;
                return Position::new(handle, number);
            }
            number = bucket.next().unwrap_or_else(|| {
                let next = self.overflow.take();
                self.bucket_mut(number).set_next(Some(next));
                next
            });
        }
    }

    /// Fills a free cell with a handle from the last overflow bucket.
    #[cold]
    fn fill(&mut self, home: usize, free: u32, free_cell: usize) {
        let (mut before, mut last) = (home as u32, home as u32);
        while let Some(next) = self.bucket(last).next() {
            (before, last) = (last, next);
        }
        let bucket = self.bucket_mut(last);
        if free != last
            && let Some(cell) = bucket.tags.taken().next()
        {
            let (tag, handle) = (bucket.tags.get(cell), bucket.handles[cell]);
            bucket.tags.set(cell, 0);
            let target = self.bucket_mut(free);
            target.tags.set(free_cell, tag);
            target.handles[free_cell] = handle;
        }
        if self.bucket(last).tags.taken().next().is_none() {
            self.bucket_mut(before).set_next(None);
            self.overflow.release(last);
        }
    }
}

/// The byte of a hash that a bucket keeps: of bits that do not choose the bucket, and never 0.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{HashMap, HashSet},
        hash::BuildHasher,
    };

    use foldhash::quality::FixedState;

    use super::*;

    /// Records whose handles are their keys.
    struct Numbers;

    impl Records for Numbers {
        fn hash(&self, handle: u32) -> u64 {
            FixedState::default().hash_one(handle)
        }

        fn prefetch(&self, _: u32) {}
    }

    fn position(table: &Table, number: u32) -> Option<Position> {
        table.position(Numbers.hash(number), number)
    }

    fn insert(table: &mut Table, number: u32) {
        assert_eq!(table.insert(Numbers.hash(number), number, &Numbers).handle(), number);
    }

    fn remove(table: &mut Table, number: u32) -> bool {
        let found = position(table, number);
        found.into_iter().for_each(|position| table.remove(Numbers.hash(number), position));
        found.is_some()
    }

    #[test]
    fn the_table_equals_a_naive_map() {
        let (mut table, mut model) = (Table::default(), HashMap::new());
        let mut random = 1_u64;
        for step in 0..60_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            let number = (random >> 52) as u32;
            // Mostly inserts, then mostly removals, so that it grows and shrinks.
            if (random >> 20) % 10 < if step < 25_000 { 7 } else { 1 } {
                if model.insert(number, ()).is_none() {
                    insert(&mut table, number);
                }
            } else {
                assert_eq!(remove(&mut table, number), model.remove(&number).is_some());
            }
            assert_eq!(table.len(), model.len());
        }
        for number in 0..4096 {
            assert_eq!(position(&table, number).is_some(), model.contains_key(&number));
        }
    }

    #[test]
    fn buckets_follow_the_number_of_entries() {
        let mut table = Table::default();
        (0..10_000).for_each(|number| insert(&mut table, number));
        assert_eq!(table.buckets.len(), 10_000_usize.div_ceil(LOAD));
        assert!((1..table.buckets.len() / 3).contains(&table.overflow.used), "{}", table.overflow.used);
        (100..10_000).for_each(|number| assert!(remove(&mut table, number)));
        assert_eq!(table.buckets.len(), 100 / LOW_LOAD + 1);
        (0..100).for_each(|number| assert!(remove(&mut table, number)));
        assert_eq!((table.buckets.len(), table.overflow.buckets.pieces.len()), (1, 0));
    }

    #[test]
    fn entries_of_one_hash_overflow_and_are_found() {
        struct Same;
        impl Records for Same {
            fn hash(&self, _: u32) -> u64 {
                42
            }
            fn prefetch(&self, _: u32) {}
        }
        let mut table = Table::default();
        (0..100).for_each(|number| _ = table.insert(42, number, &Same));
        for number in [50, 0, 99].into_iter().chain((1..99).filter(|number| *number != 50)) {
            let found = table.position(42, number).expect("it is there");
            table.remove(42, found);
            assert!(table.position(42, number).is_none());
        }
        assert_eq!((table.len(), table.overflow.used), (0, 0));
    }

    #[test]
    fn a_handle_is_replaced_in_its_place() {
        let mut table = Table::default();
        (0..100).for_each(|number| insert(&mut table, number));
        let found = position(&table, 7).expect("it is there");
        assert_eq!(table.set(found, 1007).handle(), 1007);
        assert!(table.position(Numbers.hash(7), 1007).is_some() && position(&table, 7).is_none());
    }

    #[test]
    fn a_scan_returns_what_stays_while_the_table_grows_and_shrinks() {
        let mut table = Table::default();
        (0..500).for_each(|number| insert(&mut table, number));
        let (mut seen, mut cursor, mut step) = (HashSet::new(), 0, 0_u64);
        loop {
            cursor = table.scan(cursor, |handle| {
                seen.insert(handle);
            });
            if cursor == 0 {
                break;
            }
            step += 1;
            match step {
                20 => (1000..9000).for_each(|number| insert(&mut table, number)),
                300 => (1000..9000).for_each(|number| assert!(remove(&mut table, number))),
                _ => {}
            }
        }
        assert!(step > 300, "the table was scanned while it changed");
        assert!((0..500).all(|number| seen.contains(&number)));
    }

    #[test]
    fn a_scan_that_nothing_disturbs_returns_everything_once() {
        let mut table = Table::default();
        for count in 1..300 {
            insert(&mut table, count);
            let (mut seen, mut cursor) = (Vec::new(), 0);
            loop {
                cursor = table.scan(cursor, |handle| seen.push(handle));
                if cursor == 0 {
                    break;
                }
            }
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(1..=count), "{count}: {seen:?}");
        }
    }
}
