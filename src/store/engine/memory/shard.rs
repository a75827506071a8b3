//! [`Shard`]: a part of a database, and everything that is consistent under its lock.

use super::{Entry, ends::Ends, table::Table};
use crate::{
    server::NoTouch,
    store::{context::Context, engine::Statistics, value::Value},
};

/// Entries, and the order in which those with an end will end.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(super) table: Table,
    pub(super) ends: Ends,
    pub(super) statistics: Statistics,
}

impl Shard {
    #[inline]
    pub(crate) fn read(&mut self, hash: u64, key: &[u8], context: &Context<'_>) -> Option<&Entry> {
        self.remove_if_due(hash, key, context);
        let Some(entry) = self.table.get_mut(hash, key) else {
            self.statistics.misses += 1;
            return None;
        };
        self.statistics.hits += 1;
        touch(entry, context);
        Some(entry)
    }

    pub(crate) fn peek(&mut self, hash: u64, key: &[u8], context: &Context<'_>) -> Option<&Entry> {
        self.remove_if_due(hash, key, context);
        let found = self.table.get(hash, key);
        match found {
            Some(_) => self.statistics.hits += 1,
            None => self.statistics.misses += 1,
        }
        found
    }

    #[inline]
    pub(crate) fn entry(&mut self, hash: u64, key: &[u8], context: &Context<'_>) -> Option<&mut Entry> {
        self.remove_if_due(hash, key, context);
        let entry = self.table.get_mut(hash, key)?;
        touch(entry, context);
        Some(entry)
    }

    #[inline]
    pub(crate) fn set(&mut self, hash: u64, key: &[u8], value: Value, context: &Context<'_>) {
        // An entry whose time has come is overwritten like any other.
        if let Some(entry) = self.table.get_mut(hash, key) {
            entry.value = value;
            entry.is_edited = false;
            entry.accessed = context.tick();
            if let Some(at) = entry.expires_at() {
                entry.set_expires_at(None);
                self.ends.remove(at, hash);
            }
            return;
        }
        let mut entry = Box::new(Entry::new(key, hash, value));
        entry.accessed = context.tick();
        self.table.insert(hash, entry);
    }

    pub(crate) fn take(&mut self, hash: u64, key: &[u8], context: &Context<'_>) -> Option<Box<Entry>> {
        self.remove_if_due(hash, key, context);
        self.remove(hash, key)
    }

    pub(crate) fn expire_at(&mut self, hash: u64, key: &[u8], at: Option<u64>, context: &Context<'_>) {
        let Some(entry) = self.table.get_mut(hash, key) else { return };
        if let Some(before) = entry.expires_at() {
            self.ends.remove(before, hash);
        }
        entry.set_expires_at(at);
        let Some(at) = at else { return };
        if at <= context.now() {
            self.table.remove(hash, key);
        } else {
            self.ends.insert(at, hash);
        }
    }

    /// Removes entries whose time has come, at most `limit`, and returns how many.
    pub(super) fn expire(&mut self, now: u64, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit {
            let Some((at, hash)) = self.ends.pop_due(now) else { break };
            // Two keys of one hash and one end share a place in the order: all of them go.
            while let Some(key) = self.due_key(hash, at) {
                self.table.remove(hash, &key);
                self.statistics.expired += 1;
                removed += 1;
            }
        }
        removed
    }

    /// Takes everything out but the statistics.
    pub(super) fn clear(&mut self) -> Self {
        let statistics = self.statistics;
        std::mem::replace(self, Self { statistics, ..Self::default() })
    }

    fn due_key(&self, hash: u64, at: u64) -> Option<Vec<u8>> {
        let is_due = |entry: &Entry| entry.hash() == hash && entry.expires_at() == Some(at);
        self.table.find(hash, is_due).map(|entry| entry.key().to_vec())
    }

    #[inline]
    fn remove_if_due(&mut self, hash: u64, key: &[u8], context: &Context<'_>) {
        // Without an entry that ends, none can be due: most shards stop here.
        if self.ends.is_empty() {
            return;
        }
        let end = self.table.get(hash, key).and_then(Entry::expires_at);
        if end.is_some_and(|at| at <= context.now()) {
            self.remove(hash, key);
            self.statistics.expired += 1;
        }
    }

    fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Box<Entry>> {
        let entry = self.table.remove(hash, key)?;
        if let Some(at) = entry.expires_at() {
            self.ends.remove(at, hash);
        }
        Some(entry)
    }
}

/// Notes that the entry was used, unless the client asked for its commands not to count.
#[inline]
fn touch(entry: &mut Entry, context: &Context<'_>) {
    if entry.accessed != context.tick() && context.session().get::<NoTouch>().is_none() {
        entry.accessed = context.tick();
    }
}
