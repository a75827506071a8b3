//! The keys that the catalog finds in commands.

use kvstore_protocol::{
    Command,
    catalog::{Flags, KeyFlags, KnownCommand, commands},
};
use proptest::prelude::*;

fn command(line: &str) -> Command {
    let mut words = line.split(' ').map(|word| if word == "''" { "" } else { word });
    Command::new(words.next().unwrap_or_default()).with_args(words)
}

/// The keys of a command with their flags, as `key:RW,access`.
fn keys_of(command: &Command) -> String {
    let known = command.known().expect("a command of the catalog");
    let keys = known.key_words(command).map(|(word, flags)| {
        let key = String::from_utf8_lossy(command.arg_at(word - 1).unwrap_or_default()).into_owned();
        format!("{key}:{}", flags.names().collect::<Vec<_>>().join(","))
    });
    keys.collect::<Vec<_>>().join(" ")
}

#[test]
fn keys_are_found_with_their_flags() {
    for (line, expected) in [
        ("GET a", "a:RO,access"),
        ("STRLEN a", "a:RO"),
        ("SET a b", "a:OW,update"),
        ("SET a get", "a:OW,update"),
        ("SET a b EX 1 get", "a:RW,access,update"),
        ("APPEND a b", "a:RW,insert"),
        ("GETDEL a", "a:RW,access,delete"),
        ("DEL a b", "a:RM,delete b:RM,delete"),
        ("MSET a 1 b 2", "a:OW,update b:OW,update"),
        ("MSETEX 2 a 1 b 2 EX 3", "a:OW,update b:OW,update"),
        ("MSETEX 2 a 1 b", ""),
        ("COPY a b DB 1", "a:RO,access b:OW,update"),
        ("RENAME a b", "a:RW,access,delete b:OW,update"),
        ("MOVE a 1", "a:RW,access,update"),
        ("EXPIRE a 1", "a:RW,update"),
        ("LCS a b IDX", "a:RO,access b:RO,access"),
        ("OBJECT ENCODING a", "a:RO"),
        ("OBJECT HELP", ""),
        ("MEMORY USAGE a", "a:RO"),
        ("DEBUG OBJECT a", ""),
        ("BITFIELD a GET u1 0", "a:RO,access"),
        ("BITFIELD a", "a:RO,access"),
        ("BITFIELD a OVERFLOW FAIL GET u1 0", "a:RO,access"),
        ("BITFIELD a GET u1 0 SET u1 0 1", "a:RW,access,update"),
        ("BITFIELD a GET u1", "a:RW,access,update"),
        ("BITOP AND a b c", "a:OW,update b:RO,access c:RO,access"),
        ("PFCOUNT a b", "a:RW,access b:RW,access"),
        ("PFMERGE a", "a:RW,access,insert"),
        ("SORT a", "a:RO,access"),
        ("SORT a BY STORE GET STORE LIMIT STORE STORE STORE b", "a:RO,access b:OW,update"),
        ("SORT a STORE STORE STORE b", "a:RO,access b:OW,update"),
        ("SORT a STORE", "a:RO,access"),
        ("SORT_RO a BY b", "a:RO,access"),
        ("GEORADIUS a 1 2 3 km", "a:RO,access"),
        ("GEORADIUS a 1 2 3 km COUNT 1 STORE b", "a:RO,access b:OW,update"),
        ("GEORADIUS a 1 2 3 km STORE STOREDIST", "a:RO,access STOREDIST:OW,update"),
        ("GEORADIUS a 1 2 3 km STORE b STORE c", "a:RO,access c:OW,update"),
        ("GEORADIUSBYMEMBER a m 3 km STOREDIST b", "a:RO,access b:OW,update"),
        ("GEOSEARCHSTORE a b FROMMEMBER m BYRADIUS 1 km", "a:OW,update b:RO,access"),
        ("MIGRATE h 1 a 0 9 COPY AUTH2 KEYS KEYS", "a:RW,access,delete"),
        ("MIGRATE h 1 '' 0 9 AUTH KEYS KEYS a b", "a:RW,access,delete b:RW,access,delete"),
        ("MIGRATE h 1 a 0 9 KEYS b", ""),
        ("EVAL s 1 a b", "a:RW,access,update"),
        ("EVAL s 0 a b", ""),
        ("EVAL_RO s 1 a b", "a:RO,access"),
        ("FCALL f 2 a b c", "a:RW,access,update b:RW,access,update"),
        ("BLPOP a b 0", "a:RW,access,delete b:RW,access,delete"),
        ("LMPOP 2 a b LEFT", "a:RW,access,delete b:RW,access,delete"),
        ("BLMPOP 0 1 a LEFT", "a:RW,access,delete"),
        ("BZMPOP 0 2 a b MIN", "a:RW,access,delete b:RW,access,delete"),
        ("SMOVE a b m", "a:RW,access,delete b:RW,insert"),
        ("SINTERCARD 2 a b LIMIT 1", "a:RO,access b:RO,access"),
        ("ZUNIONSTORE a 2 b c WEIGHTS 1 2", "a:OW,update b:RO,access c:RO,access"),
        ("ZUNIONSTORE a 3 b c", ""),
        ("XREAD COUNT 1 STREAMS a b 0 0", "a:RO,access b:RO,access"),
        ("XREADGROUP GROUP STREAMS me STREAMS a >", "a:RO,access"),
        ("XGROUP CREATE a g 0", "a:RW,insert"),
        ("XINFO STREAM a", "a:RO,access"),
        ("SUBSCRIBE a", ""),
        ("SPUBLISH a b", ""),
        ("WATCH a b", "a:RO b:RO"),
        ("PING a", ""),
    ] {
        assert_eq!(keys_of(&command(line)), expected, "{line}");
    }
}

