//! [`Hint`]: asks for the memory of keys that will be lent soon, so that their cache misses overlap.

use std::mem;

use parking_lot::MutexGuard;

use super::{KeyRef, Located, Memory, Shard};

/// How many keys of one batch are hinted.
const MAX_KEYS: usize = 128;

/// How many keys make a round at most.
const ROUND: usize = 64;

/// How many keys make a round where there is one shard, whose lock is held all along. More misses than this would wait for
/// each other.
const ROUND_OF_ONE: usize = 32;

/// Into how many groups the keys of a round are put, by their shards.
const GROUPS: usize = 32;

/// The keys of a batch, a round at a time. First all buckets are asked for, then all entries: what is asked for first
/// arrives while it goes on. Where there are several shards, the keys of each follow each other, so that its lock is taken
/// once for all of them.
pub(crate) struct Hint<'a> {
    held: HeldLock<'a>,
    /// How many keys are hinted yet.
    left: usize,
    round: [Hinted; ROUND],
    len: usize,
}

/// A key of the round.
#[derive(Clone, Copy, Default)]
struct Hinted {
    hash: u64,
    shard: u32,
    /// The number of the next key of its group, counted from 1; 0 behind the last.
    next: u32,
}

impl<'a> Hint<'a> {
    #[inline]
    pub(super) fn new(memory: &'a Memory) -> Self {
        let held = HeldLock { memory, shard: u32::MAX, guard: None };
        Self { held, left: MAX_KEYS, round: [Hinted::default(); ROUND], len: 0 }
    }

    /// Adds a key to the round.
    #[inline(always)]
    pub(crate) fn add(&mut self, key: KeyRef<'_>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let Located { hash, shard, .. } = self.held.memory.locate(key);
        // A number that does not fit names another shard: a wrong hint costs a cache line.
        let shard = shard as u32;
        let mut most = ROUND;
        if self.is_whole() {
            most = ROUND_OF_ONE;
            self.held.with(shard, |shard| shard.prefetch_bucket(hash));
        }
        self.round[self.len] = Hinted { hash, shard, next: 0 };
        self.len += 1;
        if self.len == most {
            self.end_round();
        }
    }

    /// Asks for what was not asked for yet.
    pub(crate) fn finish(mut self) {
        self.end_round();
    }

    /// Whether a database is one shard.
    #[inline]
    fn is_whole(&self) -> bool {
        self.held.memory.shard_mask == 0
    }

    fn end_round(&mut self) {
        if self.is_whole() {
            for key in &self.round[..self.len] {
                self.held.with(key.shard, |shard| shard.prefetch_entries(key.hash));
            }
        } else {
            let groups = self.group();
            self.for_each(&groups, Shard::prefetch_bucket);
            self.for_each(&groups, Shard::prefetch_entries);
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
    fn for_each(&mut self, groups: &Groups, ask: impl Fn(&Shard, u64)) {
        let mut used = groups.used;
        while used > 0 {
            let mut number = groups.firsts[used.trailing_zeros() as usize];
            used &= used - 1;
            while number > 0 {
                let Hinted { hash, shard, next } = self.round[number as usize - 1];
                self.held.with(shard, |shard| ask(shard, hash));
                number = next;
            }
        }
    }
}

/// Keys in groups: which groups there are, a bit for each, and the number of the first key of each.
#[derive(Default)]
struct Groups {
    used: u32,
    firsts: [u32; GROUPS],
}

/// The lock that a hint has, of one shard at a time: for as long as the keys are in it. One that somebody else has is not
/// waited for.
struct HeldLock<'a> {
    memory: &'a Memory,
    shard: u32,
    guard: Option<MutexGuard<'a, Shard>>,
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
        self.guard = self.memory.locked_shard(shard as usize).0.try_lock();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn with_keys(memory: &Memory, keys: usize) -> Hint<'_> {
        let mut hint = Hint::new(memory);
        (0..keys).for_each(|key| hint.add(KeyRef { database: 0, name: key.to_string().as_bytes() }));
        hint
    }

    /// The shards of the keys that are asked for, in this order.
    fn asked(hint: &mut Hint<'_>) -> Vec<u32> {
        let (groups, hashes) = (hint.group(), RefCell::default());
        hint.for_each(&groups, |_, hash| Vec::push(&mut hashes.borrow_mut(), hash));
        let shard_of = |hash| hint.round.iter().find(|key| key.hash == hash).expect("a key of the round").shard;
        hashes.into_inner().into_iter().map(shard_of).collect()
    }

    #[test]
    fn each_key_is_asked_for_once_and_those_of_a_shard_together() {
        for keys in [1, 2, 15, ROUND - 1] {
            let memory = Memory::new(1, 8);
            let mut hint = with_keys(&memory, keys);
            let mut wanted: Vec<u32> = hint.round[..hint.len].iter().map(|key| key.shard).collect();
            wanted.sort_unstable();
            assert_eq!((asked(&mut hint), wanted.len()), (wanted, keys));
        }
    }

    #[test]
    fn a_shard_that_somebody_else_has_is_left_out() {
        let memory = Memory::new(1, 8);
        let all = asked(&mut with_keys(&memory, ROUND - 1));
        let taken = all[0];
        let _theirs = memory.locked_shard(taken as usize).0.lock();
        let rest: Vec<u32> = all.into_iter().filter(|shard| *shard != taken).collect();
        assert_eq!(asked(&mut with_keys(&memory, ROUND - 1)), rest);
    }
}
