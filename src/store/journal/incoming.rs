//! [`Incoming`]: commits that are not written yet.

use super::writer::Payload;
use crate::store::Record;

/// The bytes from which on a run takes no more commits.
const RUN: usize = 256 * 1024;

/// The memory that a commit of a run is counted with, besides its bytes.
const OVERHEAD: usize = 32;

/// A commit, or several with successive numbers.
#[derive(Debug)]
pub(super) enum Incoming {
    One(Commit),
    Run(Run),
}

/// A commit that lies alone.
#[derive(Debug)]
pub(super) struct Commit {
    /// Its number in the store, from 1.
    pub(super) number: u64,
    pub(super) content: Content,
    /// About its memory, in bytes.
    pub(super) size: usize,
}

#[derive(Debug)]
pub(super) enum Content {
    /// It is encoded.
    Encoded(Vec<u8>),
    Record(Record),
}

/// Commits with successive numbers, which are encoded one after another.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The number of the first.
    first: u64,
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<u32>,
    /// How many of the first ones are written.
    written: usize,
}

impl Incoming {
    /// The number of the first commit.
    pub(super) fn first(&self) -> u64 {
        match self {
            Self::One(commit) => commit.number,
            Self::Run(run) => run.first + run.written as u64,
        }
    }

    /// How many commits it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Run(run) => run.ends.len() - run.written,
        }
    }

    pub(super) fn payloads(&self) -> impl Iterator<Item = Payload<'_>> {
        let (one, run) = match self {
            Self::One(commit) => (Some(commit.content.as_payload()), None),
            Self::Run(run) => (None, Some(run)),
        };
        one.into_iter().chain(run.into_iter().flat_map(Run::payloads))
    }

    /// The memory of the first commits.
    pub(super) fn memory(&self, count: usize) -> usize {
        match self {
            Self::One(commit) => commit.size,
            Self::Run(run) => run.end(run.written + count) - run.end(run.written) + count * OVERHEAD,
        }
    }

    /// Leaves out the first commits, of which it has more.
    pub(super) fn skip(&mut self, count: usize) {
        if let Self::Run(run) = self {
            run.written += count;
        }
    }
}

impl Content {
    fn as_payload(&self) -> Payload<'_> {
        match self {
            Self::Encoded(bytes) => Payload::Encoded(bytes),
            Self::Record(record) => Payload::Record(record),
        }
    }
}

/// Adds a commit to the last run, if it is the next one, or else to a new run, in the place of one that is written. `encode` appends
/// its bytes. Returns its memory.
pub(super) fn push_encoded(
    incoming: &mut Vec<Incoming>,
    spare: &mut Option<Run>,
    number: u64,
    encode: impl FnOnce(&mut Vec<u8>),
) -> usize {
    if let Some(Incoming::Run(run)) = incoming.last_mut()
        && run.takes(number)
    {
        return run.push(encode);
    }
    let mut run = spare.take().unwrap_or_default();
    run.first = number;
    let size = run.push(encode);
    incoming.push(Incoming::Run(run));
    size
}

impl Run {
    fn takes(&self, number: u64) -> bool {
        self.bytes.len() < RUN && self.first + self.ends.len() as u64 == number
    }

    fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        self.ends.push(self.bytes.len() as u32);
        self.bytes.len() - start + OVERHEAD
    }

    /// Where the commits before this one end.
    fn end(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |last| self.ends[last] as usize)
    }

    fn payloads(&self) -> impl Iterator<Item = Payload<'_>> {
        (self.written..self.ends.len()).map(|index| Payload::Encoded(&self.bytes[self.end(index)..self.end(index + 1)]))
    }

    /// Removes all commits, and keeps the memory for others.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(incoming: &Incoming) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        for payload in incoming.payloads() {
            let mut bytes = Vec::new();
            payload.encode(&mut bytes);
            payloads.push(bytes);
        }
        payloads
    }

    #[test]
    fn commits_in_a_row_share_a_buffer() {
        let (mut incoming, mut size) = (Vec::new(), 0);
        let mut add = |incoming: &mut Vec<_>, number: u64, text: &str| {
            size += push_encoded(incoming, &mut None, number, |buffer| buffer.extend_from_slice(text.as_bytes()));
        };
        add(&mut incoming, 1, "a");
        add(&mut incoming, 2, "bc");
        add(&mut incoming, 4, "d");
        incoming.push(Incoming::One(Commit { number: 3, content: Content::Encoded(Vec::new()), size: 0 }));
        add(&mut incoming, 5, &"x".repeat(RUN));
        add(&mut incoming, 6, "e");
        assert_eq!(
            incoming.iter().map(|commits| (commits.first(), commits.len())).collect::<Vec<_>>(),
            [(1, 2), (4, 1), (3, 1), (5, 1), (6, 1)]
        );
        assert_eq!(incoming.iter().map(|commits| commits.memory(commits.len())).sum::<usize>(), size);
        assert_eq!(encoded(&incoming[0]), [&b"a"[..], b"bc"]);
        incoming[0].skip(1);
        assert_eq!((incoming[0].first(), incoming[0].memory(1), encoded(&incoming[0])), (2, 34, vec![b"bc".to_vec()]));
    }

    #[test]
    fn a_run_that_is_written_leaves_its_memory_to_the_next() {
        let (mut incoming, mut spare) = (Vec::new(), Some(Run { bytes: Vec::with_capacity(1000), ..Run::default() }));
        push_encoded(&mut incoming, &mut spare, 7, |buffer| buffer.push(1));
        assert!(spare.is_none() && matches!(&incoming[..], [Incoming::Run(run)] if run.bytes.capacity() == 1000));
        assert_eq!(incoming[0].first(), 7);
    }
}
