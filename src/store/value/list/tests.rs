//! Property tests: a list is a `VecDeque`.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// Elements of several lengths, some of which do not fit in a chunk, and many of which are equal.
fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[ab]{0,2}".prop_map(String::into_bytes),
        4 => any::<i16>().prop_map(|number| number.to_string().into_bytes()),
        2 => (0..40_usize).prop_map(|len| vec![b'x'; len]),
        1 => Just(vec![b'y'; 100]),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn limit() -> impl Strategy<Value = ChunkLimit> {
    prop_oneof![(24..96_usize).prop_map(ChunkLimit::Bytes), (1..6_usize).prop_map(ChunkLimit::Elements)]
}

#[derive(Clone, Debug)]
enum Step {
    Push(End, Vec<u8>),
    Insert(usize, Vec<u8>),
    Set(usize, Vec<u8>),
    Remove(End, usize),
    RemoveEqual(Vec<u8>, End, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (end(), element()).prop_map(|(end, element)| Step::Push(end, element)),
        6 => (any::<usize>(), element()).prop_map(|(index, element)| Step::Insert(index, element)),
        4 => (any::<usize>(), element()).prop_map(|(index, element)| Step::Set(index, element)),
        3 => (end(), 0..8_usize).prop_map(|(end, how_many)| Step::Remove(end, how_many)),
        2 => (element(), end(), 1..4_usize).prop_map(|(element, end, most)| Step::RemoveEqual(element, end, most)),
    ]
}

/// Does a step to a list and to its model.
fn run(list: &mut List, model: &mut VecDeque<Vec<u8>>, step: Step, limit: ChunkLimit) {
    match step {
        Step::Push(end, element) => {
            list.push(end, &element, limit);
            if end == End::Head { model.push_front(element) } else { model.push_back(element) }
        }
        Step::Insert(index, element) => {
            let index = index % (model.len() + 1);
            list.insert(index, &element, limit);
            model.insert(index, element);
        }
        Step::Set(index, element) => {
            let index = index % (model.len() + 1);
            assert_eq!(list.set(index, &element, limit), index < model.len());
            if let Some(old) = model.get_mut(index) {
                *old = element;
            }
        }
        Step::Remove(end, how_many) => {
            list.remove(end, how_many, limit);
            for _ in 0..how_many {
                if end == End::Head {
                    model.pop_front()
                } else {
                    model.pop_back()
                };
            }
        }
        Step::RemoveEqual(element, end, most) => {
            let mut indices: Vec<_> = (0..model.len()).filter(|index| model[*index] == element).collect();
            if end == End::Tail {
                indices.reverse();
            }
            indices.truncate(most);
            assert_eq!(list.remove_equal(&element, end, most, limit), indices.len());
            indices.sort_unstable();
            indices.into_iter().rev().for_each(|index| _ = model.remove(index));
        }
    }
}

fn elements(list: &List, range: Range<usize>, from: End) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    list.as_ref().visit(range, from, |element| {
        elements.push(element.text().to_vec());
        true
    });
    elements
}

proptest! {
    #[test]
    fn a_list_is_a_vec_deque(limit in limit(), steps in prop::collection::vec(step(), 0..120)) {
        let (mut list, mut model) = (List::default(), VecDeque::new());
        for step in steps {
            run(&mut list, &mut model, step, limit);
            if let List::Chunks(list) = &list {
                list.check();
            }
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(elements(&list, 0..model.len(), End::Head), Vec::from(model.clone()));
        }
        for start in 0..model.len() {
            let end = model.len() - (model.len() - start) / 3;
            let mut expected: Vec<_> = model.range(start..end).cloned().collect();
            prop_assert_eq!(&elements(&list, start..end, End::Head), &expected);
            expected.reverse();
            prop_assert_eq!(elements(&list, start..end, End::Tail), expected);
            let get = |index| list.as_ref().get(index).map(|element| element.text().to_vec());
            prop_assert_eq!(get(start), model.get(start).cloned());
            prop_assert_eq!(list.as_ref().find(&model[start]), model.iter().position(|other| *other == model[start]));
        }
        prop_assert_eq!(list.as_ref().get(model.len()), None);
    }
}

#[test]
fn a_list_is_packed_until_it_is_larger_than_a_chunk_and_again_at_half_of_one() {
    let (limit, mut list) = (ChunkLimit::Bytes(8192), List::default());
    let encoding = |list: &List| matches!(list, List::Packed(_));
    // Ten bytes each, and seven for all: 818 are in the first chunk.
    for number in 0..818 {
        list.push(End::Tail, format!("{number:08}").as_bytes(), limit);
    }
    assert!(encoding(&list));
    list.push(End::Tail, b"12345678", limit);
    list.push(End::Tail, b"1", limit);
    assert!(!encoding(&list));
    list.remove(End::Tail, 2, limit);
    assert!(!encoding(&list));
    list.remove(End::Head, 818 - 409, limit);
    assert!(!encoding(&list));
    list.remove(End::Head, 1, limit);
    assert!(encoding(&list) && list.len() == 408);
}

#[test]
fn a_long_list_takes_few_bytes_more_than_its_elements() {
    let (limit, mut list) = (ChunkLimit::Bytes(8192), List::default());
    for number in 0..100_000 {
        list.push(End::Tail, format!("element:{number:06}").as_bytes(), limit);
    }
    let List::Chunks(list) = list else { panic!("the list is long") };
    assert!(list.memory() < 100_000 * (14 + 3), "{}", list.memory());
}

#[test]
fn inserting_at_one_place_leaves_few_chunks() {
    let (limit, mut list) = (ChunkLimit::Bytes(1024), List::default());
    for number in 0..10_000 {
        list.insert(list.len() / 2, format!("{number:06}").as_bytes(), limit);
    }
    assert!(list.as_ref().parts() < 10_000 * 8 / 1024 * 2 + 4, "{}", list.as_ref().parts());
    while list.len() > 3000 {
        list.remove_equal(&elements(&list, 5..6, End::Head)[0], End::Head, 1, limit);
    }
    assert!(list.as_ref().parts() < 3000 * 8 / 1024 * 2 + 4, "{}", list.as_ref().parts());
}

#[test]
fn large_parts_are_appended_as_chunks_and_small_ones_joined() {
    let limit = ChunkLimit::Bytes(1024);
    let part = |from: usize, count: usize| {
        let mut part = Packed::default();
        (from..from + count).for_each(|number| part.push_back(format!("{number:06}").as_bytes()));
        part
    };
    let mut list = List::default();
    list.append(part(0, 100).entries(), limit);
    assert!(matches!(list, List::Packed(_)));
    (1..10).for_each(|number| list.append(part(number * 100, 100).entries(), limit));
    assert_eq!((list.len(), list.as_ref().parts()), (1000, 10));
    (1000..1100).for_each(|number| list.append(part(number, 1).entries(), limit));
    list.append(part(1100, 1000).entries(), limit);
    assert!(list.as_ref().parts() < 10 + 2100 * 8 / 1024, "{}", list.as_ref().parts());
    let expected: Vec<_> = (0..2100).map(|number| format!("{number:06}").into_bytes()).collect();
    assert_eq!(elements(&list, 0..2100, End::Head), expected);
}
