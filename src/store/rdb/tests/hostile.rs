//! Values that are not valid are refused: no panic, no large allocation, no change.

use proptest::prelude::*;

use super::{dumped, restored, round_trip::value};
use crate::store::{rdb::payload::seal, testing::TestStore};

const BAD_VALUE: &str = "-ERR Bad data format";

/// A string as it is.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&[0x80][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// A type, and the string of its value.
fn packed(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag][..], &string(bytes)].concat()
}

/// A listpack of short strings.
fn listpack(elements: &[&str]) -> Vec<u8> {
    let entry = |text: &&str| [&[0x80 | text.len() as u8][..], text.as_bytes(), &[text.len() as u8 + 1]].concat();
    let entries: Vec<u8> = elements.iter().flat_map(entry).collect();
    listpack_of(&entries, elements.len() as u16)
}

fn listpack_of(entries: &[u8], count: u16) -> Vec<u8> {
    let len = entries.len() as u32 + 7;
    [&len.to_le_bytes()[..], &count.to_le_bytes(), entries, &[0xFF]].concat()
}

/// A ziplist of one-letter strings.
fn ziplist(elements: &[&str]) -> Vec<u8> {
    let before = |index: usize| if index == 0 { 0 } else { 3 };
    let entry = |(index, text): (usize, &&str)| vec![before(index), 1, text.as_bytes()[0]];
    let entries: Vec<u8> = elements.iter().enumerate().flat_map(entry).collect();
    let last = 10 + entries.len().saturating_sub(3) as u32;
    let head = [(entries.len() as u32 + 11).to_le_bytes(), last.to_le_bytes()].concat();
    [&head[..], &(elements.len() as u16).to_le_bytes(), &entries, &[0xFF]].concat()
}

#[track_caller]
fn refuse(value: Vec<u8>) {
    let (store, shown) = (TestStore::new(), value.escape_ascii().to_string());
    store.check([("SET k before", "+OK")]);
    assert_eq!(restored(&store, "k", seal(value, 11)), BAD_VALUE, "{shown}");
    store.check([("GET k", "\"before\"")]);
}

fn intset(width: u8, count: u32, integers: &[u8]) -> Vec<u8> {
    [&[width, 0, 0, 0][..], &count.to_le_bytes(), integers].concat()
}

#[test]
fn types_that_are_not_known_are_refused() {
    refuse(vec![]);
    for tag in [6, 7, 8, 15, 19, 21, 22, 23, 26, 100, 255] {
        refuse(vec![tag]);
        refuse(packed(tag, b"value"));
    }
}

#[test]
fn lengths_beyond_the_payload_are_refused_before_an_allocation() {
    const HUGE: &[u8] = b"\x81\x0F\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
    for tag in [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20] {
        refuse([&[tag], HUGE].concat());
        refuse([&[tag], HUGE, b"\x01a\x01b"].concat());
        // A compressed string that announces a long text, or is announced too long itself.
        refuse([&[tag, 0xC3, 0x04], HUGE, b"\x00a\x20\x00"].concat());
        refuse([&[tag, 0xC3], HUGE, b"\x04\x00a\x20\x00"].concat());
        refuse(vec![tag, 0xC3, 0x04, 0x80, 0x7F, 0xFF, 0xFF, 0xFF, 0, b'a', 0x20, 0]);
    }
    for tag in [1, 3, 4, 5, 14, 18] {
        refuse([&[tag, 0x02], HUGE, b"abc"].concat());
    }
    refuse(packed(16, &[0xFF; 64]));
    refuse(packed(16, &listpack_of(b"\xF0\xFF\xFF\xFF\xFFa\x07\x81v\x02", 2)));
    refuse(packed(13, b"\xFF\xFF\xFF\xFF\x0A\0\0\0\0\0\xFF"));
    refuse(packed(13, b"\x12\0\0\0\x0A\0\0\0\x01\0\0\x80\xFF\xFF\xFF\xFFa\xFF"));
    refuse(packed(9, b"\x01\xFE\xFF\xFF\xFF\xFFa\x01\0b\xFF"));
}

/// The earliest expiry of a hash.
const EARLIEST: [u8; 8] = 2_000_000_000_000_u64.to_le_bytes();

/// A hash of fields, values and expiries that are texts.
fn expiring(elements: &[&str]) -> Vec<u8> {
    [&[25][..], &EARLIEST, &string(&listpack(elements))].concat()
}

