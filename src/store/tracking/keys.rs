//! [`KeyTable`]: the keys that clients have read.

use std::{
    mem,
    sync::atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::store::memory::{Hasher, Matcher, Records, Table};

/// The number of parts, each with a lock.
const STRIPES: usize = 64;

/// The most keys by default, as in Redis.
const MAX_KEYS: usize = 1_000_000;

/// The numbers of the clients that have read a key, in their order. Some may not track keys any more.
pub(in super::super) type Readers = SmallVec<[u32; 4]>;

/// The keys that clients have read, by their names alone, as in Redis: whatever their database is.
#[derive(Debug)]
pub(super) struct KeyTable {
    hasher: Hasher,
    stripes: Box<[Stripe]>,
    keys: AtomicUsize,
    /// The number of readers of all keys.
    items: AtomicUsize,
    /// 0 if there is no bound.
    max_keys: AtomicUsize,
}

/// A part of the table. No two share a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe(Mutex<Keys>);

/// Keys in any order, and where they are by their hashes.
#[derive(Debug, Default)]
pub(super) struct Keys {
    table: Table,
    keys: Vec<TrackedKey>,
}

#[derive(Debug)]
pub(super) struct TrackedKey {
    /// The hash of the name, so that a key that is moved need not be read.
    hash: u64,
    pub(super) name: Box<[u8]>,
    pub(super) readers: Readers,
}

impl KeyTable {
    pub(super) fn new() -> Self {
        Self {
            hasher: Hasher::default(),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            keys: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
            max_keys: AtomicUsize::new(MAX_KEYS),
        }
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// The number of readers of all keys.
    pub(super) fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    pub(super) fn max_keys(&self) -> usize {
        self.max_keys.load(Ordering::Relaxed)
    }

    pub(super) fn set_max_keys(&self, keys: usize) {
        self.max_keys.store(keys, Ordering::Relaxed);
    }

    /// Whether there are more keys than there may be.
    pub(super) fn is_over(&self) -> bool {
        let max_keys = self.max_keys();
        max_keys > 0 && self.len() > max_keys
    }

    /// Notes that a client has read a key.
    pub(super) fn add(&self, name: &[u8], client: u32) {
        let hash = self.hasher.hash(name);
        let mut keys = self.stripe(hash).lock();
        match keys.find(hash, name) {
            Some(index) => {
                let readers = &mut keys.keys[index as usize].readers;
                let Err(place) = readers.binary_search(&client) else { return };
                readers.insert(place, client);
            }
            None => {
                keys.insert(hash, name, client);
                self.keys.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.items.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the readers of a key.
    pub(super) fn take(&self, name: &[u8]) -> Option<Readers> {
        if self.len() == 0 {
            return None;
        }
        let hash = self.hasher.hash(name);
        let mut keys = self.stripe(hash).lock();
        let index = keys.find(hash, name)?;
        let key = keys.remove(index);
        self.count_taken(&key);
        Some(key.readers)
    }

    /// Takes a random key.
    pub(super) fn take_random(&self, seed: u64) -> Option<TrackedKey> {
        (0..STRIPES).find_map(|offset| {
            let mut keys = self.stripes[(seed as usize).wrapping_add(offset) % STRIPES].0.lock();
            let index = (seed >> 32).checked_rem(keys.keys.len() as u64)? as u32;
            let key = keys.remove(index);
            self.count_taken(&key);
            Some(key)
        })
    }

    /// Takes all keys.
    pub(super) fn take_all(&self) -> Vec<Keys> {
        let taken = self.stripes.iter().map(|stripe| {
            let keys = mem::take(&mut *stripe.0.lock());
            self.keys.fetch_sub(keys.keys.len(), Ordering::Relaxed);
            self.items.fetch_sub(keys.keys.iter().map(|key| key.readers.len()).sum(), Ordering::Relaxed);
            keys
        });
        taken.filter(|keys| !keys.keys.is_empty()).collect()
    }

    fn stripe(&self, hash: u64) -> &Mutex<Keys> {
        // Other bits than those that choose the bucket, and the highest, which are compared.
        &self.stripes[(hash >> 32) as usize % STRIPES].0
    }

    fn count_taken(&self, key: &TrackedKey) {
        self.keys.fetch_sub(1, Ordering::Relaxed);
        self.items.fetch_sub(key.readers.len(), Ordering::Relaxed);
    }
}

impl Keys {
    fn find(&self, hash: u64, name: &[u8]) -> Option<u32> {
        let (position, ()) = self.table.find(hash, &Named { keys: &self.keys, name })?;
        Some(position.handle())
    }

    fn insert(&mut self, hash: u64, name: &[u8], client: u32) {
        let index = self.keys.len() as u32;
        self.keys.push(TrackedKey { hash, name: name.into(), readers: SmallVec::from_slice(&[client]) });
        self.table.insert(hash, index, &Hashed(&self.keys));
    }

    /// Removes the key at an index. The last one takes its place.
    fn remove(&mut self, index: u32) -> TrackedKey {
        let last = self.keys.len() as u32 - 1;
        let hash = self.keys[index as usize].hash;
        if let Some(position) = self.table.position(hash, index) {
            self.table.remove(hash, position);
        }
        if index != last {
            let hash = self.keys[last as usize].hash;
            if let Some(position) = self.table.position(hash, last) {
                self.table.set(position, index);
            }
        }
        self.keys.swap_remove(index as usize)
    }
}

/// Recognizes a key by its name.
struct Named<'a> {
    keys: &'a [TrackedKey],
    name: &'a [u8],
}

impl Matcher for Named<'_> {
    type Facts = ();

    fn matches(&self, index: u32) -> Option<()> {
        (*self.keys[index as usize].name == *self.name).then_some(())
    }
}

/// The keys, as the table sees them.
struct Hashed<'a>(&'a [TrackedKey]);

impl Records for Hashed<'_> {
    fn hash(&self, index: u32) -> u64 {
        self.0[index as usize].hash
    }

    fn prefetch(&self, _: u32) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readers(table: &KeyTable, name: &str) -> Vec<u32> {
        table.take(name.as_bytes()).unwrap_or_default().to_vec()
    }

    #[test]
    fn the_readers_of_a_key_are_taken_once() {
        let table = KeyTable::new();
        for (key, client) in [("a", 3), ("b", 1), ("a", 1), ("a", 3), ("a", 2)] {
            table.add(key.as_bytes(), client);
        }
        assert_eq!((table.len(), table.items()), (2, 4));
        assert_eq!((readers(&table, "a"), readers(&table, "a")), (vec![1, 2, 3], vec![]));
        assert_eq!((table.len(), table.items()), (1, 1));
        assert_eq!(table.take_all().len(), 1);
        assert_eq!((table.len(), table.items()), (0, 0));
    }

    #[test]
    fn many_keys_come_and_go_in_any_order() {
        let table = KeyTable::new();
        let key = |number: u32| number.wrapping_mul(2_654_435_769).to_string();
        (0..5000).for_each(|number| table.add(key(number).as_bytes(), number));
        for number in (0..5000).step_by(3) {
            assert_eq!(readers(&table, &key(number)), [number]);
        }
        let mut left: Vec<_> = (0..5000).filter(|number| number % 3 != 0).collect();
        let mut seed = 1_u64;
        while table.len() > 1000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let taken = table.take_random(seed).expect("a key");
            let number = taken.readers[0];
            assert_eq!(*taken.name, *key(number).as_bytes());
            left.retain(|other| *other != number);
        }
        assert_eq!(left.len(), 1000);
        for number in left {
            assert_eq!(readers(&table, &key(number)), [number]);
        }
        assert!(table.take_random(7).is_none());
    }

    #[test]
    fn a_table_has_a_bound_unless_it_is_0() {
        let table = KeyTable::new();
        table.set_max_keys(2);
        ["a", "b"].iter().for_each(|key| table.add(key.as_bytes(), 1));
        assert!(!table.is_over());
        table.add(b"c", 1);
        assert!(table.is_over());
        table.set_max_keys(0);
        assert!(!table.is_over());
    }
}
