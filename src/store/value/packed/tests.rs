//! Packed collections against naive models, hostile bytes, and the bytes of Redis.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// The boundaries of every encoding of integers, as a list that Redis dumped: `RPUSH l 0 127 128 -1 …`.
const INTEGERS: [&str; 22] = [
    "0",
    "127",
    "128",
    "-1",
    "4095",
    "-4096",
    "4096",
    "-4097",
    "32767",
    "-32768",
    "32768",
    "-32769",
    "8388607",
    "-8388608",
    "8388608",
    "-8388609",
    "2147483647",
    "-2147483648",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "-9223372036854775808",
];
const STRINGS: [&str; 7] = ["9223372036854775808", "01", "-0", "+1", "", "a", "hello"];

/// The entries of that list in the payload of Redis 7.0.15.
const DUMPED: &[u8] =
    b"\x00\x01\x7f\x01\xc0\x80\x02\xdf\xff\x02\xcf\xff\x02\xd0\x00\x02\xf1\x00\x10\x03\xf1\xff\xef\x03\
    \xf1\xff\x7f\x03\xf1\x00\x80\x03\xf2\x00\x80\x00\x04\xf2\xff\x7f\xff\x04\xf2\xff\xff\x7f\x04\xf2\x00\x00\x80\x04\
    \xf3\x00\x00\x80\x00\x05\xf3\xff\xff\x7f\xff\x05\xf3\xff\xff\xff\x7f\x05\xf3\x00\x00\x00\x80\x05\
    \xf4\x00\x00\x00\x80\x00\x00\x00\x00\t\xf4\xff\xff\xff\x7f\xff\xff\xff\xff\t\
    \xf4\xff\xff\xff\xff\xff\xff\xff\x7f\t\xf4\x00\x00\x00\x00\x00\x00\x00\x80\t\
    \x939223372036854775808\x14\x8201\x03\x82-0\x03\x82+1\x03\x80\x01\x81a\x02\x85hello\x06";

fn texts(entries: Entries<'_>) -> Vec<Vec<u8>> {
    entries.iter().map(|element| element.text().to_vec()).collect()
}

