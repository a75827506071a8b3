//! Eviction: which connection is closed when all clients together take too much memory, or when all slots are taken.

use std::{
    cmp::Reverse,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    CutReason, NoEvict,
    registry::{ClientEntry, Registry},
};

/// When the clients take more memory than the limit, it is to be this part of it less.
const ROOM: usize = 16;

/// Counts evictions.
#[derive(Debug, Default)]
pub(super) struct Evictions {
    count: AtomicU64,
    /// The uptime of the server plus one when no connection was found that may be evicted.
    fruitless: AtomicU32,
}

impl Evictions {
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn reset(&self) {
        self.count.store(0, Ordering::Relaxed);
    }
}

impl Registry {
    /// Evicts connections until the buffers of the others are within the limit: those with the largest buffers first, but none
    /// with CLIENT NO-EVICT.
    #[cold]
    pub(super) fn evict_for_memory(&self) {
        let now = self.uptime() + 1;
        // All are looked at again when there may be others.
        if self.evictions.fruitless.load(Ordering::Relaxed) == now {
            return;
        }
        let mut largest = self.largest();
        largest.retain(|(_, entry)| entry.session().extensions().get::<NoEvict>().is_none());
        // Some room is made, so that not each of many clients that grow has all of them looked at.
        let enough = self.buffers.limit() - self.buffers.limit() / ROOM;
        for (_, entry) in largest {
            if self.buffers.get() <= enough {
                return;
            }
            // Otherwise they would count until its task runs, and others be evicted for it.
            self.buffers.uncount(entry.uncount());
            self.evict(&entry, CutReason::ClientMemory);
        }
        if self.buffers.get() > self.buffers.limit() {
            self.evictions.fruitless.store(now, Ordering::Relaxed);
        }
    }

    /// The connections that have buffers and were not evicted, the largest first.
    fn largest(&self) -> Vec<(usize, Arc<ClientEntry>)> {
        let entries = self.entries().into_iter().filter(|entry| entry.cut_reason().is_none());
        let entries = entries.map(|entry| (entry.buffers().total(), entry));
        let mut entries: Vec<_> = entries.filter(|(bytes, _)| *bytes > 0).collect();
        entries.sort_by_key(|(bytes, _)| Reverse(*bytes));
        entries
    }

    /// Evicts the connection that has left a request incomplete, or its replies unread, for the longest time, if it is as long
    /// as `patience`. Returns whether there is a free slot now.
    #[cold]
    pub(super) fn evict_for_slot(&self, patience: Duration) -> bool {
        let patience = u32::try_from(patience.as_secs()).unwrap_or(u32::MAX);
        let late = |entry: &ClientEntry| {
            let since = entry.incomplete_since().filter(|since| since.saturating_add(patience) <= self.uptime());
            since.filter(|_| entry.cut_reason().is_none())
        };
        let mut entries = self.lock();
        let slowest = entries.iter().filter_map(|(id, entry)| Some((late(entry)?, *id))).min();
        let evicted = slowest.and_then(|(_, id)| entries.remove(&id));
        drop(entries);
        evicted.map(|entry| self.evict(&entry, CutReason::Slot)).is_some()
    }

    fn evict(&self, entry: &ClientEntry, reason: CutReason) {
        self.evictions.count.fetch_add(1, Ordering::Relaxed);
        entry.cut(reason);
    }
}
