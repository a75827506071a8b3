//! [`SortedSet`]: members, each once, in the order of their scores. Members with equal scores are ordered by their names.
//!
//! A small sorted set is packed: each member is followed by its score. A large one is ranked.
//!
//! - `ranked` a large sorted set: its members by name and, in a `tree`, by rank
//! - `pairs` a small one; `bounds` intervals of scores and names; `score` scores as elements
//! - `combine` the union, intersection and difference of sorted sets

mod bounds;
mod combine;
mod pairs;
mod ranked;
mod score;
mod tree;

use std::ops::Range;

use kvstore_protocol::{CommandError, DoubleText};
use smallvec::SmallVec;

use super::{
    DataType, Editable, Kind, NewValue, PackedLimit, Value,
    packed::{EditEntries, Element, Encoded, Entries, Packed, PackedRef, Position},
};
use crate::store::shard::Entry;

pub(crate) use bounds::{Bounds, NameBound, ScoreBound};
pub(crate) use combine::{Aggregate, Combination, Source};
pub(crate) use ranked::Ranked;

/// A sorted set that is changed.
#[derive(Debug)]
pub(crate) enum SortedSet {
    Packed(Packed),
    Ranked(Box<Ranked>),
}

/// Where a member of a sorted set is. Valid until the set is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    at: At,
    /// The score; `None` if there is no such member.
    pub(crate) score: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Nowhere,
    Position(Position),
    Handle(u32),
}