#[test]
fn hashes_whose_fields_expire_are_checked() {
    let expiring_strings = |earliest: u64, rest: &[u8]| [&[24][..], &earliest.to_le_bytes(), rest].concat();
    for (value, answer) in [
        (expiring(&["a", "v", "100", "b", "w", "0"]), "+OK"),
        (expiring_strings(100, b"\x02\x01\x01a\x01v\0\x01b\x01w"), "+OK"),
    ] {
        assert_eq!(restored(&TestStore::new(), "k", seal(value, 12)), answer);
    }
    refuse(vec![24]);
    refuse(vec![25, 1, 2, 3]);
    refuse(expiring(&[]));
    refuse(expiring(&["a", "v"]));
    refuse(expiring(&["a", "v", "100", "b"]));
    refuse(expiring(&["a", "v", "never"]));
    refuse(expiring(&["a", "v", "-1"]));
    refuse(expiring(&["a", "v", "281474976710655"]));
    refuse(expiring(&["a", "v", "100", "a", "w", "0"]));
    refuse(expiring(&["a", "v", "0", "a", "w", "100"]));
    refuse(expiring_strings(100, b"\0"));
    refuse(expiring_strings(100, b"\x02\x01\x01a\x01v"));
    refuse(expiring_strings(100, b"\x01\x01\x01a"));
    refuse(expiring_strings(100, b"\x02\x01\x01a\x01v\0\x01a\x01w"));
    refuse(expiring_strings(u64::MAX, b"\x01\x05\x01a\x01v"));
    refuse(expiring_strings(1 << 60, b"\x01\x01\x01a\x01v"));
    refuse(expiring_strings(100, b"\x01\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01a\x01v"));
    refuse(expiring_strings(100, b"\x81\x0F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01a\x01v"));
    // As Valkey has them.
    let valkey = |expiry: i64| [&b"\x16\x01\x01f\x01v"[..], &expiry.to_le_bytes()].concat();
    for (expiry, answer) in [(-1, "+OK"), (0, "+OK"), (i64::MAX, "+OK"), (-2, BAD_VALUE), (i64::MIN, BAD_VALUE)] {
        assert_eq!(restored(&TestStore::new(), "k", seal(valkey(expiry), 80)), answer, "{expiry}");
    }
    refuse(valkey(-1));
}

