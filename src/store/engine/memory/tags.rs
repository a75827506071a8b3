//! [`Tags`]: a byte of hash for each place of a bucket, all of them compared at once.

use super::compare::equal_bytes;

/// How many places a bucket has.
pub(super) const PLACES: usize = 12;

/// Where the number of the next bucket starts.
const LINK: usize = 8 * PLACES;

/// The tags of the places, a byte each from the lowest on, 0 for one that is free; and in the highest four bytes the number
/// of the bucket that holds what overflowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tags(u128);

impl Tags {
    #[inline]
    pub(super) fn get(&self, place: usize) -> u8 {
        (self.0 >> (8 * place)) as u8
    }

    #[inline]
    pub(super) fn set(&mut self, place: usize, tag: u8) {
        let shift = 8 * place;
        self.0 = self.0 & !(0xff << shift) | u128::from(tag) << shift;
    }

    /// What overflowed is in another bucket: its number, counted from 1; 0 for none.
    #[inline]
    pub(super) fn link(&self) -> u32 {
        (self.0 >> LINK) as u32
    }

    pub(super) fn set_link(&mut self, link: u32) {
        self.0 = self.0 & ((1 << LINK) - 1) | u128::from(link) << LINK;
    }

    /// The places with a tag.
    #[inline]
    pub(super) fn matching(&self, tag: u8) -> Places {
        Places(equal_bytes(self.0, tag) & ALL)
    }

    /// A place that is free.
    #[inline]
    pub(super) fn free(&self) -> Option<usize> {
        self.matching(0).next()
    }

    /// The places that are taken.
    pub(super) fn taken(&self) -> Places {
        Places(!self.matching(0).0 & ALL)
    }
}

/// Some places of a bucket: a bit each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places(u32);

/// The bits of all places.
const ALL: u32 = (1 << PLACES) - 1;

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let place = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_a_tag_are_found_whatever_the_link_is() {
        let mut tags = Tags::default();
        tags.set_link(u32::from_le_bytes([7; 4]));
        [0, 3, 11].into_iter().for_each(|place| tags.set(place, 7));
        tags.set(5, 255);
        assert_eq!(tags.matching(7).collect::<Vec<_>>(), [0, 3, 11]);
        assert_eq!(tags.taken().collect::<Vec<_>>(), [0, 3, 5, 11]);
        assert_eq!((tags.get(5), tags.link()), (255, u32::from_le_bytes([7; 4])));
        assert!(tags.free().is_some_and(|place| tags.get(place) == 0));
        (0..PLACES).for_each(|place| tags.set(place, 1));
        assert_eq!((tags.free(), tags.matching(0).count()), (None, 0));
    }
}
