//! A database as a whole: its entries, its size, its statistics.

use std::ops::ControlFlow::{self, Break, Continue};

use kvstore_protocol::CommandError;

use super::Call;
use crate::store::{
    databases::{KeyRef, Location},
    execute::{Patience, STOPPED},
    held::Shards,
    plan::LockPlan,
    shard::{Entry, Shard},
    spec::{Hold, Scope},
    state::StoreState,
};

/// How many entries are visited before the lock of their shard is given back to others: some ten microseconds.
const SLICE: usize = 512;

/// How many empty buckets a scan visits for each entry that it is asked for.
const BUCKETS_PER_ENTRY: usize = 10;

impl Call<'_> {
    /// Visits each shard of a database: one that is held, or each in turn, which is locked meanwhile.
    ///
    /// # Errors
    /// Those of `visit`.
    pub(crate) fn try_for_each_shard(
        &mut self,
        database: usize,
        mut visit: impl FnMut(&mut Shard) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        self.store.databases.shards_of(database).try_for_each(|index| self.with_shard(index, &mut visit))
    }

    /// Runs `run` while all shards are held.
    ///
    /// # Errors
    /// If a long command holds one: this one waits for the end of that, and begins anew.
    pub(crate) fn under_all_locks<R>(&mut self, run: impl FnOnce(&mut Self) -> R) -> Result<R, CommandError> {
        let Shards::None = self.shards else { return Ok(run(self)) };
        let databases = &self.store.databases;
        let _raised = self.commit.may_take_long.then(|| databases.gate.raise());
        let mut plan = LockPlan::default();
        plan.add_scope(Scope::All(Hold::AtOnce), 0, true, databases);
        let Some(_held) = plan.lock(&mut [], databases, self.patience()) else {
            return Err(self.wait_and_begin_anew());
        };
        Ok(run(self))
    }

    fn patience(&self) -> Patience {
        if self.commit.may_take_long { Patience::Long } else { Patience::Short }
    }

    /// The error of a command that has found a lock that a long command holds, before it has changed anything.
    fn wait_and_begin_anew(&mut self) -> CommandError {
        self.commit.is_gated = true;
        STOPPED
    }

    /// Visits a shard. If a long command holds it, and this one has no patience, it waits for the end of that, and begins anew.
    fn with_shard<R>(
        &mut self,
        index: usize,
        visit: impl FnOnce(&mut Shard) -> Result<R, CommandError>,
    ) -> Result<R, CommandError> {
        match &mut self.shards {
            Shards::None => {
                let databases = &self.store.databases;
                // Who waits for the lock is woken after each slice.
                let _raised = self.commit.may_take_long.then(|| databases.gate.raise());
                match databases.lock_for(index, self.patience()) {
                    Some(mut shard) => visit(&mut shard),
                    None => Err(self.wait_and_begin_anew()),
                }
            }
            shards => visit(shards.at_mut(shards.position_of(index))),
        }
    }

    /// The number of keys of the selected database, including expired ones that are not removed yet.
    ///
    /// # Errors
    /// `MISCONF` if a shard is sealed.
    pub(crate) fn len(&mut self) -> Result<usize, CommandError> {
        let mut len = 0;
        self.try_for_each_shard(self.database, |shard| {
            len += shard.unsealed()?.len();
            Ok(())
        })?;
        Ok(len)
    }

    /// Visits every entry of the selected database once, in slices, between which other commands run. Expired entries are
    /// skipped.
    ///
    /// # Errors
    /// `MISCONF` if a shard is sealed.
    pub(crate) fn for_each_entry(&mut self, mut visit: impl FnMut(Entry<'_>)) -> Result<(), CommandError> {
        let now = self.now();
        for index in self.store.databases.shards_of(self.database) {
            // No bucket is merged meanwhile: an entry that is moved to one that was visited would be visited twice.
            let _walk = match self.shards {
                Shards::None => Some(Walk::begin(self, index)?),
                _ => None,
            };
            let mut cursor = 0;
            loop {
                cursor = self.with_shard(index, |shard| {
                    let live = |entry: Entry<'_>| {
                        if is_live(&entry, now) {
                            visit(entry)
                        }
                    };
                    Ok(shard.unsealed()?.scan_many(cursor, SLICE, live))
                })?;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Visits about `count` entries of the selected database from `cursor` on, and returns the next cursor, 0 at the end. An
    /// entry that exists from the first call to the last is visited at least once. Expired entries are skipped.
    ///
    /// # Errors
    /// `MISCONF` if a shard is sealed.
    pub(crate) fn scan(
        &mut self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Entry<'_>),
    ) -> Result<u64, CommandError> {
        let now = self.now();
        // The lowest bits of a cursor are the index of the shard, the others the cursor in its table.
        let shards = self.store.databases.shards_of(self.database);
        let shard_count = shards.len() as u64;
        let (first, mut within) = ((cursor % shard_count) as usize, cursor / shard_count);
        let mut scan = Scan { left: count, empty_left: count.saturating_mul(BUCKETS_PER_ENTRY) };
        for (number, index) in shards.enumerate().skip(first) {
            loop {
                let next = self.with_shard(index, |shard| {
                    Ok(scan.slice(shard.unsealed()?, within, |entry| {
                        if is_live(&entry, now) {
                            visit(entry);
                        }
                    }))
                })?;
                match next {
                    Continue(0) => break,
                    Continue(next) => within = next,
                    Break(next) => return Ok(next * shard_count + number as u64),
                }
            }
            within = 0;
        }
        Ok(0)
    }

    /// The entry of any key of the selected database, all of whose shards are held. Counts a hit or a miss, but is no access.
    ///
    /// # Errors
    /// `MISCONF` if its shard is sealed.
    pub(crate) fn peek_any(&self, name: &[u8]) -> Result<Option<Entry<'_>>, CommandError> {
        let Location { hash, shard } = self.store.databases.locate(KeyRef { database: self.database, name });
        let shard = self.shards.at(self.shards.position_of(shard));
        shard.check(false)?;
        let now = self.now();
        let entry = shard.find(hash, name).map(|(_, entry)| entry).filter(|entry| is_live(entry, now));
        shard.count(entry.is_some());
        Ok(entry)
    }

    /// A random key of the selected database.
    ///
    /// # Errors
    /// `MISCONF` if a shard is sealed.
    pub(crate) fn random_key(&mut self) -> Result<Option<Vec<u8>>, CommandError> {
        // Every entry is equally likely: the one at a random index, or the next that has not expired.
        let (now, len) = (self.now(), self.len()?);
        let mut skipped = (self.seed() % len.max(1) as u64) as usize;
        for is_first in [true, false] {
            let mut found = None;
            self.try_for_each_shard(self.database, |shard| {
                let from = if is_first { skipped } else { 0 };
                skipped = skipped.saturating_sub(shard.len());
                found = found.take().or_else(|| live_from(shard, from, now));
                Ok(())
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The key of the first entry from an index on that has not expired.
fn live_from(shard: &Shard, index: usize, now: u64) -> Option<Vec<u8>> {
    let mut entries = (index..shard.len()).filter_map(|index| shard.nth(index));
    entries.find(|entry| is_live(entry, now)).map(|entry| entry.key().to_vec())
}

fn is_live(entry: &Entry<'_>, now: u64) -> bool {
    !entry.has_expired(now)
}

/// What a scan may still visit. Empty buckets count as well, but little: a table that shrank should not take many calls.
struct Scan {
    left: usize,
    empty_left: usize,
}

impl Scan {
    /// Visits some buckets of a shard. Returns the next cursor, 0 at the end: to go on with, or to stop at.
    fn slice(&mut self, shard: &Shard, mut cursor: u64, mut visit: impl FnMut(Entry<'_>)) -> ControlFlow<u64, u64> {
        if shard.len() == 0 {
            return Continue(0);
        }
        let mut in_slice = 0;
        while in_slice < SLICE {
            if self.left == 0 || self.empty_left == 0 {
                return Break(cursor);
            }
            cursor = shard.scan(cursor, |entry| {
                self.left = self.left.saturating_sub(1);
                in_slice += 1;
                visit(entry);
            });
            self.empty_left -= 1;
            in_slice += 1;
            if cursor == 0 {
                return Continue(0);
            }
        }
        Continue(cursor)
    }
}

/// Keeps the buckets of a shard from being merged, until it is dropped.
struct Walk<'a>(&'a StoreState, usize);

impl<'a> Walk<'a> {
    fn begin(call: &mut Call<'a>, shard: usize) -> Result<Self, CommandError> {
        call.with_shard(shard, |shard| {
            shard.begin_walk();
            Ok(())
        })?;
        Ok(Self(call.store, shard))
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        let Self(store, index) = *self;
        match store.databases.lock_for(index, Patience::Long) {
            Some(mut shard) => shard.end_walk(),
            // A script holds it, and perhaps for ever.
            None => store.run_when_free(index, Shard::end_walk),
        }
    }
}
