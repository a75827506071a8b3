//! [`Databases`]: the shards of every database of a store, and their locks.
//!
//! Each database is divided into shards by the hash of the key, and each shard has a lock. The shards of all databases are
//! numbered in one sequence, and locked in its order.

use std::{
    hint,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use kvstore_protocol::CommandError;
use parking_lot::{Mutex, MutexGuard};

use super::{execute::Patience, gate::Gate, held::Locked, memory::Hasher, prefetcher::Prefetcher, shard::Shard};

/// The most shards of a database.
const MAX_SHARDS: usize = 1 << 14;

/// How long a thread waits for a lock before it asks whether it is to go on: the longest time for which a worker thread waits while a
/// long command may hold it.
pub(super) const MAX_WAIT: Duration = Duration::from_micros(200);

/// How often a worker thread tries to get a lock before it waits: about as long as a short command takes.
const SPINS: usize = 100;

/// A key, and the index of its database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef<'a> {
    pub(crate) database: usize,
    pub(crate) name: &'a [u8],
}

/// The hash of a key, and the index of its shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    pub(super) hash: u64,
    pub(super) shard: usize,
}

/// A shard and its lock. Aligned to two cache lines, because processors load them in pairs: no pair is shared.
#[derive(Debug)]
#[repr(align(128))]
struct LockedShard(Mutex<Shard>);

/// All databases.
#[derive(Debug)]
pub(crate) struct Databases {
    hasher: Hasher,
    shards: Box<[LockedShard]>,
    count: usize,
    /// The number of bits that choose a shard of a database, and a mask of them.
    shard_bits: u32,
    shard_mask: usize,
    pub(super) gate: Gate,
    growth: Growth,
}

/// Whether a script that holds shards locks more of them, out of their order.
#[derive(Debug, Default)]
struct Growth {
    is_under_way: AtomicBool,
    lock: Mutex<()>,
}

/// A script locks more shards, until this is dropped.
#[derive(Debug)]
pub(super) struct Growing<'a> {
    growth: &'a Growth,
    _lock: MutexGuard<'a, ()>,
}

impl Drop for Growing<'_> {
    fn drop(&mut self) {
        self.growth.is_under_way.store(false, Ordering::Release);
    }
}

const SEALED: CommandError = CommandError::new(
    "MISCONF",
    "a command failed while it changed the data here: FLUSHALL removes what may be damaged",
);

impl Databases {
    /// `count` empty databases of `shards` shards each, rounded up to a power of two. `allocated` says how many bytes an
    /// allocation takes.
    pub(crate) fn new(count: usize, shards: usize, allocated: fn(usize) -> usize) -> Self {
        let hasher = Hasher::default();
        let shard_count = shards.clamp(1, MAX_SHARDS).next_power_of_two();
        let shards =
            (0..count * shard_count).map(|_| LockedShard(Mutex::new(Shard::new(hasher.clone(), allocated)))).collect();
        let (shard_bits, shard_mask) = (shard_count.ilog2(), shard_count - 1);
        Self { hasher, shards, count, shard_bits, shard_mask, gate: Gate::default(), growth: Growth::default() }
    }

    /// The number of databases.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The indices of all shards.
    pub(super) fn all_shards(&self) -> Range<usize> {
        0..self.shards.len()
    }

    /// The indices of the shards of a database.
    pub(super) fn shards_of(&self, database: usize) -> Range<usize> {
        database << self.shard_bits..(database + 1) << self.shard_bits
    }

    /// The database of a shard.
    pub(super) fn database_of(&self, index: usize) -> usize {
        index >> self.shard_bits
    }

    /// Hashes a key, and finds the index of its shard.
    #[inline]
    pub(super) fn locate(&self, key: KeyRef<'_>) -> Location {
        let hash = self.hasher.hash(key.name);
        let shard = key.database << self.shard_bits | shard_bits_of(hash) & self.shard_mask;
        Location { hash, shard }
    }

