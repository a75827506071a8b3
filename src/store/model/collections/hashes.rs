//! HSET, HSETNX, HDEL, HGETDEL, HINCRBY, HPEXPIRE, HPERSIST, HSETEX, and what reads hashes.

use std::collections::BTreeMap;

use kvstore_protocol::{Command, Response};
use proptest::prelude::*;

use super::{KEYS, command, key, key_name, name, names, store, texts};
use crate::store::testing::{START, TestStore};

#[derive(Clone, Debug)]
enum Step {
    Set(usize, Vec<(String, i64)>),
    SetNx(usize, String, i64),
    Remove(usize, Vec<String>),
    Take(usize, String),
    Add(usize, String, i64),
    Copy(usize, usize),
    Expire(usize, Vec<String>, u64),
    Persist(usize, Vec<String>),
    /// Sets a field, which keeps its expiry, or gets one.
    SetEx(usize, String, i64, Option<u64>),
    /// The clock advances by so many milliseconds.
    Advance(u64),
    RemoveExpired,
}

fn step() -> impl Strategy<Value = Step> {
    let pairs = prop::collection::vec((name(), number()), 1..4);
    prop_oneof![
        4 => (key(), pairs).prop_map(|(key, pairs)| Step::Set(key, pairs)),
        2 => (key(), name(), number()).prop_map(|(key, field, number)| Step::SetNx(key, field, number)),
        3 => (key(), names()).prop_map(|(key, fields)| Step::Remove(key, fields)),
        1 => (key(), name()).prop_map(|(key, field)| Step::Take(key, field)),
        2 => (key(), name(), number()).prop_map(|(key, field, number)| Step::Add(key, field, number)),
        1 => (key(), key()).prop_map(|(from, to)| Step::Copy(from, to)),
        3 => (key(), names(), 0..30_u64).prop_map(|(key, fields, time)| Step::Expire(key, fields, time)),
        1 => (key(), names()).prop_map(|(key, fields)| Step::Persist(key, fields)),
        2 => (key(), name(), number(), prop::option::of(0..30_u64))
            .prop_map(|(key, field, number, time)| Step::SetEx(key, field, number, time)),
        3 => (1..20_u64).prop_map(Step::Advance),
        1 => Just(Step::RemoveExpired),
    ]
}

/// Some have more than ten digits.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-9..9_i64, any::<i32>().prop_map(|number| i64::from(number) * 1000)]
}

/// The fields of each key, each with its value and its expiry.
#[derive(Debug)]
struct Model {
    now: u64,
    hashes: [BTreeMap<String, (i64, Option<u64>)>; KEYS],
}

impl Model {
    fn new() -> Self {
        Self { now: START, hashes: Default::default() }
    }

    fn advance(&mut self, time: u64) {
        self.now += time;
        for hash in &mut self.hashes {
            hash.retain(|_, (_, expires_at)| expires_at.is_none_or(|at| at >= self.now));
        }
    }

