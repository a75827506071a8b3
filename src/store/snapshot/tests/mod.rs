//! Tests of snapshots on a [`SimulatedDisk`].

mod by_hand;
mod commands;
mod crashes;
mod damage;
mod fields;
mod revive;
mod switch;
mod threads;

use std::collections::BTreeMap;

use crate::store::{
    Fsync,
    disk::{Disk, simulated::SimulatedDisk},
    journal::Settings,
    snapshot::{Compression, Purpose},
    testing::TestStore,
};

pub(in super::super) use by_hand::SnapshotByHand;
pub(in super::super) use damage::edit_block;

const ALWAYS: Settings = Settings { max_segment: 2000, ..Settings::new(Fsync::Always) };

/// Takes a snapshot, and waits for it.
fn save(store: &TestStore) -> Result<(), String> {
    let state = &store.store().handle;
    let number = state.begin_snapshot(Purpose::Save).map_err(|busy| format!("{busy:?}"))?;
    state.snapshots.wait(number).map_err(|reason| reason.to_string())
}

fn close(store: TestStore) {
    tokio_test::block_on(store.store().close()).unwrap();
}

fn files(disk: &SimulatedDisk) -> Vec<String> {
    disk.list().unwrap()
}

/// The entries of a store. A collection may be encoded otherwise after it was loaded: how is left out.
pub(in super::super) fn contents(store: &TestStore) -> BTreeMap<(usize, Vec<u8>), String> {
    let without_encoding = |shown: String| match shown.starts_with('"') {
        true => shown,
        false => shown.rsplit_once(' ').map(|(content, _)| content.to_owned()).unwrap_or(shown),
    };
    store.entries().into_iter().map(|(key, shown)| (key, without_encoding(shown))).collect()
}

#[test]
fn a_snapshot_replaces_the_journal_before_it() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, ALWAYS, 2).unwrap();
    for number in 0..200 {
        store.answer(&format!("SET key:{number} {number}"));
    }
    store.check([("RPUSH list a b", ":2"), ("SET short 1 PX 10000", "+OK")]);
    assert!(files(&disk).len() > 5);
    save(&store).unwrap();
    let names = files(&disk);
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!((names[1].as_str(), names[2].as_str()), ("manifest", "snapshot-000000000001"));
    store.check([("SET after 1", "+OK"), ("DEL key:7", ":1"), ("RPUSH list c", ":3")]);
    let entries = store.entries();
    close(store);
    disk.restart();
    let store = TestStore::durable(&disk, ALWAYS, 1).unwrap();
    assert_eq!(store.entries(), entries);
    assert_eq!(store.store().handle.snapshots.status().loaded.keys, 202);
}

#[test]
fn access_times_are_kept() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, None, 1).unwrap();
    store.check([("SET k v", "+OK")]);
    store.pass(100_000);
    save(&store).unwrap();
    let loaded = TestStore::durable(&disk.copy(), None, 1).unwrap();
    loaded.pass(100_500);
    loaded.remove_expired();
    loaded.check([("OBJECT IDLETIME k", ":100")]);
}

#[test]
fn a_store_without_a_journal_is_as_its_last_snapshot_was() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, None, 2).unwrap();
    store.check([("SET k 1", "+OK"), ("SET old 1", "+OK"), ("PEXPIRE k 100000", ":1")]);
    save(&store).unwrap();
    store.check([("SET k 2", "+OK"), ("DEL old", ":1")]);
    save(&store).unwrap();
    store.check([("SET k 3", "+OK")]);
    close(store);
    disk.restart();
    let store = TestStore::durable(&disk, None, 2).unwrap();
    store.check([("GET k", "\"2\""), ("DBSIZE", ":1"), ("TTL k", ":-1")]);
    close(store);
    disk.restart();
    // With a journal from now on, and without one again.
    let store = TestStore::durable(&disk, ALWAYS, 2).unwrap();
    store.check([("INCR k", ":3")]);
    close(store);
    disk.restart();
    let store = TestStore::durable(&disk, None, 2).unwrap();
    store.check([("GET k", "\"3\""), ("INCR k", ":4")]);
    save(&store).unwrap();
    assert_eq!(files(&disk), ["manifest", "snapshot-000000000003"]);
    close(store);
    disk.restart();
    TestStore::durable(&disk, ALWAYS, 2).unwrap().check([("GET k", "\"4\"")]);
}

#[test]
fn values_of_any_size_and_type_are_saved() {
    for &compression in Compression::ALL {
        let store = TestStore::with_threads(1);
        let long = "long text ".repeat(100_000);
        store.answer(&format!("SET {} v", "k".repeat(1000)));
        store.answer_to(kvstore_protocol::Command::new("SET").arg("long").arg(&*long));
        store.answer("SETRANGE edited 3 abc");
        for number in 0..20_000 {
            store.answer(&format!("RPUSH list element:{number}"));
            store.answer(&format!("HSET hash field:{number} {number}"));
            store.answer(&format!("SADD set member:{number}"));
            store.answer(&format!("ZADD zset {number} member:{number}"));
            store.answer(&format!("SET key:{number} {number} PX {}", number + 1));
        }
        let entries = store.entries();
        let snapshot = SnapshotByHand::begin(&store, compression);
        store.check([("FLUSHALL", "+OK")]);
        let disk = snapshot.finish();
        assert!(disk.size() > 200_000);
        let loaded = TestStore::durable(&disk, None, 4).unwrap();
        assert!(loaded.entries() == entries);
    }
}

