//! SAVE, BGSAVE, `save` points, and what INFO shows.

use super::{ALWAYS, close};
use crate::store::{disk::simulated::SimulatedDisk, snapshot::Purpose, testing::TestStore};

const SAVING: &str = "-ERR Background save already in progress";
const REWRITING: &str = "-ERR Background append only file rewriting already in progress";

fn store() -> (SimulatedDisk, TestStore) {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, None, 2).unwrap();
    (disk, store)
}

/// The value of a field of INFO.
fn field(store: &TestStore, name: &str) -> String {
    let text = store.answer("INFO persistence");
    let text = String::from_utf8_lossy(text.as_bytes().unwrap()).into_owned();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
}

/// Waits for the end of the running snapshot.
fn wait(store: &TestStore) {
    while store.store().handle.snapshots.status().running.is_some() {
        std::thread::yield_now();
    }
}

#[test]
fn save_and_bgsave_save_a_snapshot() {
    let (_, store) = store();
    store.check([("SET k 1", "+OK"), ("LASTSAVE", ":1700000000")]);
    assert_eq!(field(&store, "rdb_changes_since_last_save"), "1");
    store.pass(5000);
    store.check([("SAVE", "+OK"), ("LASTSAVE", ":1700000005"), ("BGSAVE", "+Background saving started")]);
    wait(&store);
    assert_eq!((field(&store, "rdb_saves"), field(&store, "rdb_changes_since_last_save")), ("2".into(), "0".into()));
    assert_eq!(field(&store, "rdb_last_bgsave_time_sec"), "0");
    store.check([("BGSAVE NOW", "-ERR syntax error"), ("SAVE x", "-ERR wrong number of arguments for 'save' command")]);
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("INFO persistence", "+QUEUED"), ("BGSAVE", "+QUEUED")]);
    assert!(client.answer("EXEC").to_string().ends_with("+Background saving started]"));
    wait(&store);
    client.check([("MULTI", "+OK"), ("SAVE", "-ERR Command not allowed inside a transaction")]);
}

#[test]
fn one_snapshot_is_taken_at_a_time_and_others_can_be_scheduled() {
    let (disk, store) = store();
    store.check([("SET k 1", "+OK")]);
    disk.hold_syncs(true);
    store.check([
        ("BGSAVE", "+Background saving started"),
        ("BGSAVE", SAVING),
        ("SAVE", SAVING),
        ("BGSAVE SCHEDULE", SAVING),
        ("BGREWRITEAOF", "+Background append only file rewriting scheduled"),
    ]);
    assert_eq!(
        (field(&store, "rdb_bgsave_in_progress"), field(&store, "aof_rewrite_scheduled")),
        ("1".into(), "1".into())
    );
    disk.hold_syncs(false);
    while field(&store, "rdb_saves") != "2" {
        std::thread::yield_now();
    }
    wait(&store);
    disk.hold_syncs(true);
    store.check([
        ("BGREWRITEAOF", "+Background append only file rewriting started"),
        ("BGREWRITEAOF", REWRITING),
        ("BGSAVE SCHEDULE", "+Background saving scheduled"),
    ]);
    assert!(store.answer("BGSAVE").to_string().starts_with("-ERR Another child process is active (AOF?)"));
    disk.hold_syncs(false);
    while field(&store, "rdb_saves") != "4" {
        std::thread::yield_now();
    }
}

#[test]
fn save_waits_for_a_rewrite_of_the_journal() {
    let (disk, store) = store();
    store.check([("SET k 1", "+OK")]);
    disk.hold_syncs(true);
    store.check([("BGREWRITEAOF", "+Background append only file rewriting started"), ("SET k 2", "+OK")]);
    std::thread::scope(|scope| {
        let save = scope.spawn(|| store.answer("SAVE").to_string());
        disk.hold_syncs(false);
        assert_eq!(save.join().expect("no panic"), "+OK");
    });
    assert_eq!((field(&store, "rdb_saves"), field(&store, "rdb_changes_since_last_save")), ("2".into(), "0".into()));
}

#[test]
fn a_store_in_memory_alone_has_nowhere_to_save_to() {
    let refused = "-ERR the store has no directory: start it with --appendonly yes, or with a --save point";
    TestStore::new().check([
        ("SAVE", refused),
        ("BGSAVE", refused),
        ("BGREWRITEAOF", refused),
        ("CONFIG SET save ''", "+OK"),
        (
            "CONFIG SET save 60",
            "-ERR CONFIG SET failed (possibly related to argument 'save') - there is no directory: the server was started \
             without a journal and without save points",
        ),
    ]);
}

#[test]
fn save_points_are_reached_by_time_and_changes() {
    let (_, store) = store();
    let saves = |store: &TestStore| {
        store.store().handle.snapshot_if_due();
        wait(store);
        field(store, "rdb_saves")
    };
    let point = kvstore_protocol::Command::new("CONFIG").with_args(["SET", "save", "60 2"]);
    store.check([("SET k 1", "+OK"), ("SET k 2", "+OK")]);
    store.pass(61_000);
    assert_eq!(saves(&store), "0");
    assert_eq!(store.answer_to(point).to_string(), "+OK");
    store.check([
        ("CONFIG GET save", "{\"save\": \"60 2\"}"),
        ("CONFIG SET save 1", "-ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters"),
    ]);
    assert_eq!(saves(&store), "1");
    store.check([("SET k 3", "+OK")]);
    store.pass(61_000);
    assert_eq!(saves(&store), "1");
    store.check([("DEL k", ":1")]);
    // Not while a script keeps others waiting.
    let gate = &store.store().handle.databases.gate;
    gate.set_busy(true);
    assert_eq!(saves(&store), "1");
    gate.set_busy(false);
    assert_eq!(saves(&store), "2");
}

