//! Property tests: hashes, sets and sorted sets answer as maps and sets of the standard library do. Thresholds are low, so that
//! collections change from one encoding to another.

mod hashes;
mod sets;
mod sorted_sets;

use kvstore_protocol::{Command, Response};
use proptest::prelude::*;

use crate::store::testing::TestStore;

/// The number of keys.
const KEYS: usize = 3;

/// A store in which five elements, or one of more than ten bytes, are many.
fn store(threads: usize) -> TestStore {
    let store = TestStore::with_threads(threads);
    for family in ["hash", "set", "zset"] {
        store.check([
            (&*format!("CONFIG SET {family}-max-listpack-entries 5"), "+OK"),
            (&*format!("CONFIG SET {family}-max-listpack-value 10"), "+OK"),
        ]);
    }
    store.check([("CONFIG SET set-max-intset-entries 4", "+OK")]);
    store
}

fn key() -> impl Strategy<Value = usize> {
    0..KEYS
}

fn key_name(key: usize) -> String {
    format!("key:{key}")
}

/// A command with a key as its first argument.
fn command(name: &str, key: usize) -> Command {
    Command::new(name).arg(key_name(key))
}

/// The name of an element: an integer, or a text that may be long.
fn name() -> impl Strategy<Value = String> {
    (0..16_u8).prop_map(|number| match number {
        0..8 => number.to_string(),
        8..14 => format!("n{number}"),
        _ => "long".repeat(usize::from(number)),
    })
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(name(), 1..4)
}

/// The elements of an array, a set or a map, as texts.
fn texts(response: Response) -> Vec<String> {
    let text = |item: &Response| match item {
        Response::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.to_string(),
    };
    match response.unpacked() {
        Response::Array(items) | Response::Set(items) => items.iter().map(text).collect(),
        Response::Map(pairs) => pairs.iter().flat_map(|(key, value)| [text(key), text(value)]).collect(),
        other => panic!("{other}"),
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}
