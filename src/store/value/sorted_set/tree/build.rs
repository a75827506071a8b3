//! Building a tree of handles that are in their order.

use super::{
    Order,
    node::{INNER, Inner, LEAF, Leaf, Node},
};

/// A root above some handles, and the number of nodes.
pub(super) fn build(handles: impl ExactSizeIterator<Item = u32>, order: &impl Order) -> (Node, usize) {
    let mut level = leaves(handles);
    let mut nodes = level.len();
    while level.len() > 1 {
        level = parents(level, order);
        nodes += level.len();
    }
    (level.pop().map_or_else(Node::default, |root| *root), nodes.max(1))
}

#[expect(clippy::vec_box, reason = "a node is never moved out of its box")]
fn leaves(mut handles: impl ExactSizeIterator<Item = u32>) -> Vec<Box<Node>> {
    let parts = parts(handles.len(), LEAF);
    let leaf = |len| {
        let mut leaf = Leaf::default();
        handles.by_ref().take(len).for_each(|handle| leaf.push(handle));
        Box::new(Node::Leaf(leaf))
    };
    parts.map(leaf).collect()
}

#[expect(clippy::vec_box, reason = "a node is never moved out of its box")]
fn parents(children: Vec<Box<Node>>, order: &impl Order) -> Vec<Box<Node>> {
    let parts = parts(children.len(), INNER);
    let mut children = children.into_iter();
    let parent = |len| {
        let mut inner = Inner::default();
        children.by_ref().take(len).for_each(|child| inner.insert(inner.len(), child, order));
        Box::new(Node::Inner(inner))
    };
    parts.map(parent).collect()
}

/// The lengths of as few parts as can be, each of at most `most`, which differ by at most 1.
fn parts(len: usize, most: usize) -> impl Iterator<Item = usize> {
    let parts = len.div_ceil(most);
    (0..parts).map(move |part| len * (part + 1) / parts - len * part / parts)
}
