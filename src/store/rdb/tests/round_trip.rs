//! Property test: what is dumped is restored.

use kvstore_protocol::Command;
use proptest::prelude::*;

use super::{dumped, restored};
use crate::store::testing::{TestStore, command};

/// The commands that read all of a value, by its type.
const READERS: &[(&str, &str)] = &[
    ("SET", "GET"),
    ("RPUSH", "LRANGE"),
    ("HSET", "HGETALL"),
    ("HSETEX", "HGETALL"),
    ("SADD", "SMEMBERS"),
    ("ZADD", "ZRANGE"),
];

/// Texts of every encoding.
pub(super) fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<i8>().prop_map(|number| number.to_string().into_bytes()),
        any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..80),
        ("[ab]{1,4}", 0..200_usize).prop_map(|(part, times)| part.repeat(times).into_bytes()),
    ]
}

/// A command that creates a value, and one that reads it.
pub(super) fn value() -> impl Strategy<Value = (Command, Command)> {
    let elements = prop_oneof![4 => prop::collection::vec((text(), any::<f32>()), 1..12),
        1 => prop::collection::vec((text(), any::<f32>()), 100..300)];
    (0..READERS.len(), elements).prop_map(|(kind, elements)| {
        let (writer, reader) = READERS[kind];
        let write = elements.iter().take(if writer == "SET" { 1 } else { usize::MAX });
        let start = match writer {
            "HSETEX" => command("HSETEX k PXAT 2000000000000 FIELDS").arg(elements.len()),
            _ => command(writer).arg("k"),
        };
        let write = write.fold(start, |command, (text, number)| match writer {
            "HSET" | "HSETEX" => command.arg(text.clone()).arg(number.to_string()),
            "ZADD" => command.arg(if number.is_nan() { "0".to_owned() } else { number.to_string() }).arg(text.clone()),
            _ => command.arg(text.clone()),
        });
        let read = command(reader).arg("k");
        let read = match reader {
            "LRANGE" => read.with_args(["0", "-1"]),
            "ZRANGE" => read.with_args(["0", "-1", "WITHSCORES"]),
            _ => read,
        };
        (write, read)
    })
}

/// The answer without its order.
fn sorted(answer: &str) -> Vec<String> {
    let mut parts: Vec<_> = answer.split(", ").map(str::to_owned).collect();
    parts.sort();
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_value_that_is_dumped_and_restored_is_the_same((write, read) in value()) {
        let (store, other) = (TestStore::new(), TestStore::new());
        store.answer_to(write);
        let payload = dumped(&store, "k");
        prop_assert_eq!(restored(&other, "k", payload.clone()), "+OK");
        prop_assert_eq!(
            store.answer("OBJECT ENCODING k").to_string().replace("raw", "embstr"),
            other.answer("OBJECT ENCODING k").to_string().replace("raw", "embstr")
        );
        let (before, after) = (store.answer_to(read.clone()).to_string(), other.answer_to(read).to_string());
        let is_table = store.answer("OBJECT ENCODING k").to_string().contains("hashtable");
        if is_table {
            prop_assert_eq!(sorted(before.trim_matches(['{', '}'])), sorted(after.trim_matches(['{', '}'])));
            prop_assert_eq!(dumped(&other, "k").len(), payload.len());
        } else {
            prop_assert_eq!(before, after);
            prop_assert_eq!(dumped(&other, "k"), payload);
        }
    }
}

#[test]
fn the_expiry_of_each_field_is_dumped_and_restored() {
    for entries in [512, 1] {
        let (store, other) = (TestStore::new(), TestStore::new());
        store.check([
            (&*format!("CONFIG SET hash-max-listpack-entries {entries}"), "+OK"),
            ("HSET k a 1 b 2 c 3 d 4", ":4"),
            ("HPEXPIREAT k 1700000000500 FIELDS 1 b", "[:1]"),
            ("HPEXPIREAT k 70368744177663 FIELDS 1 c", "[:1]"),
            ("HPEXPIREAT k 1700000000001 FIELDS 1 d", "[:1]"),
        ]);
        assert_eq!(restored(&other, "k", dumped(&store, "k")), "+OK");
        other.check([
            ("HPEXPIRETIME k FIELDS 4 a b c d", "[:-1, :1700000000500, :70368744177663, :1700000000001]"),
            ("HMGET k a b c d", r#"["1", "2", "3", "4"]"#),
        ]);
        other.pass(2);
        other.check([("HTTL k FIELDS 1 d", "[:-2]")]);
        other.remove_expired();
        other.check([("HLEN k", ":3"), ("HPERSIST k FIELDS 2 b c", "[:1, :1]")]);
        // Without expiries it is a hash like any other.
        assert_eq!(dumped(&other, "k")[0], 4);
    }
}
