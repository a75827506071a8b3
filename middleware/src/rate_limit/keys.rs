//! The buckets of many keys, in bounded memory.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    time::Duration,
};

use super::{bucket::Bucket, rate::Rate};

/// How many known keys are looked at when a new one comes. Those whose bucket is full again are evicted. More than one,
/// so that keys are evicted faster than they come; few, so that no command pays for all keys.
const EVICTION_SAMPLES: usize = 8;

/// Buckets by the hashes of their keys.
#[derive(Debug)]
pub(super) struct Keys {
    max: usize,
    places: HashMap<u64, usize, BuildHasherDefault<IdentityHasher>>,
    entries: Vec<(u64, Bucket)>,
    /// The entry to look at next.
    hand: usize,
}

impl Keys {
    pub(super) fn new(max: usize) -> Self {
        Self { max, places: HashMap::default(), entries: Vec::new(), hand: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bucket of a key that is known.
    pub(super) fn known(&mut self, key: u64) -> Option<&mut Bucket> {
        self.places.get(&key).map(|place| &mut self.entries[*place].1)
    }

    /// The bucket of a key; a new key has a full one. `None` if there is no room for it.
    pub(super) fn known_or_new(&mut self, key: u64, rate: &Rate, now: Duration) -> Option<&mut Bucket> {
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => self.add(key, rate, now)?,
        };
        Some(&mut self.entries[place].1)
    }

    #[cold]
    fn add(&mut self, key: u64, rate: &Rate, now: Duration) -> Option<usize> {
        self.evict_some(rate, now);
        if self.entries.len() >= self.max {
            return None;
        }
        self.entries.push((key, Bucket::default()));
        self.places.insert(key, self.entries.len() - 1);
        Some(self.entries.len() - 1)
    }

    fn evict_some(&mut self, rate: &Rate, now: Duration) {
        for _ in 0..EVICTION_SAMPLES.min(self.entries.len()) {
            self.hand = if self.hand < self.entries.len() { self.hand } else { 0 };
            if self.entries[self.hand].1.is_full(rate, now) {
                self.evict(self.hand);
            } else {
                self.hand += 1;
            }
        }
    }

    fn evict(&mut self, place: usize) {
        let (evicted, _) = self.entries.swap_remove(place);
        self.places.remove(&evicted);
        if let Some((moved, _)) = self.entries.get(place) {
            self.places.insert(*moved, place);
        }
    }
}

/// Takes a key as its own hash: it is one already, under a secret that no peer knows.
#[derive(Debug, Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate_limit::bucket::Arrival;

    const SECOND: Duration = Duration::from_secs(1);

    /// A second's allowance of one command is used up: whether there was a bucket, and one that let it through.
    fn uses(keys: &mut Keys, key: u64, now: Duration) -> Option<bool> {
        let rate = Rate::new(1, SECOND);
        let bucket = keys.known_or_new(key, &rate, now)?;
        Some(bucket.arrive(&rate, 1, Duration::ZERO, now) == Arrival::Passed)
    }

    #[test]
    fn a_key_keeps_its_bucket_while_its_allowance_is_not_full() {
        let mut keys = Keys::new(100);
        for key in 0..100 {
            assert_eq!(uses(&mut keys, key, Duration::ZERO), Some(true));
        }
        for key in 0..100 {
            assert_eq!(uses(&mut keys, key, SECOND / 2), Some(false));
        }
    }

    #[test]
    fn a_new_key_finds_no_place_while_all_are_active() {
        let mut keys = Keys::new(3);
        for key in 0..3 {
            assert_eq!(uses(&mut keys, key, Duration::ZERO), Some(true));
        }
        assert_eq!(uses(&mut keys, 3, SECOND / 2), None);
        assert_eq!(uses(&mut keys, 3, SECOND), Some(true));
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn keys_that_come_once_are_forgotten_faster_than_they_come() {
        let mut keys = Keys::new(1_000_000);
        for key in 0..10_000 {
            uses(&mut keys, key, SECOND / 10 * key as u32);
            assert!(keys.len() <= 20, "{}", keys.len());
        }
    }

    #[test]
    fn the_key_that_takes_the_place_of_a_forgotten_one_in_the_list_is_still_found() {
        let mut keys = Keys::new(100);
        for key in 0..20 {
            // Every other one is not full when the rest are evicted.
            uses(&mut keys, key, if key % 2 == 0 { Duration::ZERO } else { SECOND });
        }
        for key in 100..110 {
            uses(&mut keys, key, SECOND + SECOND / 2);
        }
        for key in (1..20).step_by(2) {
            assert_eq!(uses(&mut keys, key, SECOND + SECOND / 2), Some(false), "{key}");
        }
    }
}