#[test]
fn writes_are_refused_after_a_snapshot_that_failed_if_there_are_save_points() {
    const REFUSED: &str =
        "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. ";
    let (disk, store) = store();
    let is_refused = |line| store.answer(line).to_string().starts_with(REFUSED);
    let save_points = |points| {
        let set = kvstore_protocol::Command::new("CONFIG").with_args(["SET", "save", points]);
        assert_eq!(store.answer_to(set).to_string(), "+OK");
    };
    store.check([("CONFIG GET stop-writes-on-bgsave-error", "{\"stop-writes-on-bgsave-error\": \"yes\"}")]);
    disk.fail_syncs();
    assert!(store.answer("SAVE").is_error());
    store.check([("SET k 1", "+OK")]);
    save_points("3600 1");
    assert!(is_refused("SET k 2") && is_refused("LPUSH list a") && !is_refused("GET k"));
    let mut client = store.client();
    client.check([("MULTI", "+OK")]);
    assert!(client.answer("SET k 2").to_string().starts_with(REFUSED));
    client.check([("EXEC", "-EXECABORT Transaction discarded because of previous errors.")]);
    store.check([("CONFIG SET stop-writes-on-bgsave-error no", "+OK"), ("SET k 2", "+OK")]);
    store.check([("CONFIG SET stop-writes-on-bgsave-error yes", "+OK")]);
    assert!(is_refused("SET k 3"));
    save_points("");
    store.check([("SET k 3", "+OK")]);
    save_points("3600 1");
    disk.heal();
    store.check([("SAVE", "+OK"), ("SET k 4", "+OK")]);
}

#[test]
fn a_compression_is_chosen_while_the_store_runs() {
    const NONE: &str = "-ERR CONFIG SET failed (possibly related to argument 'snapshot-compression') - argument(s) must be one of \
                        the following: none, lz4";
    let mut sizes = Vec::new();
    for (name, is_on) in [("zstd", "yes"), ("lz4", "yes"), ("none", "no")] {
        let (disk, store) = store();
        for number in 0..2000 {
            store.answer(&format!("SET key:{number} a_value_of_the_key_with_the_number:{}", number * 7919));
        }
        let set = store.answer(&format!("CONFIG SET snapshot-compression {name}")).to_string();
        if name == "zstd" && !cfg!(feature = "zstd") {
            assert_eq!(set, NONE);
            continue;
        }
        store.check([("CONFIG GET rdbcompression", &*format!("{{\"rdbcompression\": \"{is_on}\"}}"))]);
        store.check([(&*format!("CONFIG SET rdbcompression {is_on}"), "+OK"), ("SAVE", "+OK")]);
        store.check([("CONFIG GET snapshot-c*", &*format!("{{\"snapshot-compression\": \"{name}\"}}"))]);
        sizes.push(disk.size());
        let entries = store.entries();
        close(store);
        disk.restart();
        assert!(TestStore::durable(&disk, None, 2).unwrap().entries() == entries, "{name}");
    }
    assert!(sizes.is_sorted() && sizes[0] > 10_000, "{sizes:?}");
    let (_, store) = store();
    store.check([("CONFIG SET rdbcompression no", "+OK"), ("CONFIG SET rdbcompression yes", "+OK")]);
    store.check([("CONFIG GET snapshot-compression", "{\"snapshot-compression\": \"lz4\"}")]);
    assert!(store.answer("CONFIG SET snapshot-compression lzf").to_string().starts_with(NONE));
}

#[test]
fn with_save_points_a_snapshot_is_taken_when_the_store_is_closed() {
    for (points, expected) in [("60 1", "\"1\""), ("", "(nil)")] {
        let (disk, store) = store();
        let point = kvstore_protocol::Command::new("CONFIG").with_args(["SET", "save", points]);
        assert_eq!(store.answer_to(point).to_string(), "+OK");
        store.check([("SET k 1", "+OK")]);
        close(store);
        disk.restart();
        TestStore::durable(&disk, None, 2).unwrap().check([("GET k", expected)]);
    }
}

#[test]
fn a_journal_that_has_grown_is_replaced() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, ALWAYS, 2).unwrap();
    store.check([
        ("CONFIG SET auto-aof-rewrite-min-size 10kb", "+OK"),
        (
            "CONFIG GET auto-aof-*",
            "{\"auto-aof-rewrite-percentage\": \"100\", \"auto-aof-rewrite-min-size\": \"10240\"}",
        ),
    ]);
    for _ in 0..4 {
        for _ in 0..250 {
            store.answer("INCR counter");
            store.store().handle.snapshot_if_due();
        }
        // The thread of snapshots may have less of the processor than this one.
        wait(&store);
    }
    let saves: usize = field(&store, "rdb_saves").parse().unwrap();
    assert!((2..20).contains(&saves), "{saves}");
    assert!(disk.size() < 30_000, "{}", disk.size());
    close(store);
    disk.restart();
    let store = TestStore::durable(&disk, ALWAYS, 2).unwrap();
    store.check([("GET counter", "\"1000\"")]);
    assert!(store.store().handle.begin_snapshot(Purpose::Rewrite).is_ok());
}
