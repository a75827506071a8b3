//! Streams against a naive model, and hostile listpacks.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::value::packed::Entries;

/// Entries by their identifiers, each a field and a value of every pair.
type Model = BTreeMap<StreamId, Pairs>;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A step from the identifier before, and the pairs of an entry; or what is removed.
#[derive(Clone, Debug)]
enum Edit {
    Append(u64, u64, Vec<(Vec<u8>, Vec<u8>)>),
    Remove(usize),
    Trim(u64, bool, Option<u64>, References),
    /// The last identifier is set to this, or to that of the last entry if that is greater.
    SetLast(u64),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-c]{0,3}".prop_map(String::into_bytes),
        2 => any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        1 => prop::sample::select(vec![63, 64, 126, 4095, 4096]).prop_map(|len| vec![b'x'; len]),
    ]
}

fn references() -> impl Strategy<Value = References> {
    prop::sample::select(vec![References::Keep, References::Delete, References::Acknowledged])
}

fn pairs() -> impl Strategy<Value = Pairs> {
    prop_oneof![
        3 => text().prop_map(|value| vec![(b"field".to_vec(), value)]),
        1 => prop::collection::vec((text(), text()), 1..4),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        12 => (0..3_u64, prop_oneof![0..3_u64, Just(u64::MAX)], pairs()).prop_map(|(ms, seq, pairs)| Edit::Append(ms, seq, pairs)),
        6 => any::<usize>().prop_map(Edit::Remove),
        1 => (0..100_u64, any::<bool>(), prop::option::of(0..20_u64), references())
            .prop_map(|(most, by_id, limit, references)| Edit::Trim(most, by_id, limit, references)),
        1 => (0..200_u64).prop_map(Edit::SetLast),
    ]
}

fn pairs_of(entry: Entry<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = Vec::new();
    entry.for_each(|field, value| pairs.push((field.text().to_vec(), value.text().to_vec())));
    assert_eq!(entry.len(), pairs.len());
    pairs
}

/// The entries of a range.
fn entries(log: &Log, start: StreamId, end: StreamId, is_reversed: bool) -> Vec<(StreamId, Pairs)> {
    let mut entries = Vec::new();
    let visit = |entry: Entry<'_>| {
        entries.push((entry.id(), pairs_of(entry)));
        true
    };
    if is_reversed {
        log.visit_back(start, end, visit)
    } else {
        log.visit(start, end, visit)
    }
    entries
}

fn check(log: &Log, model: &Model) {
    log.check();
    assert_eq!(log.len(), model.len());
    let ids: Vec<_> = model.keys().copied().collect();
    assert_eq!(log.last_entry_id(), ids.last().copied());
    assert_eq!(log.counters().first, ids.first().copied().unwrap_or_default());
    let third = |at: usize| ids.get(ids.len() * at / 3).copied().unwrap_or(StreamId::MAX);
    for (start, end) in
        [(StreamId::MIN, StreamId::MAX), (third(1), third(2)), (third(2), third(1)), (third(1), third(1))]
    {
        let mut expected: Vec<_> = match start <= end {
            true => model.range(start..=end).map(|(id, pairs)| (*id, pairs.clone())).collect(),
            false => Vec::new(),
        };
        assert_eq!(entries(log, start, end, false), expected);
        expected.reverse();
        assert_eq!(entries(log, start, end, true), expected);
    }
}

fn listpack(node: &Node) -> Vec<u8> {
    let mut listpack = Vec::new();
    node.write_listpack(&mut listpack);
    assert_eq!(u32::from_le_bytes(*listpack.first_chunk().unwrap()) as usize, listpack.len());
    listpack
}

/// Reads the entries of a listpack, whatever they are.
fn read(first: StreamId, listpack: &[u8]) -> Option<Node> {
    let bytes = listpack.get(6..listpack.len().checked_sub(1)?)?;
    let count = Entries::decode_any(bytes)?.count();
    Node::read(first, Entries::validate(bytes, count)?)
}