#[test]
fn expiries_that_are_not_in_order_are_put_into_order() {
    let store = TestStore::new();
    let value = expiring(&["a", "v", "0", "b", "w", "1700000000009", "c", "x", "1700000000005", "d", "y", "1"]);
    assert_eq!(restored(&store, "k", seal(value, 12)), "+OK");
    store.check([
        ("HKEYS k", r#"["c", "b", "a"]"#),
        ("HPEXPIRETIME k FIELDS 4 a b c d", "[:-1, :1700000000009, :1700000000005, :-2]"),
    ]);
    store.pass(6);
    store.remove_expired();
    store.check([("HLEN k", ":2")]);
}

#[test]
fn empty_collections_are_refused() {
    for tag in [1, 2, 3, 4, 5, 14, 18] {
        refuse(vec![tag, 0]);
    }
    for tag in [16, 17, 20] {
        refuse(packed(tag, &listpack(&[])));
        refuse(packed(tag, b""));
    }
    for tag in [10, 12, 13] {
        refuse(packed(tag, &ziplist(&[])));
    }
    refuse([&[14, 1][..], &string(&ziplist(&[]))].concat());
    refuse([&[18, 1, 2][..], &string(&listpack(&[]))].concat());
    refuse(packed(9, b"\0\xFF"));
    refuse(packed(11, &intset(2, 0, b"")));
}

#[test]
fn elements_that_are_there_twice_are_refused() {
    refuse(b"\x02\x02\x01a\x01a".to_vec());
    refuse(b"\x02\x02\xC0\x07\x017".to_vec());
    refuse(b"\x04\x02\x01a\x01v\x01a\x01w".to_vec());
    refuse([b"\x05\x02\x01a", &1_f64.to_le_bytes()[..], b"\x01a", &2_f64.to_le_bytes()].concat());
    refuse(b"\x03\x02\x01a\x011\x01a\x012".to_vec());
    refuse(packed(16, &listpack(&["a", "v", "a", "w"])));
    refuse(packed(17, &listpack(&["a", "1", "b", "2", "a", "3"])));
    refuse(packed(20, &listpack(&["a", "b", "a"])));
    refuse(packed(20, &listpack_of(b"\x05\x01\x815\x02", 2)));
    refuse(packed(13, &ziplist(&["a", "v", "a", "w"])));
    refuse(packed(12, &ziplist(&["a", "1", "a", "2"])));
    refuse(packed(9, b"\x02\x01a\x01\0v\x01a\x01\0w\xFF"));
    refuse(packed(11, &intset(2, 2, &[1, 0, 1, 0])));
    // More than stay packed.
    let names: Vec<String> = (0..200).map(|number| format!("m{}", number % 199)).collect();
    let members: Vec<&str> = names.iter().map(String::as_str).collect();
    refuse(packed(20, &listpack(&members)));
    refuse(packed(16, &listpack(&members.iter().flat_map(|field| [*field, "v"]).collect::<Vec<_>>().repeat(3))));
}

#[test]
fn scores_are_numbers_and_in_order() {
    refuse([b"\x05\x01\x01a", &f64::NAN.to_le_bytes()[..]].concat());
    refuse(b"\x03\x01\x01a\xFD".to_vec());
    refuse(b"\x03\x01\x01a\x03nan".to_vec());
    refuse(b"\x03\x01\x01a\x00".to_vec());
    refuse(packed(17, &listpack(&["a", "nan"])));
    refuse(packed(17, &listpack(&["a", "x"])));
    refuse(packed(17, &listpack(&["a", "2", "b", "1"])));
    refuse(packed(17, &listpack(&["b", "1", "a", "1"])));
    refuse(packed(12, &ziplist(&["a", "2", "b", "1"])));
}

#[test]
fn a_field_has_a_value_and_a_member_a_score() {
    for tag in [16, 17] {
        refuse(packed(tag, &listpack(&["a", "1", "b"])));
    }
    for tag in [12, 13] {
        refuse(packed(tag, &ziplist(&["a", "1", "b"])));
    }
    refuse(packed(9, b"\x01\x01a\xFF"));
    let many: Vec<String> = (0..1501).map(|number| number.to_string()).collect();
    refuse(packed(16, &listpack(&many.iter().map(String::as_str).collect::<Vec<_>>())));
}

#[test]
fn collections_in_one_string_are_consistent() {
    // The number of entries, the length, the end, the length behind an entry.
    refuse(packed(16, &listpack_of(b"\x81a\x02\x81v\x02", 4)));
    refuse(packed(16, &[&listpack(&["a", "v"])[..], b"x"].concat()));
    refuse(packed(16, &listpack(&["a", "v"])[..12]));
    refuse(packed(16, &listpack_of(b"\x81a\x02\x81v\x03", 2)));
    refuse(packed(16, &listpack_of(b"\x81a\x02\xFF\x81v\x02", 2)));
    // The offset of the last entry, the length of the one before, an encoding, the end.
    for (at, byte) in [(0, 12), (4, 10), (8, 3), (10, 1), (13, 4), (14, 0xFF), (14, 0xC1), (16, 0xFE)] {
        let mut changed = ziplist(&["a", "v"]);
        changed[at] = byte;
        refuse(packed(13, &changed));
    }
    refuse(packed(9, b"\x02\x01a\x01\0v\xFF"));
    refuse(packed(9, b"\x01\x01a\x01\0v\xFFx"));
    refuse(packed(9, b"\x01\x01a\x01\x05v\xFF"));
    refuse(packed(11, &intset(3, 1, &[1, 0, 0])));
    refuse(packed(11, &intset(2, 2, &[2, 0, 1, 0])));
    refuse(packed(11, &intset(2, 3, &[1, 0, 2, 0])));
}

#[test]
fn a_list_has_parts() {
    let part = |container: u8, part: &[u8]| [&[container][..], &string(part)].concat();
    let list = |parts: &[Vec<u8>]| [&[18, parts.len() as u8][..], &parts.concat()].concat();
    refuse(list(&[part(0, &listpack(&["a"]))]));
    refuse(list(&[part(3, &listpack(&["a"]))]));
    refuse(list(&[part(1, b"")]));
    refuse(list(&[part(2, b"a")]));
    let parts = [part(1, b"1"), part(2, &listpack(&[])), part(2, &listpack(&["a", "b"])), part(1, b"c")];
    let store = TestStore::new();
    assert_eq!(restored(&store, "k", seal(list(&parts), 11)), "+OK");
    store.check([("LRANGE k 0 -1", "[\"1\", \"a\", \"b\", \"c\"]"), ("OBJECT ENCODING k", "\"listpack\"")]);
    store.check([("CONFIG SET list-max-listpack-size 3", "+OK")]);
    assert_eq!(restored(&store, "k", seal(list(&parts), 11)), "+OK");
    store.check([("LRANGE k 0 -1", "[\"1\", \"a\", \"b\", \"c\"]"), ("OBJECT ENCODING k", "\"quicklist\"")]);
}

#[test]
fn entries_that_redis_would_have_encoded_in_another_way_are_encoded_anew() {
    let store = TestStore::new();
    // An integer as a string, another in more bytes than it needs, and a short string with a long length.
    let entries = b"\x8212\x03\xF1\x05\x00\x03\xE0\x01a\x03\xF0\x01\0\0\0b\x06";
    assert_eq!(restored(&store, "k", seal(packed(16, &listpack_of(entries, 4)), 11)), "+OK");
    store.check([("HGETALL k", "{\"12\": \"5\", \"a\": \"b\"}"), ("HSET k 12 6", ":0"), ("HLEN k", ":2")]);
    // The number of entries is not told.
    assert_eq!(restored(&store, "k", seal(packed(20, &listpack_of(b"\x81a\x02\x81b\x02", u16::MAX)), 11)), "+OK");
    store.check([("SMEMBERS k", "{\"a\", \"b\"}")]);
}

#[test]
fn a_collection_is_encoded_as_the_thresholds_say() {
    let store = TestStore::new();
    store.check([
        ("CONFIG SET set-max-listpack-entries 2", "+OK"),
        ("CONFIG SET hash-max-listpack-entries 1", "+OK"),
        ("CONFIG SET zset-max-listpack-entries 1", "+OK"),
        ("CONFIG SET set-max-intset-entries 1", "+OK"),
    ]);
    for (value, encoding) in [
        (packed(20, &listpack(&["a", "b"])), "\"listpack\""),
        (packed(20, &listpack(&["a", "b", "c"])), "\"hashtable\""),
        (packed(11, &intset(2, 1, &[1, 0])), "\"intset\""),
        (packed(11, &intset(2, 2, &[1, 0, 2, 0])), "\"hashtable\""),
        (packed(16, &listpack(&["a", "v"])), "\"listpack\""),
        (packed(16, &listpack(&["a", "v", "b", "w"])), "\"hashtable\""),
        (packed(17, &listpack(&["a", "1"])), "\"listpack\""),
        (packed(17, &listpack(&["a", "1", "b", "2"])), "\"skiplist\""),
    ] {
        assert_eq!(restored(&store, "k", seal(value, 11)), "+OK");
        store.check([("OBJECT ENCODING k", encoding)]);
    }
}

/// A change of a payload.
#[derive(Clone, Debug)]
enum Mutation {
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Truncate(usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"\x00\x01\x02\x7F\x80\x81\xC0\xC3\xE0\xF0\xF4\xFE\xFF".to_vec())
    ];
    prop_oneof![
        4 => (any::<usize>(), byte.clone()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        1 => (any::<usize>(), byte).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        1 => any::<usize>().prop_map(Mutation::Remove),
        1 => any::<usize>().prop_map(Mutation::Truncate),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    // Most structure is in the first bytes.
    let place = |at: usize, len: usize| if at.is_multiple_of(2) { at % len } else { at % len.min(24) };
    match *mutation {
        Mutation::Insert(at, byte) => bytes.insert(place(at, bytes.len() + 1), byte),
        _ if bytes.is_empty() => {}
        Mutation::Set(at, byte) => {
            let at = place(at, bytes.len());
            bytes[at] = byte;
        }
        Mutation::Remove(at) => drop(bytes.remove(place(at, bytes.len()))),
        Mutation::Truncate(at) => bytes.truncate(place(at, bytes.len())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_payload_that_was_changed_is_refused_or_restored(
        (write, _) in value(),
        mutations in prop::collection::vec(mutation(), 1..4),
        tag in prop::option::of(0..26_u8),
    ) {
        let store = TestStore::new();
        store.answer_to(write);
        let mut object = dumped(&store, "k");
        object.truncate(object.len() - 10);
        object[0] = tag.unwrap_or(object[0]);
        mutations.iter().for_each(|mutation| mutate(&mut object, mutation));
        match &*restored(&store, "l", seal(object, 11)) {
            // The fields of a hash may all have expired.
            "+OK" if store.answer("EXISTS l") == 0.into() => {}
            "+OK" => {
                let again = dumped(&store, "l");
                prop_assert_eq!(restored(&store, "m", again.clone()), "+OK");
                prop_assert_eq!(dumped(&store, "m").len(), again.len());
            }
            refused => prop_assert_eq!(refused, BAD_VALUE),
        }
    }

    #[test]
    fn a_part_of_a_value_is_refused((write, _) in value(), len in any::<prop::sample::Index>()) {
        let store = TestStore::new();
        store.answer_to(write);
        let mut object = dumped(&store, "k");
        object.truncate(object.len() - 10);
        object.truncate(len.index(object.len()));
        prop_assert_eq!(restored(&store, "l", seal(object, 11)), BAD_VALUE);
    }
}
