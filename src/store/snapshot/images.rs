//! [`Images`]: the entries that changed while a snapshot was taken, as they were at its cut.

use std::{mem, sync::Arc, task::Waker};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::entry;
use crate::store::{
    rdb::Parts,
    shard::{Entry, Shard},
};

/// The queue from the commands that change entries to the thread that writes the snapshot. Bounded: commands that write wait
/// while it is full.
#[derive(Debug)]
pub(in super::super) struct Images {
    /// The time of the cut, in seconds since the Unix epoch.
    accessed: u32,
    /// The most memory of images that are not written, in bytes.
    max_pending: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: Taken,
    /// The number of shards that have entries of the old epoch.
    unfinished: usize,
    is_crowded: bool,
    /// Large entries that commands wait for, with the indices of their shards.
    wanted: Vec<(usize, Large)>,
    /// Whether the snapshot was given up: images are dropped.
    is_discarded: bool,
    waiting: Vec<Waker>,
}

/// Images that are to be written.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The entries, encoded.
    pub(super) bytes: Vec<u8>,
    /// How many there are.
    pub(super) entries: u64,
    /// Shards that nobody else has: of a database that was flushed, or of one entry whose value was replaced.
    pub(super) shards: Vec<Shard>,
    /// The memory of the values in shards that are kept for the snapshot alone.
    kept: usize,
}

impl Images {
    pub(super) fn new(accessed: u32, max_pending: usize) -> Self {
        Self { accessed, max_pending, state: Mutex::default() }
    }

    /// The time of the cut, in seconds since the Unix epoch: the access times of entries count back from it.
    pub(in super::super) fn accessed(&self) -> u32 {
        self.accessed
    }

    /// Adds an entry that is about to change. Its lock is held, so this waits for nothing.
    pub(in super::super) fn add(&self, database: usize, entry: Entry<'_>) {
        let mut bytes = Vec::new();
        entry::write(database, entry, self.accessed, &mut bytes);
        let mut state = self.state.lock();
        if !state.is_discarded {
            state.taken.bytes.extend_from_slice(&bytes);
            state.taken.entries += 1;
            self.check_room(&mut state);
        }
    }

    /// Adds a shard that nobody else has any more. Its values take so much memory that would be free without the snapshot.
    pub(in super::super) fn add_shard(&self, shard: Shard, kept: usize) {
        let mut state = self.state.lock();
        if state.is_discarded {
            drop(state);
            // Dropped without the lock: it may be large.
            drop(shard);
            return;
        }
        state.taken.shards.push(shard);
        state.taken.kept += kept;
        self.check_room(&mut state);
    }

    /// Notes that a shard has entries of the old epoch.
    pub(in super::super) fn begin_shard(&self) {
        self.state.lock().unfinished += 1;
    }

    /// Notes that a shard has none any more.
    pub(in super::super) fn finish_shard(&self) {
        self.state.lock().unfinished -= 1;
    }

    /// Whether all entries of the old epoch are written or in the queue.
    pub(super) fn are_complete(&self) -> bool {
        self.state.lock().unfinished == 0
    }

    /// Takes the images that have come.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        let taken = mem::take(&mut state.taken);
        self.make_room(state);
        taken
    }

    /// Drops the images, and all that come. Nobody waits any more.
    pub(super) fn discard(&self) {
        let mut state = self.state.lock();
        state.is_discarded = true;
        state.wanted.clear();
        let taken = mem::take(&mut state.taken);
        self.make_room(state);
        drop(taken);
    }

    pub(super) fn are_discarded(&self) -> bool {
        self.state.lock().is_discarded
    }

    /// Leaves a waker until there is room, and no large entry is waited for. Returns false if that is so.
    pub(super) fn wait_for_room(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let waits = state.is_crowded || !state.wanted.is_empty();
        if waits && !state.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            state.waiting.push(waker.clone());
        }
        waits
    }

    /// Whether commands that write have to wait for room.
    pub(super) fn are_crowded(&self) -> bool {
        self.state.lock().is_crowded
    }

    /// Asks for a large entry of a shard to be saved before others.
    pub(super) fn want(&self, shard: usize, large: Large) {
        let mut state = self.state.lock();
        if !state.is_discarded && !state.wanted.iter().any(|(_, wanted)| wanted.key == large.key) {
            state.wanted.push((shard, large));
        }
    }

    /// The next large entry that is waited for.
    pub(super) fn wanted(&self) -> Option<(usize, Large)> {
        self.state.lock().wanted.first().cloned()
    }

    /// Notes that the large entry with this key is saved, or is not there any more.
    pub(super) fn saved(&self, large: &Large) {
        let mut state = self.state.lock();
        let before = state.wanted.len();
        state.wanted.retain(|(_, wanted)| wanted.key != large.key);
        if state.wanted.len() < before {
            let woken = mem::take(&mut state.waiting);
            drop(state);
            woken.into_iter().for_each(Waker::wake);
        }
    }

    fn check_room(&self, state: &mut State) {
        if !state.is_crowded && state.taken.memory() > self.max_pending {
            state.is_crowded = true;
        }
    }

    fn make_room(&self, mut state: MutexGuard<'_, State>) {
        if mem::take(&mut state.is_crowded) || state.is_discarded {
            let woken = mem::take(&mut state.waiting);
            drop(state);
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

impl Taken {
    fn memory(&self) -> usize {
        self.bytes.len() + self.kept
    }
}

/// What a shard keeps while it has entries of the old epoch. It goes with its entries, wherever they go.
#[derive(Debug)]
pub(in super::super) struct Saving {
    /// The database of the entries at the cut.
    pub(in super::super) database: usize,
    /// Where the walk over the entries goes on.
    pub(in super::super) cursor: u64,
    pub(in super::super) images: Arc<Images>,
}

/// An entry with a large collection, which is saved in slices.
#[derive(Clone, Debug)]
pub(in super::super) struct Large {
    /// The database at the cut.
    pub(in super::super) database: usize,
    pub(in super::super) hash: u64,
    pub(in super::super) key: Bytes,
    /// How far it is saved.
    pub(in super::super) parts: Option<Parts>,
}
