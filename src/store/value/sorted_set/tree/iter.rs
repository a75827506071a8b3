//! [`Iter`]: the handles of a range of ranks.

use std::{ops::Range, slice};

use super::node::Node;

/// The handles of a range of ranks, in their order.
///
/// At the end of a leaf the next one is found from the root. That is cheap for the many handles of a leaf, and leaves need no
/// links.
#[derive(Clone, Debug)]
pub(crate) struct Iter<'a> {
    root: &'a Node,
    ranks: Range<usize>,
    front: slice::Iter<'a, u32>,
    back: slice::Iter<'a, u32>,
}

impl<'a> Iter<'a> {
    /// `ranks` lie within the tree.
    pub(super) fn new(root: &'a Node, ranks: Range<usize>) -> Self {
        Self { root, ranks, front: [].iter(), back: [].iter() }
    }
}

impl Iterator for Iter<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let rank = self.ranks.next()?;
        if self.front.as_slice().is_empty() {
            let (leaf, index) = leaf_at(self.root, rank);
            self.front = leaf[index..].iter();
        }
        self.front.next().copied()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<u32> {
        let rank = self.ranks.next_back()?;
        if self.back.as_slice().is_empty() {
            let (leaf, index) = leaf_at(self.root, rank);
            self.back = leaf[..=index].iter();
        }
        self.back.next_back().copied()
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// The leaf with the element of a rank, and its index there.
#[inline]
pub(super) fn leaf_at(mut node: &Node, mut rank: usize) -> (&[u32], usize) {
    loop {
        match node {
            Node::Leaf(handles) => return (handles, rank),
            Node::Inner(inner) => {
                let (index, below) = inner.locate(rank);
                (node, rank) = (inner.child(index), below);
            }
        }
    }
}
