//! [`Found`]: the members that a search has found.

use std::cmp::Ordering;

use kvstore_protocol::{Packed, Protocol, Response, format_double};

use super::{area::SearchArea, format_distance, hash::Cell, partial_sort::sort_first, point::Point};
use crate::store::{
    call::Call,
    value::{Element, PackedLimit, SortedSet},
};

/// Members that were found, in the order in which they were.
#[derive(Debug, Default)]
pub(super) struct Found {
    members: Vec<Member>,
    /// The names, one behind the other.
    names: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    /// The end of its name, which begins at `start`.
    start: usize,
    end: usize,
    score: f64,
    position: Point,
    /// From the center, in meters.
    distance: f64,
}

/// In which order members are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Nearest,
    Farthest,
}

/// What is answered besides the names of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) distance: bool,
    pub(super) hash: bool,
    pub(super) coordinates: bool,
}

impl Found {
    /// With room for so many members.
    pub(super) fn with_capacity(members: usize) -> Self {
        Self { members: Vec::with_capacity(members), names: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Adds a member if it is inside.
    #[inline]
    pub(super) fn add(&mut self, area: &SearchArea, name: &[u8], score: f64) {
        let position = Cell::of_score(score).middle();
        let Some(distance) = area.distance(position) else { return };
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.members.push(Member { start, end: self.names.len(), score, position, distance });
    }

    /// Puts them in an order. Members at the same distance stay as they were found.
    pub(super) fn sort(&mut self, order: Order) {
        self.members.sort_by(|one, other| compare(one, other, order));
    }

    /// Puts the first `count` in an order, and leaves out the others.
    pub(super) fn sort_first(&mut self, order: Order, count: usize) {
        if count < self.members.len() {
            sort_first(&mut self.members, count, |one, other| compare(one, other, order));
            self.members.truncate(count);
        } else {
            self.sort(order);
        }
    }

    /// Leaves out all but the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        self.members.truncate(count);
    }

    /// The answer, with distances in units of so many meters.
    pub(super) fn answer(&self, shown: Shown, unit: f64, call: &Call<'_>) -> Response {
        let mut answer = call.bounded(Packed::array());
        let is_resp3 = call.session().protocol() == Protocol::Resp3;
        let fields = 1 + usize::from(shown.distance) + usize::from(shown.hash) + usize::from(shown.coordinates);
        for member in &self.members {
            if fields == 1 {
                answer.push(self.name(member));
                continue;
            }
            answer.push_array(fields, |fields| {
                fields.push(self.name(member));
                if shown.distance {
                    fields.push(format_distance(member.distance / unit).as_bytes());
                }
                if shown.hash {
                    fields.push_integer(member.score as i64);
                }
                if shown.coordinates {
                    fields.push_array(2, |pair| {
                        for coordinate in [member.position.longitude, member.position.latitude] {
                            match is_resp3 {
                                true => pair.push_double(coordinate),
                                false => pair.push(format_double(coordinate).as_bytes()),
                            }
                        }
                    });
                }
            });
        }
        answer.into()
    }

    /// The members as a sorted set. Their scores are those that they have, or their distances in units of so many meters.
    pub(super) fn to_sorted_set(&self, distances_in: Option<f64>, limit: PackedLimit) -> SortedSet {
        let score = |member: &Member| distances_in.map_or(member.score, |unit| member.distance / unit);
        let mut sorted: Vec<_> = self.members.iter().map(|member| (self.name(member), score(member))).collect();
        sorted.sort_unstable_by(|one, other| one.1.total_cmp(&other.1).then_with(|| one.0.cmp(other.0)));
        let sorted: Vec<_> = sorted.into_iter().map(|(name, score)| (Element::new(name), score)).collect();
        SortedSet::from_sorted(&sorted, limit)
    }

    fn name(&self, member: &Member) -> &[u8] {
        &self.names[member.start..member.end]
    }
}

fn compare(one: &Member, other: &Member, order: Order) -> Ordering {
    match order {
        Order::Nearest => one.distance.total_cmp(&other.distance),
        Order::Farthest => other.distance.total_cmp(&one.distance),
    }
}
