//! [`ChunkList`]: a large list.

use std::{collections::VecDeque, ops::Range};

use super::{
    super::{
        ChunkLimit,
        packed::{Chunk, EditEntries, Element, Encoded, Entries},
    },
    End, equal,
};

/// Chunks of elements, none of which is empty.
///
/// Elements are pushed and popped at both ends in constant time. An index is found by the lengths of the chunks, from the
/// nearer end. An element that is inserted in a full chunk splits it, and small chunks are merged with their neighbours.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkList {
    chunks: VecDeque<Chunk>,
    len: usize,
    /// The capacity of the chunks, in bytes.
    capacity: usize,
}

/// Where an element is: the number of its chunk, and its index in it.
#[derive(Clone, Copy, Debug)]
struct Place {
    chunk: usize,
    index: usize,
}

impl ChunkList {
    /// A list of one chunk.
    pub(super) fn from_entries(entries: Entries<'_>, limit: ChunkLimit) -> Self {
        let mut list = Self::default();
        if !entries.is_empty() {
            list.attach(0, Chunk::from_entries(entries, limit.bytes() as u32));
        }
        list
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of chunks.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The chunk with this number.
    pub(super) fn chunk(&self, number: usize) -> Option<Entries<'_>> {
        self.chunks.get(number).map(Chunk::entries)
    }