    /// Locks a shard, also a sealed one, and waits as long as it takes.
    pub(super) fn lock_any(&self, index: usize) -> Locked<'_> {
        Locked(self.shards[index].0.lock())
    }

    /// Locks a shard, also a sealed one. Returns `None` if a long command holds it, and there is no patience.
    #[inline(always)]
    pub(super) fn lock_for(&self, index: usize, patience: Patience) -> Option<Locked<'_>> {
        match self.shards[index].0.try_lock() {
            Some(guard) => Some(Locked(guard)),
            None => self.wait_for(index, patience),
        }
    }

    /// Locks one of several shards, of which the thread holds `held` already. Returns `None` if a long command holds it, and there is no
    /// patience; or if a script needs those that are held.
    #[inline]
    pub(super) fn lock_one_of(&self, index: usize, held: usize, patience: Patience) -> Option<Locked<'_>> {
        match (self.try_lock_any(index), patience) {
            (None, Patience::Long | Patience::Endless) if held > 0 => self.lock_unless_growing(index, patience),
            (None, _) => self.wait_for(index, patience),
            (locked, _) => locked,
        }
    }

    #[cold]
    fn lock_unless_growing(&self, index: usize, patience: Patience) -> Option<Locked<'_>> {
        self.lock_unless(index, || self.growth.is_under_way.load(Ordering::Acquire) || self.gives_up(patience))
    }

    /// Locks a shard, unless it is not free within a moment, and then not before there is a reason to give up.
    fn lock_unless(&self, index: usize, gives_up: impl Fn() -> bool) -> Option<Locked<'_>> {
        loop {
            if let Some(guard) = self.shards[index].0.try_lock_for(MAX_WAIT) {
                return Some(Locked(guard));
            }
            if gives_up() {
                return None;
            }
        }
    }

    /// Whether one with this patience does not wait for a lock that a long command holds.
    pub(super) fn gives_up(&self, patience: Patience) -> bool {
        match patience {
            Patience::Short => true,
            Patience::Long => self.gate.is_busy(),
            Patience::Endless => false,
        }
    }

    /// Locks all shards, and waits as long as it takes.
    pub(super) fn lock_every(&self) -> Vec<Locked<'_>> {
        loop {
            let locked = |index| self.lock_one_of(index, index, Patience::Endless);
            if let Some(all) = self.all_shards().map(locked).collect() {
                return all;
            }
            self.wait_for_growth();
        }
    }

    /// Begins to lock shards out of their order. A script does, which has the interpreters: so there is one at a time.
    pub(super) fn grow(&self) -> Growing<'_> {
        let growing = Growing { growth: &self.growth, _lock: self.growth.lock.lock() };
        self.growth.is_under_way.store(true, Ordering::Release);
        growing
    }

    /// Waits until a script has locked the shards that it needs.
    pub(super) fn wait_for_growth(&self) {
        drop(self.growth.lock.lock());
    }

    #[cold]
    fn wait_for(&self, index: usize, patience: Patience) -> Option<Locked<'_>> {
        match patience {
            Patience::Endless => return Some(self.lock_any(index)),
            Patience::Long => return self.lock_unless(index, || self.gives_up(patience)),
            Patience::Short => {}
        }
        for _ in 0..SPINS {
            hint::spin_loop();
            if let Some(guard) = self.shards[index].0.try_lock() {
                return Some(Locked(guard));
            }
        }
        // Asked before waiting, which gives the processor away: to the long command perhaps, for some milliseconds.
        if self.gate.is_up() { None } else { self.lock_unless(index, || self.gate.is_up()) }
    }

    /// Locks a shard if nobody holds it, to prefetch something.
    #[inline]
    pub(super) fn try_lock(&self, index: usize) -> Option<Locked<'_>> {
        self.try_lock_any(index).filter(|locked| !locked.is_sealed())
    }

    /// The same, also for a sealed one.
    #[inline]
    pub(super) fn try_lock_any(&self, index: usize) -> Option<Locked<'_>> {
        self.shards[index].0.try_lock().map(Locked)
    }

    /// Prefetches the memory of several keys. No effect but on speed.
    pub(crate) fn prefetcher(&self) -> Prefetcher<'_> {
        Prefetcher::new(self)
    }

    /// Prefetches the bucket of one key. Where its entry is cannot be known before the bucket has arrived, and there are no
    /// other keys to go on with meanwhile.
    #[inline]
    pub(crate) fn prefetch_one(&self, key: KeyRef<'_>) {
        let Location { hash, shard } = self.locate(key);
        if let Some(shard) = self.try_lock(shard) {
            shard.prefetch_bucket(hash);
        }
    }

    /// Whether each database is one shard.
    #[inline]
    pub(super) fn is_unsharded(&self) -> bool {
        self.shard_mask == 0
    }
}

const FULL: CommandError =
    CommandError::new("OOM", "command not allowed when the keys and short strings of a shard take over 30 GiB");

impl Shard {
    /// Whether a command may be executed here. `grows` says whether it may need more memory.
    ///
    /// # Errors
    /// `MISCONF` if the shard is sealed, `OOM` if it is full.
    #[inline(always)]
    pub(super) fn check(&self, grows: bool) -> Result<(), CommandError> {
        if self.is_restricted() { self.check_restricted(grows) } else { Ok(()) }
    }

    #[cold]
    fn check_restricted(&self, grows: bool) -> Result<(), CommandError> {
        match self.is_sealed() {
            true => Err(SEALED),
            false if grows => Err(FULL),
            false => Ok(()),
        }
    }

    /// The shard, if it is not sealed.
    ///
    /// # Errors
    /// `MISCONF`
    pub(super) fn unsealed(&mut self) -> Result<&mut Self, CommandError> {
        if self.is_sealed() { Err(SEALED) } else { Ok(self) }
    }
}

/// The bits of a hash of which the lowest choose the shard. The bucket uses the low bits of the whole, the tag the highest.
#[inline]
fn shard_bits_of(hash: u64) -> usize {
    (hash >> 40) as usize
}