proptest! {
    #[test]
    fn a_stream_equals_a_map(edits in prop::collection::vec(edit(), 0..200), bytes in 20..3000_usize, count in 1..30_usize) {
        let (mut log, mut model, mut last) = (Log::default(), Model::new(), StreamId::MIN);
        let limit = NodeLimit { bytes, entries: count };
        for edit in edits {
            match edit {
                Edit::Append(ms, seq, pairs) => {
                    let id = StreamId::new(last.ms + ms, if ms > 0 { seq } else { last.seq.saturating_add(1).saturating_add(seq) });
                    if id <= last {
                        continue;
                    }
                    let borrowed: Vec<_> = pairs.iter().map(|(field, value)| (&field[..], &value[..])).collect();
                    log.append(id, &borrowed, limit);
                    model.insert(id, pairs);
                    last = id;
                }
                Edit::Remove(at) => {
                    let id = model.keys().nth(at % model.len().max(1)).copied().unwrap_or_default();
                    prop_assert_eq!(log.get(id).map(pairs_of), model.get(&id).cloned());
                    prop_assert_eq!(log.remove(id), model.remove(&id).is_some());
                    prop_assert!(!log.remove(id) && log.get(id).is_none());
                }
                Edit::SetLast(ms) => {
                    let least = model.last_key_value().map_or(StreamId::MIN, |(id, _)| *id);
                    last = least.max(StreamId::new(ms, 0));
                    log.set_last(last, None, None);
                }
                Edit::Trim(most, by_id, approximate, references) => {
                    let least = model.keys().nth_back(most as usize).map_or(StreamId::MIN, |id| *id);
                    let bound = if by_id { Bound::MinId(least) } else { Bound::MaxLen(most) };
                    let before = model.len();
                    let kept = Trim { bound, approximate, references: References::Keep };
                    let expected = log.clone().trim(&kept);
                    let removed = log.trim(&Trim { references, ..kept });
                    // Without groups all is acknowledged.
                    prop_assert_eq!(removed, expected);
                    while model.len() > before - removed {
                        model.pop_first();
                    }
                    let kept_by_id = model.first_key_value().is_none_or(|(id, _)| *id >= least);
                    let is_trimmed = if by_id { kept_by_id } else { model.len() as u64 <= most };
                    prop_assert!(is_trimmed || approximate.is_some());
                    prop_assert!(approximate.is_none_or(|limit| limit == 0 || removed as u64 <= limit));
                }
            }
            check(&log, &model);
        }
        // Each node is the same when its listpack is read.
        for node in log.nodes() {
            let packed = listpack(node);
            let again = read(node.first(), &packed).expect("a node that was written is valid");
            prop_assert_eq!(listpack(&again), packed);
        }
        let nodes = log.nodes().cloned().collect();
        check(&Log::from_parts(*log.counters(), nodes, Vec::new()).expect("they fit together"), &model);
    }

    /// In Redis deleted entries stay behind the last identifier when XSETID sets that, and new ones are added behind them.
    #[test]
    fn deleted_entries_that_are_not_in_order_are_left_out(
        steps in prop::collection::vec((1..4_u64, 0..3_u8, pairs()), 1..40),
        count in 1..8_usize,
    ) {
        let (mut nodes, mut model, mut last) = (Vec::<Node>::new(), Model::new(), StreamId::MIN);
        let limit = NodeLimit { bytes: 4096, entries: count };
        for (step, action, pairs) in steps {
            last = StreamId::new(last.ms + step, 0);
            let borrowed: Vec<_> = pairs.iter().map(|(field, value)| (&field[..], &value[..])).collect();
            if nodes.last().is_none_or(|node| !node.has_room(0, limit)) {
                nodes.push(Node::new(last, &borrowed));
            }
            let node = nodes.last_mut().expect("there is one");
            node.append(last, &borrowed, limit);
            if action == 0 {
                model.insert(last, pairs);
                continue;
            }
            let at = node.slots().next_back().expect("it was added").at;
            node.delete(at);
            if node.len() == 0 && action == 2 {
                nodes.pop();
            }
            last = model.last_key_value().map_or(StreamId::MIN, |(id, _)| *id);
        }
        let first = model.first_key_value().map_or(StreamId::MIN, |(id, _)| *id);
        let counters = Counters { len: model.len() as u64, first, last, ..Counters::default() };
        let read = |node: &Node| read(node.first(), &listpack(node)).expect("the others are in order");
        let mut log = Log::from_parts(counters, nodes.iter().map(read).collect(), Vec::new()).expect("they fit together");
        check(&log, &model);
        // They can be removed, and are added to.
        log.append(StreamId::new(last.ms + 1, 0), &[(b"f", b"v")], limit);
        prop_assert!(model.keys().all(|id| log.remove(*id)));
        log.check();
        prop_assert_eq!(log.len(), 1);
    }

    #[test]
    fn a_listpack_from_outside_is_read_safely(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0..200_usize, flip in any::<u8>()) {
        read(StreamId::MIN, &bytes);
        let mut node = Node::new(StreamId::new(5, 5), &[(b"a", b""), (b"b", b"")]);
        let limit = NodeLimit { bytes: 4096, entries: 100 };
        node.append(StreamId::new(5, 5), &[(b"a", b"1"), (b"b", b"2")], limit);
        node.append(StreamId::new(6, 0), &[(b"c", b"3")], limit);
        let mut packed = listpack(&node);
        let at = at % packed.len();
        packed[at] ^= flip;
        if let Some(node) = read(StreamId::new(5, 5), &packed) {
            node.iter().chain(node.iter().rev()).for_each(|entry| _ = pairs_of(entry));
        }
    }
}