    /// The memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.chunks.capacity() * size_of::<Chunk>() + self.capacity
    }

    /// All elements, if they are in one chunk within a limit.
    pub(super) fn as_small(&self, limit: ChunkLimit) -> Option<Entries<'_>> {
        if self.chunks.len() > 1 {
            return None;
        }
        let entries = self.entries(0);
        limit.admits(entries.lp_size(), entries.len()).then_some(entries)
    }

    /// The element at an index.
    pub(super) fn get(&self, index: usize) -> Option<Element<'_>> {
        let Place { chunk, index } = self.locate(index);
        let entries = self.entries(chunk);
        entries.at(index).map(|position| entries.element(position))
    }

    /// The parts of the chunks that are in a range, which is not empty.
    pub(super) fn parts(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = Entries<'_>> {
        let (first, last) = (self.locate(range.start), self.locate(range.end - 1));
        (first.chunk..=last.chunk).map(move |number| {
            let entries = self.entries(number);
            let entries = if number == last.chunk { entries.split_at(last.index + 1).0 } else { entries };
            if number == first.chunk { entries.split_at(first.index).1 } else { entries }
        })
    }

    /// The index of the first element that is equal.
    pub(super) fn find(&self, element: Element<'_>) -> Option<usize> {
        let mut before = 0;
        for chunk in &self.chunks {
            if let Some(index) = equal::find(chunk.entries(), element) {
                return Some(before + index);
            }
            before += chunk.entries().len();
        }
        None
    }

    /// Adds an element at an end.
    pub(super) fn push(&mut self, end: End, element: &Encoded<'_>, limit: ChunkLimit) {
        let mut number = self.outer(end);
        if !self.has_room(number, element, limit) {
            number = if end == End::Head { 0 } else { self.chunks.len() };
            self.attach(number, Chunk::new(limit.bytes() as u32));
        }
        self.edit(number, |chunk| match end {
            End::Head => chunk.push_front(*element),
            End::Tail => chunk.push_back(*element),
        });
    }

    /// Adds a chunk of elements, which are within the limit, at the tail.
    pub(super) fn append(&mut self, entries: Entries<'_>, limit: ChunkLimit) {
        self.attach(self.chunks.len(), Chunk::from_entries(entries, limit.bytes() as u32));
    }

    /// Inserts an element in front of the one at an index, or behind the last.
    pub(super) fn insert(&mut self, index: usize, element: &Encoded<'_>, limit: ChunkLimit) {
        if self.chunks.is_empty() {
            return self.push(End::Tail, element, limit);
        }
        let mut place = self.locate(index);
        if !self.has_room(place.chunk, element, limit) {
            place = self.make_room(place, element, limit);
        }
        self.edit(place.chunk, |chunk| {
            let entries = chunk.entries();
            chunk.insert_before(entries.at(place.index).unwrap_or(entries.end()), *element);
        });
        self.merge_around(place.chunk, limit);
    }

    /// Replaces the element at an index, which there is.
    pub(super) fn set(&mut self, index: usize, element: &Encoded<'_>, limit: ChunkLimit) {
        let place = self.locate(index);
        let entries = self.entries(place.chunk);
        let Some(position) = entries.at(place.index) else { return };
        let freed = Encoded::from(entries.element(position)).len();
        if entries.len() == 1 || limit.admits(entries.lp_size() - freed + element.len(), entries.len()) {
            self.edit(place.chunk, |chunk| chunk.replace(position, *element));
            self.merge_around(place.chunk, limit);
        } else {
            self.edit(place.chunk, |chunk| chunk.remove(position, 1));
            self.insert(index, element, limit);
        }
    }

    /// Removes elements from an end on, as many as there are.
    pub(super) fn remove(&mut self, end: End, how_many: usize) {
        let mut left = how_many;
        while left > 0 && !self.chunks.is_empty() {
            let number = self.outer(end);
            let len = self.entries(number).len();
            if len > left {
                self.edit(number, |chunk| match end {
                    End::Head => chunk.remove_front(left),
                    End::Tail => chunk.truncate(len - left),
                });
                return;
            }
            self.detach(number);
            left -= len;
        }
    }

    /// Removes up to `most` elements that are equal to this one, the first ones from an end on. Returns how many.
    pub(super) fn remove_equal(&mut self, element: Element<'_>, end: End, most: usize, limit: ChunkLimit) -> usize {
        let (count, mut removed) = (self.chunks.len(), 0);
        for step in 0..count {
            if removed == most {
                break;
            }
            let number = if end == End::Head { step } else { count - 1 - step };
            removed += self.edit(number, |chunk| equal::remove_equal(chunk, element, end, most - removed));
        }
        if removed > 0 {
            self.compact(limit);
        }
        removed
    }

    /// The place of an index, found from the nearer end. That of the length is behind the last element.
    fn locate(&self, index: usize) -> Place {
        if index < self.len / 2 {
            let mut before = index;
            for (number, chunk) in self.chunks.iter().enumerate() {
                let len = chunk.entries().len();
                if before < len {
                    return Place { chunk: number, index: before };
                }
                before -= len;
            }
        }
        let mut behind = self.len.saturating_sub(index);
        for (number, chunk) in self.chunks.iter().enumerate().rev() {
            let len = chunk.entries().len();
            if behind <= len {
                // No element is behind the length, or further on.
                return Place { chunk: number, index: if index > self.len { len } else { len - behind } };
            }
            behind -= len;
        }
        Place { chunk: 0, index: 0 }
    }

    /// The entries of a chunk; none if there is no such chunk.
    fn entries(&self, number: usize) -> Entries<'_> {
        self.chunks.get(number).map(Chunk::entries).unwrap_or_default()
    }

    /// The number of the chunk at an end.
    fn outer(&self, end: End) -> usize {
        if end == End::Head { 0 } else { self.chunks.len().saturating_sub(1) }
    }

    /// Whether there is a chunk that has room for an element.
    fn has_room(&self, number: usize, element: &Encoded<'_>, limit: ChunkLimit) -> bool {
        let entries = self.entries(number);
        number < self.chunks.len() && limit.admits(entries.lp_size() + element.len(), entries.len() + 1)
    }

    /// Makes room for an element that does not fit in its chunk. Returns its place.
    fn make_room(&mut self, place: Place, element: &Encoded<'_>, limit: ChunkLimit) -> Place {
        let Place { chunk, index } = place;
        if index == 0 && chunk > 0 && self.has_room(chunk - 1, element, limit) {
            return Place { chunk: chunk - 1, index: self.entries(chunk - 1).len() };
        }
        if index == self.entries(chunk).len() && self.has_room(chunk + 1, element, limit) {
            return Place { chunk: chunk + 1, index: 0 };
        }
        let back = self.edit(chunk, |chunk| chunk.split_off(index));
        if !back.entries().is_empty() {
            self.attach(chunk + 1, back);
        }
        if index == 0 || self.has_room(chunk, element, limit) {
            return place;
        }
        self.attach(chunk + 1, Chunk::new(limit.bytes() as u32));
        Place { chunk: chunk + 1, index: 0 }
    }

    /// Merges a chunk with its neighbours, if they are small.
    fn merge_around(&mut self, number: usize, limit: ChunkLimit) {
        self.merge(number, limit);
        if number > 0 {
            self.merge(number - 1, limit);
        }
    }

    /// Merges a chunk with the next one, if they leave a quarter of a chunk free: it must not be split again soon.
    fn merge(&mut self, number: usize, limit: ChunkLimit) {
        let (front, back) = (self.entries(number), self.entries(number + 1));
        let (size, len) = (front.lp_size() + back.bytes().len(), front.len() + back.len());
        if number + 1 < self.chunks.len()
            && limit.admits(size + size / 3, len + len / 3)
            && let Some(back) = self.detach(number + 1)
        {
            self.edit(number, |front| front.extend(back.entries()));
        }
    }

    /// Removes the chunks that are empty, and merges those that are small.
    fn compact(&mut self, limit: ChunkLimit) {
        for chunk in std::mem::take(self).chunks {
            if !chunk.entries().is_empty() {
                self.attach(self.chunks.len(), chunk);
                self.merge(self.chunks.len().saturating_sub(2), limit);
            }
        }
    }

    /// Changes a chunk.
    fn edit<R>(&mut self, number: usize, change: impl FnOnce(&mut Chunk) -> R) -> R {
        let chunk = &mut self.chunks[number];
        self.len -= chunk.entries().len();
        self.capacity -= chunk.capacity();
        let result = change(chunk);
        self.len += chunk.entries().len();
        self.capacity += chunk.capacity();
        result
    }

    fn attach(&mut self, number: usize, chunk: Chunk) {
        self.len += chunk.entries().len();
        self.capacity += chunk.capacity();
        self.chunks.insert(number, chunk);
    }

    fn detach(&mut self, number: usize) -> Option<Chunk> {
        let chunk = self.chunks.remove(number)?;
        self.len -= chunk.entries().len();
        self.capacity -= chunk.capacity();
        Some(chunk)
    }

    /// What must be true after each change.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.capacity, self.chunks.iter().map(Chunk::capacity).sum::<usize>());
        assert_eq!(self.len, self.chunks.iter().map(|chunk| chunk.entries().len()).sum::<usize>());
        assert!(self.chunks.iter().all(|chunk| !chunk.entries().is_empty()));
    }
}
