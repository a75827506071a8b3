//! Insertion and removal by rank, and how nodes are split and merged.

use std::ops::Range;

use super::{
    Order, Score,
    node::{INNER, Inner, LEAF, Node},
};

/// The number of handles or children in the smaller part of an uneven split. An inner node has at least two children.
const FEWEST: usize = 2;

/// A full node gives to a sibling instead of being split if the sibling has at least this fraction of its capacity free.
const ROOM: usize = 8;

/// A change of the tree.
#[derive(Debug)]
pub(super) struct Change<'a, O> {
    pub(super) order: &'a O,
    /// The number of nodes of the tree.
    pub(super) nodes: &'a mut usize,
    /// Where an element is inserted.
    pub(super) place: Place,
}

/// A place in the order of the whole tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Start,
    Middle,
    End,
}

impl<O: Order> Change<'_, O> {
    /// Inserts a handle below a node that is not full.
    pub(super) fn insert(&mut self, mut node: &mut Node, mut rank: usize, score: Score, handle: u32) {
        loop {
            match node {
                Node::Leaf(handles) => return handles.insert(rank, handle),
                Node::Inner(inner) => {
                    let (index, below) = self.make_room(inner, rank);
                    inner.counts[index] += 1;
                    if below == 0 {
                        inner.scores[index] = score;
                        inner.firsts[index] = handle;
                    }
                    (node, rank) = (inner.child_mut(index), below);
                }
            }
        }
    }

    /// Removes the elements from the first rank on, up to the last one of its leaf, and returns how many.
    pub(super) fn remove(&mut self, node: &mut Node, ranks: Range<usize>, visit: &mut impl FnMut(u32)) -> usize {
        let inner = match node {
            Node::Leaf(handles) => {
                let ranks = ranks.start..ranks.end.min(handles.len());
                handles[ranks.clone()].iter().for_each(|handle| visit(*handle));
                handles.remove(ranks.clone());
                return ranks.len();
            }
            Node::Inner(inner) => inner,
        };
        let (index, start) = inner.locate(ranks.start);
        let removed = self.remove(inner.child_mut(index), start..start + ranks.len(), visit);
        inner.counts[index] -= removed as u32;
        let child = inner.child(index);
        if child.len() < child.capacity() / 2 {
            self.refill(inner, index);
        } else if start == 0 {
            inner.refresh(index, self.order);
        }
        removed
    }

    /// The child that takes a new element of a rank, and its rank there. The child is not full.
    fn make_room(&mut self, inner: &mut Inner, rank: usize) -> (usize, usize) {
        let (index, below) = inner.locate_gap(rank);
        if inner.child(index).len() < inner.child(index).capacity() {
            return (index, below);
        }
        match sibling_with_room(inner, index) {
            Some(sibling) => self.balance(inner, index.min(sibling)),
            None => self.split(inner, index),
        }
        inner.locate_gap(rank)
    }

    /// Splits a full child in two.
    pub(super) fn split(&mut self, inner: &mut Inner, index: usize) {
        let child = inner.child_mut(index);
        let moved = match self.place {
            // Elements that come in their order leave full nodes behind.
            Place::End => FEWEST,
            Place::Start => child.len() - FEWEST,
            Place::Middle => child.len() / 2,
        };
        let mut right = Box::new(child.empty_sibling());
        child.give_last(moved, &mut right);
        inner.refresh(index, self.order);
        inner.insert(index + 1, right, self.order);
        *self.nodes += 1;
    }

    /// Merges a child that is less than half full with a sibling, or takes some of what the sibling has.
    fn refill(&mut self, inner: &mut Inner, index: usize) {
        let left = index.saturating_sub(1);
        let (one, other) = inner.pair(left);
        if one.len() + other.len() > one.capacity() {
            return self.balance(inner, left);
        }
        other.give_first(other.len(), one);
        inner.remove(left + 1);
        inner.refresh(left, self.order);
        *self.nodes -= 1;
    }

    /// Divides what a child and its sibling on the right have evenly.
    fn balance(&mut self, inner: &mut Inner, left: usize) {
        let (one, other) = inner.pair(left);
        let half = (one.len() + other.len()) / 2;
        if one.len() > half {
            one.give_last(one.len() - half, other);
        } else {
            other.give_first(half - one.len(), one);
        }
        inner.refresh(left, self.order);
        inner.refresh(left + 1, self.order);
    }
}

/// The sibling of a full child that has the most room, if it has enough.
fn sibling_with_room(inner: &Inner, index: usize) -> Option<usize> {
    let siblings = [index.checked_sub(1), Some(index + 1).filter(|right| *right < inner.len())];
    let emptiest = siblings.into_iter().flatten().min_by_key(|sibling| inner.child(*sibling).len())?;
    let node = inner.child(emptiest);
    (node.capacity() - node.len() >= (node.capacity() / ROOM).max(2)).then_some(emptiest)
}

const _: () = assert!(FEWEST <= INNER / 2 && FEWEST <= LEAF / 2);
