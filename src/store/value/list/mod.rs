//! [`List`]: elements in an order, that are pushed and popped at both ends.
//!
//! A list that fits in one chunk is packed. A large one is a [`ChunkList`]. One that has shrunk to a chunk that is at most half
//! full is packed again.

mod chunks;
mod equal;
#[cfg(test)]
mod tests;

use std::ops::Range;

use kvstore_protocol::CommandError;

use super::{
    ChunkLimit, DataType, Editable, Kind, NewValue, Value,
    packed::{EditEntries, Element, Encoded, Entries, Packed, PackedRef},
};
use crate::store::shard::Entry;

pub(crate) use chunks::ChunkList;

/// A list that is changed.
#[derive(Debug)]
pub(crate) enum List {
    Packed(Packed),
    Chunks(Box<ChunkList>),
}

/// A list that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ListRef<'a> {
    Packed(Entries<'a>),
    Chunks(&'a ChunkList),
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Head,
    Tail,
}

impl List {
    /// The list, to read it.
    #[inline]
    pub(crate) fn as_ref(&self) -> ListRef<'_> {
        match self {
            Self::Packed(packed) => ListRef::Packed(packed.entries()),
            Self::Chunks(list) => ListRef::Chunks(list),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Adds an element at an end.
    pub(crate) fn push(&mut self, end: End, element: &[u8], limit: ChunkLimit) {
        let element = Encoded::from(element);
        match (self.with_room(0, &element, limit), end) {
            (Self::Packed(packed), End::Head) => packed.push_front(element),
            (Self::Packed(packed), End::Tail) => packed.push_back(element),
            (Self::Chunks(list), _) => list.push(end, &element, limit),
        }
    }

    /// Adds elements at the tail: as a chunk of their own if they fill half of one.
    pub(crate) fn append(&mut self, entries: Entries<'_>, limit: ChunkLimit) {
        let is_chunk =
            limit.admits(entries.lp_size(), entries.len()) && !limit.halved().admits(entries.lp_size(), entries.len());
        if !is_chunk {
            entries.iter().for_each(|element| self.push(End::Tail, &element.text(), limit));
            return;
        }
        match self {
            Self::Packed(packed) if packed.entries().is_empty() => *self = Self::Packed(Packed::from(entries)),
            Self::Packed(packed) => {
                let mut list = ChunkList::from_entries(packed.entries(), limit);
                list.append(entries, limit);
                *self = Self::Chunks(list.into());
            }
            Self::Chunks(list) => list.append(entries, limit),
        }
    }

    /// Inserts an element in front of the one at an index, or behind the last.
    pub(crate) fn insert(&mut self, index: usize, element: &[u8], limit: ChunkLimit) {
        let element = Encoded::from(element);
        match self.with_room(0, &element, limit) {
            Self::Packed(packed) => {
                let entries = packed.entries();
                packed.insert_before(entries.at(index).unwrap_or(entries.end()), element);
            }
            Self::Chunks(list) => list.insert(index, &element, limit),
        }
    }

    /// Replaces the element at an index. Returns whether there is one.
    pub(crate) fn set(&mut self, index: usize, element: &[u8], limit: ChunkLimit) -> bool {
        let Some(old) = self.as_ref().get(index) else { return false };
        let (freed, element) = (Encoded::from(old).len(), Encoded::from(element));
        match self.with_room(freed, &element, limit) {
            Self::Packed(packed) => {
                if let Some(position) = packed.entries().at(index) {
                    packed.replace(position, element);
                }
            }
            Self::Chunks(list) => list.set(index, &element, limit),
        }
        self.shrink(limit);
        true
    }

    /// Removes elements from an end on, as many as there are.
    pub(crate) fn remove(&mut self, end: End, how_many: usize, limit: ChunkLimit) {
        match (&mut *self, end) {
            (Self::Packed(packed), End::Head) => packed.remove_front(how_many),
            (Self::Packed(packed), End::Tail) => packed.truncate(packed.entries().len().saturating_sub(how_many)),
            (Self::Chunks(list), _) => list.remove(end, how_many),
        }
        self.shrink(limit);
    }

    /// Removes up to `most` elements that are equal to this one, the first ones from an end on. Returns how many.
    pub(crate) fn remove_equal(&mut self, element: &[u8], end: End, most: usize, limit: ChunkLimit) -> usize {
        let element = Element::new(element);
        let removed = match self {
            Self::Packed(packed) => equal::remove_equal(packed, element, end, most),
            Self::Chunks(list) => list.remove_equal(element, end, most, limit),
        };
        self.shrink(limit);
        removed
    }

    /// The list with room for an element, if `freed` bytes of it are freed: a packed one is converted if it is too small.
    fn with_room(&mut self, freed: usize, element: &Encoded<'_>, limit: ChunkLimit) -> &mut Self {
        if let Self::Packed(packed) = self {
            let entries = packed.entries();
            let len = entries.len() + usize::from(freed == 0);
            if !limit.admits(entries.lp_size() + element.len() - freed, len) {
                let list = ChunkList::from_entries(entries, limit);
                *self = Self::Chunks(list.into());
            }
        }
        self
    }

    /// The chunks of a large list. An empty list is left, which takes no allocation.
    fn take_chunks(&mut self) -> Option<Value> {
        match std::mem::take(self) {
            Self::Packed(_) => None,
            Self::Chunks(list) => Some(Value::List(list)),
        }
    }

    /// Packs a list that is small again. At half the limit: pushing and popping one element must not convert it each time.
    fn shrink(&mut self, limit: ChunkLimit) {
        if let Self::Chunks(list) = self
            && let Some(entries) = list.as_small(limit.halved())
        {
            *self = Self::Packed(Packed::from(entries));
        }
    }
}

impl<'a> ListRef<'a> {
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Packed(entries) => entries.len(),
            Self::Chunks(list) => list.len(),
        }
    }

    /// The number of parts that are walked to find an index.
    pub(crate) fn parts(self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Chunks(list) => list.chunks(),
        }
    }

    /// The part with this number.
    pub(crate) fn part(self, number: usize) -> Option<Entries<'a>> {
        match self {
            Self::Packed(entries) => (number == 0).then_some(entries),
            Self::Chunks(list) => list.chunk(number),
        }
    }

    /// Visits the parts.
    pub(crate) fn visit_parts(self, mut visit: impl FnMut(Entries<'a>)) {
        match self {
            Self::Packed(entries) => visit(entries),
            Self::Chunks(list) => list.parts(0..list.len()).for_each(visit),
        }
    }

    /// The element at an index.
    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<Element<'a>> {
        match self {
            Self::Packed(entries) => entries.at(index).map(|position| entries.element(position)),
            Self::Chunks(list) => list.get(index),
        }
    }

    /// The element at an end.
    #[inline]
    pub(crate) fn end(self, end: End) -> Option<Element<'a>> {
        match end {
            End::Head => self.get(0),
            End::Tail => self.get(self.len().checked_sub(1)?),
        }
    }

    /// The index of the first element that is equal.
    pub(crate) fn find(self, element: &[u8]) -> Option<usize> {
        let element = Element::new(element);
        match self {
            Self::Packed(entries) => equal::find(entries, element),
            Self::Chunks(list) => list.find(element),
        }
    }

    /// Visits the elements of a range, from one of its ends on, until `visit` returns false.
    #[inline]
    pub(crate) fn visit(self, range: Range<usize>, from: End, mut visit: impl FnMut(Element<'a>) -> bool) {
        if range.is_empty() {
            return;
        }
        match self {
            Self::Packed(entries) => {
                let (front, _) = entries.split_at(range.end);
                visit_part(front.split_at(range.start).1, from, &mut visit);
            }
            Self::Chunks(list) => {
                let mut parts = list.parts(range);
                match from {
                    End::Head => parts.all(|part| visit_part(part, from, &mut visit)),
                    End::Tail => parts.rev().all(|part| visit_part(part, from, &mut visit)),
                };
            }
        }
    }
}

