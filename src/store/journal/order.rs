//! [`Ordered`]: commits in the order of their numbers.

use std::collections::{BTreeMap, VecDeque};

use super::{
    incoming::{Incoming, Run},
    writer::Payload,
};

/// Commits that come nearly in order: two that were made at the same time may be told in any order.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    /// Those whose turn it is.
    ready: VecDeque<Incoming>,
    count: usize,
    /// Those that came before others of lower numbers.
    early: BTreeMap<u64, Incoming>,
    /// The last number that was ready.
    last: u64,
}

impl Ordered {
    /// The commits after this one.
    pub(super) fn after(number: u64) -> Self {
        Self { last: number, ..Self::default() }
    }

    pub(super) fn add(&mut self, commits: Incoming) {
        if commits.first() != self.last + 1 {
            self.early.insert(commits.first(), commits);
            return;
        }
        self.push(commits);
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() == self.last + 1) {
            let next = entry.remove();
            self.push(next);
        }
    }

    fn push(&mut self, commits: Incoming) {
        self.last += commits.len() as u64;
        self.count += commits.len();
        self.ready.push_back(commits);
    }

    /// How many commits there are whose turn it is.
    pub(super) fn ready(&self) -> usize {
        self.count
    }

    /// The payloads of these.
    pub(super) fn payloads(&self) -> impl Iterator<Item = Payload<'_>> {
        self.ready.iter().flat_map(Incoming::payloads)
    }

    /// Removes the first commits. Returns their memory, and the memory of a run that is written.
    pub(super) fn remove(&mut self, mut count: usize) -> (usize, Option<Run>) {
        let (mut memory, mut spare) = (0, None);
        self.count -= count;
        while count > 0 {
            let first = self.ready.front_mut().expect("a commit for each that is removed");
            let removed = count.min(first.len());
            memory += first.memory(removed);
            count -= removed;
            if removed < first.len() {
                first.skip(removed);
            } else if let Some(Incoming::Run(mut run)) = self.ready.pop_front() {
                run.clear();
                spare = Some(run);
            }
        }
        (memory, spare)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::incoming::{Commit, Content, push_encoded},
        *,
    };

    #[test]
    fn a_commit_waits_for_those_before_it() {
        let mut ordered = Ordered::default();
        let mut ready = |number| {
            ordered.add(Incoming::One(Commit { number, content: Content::Encoded(Vec::new()), size: 1 }));
            ordered.ready()
        };
        assert_eq!([ready(2), ready(4), ready(1), ready(3)], [0, 0, 2, 4]);
        assert_eq!((ordered.remove(3).0, ordered.ready()), (3, 1));
    }

    #[test]
    fn runs_are_removed_in_parts() {
        let (mut ordered, mut incoming) = (Ordered::default(), Vec::new());
        (1..=5).for_each(|number| _ = push_encoded(&mut incoming, &mut None, number, |bytes| bytes.push(number as u8)));
        incoming.into_iter().for_each(|commits| ordered.add(commits));
        let (memory, spare) = ordered.remove(3);
        assert_eq!((memory, spare.is_none(), ordered.ready()), (3 * 33, true, 2));
        let numbers: Vec<_> = ordered.payloads().map(|payload| format!("{payload:?}")).collect();
        assert_eq!(numbers, ["Encoded([4])", "Encoded([5])"]);
        let (memory, spare) = ordered.remove(2);
        assert_eq!((memory, spare.is_some(), ordered.ready()), (2 * 33, true, 0));
    }
}
