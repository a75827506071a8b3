//! [`Memory`]: the engine that keeps everything in memory, and lends it in place.
//!
//! Each database is cut into shards by the hash of the key, each behind a lock of its own. A command locks the shards of
//! its keys, in one order everywhere, and runs; no command waits for anything else while it holds a lock.

mod arena;
mod expiry_wheel;
mod hash;
mod heap;
mod hint;
mod prefetch;
mod record;
mod shard;
mod slab;
mod table;
mod tags;

use std::{sync::OnceLock, thread};

use parking_lot::{Mutex, MutexGuard};

use super::{Engine, ExpiryStats, KeyRef, Keyspace, Located, PerKey, Removed, Shards, Slots, Statistics};
use crate::store::context::Context;

use hash::Hasher;

pub(crate) use heap::{Entry, Expiry};
pub(crate) use hint::Hint;
pub(crate) use shard::{Found, Shard};

/// How many shards there are at most.
const MAX_SHARDS: usize = 1 << 14;

/// How many buckets a scan may find empty for each entry that it is asked for.
const BUCKETS_PER_ENTRY: usize = 10;

/// From how many entries on a thread of its own drops them: to drop this many takes about a millisecond.
const DROP_ELSEWHERE: usize = 10_000;

/// Entries in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    hasher: Hasher,
    databases: Vec<Database>,
    /// How many bits choose a shard of a database, and the bits themselves.
    shard_bits: u32,
    shard_mask: usize,
}

/// One database; its shards are made when the first key comes.
#[derive(Debug)]
struct Database {
    hasher: Hasher,
    shards: usize,
    locked_shards: OnceLock<Box<[LockedShard]>>,
}

/// A shard and its lock. As far from the next one that processors, which load two lines at once, do not share any.
#[derive(Debug)]
#[repr(align(128))]
struct LockedShard(Mutex<Shard>);

impl Memory {
    /// `shards` is how many a database has: rounded up to a power of two.
    pub(crate) fn new(databases: usize, shards: usize) -> Self {
        let hasher = Hasher::default();
        let shards = shards.clamp(1, MAX_SHARDS).next_power_of_two();
        let database = |_| Database { hasher: hasher.clone(), shards, locked_shards: OnceLock::new() };
        let databases = (0..databases).map(database).collect();
        Self { hasher, databases, shard_bits: shards.ilog2(), shard_mask: shards - 1 }
    }

    #[inline]
    fn locate<'a>(&self, key: KeyRef<'a>) -> Located<'a> {
        let hash = self.hasher.hash(key.name);
        // Databases follow each other, so that the index orders the locks of all of them.
        let shard = key.database << self.shard_bits | shard_bits_of(hash) & self.shard_mask;
        Located { key: key.name, hash, shard }
    }

    #[inline]
    fn locked_shard(&self, shard: usize) -> &LockedShard {
        &self.databases[shard >> self.shard_bits].locked_shards()[shard & self.shard_mask]
    }

    /// Runs `run` over slots in several shards, whose locks are taken in their order.
    fn with_shards<R>(
        &self,
        context: &Context<'_>,
        located: &mut [Located<'_>],
        run: impl FnOnce(&mut Slots<'_>) -> R,
    ) -> R {
        let mut order: PerKey<usize> = located.iter().map(|located| located.shard).collect();
        order.sort_unstable();
        order.dedup();
        for located in located.iter_mut() {
            located.shard = order.partition_point(|shard| *shard < located.shard);
        }
        // Declared before the locks, so dropped after them.
        let mut removed = Removed::new();
        let mut guards: PerKey<MutexGuard<'_, Shard>> =
            order.iter().map(|shard| self.locked_shard(*shard).0.lock()).collect();
        let shards = guards.iter_mut().map(|guard| &mut **guard).collect();
        run(&mut Slots::new(context, Shards::Many { shards, removed: &mut removed }, located))
    }
}

impl Engine for Memory {
    fn databases(&self) -> usize {
        self.databases.len()
    }

    #[inline]
    fn with_slot<R>(&self, context: &Context<'_>, key: KeyRef<'_>, run: impl FnOnce(&mut Slots<'_>) -> R) -> R {
        let hash = self.hasher.hash(key.name);
        let mut shard = self.databases[key.database].locked_shard(hash).0.lock();
        run(&mut Slots::new(context, Shards::One(&mut shard), &[Located { key: key.name, hash, shard: 0 }]))
    }

    #[inline]
    fn with_slots<'k, R>(
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
        let mut shard = self.locked_shard(first).0.lock();
        run(&mut Slots::new(context, Shards::One(&mut shard), &located))
    }

    fn keyspace(&self, database: usize) -> &dyn Keyspace {
        &self.databases[database]
    }

    fn hint(&self) -> Hint<'_> {
        Hint::new(self)
    }

    #[inline]
    fn hint_alone(&self, key: KeyRef<'_>) {
        let hash = self.hasher.hash(key.name);
        if let Some(shard) = self.databases[key.database].locked_shard(hash).0.try_lock() {
            shard.prefetch_bucket(hash);
        }
    }

    fn expire(&self, now: u64, limit: usize) -> usize {
        let locked_shards = self.databases.iter().filter_map(|database| database.locked_shards.get()).flatten();
        let mut removed = 0;
        for locked_shard in locked_shards {
            if removed >= limit {
                break;
            }
            removed += locked_shard.0.lock().expire(now, limit - removed);
        }
        removed
    }
}

