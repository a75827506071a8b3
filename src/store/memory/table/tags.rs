//! [`Tags`]: a byte of hash for each cell of a bucket. All are compared at once.

use super::compare::equal_bytes;

/// The number of cells of a bucket.
pub(super) const CELLS: usize = 12;

/// The bit where the link starts.
const LINK: usize = 8 * CELLS;

/// The tags of the cells, one byte each from the lowest on, 0 for a free cell. The highest four bytes are the link to the
/// overflow bucket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tags(u128);

impl Tags {
    #[inline]
    pub(super) fn get(&self, cell: usize) -> u8 {
        (self.0 >> (8 * cell)) as u8
    }

    #[inline]
    pub(super) fn set(&mut self, cell: usize, tag: u8) {
        let shift = 8 * cell;
        self.0 = self.0 & !(0xff << shift) | u128::from(tag) << shift;
    }

    /// The number of the overflow bucket, counted from 1; 0 if there is none.
    #[inline]
    pub(super) fn link(&self) -> u32 {
        (self.0 >> LINK) as u32
    }

    pub(super) fn set_link(&mut self, link: u32) {
        self.0 = self.0 & ((1 << LINK) - 1) | u128::from(link) << LINK;
    }

    /// The cells with a tag.
    #[inline]
    pub(super) fn matching(&self, tag: u8) -> Cells {
        Cells(equal_bytes(self.0, tag) & ALL)
    }

    /// A free cell.
    #[inline]
    pub(super) fn free(&self) -> Option<usize> {
        self.matching(0).next()
    }

    /// The cells in use.
    pub(super) fn taken(&self) -> Cells {
        Cells(!self.matching(0).0 & ALL)
    }
}

/// A set of cells of a bucket, one bit each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells(u32);

/// The bits of all cells.
const ALL: u32 = (1 << CELLS) - 1;

impl Iterator for Cells {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let cell = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_of_a_tag_are_found_whatever_the_link_is() {
        let mut tags = Tags::default();
        tags.set_link(u32::from_le_bytes([7; 4]));
        [0, 3, 11].into_iter().for_each(|cell| tags.set(cell, 7));
        tags.set(5, 255);
        assert_eq!(tags.matching(7).collect::<Vec<_>>(), [0, 3, 11]);
        assert_eq!(tags.taken().collect::<Vec<_>>(), [0, 3, 5, 11]);
        assert_eq!((tags.get(5), tags.link()), (255, u32::from_le_bytes([7; 4])));
        assert!(tags.free().is_some_and(|cell| tags.get(cell) == 0));
        (0..CELLS).for_each(|cell| tags.set(cell, 1));
        assert_eq!((tags.free(), tags.matching(0).count()), (None, 0));
    }
}