/// Visits elements until `visit` returns false. Returns the last result.
#[inline]
fn visit_part<'a>(part: Entries<'a>, from: End, visit: impl FnMut(Element<'a>) -> bool) -> bool {
    match from {
        End::Head => part.iter().all(visit),
        End::Tail => part.iter().rev().all(visit),
    }
}

impl DataType for List {
    type Ref<'a> = ListRef<'a>;

    #[inline]
    fn read(entry: Entry<'_>) -> Result<ListRef<'_>, CommandError> {
        match (entry.packed(), entry.external()) {
            (Some((Kind::List, bytes)), _) => Ok(ListRef::Packed(PackedRef::new(bytes).entries())),
            (_, Some(Value::List(list))) => Ok(ListRef::Chunks(list)),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }
}

impl Editable for List {
    fn from_inline(_: Kind, bytes: &[u8]) -> Self {
        Self::Packed(Packed::from(bytes))
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::Packed(Kind::List, bytes) => Self::Packed(Packed::from(bytes)),
            Value::List(list) => Self::Chunks(list),
            other => unreachable!("a {} is not edited as a list", other.type_name()),
        }
    }

    fn take_external(&mut self) -> Option<Value> {
        match self {
            Self::Packed(packed) => packed.take_external(Kind::List),
            Self::Chunks(_) => self.take_chunks(),
        }
    }

    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::Packed(packed) => packed.take(Kind::List, store),
            Self::Chunks(_) => store(NewValue::External(self.take_chunks().unwrap_or_default())),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An empty list.
impl Default for List {
    fn default() -> Self {
        Self::Packed(Packed::default())
    }
}
