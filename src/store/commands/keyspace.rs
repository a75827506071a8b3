//! Commands on a whole database: KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL.

use kvstore_protocol::{CommandError, Packed, Pattern, Response};

use super::scan_options::{ScanOptions, scan_answer};
use crate::store::{
    args::Args,
    call::Call,
    spec::{
        Answer,
        Hold::{AtOnce, InTurn},
        Scope, Spec,
    },
};

pub(super) const SPECS: &[Spec] = &[KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL, SWAPDB];

/// The most keys that a SCAN may be asked for without taking long.
const MAX_SHORT_COUNT: usize = 1000;

/// `KEYS pattern`: every key that matches.
const KEYS: Spec = Spec::new("KEYS", keys).over(Scope::Database(InTurn)).long_if(|_| true);

fn keys(call: &mut Call<'_>) -> Answer {
    let pattern = Pattern::new(call.args().bytes(0));
    let mut found = call.bounded(Packed::array());
    call.for_each_entry(|entry| {
        if pattern.matches(entry.key()) {
            found.push(entry.key());
        }
    })?;
    Ok(found.into())
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`: some of the keys, and the next cursor.
const SCAN: Spec = Spec::new("SCAN", scan).over(Scope::Database(InTurn)).long_if(is_long_scan);

fn scan(call: &mut Call<'_>) -> Answer {
    let options = ScanOptions::of_keys(&call.args())?;
    let mut found = call.bounded(Packed::array());
    let next = call.scan(options.cursor, options.count, |entry| {
        let is_of_kind = options.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(entry.type_name().as_bytes()));
        if is_of_kind && options.admits(entry.key()) {
            found.push(entry.key());
        }
    })?;
    scan_answer(call, next, found)
}

fn is_long_scan(args: &Args<'_>) -> bool {
    ScanOptions::of_keys(args).is_ok_and(|options| options.count > MAX_SHORT_COUNT)
}

/// `RANDOMKEY`: a random key; nil if there is none.
const RANDOMKEY: Spec = Spec::new("RANDOMKEY", randomkey).over(Scope::Database(InTurn));

fn randomkey(call: &mut Call<'_>) -> Answer {
    Ok(call.random_key()?.into())
}

/// `DBSIZE`: the number of keys.
const DBSIZE: Spec = Spec::new("DBSIZE", dbsize).over(Scope::Database(AtOnce));

fn dbsize(call: &mut Call<'_>) -> Answer {
    Ok(call.len()?.into())
}

/// `FLUSHDB [ASYNC | SYNC]`: removes every key of the selected database.
const FLUSHDB: Spec = Spec::new("FLUSHDB", flushdb).over(Scope::Database(AtOnce));

fn flushdb(call: &mut Call<'_>) -> Answer {
    check_flush_option(&call.args())?;
    call.clear(call.database());
    Ok(Response::ok())
}

/// `FLUSHALL [ASYNC | SYNC]`: removes every key of every database.
const FLUSHALL: Spec = Spec::new("FLUSHALL", flushall).over(Scope::All(AtOnce));

fn flushall(call: &mut Call<'_>) -> Answer {
    check_flush_option(&call.args())?;
    (0..call.store().databases.len()).for_each(|database| call.clear(database));
    Ok(Response::ok())
}

/// `SWAPDB index index`: swaps two databases. Clients that have selected one of them see the other.
const SWAPDB: Spec = Spec::new("SWAPDB", swapdb).over(Scope::All(AtOnce));

fn swapdb(call: &mut Call<'_>) -> Answer {
    let databases = call.store().databases.len();
    let index = |argument, refusal| {
        let index = call.args().integer(argument).ok().and_then(|index| i32::try_from(index).ok());
        index.ok_or(CommandError::err(refusal))
    };
    let (one, other) = (index(0, "invalid first DB index")?, index(1, "invalid second DB index")?);
    let database = |index| {
        let index = usize::try_from(index).ok().filter(|index| *index < databases);
        index.ok_or(CommandError::err("DB index is out of range"))
    };
    let (one, other) = (database(one)?, database(other)?);
    call.swap_databases(one, other);
    Ok(Response::ok())
}

fn check_flush_option(args: &Args<'_>) -> Result<(), CommandError> {
    let mut options = args.options(0);
    // Both mean the same here: the keys are gone at once, and large databases are dropped on another thread.
    let _ = options.keyword("ASYNC") || options.keyword("SYNC");
    options.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use kvstore_protocol::Command;

    use super::*;
    use crate::store::testing::TestStore;

    const SYNTAX: &str = "-ERR syntax error";

    /// The cursor and the keys of an answer to SCAN.
    fn page(answer: Response) -> (String, Vec<String>) {
        let text = |response: &Response| String::from_utf8_lossy(response.as_bytes().expect("a text")).into_owned();
        let Response::Array(parts) = answer.unpacked() else { panic!("an array") };
        let [cursor, Response::Array(keys)] = &parts[..] else { panic!("{parts:?}") };
        (text(cursor), keys.iter().map(text).collect())
    }

    #[test]
    fn keys_answers_what_matches_and_has_not_expired() {
        let store = TestStore::new();
        store.check([("KEYS *", "[]"), ("MSET one 1 two 2", "+OK"), ("SET old 1 PX 5", "+OK")]);
        store.pass(6);
        store.check([("KEYS o*", "[\"one\"]"), ("KEYS t?o", "[\"two\"]"), ("KEYS x", "[]")]);
    }

    #[test]
    fn swapdb_refuses_invalid_databases() {
        TestStore::new().check([
            ("SWAPDB x 0", "-ERR invalid first DB index"),
            ("SWAPDB 2147483648 0", "-ERR invalid first DB index"),
            ("SWAPDB 0 -2147483649", "-ERR invalid second DB index"),
            ("SWAPDB 16 x", "-ERR invalid second DB index"),
            ("SWAPDB 0 2147483647", "-ERR DB index is out of range"),
            ("SWAPDB -1 0", "-ERR DB index is out of range"),
        ]);
    }

    #[test]
    fn a_scan_shows_every_key_that_stays() {
        let store = TestStore::new();
        let set = |number: usize| store.answer_to(Command::new("SET").arg(format!("key:{number}")).arg("v"));
        (0..5000).for_each(|number| assert_eq!(set(number), Response::ok()));
        let (mut cursor, mut seen, mut calls) = ("0".to_owned(), HashSet::new(), 0);
        loop {
            let (next, keys) = page(store.answer(&format!("SCAN {cursor} COUNT 50")));
            assert!(keys.len() < 200, "about as many as were asked for, not {}", keys.len());
            seen.extend(keys);
            cursor = next;
            calls += 1;
            // Others come and go meanwhile, so that tables grow and shrink.
            match calls {
                20 => (10_000..40_000).for_each(|number| assert_eq!(set(number), Response::ok())),
                60 => (10_000..40_000).for_each(|number| {
                    store.answer_to(Command::new("DEL").arg(format!("key:{number}")));
                }),
                _ => {}
            }
            if cursor == "0" {
                break;
            }
        }
        assert!(calls > 60, "{calls}");
        assert!((0..5000).all(|number| seen.contains(&format!("key:{number}"))));
    }

    #[test]
    fn a_small_database_is_scanned_in_one_call() {
        let store = TestStore::new();
        store.check([
            ("SCAN 0", "[\"0\", []]"),
            ("SCAN 18446744073709551615", "[\"0\", []]"),
            ("MSET a 1 b 2 c 3", "+OK"),
        ]);
        let (cursor, mut keys) = page(store.answer("SCAN 0"));
        keys.sort();
        assert_eq!((&*cursor, keys), ("0", vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn a_scan_filters_by_pattern_and_type() {
        TestStore::new().check([
            ("MSET a1 1 b1 2", "+OK"),
            ("SCAN 0 MATCH a*", "[\"0\", [\"a1\"]]"),
            ("SCAN 0 match b? count 1000", "[\"0\", [\"b1\"]]"),
            ("SCAN 0 TYPE list", "[\"0\", []]"),
            ("SCAN 0 TYPE STRING MATCH a1 COUNT 9223372036854775807", "[\"0\", [\"a1\"]]"),
        ]);
    }

    #[test]
    fn a_scan_refuses_invalid_arguments() {
        TestStore::new().check([
            ("SCAN x", "-ERR invalid cursor"),
            ("SCAN -1", "-ERR invalid cursor"),
            ("SCAN ''", "-ERR invalid cursor"),
            ("SCAN 18446744073709551616 COUNT x", "-ERR invalid cursor"),
            ("SCAN 0 COUNT 0", SYNTAX),
            ("SCAN 0 COUNT -5", SYNTAX),
            ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range"),
            ("SCAN 0 MATCH", SYNTAX),
            ("SCAN 0 FOO x", SYNTAX),
        ]);
    }

    #[test]
    fn randomkey_answers_a_key() {
        let store = TestStore::new();
        store.check([("RANDOMKEY", "(nil)"), ("SET k v", "+OK"), ("RANDOMKEY", "\"k\""), ("PEXPIRE k 5", ":1")]);
        store.pass(6);
        store.check([("RANDOMKEY", "(nil)")]);
    }

    #[test]
    fn every_key_is_equally_likely() {
        let store = TestStore::new();
        store.check([("MSET a 1 b 2 c 3", "+OK")]);
        let mut drawn: Vec<_> = (0..3000).map(|_| store.answer("RANDOMKEY").to_string()).collect();
        drawn.sort();
        // A thousand of each are expected, with a standard deviation of 26.
        assert!(drawn.chunk_by(|one, other| one == other).all(|draws| (800..1200).contains(&draws.len())));
    }

    #[test]
    fn flushdb_clears_the_selected_database_and_flushall_every_one() {
        let mut store = TestStore::new();
        store.check([("SET a 1 EX 10", "+OK")]);
        store.select(1);
        store.check([
            ("SET b 1", "+OK"),
            ("SET c 1", "+OK"),
            ("DBSIZE", ":2"),
            ("FLUSHDB ASYNC", "+OK"),
            ("DBSIZE", ":0"),
        ]);
        store.select(0);
        store.check([("DBSIZE", ":1"), ("FLUSHALL sync", "+OK"), ("DBSIZE", ":0"), ("KEYS *", "[]")]);
        store.check([("FLUSHALL FOO", SYNTAX), ("FLUSHDB ASYNC SYNC", SYNTAX)]);
    }

    #[test]
    fn a_large_database_is_flushed_and_filled_again() {
        let store = TestStore::new();
        for number in 0..20_000 {
            store.answer_to(Command::new("SET").arg(format!("key:{number}")).arg("v").arg("EX").arg(10));
        }
        store.check([("FLUSHDB SYNC", "+OK"), ("DBSIZE", ":0"), ("SET key:1 w", "+OK"), ("TTL key:1", ":-1")]);
        store.pass(10_001);
        store.check([("KEYS *", "[\"key:1\"]")]);
    }
}
