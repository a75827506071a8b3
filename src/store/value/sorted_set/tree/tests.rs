use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    node::{INNER, LEAF},
    *,
};

/// Scores and members by handle.
#[derive(Default)]
struct Records(HashMap<u32, (f64, Vec<u8>)>);

impl Order for Records {
    fn score(&self, handle: u32) -> Score {
        Score::new(self.0[&handle].0)
    }

    fn member(&self, handle: u32) -> &[u8] {
        &self.0[&handle].1
    }
}

/// A tree beside a sorted vector.
#[derive(Default)]
struct Both {
    records: Records,
    tree: Tree,
    sorted: Vec<u32>,
    next: u32,
}

impl Both {
    fn find(&self, handle: u32) -> Result<usize, usize> {
        let key = |handle: &u32| (self.records.score(*handle), self.records.member(*handle));
        self.sorted.binary_search_by(|other| key(other).cmp(&key(&handle)))
    }

    fn insert(&mut self, score: f64, member: &[u8]) {
        let handle = self.next;
        self.next += 1;
        self.records.0.insert(handle, (score, member.to_vec()));
        match self.find(handle) {
            Ok(_) => _ = self.records.0.remove(&handle),
            Err(rank) => {
                self.sorted.insert(rank, handle);
                assert_eq!(self.tree.insert(handle, &self.records), rank);
            }
        }
    }

    fn remove(&mut self, rank: usize) {
        let handle = self.sorted.remove(rank);
        assert_eq!(self.tree.remove(handle, &self.records), Some(rank));
        assert_eq!(self.tree.remove(handle, &self.records), None);
        self.records.0.remove(&handle);
    }

    fn remove_range(&mut self, ranks: Range<usize>) {
        let mut removed = Vec::new();
        self.tree.remove_range(ranks.clone(), &self.records, |handle| removed.push(handle));
        assert!(self.sorted.drain(ranks).eq(removed.iter().copied()));
        removed.iter().for_each(|handle| _ = self.records.0.remove(handle));
    }

    /// Moves a record to another handle.
    fn rename(&mut self, rank: usize) {
        let (from, to) = (self.sorted[rank], self.next);
        self.next += 1;
        let record = self.records.0.remove(&from).expect("a record");
        self.records.0.insert(to, record);
        assert!(self.tree.replace(from, to, &self.records));
        assert!(!self.tree.replace(from, to, &self.records));
        self.sorted[rank] = to;
    }

    fn check(&self) {
        check(&self.tree, &self.records);
        assert!(self.tree.iter(0..usize::MAX).eq(self.sorted.iter().copied()));
    }

    fn check_range(&self, ranks: Range<usize>) {
        let (iter, model) = (self.tree.iter(ranks.clone()), self.sorted[ranks].iter().copied());
        assert_eq!(iter.len(), model.len());
        assert!(iter.clone().eq(model.clone()) && iter.rev().eq(model.rev()));
    }

    fn check_lookups(&self, rank: usize, score: f64) {
        let handle = self.sorted.get(rank).copied();
        assert_eq!(self.tree.nth(rank), handle);
        handle.into_iter().for_each(|handle| assert_eq!(self.tree.rank(handle, &self.records), rank));
        let score = Score::new(score);
        let before = |handle: &u32| self.records.score(*handle) < score;
        let before = self.sorted.partition_point(before);
        assert_eq!(self.tree.partition_point(&self.records, |other, _| other < score), before);
        let not_after = self.sorted.partition_point(|handle| self.records.score(*handle) <= score);
        assert_eq!(self.tree.partition_point(&self.records, |other, _| other <= score), not_after);
    }
}

