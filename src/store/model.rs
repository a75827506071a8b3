//! The store equals a naive model: a map, and a clock that both read.

use std::collections::HashMap;

use kvstore_protocol::{Command, Response, ToArg};
use proptest::prelude::*;

use super::testing::{START, TestStore};

/// What is done to both.
#[derive(Clone, Debug)]
enum Step {
    Get(Key),
    Set(Key, Bytes),
    SetIfMissing(Key, Bytes),
    SetFor(Key, Bytes, u64),
    SetKeepingEnd(Key, Bytes),
    Append(Key, Bytes),
    Overwrite(Key, usize, Bytes),
    Range(Key, i64, i64),
    Add(Key, i64),
    Delete(Key, Key),
    Rename(Key, Key),
    Copy(Key, Key),
    Expire(Key, i64),
    ExpireLater(Key, i64),
    Persist(Key),
    TimeLeft(Key),
    Exists(Key, Key),
    Count,
    Flush,
    Pass(u64),
    /// Removes what is due, as the task beside a server does.
    Maintain,
}

/// A key: most are short, some are longer than a record can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key(u16);

type Bytes = Vec<u8>;

impl ToArg for Key {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let name = format!("{}:", self.0).repeat(if self.0 % 3 == 2 { 100 } else { 1 });
        f(name.as_bytes())
    }
}

fn key() -> impl Strategy<Value = Key> {
    (0..6_u16).prop_map(Key)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        (-20..20_i64).prop_map(|number| number.to_string().into_bytes()),
        Just(i64::MAX.to_string().into_bytes()),
        // Around the length up to which a string is held inline.
        prop::collection::vec(any::<u8>(), 0..4),
        prop::collection::vec(any::<u8>(), 60..80),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => key().prop_map(Step::Get),
        3 => (key(), bytes()).prop_map(|(key, value)| Step::Set(key, value)),
        1 => (key(), bytes()).prop_map(|(key, value)| Step::SetIfMissing(key, value)),
        2 => (key(), bytes(), 1..100_u64).prop_map(|(key, value, time)| Step::SetFor(key, value, time)),
        1 => (key(), bytes()).prop_map(|(key, value)| Step::SetKeepingEnd(key, value)),
        2 => (key(), bytes()).prop_map(|(key, value)| Step::Append(key, value)),
        1 => (key(), 0..90_usize, bytes()).prop_map(|(key, at, value)| Step::Overwrite(key, at, value)),
        1 => (key(), -90..90_i64, -90..90_i64).prop_map(|(key, start, end)| Step::Range(key, start, end)),
        2 => (key(), prop_oneof![-9..9_i64, any::<i64>()]).prop_map(|(key, number)| Step::Add(key, number)),
        1 => (key(), key()).prop_map(|(one, other)| Step::Delete(one, other)),
        2 => (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => (key(), key()).prop_map(|(from, to)| Step::Copy(from, to)),
        2 => (key(), -5..100_i64).prop_map(|(key, time)| Step::Expire(key, time)),
        1 => (key(), -5..100_i64).prop_map(|(key, time)| Step::ExpireLater(key, time)),
        1 => key().prop_map(Step::Persist),
        2 => key().prop_map(Step::TimeLeft),
        1 => (key(), key()).prop_map(|(one, other)| Step::Exists(one, other)),
        1 => Just(Step::Count),
        1 => Just(Step::Flush),
        3 => (1..60_u64).prop_map(Step::Pass),
        1 => Just(Step::Maintain),
    ]
}

/// The simplest store that answers the same.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    entries: HashMap<Key, (Bytes, Option<u64>)>,
}

impl Model {
    fn value(&self, key: Key) -> Option<&Bytes> {
        self.entries.get(&key).map(|(value, _)| value)
    }

    fn end(&self, key: Key) -> Option<u64> {
        self.entries.get(&key).and_then(|(_, end)| *end)
    }

    fn set(&mut self, key: Key, value: Bytes, end: Option<u64>) -> Response {
        self.entries.insert(key, (value, end));
        Response::ok()
    }

    /// Changes a value, or an empty one; its end stays.
    fn change(&mut self, key: Key, change: impl FnOnce(&mut Bytes)) -> Response {
        let (value, _) = self.entries.entry(key).or_default();
        change(value);
        value.len().into()
    }

    fn expire(&mut self, key: Key, time: i64) -> Response {
        let end = self.now as i64 + time;
        match self.entries.get_mut(&key) {
            Some(entry) => entry.1 = Some(end as u64),
            None => return false.into(),
        }
        self.remove_due();
        true.into()
    }