#[test]
fn shard_channels_are_described_and_are_no_keys() {
    let publish = command("SPUBLISH channel message");
    let [spec] = publish.known().expect("known").key_specs() else { panic!("one") };
    assert_eq!(spec.flags(), KeyFlags::NOT_KEY);
    assert_eq!(spec.words(&publish).collect::<Vec<_>>(), [1]);
}

#[test]
fn commands_whose_keys_are_not_in_one_range_have_movable_keys() {
    let is_movable = |line: &str| command(line).flags().has(Flags::MOVABLE_KEYS);
    for line in ["EVAL", "SORT", "SORT_RO", "MIGRATE", "XREAD", "GEORADIUS", "ZUNIONSTORE", "LMPOP", "MSETEX"] {
        assert!(is_movable(line), "{line}");
    }
    for line in ["GET", "MSET", "RENAME", "BITOP", "SDIFFSTORE", "PING", "OBJECT", "SPUBLISH"] {
        assert!(!is_movable(line), "{line}");
    }
}

#[test]
fn categories_are_those_of_redis() {
    for (line, expected) in [
        ("GET", "string read fast"),
        ("ZADD", "sortedset write fast"),
        ("DEL", "keyspace write slow"),
        ("KEYS", "keyspace read dangerous slow"),
        ("SORT", "set sortedset list write dangerous slow"),
        ("EVAL_RO", "scripting slow"),
        ("BLPOP", "list write blocking slow"),
        ("LASTSAVE", "admin fast dangerous"),
        ("SUBSCRIBE", "pubsub slow"),
        ("MULTI", "transaction fast"),
        ("OBJECT", "slow"),
    ] {
        let categories: Vec<_> = command(line).known().expect("known").categories().collect();
        let mut expected: Vec<_> = expected.split(' ').collect();
        expected.sort_by_key(|name| categories.iter().position(|known| known == name));
        assert_eq!(categories, expected, "{line}");
    }
}