/// Asserts what holds for every tree.
fn check(tree: &Tree, records: &Records) {
    let (len, nodes, _) = check_node(&tree.root, records, (true, true), true);
    assert_eq!((len, nodes), (tree.len(), tree.nodes));
    let handles: Vec<u32> = tree.iter(0..usize::MAX).collect();
    let key = |handle: u32| (records.score(handle), records.member(handle));
    assert!(handles.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
}

/// Returns the number of elements, of nodes, and the height. The nodes at both ends of the tree may be less than half full.
fn check_node(node: &Node, records: &Records, ends: (bool, bool), is_root: bool) -> (usize, usize, usize) {
    let fewest = if ends.0 || ends.1 { 1 } else { node.capacity() / 2 };
    assert!(is_root || node.len() >= fewest, "{} of {}", node.len(), node.capacity());
    let Node::Inner(inner) = node else { return (node.len(), 1, 1) };
    assert!(inner.len() >= 2);
    let (mut total, mut nodes, mut heights) = (0, 1, Vec::new());
    for index in 0..inner.len() {
        let child = inner.child(index);
        let ends = (ends.0 && index == 0, ends.1 && index + 1 == inner.len());
        let below = check_node(child, records, ends, false);
        assert_eq!(inner.counts[index] as usize, below.0);
        assert_eq!((inner.scores[index], inner.firsts[index]), child.first(records));
        assert_eq!(inner.scores[index], records.score(inner.firsts[index]));
        total += below.0;
        nodes += below.1;
        heights.push(below.2);
    }
    heights.dedup();
    assert_eq!((heights.len(), inner.scores.len(), inner.firsts.len()), (1, inner.len(), inner.len()));
    (total, nodes, heights[0] + 1)
}

/// Records with ascending scores.
fn ascending(count: u32) -> Records {
    Records((0..count).map(|handle| (handle, (f64::from(handle), Vec::new()))).collect())
}

fn bytes_per_element(tree: &Tree) -> f64 {
    tree.memory() as f64 / tree.len() as f64
}

/// A permutation of so many numbers.
fn shuffled(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(move |number| (u64::from(number) * 2_654_435_761 % u64::from(count)) as u32)
}

#[derive(Clone, Debug)]
enum Step {
    /// Several elements with one score each, from a start on.
    Insert(f64, Vec<u8>),
    Ascending(i16, usize),
    Descending(i16, usize),
    SameScore(f64, u32, usize),
    Remove(usize, usize),
    RemoveRange(usize, usize),
    Rename(usize),
    Rebuild,
}

fn score() -> impl Strategy<Value = f64> {
    const ENDS: [f64; 5] = [f64::NEG_INFINITY, f64::INFINITY, -0.0, 0.0, f64::MIN_POSITIVE];
    prop_oneof![4 => (-20_i32..20).prop_map(f64::from), 2 => prop::sample::select(&ENDS[..]), 1 => -1e9..1e9]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (score(), prop::collection::vec(any::<u8>(), 0..4)).prop_map(|(score, member)| Step::Insert(score, member)),
        2 => (any::<i16>(), 1..900_usize).prop_map(|(start, count)| Step::Ascending(start, count)),
        2 => (any::<i16>(), 1..900_usize).prop_map(|(start, count)| Step::Descending(start, count)),
        2 => (score(), any::<u32>(), 1..900_usize).prop_map(|(score, seed, count)| Step::SameScore(score, seed, count)),
        2 => (any::<usize>(), 1..300_usize).prop_map(|(rank, count)| Step::Remove(rank, count)),
        2 => (any::<usize>(), 0..2000_usize).prop_map(|(rank, count)| Step::RemoveRange(rank, count)),
        3 => any::<usize>().prop_map(Step::Rename),
        1 => Just(Step::Rebuild),
    ]
}

