//! [`Node`]: a leaf or an inner node, each in one allocation of [`NODE`] bytes.

use super::{Order, Score, row::Row, search::partition_point};

/// The size of every node, in bytes. Larger ones take less memory for an element, smaller ones less time for a change.
const NODE: usize = 512;

/// The most handles of a leaf.
pub(super) const LEAF: usize = (NODE - 8) / 4;

/// The most children of an inner node.
pub(super) const INNER: usize = (NODE - 32) / 24;

const _: () = assert!(size_of::<Node>() == NODE);

/// A node of the tree. A mark of one bit fits beside the length of a row, and takes no memory there.
#[derive(Debug)]
pub(super) enum Node {
    Leaf(Leaf),
    Inner(Inner),
}

/// Handles in their order.
pub(super) type Leaf = Row<u32, LEAF>;

/// Children in their order. Each field is a row of its own, so that a search reads few cache lines.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// The score of the first element below each child.
    pub(super) scores: Row<Score, INNER>,
    /// The handle of the first element below each child.
    pub(super) firsts: Row<u32, INNER>,
    /// The number of elements below each child.
    pub(super) counts: Row<u32, INNER>,
    pub(super) nodes: Row<Option<Box<Node>>, INNER>,
}

impl Default for Node {
    fn default() -> Self {
        Self::Leaf(Leaf::default())
    }
}

impl Node {
    /// The number of handles of a leaf, or of children of an inner node.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Leaf(handles) => handles.len(),
            Self::Inner(inner) => inner.len(),
        }
    }

    #[inline]
    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::Leaf(_) => LEAF,
            Self::Inner(_) => INNER,
        }
    }

    /// The number of elements.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Leaf(handles) => handles.len(),
            Self::Inner(inner) => total(&inner.counts),
        }
    }

    /// The first element, of a node that is not empty.
    pub(super) fn first(&self, order: &impl Order) -> (Score, u32) {
        match self {
            Self::Leaf(handles) => (order.score(handles[0]), handles[0]),
            Self::Inner(inner) => (inner.scores[0], inner.firsts[0]),
        }
    }

    /// An empty node of the same height.
    pub(super) fn empty_sibling(&self) -> Self {
        match self {
            Self::Leaf(_) => Self::Leaf(Leaf::default()),
            Self::Inner(_) => Self::Inner(Inner::default()),
        }
    }

    /// Moves the last handles or children to the front of the sibling on the right.
    pub(super) fn give_last(&mut self, count: usize, right: &mut Self) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.give_last(count, right),
            (Self::Inner(left), Self::Inner(right)) => left.give_last(count, right),
            _ => unreachable!("siblings are of one height"),
        }
    }

    /// Moves the first handles or children to the end of the sibling on the left.
    pub(super) fn give_first(&mut self, count: usize, left: &mut Self) {
        match (self, left) {
            (Self::Leaf(right), Self::Leaf(left)) => right.give_first(count, left),
            (Self::Inner(right), Self::Inner(left)) => right.give_first(count, left),
            _ => unreachable!("siblings are of one height"),
        }
    }
}

impl Inner {
    /// The number of children.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    pub(super) fn child(&self, index: usize) -> &Node {
        self.nodes[index].as_ref().expect("every place in use has a child")
    }

    #[inline]
    pub(super) fn child_mut(&mut self, index: usize) -> &mut Node {
        self.nodes[index].as_mut().expect("every place in use has a child")
    }

    /// The child at an index, and its sibling on the right.
    pub(super) fn pair(&mut self, left: usize) -> (&mut Node, &mut Node) {
        let [Some(left), Some(right)] = &mut self.nodes[left..left + 2] else {
            unreachable!("every place in use has a child");
        };
        (left, right)
    }

    /// The number of children that start with an element which passes.
    #[inline(always)]
    pub(super) fn starting(&self, passes: impl Fn(Score, u32) -> bool) -> usize {
        partition_point(self.len(), |index| passes(self.scores[index], self.firsts[index]))
    }

    /// The child with the element of a rank, and its rank there.
    #[inline]
    pub(super) fn locate(&self, rank: usize) -> (usize, usize) {
        let (mut index, mut rest) = (0, rank);
        while rest >= self.counts[index] as usize {
            rest -= self.counts[index] as usize;
            index += 1;
        }
        (index, rest)
    }

    /// The child that takes a new element of a rank, and its rank there. Between two children it is the one on the left.
    #[inline]
    pub(super) fn locate_gap(&self, rank: usize) -> (usize, usize) {
        let (index, before) = self.locate(rank.saturating_sub(1));
        (index, before + rank.min(1))
    }

    /// Inserts a child that is not empty.
    pub(super) fn insert(&mut self, index: usize, child: Box<Node>, order: &impl Order) {
        let (score, first) = child.first(order);
        self.scores.insert(index, score);
        self.firsts.insert(index, first);
        self.counts.insert(index, child.count() as u32);
        self.nodes.insert(index, Some(child));
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.scores.remove(index..index + 1);
        self.firsts.remove(index..index + 1);
        self.counts.remove(index..index + 1);
        self.nodes.remove(index..index + 1);
    }

    /// Reads again where a child starts, and how many elements it has.
    pub(super) fn refresh(&mut self, index: usize, order: &impl Order) {
        let child = self.child(index);
        let (count, (score, first)) = (child.count() as u32, child.first(order));
        self.scores[index] = score;
        self.firsts[index] = first;
        self.counts[index] = count;
    }

    fn give_last(&mut self, count: usize, right: &mut Self) {
        self.scores.give_last(count, &mut right.scores);
        self.firsts.give_last(count, &mut right.firsts);
        self.counts.give_last(count, &mut right.counts);
        self.nodes.give_last(count, &mut right.nodes);
    }

    fn give_first(&mut self, count: usize, left: &mut Self) {
        self.scores.give_first(count, &mut left.scores);
        self.firsts.give_first(count, &mut left.firsts);
        self.counts.give_first(count, &mut left.counts);
        self.nodes.give_first(count, &mut left.nodes);
    }
}

/// The sum of some counts.
#[inline]
pub(super) fn total(counts: &[u32]) -> usize {
    counts.iter().sum::<u32>() as usize
}
