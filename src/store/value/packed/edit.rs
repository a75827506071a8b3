//! [`EditEntries`]: editing a run of entries.

use std::ops::Range;

use super::element::Element;
use super::encoded::Encoded;
use super::entries::{Entries, Position};

/// A run of entries that can be edited. An edit makes the positions behind it invalid.
pub(crate) trait EditEntries {
    /// The entries.
    fn entries(&self) -> Entries<'_>;

    /// Puts `len` bytes in the place of a range of bytes, and sets the number of elements. The caller fills what is returned.
    fn splice(&mut self, range: Range<usize>, len: usize, count: usize) -> &mut [u8];

    /// Inserts an element in front of a position.
    #[inline]
    fn insert_before<'e>(&mut self, position: Position, element: impl Into<Encoded<'e>>) {
        let (element, count) = (element.into(), self.entries().len() + 1);
        element.write_to(self.splice(position.0..position.0, element.len(), count));
    }

    /// Inserts two elements in front of a position.
    #[inline]
    fn insert_pair_before<'e>(
        &mut self,
        position: Position,
        first: impl Into<Encoded<'e>>,
        second: impl Into<Encoded<'e>>,
    ) {
        let (first, second, count) = (first.into(), second.into(), self.entries().len() + 2);
        let room = self.splice(position.0..position.0, first.len() + second.len(), count);
        let (room_of_first, room_of_second) = room.split_at_mut(first.len());
        first.write_to(room_of_first);
        second.write_to(room_of_second);
    }

    /// Inserts several elements in front of a position.
    fn insert_all_before<const N: usize>(&mut self, position: Position, elements: [Encoded<'_>; N]) {
        let (len, count) = (elements.iter().map(Encoded::len).sum(), self.entries().len() + N);
        let mut room = self.splice(position.0..position.0, len, count);
        for element in elements {
            let (room_of_element, rest) = room.split_at_mut(element.len());
            element.write_to(room_of_element);
            room = rest;
        }
    }

    /// Appends an element.
    #[inline]
    fn push_back<'e>(&mut self, element: impl Into<Encoded<'e>>) {
        self.insert_before(self.entries().end(), element);
    }

    /// Inserts an element in front of all others.
    #[inline]
    fn push_front<'e>(&mut self, element: impl Into<Encoded<'e>>) {
        self.insert_before(Position(0), element);
    }

    /// Appends all elements of another collection.
    fn extend(&mut self, other: Entries<'_>) {
        let (end, count) = (self.entries().end().0, self.entries().len() + other.len());
        self.splice(end..end, other.bytes().len(), count).copy_from_slice(other.bytes());
    }

    /// Replaces the element at a position.
    #[inline]
    fn replace<'e>(&mut self, position: Position, element: impl Into<Encoded<'e>>) {
        let (element, entries) = (element.into(), self.entries());
        let (range, count) = (position.0..entries.skip(position.0), entries.len());
        element.write_to(self.splice(range, element.len(), count));
    }

    /// Removes elements from a position on, as many as there are. Returns the position of the element behind them.
    #[inline]
    fn remove(&mut self, position: Position, how_many: usize) -> Option<Position> {
        let entries = self.entries();
        let (mut end, mut removed) = (position.0, 0);
        while removed < how_many && end < entries.end().0 {
            end = entries.skip(end);
            removed += 1;
        }
        let count = entries.len() - removed;
        self.splice(position.0..end, 0, count);
        (position < self.entries().end()).then_some(position)
    }

    /// Removes the elements from an index on.
    fn truncate(&mut self, len: usize) {
        if len < self.entries().len() {
            let start = self.entries().split_at(len).0.end().0;
            let end = self.entries().end().0;
            self.splice(start..end, 0, len);
        }
    }

    /// Removes the first `how_many` elements, or all if there are less.
    fn remove_front(&mut self, how_many: usize) {
        let how_many = how_many.min(self.entries().len());
        let (front, rest) = self.entries().split_at(how_many);
        let (end, count) = (front.end().0, rest.len());
        self.splice(0..end, 0, count);
    }

    /// Removes the elements for which `is_kept` returns false.
    fn retain(&mut self, mut is_kept: impl FnMut(Element<'_>) -> bool) {
        let entries = self.entries();
        // Everything behind the first that is removed is moved once.
        let (mut first, mut kept, mut count) = (None, Vec::new(), 0);
        let mut position = entries.first();
        while let Some(at) = position {
            position = entries.next(at);
            let is_kept = is_kept(entries.element(at));
            count += usize::from(is_kept);
            if !is_kept {
                first.get_or_insert(at.0);
            } else if first.is_some() {
                kept.extend_from_slice(&entries.bytes()[at.0..position.unwrap_or(entries.end()).0]);
            }
        }
        let end = entries.end().0;
        if let Some(first) = first {
            self.splice(first..end, kept.len(), count).copy_from_slice(&kept);
        }
    }
}
