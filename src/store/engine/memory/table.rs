//! [`Table`]: a hash table of entries, made to be prefetched and to be scanned while it changes.
//!
//! A bucket is one cache line: six entries, a byte of hash for each, and a link to another bucket for the few that
//! overflow. An entry lives in the bucket that the low bits of its hash name, or behind it, so that a scan can go by those
//! bits whatever the size of the table.

use super::{
    entry::Entry,
    prefetch::{prefetch, prefetch_address},
};

const ENTRIES: usize = 6;

/// How many entries a bucket has on average before the table grows.
const LOAD: usize = 4;

/// A hash table of entries.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// A power of two of them, or none.
    buckets: Vec<Bucket>,
    len: usize,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket {
    /// A byte of each entry's hash, 0 where there is no entry.
    tags: [u8; 8],
    entries: [Option<Box<Entry>>; ENTRIES],
    next: Option<Box<Bucket>>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        let mut bucket = self.buckets.get(self.home(hash))?;
        loop {
            for index in bucket.candidates(hash) {
                if let Some(entry) = bucket.entries[index].as_deref().filter(|entry| entry.key() == key) {
                    return Some(entry);
                }
            }
            bucket = bucket.next.as_deref()?;
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        let home = self.home(hash);
        let mut bucket = self.buckets.get_mut(home)?;
        loop {
            let found = bucket.candidates(hash).find(|index| bucket.holds(*index, key));
            match found {
                Some(index) => return bucket.entries[index].as_deref_mut(),
                None => bucket = bucket.next.as_deref_mut()?,
            }
        }
    }

    /// Adds an entry whose key is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, entry: Box<Entry>) -> &mut Entry {
        if self.len >= self.buckets.len() * LOAD {
            self.resize((self.buckets.len() * 2).max(1));
        }
        self.len += 1;
        let home = self.home(hash);
        self.buckets[home].insert(hash, entry)
    }

    pub(crate) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Box<Entry>> {
        let home = self.home(hash);
        let mut bucket = self.buckets.get_mut(home)?;
        let removed = loop {
            let found = bucket.candidates(hash).find(|index| bucket.holds(*index, key));
            match found {
                Some(index) => {
                    bucket.tags[index] = 0;
                    break bucket.entries[index].take();
                }
                None => bucket = bucket.next.as_deref_mut()?,
            }
        };
        self.len -= 1;
        let home = &mut self.buckets[home];
        home.drop_empty_links();
        if self.buckets.len() > 1 && self.len * 8 < self.buckets.len() * LOAD {
            self.resize(self.buckets.len() / 4);
        }
        removed
    }

    /// Calls `visit` with the entries of the bucket that `cursor` names, and returns the next cursor, 0 after the last.
    ///
    /// The cursor counts with its bits reversed, from the highest bit of the bucket's number down: when the table grows or
    /// shrinks in between, the buckets that a visited one was split into, or merged from, are the visited ones. So an
    /// entry that is there from the first call to the last is visited at least once. The method is that of Redis.
    pub(crate) fn scan(&self, cursor: u64, mut visit: impl FnMut(&Entry)) -> u64 {
        let Some(mask) = (self.buckets.len() as u64).checked_sub(1) else { return 0 };
        let mut bucket = self.buckets.get((cursor & mask) as usize);
        while let Some(visited) = bucket {
            visited.entries.iter().flatten().for_each(|entry| visit(entry));
            bucket = visited.next.as_deref();
        }
        (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let chains =
            self.buckets.iter().flat_map(|bucket| std::iter::successors(Some(bucket), |bucket| bucket.next.as_deref()));
        chains.flat_map(|bucket| bucket.entries.iter().flatten().map(|entry| &**entry))
    }

    /// Finds an entry by its hash alone.
    pub(crate) fn find(&self, hash: u64, mut is_meant: impl FnMut(&Entry) -> bool) -> Option<&Entry> {
        let mut bucket = self.buckets.get(self.home(hash))?;
        loop {
            let found = bucket.candidates(hash).filter_map(|index| bucket.entries[index].as_deref());
            for entry in found {
                if is_meant(entry) {
                    return Some(entry);
                }
            }
            bucket = bucket.next.as_deref()?;
        }
    }

    /// Where the buckets lie and how many there are, for [`prefetch_bucket`].
    pub(crate) fn location(&self) -> (usize, usize) {
        (self.buckets.as_ptr() as usize, self.buckets.len())
    }

    /// Asks for the entry that `hash` may mean. Its bucket should be in the cache.
    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: u64) {
        let Some(bucket) = self.buckets.get(self.home(hash)) else { return };
        for index in bucket.candidates(hash) {
            if let Some(entry) = &bucket.entries[index] {
                prefetch(&**entry);
            }
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        hash as usize & self.buckets.len().wrapping_sub(1)
    }

    fn resize(&mut self, buckets: usize) {
        let mut table = Self { buckets: Vec::new(), len: self.len };
        table.buckets.resize_with(buckets.max(1), Bucket::default);
        for bucket in std::mem::take(&mut self.buckets) {
            let mut bucket = Some(Box::new(bucket));
            while let Some(mut moved) = bucket {
                for entry in moved.entries.iter_mut().filter_map(Option::take) {
                    let hash = entry.hash();
                    let home = table.home(hash);
                    table.buckets[home].insert(hash, entry);
                }
                bucket = moved.next.take();
            }
        }
        *self = table;
    }
}

