//! The union, intersection and difference of sorted sets. Plain sets take part with scores of 1.

use std::{cmp::Ordering, collections::HashMap};

use foldhash::quality::RandomState;

use super::{SortedSetRef, pairs::pairs};
use crate::store::value::{SetRef, packed::Element};

/// From how many look-ups on an index of a packed set is faster than searches.
const MIN_LOOKUPS: usize = 8;

/// How sorted sets are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combination {
    Union,
    Intersection,
    Difference,
}

/// The score of a member that several sets have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Aggregate {
    #[default]
    Sum,
    Min,
    Max,
}

/// One of the sets that are combined.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Set(SetRef<'a>),
    SortedSet(SortedSetRef<'a>),
}

type ScoreMap<'a> = HashMap<Element<'a>, f64, RandomState>;

/// A source in which scores are looked up.
#[derive(Debug)]
enum Lookup<'a> {
    Direct(Source<'a>),
    Indexed(ScoreMap<'a>),
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => not_nan(one + other),
            Self::Min => one.min(other),
            Self::Max => one.max(other),
        }
    }
}

impl Combination {
    /// Combines sets, each with the weight of its scores. A missing set is empty. The result is sorted.
    pub(crate) fn of<'a>(self, sources: &[(Option<Source<'a>>, f64)], aggregate: Aggregate) -> Vec<(Element<'a>, f64)> {
        let mut result = match self {
            Self::Union => union(sources, aggregate),
            Self::Intersection => intersection(sources, aggregate),
            Self::Difference => difference(sources),
        };
        result.sort_unstable_by(|one, other| compare(*one, *other));
        result
    }
}

fn union<'a>(sources: &[(Option<Source<'a>>, f64)], aggregate: Aggregate) -> Vec<(Element<'a>, f64)> {
    // From the smallest on, as in Redis: the order decides a sum of opposite infinities.
    let mut sources: Vec<_> = sources.iter().filter_map(|(source, weight)| Some(((*source)?, *weight))).collect();
    sources.sort_by_key(|(source, _)| source.len());
    let mut scores = ScoreMap::default();
    for (source, weight) in sources {
        source.for_each(|member, score| {
            let score = not_nan(score * weight);
            scores.entry(member).and_modify(|sum| *sum = aggregate.of(*sum, score)).or_insert(score);
        });
    }
    scores.into_iter().collect()
}

fn intersection<'a>(sources: &[(Option<Source<'a>>, f64)], aggregate: Aggregate) -> Vec<(Element<'a>, f64)> {
    let present = sources.iter().map(|(source, weight)| Some(((*source)?, *weight))).collect::<Option<Vec<_>>>();
    let Some(mut sources) = present else { return Vec::new() };
    sources.sort_by_key(|(source, _)| source.len());
    let Some(((smallest, weight), others)) = sources.split_first() else { return Vec::new() };
    let others: Vec<_> =
        others.iter().map(|(source, weight)| (Lookup::new(*source, smallest.len()), *weight)).collect();
    let mut result = Vec::new();
    smallest.for_each(|member, score| {
        // NaN is 0 only in a sum: infinity with it is 0, as in Redis.
        let scores = others.iter().map(|(set, weight)| Some(set.score(member)? * weight));
        let first = Some(not_nan(score * weight));
        let score = scores.fold(first, |sum, score| Some(aggregate.of(sum?, score?)));
        result.extend(score.map(|score| (member, score)));
    });
    result
}

fn difference<'a>(sources: &[(Option<Source<'a>>, f64)]) -> Vec<(Element<'a>, f64)> {
    let Some(((Some(first), _), others)) = sources.split_first() else { return Vec::new() };
    let others: Vec<_> = others.iter().filter_map(|(set, _)| Some(Lookup::new((*set)?, first.len()))).collect();
    let mut result = Vec::new();
    first.for_each(|member, score| {
        if others.iter().all(|set| set.score(member).is_none()) {
            result.push((member, score));
        }
    });
    result
}

impl<'a> Source<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    fn for_each(self, mut visit: impl FnMut(Element<'a>, f64)) {
        match self {
            Self::Set(SetRef::Integers(integers)) => {
                integers.iter().for_each(|value| visit(Element::Integer(value), 1.0))
            }
            Self::Set(SetRef::Packed(entries)) => entries.iter().for_each(|member| visit(member, 1.0)),
            Self::Set(SetRef::Table(table)) => {
                table.iter().for_each(|handle| visit(Element::new(table.name(handle)), 1.0));
            }
            Self::SortedSet(SortedSetRef::Packed(entries)) => {
                pairs(entries).for_each(|(position, score)| visit(entries.element(position), score));
            }
            Self::SortedSet(SortedSetRef::Ranked(ranked)) => {
                ranked.iter().for_each(|(member, score)| visit(Element::new(member), score));
            }
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::SortedSet(set) => set.score(member),
        }
    }
}

