//! [`Tail`]: the end of the journal, where commits are written in their order.

use super::{
    incoming::Incoming,
    order::Ordered,
    shared::Shared,
    writer::{WriteError, Writer},
};
use crate::store::latency::event;

/// Commits whose turn has not come, and the segment that is written. Whoever locks it writes what has come: the thread of the
/// journal, or a connection that has answers to write.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) writer: Writer,
    /// The sequence of the last record that was there before the first commit, and the number of the commit before that.
    base: u64,
    after: u64,
    ordered: Ordered,
    /// The commit behind which a new segment is to begin.
    cut: Option<u64>,
    /// What a connection has met, which the thread of the journal deals with.
    error: Option<WriteError>,
}

impl Tail {
    pub(super) fn new(writer: Writer, after: u64) -> Self {
        Self { base: writer.sequence(), writer, after, ordered: Ordered::after(after), cut: None, error: None }
    }

    pub(super) fn add(&mut self, commits: Vec<Incoming>, cut: Option<u64>) {
        commits.into_iter().for_each(|commits| self.ordered.add(commits));
        self.cut = cut.or(self.cut);
    }

    /// How many commits are here whose turn it is.
    pub(super) fn ready(&self) -> usize {
        self.ordered.ready()
    }

    /// The number of the last commit that is written.
    pub(super) fn written(&self) -> u64 {
        self.number_of(self.writer.sequence())
    }

    /// The number of the commit with the record of this sequence.
    pub(super) fn number_of(&self, sequence: u64) -> u64 {
        self.after + sequence - self.base
    }

    /// Writes all commits whose turn it is, up to a cut. Returns whether there is something left for the thread of the journal: a new
    /// segment is to begin.
    pub(super) fn write(&mut self, shared: &Shared) -> Result<bool, WriteError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        loop {
            let before_cut = self.cut.map_or(usize::MAX, |cut| (cut - self.written()) as usize);
            let count = self.ready().min(before_cut);
            if count == 0 {
                shared.set_size(self.writer.size());
                return Ok(before_cut == 0 || self.writer.is_segment_full());
            }
            let payloads = self.ordered.payloads().take(count);
            let written = shared.measured(event::AOF_WRITE, || self.writer.write(payloads))?;
            let (memory, spare) = self.ordered.remove(written);
            shared.wrote(memory, spare, self.written());
        }
    }

    /// Leaves an error to the next who writes.
    pub(super) fn leave(&mut self, error: WriteError) {
        self.error = Some(error);
    }

    /// Begins a new segment, if one is to begin here. All before is durable then.
    pub(super) fn begin_segment(&mut self, shared: &Shared) -> Result<(), WriteError> {
        if self.cut == Some(self.written()) {
            shared.made_cut(self.writer.cut()?);
            self.cut = None;
        } else if self.writer.is_segment_full() {
            self.writer.rotate()?;
        }
        Ok(())
    }

    /// Gives up the cut, if one was wanted.
    pub(super) fn drop_cut(&mut self) -> bool {
        self.cut.take().is_some()
    }
}
