//! Property tests: the store answers as a naive model of it does, a map and a clock. `collections` has models
//! of hashes, sets and sorted sets; `replay` compares stores with each other.

mod collections;
mod expiry;
mod keys;
mod many_keys;
mod replay;
mod strings;

use std::collections::HashMap;

use kvstore_protocol::{Command, Response, ToArg};
use proptest::prelude::*;

use super::testing::{START, TestStore};
use expiry::ExpiryStep;
use keys::KeyStep;
use strings::StringStep;

type Bytes = Vec<u8>;

/// What is done to the store and to the model.
#[derive(Clone, Debug)]
enum Step {
    String(StringStep),
    Expiry(ExpiryStep),
    Key(KeyStep),
    /// The clock advances by so many milliseconds.
    Advance(u64),
    /// Active expiry.
    RemoveExpired,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        17 => strings::step().prop_map(Step::String),
        6 => expiry::step().prop_map(Step::Expiry),
        9 => keys::step().prop_map(Step::Key),
        3 => (1..60_u64).prop_map(Step::Advance),
        1 => Just(Step::RemoveExpired),
    ]
}

/// The name of a key, by number. Most names are short, some are too long for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct KeyName(u16);

impl ToArg for KeyName {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let name = format!("{}:", self.0).repeat(if self.0 % 3 == 2 { 100 } else { 1 });
        f(name.as_bytes())
    }
}

/// The number of keys that steps use.
const KEYS: u16 = 6;

fn key() -> impl Strategy<Value = KeyName> {
    (0..KEYS).prop_map(KeyName)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        (-20..20_i64).prop_map(|number| number.to_string().into_bytes()),
        Just(i64::MAX.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..4),
        // Around the longest string that a response holds inline.
        prop::collection::vec(any::<u8>(), 60..80),
    ]
}

/// A command with a key as its first argument.
fn command(name: &str, key: KeyName) -> Command {
    Command::new(name).arg(key)
}

/// The simplest store that answers the same.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    /// Each value, and its expiry.
    entries: HashMap<KeyName, (Bytes, Option<u64>)>,
}

impl Model {
    fn new() -> Self {
        Self { now: START, ..Self::default() }
    }

    fn value(&self, key: KeyName) -> Option<&Bytes> {
        self.entries.get(&key).map(|(value, _)| value)
    }

    fn expires_at(&self, key: KeyName) -> Option<u64> {
        self.entries.get(&key).and_then(|(_, expires_at)| *expires_at)
    }

    fn set(&mut self, key: KeyName, value: Bytes, expires_at: Option<u64>) -> Response {
        self.entries.insert(key, (value, expires_at));
        Response::ok()
    }

    fn remove_expired(&mut self) {
        self.entries.retain(|_, (_, expires_at)| expires_at.is_none_or(|at| at >= self.now));
    }

    /// The command of a step, and its expected response; `None` if the step has no command.
    fn apply(&mut self, step: Step) -> Option<(Command, Response)> {
        self.remove_expired();
        match step {
            Step::String(step) => Some(self.apply_to_string(step)),
            Step::Expiry(step) => Some(self.apply_to_expiry(step)),
            Step::Key(step) => Some(self.apply_to_keys(step)),
            Step::Advance(_) | Step::RemoveExpired => None,
        }
    }
}

/// Does a step to both, and compares the responses.
fn check(store: &TestStore, model: &mut Model, step: Step) {
    match step {
        Step::Advance(time) => {
            store.pass(time);
            model.now += time;
        }
        Step::RemoveExpired => {
            store.remove_expired();
            model.remove_expired();
            assert_eq!(store.answer("DBSIZE"), model.entries.len().into());
        }
        _ => {}
    }
    let shown = format!("{step:?}");
    let Some((command, expected)) = model.apply(step) else { return };
    assert_eq!(store.answer_to(command), expected, "{shown}");
}

proptest! {
    #[test]
    fn the_store_answers_as_the_model(steps in prop::collection::vec(step(), 1..200)) {
        let (store, mut model) = (TestStore::new(), Model::new());
        steps.into_iter().for_each(|step| check(&store, &mut model, step));
    }
}
