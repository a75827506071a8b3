//! [`Facts`]: what INFO and MEMORY tell of shards. Of one that a script holds, they tell what was known before: nobody waits for that.

use std::ops::AddAssign;

use parking_lot::Mutex;

use super::{
    call::Call,
    databases::Databases,
    execute::Patience,
    held::Shards,
    shard::{Shard, Statistics},
};

/// The counts of one shard, or of several.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) keys: usize,
    /// The number of keys that expire, and the sum of their expiries, in milliseconds since the Unix epoch.
    pub(crate) expiring: usize,
    pub(crate) expiries: u128,
    /// The number of hashes with fields that expire.
    pub(crate) expiring_hashes: usize,
    pub(crate) memory: usize,
    pub(crate) changes: u64,
    pub(crate) statistics: Statistics,
    pub(crate) sealed: usize,
}

impl AddAssign for Facts {
    fn add_assign(&mut self, other: Self) {
        self.keys += other.keys;
        self.expiring += other.expiring;
        self.expiries += other.expiries;
        self.expiring_hashes += other.expiring_hashes;
        self.memory += other.memory;
        self.changes += other.changes;
        self.statistics += other.statistics;
        self.sealed += other.sealed;
    }
}

/// The facts of each shard, when somebody asked last.
#[derive(Debug, Default)]
pub(super) struct LastFacts(Mutex<Vec<Facts>>);

impl Shard {
    fn facts(&self) -> Facts {
        let (expiring, expiries) = self.expiries();
        Facts {
            keys: self.len(),
            expiring,
            expiries,
            expiring_hashes: self.hashes_with_expiries(),
            memory: self.memory(),
            changes: self.changes(),
            statistics: self.statistics(),
            sealed: usize::from(self.is_sealed()),
        }
    }
}

impl LastFacts {
    /// Those of a shard: now if it is free, and otherwise when somebody asked last.
    fn of(&self, index: usize, databases: &Databases) -> Facts {
        let now = databases.lock_for(index, Patience::Short).map(|shard| shard.facts());
        let mut last = self.0.lock();
        if last.len() <= index {
            last.resize(index + 1, Facts::default());
        }
        if let Some(now) = now {
            last[index] = now;
        }
        last[index]
    }
}

impl Call<'_> {
    /// The facts of a database. Waits for no long command.
    pub(crate) fn facts(&self, database: usize) -> Facts {
        let mut facts = Facts::default();
        for index in self.store.databases.shards_of(database) {
            facts += match &self.shards {
                Shards::None => self.store.last_facts.of(index, &self.store.databases),
                shards => shards.at(shards.position_of(index)).facts(),
            };
        }
        facts
    }

    /// The facts of all databases.
    pub(crate) fn all_facts(&self) -> Facts {
        let mut facts = Facts::default();
        (0..self.store.databases.len()).for_each(|database| facts += self.facts(database));
        facts
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn a_shard_that_a_long_command_holds_keeps_nobody_waiting() {
        let store = TestStore::with_threads(1);
        store.check([("SET k v", "+OK")]);
        let shown = store.answer("INFO keyspace").to_string();
        let databases = &store.store().handle.databases;
        let (_raised, _held) = (databases.gate.raise(), databases.lock_any(0));
        assert_eq!(store.answer("INFO keyspace").to_string(), shown);
        assert!(shown.contains("keys=1"), "{shown}");
        assert!(store.answer("INFO").to_string().contains("used_memory:") && !store.answer("MEMORY STATS").is_error());
    }
}
