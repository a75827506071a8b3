//! [`Row`]: the items of a node, in an array of fixed length.

use std::ops::{Deref, DerefMut, Range};

/// At most `N` items, without gaps. The unused places hold the default.
#[derive(Debug)]
pub(super) struct Row<T, const N: usize> {
    len: u16,
    items: [T; N],
}

impl<T: Default, const N: usize> Default for Row<T, N> {
    fn default() -> Self {
        Self { len: 0, items: std::array::from_fn(|_| T::default()) }
    }
}

impl<T, const N: usize> Deref for Row<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.items[..usize::from(self.len)]
    }
}

impl<T, const N: usize> DerefMut for Row<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items[..usize::from(self.len)]
    }
}

impl<T: Default, const N: usize> Row<T, N> {
    pub(super) fn push(&mut self, item: T) {
        self.insert(self.len(), item);
    }

    /// Inserts an item before the one at `index`.
    #[inline]
    pub(super) fn insert(&mut self, index: usize, item: T) {
        self.len += 1;
        let tail = &mut self[index..];
        tail.rotate_right(1);
        tail[0] = item;
    }

    /// Removes some items.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self[range.clone()].fill_with(T::default);
        self[range.start..].rotate_left(range.len());
        self.len -= range.len() as u16;
    }

    /// Moves the last items to the front of the row on the right.
    pub(super) fn give_last(&mut self, count: usize, right: &mut Self) {
        right.len += count as u16;
        right.rotate_right(count);
        let kept = self.len() - count;
        self[kept..].swap_with_slice(&mut right[..count]);
        self.len = kept as u16;
    }

    /// Moves the first items to the end of the row on the left.
    pub(super) fn give_first(&mut self, count: usize, left: &mut Self) {
        let start = left.len();
        left.len += count as u16;
        left[start..].swap_with_slice(&mut self[..count]);
        self.rotate_left(count);
        self.len -= count as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(items: impl IntoIterator<Item = u32>) -> Row<u32, 8> {
        let mut row = Row::default();
        items.into_iter().for_each(|item| row.push(item));
        row
    }

    #[test]
    fn items_are_inserted_and_removed_anywhere() {
        let mut row = row([1, 2, 4, 5, 6]);
        row.insert(2, 3);
        row.insert(6, 7);
        row.insert(0, 0);
        assert_eq!(row[..], [0, 1, 2, 3, 4, 5, 6, 7]);
        row.remove(0..2);
        row.remove(4..6);
        assert_eq!(row[..], [2, 3, 4, 5]);
        row.remove(0..4);
        assert!(row.is_empty());
    }

    #[test]
    fn items_move_between_neighbours_in_their_order() {
        let (mut left, mut right) = (row(0..6), row(6..8));
        left.give_last(4, &mut right);
        assert_eq!((&left[..], &right[..]), (&[0, 1][..], &[2, 3, 4, 5, 6, 7][..]));
        right.give_first(5, &mut left);
        assert_eq!((&left[..], &right[..]), (&[0, 1, 2, 3, 4, 5, 6][..], &[7][..]));
        right.give_first(1, &mut left);
        assert_eq!((left.len(), right.len()), (8, 0));
    }
}
