//! [`Arena`]: external keys and values, stored densely. Allocated in pieces, so that nothing large is ever copied.

use super::directory;

/// The number of items of a piece.
const PIECE: usize = 1024;

/// The most pieces: the records of a shard are fewer than 2^31.
const MAX_PIECES: usize = (1 << 31) / PIECE;

/// Items, each with the handle of the record that owns it.
#[derive(Clone, Debug)]
pub(in crate::store) struct Arena<T> {
    pieces: Vec<Vec<Owned<T>>>,
}

#[derive(Clone, Debug)]
struct Owned<T> {
    item: T,
    owner: u32,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

impl<T> Arena<T> {
    /// Adds an item and returns its index.
    pub(in crate::store) fn push(&mut self, item: T, owner: u32) -> u32 {
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // The first piece starts empty and grows, so that few items take little memory.
            let capacity = if self.pieces.is_empty() { 0 } else { PIECE };
            directory::push(&mut self.pieces, Vec::with_capacity(capacity), MAX_PIECES);
        }
        let index = self.len();
        let piece = self.pieces.last_mut().expect("a piece was just made");
        piece.push(Owned { item, owner });
        u32::try_from(index).expect("there are fewer items than handles")
    }

    /// Removes an item. If the last item takes its index, the owner of that item is returned.
    pub(in crate::store) fn remove(&mut self, index: u32) -> (T, Option<u32>) {
        let last = self.pieces.last_mut().and_then(Vec::pop).expect("an item that is removed exists");
        if self.pieces.last().is_some_and(Vec::is_empty) {
            self.pieces.pop();
        }
        if index as usize == self.len() {
            return (last.item, None);
        }
        let owner = last.owner;
        (std::mem::replace(self.owned(index), last).item, Some(owner))
    }

    #[inline]
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    #[inline]
    pub(in crate::store) fn get(&self, index: u32) -> &T {
        &self.pieces[index as usize / PIECE][index as usize % PIECE].item
    }

    pub(in crate::store) fn get_mut(&mut self, index: u32) -> &mut T {
        &mut self.owned(index).item
    }

    pub(in crate::store) fn set_owner(&mut self, index: u32, owner: u32) {
        self.owned(index).owner = owner;
    }

    /// The memory of the items, without what they own, in bytes.
    pub(in crate::store) fn memory(&self) -> usize {
        // The first piece grows, the others are whole.
        let items = if self.pieces.len() == 1 { self.pieces[0].capacity() } else { self.pieces.len() * PIECE };
        items * size_of::<Owned<T>>() + self.pieces.capacity() * size_of::<Vec<Owned<T>>>()
    }

    fn owned(&mut self, index: u32) -> &mut Owned<T> {
        &mut self.pieces[index as usize / PIECE][index as usize % PIECE]
    }

    fn len(&self) -> usize {
        let last = self.pieces.last().map_or(0, Vec::len);
        self.pieces.len().saturating_sub(1) * PIECE + last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_item_takes_the_index_of_a_removed_one() {
        let mut items = Arena::default();
        let indices: Vec<u32> =
            ["a", "b", "c"].into_iter().zip(10..).map(|(item, owner)| items.push(item, owner)).collect();
        assert_eq!(indices, [0, 1, 2]);
        items.set_owner(2, 99);
        assert_eq!((items.remove(0), *items.get(0)), (("a", Some(99)), "c"));
        assert_eq!((items.remove(1), items.remove(0)), (("b", None), ("c", None)));
        assert_eq!(items.push("d", 1), 0);
    }

    #[test]
    fn pieces_are_freed() {
        let mut items = Arena::default();
        (0..3 * PIECE as u32 + 1).for_each(|number| assert_eq!(items.push(number, number), number));
        assert_eq!((items.pieces.len(), *items.get(2 * PIECE as u32)), (4, 2 * PIECE as u32));
        (0..2 * PIECE).for_each(|_| _ = items.remove(0));
        assert_eq!((items.pieces.len(), items.len()), (2, PIECE + 1));
    }
}
