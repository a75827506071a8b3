//! [`Table`]: where the record of a key is; a hash table that grows by one bucket at a time.
//!
//! A bucket is one cache line: twelve handles, a byte of hash for each, and a link to another bucket for the few that
//! overflow. The table is one of linear hashing (Litwin, 1980): for each eight entries that come one bucket is split in two,
//! for each few that go two are put together, so no entry waits for a whole table to be moved. No hash is kept: what is
//! split is hashed again, a dozen keys at a time. Buckets are taken in pieces, so nothing large is copied or allocated.

use smallvec::SmallVec;

use super::{
    prefetch::prefetch,
    tags::{CELLS, Cells, Tags},
};

/// How many entries a bucket has on average before one is split: a third of the places stay free, so that a bucket that
/// waits for its turn overflows seldom.
const LOAD: usize = 8;

/// With how few on average two buckets are put together.
const LOW_LOAD: usize = 6;

/// How many buckets are allocated together.
const PIECE: usize = 64;

/// The bit of a bucket's number that tells the ones that hold what overflowed.
const OVERFLOW: u32 = 1 << 31;

/// What a table asks about the records that its handles name.
pub(super) trait Records {
    /// The hash of the key of a record.
    fn hash(&self, handle: u32) -> u64;

    /// Asks for the memory of a record.
    fn prefetch(&self, handle: u32);
}

/// Tells which handle is meant: the one of which something is known.
pub(super) trait Matcher {
    type Facts;

    fn matches(&self, handle: u32) -> Option<Self::Facts>;
}

/// A handle that is sought by itself.
struct SameHandle(u32);

impl Matcher for SameHandle {
    type Facts = ();

    fn matches(&self, handle: u32) -> Option<()> {
        (handle == self.0).then_some(())
    }
}

/// Where a handle is in a table. Holds until the next entry comes or goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) handle: u32,
    bucket: u32,
    cell: u8,
}

