//! [`Tree`]: the handles of a large sorted set in the order of their scores and members, a counted B+tree.
//!
//! The tree holds neither scores nor members: it reads them in the records of the handles, by [`Order`]. Leaves hold handles.
//! An inner node holds for each child how many elements are below it, and the score and the handle of the first of them. So a
//! rank is the sum of the counts that a descent passes, and a descent reads a record only where scores are equal, until it
//! comes to the leaf.
//!
//! Bounds are ranks: they are found by [`Tree::partition_point`], and a range of them is iterated, counted or removed.
//!
//! - `node` leaves and inner nodes; `row` their arrays; `search` the search in a node
//! - `change` insertion and removal by rank; `build` a tree of handles that are in their order
//! - `iter` the handles of a range of ranks
//! - `score` scores that are ordered as integers

mod build;
mod change;
mod iter;
mod node;
mod row;
mod score;
mod search;
#[cfg(test)]
mod tests;

use std::ops::Range;

use change::{Change, Place};
use node::{Inner, Node, total};
use search::partition_point;

pub(crate) use iter::Iter;
pub(crate) use score::Score;

/// The records that the handles of a tree refer to.
pub(crate) trait Order {
    /// The score of a record.
    fn score(&self, handle: u32) -> Score;

    /// The member of a record.
    fn member(&self, handle: u32) -> &[u8];
}

/// The handles of the elements of a sorted set, by score and member.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Box<Node>,
    len: usize,
    /// The number of nodes.
    nodes: usize,
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Box::default(), len: 0, nodes: 1 }
    }
}

impl Tree {
    /// A tree of handles that are in their order.
    pub(crate) fn from_sorted(handles: impl ExactSizeIterator<Item = u32>, order: &impl Order) -> Self {
        let len = handles.len();
        let (root, nodes) = build::build(handles, order);
        Self { root: Box::new(root), len, nodes }
    }

    /// The number of elements.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The memory of the nodes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.nodes * size_of::<Node>()
    }

    /// Inserts a handle that is not in the tree, and returns its rank.
    pub(crate) fn insert(&mut self, handle: u32, order: &impl Order) -> usize {
        let rank = self.rank(handle, order);
        let place = match rank {
            _ if rank == self.len => Place::End,
            0 => Place::Start,
            _ => Place::Middle,
        };
        let mut change = Change { order, nodes: &mut self.nodes, place };
        if self.root.len() == self.root.capacity() {
            grow(&mut self.root, &mut change);
        }
        change.insert(&mut self.root, rank, order.score(handle), handle);
        self.len += 1;
        rank
    }

    /// Removes a handle, and returns the rank that it had. Its record must still be there.
    pub(crate) fn remove(&mut self, handle: u32, order: &impl Order) -> Option<usize> {
        let rank = self.rank(handle, order);
        if self.nth(rank) != Some(handle) {
            return None;
        }
        self.remove_range(rank..rank + 1, order, |_| {});
        Some(rank)
    }

    /// Removes the elements of a range of ranks, and calls `visit` with each handle. The records must be there until it returns.
    ///
    /// # Panics
    /// If the range does not lie within the tree.
    pub(crate) fn remove_range(&mut self, mut ranks: Range<usize>, order: &impl Order, mut visit: impl FnMut(u32)) {
        assert!(ranks.end <= self.len, "the ranks lie within the tree");
        let mut change = Change { order, nodes: &mut self.nodes, place: Place::Middle };
        while !ranks.is_empty() {
            let removed = change.remove(&mut self.root, ranks.clone(), &mut visit);
            ranks.end -= removed;
            self.len -= removed;
            shrink(&mut self.root, &mut change);
        }
    }

    /// Replaces a handle whose record was moved, unchanged, from `from` to `to`. Returns whether it was in the tree.
    pub(crate) fn replace(&mut self, from: u32, to: u32, order: &impl Order) -> bool {
        let rank = self.rank(from, &Moved { order, from, to });
        let is_there = self.nth(rank) == Some(from);
        if is_there {
            set(&mut self.root, rank, to);
        }
        is_there
    }

    /// The rank of a handle that is in the tree, or else the rank that it would have.
    #[inline]
    pub(crate) fn rank(&self, handle: u32, order: &impl Order) -> usize {
        let (score, member) = (order.score(handle), order.member(handle));
        self.partition_point(order, |one, other| one < score || (one == score && order.member(other) < member))
    }

    /// The number of elements that pass a test which no element after them passes. It is the rank of the first that fails.
    ///
    /// The test is called with the score and the handle of an element. It should read the record only if the score does not
    /// decide.
    #[inline]
    pub(crate) fn partition_point(&self, order: &impl Order, passes: impl Fn(Score, u32) -> bool) -> usize {
        let (mut node, mut rank) = (&*self.root, 0);
        loop {
            match node {
                Node::Leaf(handles) => {
                    let test = |index| passes(order.score(handles[index]), handles[index]);
                    return rank + partition_point(handles.len(), test);
                }
                Node::Inner(inner) => {
                    let Some(index) = inner.starting(&passes).checked_sub(1) else { return rank };
                    rank += total(&inner.counts[..index]);
                    node = inner.child(index);
                }
            }
        }
    }

    /// The handle of a rank.
    #[inline]
    pub(crate) fn nth(&self, rank: usize) -> Option<u32> {
        (rank < self.len).then(|| {
            let (leaf, index) = iter::leaf_at(&self.root, rank);
            leaf[index]
        })
    }

    /// The handles of a range of ranks, which is cut where the tree ends.
    pub(crate) fn iter(&self, ranks: Range<usize>) -> Iter<'_> {
        Iter::new(&self.root, ranks.start..ranks.end.min(self.len))
    }
}

/// Records of which one was moved.
struct Moved<'a, O> {
    order: &'a O,
    from: u32,
    to: u32,
}

impl<O: Order> Order for Moved<'_, O> {
    fn score(&self, handle: u32) -> Score {
        self.order.score(if handle == self.from { self.to } else { handle })
    }

    fn member(&self, handle: u32) -> &[u8] {
        self.order.member(if handle == self.from { self.to } else { handle })
    }
}

/// Puts a new root above a full one.
fn grow<O: Order>(root: &mut Box<Node>, change: &mut Change<'_, O>) {
    let mut inner = Inner::default();
    inner.insert(0, std::mem::take(root), change.order);
    change.split(&mut inner, 0);
    **root = Node::Inner(inner);
    *change.nodes += 1;
}

/// Removes a root that has only one child.
fn shrink<O: Order>(root: &mut Box<Node>, change: &mut Change<'_, O>) {
    while let Node::Inner(inner) = &mut **root
        && let [only] = &mut inner.nodes[..]
        && let Some(child) = only.take()
    {
        *root = child;
        *change.nodes -= 1;
    }
}

/// Replaces the handle of a rank.
fn set(mut node: &mut Node, mut rank: usize, handle: u32) {
    loop {
        match node {
            Node::Leaf(handles) => {
                handles[rank] = handle;
                return;
            }
            Node::Inner(inner) => {
                let (index, below) = inner.locate(rank);
                if below == 0 {
                    inner.firsts[index] = handle;
                }
                (node, rank) = (inner.child_mut(index), below);
            }
        }
    }
}