/// A sorted set that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SortedSetRef<'a> {
    Packed(Entries<'a>),
    Ranked(&'a Ranked),
}

impl SortedSet {
    /// A sorted set of members that are in their order.
    pub(crate) fn from_sorted(sorted: &[(Element<'_>, f64)], limit: PackedLimit) -> Self {
        if sorted.len() > limit.entries || sorted.iter().any(|(member, _)| member.len() > limit.value) {
            return Self::Ranked(Box::new(Ranked::from_sorted(sorted)));
        }
        let mut packed = Packed::default();
        for (member, score) in sorted {
            packed.push_back(*member);
            packed.push_back(score::element(*score, &mut DoubleText::default()));
        }
        Self::Packed(packed)
    }

    /// The sorted set, to read it.
    #[inline]
    pub(crate) fn as_ref(&self) -> SortedSetRef<'_> {
        match self {
            Self::Packed(packed) => SortedSetRef::Packed(packed.entries()),
            Self::Ranked(ranked) => SortedSetRef::Ranked(ranked),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Where a member is, to read and to set its score.
    #[inline]
    pub(crate) fn find(&self, member: &[u8]) -> Place {
        let found = match self {
            Self::Packed(packed) => pairs::find(packed.entries(), member).map(|(at, score)| (At::Position(at), score)),
            Self::Ranked(ranked) => ranked.find(member).map(|(handle, score)| (At::Handle(handle), score)),
        };
        let (at, score) = found.map_or((At::Nowhere, None), |(at, score)| (at, Some(score)));
        Place { at, score }
    }

    /// Sets the score of a member, which is inserted if it is not there. The score is not NaN. The place of the member is that
    /// before the change.
    pub(crate) fn set_at(&mut self, place: Place, member: &[u8], score: f64, limit: PackedLimit) {
        match (&mut *self, place.at) {
            (Self::Packed(packed), At::Position(position)) => pairs::change(packed, position, member, score),
            (Self::Packed(packed), _) => {
                if packed.entries().len() / 2 < limit.entries && limit.admits(member) {
                    return pairs::insert(packed, member, score);
                }
                self.unpack();
                self.set_at(place, member, score, limit);
            }
            (Self::Ranked(ranked), At::Handle(handle)) => ranked.change(handle, score),
            (Self::Ranked(ranked), _) => ranked.insert(member, score),
        }
    }

    /// Sets the score of a member, which is inserted if it is not there. The score is not NaN.
    pub(crate) fn set(&mut self, member: &[u8], score: f64, limit: PackedLimit) {
        self.set_at(self.find(member), member, score, limit);
    }

    /// Removes a member. Returns whether there was one.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Self::Packed(packed) => {
                let position = packed.entries().find(&Encoded::from(member), 2);
                position.map(|position| packed.remove(position, 2)).is_some()
            }
            Self::Ranked(ranked) => ranked.remove(member),
        }
    }

    /// Removes the members of a range of ranks, and visits each before. Returns how many there were.
    pub(crate) fn remove_range(&mut self, ranks: Range<usize>, mut visit: impl FnMut(&[u8], f64)) -> usize {
        let count = ranks.len();
        match self {
            Self::Packed(packed) => {
                self_visit(packed.entries(), ranks.clone(), &mut visit);
                if let Some(position) = packed.entries().at(ranks.start * 2) {
                    packed.remove(position, count * 2);
                }
            }
            Self::Ranked(ranked) => ranked.remove_range(ranks, visit),
        }
        count
    }

    fn unpack(&mut self) {
        let mut ranked = Box::<Ranked>::default();
        self.as_ref().for_each(|member, score| ranked.insert(member, score));
        *self = Self::Ranked(ranked);
    }
}

fn self_visit(entries: Entries<'_>, ranks: Range<usize>, visit: &mut impl FnMut(&[u8], f64)) {
    SortedSetRef::Packed(entries).visit(ranks, false, |member, score| {
        visit(member, score);
        true
    });
}

impl<'a> SortedSetRef<'a> {
    /// The number of members.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Packed(entries) => entries.len() / 2,
            Self::Ranked(ranked) => ranked.len(),
        }
    }

    /// The score of a member.
    #[inline]
    pub(crate) fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(entries) => Some(pairs::find(entries, member)?.1),
            Self::Ranked(ranked) => ranked.score(member),
        }
    }

    /// The number of members before a member.
    pub(crate) fn rank(self, member: &[u8]) -> Option<usize> {
        match self {
            Self::Packed(entries) => {
                let position = entries.find(&Encoded::from(member), 2)?;
                pairs::pairs(entries).position(|(other, _)| other == position)
            }
            Self::Ranked(ranked) => ranked.rank(member),
        }
    }

    /// The ranks of the members within bounds.
    pub(crate) fn ranks(self, bounds: &Bounds<'_>) -> Range<usize> {
        let entries = match self {
            Self::Packed(entries) => entries,
            Self::Ranked(ranked) => return ranked.ranks(bounds),
        };
        let by_name = matches!(bounds, Bounds::Names { .. });
        let (mut start, mut end) = (0, 0);
        for (position, score) in pairs::pairs(entries) {
            let name = by_name.then(|| entries.element(position).text());
            let name = name.as_deref().unwrap_or_default();
            if bounds.is_above(score, name) {
                break;
            }
            start += usize::from(bounds.is_below(score, name));
            end += 1;
        }
        start..end
    }

    /// The ranks of the members with scores in each of some ranges.
    pub(crate) fn ranks_of(self, scores: impl Iterator<Item = Range<f64>>) -> SmallVec<[Range<usize>; 9]> {
        match self {
            // They are decoded once, not for each range.
            Self::Packed(entries) => {
                let all: SmallVec<[f64; 128]> = pairs::pairs(entries).map(|(_, score)| score).collect();
                let rank = |score: f64| all.partition_point(|other| *other < score);
                scores.map(|scores| rank(scores.start)..rank(scores.end)).collect()
            }
            Self::Ranked(_) => {
                let bound = |score: f64, is_exclusive| ScoreBound { score, is_exclusive };
                scores
                    .map(|Range { start, end }| Bounds::Scores { min: bound(start, false), max: bound(end, true) })
                    .map(|bounds| self.ranks(&bounds))
                    .collect()
            }
        }
    }

    /// Visits the members of a range of ranks, in their order or backwards, until `visit` returns false.
    pub(crate) fn visit(self, ranks: Range<usize>, is_reversed: bool, mut visit: impl FnMut(&[u8], f64) -> bool) {
        let entries = match self {
            Self::Packed(entries) => entries,
            Self::Ranked(ranked) => return ranked.visit(ranks, is_reversed, visit),
        };
        let Some(last) = ranks.len().checked_sub(1) else { return };
        let mut next = entries.at(2 * if is_reversed { ranks.start + last } else { ranks.start });
        for _ in ranks {
            let Some((member, value)) = next.and_then(|member| Some((member, entries.next(member)?))) else { return };
            if !visit(&entries.element(member).text(), score::of(entries.element(value))) {
                return;
            }
            next = if is_reversed {
                entries.prev(member).and_then(|value| entries.prev(value))
            } else {
                entries.next(value)
            };
        }
    }

    /// Visits every member in order.
    pub(crate) fn for_each(self, mut visit: impl FnMut(&[u8], f64)) {
        self.visit(0..self.len(), false, |member, score| {
            visit(member, score);
            true
        });
    }

    /// Calls `read` with the member at an index and its score, in no order.
    pub(crate) fn nth<R>(self, index: usize, read: impl FnOnce(&[u8], f64) -> R) -> Option<R> {
        match self {
            Self::Packed(entries) => {
                let member = entries.at(index * 2)?;
                Some(read(&entries.element(member).text(), score::of(entries.element(entries.next(member)?))))
            }
            Self::Ranked(ranked) => ranked.nth(index).map(|(member, score)| read(member, score)),
        }
    }

    /// Visits some members from `cursor` on, and returns the next cursor, 0 after the last. A small set is visited whole.
    pub(crate) fn scan(self, cursor: u64, visit: impl FnMut(&[u8], f64)) -> u64 {
        match self {
            Self::Packed(_) => {
                self.for_each(visit);
                0
            }
            Self::Ranked(ranked) => ranked.scan(cursor, visit),
        }
    }
}

impl DataType for SortedSet {
    type Ref<'a> = SortedSetRef<'a>;