impl Database {
    /// The locked_shard of a hash.
    #[inline]
    fn locked_shard(&self, hash: u64) -> &LockedShard {
        let locked_shards = self.locked_shards();
        &locked_shards[shard_bits_of(hash) & (locked_shards.len() - 1)]
    }

    #[inline]
    fn locked_shards(&self) -> &[LockedShard] {
        self.locked_shards.get_or_init(|| {
            (0..self.shards).map(|_| LockedShard(Mutex::new(Shard::new(self.hasher.clone())))).collect()
        })
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.locked_shards.get().into_iter().flatten().map(|locked_shard| locked_shard.0.lock())
    }
}

impl Keyspace for Database {
    fn len(&self) -> usize {
        self.shards().map(|shard| shard.len()).sum()
    }

    fn expiring(&self) -> ExpiryStats {
        let expiries = self.shards().map(|shard| shard.expiries());
        let (count, total) = expiries.fold((0, 0), |sum, shard| (sum.0 + shard.0, sum.1 + shard.1));
        ExpiryStats { count, mean: total.checked_div(count as u128).unwrap_or(0) as u64 }
    }

    fn clear(&self) {
        // All at once, so that nobody sees half of it; the entries are dropped when the locks are given back.
        let mut shards: Vec<_> = self.shards().collect();
        let removed: Vec<_> = shards.iter_mut().map(|shard| shard.clear()).collect();
        drop(shards);
        drop_elsewhere(removed);
    }

    fn scan(&self, context: &Context<'_>, cursor: u64, count: usize, visit: &mut dyn FnMut(Entry<'_>)) -> u64 {
        let Some(locked_shards) = self.locked_shards.get() else { return 0 };
        // The lowest bits of a cursor are the shard, the others the cursor in its table.
        let shards = self.shards as u64;
        let (first, mut within) = ((cursor % shards) as usize, cursor / shards);
        // Empty buckets are work too, but little: a table that shrank should not take many calls.
        let (mut seen, mut buckets) = (0, 0);
        for (index, locked_shard) in locked_shards.iter().enumerate().skip(first) {
            let shard = locked_shard.0.lock();
            if shard.len() == 0 {
                within = 0;
                continue;
            }
            loop {
                if seen >= count || buckets / BUCKETS_PER_ENTRY >= count {
                    return within * shards + index as u64;
                }
                within = shard.scan(within, |entry| {
                    seen += 1;
                    if is_live(&entry, context) {
                        visit(entry);
                    }
                });
                buckets += 1;
                if within == 0 {
                    break;
                }
            }
        }
        0
    }

    fn each(&self, context: &Context<'_>, visit: &mut dyn FnMut(Entry<'_>)) {
        for shard in self.shards() {
            shard.iter().filter(|entry| is_live(entry, context)).for_each(&mut *visit);
        }
    }

    fn random(&self, context: &Context<'_>) -> Option<Vec<u8>> {
        // Every entry is as likely as another: the one at a random place, or the next that is live.
        let mut skipped = (context.seed() % self.len().max(1) as u64) as usize;
        let live_from = |shard: &Shard, index: usize| {
            let mut entries = (index..shard.len()).filter_map(|index| shard.nth(index));
            entries.find(|entry| is_live(entry, context)).map(|entry| entry.key().to_vec())
        };
        let found = self.shards().find_map(|shard| {
            let index = skipped;
            skipped = skipped.saturating_sub(shard.len());
            live_from(&shard, index)
        });
        found.or_else(|| self.shards().find_map(|shard| live_from(&shard, 0)))
    }

    fn statistics(&self) -> Statistics {
        let mut total = Statistics::default();
        self.shards().for_each(|shard| total += shard.statistics);
        total
    }

    fn reset_statistics(&self) {
        self.shards().for_each(|mut shard| shard.statistics = Statistics::default());
    }
}

/// The bits of a hash of which the lowest choose the shard: the bucket takes the low ones of all, and the tag the highest.
#[inline]
fn shard_bits_of(hash: u64) -> usize {
    (hash >> 40) as usize
}

/// Drops shards, on another thread where that would keep this one from its connections.
fn drop_elsewhere(removed: Vec<Shard>) {
    let entries: usize = removed.iter().map(|shard| shard.len()).sum();
    if entries >= DROP_ELSEWHERE {
        // Where there are no more threads, the shards are dropped here, together with the closure that was to do it.
        let _ = thread::Builder::new().name("kvstore-drop".to_owned()).spawn(move || drop(removed));
    }
}

fn is_live(entry: &Entry<'_>, context: &Context<'_>) -> bool {
    entry.expires_at().is_none_or(|at| at > context.now())
}