#[test]
fn a_large_value_that_is_changed_or_removed_is_saved_as_it_was() {
    for line in ["APPEND text x", "DEL text", "SET text v", "RENAME text other", "PEXPIRE text 5", "SETRANGE text 0 y"]
    {
        check_large(line);
    }
    for line in
        ["HSET hash field:1 x", "DEL hash", "SET hash v", "RENAME hash text", "EXPIRE hash 1", "SPOP set", "MOVE set 1"]
    {
        check_large(line);
    }
    for line in
        ["SWAPDB 0 1", "FLUSHDB", "SINTERSTORE hash set set", "SORT set ALPHA STORE set", "COPY hash set REPLACE"]
    {
        check_large(line);
    }
}

/// Changes large values after the cut, before they are saved.
fn check_large(line: &str) {
    let store = TestStore::with_threads(1);
    store.answer_to(kvstore_protocol::Command::new("SET").arg("text").arg("x".repeat(100_000)));
    for number in 0..2000 {
        store.answer(&format!("HSET hash field:{number} {number}"));
        store.answer(&format!("SADD set member:{number}"));
    }
    let entries = contents(&store);
    let snapshot = SnapshotByHand::begin(&store, Compression::Lz4);
    store.answer(line);
    let changed = contents(&store);
    assert!(changed != entries, "{line} changes nothing");
    let disk = snapshot.finish();
    assert!(contents(&TestStore::durable(&disk, None, 1).unwrap()) == entries, "{line}");
    // And once more, from the new epoch.
    let disk = SnapshotByHand::begin(&store, Compression::None).finish();
    assert!(contents(&TestStore::durable(&disk, None, 1).unwrap()) == changed, "{line}, the next snapshot");
}

#[test]
fn a_command_that_changes_a_large_collection_waits_until_that_is_saved() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, None, 1).unwrap();
    let fields: Vec<_> = (0..30_000).map(|field| format!("{field} value:{field}")).collect();
    for (name, command) in [("hash", "HSET"), ("zset", "ZADD"), ("set", "SADD"), ("list", "RPUSH")] {
        store.answer(&format!("{command} {name} {}", fields.join(" ")));
    }
    let entries = contents(&store);
    disk.hold_syncs(true);
    std::thread::scope(|scope| {
        let saving = scope.spawn(|| save(&store));
        while store.store().handle.snapshots.status().running.is_none() {
            std::thread::yield_now();
        }
        store.check([("HSET hash new 1", ":1"), ("LPOP list", "\"0\""), ("ZADD zset 1 new", ":1"), ("DEL set", ":1")]);
        disk.hold_syncs(false);
        saving.join().unwrap().unwrap();
    });
    let saved = TestStore::durable(&disk.copy(), None, 2).unwrap();
    // The cut may be anywhere before the first change, or between two of them.
    let (saved, now) = (contents(&saved), contents(&store));
    assert!(saved.iter().all(|(key, value)| entries.get(key) == Some(value) || now.get(key) == Some(value)));
}

#[test]
fn a_large_collection_that_is_changed_while_it_is_saved_is_saved_as_it_was() {
    for line in
        ["DEL hash", "SET hash v", "HSET hash field v", "RENAME hash other", "SWAPDB 0 1", "FLUSHALL", "EXPIRE hash 1"]
    {
        let store = TestStore::with_threads(1);
        let fields: Vec<_> = (0..30_000).map(|field| format!("{field} value:{field}")).collect();
        store.answer(&format!("HSET hash {}", fields.join(" ")));
        let entries = contents(&store);
        let mut snapshot = SnapshotByHand::begin(&store, Compression::Lz4);
        snapshot.save_part("hash");
        snapshot.save_part("hash");
        store.answer(line);
        let changed = contents(&store);
        let disk = snapshot.finish();
        assert!(contents(&TestStore::durable(&disk, None, 1).unwrap()) == entries, "{line}");
        let disk = SnapshotByHand::begin(&store, Compression::None).finish();
        assert!(contents(&TestStore::durable(&disk, None, 1).unwrap()) == changed, "{line}, the next snapshot");
    }
}

#[test]
fn a_sealed_shard_is_not_saved() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, None, 2).unwrap();
    store.check([("SET k 1", "+OK")]);
    store.store().handle.databases.lock_any(0).seal();
    assert!(save(&store).unwrap_err().starts_with("a command failed"));
    store.check([("FLUSHALL", "+OK"), ("SET k 1", "+OK")]);
    save(&store).unwrap();
}
