//! [`Ordered`]: commits in the order of their numbers.

use std::collections::{BTreeMap, VecDeque};

use super::writer::Payload;

/// A commit on its way to the disk.
#[derive(Debug)]
pub(super) struct Commit {
    /// Its number in the store, from 1.
    pub(super) number: u64,
    pub(super) payload: Payload,
    /// About its memory, in bytes.
    pub(super) size: usize,
}

/// Commits that come nearly in order: two that were made at the same time may be told in any order.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    /// Those whose turn it is.
    ready: VecDeque<Commit>,
    /// Those that came before others of lower numbers.
    early: BTreeMap<u64, Commit>,
    /// The last number that was ready.
    last: u64,
}

impl Ordered {
    /// The commits after this one.
    pub(super) fn after(number: u64) -> Self {
        Self { last: number, ..Self::default() }
    }

    pub(super) fn add(&mut self, commit: Commit) {
        if commit.number != self.last + 1 {
            self.early.insert(commit.number, commit);
            return;
        }
        self.push(commit);
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() == self.last + 1) {
            let next = entry.remove();
            self.push(next);
        }
    }

    fn push(&mut self, commit: Commit) {
        self.last = commit.number;
        self.ready.push_back(commit);
    }

    /// The commits whose turn it is.
    pub(super) fn ready(&self) -> &VecDeque<Commit> {
        &self.ready
    }

    /// Removes the first commits, and returns their memory.
    pub(super) fn remove(&mut self, count: usize) -> usize {
        self.ready.drain(..count).map(|commit| commit.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_commit_waits_for_those_before_it() {
        let mut ordered = Ordered::default();
        let mut ready = |number| {
            ordered.add(Commit { number, payload: Payload::Encoded(Bytes::new()), size: 1 });
            ordered.ready().iter().map(|commit| commit.number).collect::<Vec<_>>()
        };
        assert_eq!([ready(2), ready(4), ready(1)], [vec![], vec![], vec![1, 2]]);
        assert_eq!(ready(3), [1, 2, 3, 4]);
        assert_eq!((ordered.remove(3), ordered.ready().len()), (3, 1));
    }
}
