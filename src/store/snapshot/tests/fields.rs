//! Fields of hashes that expire while a snapshot is taken, and between the snapshot and the start that loads it.

use kvstore_protocol::Command;

use super::{ALWAYS, SnapshotByHand, close, contents, save};
use crate::store::{disk::simulated::SimulatedDisk, snapshot::Compression, testing::TestStore};

/// Adds a hash that a snapshot saves in slices.
fn add_large(store: &TestStore) {
    let pairs = (0..3000).flat_map(|number| [format!("f{number}"), "v".repeat(100)]);
    store.answer_to(Command::new("HSET").arg("large").with_args(pairs));
}

#[test]
fn fields_that_expire_meanwhile_are_in_the_snapshot() {
    let store = TestStore::with_threads(1);
    add_large(&store);
    store.check([
        ("HPEXPIRE large 100 FIELDS 2 f7 f8", "[:1, :1]"),
        ("HSET small a 1 b 2", ":2"),
        ("HPEXPIRE small 100 FIELDS 1 a", "[:1]"),
    ]);
    let entries = contents(&store);
    let mut snapshot = SnapshotByHand::begin(&store, Compression::Lz4);
    snapshot.save_part("large");
    store.pass(101);
    store.remove_expired();
    // What is saved in slices does not change before it is saved.
    store.check([("HLEN large", ":3000"), ("HGET large f7", "(nil)"), ("HLEN small", ":1")]);
    let disk = snapshot.finish();
    assert_eq!(contents(&TestStore::durable(&disk, None, 2).unwrap()), entries);
    store.pass(101);
    store.remove_expired();
    store.check([("HLEN large", ":2998"), ("HGET large f9", &*format!("{:?}", "v".repeat(100)))]);
}

#[test]
fn fields_that_have_expired_before_the_start_are_removed_after_it() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, ALWAYS, 2).unwrap();
    store.check([
        ("HSET h a 1 b 2 c 3", ":3"),
        ("HPEXPIRE h 100 FIELDS 2 a b", "[:1, :1]"),
        ("HSETEX gone PX 100 FIELDS 1 a 1", ":1"),
    ]);
    save(&store).unwrap();
    store.check([("HPEXPIRE h 300 FIELDS 1 b", "[:1]"), ("HSETEX after PX 100 FIELDS 1 a 1", ":1")]);
    close(store);
    disk.restart();
    let store = TestStore::durable(&disk, ALWAYS, 1).unwrap();
    store.pass(101);
    store.check([("HGETALL h", r#"{"b": "2", "c": "3"}"#), ("HLEN h", ":3"), ("EXISTS gone after", ":0")]);
    store.remove_expired();
    store.check([("HLEN h", ":2"), ("DBSIZE", ":1"), ("HPTTL h FIELDS 2 b c", "[:199, :-1]")]);
    let entries = store.entries();
    close(store);
    disk.restart();
    assert_eq!(TestStore::durable(&disk, ALWAYS, 3).unwrap().entries(), entries);
}