/// Asks for the bucket that `hash` means in a table at `location`. The table may have moved since: then this is in vain.
#[inline]
pub(crate) fn prefetch_bucket((address, buckets): (usize, usize), hash: u64) {
    let home = hash as usize & buckets.wrapping_sub(1);
    prefetch_address(address.wrapping_add(home.wrapping_mul(size_of::<Bucket>())));
}

impl Bucket {
    /// The places whose tag is that of `hash`; now and then one more.
    #[inline]
    fn candidates(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        const LOW: u64 = 0x0101_0101_0101_0101;
        let differing = u64::from_le_bytes(self.tags) ^ LOW.wrapping_mul(u64::from(tag(hash)));
        // The highest bit of each byte that is zero, and sometimes of one above it.
        let mut zeros = differing.wrapping_sub(LOW) & !differing & (LOW << 7);
        std::iter::from_fn(move || {
            let at = zeros.trailing_zeros() as usize / 8;
            zeros &= zeros.wrapping_sub(1);
            (at < ENTRIES).then_some(at)
        })
    }

    #[inline]
    fn holds(&self, index: usize, key: &[u8]) -> bool {
        self.entries[index].as_deref().is_some_and(|entry| entry.key() == key)
    }

    fn insert(&mut self, hash: u64, entry: Box<Entry>) -> &mut Entry {
        let mut bucket = self;
        let free = loop {
            match bucket.entries.iter().position(Option::is_none) {
                Some(free) => break free,
                None => bucket = bucket.next.get_or_insert_default(),
            }
        };
        bucket.tags[free] = tag(hash);
        bucket.entries[free].insert(entry)
    }

    /// Drops the linked buckets at the end of the chain that hold nothing.
    fn drop_empty_links(&mut self) {
        if let Some(next) = &mut self.next {
            next.drop_empty_links();
            if next.next.is_none() && next.entries.iter().all(Option::is_none) {
                self.next = None;
            }
        }
    }
}

/// The byte of a hash that a bucket keeps: from the bits that do not choose the bucket, and never 0.
#[inline]
fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8 | 1
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::store::value::Value;

    fn entry(number: u64) -> (u64, Box<Entry>) {
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20);
        (hash, Box::new(Entry::new(number.to_string().as_bytes(), hash, Value::String("v".into()))))
    }

    fn insert(table: &mut Table, number: u64) {
        let (hash, entry) = entry(number);
        table.insert(hash, entry);
    }

    fn remove(table: &mut Table, number: u64) -> bool {
        table.remove(entry(number).0, number.to_string().as_bytes()).is_some()
    }

    #[test]
    fn a_bucket_is_one_cache_line() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
    }

    #[test]
    fn the_table_equals_a_naive_map() {
        let (mut table, mut model) = (Table::default(), HashMap::new());
        let mut random = 1_u64;
        for step in 0..50_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            let number = random >> 52;
            // Mostly inserts, then mostly removals, so that it grows and shrinks.
            if (random >> 20) % 10 < if step < 25_000 { 7 } else { 3 } {
                if model.insert(number, ()).is_none() {
                    insert(&mut table, number);
                }
            } else {
                assert_eq!(remove(&mut table, number), model.remove(&number).is_some());
            }
            assert_eq!(table.len(), model.len());
        }
        for number in 0..4096 {
            let (hash, entry) = entry(number);
            assert_eq!(table.get(hash, entry.key()).is_some(), model.contains_key(&number));
            assert_eq!(table.get_mut(hash, entry.key()).is_some(), model.contains_key(&number));
        }
        assert_eq!(table.iter().count(), model.len());
    }

    #[test]
    fn a_scan_returns_what_stays_while_the_table_grows_and_shrinks() {
        let mut table = Table::default();
        (0..500).for_each(|number| insert(&mut table, number));
        let (mut seen, mut cursor, mut step) = (HashSet::new(), 0, 0_u64);
        loop {
            cursor = table.scan(cursor, |entry| {
                seen.insert(entry.key().to_vec());
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
        assert!((0..500).all(|number: u64| seen.contains(number.to_string().as_bytes())));
    }
}