proptest! {
    #[test]
    fn what_is_pending_is_known_by_its_delivery(steps in prop::collection::vec((0..5_u8, 0..9_u64, 0..3_usize, 0..6_u64), 0..60), from in 0..60_usize) {
        let mut group = Group::new(b"g", StreamId::MIN, None);
        let names = [b"a", b"b", b"c"];
        for (step, (action, seq, name, time)) in steps.into_iter().enumerate() {
            if step == from {
                group.order_by_delivery();
            }
            let (id, name) = (StreamId::new(1, seq), names[name]);
            group.create_consumer(name, 0);
            let consumer = group.find_consumer(name).expect("it was created");
            match action {
                0 => _ = group.acknowledge(id),
                1 => group.deliver_again(id, time),
                2 if seq == 0 => _ = group.remove_consumer(name),
                _ => group.assign(id, consumer, time, 1),
            }
            let mut expected: Vec<_> =
                group.pending_from(StreamId::MIN).map(|(id, pending)| (pending.delivered, id)).collect();
            expected.sort_unstable();
            let known = group.by_delivery().map(|order| order.collect::<Vec<_>>());
            prop_assert!(known.is_none_or(|known| known == expected));
            let of_consumers: usize = group.consumers().map(|(_, consumer)| consumer.pending_count()).sum();
            prop_assert_eq!(of_consumers, group.pending_count());
        }
    }
}

#[test]
fn a_node_has_the_bytes_of_redis() {
    let mut node = Node::new(StreamId::new(1, 1), &[(b"a", b""), (b"b", b"")]);
    let limit = NodeLimit { bytes: 4096, entries: 100 };
    node.append(StreamId::new(1, 1), &[(b"a", b"1"), (b"b", b"x")], limit);
    node.append(StreamId::new(1, 2), &[(b"c", b"2")], limit);
    let entries =
        b"\x02\x01\x00\x01\x02\x01\x81a\x02\x81b\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x81x\x02\x05\x01\
        \x00\x01\x00\x01\x01\x01\x01\x01\x81c\x02\x02\x01\x06\x01";
    assert_eq!(listpack(&node)[6..entries.len() + 6], entries[..]);
}

