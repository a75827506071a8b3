//! [`Prefetcher`]: prefetches the memory of the keys of a batch, so that their cache misses overlap.

use std::mem;

use super::{
    databases::{Databases, KeyRef, Location},
    held::Locked,
    shard::Shard,
};

/// The most keys of one batch that are prefetched.
const MAX_KEYS: usize = 128;

/// The most keys of one command that are prefetched: those behind them would leave the cache before they are needed.
pub(crate) const MAX_KEYS_OF_COMMAND: usize = 32;

/// The most keys of a round.
const ROUND: usize = 64;

/// The same where a database is one shard, whose lock is held throughout. More cache misses than this would wait for each
/// other.
const ROUND_OF_ONE: usize = 32;

/// The number of groups into which the keys of a round are put, by their shards.
const GROUPS: usize = 32;

/// The keys of a batch, one round at a time. A round prefetches all buckets first, then all entries, then the values
/// outside of these, so that the first of what was prefetched before have arrived by then. Where there are several shards, the keys of a shard follow each other, and its lock is
/// taken once for all of them.
pub(crate) struct Prefetcher<'a> {
    held: HeldLock<'a>,
    /// The number of keys that may still be added.
    left: usize,
    round: [RoundKey; ROUND],
    len: usize,
}

/// A key of the round.
#[derive(Clone, Copy, Default)]
struct RoundKey {
    hash: u64,
    shard: u32,
    /// The number of the next key of its group, counted from 1; 0 after the last.
    next: u32,
}

impl<'a> Prefetcher<'a> {
    #[inline]
    pub(super) fn new(databases: &'a Databases) -> Self {
        let held = HeldLock { databases, shard: u32::MAX, guard: None };
        Self { held, left: MAX_KEYS, round: [RoundKey::default(); ROUND], len: 0 }
    }

    /// Adds a key to the round.
    #[inline(always)]
    pub(crate) fn add(&mut self, key: KeyRef<'_>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let Location { hash, shard } = self.held.databases.locate(key);
        // A number that does not fit names another shard: a wrong prefetch costs a cache line.
        let shard = shard as u32;
        let mut most = ROUND;
        if self.is_unsharded() {
            most = ROUND_OF_ONE;
            self.held.with(shard, |shard| shard.prefetch_bucket(hash));
        }
        self.round[self.len] = RoundKey { hash, shard, next: 0 };
        self.len += 1;
        if self.len == most {
            self.end_round();
        }
    }

    /// Prefetches the keys of the last round.
    pub(crate) fn finish(mut self) {
        self.end_round();
    }

    #[inline]
    fn is_unsharded(&self) -> bool {
        self.held.databases.is_unsharded()
    }

    fn end_round(&mut self) {
        if self.is_unsharded() {
            for key in &self.round[..self.len] {
                self.held.with(key.shard, |shard| shard.prefetch_entries(key.hash));
            }
            for key in &self.round[..self.len] {
                self.held.with(key.shard, |shard| shard.prefetch_values(key.hash));
            }
        } else {
            let groups = self.group();
            self.for_each(&groups, Shard::prefetch_bucket);
            self.for_each(&groups, Shard::prefetch_entries);
            self.for_each(&groups, Shard::prefetch_values);
        }
        self.len = 0;
    }

    /// Links the keys of each group in their order.
    fn group(&mut self) -> Groups {
        let mut groups = Groups::default();
        for (index, key) in self.round[..self.len].iter_mut().enumerate().rev() {
            let group = key.shard as usize % GROUPS;
            groups.used |= 1 << group;
            key.next = mem::replace(&mut groups.firsts[group], index as u32 + 1);
        }
        groups
    }

    #[inline(always)]
    fn for_each(&mut self, groups: &Groups, visit: impl Fn(&Shard, u64)) {
        let mut used = groups.used;
        while used > 0 {
            let mut number = groups.firsts[used.trailing_zeros() as usize];
            used &= used - 1;
            while number > 0 {
                let RoundKey { hash, shard, next } = self.round[number as usize - 1];
                self.held.with(shard, |shard| visit(shard, hash));
                number = next;
            }
        }
    }
}

/// The groups of a round: a bit for each that has keys, and the number of its first key.
#[derive(Default)]
struct Groups {
    used: u32,
    firsts: [u32; GROUPS],
}

/// The lock of one shard, held for as long as the keys are in that shard. A lock that is taken is not waited for.
struct HeldLock<'a> {
    databases: &'a Databases,
    shard: u32,
    guard: Option<Locked<'a>>,
}

impl HeldLock<'_> {
    #[inline(always)]
    fn with(&mut self, shard: u32, run: impl FnOnce(&Shard)) {
        if shard != self.shard {
            self.change(shard);
        }
        if let Some(shard) = &self.guard {
            run(shard);
        }
    }

    #[inline(never)]
    fn change(&mut self, shard: u32) {
        self.guard = None;
        self.shard = shard;
        self.guard = self.databases.try_lock(shard as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn with_keys(databases: &Databases, keys: usize) -> Prefetcher<'_> {
        let mut prefetcher = Prefetcher::new(databases);
        (0..keys).for_each(|key| prefetcher.add(KeyRef { database: 0, name: key.to_string().as_bytes() }));
        prefetcher
    }

    /// The shards of the keys that are prefetched, in this order.
    fn visited(prefetcher: &mut Prefetcher<'_>) -> Vec<u32> {
        let (groups, hashes) = (prefetcher.group(), RefCell::default());
        prefetcher.for_each(&groups, |_, hash| Vec::push(&mut hashes.borrow_mut(), hash));
        let shard_of = |hash| prefetcher.round.iter().find(|key| key.hash == hash).expect("a key of the round").shard;
        hashes.into_inner().into_iter().map(shard_of).collect()
    }

    #[test]
    fn each_key_is_prefetched_once_and_those_of_a_shard_together() {
        for keys in [1, 2, 15, ROUND - 1] {
            let databases = Databases::new(1, 8, |size| size);
            let mut prefetcher = with_keys(&databases, keys);
            let mut wanted: Vec<u32> = prefetcher.round[..prefetcher.len].iter().map(|key| key.shard).collect();
            wanted.sort_unstable();
            assert_eq!((visited(&mut prefetcher), wanted.len()), (wanted, keys));
        }
    }

    #[test]
    fn a_locked_shard_is_skipped() {
        let databases = Databases::new(1, 8, |size| size);
        let all = visited(&mut with_keys(&databases, ROUND - 1));
        let taken = all[0];
        let _guard = databases.lock_any(taken as usize);
        let rest: Vec<u32> = all.into_iter().filter(|shard| *shard != taken).collect();
        assert_eq!(visited(&mut with_keys(&databases, ROUND - 1)), rest);
    }
}
