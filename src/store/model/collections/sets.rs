//! SADD, SREM, SPOP, SMOVE, SINTERSTORE and its kin, and what reads sets.

use std::collections::BTreeSet;

use kvstore_protocol::Command;
use proptest::prelude::*;

use super::{KEYS, command, key, key_name, name, names, sorted, store, texts};
use crate::store::testing::TestStore;

#[derive(Clone, Debug)]
enum Step {
    Add(usize, Vec<String>),
    Remove(usize, Vec<String>),
    Pop(usize, usize),
    Move(usize, usize, String),
    Intersect(usize, usize, usize),
    Unite(usize, usize, usize),
    Subtract(usize, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let keys = || (key(), key(), key());
    prop_oneof![
        6 => (key(), names()).prop_map(|(key, members)| Step::Add(key, members)),
        4 => (key(), names()).prop_map(|(key, members)| Step::Remove(key, members)),
        1 => (key(), 0..4_usize).prop_map(|(key, count)| Step::Pop(key, count)),
        2 => (key(), key(), name()).prop_map(|(from, to, member)| Step::Move(from, to, member)),
        1 => keys().prop_map(|(to, one, other)| Step::Intersect(to, one, other)),
        1 => keys().prop_map(|(to, one, other)| Step::Unite(to, one, other)),
        1 => keys().prop_map(|(to, one, other)| Step::Subtract(to, one, other)),
    ]
}

type Members = BTreeSet<String>;

/// The members of each key.
#[derive(Debug, Default)]
struct Model([Members; KEYS]);

impl Model {
    /// Does a step to both, and compares the answers.
    fn apply(&mut self, store: &TestStore, step: Step) {
        match step {
            Step::Add(key, members) => {
                let added = members.iter().filter(|member| self.0[key].insert((*member).clone())).count();
                assert_eq!(store.answer_to(command("SADD", key).with_args(members)), added.into());
            }
            Step::Remove(key, members) => {
                let removed = members.iter().filter(|member| self.0[key].remove(*member)).count();
                assert_eq!(store.answer_to(command("SREM", key).with_args(members)), removed.into());
            }
            Step::Pop(key, count) => {
                let popped = texts(store.answer_to(command("SPOP", key).arg(count)));
                assert_eq!(popped.len(), count.min(self.0[key].len()));
                assert!(popped.iter().all(|member| self.0[key].remove(member)));
            }
            Step::Move(from, to, member) => {
                let is_member = self.0[from].remove(&member);
                if is_member {
                    self.0[to].insert(member.clone());
                }
                assert_eq!(store.answer_to(command("SMOVE", from).arg(key_name(to)).arg(member)), is_member.into());
            }
            Step::Intersect(to, one, other) => {
                self.combine(store, "SINTER", [to, one, other], |one, other| one & other)
            }
            Step::Unite(to, one, other) => self.combine(store, "SUNION", [to, one, other], |one, other| one | other),
            Step::Subtract(to, one, other) => self.combine(store, "SDIFF", [to, one, other], |one, other| one - other),
        }
    }

    /// Compares the three commands that combine sets in one way.
    fn combine(
        &mut self,
        store: &TestStore,
        name: &str,
        keys: [usize; 3],
        combine: impl Fn(&Members, &Members) -> Members,
    ) {
        let [to, one, other] = keys;
        let combined = combine(&self.0[one], &self.0[other]);
        let sources = [one, other].map(key_name);
        let answered = texts(store.answer_to(Command::new(name).with_args(&sources)));
        assert_eq!(sorted(answered), combined.iter().cloned().collect::<Vec<_>>());
        let counted = Command::new(format!("{name}CARD")).arg(2).with_args(&sources);
        assert_eq!(store.answer_to(counted), combined.len().into());
        let stored = Command::new(format!("{name}STORE")).arg(key_name(to)).with_args(&sources);
        assert_eq!(store.answer_to(stored), combined.len().into());
        self.0[to] = combined;
    }

    fn check(&self, store: &TestStore) {
        for (key, members) in self.0.iter().enumerate() {
            let answer = |name: &str| store.answer_to(command(name, key));
            assert_eq!(answer("EXISTS"), usize::from(!members.is_empty()).into());
            assert_eq!(answer("SCARD"), members.len().into());
            assert_eq!(sorted(texts(answer("SMEMBERS"))), members.iter().cloned().collect::<Vec<_>>());
            for member in members {
                assert_eq!(store.answer_to(command("SISMEMBER", key).arg(member)), true.into());
            }
            let drawn = texts(store.answer_to(command("SRANDMEMBER", key).arg(3)));
            assert!(drawn.len() == members.len().min(3) && drawn.iter().all(|member| members.contains(member)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sets_answer_as_sets(steps in prop::collection::vec(step(), 1..80), threads in 1..9_usize) {
        let (store, mut model) = (store(threads), Model::default());
        for step in steps {
            model.apply(&store, step);
            model.check(&store);
        }
    }
}