impl<'a> Lookup<'a> {
    /// A source in which about so many members will be looked up.
    fn new(source: Source<'a>, lookups: usize) -> Self {
        let is_packed = matches!(source, Source::Set(SetRef::Packed(_)) | Source::SortedSet(SortedSetRef::Packed(_)));
        if !is_packed || lookups < MIN_LOOKUPS || source.len() < MIN_LOOKUPS {
            return Self::Direct(source);
        }
        let mut scores = ScoreMap::with_capacity_and_hasher(source.len(), RandomState::default());
        source.for_each(|member, score| _ = scores.insert(member, score));
        Self::Indexed(scores)
    }

    fn score(&self, member: Element<'_>) -> Option<f64> {
        match self {
            Self::Direct(source) => source.score(&member.text()),
            Self::Indexed(scores) => scores.get(&member).copied(),
        }
    }
}

/// The order of a sorted set.
fn compare((one, score): (Element<'_>, f64), (other, other_score): (Element<'_>, f64)) -> Ordering {
    score.partial_cmp(&other_score).unwrap_or(Ordering::Equal).then_with(|| one.text().cmp(&other.text()))
}

/// 0 for NaN, which comes of infinite scores.
fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::store::value::{PackedLimit, SortedSet};

    const LIMIT: PackedLimit = PackedLimit { entries: 12, value: 10 };

    type Model = BTreeMap<Vec<u8>, f64>;

    fn sorted(model: &Model) -> Vec<(f64, Vec<u8>)> {
        let mut members: Vec<_> = model.iter().map(|(member, score)| (*score, member.clone())).collect();
        members.sort_by(|one, other| one.partial_cmp(other).expect("no NaN"));
        members
    }

    proptest! {
        #[test]
        fn sorted_sets_are_combined(
            models in prop::collection::vec(prop::collection::btree_map("[0-9]{1,2}|[ab]", -3..3_i8, 0..24), 1..4),
            weight in -2..3_i8,
            aggregate in prop::sample::select(vec![Aggregate::Sum, Aggregate::Min, Aggregate::Max]),
        ) {
            let models: Vec<Model> = models.into_iter().map(|model| {
                model.into_iter().map(|(member, score)| (member.into_bytes(), f64::from(score))).collect()
            }).collect();
            let sets: Vec<SortedSet> = models.iter().map(|model| {
                let mut set = SortedSet::default();
                model.iter().for_each(|(member, score)| set.set(member, *score, LIMIT));
                set
            }).collect();
            let weight = f64::from(weight);
            let sources: Vec<_> = sets.iter().map(|set| {
                (Some(Source::SortedSet(set.as_ref())).filter(|source| source.len() > 0), weight)
            }).collect();
            let combined = |combination: Combination| -> Vec<(f64, Vec<u8>)> {
                let members = combination.of(&sources, aggregate);
                members.iter().map(|(member, score)| (*score, member.text().to_vec())).collect()
            };
            let (first, others) = models.split_first().expect("a set");
            let mut united = Model::new();
            for (member, score) in models.iter().flatten() {
                let score = score * weight + 0.0;
                united.entry(member.clone()).and_modify(|sum| *sum = aggregate.of(*sum, score)).or_insert(score);
            }
            let mut intersected = united.clone();
            intersected.retain(|member, _| models.iter().all(|model| model.contains_key(member)));
            let mut subtracted = first.clone();
            subtracted.retain(|member, _| !others.iter().any(|other| other.contains_key(member)));
            prop_assert_eq!(combined(Combination::Union), sorted(&united));
            prop_assert_eq!(combined(Combination::Intersection), sorted(&intersected));
            prop_assert_eq!(combined(Combination::Difference), sorted(&subtracted));
        }
    }

    #[test]
    fn opposite_infinities_add_up_to_zero() {
        assert_eq!(Aggregate::Sum.of(f64::INFINITY, f64::NEG_INFINITY), 0.0);
        assert_eq!(not_nan(f64::INFINITY * 0.0), 0.0);
    }
}
