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
pub(super) struct HeldShards<'a> {
    indices: SmallVec<[usize; 16]>,
    locks: SmallVec<[Locked<'a>; 16]>,
}

impl<'a> HeldShards<'a> {
    /// Adds a shard, whose index is higher than the others.
    pub(super) fn push(&mut self, index: usize, lock: Locked<'a>) {
        debug_assert!(self.indices.last().is_none_or(|last| *last < index));
        self.indices.push(index);
        self.locks.push(lock);
    }

    /// The number of shards.
    pub(super) fn len(&self) -> usize {
        self.locks.len()
    }

    /// The first of them.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn first(&mut self) -> &mut Shard {
        &mut self.locks[0]
    }

    /// Lets the time of the shards be `now` at least.
    pub(super) fn advance(&self, now: Duration) {
        self.locks.iter().for_each(|shard| _ = shard.not_before(now));
    }

    /// Sets the shards of keys to their positions among these.
    pub(super) fn place(&self, keys: &mut [KeySlot<'_>]) {
        if self.locks.len() == 1 {
            keys.iter_mut().for_each(|key| key.shard = 0);
        } else {
            keys.iter_mut().for_each(|key| key.shard = self.position(key.shard as usize) as u32);
        }
    }

    /// The position of a shard among these, by its index in the store.
    ///
    /// # Panics
    /// If it is not held.
    pub(super) fn position(&self, index: usize) -> usize {
        // If all shards are held, each is at its own index.
        if self.indices.get(index) == Some(&index) {
            return index;
        }
        self.indices.binary_search(&index).expect("a command works on the shards that it holds")
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
        &self.locks[position]
    }

    fn shard_mut(&mut self, position: usize) -> &mut Shard {
        &mut self.locks[position]
    }

    fn position_of(&self, index: usize) -> usize {
        self.position(index)
    }

    fn for_each(&self, visit: &mut dyn FnMut(&Shard)) {
        self.locks.iter().for_each(|lock| visit(lock));
    }

    fn swap(&mut self, one: usize, other: usize) {
        let [one, other] = self.locks.get_disjoint_mut([one, other]).expect("two shards");
        one.swap(other);
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
