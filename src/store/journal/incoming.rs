//! [`Incoming`]: commits that the thread of the journal has not taken yet.

use bytes::Bytes;

use super::{order::Commit, writer::Payload};

/// The bytes from which on a run takes no more commits.
const RUN: usize = 256 * 1024;

/// The memory that a commit of a run is counted with, besides its bytes.
const OVERHEAD: usize = 32;

/// A commit, or several in a row that share a buffer.
#[derive(Debug)]
pub(super) enum Incoming {
    One(Commit),
    Run(Run),
}

/// Commits with successive numbers, which are encoded one after another.
#[derive(Debug)]
pub(super) struct Run {
    /// The number of the first.
    first: u64,
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<u32>,
}

impl Incoming {
    /// The commits.
    pub(super) fn commits(self) -> impl Iterator<Item = Commit> {
        let (one, run) = match self {
            Self::One(commit) => (Some(commit), None),
            Self::Run(run) => (None, Some(run)),
        };
        one.into_iter().chain(run.into_iter().flat_map(Run::commits))
    }
}

/// Adds a commit to the last run, if it is the next one, or else to a new run. `encode` appends its bytes. Returns its memory.
pub(super) fn push_encoded(incoming: &mut Vec<Incoming>, number: u64, encode: impl FnOnce(&mut Vec<u8>)) -> usize {
    if let Some(Incoming::Run(run)) = incoming.last_mut()
        && run.takes(number)
    {
        return run.push(encode);
    }
    let mut run = Run { first: number, bytes: Vec::new(), ends: Vec::new() };
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

    fn commits(self) -> impl Iterator<Item = Commit> {
        let bytes = Bytes::from(self.bytes);
        let mut start = 0;
        self.ends.into_iter().zip(self.first..).map(move |(end, number)| {
            let payload = bytes.slice(start..end as usize);
            start = end as usize;
            Commit { number, size: payload.len() + OVERHEAD, payload: Payload::Encoded(payload) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_in_a_row_share_a_buffer() {
        let (mut incoming, mut size) = (Vec::new(), 0);
        let mut add = |incoming: &mut Vec<_>, number: u64, text: &str| {
            size += push_encoded(incoming, number, |buffer| buffer.extend_from_slice(text.as_bytes()));
        };
        add(&mut incoming, 1, "a");
        add(&mut incoming, 2, "bc");
        add(&mut incoming, 4, "d");
        incoming.push(Incoming::One(Commit { number: 3, payload: Payload::Encoded(Bytes::new()), size: 0 }));
        add(&mut incoming, 5, &"x".repeat(RUN));
        add(&mut incoming, 6, "e");
        assert_eq!(incoming.len(), 5);
        let commits: Vec<_> = incoming.into_iter().flat_map(Incoming::commits).collect();
        assert_eq!(commits.iter().map(|commit| commit.number).collect::<Vec<_>>(), [1, 2, 4, 3, 5, 6]);
        assert_eq!(commits.iter().map(|commit| commit.size).sum::<usize>(), size);
        assert!(matches!(&commits[1].payload, Payload::Encoded(bytes) if bytes == "bc"));
    }
}
