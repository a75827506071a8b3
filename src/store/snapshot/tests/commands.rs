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
fn a_store_in_memory_alone_has_nowhere_to_save_to() {
    let refused = "-ERR the store has no directory: it is in memory alone";
    TestStore::new().check([
        ("SAVE", refused),
        ("BGSAVE", refused),
        ("BGREWRITEAOF", refused),
        ("CONFIG SET save ''", "+OK"),
        (
            "CONFIG SET save 60",
            "-ERR CONFIG SET failed (possibly related to argument 'save') - can't set immutable config",
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
    assert_eq!(saves(&store), "2");
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
