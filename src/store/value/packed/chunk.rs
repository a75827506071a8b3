//! [`Chunk`]: a part of a long list.
//!
//! ```text
//! free | entries | free
//! ```
//!
//! An element is pushed or popped at either end in constant time, amortised.

use std::ops::Range;

use super::edit::EditEntries;
use super::entries::Entries;

/// The least capacity.
const MIN_CAPACITY: usize = 64;

/// Entries with free room at both ends.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    count: u32,
    /// The capacity is greater only if the entries are longer.
    limit: u32,
}

/// One end of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

impl Chunk {
    /// An empty chunk that grows by half, up to a capacity of `limit` bytes.
    pub(crate) fn new(limit: u32) -> Self {
        Self { buffer: Box::default(), start: 0, end: 0, count: 0, limit }
    }

    /// A copy of entries, without free room.
    pub(crate) fn from_entries(entries: Entries<'_>, limit: u32) -> Self {
        let mut chunk = Self::new(limit);
        chunk.buffer = entries.bytes().into();
        chunk.end = chunk.buffer.len();
        chunk.count = count(entries.len());
        chunk
    }

    /// Removes the elements from an index on, and returns them. All others are left.
    pub(crate) fn split_off(&mut self, index: usize) -> Self {
        let (_, back) = self.entries().split_at(index);
        let back = Self::from_entries(back, self.limit);
        self.truncate(index);
        back
    }

    /// The size of the allocation, in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.len()
    }

    fn room(&self, side: Side) -> usize {
        match side {
            Side::Front => self.start,
            Side::Back => self.buffer.len() - self.end,
        }
    }

    /// Makes room for `needed` bytes at a side: moves the entries if enough is free, else grows.
    #[cold]
    fn make_room(&mut self, side: Side, needed: usize) {
        let len = self.end - self.start;
        let new_len = len + needed;
        let is_roomy = self.buffer.len() >= new_len + new_len / 8;
        let capacity = if is_roomy { self.buffer.len() } else { self.buffer.len().max(self.grown(new_len)) };
        // The other side gets a part, or pushes at alternating sides would move the entries each time.
        let other = (capacity - new_len) / 4;
        self.relocate(capacity, if side == Side::Back { other } else { capacity - len - other });
    }

    /// The capacity for entries of a length.
    fn grown(&self, len: usize) -> usize {
        (len + len / 2).max(MIN_CAPACITY).min(self.limit as usize).max(len)
    }

    /// Gives up free room if less than a quarter is used.
    fn shrink_if_sparse(&mut self) {
        let len = self.end - self.start;
        if self.buffer.len() > MIN_CAPACITY && len < self.buffer.len() / 4 {
            let capacity = self.grown(len);
            self.relocate(capacity, (capacity - len) / 2);
        }
    }

    fn relocate(&mut self, capacity: usize, start: usize) {
        let len = self.end - self.start;
        if capacity == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, start);
        } else {
            let mut buffer = vec![0; capacity].into_boxed_slice();
            buffer[start..start + len].copy_from_slice(&self.buffer[self.start..self.end]);
            self.buffer = buffer;
        }
        (self.start, self.end) = (start, start + len);
    }

    /// Moves what is at one side of a range, so that the range has another length.
    fn resize(&mut self, range: Range<usize>, len: usize, side: Side) {
        match side {
            Side::Front => {
                let start = self.start + range.len() - len;
                self.buffer.copy_within(self.start..self.start + range.start, start);
                self.start = start;
            }
            Side::Back => {
                let tail = self.start + range.end..self.end;
                self.buffer.copy_within(tail, self.start + range.start + len);
                self.end = self.end + len - range.len();
            }
        }
    }
}

impl EditEntries for Chunk {
    #[inline]
    fn entries(&self) -> Entries<'_> {
        Entries::new(&self.buffer[self.start..self.end], self.count as usize)
    }

    #[inline]
    fn splice(&mut self, range: Range<usize>, len: usize, elements: usize) -> &mut [u8] {
        // The shorter side is moved.
        let is_front = range.start < self.end - self.start - range.end;
        let side = if is_front { Side::Front } else { Side::Back };
        let growth = len.saturating_sub(range.len());
        if growth > self.room(side) {
            self.make_room(side, growth);
        }
        self.resize(range.clone(), len, side);
        self.count = count(elements);
        if len < range.len() {
            self.shrink_if_sparse();
        }
        let start = self.start + range.start;
        &mut self.buffer[start..start + len]
    }
}

fn count(elements: usize) -> u32 {
    u32::try_from(elements).expect("a chunk has less than 2^32 elements")
}