    /// The command of a step, and its expected response; `None` if the step has no command.
    fn apply(&mut self, step: Step) -> Option<(Command, Response)> {
        Some(match step {
            Step::Set(key, pairs) => {
                let words = pairs.iter().flat_map(|(field, number)| [field.clone(), number.to_string()]);
                let (command, hash) = (command("HSET", key).with_args(words), &mut self.hashes[key]);
                let is_new = |(field, number): &(String, i64)| hash.insert(field.clone(), (*number, None)).is_none();
                (command, pairs.into_iter().filter(is_new).count().into())
            }
            Step::SetNx(key, field, number) => {
                let is_new = !self.hashes[key].contains_key(&field);
                self.hashes[key].entry(field.clone()).or_insert((number, None));
                (command("HSETNX", key).arg(field).arg(number), is_new.into())
            }
            Step::Remove(key, fields) => {
                let removed = fields.iter().filter(|field| self.hashes[key].remove(*field).is_some()).count();
                (command("HDEL", key).with_args(fields), removed.into())
            }
            Step::Take(key, field) => {
                let taken = self.hashes[key].remove(&field).map(|(number, _)| number.to_string());
                (command("HGETDEL", key).arg("FIELDS").arg(1).arg(field), Response::array([taken]))
            }
            Step::Add(key, field, number) => {
                let (sum, _) = self.hashes[key].entry(field.clone()).or_default();
                *sum += number;
                (command("HINCRBY", key).arg(field).arg(number), (*sum).into())
            }
            Step::Copy(from, to) => {
                let is_copied = from != to && !self.hashes[from].is_empty();
                if is_copied {
                    self.hashes[to] = self.hashes[from].clone();
                }
                let refusal = Response::error("ERR", "source and destination objects are the same");
                let answer = if from == to { refusal } else { is_copied.into() };
                (command("COPY", from).arg(key_name(to)).arg("REPLACE"), answer)
            }
            Step::Expire(key, fields, time) => {
                let results: Vec<_> = fields.iter().map(|field| self.expire(key, field, time)).collect();
                let command = command("HPEXPIRE", key).arg(time).arg("FIELDS").arg(fields.len()).with_args(fields);
                (command, integers(results))
            }
            Step::Persist(key, fields) => {
                let results = fields.iter().map(|field| match self.hashes[key].get_mut(field) {
                    None => -2,
                    Some((_, expires_at)) => expires_at.take().map_or(-1, |_| 1),
                });
                let results = results.collect();
                let command = command("HPERSIST", key).arg("FIELDS").arg(fields.len()).with_args(fields);
                (command, integers(results))
            }
            Step::SetEx(key, field, number, time) => {
                self.hashes[key].entry(field.clone()).or_insert((0, None)).0 = number;
                let command = match time {
                    None => command("HSETEX", key).arg("KEEPTTL"),
                    Some(time) => {
                        self.expire(key, &field, time);
                        command("HSETEX", key).arg("PX").arg(time)
                    }
                };
                (command.arg("FIELDS").arg(1).arg(field).arg(number), 1.into())
            }
            Step::Advance(_) | Step::RemoveExpired => return None,
        })
    }

    /// Gives a field an expiry so many milliseconds from now.
    fn expire(&mut self, key: usize, field: &str, time: u64) -> i64 {
        match self.hashes[key].get_mut(field) {
            None => -2,
            Some(_) if time == 0 => {
                self.hashes[key].remove(field);
                2
            }
            Some((_, expires_at)) => {
                *expires_at = Some(self.now + time);
                1
            }
        }
    }
}

fn integers(integers: Vec<i64>) -> Response {
    Response::Array(integers.into_iter().map(Response::Integer).collect())
}

fn check(store: &TestStore, model: &Model) {
    for (key, fields) in model.hashes.iter().enumerate() {
        let answer = |name: &str| store.answer_to(command(name, key));
        assert_eq!(answer("EXISTS"), usize::from(!fields.is_empty()).into());
        // Those that are not removed yet are counted.
        assert!(matches!(answer("HLEN"), Response::Integer(count) if count >= fields.len() as i64));
        let all = texts(answer("HGETALL"));
        let pairs: BTreeMap<_, _> = all.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        assert!(all.len() == 2 * pairs.len() && pairs.len() == fields.len());
        for (field, (number, expires_at)) in fields {
            assert_eq!(pairs[field], number.to_string());
            let expiry = command("HPEXPIRETIME", key).with_args(["FIELDS", "1", field]);
            assert_eq!(store.answer_to(expiry).unpacked(), integers(vec![expires_at.map_or(-1, |at| at as i64)]));
            let found = store.answer_to(command("HGET", key).arg(field));
            assert_eq!(found, number.to_string().into());
        }
        assert_eq!(texts(answer("HKEYS")).len(), fields.len());
        assert_eq!(texts(answer("HVALS")).len(), fields.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn hashes_answer_as_maps(steps in prop::collection::vec(step(), 1..80), threads in 1..9_usize) {
        let (store, mut model) = (store(threads), Model::new());
        for step in steps {
            let shown = format!("{step:?}");
            match step {
                Step::Advance(time) => {
                    store.pass(time);
                    model.advance(time);
                }
                Step::RemoveExpired => {
                    store.remove_expired();
                    let left = model.hashes.iter().filter(|hash| !hash.is_empty()).count();
                    prop_assert_eq!(store.answer("DBSIZE"), left.into());
                    for (key, hash) in model.hashes.iter().enumerate() {
                        prop_assert_eq!(store.answer_to(command("HLEN", key)), hash.len().into());
                    }
                }
                _ => {}
            }
            let Some((command, expected)) = model.apply(step) else { continue };
            prop_assert_eq!(store.answer_to(command).unpacked(), expected.unpacked(), "{}", shown);
            check(&store, &model);
        }
    }
}
