//! ZADD, ZINCRBY, ZREM, ZPOPMIN, ZREMRANGEBYRANK, ZRANGESTORE, ZUNIONSTORE and their kin, and what reads sorted sets.

use std::collections::BTreeMap;

use kvstore_protocol::{Command, Response};
use proptest::{prelude::*, sample::select};

use super::{KEYS, command, key, key_name, name, names, store, texts};
use crate::store::testing::TestStore;

#[derive(Clone, Debug)]
enum Step {
    /// With an option, which may be none.
    Add(usize, &'static str, Vec<(String, i64)>),
    Increment(usize, String, i64),
    Remove(usize, Vec<String>),
    PopMin(usize, usize),
    PopMax(usize, usize),
    RemoveRanks(usize, usize, usize),
    RemoveScores(usize, i64, i64),
    StoreRanks(usize, usize, usize, usize),
    Unite(usize, usize, usize),
    Intersect(usize, usize, usize),
    Subtract(usize, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let keys = || (key(), key(), key());
    let pairs = prop::collection::vec((name(), score()), 1..4);
    prop_oneof![
        8 => (key(), select(&["", "NX", "XX", "GT", "LT"][..]), pairs)
            .prop_map(|(key, option, pairs)| Step::Add(key, option, pairs)),
        2 => (key(), name(), score()).prop_map(|(key, member, number)| Step::Increment(key, member, number)),
        3 => (key(), names()).prop_map(|(key, members)| Step::Remove(key, members)),
        1 => (key(), 0..3_usize).prop_map(|(key, count)| Step::PopMin(key, count)),
        1 => (key(), 0..3_usize).prop_map(|(key, count)| Step::PopMax(key, count)),
        1 => (key(), 0..5_usize, 0..5_usize).prop_map(|(key, start, stop)| Step::RemoveRanks(key, start, stop)),
        1 => (key(), score(), score()).prop_map(|(key, min, max)| Step::RemoveScores(key, min, max)),
        1 => (key(), key(), 0..5_usize, 0..9_usize)
            .prop_map(|(to, from, start, stop)| Step::StoreRanks(to, from, start, stop)),
        1 => keys().prop_map(|(to, one, other)| Step::Unite(to, one, other)),
        1 => keys().prop_map(|(to, one, other)| Step::Intersect(to, one, other)),
        1 => keys().prop_map(|(to, one, other)| Step::Subtract(to, one, other)),
    ]
}

fn score() -> impl Strategy<Value = i64> {
    -4..5_i64
}

type Scores = BTreeMap<String, i64>;

/// The scores of the members of each key.
#[derive(Debug, Default)]
struct Model([Scores; KEYS]);

impl Model {
    /// The members with their scores, in their order.
    fn ranked(&self, key: usize) -> Vec<(i64, String)> {
        let mut ranked: Vec<_> = self.0[key].iter().map(|(member, score)| (*score, member.clone())).collect();
        ranked.sort();
        ranked
    }

    /// Removes members. Returns them with their scores, as texts.
    fn take(&mut self, key: usize, members: impl IntoIterator<Item = (i64, String)>) -> Vec<String> {
        let taken = members.into_iter().inspect(|(_, member)| _ = self.0[key].remove(member));
        taken.flat_map(|(score, member)| [member, score.to_string()]).collect()
    }

    /// Does a step to both, and compares the answers.
    fn apply(&mut self, store: &TestStore, step: Step) {
        match step {
            Step::Add(key, option, pairs) => self.add(store, key, option, pairs),
            Step::Increment(key, member, number) => {
                let sum = self.0[key].entry(member.clone()).or_default();
                *sum += number;
                let answer = store.answer_to(command("ZINCRBY", key).arg(number).arg(member));
                assert_eq!(answer, Response::Double(*sum as f64));
            }
            Step::Remove(key, members) => {
                let removed = members.iter().filter(|member| self.0[key].remove(*member).is_some()).count();
                assert_eq!(store.answer_to(command("ZREM", key).with_args(members)), removed.into());
            }
            Step::PopMin(key, count) => {
                let members: Vec<_> = self.ranked(key).into_iter().take(count).collect();
                let popped = self.take(key, members);
                assert_eq!(texts(store.answer_to(command("ZPOPMIN", key).arg(count))), popped);
            }
            Step::PopMax(key, count) => {
                let members: Vec<_> = self.ranked(key).into_iter().rev().take(count).collect();
                let popped = self.take(key, members);
                assert_eq!(texts(store.answer_to(command("ZPOPMAX", key).arg(count))), popped);
            }
            Step::RemoveRanks(key, start, stop) => {
                let members: Vec<_> = self.ranked(key).into_iter().take(stop + 1).skip(start).collect();
                let removed = self.take(key, members).len() / 2;
                assert_eq!(store.answer_to(command("ZREMRANGEBYRANK", key).arg(start).arg(stop)), removed.into());
            }
            Step::RemoveScores(key, min, max) => {
                let members: Vec<_> =
                    self.ranked(key).into_iter().filter(|pair| min <= pair.0 && pair.0 <= max).collect();
                assert_eq!(store.answer_to(command("ZCOUNT", key).arg(min).arg(max)), members.len().into());
                let removed = self.take(key, members).len() / 2;
                assert_eq!(store.answer_to(command("ZREMRANGEBYSCORE", key).arg(min).arg(max)), removed.into());
            }
            Step::StoreRanks(to, from, start, stop) => {
                let members = self.ranked(from).into_iter().take(stop + 1).skip(start);
                self.0[to] = members.map(|(score, member)| (member, score)).collect();
                let stored = command("ZRANGESTORE", to).arg(key_name(from)).arg(start).arg(stop);
                assert_eq!(store.answer_to(stored), self.0[to].len().into());
            }
            Step::Unite(to, one, other) => {
                let mut sums = self.0[one].clone();
                for (member, score) in &self.0[other] {
                    *sums.entry(member.clone()).or_default() += score;
                }
                self.store(store, "ZUNIONSTORE", [to, one, other], sums);
            }
            Step::Intersect(to, one, other) => {
                let both = self.0[one]
                    .iter()
                    .filter_map(|(member, score)| Some((member.clone(), score + self.0[other].get(member)?)));
                let both = both.collect();
                self.store(store, "ZINTERSTORE", [to, one, other], both);
            }
            Step::Subtract(to, one, other) => {
                let mut rest = self.0[one].clone();
                rest.retain(|member, _| !self.0[other].contains_key(member));
                self.store(store, "ZDIFFSTORE", [to, one, other], rest);
            }
        }
    }

    fn add(&mut self, store: &TestStore, key: usize, option: &str, pairs: Vec<(String, i64)>) {
        let words = pairs.iter().flat_map(|(member, score)| [score.to_string(), member.clone()]);
        let options = Some(option).filter(|option| !option.is_empty());
        let command = command("ZADD", key).with_args(options).arg("CH").with_args(words);
        let mut changed = 0;
        for (member, score) in pairs {
            let before = self.0[key].get(&member).copied();
            let is_set = match (option, before) {
                ("NX", before) => before.is_none(),
                ("XX", before) => before.is_some(),
                ("GT", Some(before)) => score > before,
                ("LT", Some(before)) => score < before,
                _ => true,
            };
            if is_set && before != Some(score) {
                self.0[key].insert(member, score);
                changed += 1;
            }
        }
        assert_eq!(store.answer_to(command), Response::Integer(changed));
    }

    fn store(&mut self, store: &TestStore, name: &str, [to, one, other]: [usize; 3], combined: Scores) {
        let sources = [one, other].map(key_name);
        let stored = Command::new(name).arg(key_name(to)).arg(2).with_args(sources);
        assert_eq!(store.answer_to(stored), combined.len().into());
        self.0[to] = combined;
    }

    fn check(&self, store: &TestStore) {
        for key in 0..KEYS {
            let (ranked, answer) = (self.ranked(key), |name: &str| store.answer_to(command(name, key)));
            assert_eq!(answer("EXISTS"), usize::from(!ranked.is_empty()).into());
            assert_eq!(answer("ZCARD"), ranked.len().into());
            let range = command("ZRANGE", key).with_args(["0", "-1", "WITHSCORES"]);
            let expected: Vec<_> =
                ranked.iter().flat_map(|(score, member)| [member.clone(), score.to_string()]).collect();
            assert_eq!(texts(store.answer_to(range)), expected);
            for (rank, (score, member)) in ranked.iter().enumerate() {
                assert_eq!(store.answer_to(command("ZSCORE", key).arg(member)), Response::Double(*score as f64));
                assert_eq!(store.answer_to(command("ZRANK", key).arg(member)), rank.into());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sorted_sets_answer_as_maps_in_the_order_of_scores(
        steps in prop::collection::vec(step(), 1..80),
        threads in 1..9_usize,
    ) {
        let (store, mut model) = (store(threads), Model::default());
        for step in steps {
            model.apply(&store, step);
            model.check(&store);
        }
    }
}
