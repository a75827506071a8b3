//! [`Memory`]: the engine that keeps everything in memory, and lends it in place.
//!
//! Each database is cut into shards by the hash of the key, each behind a lock of its own. A command locks the shards of
//! its keys, in one order everywhere, and runs; no command waits for anything else while it holds a lock.

mod ends;
mod entry;
mod prefetch;
mod shard;
mod table;

use std::{
    hash::BuildHasher,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use foldhash::quality::RandomState;
use parking_lot::{Mutex, MutexGuard};

use super::{Engine, Expiring, Key, Keyspace, Located, Shards, Slots, Statistics};
use crate::store::context::Context;

pub(crate) use entry::Entry;
pub(crate) use shard::Shard;

/// Into how many shards a database is cut. Many more than there are threads, so that these seldom meet, and so that no
/// single table takes long to grow.
const SHARDS: usize = 256;

/// How many buckets a scan may find empty for each entry that it is asked for.
const BUCKETS_PER_ENTRY: usize = 10;

/// From how many entries on a thread of its own drops them: to drop this many takes about a millisecond.
const MANY: usize = 10_000;

/// How many keys of one batch are hinted.
const HINTED: usize = 128;

/// Entries in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Secret, and another in each process: nobody can choose keys that collide.
    hasher: RandomState,
    databases: Vec<Database>,
}

/// One database; its shards are made when the first key comes.
#[derive(Debug, Default)]
struct Database {
    lanes: OnceLock<Box<[Lane]>>,
}

/// A shard, its lock, and what can be known of it without the lock.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane {
    shard: Mutex<Shard>,
    /// Where the buckets of the table were when the lock was last given back: for prefetching alone.
    buckets: (AtomicUsize, AtomicUsize),
}

impl Memory {
    pub(crate) fn new(databases: usize) -> Self {
        Self { hasher: RandomState::default(), databases: (0..databases).map(|_| Database::default()).collect() }
    }