    #[inline]
    fn read(entry: Entry<'_>) -> Result<SortedSetRef<'_>, CommandError> {
        match (entry.packed(), entry.external()) {
            (Some((Kind::SortedSet, bytes)), _) => Ok(SortedSetRef::Packed(PackedRef::new(bytes).entries())),
            (_, Some(Value::SortedSet(ranked))) => Ok(SortedSetRef::Ranked(ranked)),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }
}

impl Editable for SortedSet {
    fn from_inline(_: Kind, bytes: &[u8]) -> Self {
        Self::Packed(Packed::from(bytes))
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::Packed(Kind::SortedSet, bytes) => Self::Packed(Packed::from(bytes)),
            Value::SortedSet(ranked) => Self::Ranked(ranked),
            other => unreachable!("a {} is not edited as a sorted set", other.type_name()),
        }
    }

    fn take_external(&mut self) -> Option<Value> {
        match self {
            Self::Packed(packed) => packed.take_external(Kind::SortedSet),
            Self::Ranked(ranked) => Some(Value::SortedSet(std::mem::take(ranked))),
        }
    }

    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::Packed(packed) => packed.take(Kind::SortedSet, store),
            Self::Ranked(ranked) => store(NewValue::External(Value::SortedSet(std::mem::take(ranked)))),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for SortedSet {
    fn default() -> Self {
        Self::Packed(Packed::default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: PackedLimit = PackedLimit { entries: 6, value: 3 };

    /// Members and scores, sorted.
    type Model = Vec<(f64, Vec<u8>)>;

    fn sort(model: &mut Model) {
        model.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(&other.1)));
    }

    fn members(set: SortedSetRef<'_>, ranks: Range<usize>, is_reversed: bool) -> Model {
        let mut members = Model::new();
        set.visit(ranks, is_reversed, |member, score| {
            members.push((score, member.to_vec()));
            true
        });
        members
    }

    proptest! {
        #[test]
        fn a_sorted_set_is_a_sorted_vector(
            steps in prop::collection::vec(("[a-c0-9]{0,4}", -4..4_i8, 0..5_u8, 0..20_usize), 0..60),
            (low, high, is_exclusive) in (-5..5_i8, -5..5_i8, any::<bool>()),
        ) {
            let (mut set, mut model) = (SortedSet::default(), Model::new());
            for (member, score, action, index) in steps {
                let (member, score) = (member.into_bytes(), f64::from(score) / 2.0);
                let at = model.iter().position(|(_, other)| *other == member);
                match action {
                    0 => {
                        prop_assert_eq!(set.remove(&member), at.is_some());
                        at.map(|at| model.remove(at));
                    }
                    1 => {
                        let ranks = index.min(model.len())..(index + 2).min(model.len());
                        let mut removed = Model::new();
                        set.remove_range(ranks.clone(), |member, score| removed.push((score, member.to_vec())));
                        prop_assert_eq!(removed, model.drain(ranks).collect::<Vec<_>>());
                    }
                    _ => {
                        set.set(&member, score, LIMIT);
                        at.map(|at| model.remove(at));
                        model.push((score, member.clone()));
                        sort(&mut model);
                    }
                }
                let at = model.iter().position(|(_, other)| *other == member);
                prop_assert_eq!(set.as_ref().rank(&member), at);
                prop_assert_eq!(set.as_ref().score(&member), at.map(|at| model[at].0));
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            }
            let all = 0..model.len();
            prop_assert_eq!(members(set.as_ref(), all.clone(), false), model.clone());
            let (min, max) = (f64::from(low) / 2.0, f64::from(high) / 2.0);
            let bounds = Bounds::Scores {
                min: ScoreBound { score: min, is_exclusive },
                max: ScoreBound { score: max, is_exclusive: !is_exclusive },
            };
            let ranks = set.as_ref().ranks(&bounds);
            let within = |score: f64| score >= min && score <= max && score != if is_exclusive { min } else { max };
            let expected: Model = model.iter().filter(|(score, _)| within(*score)).cloned().collect();
            prop_assert_eq!(members(set.as_ref(), ranks, false), expected);
            let copy = {
                let sorted: Vec<_> = model.iter().map(|(score, member)| (Element::new(member), *score)).collect();
                SortedSet::from_sorted(&sorted, LIMIT)
            };
            model.reverse();
            prop_assert_eq!(members(copy.as_ref(), all.clone(), true), model.clone());
            prop_assert_eq!(members(set.as_ref(), all, true), model);
        }
    }

    #[test]
    fn names_have_bounds() {
        let mut set = SortedSet::default();
        ["a", "b", "c", "d"].iter().for_each(|member| set.set(member.as_bytes(), 0.0, LIMIT));
        let ranks = |min: &str, max: &str| {
            let bound = |text: &'static str| NameBound::parse(text.as_bytes()).expect("a bound");
            let leak = |text: &str| -> &'static str { text.to_owned().leak() };
            set.as_ref().ranks(&Bounds::Names { min: bound(leak(min)), max: bound(leak(max)) })
        };
        assert_eq!((ranks("-", "+"), ranks("[b", "[c"), ranks("(b", "(d"), ranks("(a", "+")), (0..4, 1..3, 2..3, 1..4));
        assert_eq!((ranks("+", "-").len(), ranks("[c", "[b").len(), ranks("(b", "[b").len()), (0, 0, 0));
    }
}
