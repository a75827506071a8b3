//! [`Unsynced`]: which commit has changed a key last.

use std::{
    hash::BuildHasher,
    sync::atomic::{AtomicU64, Ordering},
};

use foldhash::fast::RandomState;

use crate::store::Change;

const SLOTS: usize = 1 << 14;

/// The number of the last commit for each key. Keys share slots: so a reader may wait for the write of another key, but never too
/// short.
///
/// A slot is written while the key is locked, and read by somebody who had locked it after that.
#[derive(Debug)]
pub(super) struct Unsynced {
    hasher: RandomState,
    slots: Box<[AtomicU64]>,
    /// The last commit that changed a database as a whole.
    databases: AtomicU64,
}

impl Unsynced {
    pub(super) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { hasher: RandomState::default(), slots, databases: AtomicU64::new(0) }
    }

    /// Notes the changes of a commit.
    pub(super) fn note(&self, number: u64, changes: &[Change]) {
        for change in changes {
            match change.key() {
                Some(key) => self.note_key(number, change.database(), key),
                None => self.note_all(number),
            }
        }
    }

    /// Notes that a commit has changed a key.
    pub(super) fn note_key(&self, number: u64, database: usize, key: &[u8]) {
        self.slot(database, key).fetch_max(number, Ordering::Relaxed);
    }

    /// Notes a commit that may have changed any key.
    pub(super) fn note_all(&self, number: u64) {
        self.databases.fetch_max(number, Ordering::Relaxed);
    }

    /// The last commit that may have changed a key.
    pub(super) fn last(&self, database: usize, key: &[u8]) -> u64 {
        let all = self.databases.load(Ordering::Relaxed);
        self.slot(database, key).load(Ordering::Relaxed).max(all)
    }

    fn slot(&self, database: usize, key: &[u8]) -> &AtomicU64 {
        &self.slots[self.hasher.hash_one((database, key)) as usize % SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Event;

    #[test]
    fn the_last_commit_of_a_key_is_known() {
        let unsynced = Unsynced::new();
        let change = |key: Option<&'static [u8]>| Change {
            database: 1,
            key: key.map(bytes::Bytes::from_static),
            event: Event::SET,
        };
        unsynced.note(3, &[change(Some(b"a")), change(Some(b"b"))]);
        unsynced.note(2, &[change(Some(b"a"))]);
        assert_eq!((unsynced.last(1, b"a"), unsynced.last(1, b"b")), (3, 3));
        assert!((0..100_u8).any(|key| unsynced.last(0, &[key]) == 0));
        unsynced.note(4, &[change(None)]);
        assert_eq!((unsynced.last(1, b"a"), unsynced.last(0, b"c")), (4, 4));
    }
}
