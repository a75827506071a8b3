//! [`Engine`]: where entries live. It lends the slots of a command's keys to the command.

pub(crate) mod memory;
mod slots;

pub(crate) use memory::{Entry, Expiry, Hint};
pub(crate) use slots::{Located, OwnedEntry, PerKey, Removed, Shards, Slot, Slots};

use super::context::Context;

/// A key, and the database it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef<'a> {
    pub(crate) database: usize,
    pub(crate) name: &'a [u8],
}

/// Keeps entries, and lends them: a command runs as a function over the slots of its keys while nobody else has them.
pub(crate) trait Engine: Send + Sync + 'static {
    /// How many databases there are.
    fn databases(&self) -> usize;

    /// Runs `run` over the slot of a key.
    fn with_slot<R>(&self, context: &Context<'_>, key: KeyRef<'_>, run: impl FnOnce(&mut Slots<'_>) -> R) -> R;

    /// Runs `run` over the slots of keys, in their order. A key may come twice.
    fn with_slots<'k, R>(
        &self,
        context: &Context<'_>,
        keys: impl Iterator<Item = KeyRef<'k>>,
        run: impl FnOnce(&mut Slots<'_>) -> R,
    ) -> R;

    /// One database as a whole.
    fn keyspace(&self, database: usize) -> &dyn Keyspace;

    /// Advice: the keys that are added to it will be lent soon. No effect but on speed.
    fn hint(&self) -> Hint<'_>;

    /// The same for a key alone: asks for the memory where the search for it begins. Where its entry is cannot be known
    /// before that has arrived, and there are no other keys to go on with meanwhile.
    fn hint_alone(&self, key: KeyRef<'_>);

    /// Removes entries whose time has come, in about `limit` steps at most, and returns how many it took.
    fn expire(&self, now: u64, limit: usize) -> usize;
}

/// A database as a whole: what KEYS, SCAN, DBSIZE and their like read. Entries whose time has come are not shown.
pub(crate) trait Keyspace: Sync {
    /// How many keys there are, those included whose time has come and that are not removed yet.
    fn len(&self) -> usize;

    /// How many keys have an end, and when that is.
    fn expiring(&self) -> ExpiryStats;

    /// Removes everything.
    fn clear(&self);

    /// Shows about `count` entries from `cursor` on, and returns the next cursor, 0 at the end. What is there from the
    /// first call to the last is shown at least once.
    fn scan(&self, context: &Context<'_>, cursor: u64, count: usize, visit: &mut dyn FnMut(Entry<'_>)) -> u64;

    /// Shows every entry once: each part of the database as it is when its turn comes.
    fn each(&self, context: &Context<'_>, visit: &mut dyn FnMut(Entry<'_>));

    /// A key chosen by the seed of the context.
    fn random(&self, context: &Context<'_>) -> Option<Vec<u8>>;

    /// How many reads found their key, how many did not, and how many entries were removed because their time had come.
    fn statistics(&self) -> Statistics;

    /// Counts from 0 again.
    fn reset_statistics(&self);
}

/// The keys of a database that have an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpiryStats {
    pub(crate) count: usize,
    /// When they end on average, in milliseconds since 1970.
    pub(crate) mean: u64,
}

/// Counts of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) expired: u64,
}

impl std::ops::AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
    }
}