    fn add(&mut self, key: Key, number: i64) -> Response {
        let is_strict = |number: &i64, text: &Bytes| number.to_string().as_bytes() == text;
        let before = self.value(key).map_or(Some(0), |text| {
            String::from_utf8(text.clone()).ok()?.parse().ok().filter(|number| is_strict(number, text))
        });
        let Some(before) = before else {
            return Response::error("ERR", "value is not an integer or out of range");
        };
        let Some(sum) = before.checked_add(number) else {
            return Response::error("ERR", "increment or decrement would overflow");
        };
        let end = self.end(key);
        self.set(key, sum.to_string().into_bytes(), end);
        sum.into()
    }

    fn remove_due(&mut self) {
        self.entries.retain(|_, (_, end)| end.is_none_or(|end| end > self.now));
    }

    fn range(&self, key: Key, start: i64, end: i64) -> Response {
        let value = self.value(key).cloned().unwrap_or_default();
        let length = value.len() as i64;
        let from_start = |index: i64| if index < 0 { (length + index).max(0) } else { index };
        if start < 0 && end < 0 && start > end {
            return Response::from("");
        }
        let (start, end) = (from_start(start), from_start(end));
        let indices = (start..=end).filter(|index| *index < length);
        Response::from(indices.map(|index| value[index as usize]).collect::<Vec<_>>())
    }

    /// The command of a step, and what it is to be answered with. `None` when only the time changes.
    fn apply(&mut self, step: &Step) -> Option<(Command, Response)> {
        self.remove_due();
        let named = |name: &str, key: Key| Command::new(name).arg(key);
        Some(match step.clone() {
            Step::Get(key) => (Command::get(key), self.value(key).cloned().into()),
            Step::Set(key, value) => (Command::set(key, &value), self.set(key, value, None)),
            Step::SetIfMissing(key, value) => {
                let is_free = self.value(key).is_none();
                let answer = if is_free { self.set(key, value.clone(), None) } else { Response::Null };
                (Command::set(key, value).arg("NX"), answer)
            }
            Step::SetFor(key, value, time) => {
                let command = Command::set(key, &value).arg("PX").arg(time);
                (command, self.set(key, value, Some(self.now + time)))
            }
            Step::SetKeepingEnd(key, value) => {
                (Command::set(key, &value).arg("KEEPTTL"), self.set(key, value, self.end(key)))
            }
            Step::Append(key, tail) => {
                (named("APPEND", key).arg(&tail), self.change(key, |value| value.extend_from_slice(&tail)))
            }
            Step::Overwrite(key, at, patch) => {
                let command = named("SETRANGE", key).arg(at).arg(&patch);
                if patch.is_empty() {
                    return Some((command, self.value(key).map_or(0, Vec::len).into()));
                }
                let end = at + patch.len();
                let answer = self.change(key, |value| {
                    value.resize(value.len().max(end), 0);
                    value[at..end].copy_from_slice(&patch);
                });
                (command, answer)
            }
            Step::Range(key, start, end) => (named("GETRANGE", key).arg(start).arg(end), self.range(key, start, end)),
            Step::Add(key, number) => (named("INCRBY", key).arg(number), self.add(key, number)),
            Step::Delete(one, other) => {
                let removed = [one, other].map(|key| usize::from(self.entries.remove(&key).is_some()));
                (named("DEL", one).arg(other), (removed[0] + removed[1]).into())
            }
            Step::Rename(from, to) => {
                let answer = match self.entries.remove(&from) {
                    Some((value, end)) => self.set(to, value, end),
                    None => Response::error("ERR", "no such key"),
                };
                (named("RENAME", from).arg(to), answer)
            }
            Step::Copy(from, to) => {
                let command = named("COPY", from).arg(to).arg("REPLACE");
                if from == to {
                    let text = "source and destination objects are the same";
                    return Some((command, Response::error("ERR", text)));
                }
                let copied = self.entries.get(&from).cloned();
                let is_there = copied.is_some();
                copied.into_iter().for_each(|entry| drop(self.entries.insert(to, entry)));
                (command, is_there.into())
            }
            Step::Expire(key, time) => (named("PEXPIRE", key).arg(time), self.expire(key, time)),
            Step::ExpireLater(key, time) => {
                let is_later = self.end(key).is_some_and(|end| self.now as i64 + time > end as i64);
                let answer = if is_later { self.expire(key, time) } else { false.into() };
                (named("PEXPIRE", key).arg(time).arg("GT"), answer)
            }
            Step::Persist(key) => {
                let end = self.entries.get_mut(&key).and_then(|(_, end)| end.take());
                (named("PERSIST", key), end.is_some().into())
            }
            Step::TimeLeft(key) => {
                let left = match self.entries.get(&key) {
                    Some((_, Some(end))) => (end - self.now) as i64,
                    Some((_, None)) => -1,
                    None => -2,
                };
                (named("PTTL", key), left.into())
            }
            Step::Exists(one, other) => {
                let there = [one, other].map(|key| usize::from(self.entries.contains_key(&key)));
                (named("EXISTS", one).arg(other), (there[0] + there[1]).into())
            }
            // What is due and not removed yet counts for DBSIZE, so the keys are counted in what MGET finds.
            Step::Count => {
                let found = (0..6).map(|key| self.value(Key(key)).cloned());
                (Command::new("MGET").with_args((0..6).map(Key)), Response::array(found))
            }
            Step::Flush => {
                self.entries.clear();
                (Command::new("FLUSHALL"), Response::ok())
            }
            Step::Pass(_) | Step::Maintain => return None,
        })
    }
}