/// Checks every way of reading against a model.
fn check(entries: Entries<'_>, model: &[Vec<u8>]) {
    assert_eq!(texts(entries), model);
    assert_eq!((entries.len(), entries.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(entries.iter().len(), model.len());
    assert!(Entries::validate(entries.bytes(), model.len()).is_some());
    assert!(Entries::validate(entries.bytes(), model.len() + 1).is_none());
    assert!(entries.iter().rev().map(|element| element.text().to_vec()).eq(model.iter().rev().cloned()));
    let forwards: Vec<_> = std::iter::successors(entries.first(), |at| entries.next(*at)).collect();
    let mut backwards: Vec<_> = std::iter::successors(entries.prev(entries.end()), |at| entries.prev(*at)).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert_eq!(forwards.len(), model.len());
    for (index, position) in forwards.iter().enumerate() {
        assert_eq!(entries.at(index), Some(*position));
        assert!(entries.element(*position) == model[index][..]);
    }
    assert_eq!(entries.at(model.len()), None);
    for step in 1..4 {
        for text in model {
            let expected = model.iter().step_by(step).position(|other| other == text);
            assert_eq!(entries.find(&text[..].into(), step), expected.and_then(|index| entries.at(index * step)));
        }
    }
}

#[test]
fn bytes_are_those_of_redis() {
    let mut packed = Packed::default();
    let model: Vec<Vec<u8>> = INTEGERS.iter().chain(&STRINGS).map(|text| text.as_bytes().to_vec()).collect();
    model.iter().for_each(|text| packed.push_back(&text[..]));
    assert_eq!(packed.entries().bytes(), DUMPED);
    assert_eq!(packed.entries().lp_size(), 0xA8);
    check(packed.entries(), &model);
}

#[test]
fn a_small_hash_has_the_bytes_of_redis() {
    let mut packed = Packed::default();
    for text in [&b"name"[..], b"ann", b"age", b"12"] {
        packed.push_back(text);
    }
    assert_eq!(packed.entries().bytes(), b"\x84name\x05\x83ann\x04\x83age\x04\x0c\x01");
    assert_eq!(packed.as_bytes()[..2], [4, 0]);
    assert_eq!(packed.entries().lp_size(), 0x19);
}

#[test]
fn the_lengths_behind_entries_are_those_of_redis() {
    for (len, expected) in [
        (125, &b"\x7f"[..]),
        (126, b"\x01\x80"),
        (16_377, b"\x7f\xfe"),
        (16_378, b"\x00\xff\xff"),
        (2_097_145, b"\x7f\xff\xfe"),
        (2_097_146, b"\x00\xff\xff\xff"),
    ] {
        let mut packed = Packed::default();
        packed.push_back(&vec![b'x'; len][..]);
        let bytes = packed.entries().bytes();
        assert_eq!(&bytes[bytes.len() - expected.len()..], expected);
        assert_eq!(bytes[bytes.len() - expected.len() - 1], b'x');
    }
}

#[test]
fn strings_of_every_length_are_read_in_both_directions() {
    let lengths = [0, 63, 64, 125, 126, 4095, 4096, 16_377, 16_378, 16_379, 70_000, 2_097_146, 2_097_145];
    let model: Vec<Vec<u8>> = lengths.iter().map(|len| vec![b'x'; *len]).collect();
    let (mut packed, mut chunk) = (Packed::default(), Chunk::new(8192));
    for text in &model {
        packed.push_back(&text[..]);
        chunk.push_front(&text[..]);
    }
    check(packed.entries(), &model);
    check(chunk.entries(), &model.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn invalid_entries_are_refused() {
    for bytes in [
        &b"\x01"[..],        // no length behind
        b"\x01\x02",         // a wrong one
        b"\x01\x81",         // one that does not end
        b"\x85abc\x04",      // a string past the end
        b"\xf0\x01\x00\x00", // a length past the end
        b"\xf0\xff\xff\xff\xff",
        b"\xf5\x01", // no encoding
        b"\xff",
        b"\xc0\x01\x02",  // a small integer of 13 bits
        b"\x8212\x03",    // an integer as a string
        b"\xe0\x01a\x03", // a short string with a long head
    ] {
        assert!(Entries::validate(bytes, 1).is_none(), "{bytes:?}");
    }
}

#[test]
fn a_chunk_gives_up_room_when_it_is_sparse() {
    let mut chunk = Chunk::new(8192);
    (0..2000_i64).for_each(|value| chunk.push_back(value));
    assert!(chunk.capacity() <= 8192);
    while chunk.entries().len() > 10 {
        chunk.remove_front(1);
        let used = chunk.entries().bytes().len();
        assert!(chunk.capacity() <= 64.max(4 * used + 3), "{} of {}", used, chunk.capacity());
    }
    assert_eq!(texts(chunk.entries())[9], b"1999");
}

#[test]
fn pushes_at_both_ends_of_a_chunk_seldom_move_it() {
    let (mut chunk, mut capacities) = (Chunk::new(1 << 20), Vec::new());
    for value in 0..20_000_i64 {
        if value % 2 == 0 {
            chunk.push_back(value)
        } else {
            chunk.push_front(value)
        }
        capacities.push(chunk.capacity());
    }
    capacities.dedup();
    assert!(capacities.len() < 40, "{capacities:?}");
    assert_eq!(chunk.entries().len(), 20_000);
}

#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, Vec<u8>),
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
    RemoveFront(usize),
    Truncate(usize),
    Retain(u8),
    Extend(Vec<Vec<u8>>),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let boundaries: Vec<Vec<u8>> = INTEGERS.iter().chain(&STRINGS).map(|text| text.as_bytes().to_vec()).collect();
    prop_oneof![
        4 => "[a-c]{0,3}".prop_map(String::into_bytes),
        4 => (-5000..5000_i64).prop_map(|value| value.to_string().into_bytes()),
        4 => prop::sample::select(boundaries),
        1 => prop::sample::select(vec![63, 64, 125, 126, 4095, 4096]).prop_map(|len| vec![b'x'; len]),
        1 => prop::collection::vec(any::<u8>(), 0..100),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (any::<usize>(), text()).prop_map(|(at, text)| Edit::Insert(at, text)),
        4 => text().prop_map(Edit::PushBack),
        4 => text().prop_map(Edit::PushFront),
        3 => (any::<usize>(), text()).prop_map(|(at, text)| Edit::Replace(at, text)),
        4 => (any::<usize>(), 0..4_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        1 => (0..8_usize).prop_map(Edit::RemoveFront),
        1 => (0..20_usize).prop_map(Edit::Truncate),
        1 => any::<u8>().prop_map(Edit::Retain),
        1 => prop::collection::vec(text(), 0..5).prop_map(Edit::Extend),
    ]
}

fn is_kept(text: &[u8], byte: u8) -> bool {
    text.len() % 3 != usize::from(byte % 3)
}

fn apply(collection: &mut impl EditEntries, edit: &Edit) {
    let len = collection.entries().len();
    match edit {
        Edit::Insert(at, text) => {
            let position = collection.entries().at(at % (len + 1)).unwrap_or(collection.entries().end());
            collection.insert_before(position, &text[..]);
        }
        Edit::PushBack(text) => collection.push_back(&text[..]),
        Edit::PushFront(text) => collection.push_front(Element::new(text)),
        Edit::Replace(at, text) => {
            if let Some(position) = collection.entries().at(at % len.max(1)) {
                collection.replace(position, &text[..]);
            }
        }
        Edit::Remove(at, count) => {
            let at = at % len.max(1);
            if let Some(position) = collection.entries().at(at) {
                let after = collection.remove(position, *count);
                assert_eq!(after, collection.entries().at(at));
            }
        }
        Edit::RemoveFront(count) => collection.remove_front(*count),
        Edit::Truncate(len) => collection.truncate(*len),
        Edit::Retain(byte) => collection.retain(|element| is_kept(&element.text(), *byte)),
        Edit::Extend(texts) => {
            let mut other = Packed::default();
            texts.iter().for_each(|text| other.push_back(&text[..]));
            collection.extend(other.entries());
        }
    }
}

fn apply_to_model(model: &mut VecDeque<Vec<u8>>, edit: &Edit) {
    let len = model.len();
    match edit {
        Edit::Insert(at, text) => model.insert(at % (len + 1), text.clone()),
        Edit::PushBack(text) => model.push_back(text.clone()),
        Edit::PushFront(text) => model.push_front(text.clone()),
        Edit::Replace(at, text) => {
            if len > 0 {
                model[at % len] = text.clone();
            }
        }
        Edit::Remove(at, count) => {
            let start = at % len.max(1);
            model.drain(start..(start + count).min(len));
        }
        Edit::RemoveFront(count) => drop(model.drain(..(*count).min(len))),
        Edit::Truncate(len) => model.truncate(*len),
        Edit::Retain(byte) => model.retain(|text| is_kept(text, *byte)),
        Edit::Extend(texts) => model.extend(texts.iter().cloned()),
    }
}

proptest! {
    #[test]
    fn edits_equal_those_of_a_model(edits in prop::collection::vec(edit(), 0..60), limit in 0..600_u32) {
        let (mut packed, mut chunk, mut model) = (Packed::default(), Chunk::new(limit), VecDeque::new());
        for edit in &edits {
            apply(&mut packed, edit);
            apply(&mut chunk, edit);
            apply_to_model(&mut model, edit);
            check(packed.entries(), model.make_contiguous());
            prop_assert_eq!(chunk.entries().bytes(), packed.entries().bytes());
            prop_assert_eq!(chunk.entries().len(), model.len());
            packed = if edits.len() % 2 == 0 { Packed::from(packed.as_bytes()) } else { packed.into_boxed().into() };
        }
        let index = model.len() / 3;
        let back = chunk.split_off(index);
        check(chunk.entries(), &model.make_contiguous()[..index]);
        check(back.entries(), &model.make_contiguous()[index..]);
        let copy = Packed::from(PackedRef::new(packed.as_bytes()).entries());
        prop_assert_eq!(copy.as_bytes(), packed.as_bytes());
    }

    #[test]
    fn hostile_bytes_are_refused_or_whole(
        texts in prop::collection::vec(text(), 1..12),
        mutations in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        cut in 0..3_usize,
    ) {
        let mut packed = Packed::default();
        texts.iter().for_each(|text| packed.push_back(&text[..]));
        let mut bytes = packed.entries().bytes().to_vec();
        for (at, byte) in mutations {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut);
        for count in 0..20 {
            if let Some(entries) = Entries::validate(&bytes, count) {
                let texts = self::texts(entries);
                check(entries, &texts);
                let mut again = Packed::default();
                texts.iter().for_each(|text| again.push_back(&text[..]));
                prop_assert_eq!(again.entries().bytes(), entries.bytes());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), count in 0..4_usize) {
        if let Some(entries) = Entries::validate(&bytes, count) {
            check(entries, &texts(entries));
        }
    }
}
