//! [`Hint`]: asks for the memory of keys that will be lent soon, so that their cache misses overlap.

use parking_lot::MutexGuard;

use super::{Key, Located, Memory, Shard};

/// How many keys of one batch are hinted.
const MOST: usize = 128;

/// How many keys make a round.
const ROUND: usize = 32;

/// The keys of a batch, a round at a time. First all buckets are asked for, then all entries: what is asked for first
/// arrives while it goes on.
pub(crate) struct Hint<'a> {
    held: Held<'a>,
    /// The hash and the shard of each key of the round.
    round: [(u64, usize); ROUND],
    count: usize,
}

impl<'a> Hint<'a> {
    #[inline]
    pub(super) fn new(memory: &'a Memory) -> Self {
        Self { held: Held { memory, shard: usize::MAX, guard: None }, round: [(0, 0); ROUND], count: 0 }
    }

    /// Asks for the bucket of a key.
    #[inline(always)]
    pub(crate) fn add(&mut self, key: Key<'_>) {
        if self.count == MOST {
            return;
        }
        let Located { hash, shard, .. } = self.held.memory.locate(key);
        self.held.with(shard, |shard| shard.prefetch_bucket(hash));
        self.round[self.count % ROUND] = (hash, shard);
        self.count += 1;
        if self.count.is_multiple_of(ROUND) {
            self.end_round(ROUND);
        }
    }

    /// Asks for the entries that were not asked for yet.
    pub(crate) fn finish(mut self) {
        self.end_round(self.count % ROUND);
    }

    fn end_round(&mut self, keys: usize) {
        for (hash, shard) in &self.round[..keys] {
            self.held.with(*shard, |shard| shard.prefetch_entries(*hash));
        }
    }
}

/// The lock that a hint has, of one shard at a time: for as long as the keys are in it. One that somebody else has is not
/// waited for.
struct Held<'a> {
    memory: &'a Memory,
    shard: usize,
    guard: Option<MutexGuard<'a, Shard>>,
}

impl Held<'_> {
    #[inline(always)]
    fn with(&mut self, shard: usize, run: impl FnOnce(&Shard)) {
        if shard != self.shard {
            self.change(shard);
        }
        if let Some(shard) = &self.guard {
            run(shard);
        }
    }

    #[inline(never)]
    fn change(&mut self, shard: usize) {
        self.guard = None;
        self.shard = shard;
        self.guard = self.memory.lane(shard).0.try_lock();
    }
}