#[test]
fn an_approximate_trim_goes_no_further_than_whole_nodes() {
    let limit = NodeLimit { bytes: 4096, entries: 100 };
    let id = |ms| StreamId::new(ms, 0);
    let whole = || {
        let mut log = Log::default();
        (1..=1000).for_each(|ms| log.append(id(ms), &[(b"f", b"v")], limit));
        log
    };
    let read = || {
        let mut log = whole();
        log.create_group(b"g", StreamId::MIN, None);
        log.edit_group(0, |group| {
            group.create_consumer(b"c", 0);
            let consumer = group.find_consumer(b"c").expect("it was created");
            // One of each node is pending.
            (1..=700).filter(|ms| ms % 100 == 7).for_each(|ms| group.assign(id(ms), consumer, 0, 1));
            group.last_id = id(700);
        });
        log
    };
    for (bound, most, removed, acknowledged) in [
        (Bound::MaxLen(450), 0, 500, 495),
        (Bound::MaxLen(450), 150, 100, 99),
        (Bound::MaxLen(0), 0, 1000, 693),
        (Bound::MinId(id(560)), 0, 500, 495),
        (Bound::MinId(id(601)), 0, 600, 594),
        (Bound::MinId(id(560)), 99, 0, 0),
    ] {
        for references in [References::Keep, References::Delete, References::Acknowledged] {
            let trim = Trim { bound, approximate: Some(most), references };
            let mut log = whole();
            assert_eq!(log.trim(&trim), removed, "{trim:?}");
            log.check();
        }
        let trim = Trim { bound, approximate: Some(most), references: References::Acknowledged };
        let (mut log, mut replayed) = (read(), read());
        assert_eq!(log.trim(&trim), acknowledged, "{trim:?}");
        log.check();
        // It is recorded as an exact one.
        let exact = Trim { bound: Bound::MaxLen(log.len() as u64), approximate: None, ..trim };
        replayed.trim(&exact);
        let ids = |log: &Log| entries(log, StreamId::MIN, StreamId::MAX, false);
        assert_eq!(ids(&log), ids(&replayed));
    }
}

#[test]
fn a_smaller_last_identifier_drops_the_deleted_entries_behind_it() {
    let limit = NodeLimit { bytes: 4096, entries: 100 };
    let mut log = Log::default();
    (1..=200).for_each(|ms| log.append(StreamId::new(ms, 0), &[(b"f", b"v")], limit));
    (120..=200).for_each(|ms| assert!(log.remove(StreamId::new(ms, 0))));
    log.set_last(StreamId::new(150, 0), None, None);
    log.check();
    assert_eq!(log.nodes.back().map(Node::last_id), Some(StreamId::new(150, 0)));
    log.set_last(StreamId::new(119, 0), None, None);
    (120..=200).for_each(|ms| log.append(StreamId::new(ms, 1), &[(b"f", b"v")], limit));
    assert_eq!(log.node_count(), 2);
    (1..=119).map(|ms| (ms, 0)).chain((120..=200).map(|ms| (ms, 1))).for_each(|(ms, seq)| {
        assert!(log.get(StreamId::new(ms, 0)).is_some() == (seq == 0) && log.remove(StreamId::new(ms, seq)));
        log.check();
    });
}

#[test]
fn entries_that_are_removed_from_the_middle_leave_no_node_behind() {
    let mut log = Log::default();
    let limit = NodeLimit { bytes: 4096, entries: 10 };
    (1..=1000).for_each(|seq| log.append(StreamId::new(1, seq), &[(b"f", b"v")], limit));
    assert_eq!(log.node_count(), 100);
    for seq in (11..=990).rev() {
        assert!(log.remove(StreamId::new(1, seq)));
        log.check();
    }
    assert_eq!((log.node_count(), log.len()), (2, 20));
    assert_eq!(log.nodes.len(), 2);
}
