//! Many keys: the table grows and shrinks, and records are moved when others of their length are freed.

use proptest::prelude::*;

use super::{ExpiryStep, KeyName, KeyStep, Model, Step, StringStep, TestStore, check};

/// The number of keys.
const MANY: u16 = 300;

/// What is done to one of the keys; a number is the length of a value.
#[derive(Clone, Debug)]
enum Change {
    Set(usize),
    SetPx(usize, u64),
    Append(usize),
    Del,
    Persist,
    Advance(u64),
}

impl Change {
    fn of(self, key: KeyName) -> Step {
        match self {
            Self::Set(length) => Step::String(StringStep::Set(key, vec![b's'; length])),
            Self::SetPx(length, time) => Step::String(StringStep::SetPx(key, vec![b'e'; length], time)),
            Self::Append(length) => Step::String(StringStep::Append(key, vec![b'a'; length])),
            Self::Del => Step::Key(KeyStep::Del(key, key)),
            Self::Persist => Step::Expiry(ExpiryStep::Persist(key)),
            Self::Advance(time) => Step::Advance(time),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let length = || prop_oneof![3 => 0..20_usize, 3 => 55..90_usize, 1 => 0..400_usize];
    prop_oneof![
        6 => length().prop_map(Change::Set),
        3 => (length(), 1..2000_u64).prop_map(|(length, time)| Change::SetPx(length, time)),
        3 => length().prop_map(Change::Append),
        4 => Just(Change::Del),
        1 => Just(Change::Persist),
        1 => (1..20_u64).prop_map(Change::Advance),
    ]
}

proptest! {
    #[test]
    fn many_entries_keep_their_value_and_expiry_while_others_come_and_go(
        changes in prop::collection::vec((0..MANY, change()), 500..2000),
        threads in 1..3_usize,
    ) {
        let (store, mut model) = (TestStore::with_threads(threads), Model::new());
        for (key, change) in changes {
            let removes_expired = matches!(change, Change::Advance(_));
            check(&store, &mut model, change.of(KeyName(key)));
            if removes_expired {
                store.remove_expired();
            }
        }
        check(&store, &mut model, Step::RemoveExpired);
        for key in (0..MANY).map(KeyName) {
            check(&store, &mut model, Step::String(StringStep::Get(key)));
            check(&store, &mut model, Step::Expiry(ExpiryStep::PTtl(key)));
        }
        for key in (0..MANY).map(KeyName) {
            check(&store, &mut model, Step::Key(KeyStep::Del(key, key)));
        }
        prop_assert_eq!(store.answer("DBSIZE"), 0_usize.into());
    }
}