#[test]
fn a_hostile_number_of_keys_costs_nothing() {
    for count in ["9223372036854775807", "4294967297", "18446744073709551616", "-9223372036854775808", "1e3", "03"] {
        for line in ["EVAL s", "LMPOP", "ZUNIONSTORE d", "MSETEX", "BZMPOP 0"] {
            let command = command(line).arg(count).with_args(["a", "b", "c"]);
            assert_eq!(keys_of(&command), "", "{line} {count}");
        }
    }
}

fn calls() -> impl Strategy<Value = Command> {
    let all = commands().iter().flat_map(|known| {
        let subs = known.subcommands().iter().map(|sub| (known.name(), Some(sub.name())));
        subs.chain([(known.name(), None)])
    });
    let words = "a b 0 1 2 3 -1 9223372036854775807 STREAMS STORE storedist KEYS GET BY LIMIT AUTH COUNT SET OVERFLOW";
    let words: Vec<_> = words.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let word = prop_oneof![4 => prop::sample::select(words), 1 => prop::collection::vec(any::<u8>(), 0..4)];
    let names = prop::sample::select(all.collect::<Vec<_>>());
    (names, prop::collection::vec(word, 0..12))
        .prop_map(|((name, sub), words)| Command::new(name).with_args(sub).with_args(words))
}

proptest! {
    #[test]
    fn keys_are_words_of_the_command(command in calls()) {
        let known = command.known().expect("a command of the catalog");
        let words: Vec<_> = known.key_words(&command).map(|(word, _)| word).collect();
        prop_assert!(words.iter().all(|word| (1..command.len()).contains(word)));
        let keys: Vec<_> = words.iter().map(|word| command.arg_at(word - 1).expect("a word")).collect();
        prop_assert_eq!(keys, known.keys_of(&command).collect::<Vec<_>>());
    }

    #[test]
    fn a_single_key_is_the_first_argument(command in calls()) {
        let known = command.known().expect("a command of the catalog");
        if command.len() <= known.single_key_up_to() && command.len() > 1 {
            let keys: Vec<_> = known.keys_of(&command).collect();
            prop_assert!(keys.iter().eq(command.args().take(1).collect::<Vec<_>>().iter().take(keys.len())));
        }
    }
}

#[test]
fn every_command_says_how_it_accesses_its_keys() {
    let all = commands().iter().flat_map(|known| known.subcommands().iter().chain([known]));
    let whole = KeyFlags::all(&[KeyFlags::RO, KeyFlags::RW, KeyFlags::OW, KeyFlags::RM, KeyFlags::NOT_KEY]);
    for spec in all.flat_map(KnownCommand::key_specs) {
        assert!(spec.flags().has(whole), "{spec:?}");
    }
}

#[test]
fn commands_that_may_write_are_those_that_a_pause_of_writes_holds_back() {
    for line in
        ["SET k v", "EVAL script 0", "PUBLISH channel message", "SPUBLISH channel message", "PFCOUNT k", "NOSUCH"]
    {
        assert!(command(line).may_write(), "{line}");
    }
    // So is a sub-command that writes.
    for line in ["XGROUP CREATE k g 0", "xgroup destroy k g", "FUNCTION LOAD code", "FUNCTION FLUSH"] {
        assert!(command(line).may_write(), "{line}");
    }
    for line in [
        "GET k",
        "PING",
        "SUBSCRIBE channel",
        "MULTI",
        "EVAL_RO script 0",
        "FCALL_RO f 0",
        "XGROUP HELP",
        "XINFO STREAM k",
        "FUNCTION LIST",
    ] {
        assert!(!command(line).may_write(), "{line}");
    }
}

#[test]
fn a_command_that_sets_the_expiry_of_fields_is_not_refused_without_memory() {
    let is_refused = |line: &str| command(line).flags().has(Flags::DENY_OOM);
    for name in ["HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT", "HPERSIST", "HGETEX"] {
        assert!(!is_refused(&format!("{name} key 1 FIELDS 1 field")), "{name}");
    }
    assert!(is_refused("HSETEX key FIELDS 1 field value"));
}
