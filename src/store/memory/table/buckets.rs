//! [`Bucket`]: one cache line of the table, and how buckets are allocated.

use super::{
    Matcher, Position,
    growth::LOAD,
    tags::{CELLS, Tags},
};
use crate::store::memory::directory;

/// The number of buckets that are allocated together: nothing large is allocated or copied.
const PIECE: usize = 64;

/// The most pieces: the records of a shard are fewer than 2^31.
const MAX_PIECES: usize = (1 << 31) / LOAD / PIECE;

/// The bit of a bucket's number that marks an overflow bucket.
pub(super) const OVERFLOW: u32 = 1 << 31;

/// Twelve cells, and a link to an overflow bucket.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    pub(super) tags: Tags,
    pub(super) handles: [u32; CELLS],
}

impl Bucket {
    /// The position of a cell of this bucket, if its handle matches. `number` is that of the bucket.
    #[inline(always)]
    pub(super) fn check<S: Matcher>(&self, number: u32, cell: usize, matcher: &S) -> Option<(Position, S::Facts)> {
        let handle = self.handles[cell];
        let facts = matcher.matches(handle)?;
        Some((Position::new(handle, number), facts))
    }

    /// The cell of a handle that is in this bucket.
    pub(super) fn cell_of(&self, handle: u32) -> usize {
        self.tags.taken().find(|cell| self.handles[*cell] == handle).expect("the handle is in its bucket")
    }

    /// The number of its overflow bucket.
    #[inline]
    pub(super) fn next(&self) -> Option<u32> {
        let link = self.tags.link();
        (link != 0).then(|| (link - 1) | OVERFLOW)
    }

    pub(super) fn set_next(&mut self, number: Option<u32>) {
        self.tags.set_link(number.map_or(0, |number| (number & !OVERFLOW) + 1));
    }
}

/// Buckets, allocated in pieces. The first piece doubles up to a whole one, so that few buckets take little memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    pub(super) pieces: Vec<Box<[Bucket]>>,
    len: usize,
}

impl Buckets {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        // All but the first are whole.
        let first = self.pieces.first().map_or(0, |first| first.len());
        let buckets = first + self.pieces.len().saturating_sub(1) * PIECE;
        buckets * size_of::<Bucket>() + self.pieces.capacity() * size_of::<Box<[Bucket]>>()
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> &Bucket {
        &self.pieces[index / PIECE][index % PIECE]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.pieces[index / PIECE][index % PIECE]
    }

    pub(super) fn push(&mut self) {
        if self.len < PIECE {
            self.grow_first();
        } else if self.len.is_multiple_of(PIECE) {
            directory::push(&mut self.pieces, empty(PIECE), MAX_PIECES);
        }
        self.len += 1;
    }

    /// Makes room for one more bucket in the first piece.
    fn grow_first(&mut self) {
        match self.pieces.first_mut() {
            None => self.pieces = vec![empty(1)],
            Some(first) if first.len() == self.len => {
                let mut grown = empty(2 * self.len);
                grown[..self.len].copy_from_slice(first);
                *first = grown;
            }
            Some(_) => {}
        }
    }

    /// Removes the last bucket, which is empty.
    pub(super) fn pop(&mut self) {
        self.len -= 1;
        if self.len.is_multiple_of(PIECE) {
            self.pieces.pop();
        }
    }
}

fn empty(buckets: usize) -> Box<[Bucket]> {
    vec![Bucket::default(); buckets].into()
}

/// The overflow buckets.
#[derive(Clone, Debug, Default)]
pub(super) struct Overflow {
    pub(super) buckets: Buckets,
    /// The first free bucket, which links to the next one.
    free: Option<u32>,
    /// The number of buckets in use.
    pub(super) used: usize,
}

impl Overflow {
    /// Takes an empty bucket into use, and returns its number.
    pub(super) fn take(&mut self) -> u32 {
        self.used += 1;
        let Some(number) = self.free else {
            self.buckets.push();
            return (self.buckets.len() - 1) as u32 | OVERFLOW;
        };
        self.free = std::mem::take(self.buckets.get_mut((number & !OVERFLOW) as usize)).next();
        number
    }

    /// Releases an empty bucket. When none is in use, the memory of all is freed.
    pub(super) fn release(&mut self, number: u32) {
        self.used -= 1;
        if self.used == 0 {
            *self = Self::default();
            return;
        }
        self.buckets.get_mut((number & !OVERFLOW) as usize).set_next(self.free);
        self.free = Some(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_pieces_is_not_copied_once_it_is_long() {
        let mut buckets = Buckets::default();
        (0..16_500 * PIECE).for_each(|_| buckets.push());
        assert!(buckets.pieces.capacity() >= MAX_PIECES);
    }

    #[test]
    fn a_bucket_is_one_cache_line() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
    }
}