/// What is done to many keys.
#[derive(Clone, Debug)]
enum Change {
    Set(usize),
    SetFor(usize, u64),
    Append(usize),
    Delete,
    Persist,
    Pass(u64),
}

fn change() -> impl Strategy<Value = Change> {
    let length = || prop_oneof![3 => 0..20_usize, 3 => 55..90_usize, 1 => 0..400_usize];
    prop_oneof![
        6 => length().prop_map(Change::Set),
        3 => (length(), 1..2000_u64).prop_map(|(length, time)| Change::SetFor(length, time)),
        3 => length().prop_map(Change::Append),
        4 => Just(Change::Delete),
        1 => Just(Change::Persist),
        1 => (1..20_u64).prop_map(Change::Pass),
    ]
}

/// Does the same to a store and to a model.
fn apply(store: &TestStore, model: &mut Model, key: Key, change: &Change) {
    let step = match *change {
        Change::Set(length) => Step::Set(key, vec![b's'; length]),
        Change::SetFor(length, time) => Step::SetFor(key, vec![b'e'; length], time),
        Change::Append(length) => Step::Append(key, vec![b'a'; length]),
        Change::Delete => Step::Delete(key, key),
        Change::Persist => Step::Persist(key),
        Change::Pass(time) => {
            store.pass(time);
            model.now += time;
            store.remove_expired();
            return;
        }
    };
    let Some((command, expected)) = model.apply(&step) else { return };
    assert_eq!(store.answer_to(command), expected, "{step:?}");
}

proptest! {
    #[test]
    fn the_store_answers_as_the_model(steps in prop::collection::vec(step(), 1..200)) {
        let store = TestStore::new();
        let mut model = Model { now: START, ..Model::default() };
        for step in steps {
            match step {
                Step::Pass(time) => {
                    store.pass(time);
                    model.now += time;
                }
                Step::Maintain => {
                    store.remove_expired();
                    model.remove_due();
                    prop_assert_eq!(store.answer("DBSIZE"), model.entries.len().into());
                }
                _ => {}
            }
            let Some((command, expected)) = model.apply(&step) else { continue };
            prop_assert_eq!(store.answer_to(command), expected, "{:?}", step);
        }
    }

    /// So many keys that the table grows and shrinks, and that entries move when others of their length go.
    #[test]
    fn many_entries_keep_their_values_and_ends_while_others_come_and_go(
        changes in prop::collection::vec((0..300_u16, change()), 500..2000),
        threads in 1..3_usize,
    ) {
        let store = TestStore::with_threads(threads);
        let mut model = Model { now: START, ..Model::default() };
        for (key, change) in &changes {
            apply(&store, &mut model, Key(*key), change);
        }
        store.remove_expired();
        model.remove_due();
        prop_assert_eq!(store.answer("DBSIZE"), model.entries.len().into());
        for key in (0..300).map(Key) {
            let (command, expected) = model.apply(&Step::Get(key)).expect("a command");
            prop_assert_eq!(store.answer_to(command), expected);
            let (command, expected) = model.apply(&Step::TimeLeft(key)).expect("a command");
            prop_assert_eq!(store.answer_to(command), expected);
        }
        for key in (0..300).map(Key) {
            apply(&store, &mut model, key, &Change::Delete);
        }
        prop_assert_eq!(store.answer("DBSIZE"), 0_usize.into());
    }
}
