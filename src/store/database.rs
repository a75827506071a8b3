//! [`Database`]: one database as a whole, for the commands that have no keys: KEYS, SCAN, DBSIZE, FLUSHDB.

use std::{sync::OnceLock, thread};

use parking_lot::{Mutex, MutexGuard};

use super::{
    context::Context,
    shard::{Entry, Hasher, Shard, Statistics},
};

/// How many empty buckets a scan visits for each entry that it is asked for.
const BUCKETS_PER_ENTRY: usize = 10;

/// From this many entries on, a thread of its own drops them: dropping this many takes about a millisecond.
const DROP_ELSEWHERE: usize = 10_000;

/// One database. Its shards are created when the first key is stored.
#[derive(Debug)]
pub(crate) struct Database {
    hasher: Hasher,
    shard_count: usize,
    shards: OnceLock<Box<[LockedShard]>>,
}

/// A shard and its lock. Aligned to two cache lines, because processors load them in pairs: no pair is shared.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct LockedShard(Mutex<Shard>);

/// The number of keys of a database that have an expiry, and its mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpiryStats {
    pub(crate) count: usize,
    /// The mean expiry, in milliseconds since the Unix epoch.
    pub(crate) mean: u64,
}

impl Database {
    /// An empty database of `shard_count` shards, which is a power of two.
    pub(super) fn new(hasher: Hasher, shard_count: usize) -> Self {
        Self { hasher, shard_count, shards: OnceLock::new() }
    }

    /// The number of keys, including the expired ones that are not removed yet.
    pub(crate) fn len(&self) -> usize {
        self.lock_each().map(|shard| shard.len()).sum()
    }

    /// The number of keys that have an expiry, and its mean.
    pub(crate) fn expiries(&self) -> ExpiryStats {
        let shards = self.lock_each().map(|shard| shard.expiries());
        let (count, total) = shards.fold((0, 0), |sum, shard| (sum.0 + shard.0, sum.1 + shard.1));
        ExpiryStats { count, mean: total.checked_div(count as u128).unwrap_or(0) as u64 }
    }

    /// Removes every key.
    pub(crate) fn clear(&self) {
        // All shards are locked at once, so that no client sees half of it. The entries are dropped after the locks.
        let mut shards: Vec<_> = self.lock_each().collect();
        let removed: Vec<_> = shards.iter_mut().map(|shard| shard.clear()).collect();
        drop(shards);
        drop_elsewhere(removed);
    }

    /// Visits about `count` entries from `cursor` on, and returns the next cursor, 0 at the end. An entry that exists
    /// from the first call to the last is visited at least once. Expired entries are skipped.
    pub(crate) fn scan(
        &self,
        context: &Context<'_>,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Entry<'_>),
    ) -> u64 {
        let Some(shards) = self.shards.get() else { return 0 };
        // The lowest bits of a cursor are the index of the shard, the others the cursor in its table.
        let shard_count = self.shard_count as u64;
        let (first, mut within) = ((cursor % shard_count) as usize, cursor / shard_count);
        // Empty buckets count as well, but little: a table that shrank should not take many calls.
        let (mut seen, mut buckets) = (0, 0);
        for (index, shard) in shards.iter().enumerate().skip(first) {
            let shard = shard.lock();
            if shard.len() == 0 {
                within = 0;
                continue;
            }
            loop {
                if seen >= count || buckets / BUCKETS_PER_ENTRY >= count {
                    return within * shard_count + index as u64;
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

    /// Visits every entry once, one shard after the other. Expired entries are skipped.
    pub(crate) fn for_each(&self, context: &Context<'_>, mut visit: impl FnMut(Entry<'_>)) {
        for shard in self.lock_each() {
            shard.iter().filter(|entry| is_live(entry, context)).for_each(&mut visit);
        }
    }

    /// A random key, chosen by the seed of the context.
    pub(crate) fn random_key(&self, context: &Context<'_>) -> Option<Vec<u8>> {
        // Every entry is equally likely: the one at a random index, or the next that has not expired.
        let mut skipped = (context.seed() % self.len().max(1) as u64) as usize;
        let live_from = |shard: &Shard, index: usize| {
            let mut entries = (index..shard.len()).filter_map(|index| shard.nth(index));
            entries.find(|entry| is_live(entry, context)).map(|entry| entry.key().to_vec())
        };
        let found = self.lock_each().find_map(|shard| {
            let index = skipped;
            skipped = skipped.saturating_sub(shard.len());
            live_from(&shard, index)
        });
        found.or_else(|| self.lock_each().find_map(|shard| live_from(&shard, 0)))
    }

    /// Hits, misses and expired keys so far.
    pub(crate) fn statistics(&self) -> Statistics {
        let mut total = Statistics::default();
        self.lock_each().for_each(|shard| total += shard.statistics);
        total
    }

    /// Sets the statistics to 0.
    pub(crate) fn reset_statistics(&self) {
        self.lock_each().for_each(|mut shard| shard.statistics = Statistics::default());
    }

    /// Removes expired entries in about `limit` steps at most, and returns the number of steps.
    pub(super) fn remove_expired(&self, now: u64, limit: usize) -> usize {
        let mut steps = 0;
        for shard in self.shards.get().into_iter().flatten() {
            if steps >= limit {
                break;
            }
            steps += shard.lock().remove_expired(now, limit - steps);
        }
        steps
    }

    /// The shard for the hash of a key.
    #[inline]
    pub(super) fn shard_of(&self, hash: u64) -> &LockedShard {
        let shards = self.shards();
        &shards[shard_bits_of(hash) & (shards.len() - 1)]
    }

    #[inline]
    pub(super) fn shards(&self) -> &[LockedShard] {
        self.shards.get_or_init(|| (0..self.shard_count).map(|_| LockedShard::new(self.hasher.clone())).collect())
    }

    /// Locks each shard in turn, if there are any yet.
    fn lock_each(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.get().into_iter().flatten().map(LockedShard::lock)
    }
}

impl LockedShard {
    fn new(hasher: Hasher) -> Self {
        Self(Mutex::new(Shard::new(hasher)))
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        self.0.lock()
    }

    #[inline]
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Shard>> {
        self.0.try_lock()
    }
}

/// The bits of a hash of which the lowest choose the shard. The bucket uses the low bits of the whole, the tag the highest.
#[inline]
pub(super) fn shard_bits_of(hash: u64) -> usize {
    (hash >> 40) as usize
}

/// Drops shards: on another thread if there are many entries, so that no connection waits.
fn drop_elsewhere(removed: Vec<Shard>) {
    let entries: usize = removed.iter().map(Shard::len).sum();
    if entries >= DROP_ELSEWHERE {
        // If no thread can be started, the shards are dropped here, together with the closure.
        let _ = thread::Builder::new().name("kvstore-drop".to_owned()).spawn(move || drop(removed));
    }
}

fn is_live(entry: &Entry<'_>, context: &Context<'_>) -> bool {
    entry.expires_at().is_none_or(|at| at > context.now())
}