/// Handles of records, found by the hashes of their keys.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// One less than twice the largest power of two that is not over the number of buckets.
    mask: usize,
    buckets: Buckets,
    len: usize,
    overflow: Overflow,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Bucket {
    tags: Tags,
    handles: [u32; CELLS],
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The place of the handle with this hash that matches, and the facts of it.
    #[inline(always)]
    pub(super) fn find<S: Matcher>(&self, hash: u64, matcher: &S) -> Option<(Position, S::Facts)> {
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

    /// Goes on from a bucket and the places there that are left. Apart from the first place, which mostly is the one, so
    /// that nothing is done there for a loop.
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

    /// Adds a handle whose key is not there yet.
    pub(super) fn insert(&mut self, hash: u64, handle: u32, records: &impl Records) -> Position {
        if self.len >= self.buckets.len() * LOAD {
            self.split(records);
        }
        self.len += 1;
        self.add(self.home(hash), tag(hash), handle)
    }

    /// Takes a handle out.
    pub(super) fn remove(&mut self, hash: u64, position: Position) {
        self.bucket_mut(position.bucket).tags.set(position.cell.into(), 0);
        self.len -= 1;
        let home = self.home(hash);
        if self.buckets.get(home).next().is_some() {
            self.fill(home, position);
        }
        if self.len < self.buckets.len().saturating_sub(1) * LOW_LOAD {
            self.merge();
        }
    }

    /// The place of a handle with this hash.
    pub(super) fn position(&self, hash: u64, handle: u32) -> Option<Position> {
        self.find(hash, &SameHandle(handle)).map(|(position, ())| position)
    }

    /// Notes that a record has a new handle.
    #[inline]
    pub(super) fn set(&mut self, position: Position, handle: u32) -> Position {
        self.bucket_mut(position.bucket).handles[usize::from(position.cell)] = handle;
        Position { handle, ..position }
    }

    /// Calls `visit` with the handles in the bucket that `cursor` names, and returns the next cursor, 0 after the last.
    ///
    /// The cursor counts with its bits reversed, from the highest bit of the bucket's number down: the buckets that a
    /// visited one is split into later, and those that are put together in it, are the visited ones. So an entry that is
    /// there from the first call to the last is visited at least once.
    pub(super) fn scan(&self, cursor: u64, visit: impl FnMut(u32)) -> u64 {
        if self.buckets.len() == 0 {
            return 0;
        }
        let home = self.home(cursor);
        self.chain(home).for_each(visit);
        let half = self.mask / 2 + 1;
        let is_split = home >= half || home + half < self.buckets.len();
        let mask = if is_split { self.mask } else { self.mask / 2 } as u64;
        (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
    }

    /// Asks for the bucket that `hash` means.
    #[inline]
    pub(super) fn prefetch_bucket(&self, hash: u64) {
        if self.len > 0 {
            prefetch(self.buckets.get(self.home(hash)));
        }
    }

    /// Asks for the records that `hash` may mean, and for what overflowed. Their bucket should be in the cache.
    #[inline]
    pub(super) fn prefetch_records(&self, hash: u64, records: &impl Records) {
        if self.len > 0 {
            let bucket = self.buckets.get(self.home(hash));
            bucket.tags.matching(tag(hash)).for_each(|cell| records.prefetch(bucket.handles[cell]));
            bucket.next().into_iter().for_each(|next| prefetch(self.bucket(next)));
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

    /// The handles in a bucket, and in those that hold what overflowed.
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
                return Position { handle, bucket: number, cell: cell as u8 };
            }
            number = bucket.next().unwrap_or_else(|| {
                let next = self.overflow.take();
                self.bucket_mut(number).set_next(Some(next));
                next
            });
        }
    }

    /// Fills a place that became free with the last handle that overflowed.
    #[cold]
    fn fill(&mut self, home: usize, free: Position) {
        let (mut before, mut last) = (home as u32, home as u32);
        while let Some(next) = self.bucket(last).next() {
            (before, last) = (last, next);
        }
        let bucket = self.bucket_mut(last);
        if free.bucket != last
            && let Some(cell) = bucket.tags.taken().next()
        {
            let (tag, handle) = (bucket.tags.get(cell), bucket.handles[cell]);
            bucket.tags.set(cell, 0);
            let target = self.bucket_mut(free.bucket);
            target.tags.set(free.cell.into(), tag);
            target.handles[usize::from(free.cell)] = handle;
        }
        if self.bucket(last).tags.taken().next().is_none() {
            self.bucket_mut(before).set_next(None);
            self.overflow.give_back(last);
        }
    }

    /// Splits the bucket whose turn it is.
    fn split(&mut self, records: &impl Records) {
        let count = self.buckets.len();
        self.buckets.push();
        if count == 0 {
            self.mask = 1;
            return;
        }
        let half = self.mask / 2 + 1;
        // All of them are asked for before the first is needed.
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

    /// Puts the last bucket together with the one that it was split from.
    fn merge(&mut self) {
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

    /// Takes everything out of a bucket and what overflowed from it.
    fn drain(&mut self, home: usize) -> SmallVec<[(u8, u32); 2 * CELLS]> {
        let mut entries = SmallVec::new();
        let mut next = Some(home as u32);
        while let Some(number) = next {
            let bucket = std::mem::take(self.bucket_mut(number));
            entries.extend(bucket.tags.taken().map(|cell| (bucket.tags.get(cell), bucket.handles[cell])));
            if number & OVERFLOW != 0 {
                self.overflow.give_back(number);
            }
            next = bucket.next();
        }
        entries
    }
}

impl Bucket {
    /// A place of this bucket, which has that number, if the handle there matches.
    #[inline(always)]
    fn check<S: Matcher>(&self, number: u32, cell: usize, matcher: &S) -> Option<(Position, S::Facts)> {
        let handle = self.handles[cell];
        let facts = matcher.matches(handle)?;
        Some((Position { handle, bucket: number, cell: cell as u8 }, facts))
    }

    /// The number of the bucket that holds what overflowed.
    #[inline]
    fn next(&self) -> Option<u32> {
        let link = self.tags.link();
        (link != 0).then(|| (link - 1) | OVERFLOW)
    }

    fn set_next(&mut self, number: Option<u32>) {
        self.tags.set_link(number.map_or(0, |number| (number & !OVERFLOW) + 1));
    }
}

/// Buckets, allocated in pieces.
#[derive(Debug, Default)]
struct Buckets {
    pieces: Vec<Box<[Bucket; PIECE]>>,
    len: usize,
}

impl Buckets {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn get(&self, index: usize) -> &Bucket {
        &self.pieces[index / PIECE][index % PIECE]
    }

    #[inline]
    fn get_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.pieces[index / PIECE][index % PIECE]
    }

    fn push(&mut self) {
        if self.len.is_multiple_of(PIECE) {
            self.pieces.push(Box::new([Bucket::default(); PIECE]));
        }
        self.len += 1;
    }

    /// Drops the last one, which is empty.
    fn pop(&mut self) {
        self.len -= 1;
        if self.len.is_multiple_of(PIECE) {
            self.pieces.pop();
        }
    }
}

/// The buckets that hold what overflowed from others.
#[derive(Debug, Default)]
struct Overflow {
    buckets: Buckets,
    /// One that is free, linked to the others that are.
    free: Option<u32>,
    used: usize,
}

impl Overflow {
    /// The number of an empty bucket.
    fn take(&mut self) -> u32 {
        self.used += 1;
        let Some(number) = self.free else {
            self.buckets.push();
            return (self.buckets.len() - 1) as u32 | OVERFLOW;
        };
        self.free = std::mem::take(self.buckets.get_mut((number & !OVERFLOW) as usize)).next();
        number
    }

    /// Takes back a bucket, which is empty. When none is used any more, all of their memory is given back.
    fn give_back(&mut self, number: u32) {
        self.used -= 1;
        if self.used == 0 {
            *self = Self::default();
            return;
        }
        self.buckets.get_mut((number & !OVERFLOW) as usize).set_next(self.free);
        self.free = Some(number);
    }
}

/// The byte of a hash that a bucket keeps: from the bits that do not choose the bucket, and never 0.
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
        assert_eq!(table.insert(Numbers.hash(number), number, &Numbers).handle, number);
    }

    fn remove(table: &mut Table, number: u32) -> bool {
        let found = position(table, number);
        found.into_iter().for_each(|position| table.remove(Numbers.hash(number), position));
        found.is_some()
    }

    #[test]
    fn a_bucket_is_one_cache_line() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
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
        assert_eq!(table.set(found, 1007).handle, 1007);
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
