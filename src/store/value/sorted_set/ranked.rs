//! [`Ranked`]: a large sorted set.

use std::ops::Range;

use super::{
    bounds::Bounds,
    tree::{Order, Score, Tree},
};
use crate::store::{
    memory::Relocated,
    value::{Elements, packed::Element},
};

/// Members by name and by rank. The data of an element is its score.
#[derive(Debug, Default)]
pub(crate) struct Ranked {
    members: Elements,
    tree: Tree,
}

/// The members, as the tree sees them.
struct Scores<'a>(&'a Elements);

impl Order for Scores<'_> {
    #[inline]
    fn score(&self, handle: u32) -> Score {
        Score::new(score_of(self.0, handle))
    }

    #[inline]
    fn member(&self, handle: u32) -> &[u8] {
        self.0.name(handle)
    }
}

impl Ranked {
    /// A set of members that are in their order.
    pub(super) fn from_sorted(sorted: &[(Element<'_>, f64)]) -> Self {
        let mut members = Elements::default();
        let insert = |(member, score): &(Element<'_>, f64)| members.insert(&member.text(), &score.to_le_bytes());
        let handles: Vec<_> = sorted.iter().map(insert).collect();
        let tree = Tree::from_sorted(handles.into_iter(), &Scores(&members));
        Self { members, tree }
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.members.memory() + self.tree.memory()
    }

    #[inline]
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.members.find(member).map(|handle| score_of(&self.members, handle))
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<usize> {
        self.members.find(member).map(|handle| self.tree.rank(handle, &Scores(&self.members)))
    }

    /// The handle of a member, and its score.
    #[inline]
    pub(super) fn find(&self, member: &[u8]) -> Option<(u32, f64)> {
        self.members.find(member).map(|handle| (handle, score_of(&self.members, handle)))
    }

    /// Inserts a member that is not there.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        let handle = self.members.insert(member, &score.to_le_bytes());
        self.tree.insert(handle, &Scores(&self.members));
    }

    /// Changes the score of a member.
    pub(super) fn change(&mut self, handle: u32, score: f64) {
        self.tree.remove(handle, &Scores(&self.members));
        self.members.overwrite_data(handle, 0, &score.to_le_bytes());
        self.tree.insert(handle, &Scores(&self.members));
    }

    /// Removes a member. Returns whether there was one.
    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let Some(handle) = self.members.find(member) else { return false };
        self.tree.remove(handle, &Scores(&self.members));
        self.remove_record(handle);
        true
    }

    /// Removes the members of a range of ranks, and visits each before.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>, mut visit: impl FnMut(&[u8], f64)) {
        let mut removed = Vec::with_capacity(ranks.len());
        self.tree.remove_range(ranks, &Scores(&self.members), |handle| removed.push(handle));
        // Handles change while records are removed, names do not.
        let names: Vec<_> = removed.iter().map(|handle| self.members.name(*handle).to_vec()).collect();
        for name in names {
            let Some(handle) = self.members.find(&name) else { continue };
            visit(&name, score_of(&self.members, handle));
            self.remove_record(handle);
        }
    }

    /// Visits the members of a range of ranks, in their order or backwards, until `visit` returns false.
    pub(super) fn visit(&self, ranks: Range<usize>, is_reversed: bool, mut visit: impl FnMut(&[u8], f64) -> bool) {
        let mut handles = self.tree.iter(ranks);
        while let Some(handle) = if is_reversed { handles.next_back() } else { handles.next() }
            && visit(self.members.name(handle), score_of(&self.members, handle))
        {}
    }

    /// The ranks of the members within bounds.
    pub(super) fn ranks(&self, bounds: &Bounds<'_>) -> Range<usize> {
        let order = Scores(&self.members);
        let point = |passes: &dyn Fn(f64, &[u8]) -> bool| {
            self.tree
                .partition_point(&order, |_, handle| passes(score_of(&self.members, handle), self.members.name(handle)))
        };
        let start = point(&|score, member| bounds.is_below(score, member));
        start..start.max(point(&|score, member| !bounds.is_above(score, member)))
    }

    /// The members and their scores, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        self.members.iter().map(|handle| (self.members.name(handle), score_of(&self.members, handle)))
    }

    /// The member at an index and its score, in no order.
    pub(super) fn nth(&self, index: usize) -> Option<(&[u8], f64)> {
        self.members.nth(index).map(|handle| (self.members.name(handle), score_of(&self.members, handle)))
    }

    /// Visits the members in the bucket that `cursor` names, and returns the next cursor, 0 after the last.
    pub(super) fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        self.members.scan(cursor, |handle| visit(self.members.name(handle), score_of(&self.members, handle)))
    }

    /// Removes a record that is not in the tree any more.
    fn remove_record(&mut self, handle: u32) {
        if let Some(Relocated { from, to }) = self.members.remove(handle) {
            self.tree.replace(from, to, &Scores(&self.members));
        }
    }
}

impl Clone for Ranked {
    fn clone(&self) -> Self {
        let members = self.members.clone();
        let tree = Tree::from_sorted(self.tree.iter(0..self.tree.len()), &Scores(&members));
        Self { members, tree }
    }
}

#[inline]
fn score_of(members: &Elements, handle: u32) -> f64 {
    f64::from_le_bytes(*members.data(handle).first_chunk().expect("the data is a score"))
}
