//! `appendfsync` while the store runs.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};

use tower::Service;

use crate::store::{
    Fsync, ResponseFuture,
    disk::simulated::{PowerLoss, SimulatedDisk},
    journal::Settings,
    testing::{TestStore, command},
};

fn open(disk: &SimulatedDisk, policy: Fsync) -> TestStore {
    TestStore::durable(disk, Settings::new(policy), 2).unwrap()
}

/// A command that was polled once, and is pending.
fn pending(store: &TestStore, line: &str) -> Pin<Box<ResponseFuture>> {
    let mut future = Box::pin(store.store().clone().call(command(line)));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{line}");
    future
}

#[tokio::test]
async fn what_was_written_before_is_on_disk_when_always_is_set() {
    for policy in [Fsync::No, Fsync::EverySec] {
        let disk = SimulatedDisk::new(1);
        let store = open(&disk, policy);
        store.check([("SET k 1", "+OK"), ("CONFIG SET appendfsync ALWAYS", "+OK")]);
        store.check([("CONFIG GET appendfsync", "{\"appendfsync\": \"always\"}")]);
        // As after a power loss at this moment.
        disk.crash_after(0);
        drop(store);
        disk.lose_power(PowerLoss::LosesAll);
        open(&disk, policy).check([("GET k", "\"1\"")]);
    }
}

#[tokio::test]
async fn a_reader_waits_for_what_was_written_before_always_was_set() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, Fsync::No);
    store.check([("SET k 1", "+OK"), ("SET other 1", "+OK")]);
    disk.hold_syncs(true);
    let (set, get) = (pending(&store, "CONFIG SET appendfsync always"), pending(&store, "GET k"));
    let mget = pending(&store, "MGET other missing");
    disk.hold_syncs(false);
    assert_eq!(set.await.unwrap().to_string(), "+OK");
    assert_eq!(get.await.unwrap().to_string(), "\"1\"");
    assert_eq!(mget.await.unwrap().to_string(), "[\"1\", (nil)]");
}

#[tokio::test]
async fn whoever_waits_is_answered_when_another_policy_is_set() {
    for policy in ["no", "everysec"] {
        let disk = SimulatedDisk::new(1);
        let store = open(&disk, Fsync::Always);
        disk.hold_syncs(true);
        let push = pending(&store, "RPUSH list a");
        store.check([(&*format!("CONFIG SET appendfsync {policy}"), "+OK"), ("RPUSH list b", ":2")]);
        disk.hold_syncs(false);
        assert_eq!(push.await.unwrap().to_string(), ":1");
    }
}

#[test]
fn a_policy_that_does_not_exist_is_refused() {
    let store = open(&SimulatedDisk::new(1), Fsync::EverySec);
    const REFUSED: &str = "-ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the \
        following: everysec, always, no";
    store.check([
        ("CONFIG SET appendfsync often", REFUSED),
        ("CONFIG GET appendfsync", "{\"appendfsync\": \"everysec\"}"),
    ]);
}

#[test]
fn in_a_transaction_always_is_set_too() {
    let store = open(&SimulatedDisk::new(1), Fsync::No);
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("SET k 1", "+QUEUED"), ("CONFIG SET appendfsync always", "+QUEUED")]);
    client.check([("EXEC", "[+OK, +OK]")]);
    store.check([("GET k", "\"1\"")]);
}
