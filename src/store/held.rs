//! [`Held`]: the shards that are locked while commands run.

use std::{
    ops::{Deref, DerefMut},
    thread,
    time::Duration,
};

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::{call::KeySlot, shard::Shard};

/// The lock of one shard. A panic while it is held seals the shard.
#[derive(Debug)]
pub(super) struct Locked<'a>(pub(super) MutexGuard<'a, Shard>);

impl Deref for Locked<'_> {
    type Target = Shard;

    #[inline(always)]
    fn deref(&self) -> &Shard {
        &self.0
    }
}

impl DerefMut for Locked<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Shard {
        &mut self.0
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.seal();
        }
    }
}

/// Several locked shards, in the order of their indices.
#[derive(Debug, Default)]
pub(super) struct HeldShards<'a>(SmallVec<[HeldShard<'a>; 16]>);

/// A locked shard, and its index in the store.
#[derive(Debug)]
struct HeldShard<'a> {
    index: usize,
    lock: Locked<'a>,
}

impl<'a> HeldShards<'a> {
    /// Adds a shard, whose index is higher than the others.
    pub(super) fn push(&mut self, index: usize, lock: Locked<'a>) {
        debug_assert!(self.last().is_none_or(|last| last < index));
        self.0.push(HeldShard { index, lock });
    }

    /// Adds shards that are not held yet. Those that were held may have other positions then.
    pub(super) fn add(&mut self, shards: Vec<(usize, Locked<'a>)>) {
        self.0.extend(shards.into_iter().map(|(index, lock)| HeldShard { index, lock }));
        self.0.sort_unstable_by_key(|held| held.index);
    }

    /// The index of the last of them.
    pub(super) fn last(&self) -> Option<usize> {
        self.0.last().map(|held| held.index)
    }

    /// The number of shards.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first of them.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn first(&mut self) -> &mut Shard {
        &mut self.0[0].lock
    }

    /// Seals them: nobody reads or writes them any more.
    pub(super) fn seal(&mut self) {
        self.0.iter_mut().for_each(|held| held.lock.seal());
    }

    /// Lets the time of the shards be `now` at least.
    pub(super) fn advance(&self, now: Duration) {
        self.0.iter().for_each(|held| _ = held.lock.not_before(now));
    }

    /// Sets the shards of keys to their positions among these.
    pub(super) fn place(&self, keys: &mut [KeySlot<'_>]) {
        keys.iter_mut().for_each(|key| key.shard = self.position(key.shard as usize) as u32);
    }

    /// Whether a shard is one of these, by its index in the store.
    pub(super) fn has(&self, index: usize) -> bool {
        self.0.binary_search_by_key(&index, |held| held.index).is_ok()
    }

    /// The index in the store of the shard at a position.
    pub(super) fn index(&self, position: usize) -> usize {
        self.0[position].index
    }

    /// The position of a shard among these, by its index in the store.
    ///
    /// # Panics
    /// If it is not held.
    pub(super) fn position(&self, index: usize) -> usize {
        // If all shards are held, each is at its own index.
        if self.0.get(index).is_some_and(|held| held.index == index) {
            return index;
        }
        self.0.binary_search_by_key(&index, |held| held.index).expect("a command works on the shards that it holds")
    }
}

/// The held shards, for a [`Call`](super::call::Call): a trait, so that its lifetime is shorter than that of the locks.
pub(super) trait Held {
    /// The shard at a position.
    fn shard(&self, position: usize) -> &Shard;

    /// The same, for changes.
    fn shard_mut(&mut self, position: usize) -> &mut Shard;

    /// The position of a shard, by its index in the store.
    ///
    /// # Panics
    /// If it is not held.
    fn position_of(&self, index: usize) -> usize;

    /// Visits all of them.
    fn for_each(&self, visit: &mut dyn FnMut(&Shard));

    /// Swaps the entries of two shards, by their positions.
    fn swap(&mut self, one: usize, other: usize);
}

impl Held for HeldShards<'_> {
    fn shard(&self, position: usize) -> &Shard {
        &self.0[position].lock
    }

    fn shard_mut(&mut self, position: usize) -> &mut Shard {
        &mut self.0[position].lock
    }

    fn position_of(&self, index: usize) -> usize {
        self.position(index)
    }

    fn for_each(&self, visit: &mut dyn FnMut(&Shard)) {
        self.0.iter().for_each(|held| visit(&held.lock));
    }

    fn swap(&mut self, one: usize, other: usize) {
        let [one, other] = self.0.get_disjoint_mut([one, other]).expect("two shards");
        one.lock.swap(&mut other.lock);
    }
}

/// The shards that a call works on.
pub(super) enum Shards<'c> {
    /// None is locked: the command has no keys, or locks one shard after the other.
    None,
    /// The keys are in one shard.
    One(&'c mut Shard),
    Many(&'c mut (dyn Held + 'c)),
}

impl Shards<'_> {
    /// The shard at a position among those that are held.
    #[inline(always)]
    pub(super) fn at_mut(&mut self, position: u32) -> &mut Shard {
        match self {
            Self::One(shard) => shard,
            Self::Many(held) => held.shard_mut(position as usize),
            Self::None => unreachable!("a command with keys holds their shards"),
        }
    }

    /// The same, to read.
    #[inline(always)]
    pub(super) fn at(&self, position: u32) -> &Shard {
        match self {
            Self::One(shard) => shard,
            Self::Many(held) => held.shard(position as usize),
            Self::None => unreachable!("a command with keys holds their shards"),
        }
    }

    /// The position of a shard, by its index in the store.
    ///
    /// # Panics
    /// If it is not held.
    pub(super) fn position_of(&self, index: usize) -> u32 {
        match self {
            Self::Many(held) => held.position_of(index) as u32,
            Self::One(_) | Self::None => 0,
        }
    }
}
