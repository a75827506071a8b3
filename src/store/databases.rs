//! [`Databases`]: every database of a store, and the locks that a command takes.
//!
//! Each database is divided into shards by the hash of the key, and each shard has a lock. A command locks the shards of
//! its keys, in one order everywhere, and runs; it waits for nothing else while it holds a lock.

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::{
    context::Context,
    database::{Database, LockedShard, shard_bits_of},
    prefetcher::Prefetcher,
    shard::{Hasher, Shard},
    slots::{HeldShards, LocatedKey, Slots},
    value::Value,
};

/// The most shards of a database.
const MAX_SHARDS: usize = 1 << 14;

/// One item for each key of a command. Most commands have no more keys than fit without an allocation.
pub(super) type PerKey<T> = SmallVec<[T; 16]>;

/// A key, and the index of its database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef<'a> {
    pub(crate) database: usize,
    pub(crate) name: &'a [u8],
}

/// All databases.
#[derive(Debug)]
pub(crate) struct Databases {
    hasher: Hasher,
    databases: Vec<Database>,
    /// The number of bits that choose a shard of a database, and a mask of them.
    shard_bits: u32,
    shard_mask: usize,
}

impl Databases {
    /// `count` empty databases of `shards` shards each, rounded up to a power of two.
    pub(crate) fn new(count: usize, shards: usize) -> Self {
        let hasher = Hasher::default();
        let shards = shards.clamp(1, MAX_SHARDS).next_power_of_two();
        let databases = (0..count).map(|_| Database::new(hasher.clone(), shards)).collect();
        Self { hasher, databases, shard_bits: shards.ilog2(), shard_mask: shards - 1 }
    }

    /// The number of databases.
    pub(crate) fn len(&self) -> usize {
        self.databases.len()
    }

    /// The database at `index`.
    ///
    /// # Panics
    /// If there is no such database.
    pub(crate) fn get(&self, index: usize) -> &Database {
        &self.databases[index]
    }

    /// The databases in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Database> {
        self.databases.iter()
    }

    /// Runs `run` over the slot of one key.
    #[inline]
    pub(crate) fn with_slot<R>(
        &self,
        context: &Context<'_>,
        key: KeyRef<'_>,
        run: impl FnOnce(&mut Slots<'_>) -> R,
    ) -> R {
        let hash = self.hasher.hash(key.name);
        let mut shard = self.databases[key.database].shard_of(hash).lock();
        run(&mut Slots::new(context, HeldShards::One(&mut shard), &[LocatedKey { key: key.name, hash, shard: 0 }]))
    }

    /// Runs `run` over the slots of several keys, in their order. A key may occur twice.
    #[inline]
    pub(crate) fn with_slots<'k, R>(
        &self,
        context: &Context<'_>,
        keys: impl Iterator<Item = KeyRef<'k>>,
        run: impl FnOnce(&mut Slots<'_>) -> R,
    ) -> R {
        let mut located: PerKey<_> = keys.map(|key| self.locate(key)).collect();
        let first = located.first().map_or(0, |located| located.shard);
        if located.iter().any(|located| located.shard != first) {
            return self.with_shards(context, &mut located, run);
        }
        let mut shard = self.shard(first).lock();
        run(&mut Slots::new(context, HeldShards::One(&mut shard), &located))
    }

    /// Runs `run` over slots in several shards, which are locked in their order.
    fn with_shards<R>(
        &self,
        context: &Context<'_>,
        located: &mut [LocatedKey<'_>],
        run: impl FnOnce(&mut Slots<'_>) -> R,
    ) -> R {
        let mut order: PerKey<usize> = located.iter().map(|located| located.shard).collect();
        order.sort_unstable();
        order.dedup();
        for located in located.iter_mut() {
            located.shard = order.partition_point(|shard| *shard < located.shard);
        }
        // Declared before the locks, so dropped after them.
        let mut removed = Vec::<Value>::new();
        let mut guards: PerKey<MutexGuard<'_, Shard>> = order.iter().map(|shard| self.shard(*shard).lock()).collect();
        let shards = guards.iter_mut().map(|guard| &mut **guard).collect();
        run(&mut Slots::new(context, HeldShards::Many { shards, removed: &mut removed }, located))
    }

    /// Prefetches the memory of several keys. No effect but on speed.
    pub(crate) fn prefetcher(&self) -> Prefetcher<'_> {
        Prefetcher::new(self)
    }

    /// Prefetches the bucket of one key. Where its entry is cannot be known before the bucket has arrived, and there are no
    /// other keys to go on with meanwhile.
    #[inline]
    pub(crate) fn prefetch_one(&self, key: KeyRef<'_>) {
        let hash = self.hasher.hash(key.name);
        if let Some(shard) = self.databases[key.database].shard_of(hash).try_lock() {
            shard.prefetch_bucket(hash);
        }
    }

    /// Removes expired entries in about `limit` steps at most, and returns the number of steps.
    pub(crate) fn remove_expired(&self, now: u64, limit: usize) -> usize {
        let mut steps = 0;
        for database in &self.databases {
            steps += database.remove_expired(now, limit - steps);
        }
        steps
    }

    /// Hashes a key, and finds the index of its shard among those of all databases.
    #[inline]
    pub(super) fn locate<'a>(&self, key: KeyRef<'a>) -> LocatedKey<'a> {
        let hash = self.hasher.hash(key.name);
        // The shards of all databases are numbered in one sequence, so the index orders every lock.
        let shard = key.database << self.shard_bits | shard_bits_of(hash) & self.shard_mask;
        LocatedKey { key: key.name, hash, shard }
    }

    /// The shard at an index among those of all databases.
    #[inline]
    pub(super) fn shard(&self, index: usize) -> &LockedShard {
        &self.databases[index >> self.shard_bits].shards()[index & self.shard_mask]
    }

    /// Whether each database is one shard.
    #[inline]
    pub(super) fn is_unsharded(&self) -> bool {
        self.shard_mask == 0
    }
}
