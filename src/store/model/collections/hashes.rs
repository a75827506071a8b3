//! HSET, HSETNX, HDEL, HGETDEL, HINCRBY, and what reads hashes.

use std::collections::BTreeMap;

use kvstore_protocol::{Command, Response};
use proptest::prelude::*;

use super::{KEYS, command, key, key_name, name, names, store, texts};
use crate::store::testing::TestStore;

#[derive(Clone, Debug)]
enum Step {
    Set(usize, Vec<(String, i64)>),
    SetNx(usize, String, i64),
    Remove(usize, Vec<String>),
    Take(usize, String),
    Add(usize, String, i64),
    Copy(usize, usize),
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
    ]
}

/// Some have more than ten digits.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-9..9_i64, any::<i32>().prop_map(|number| i64::from(number) * 1000)]
}

/// The fields of each key.
#[derive(Debug, Default)]
struct Model([BTreeMap<String, i64>; KEYS]);

impl Model {
    /// The command of a step, and its expected response.
    fn apply(&mut self, step: Step) -> (Command, Response) {
        match step {
            Step::Set(key, pairs) => {
                let words = pairs.iter().flat_map(|(field, number)| [field.clone(), number.to_string()]);
                let command = command("HSET", key).with_args(words);
                let new =
                    pairs.into_iter().filter(|(field, number)| self.0[key].insert(field.clone(), *number).is_none());
                (command, new.count().into())
            }
            Step::SetNx(key, field, number) => {
                let is_new = !self.0[key].contains_key(&field);
                self.0[key].entry(field.clone()).or_insert(number);
                (command("HSETNX", key).arg(field).arg(number), is_new.into())
            }
            Step::Remove(key, fields) => {
                let removed = fields.iter().filter(|field| self.0[key].remove(*field).is_some()).count();
                (command("HDEL", key).with_args(fields), removed.into())
            }
            Step::Take(key, field) => {
                let taken = self.0[key].remove(&field).map(|number| number.to_string());
                (command("HGETDEL", key).arg("FIELDS").arg(1).arg(field), Response::array([taken]))
            }
            Step::Add(key, field, number) => {
                let sum = self.0[key].entry(field.clone()).or_default();
                *sum += number;
                (command("HINCRBY", key).arg(field).arg(number), (*sum).into())
            }
            Step::Copy(from, to) => {
                let is_copied = from != to && !self.0[from].is_empty();
                if is_copied {
                    self.0[to] = self.0[from].clone();
                }
                let refusal = Response::error("ERR", "source and destination objects are the same");
                let answer = if from == to { refusal } else { is_copied.into() };
                (command("COPY", from).arg(key_name(to)).arg("REPLACE"), answer)
            }
        }
    }
}

fn check(store: &TestStore, model: &Model) {
    for (key, fields) in model.0.iter().enumerate() {
        let answer = |name: &str| store.answer_to(command(name, key));
        assert_eq!(answer("EXISTS"), usize::from(!fields.is_empty()).into());
        assert_eq!(answer("HLEN"), fields.len().into());
        let all = texts(answer("HGETALL"));
        let pairs: BTreeMap<_, _> = all.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        assert!(all.len() == 2 * pairs.len() && pairs.len() == fields.len());
        for (field, number) in fields {
            assert_eq!(pairs[field], number.to_string());
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
        let (store, mut model) = (store(threads), Model::default());
        for step in steps {
            let shown = format!("{step:?}");
            let (command, expected) = model.apply(step);
            prop_assert_eq!(store.answer_to(command), expected, "{}", shown);
            check(&store, &model);
        }
    }
}
