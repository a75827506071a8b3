//! [`Elements`]: copies of what is sorted, and what they are sorted by.

use std::{cmp::Ordering, mem, ops::Range};

use kvstore_protocol::CommandError;

use crate::store::{
    call::Call,
    value::{DataType, End, List, ListRef, Set, SetRef, SortedSet, SortedSetRef},
};

/// What can be sorted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sortable<'a> {
    List(ListRef<'a>),
    Set(SetRef<'a>),
    SortedSet(SortedSetRef<'a>),
}

impl<'a> Sortable<'a> {
    /// The value of the first key.
    pub(super) fn of(call: &'a Call<'_>) -> Result<Option<Self>, CommandError> {
        let Some(entry) = call.entry(0) else { return Ok(None) };
        Ok(Some(match entry.type_name() {
            "set" => Self::Set(Set::read(entry)?),
            "zset" => Self::SortedSet(SortedSet::read(entry)?),
            _ => Self::List(List::read(entry)?),
        }))
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    /// Visits the elements of a range, in the order that they have.
    fn visit(self, range: Range<usize>, mut visit: impl FnMut(&[u8])) {
        match self {
            Self::List(list) => list.visit(range, End::Head, |element| {
                visit(&element.text());
                true
            }),
            Self::Set(set) => {
                let mut index = 0;
                set.for_each(|member| {
                    if range.contains(&index) {
                        visit(member);
                    }
                    index += 1;
                });
            }
            Self::SortedSet(set) => set.visit(range, false, |member, _| {
                visit(member);
                true
            }),
        }
    }
}

/// Copies of elements in one buffer, each with its weight `W`: there may be many millions of them.
#[derive(Debug)]
pub(super) struct Elements<W> {
    bytes: Vec<u8>,
    places: Vec<(W, Place)>,
}

/// Where an element is in the buffer.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    length: usize,
}

impl Place {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..][..self.length]
    }
}

impl<W: Default> Elements<W> {
    /// Copies the elements of a range of the first key, which is read.
    ///
    /// # Errors
    /// One that no client sees; if a script has no memory for them.
    pub(super) fn copy(call: &mut Call<'_>, range: Range<usize>) -> Result<Self, CommandError> {
        let mut size = 0;
        if let Some(source) = Sortable::of(call)? {
            source.visit(range.clone(), |element| size += element.len());
        }
        call.reserve(size + range.len() * mem::size_of::<(W, Place)>())?;
        call.read(0);
        let (mut bytes, mut places) = (Vec::with_capacity(size), Vec::with_capacity(range.len()));
        if let Some(source) = Sortable::of(call)? {
            source.visit(range, |element| {
                places.push((W::default(), Place { start: bytes.len(), length: element.len() }));
                bytes.extend_from_slice(element);
            });
        }
        Ok(Self { bytes, places })
    }
}

impl<W> Elements<W> {
    /// Sets the weights.
    ///
    /// # Errors
    /// The first of `weight`.
    pub(super) fn weigh(
        &mut self,
        mut weight: impl FnMut(&[u8]) -> Result<W, CommandError>,
    ) -> Result<(), CommandError> {
        for (weighed, place) in &mut self.places {
            *weighed = weight(place.of(&self.bytes))?;
        }
        Ok(())
    }

    /// Sorts as much as is needed for those of a range to be where they belong. Elements with the same weight are sorted by
    /// themselves, so that the order is always the same.
    pub(super) fn sort(&mut self, range: &Range<usize>, is_descending: bool, compare: impl Fn(&W, &W) -> Ordering) {
        if range.is_empty() {
            return;
        }
        let bytes = &self.bytes;
        let compare = |(weight, place): &(W, Place), (other_weight, other): &(W, Place)| {
            let order = compare(weight, other_weight).then_with(|| place.of(bytes).cmp(other.of(bytes)));
            if is_descending { order.reverse() } else { order }
        };
        let mut part = &mut self.places[..];
        if range.end < part.len() {
            part.select_nth_unstable_by(range.end, compare);
            part = &mut part[..range.end];
        }
        if range.start > 0 {
            part.select_nth_unstable_by(range.start, compare);
            part = &mut part[range.start..];
        }
        part.sort_unstable_by(compare);
    }

    pub(super) fn reverse(&mut self) {
        self.places.reverse();
    }

    /// The elements of a range.
    pub(super) fn iter(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        self.places[range].iter().map(|(_, place)| place.of(&self.bytes))
    }
}