fn run(both: &mut Both, step: Step) {
    let len = both.sorted.len();
    match step {
        Step::Insert(score, member) => both.insert(score, &member),
        Step::Ascending(start, count) => {
            (0..count).for_each(|number| both.insert(f64::from(start) + number as f64, b"m"));
        }
        Step::Descending(start, count) => {
            (0..count).for_each(|number| both.insert(f64::from(start) - number as f64, b"m"));
        }
        Step::SameScore(score, seed, count) => (0..count as u32).for_each(|number| {
            both.insert(score, &number.wrapping_add(seed).wrapping_mul(2_654_435_761).to_le_bytes())
        }),
        Step::Remove(rank, count) => (0..count.min(len)).for_each(|_| both.remove(rank % both.sorted.len())),
        Step::RemoveRange(rank, count) => {
            let start = rank % (len + 1);
            both.remove_range(start..len.min(start + count));
        }
        Step::Rename(rank) if len > 0 => both.rename(rank % len),
        Step::Rename(_) => {}
        Step::Rebuild => both.tree = Tree::from_sorted(both.sorted.iter().copied(), &both.records),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_tree_equals_a_sorted_vector(
        steps in prop::collection::vec(step(), 1..30),
        ranges in prop::collection::vec((any::<usize>(), any::<usize>(), score()), 10),
    ) {
        let mut both = Both::default();
        for step in steps {
            run(&mut both, step);
            both.check();
        }
        for (one, other, score) in ranges {
            let (one, other) = (one % (both.sorted.len() + 1), other % (both.sorted.len() + 1));
            both.check_range(one.min(other)..one.max(other));
            both.check_lookups(one, score);
        }
    }

    #[test]
    fn an_iterator_is_drawn_from_both_ends_in_turn(len in 0..2000_u32, sides in prop::collection::vec(any::<bool>(), 2100)) {
        let records = ascending(len);
        let (tree, mut model) = (Tree::from_sorted(0..len, &records), 0..len);
        let mut iter = tree.iter(0..usize::MAX);
        for is_front in sides {
            let (one, other) = if is_front { (iter.next(), model.next()) } else { (iter.next_back(), model.next_back()) };
            prop_assert_eq!(one, other);
            prop_assert_eq!(iter.len(), model.len());
        }
    }
}

#[test]
fn the_tree_equals_a_sorted_vector_while_it_grows_and_shrinks() {
    let (mut both, mut random) = (Both::default(), 1_u64);
    for step in 0..60_000_u64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        let (number, pick) = (random >> 33, (random >> 20) % 10);
        if pick < if step < 30_000 { 7 } else { 3 } || both.sorted.is_empty() {
            // Few scores, so that members often decide.
            both.insert((number % 50) as f64, &number.to_le_bytes());
        } else if pick < 9 {
            both.remove(number as usize % both.sorted.len());
        } else {
            both.rename(number as usize % both.sorted.len());
        }
        if step % 500 == 0 {
            both.check();
            both.check_lookups(number as usize % (both.sorted.len() + 1), (number % 52) as f64 - 1.0);
        }
    }
    both.check();
}

#[test]
fn a_set_of_any_length_is_built_as_it_is_inserted() {
    for len in (0..700).chain([LEAF * INNER, LEAF * INNER + 1, LEAF * INNER * INNER + 1].map(|len| len as u32)) {
        let records = ascending(len);
        let tree = Tree::from_sorted(0..len, &records);
        assert!(tree.iter(0..usize::MAX).eq(0..len));
        check(&tree, &records);
    }
}

#[test]
fn a_moved_record_is_found_though_its_old_handle_has_none() {
    let mut both = Both::default();
    (0..3000_u32).for_each(|number| both.insert(1.0, &number.to_be_bytes()));
    (0..3000).for_each(|rank| both.rename(rank));
    both.check();
}

#[test]
fn members_are_the_bounds_where_all_scores_are_equal() {
    let mut both = Both::default();
    (0..3000_u32).for_each(|number| both.insert(1.0, &(number * 2).to_be_bytes()));
    for bound in 0..6000_u32 {
        let bytes = bound.to_be_bytes();
        let before = both.tree.partition_point(&both.records, |_, handle| both.records.member(handle) < &bytes[..]);
        assert_eq!(before as u32, bound.div_ceil(2));
    }
}

#[test]
fn elements_in_their_order_fill_the_leaves() {
    let records = ascending(100_000);
    let (mut up, mut down) = (Tree::default(), Tree::default());
    (0..100_000).for_each(|handle| _ = up.insert(handle, &records));
    (0..100_000).rev().for_each(|handle| _ = down.insert(handle, &records));
    let built = Tree::from_sorted(0..100_000, &records);
    for tree in [&up, &down, &built] {
        check(tree, &records);
        assert!(bytes_per_element(tree) < 4.4, "{}", bytes_per_element(tree));
    }
}

#[test]
fn memory_follows_the_number_of_elements() {
    let records = ascending(100_003);
    let mut tree = Tree::default();
    shuffled(100_003).for_each(|handle| _ = tree.insert(handle, &records));
    assert!(bytes_per_element(&tree) < 5.5, "{}", bytes_per_element(&tree));
    shuffled(100_003).take(90_000).for_each(|handle| _ = tree.remove(handle, &records));
    check(&tree, &records);
    assert!(bytes_per_element(&tree) < 7.5, "{}", bytes_per_element(&tree));
    tree.remove_range(0..tree.len(), &records, |_| {});
    assert_eq!((tree.len(), tree.memory()), (0, Tree::default().memory()));
}