    #[inline]
    fn locate<'a>(&self, key: Key<'a>) -> Located<'a> {
        let hash = self.hasher.hash_one(key.name);
        // The low bits choose the bucket and the highest the tag: the shard takes others. Databases follow each other, so
        // that the index orders the locks of all of them.
        let shard = key.database * SHARDS + (hash >> 40) as usize % SHARDS;
        Located { key: key.name, hash, shard }
    }

    #[inline]
    fn lane(&self, shard: usize) -> &Lane {
        &self.databases[shard / SHARDS].lanes()[shard % SHARDS]
    }

    fn lend_many<R>(
        &self,
        context: &Context<'_>,
        located: &mut [Located<'_>],
        run: impl FnOnce(&mut Slots<'_>) -> R,
    ) -> R {
        let mut order: Vec<usize> = located.iter().map(|located| located.shard).collect();
        order.sort_unstable();
        order.dedup();
        for located in located.iter_mut() {
            located.shard = order.partition_point(|shard| *shard < located.shard);
        }
        // Declared before the locks, so dropped after them.
        let mut removed = Vec::new();
        let mut guards: Vec<MutexGuard<'_, Shard>> = order.iter().map(|shard| self.lane(*shard).shard.lock()).collect();
        let shards = guards.iter_mut().map(|guard| &mut **guard).collect();
        let result = run(&mut Slots::new(context, Shards::Many { shards, removed: &mut removed }, located));
        for (shard, guard) in order.iter().zip(&guards) {
            self.lane(*shard).publish(guard);
        }
        result
    }
}

impl Engine for Memory {
    fn databases(&self) -> usize {
        self.databases.len()
    }

    #[inline]
    fn lend<R>(&self, context: &Context<'_>, keys: &[Key<'_>], run: impl FnOnce(&mut Slots<'_>) -> R) -> R {
        if let [key] = keys {
            let located = [self.locate(*key)];
            let lane = self.lane(located[0].shard);
            let mut shard = lane.shard.lock();
            let result = run(&mut Slots::new(context, Shards::One(&mut shard), &located));
            lane.publish(&shard);
            return result;
        }
        let mut located: Vec<_> = keys.iter().map(|key| self.locate(*key)).collect();
        self.lend_many(context, &mut located, run)
    }

    fn keyspace(&self, database: usize) -> &dyn Keyspace {
        &self.databases[database]
    }

    fn hint(&self, tell: impl FnOnce(&mut dyn FnMut(Key<'_>))) {
        let mut places = [(0, 0); HINTED];
        let mut count = 0;
        // First all buckets, then all entries: what the first round asked for arrives while it goes on.
        tell(&mut |key| {
            let Some(place) = places.get_mut(count) else { return };
            let Located { hash, shard, .. } = self.locate(key);
            let (address, buckets) = &self.lane(shard).buckets;
            table::prefetch_bucket((address.load(Ordering::Relaxed), buckets.load(Ordering::Relaxed)), hash);
            *place = (hash, shard);
            count += 1;
        });
        for (hash, shard) in &places[..count] {
            if let Some(shard) = self.lane(*shard).shard.try_lock() {
                shard.table.prefetch_entry(*hash);
            }
        }
    }

    fn expire(&self, now: u64, limit: usize) -> usize {
        let lanes = self.databases.iter().filter_map(|database| database.lanes.get()).flatten();
        let mut removed = 0;
        for lane in lanes {
            if removed >= limit {
                break;
            }
            let mut shard = lane.shard.lock();
            removed += shard.expire(now, limit - removed);
            lane.publish(&shard);
        }
        removed
    }
}

impl Database {
    #[inline]
    fn lanes(&self) -> &[Lane] {
        self.lanes.get_or_init(|| (0..SHARDS).map(|_| Lane::default()).collect())
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.lanes.get().into_iter().flatten().map(|lane| lane.shard.lock())
    }
}

impl Keyspace for Database {
    fn len(&self) -> usize {
        self.shards().map(|shard| shard.table.len()).sum()
    }

    fn expiring(&self) -> Expiring {
        let ends = self.shards().map(|shard| (shard.ends.len(), shard.ends.total()));
        let (count, total) = ends.fold((0, 0), |sum, shard| (sum.0 + shard.0, sum.1 + shard.1));
        Expiring { count, mean: total.checked_div(count as u128).unwrap_or(0) as u64 }
    }

    fn clear(&self) {
        // All at once, so that nobody sees half of it; the entries are dropped when the locks are given back.
        let mut shards: Vec<_> = self.shards().collect();
        let removed: Vec<_> = shards.iter_mut().map(|shard| shard.clear()).collect();
        drop(shards);
        drop_elsewhere(removed);
    }

    fn scan(&self, context: &Context<'_>, cursor: u64, count: usize, visit: &mut dyn FnMut(&Entry)) -> u64 {
        let Some(lanes) = self.lanes.get() else { return 0 };
        // The lowest bits of a cursor are the shard, the others the cursor in its table.
        let (first, mut within) = (cursor as usize % SHARDS, cursor / SHARDS as u64);
        // Empty buckets are work too, but little: a table that shrank should not take many calls.
        let (mut seen, mut buckets) = (0, 0);
        for (index, lane) in lanes.iter().enumerate().skip(first) {
            let shard = lane.shard.lock();
            if shard.table.len() == 0 {
                within = 0;
                continue;
            }
            loop {
                if seen >= count || buckets / BUCKETS_PER_ENTRY >= count {
                    return within * SHARDS as u64 + index as u64;
                }
                within = shard.table.scan(within, |entry| {
                    seen += 1;
                    if is_live(entry, context) {
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

    fn each(&self, context: &Context<'_>, visit: &mut dyn FnMut(&Entry)) {
        for shard in self.shards() {
            shard.table.iter().filter(|entry| is_live(entry, context)).for_each(&mut *visit);
        }
    }

    fn random(&self, context: &Context<'_>) -> Option<Vec<u8>> {
        // Every entry is as likely as another: the one at a random place, or the next that is live.
        let mut skipped = (context.seed() % self.len().max(1) as u64) as usize;
        let live_after = |shard: MutexGuard<'_, Shard>, skipped: usize| {
            let found = shard.table.iter().skip(skipped).find(|entry| is_live(entry, context));
            found.map(|entry| entry.key().to_vec())
        };
        let found = self.shards().find_map(|shard| {
            let (here, length) = (skipped, shard.table.len());
            skipped = skipped.saturating_sub(length);
            if here < length { live_after(shard, here) } else { None }
        });
        found.or_else(|| self.shards().find_map(|shard| live_after(shard, 0)))
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

/// Drops shards, on another thread where that would keep this one from its connections.
fn drop_elsewhere(removed: Vec<Shard>) {
    let entries: usize = removed.iter().map(|shard| shard.table.len()).sum();
    if entries >= MANY {
        // Where there are no more threads, the shards are dropped here, together with the closure that was to do it.
        let _ = thread::Builder::new().name("kvstore-drop".to_owned()).spawn(move || drop(removed));
    }
}

fn is_live(entry: &Entry, context: &Context<'_>) -> bool {
    entry.expires_at().is_none_or(|at| at > context.now())
}

impl Lane {
    /// Notes where the table is. Stored only when it moved: the line is read by every thread.
    #[inline]
    fn publish(&self, shard: &Shard) {
        let (address, buckets) = shard.table.location();
        if self.buckets.0.load(Ordering::Relaxed) != address {
            self.buckets.0.store(address, Ordering::Relaxed);
            self.buckets.1.store(buckets, Ordering::Relaxed);
        }
    }
}
