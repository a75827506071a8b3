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

#[tokio::test(start_paused = true)]
async fn waitaof_waits_for_the_disk() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, Fsync::No);
    disk.hold_syncs(true);
    store.check([("SET k 1", "+OK"), ("WAITAOF 0 0 0", "[:0, :0]"), ("WAITAOF 1 0 0", "[:0, :0]")]);
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("WAITAOF 1 0 0", "+QUEUED"), ("EXEC", "[[:0, :0]]")]);
    let (waits, late) = (pending(&store, "WAITAOF 1 0 0"), pending(&store, "WAITAOF 1 0 20"));
    assert_eq!(late.await.unwrap().to_string(), "[:0, :0]");
    disk.hold_syncs(false);
    // With the policy no it is synced at another occasion.
    assert_eq!(pending(&store, "WAITAOF 1 0 20").await.unwrap().to_string(), "[:0, :0]");
    let also_waits = pending(&store, "WAITAOF 1 0 0");
    store.check([("BGREWRITEAOF", "+Background append only file rewriting started")]);
    assert_eq!(waits.await.unwrap().to_string(), "[:1, :0]");
    assert_eq!(also_waits.await.unwrap().to_string(), "[:1, :0]");
    store.check([("WAITAOF 1 0 0", "[:1, :0]")]);
    assert_eq!(pending(&store, "WAITAOF 1 1 20").await.unwrap().to_string(), "[:1, :0]");
}

#[tokio::test]
async fn waitaof_is_answered_within_a_second_of_everysec() {
    let store = open(&SimulatedDisk::new(1), Fsync::EverySec);
    store.check([("SET k 1", "+OK")]);
    let answer = store.store().clone().call(command("WAITAOF 1 0 0")).await;
    assert_eq!(answer.unwrap().to_string(), "[:1, :0]");
}

#[tokio::test]
async fn waitaof_ends_when_the_journal_ends_or_fails() {
    const NO_JOURNAL: &str = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    let store = open(&SimulatedDisk::new(1), Fsync::No);
    store.check([("SET k 1", "+OK")]);
    let waits = pending(&store, "WAITAOF 1 0 0");
    store.check([("CONFIG SET appendonly no", "+OK")]);
    assert_eq!(waits.await.unwrap().to_string(), NO_JOURNAL);

    let disk = SimulatedDisk::new(1);
    let store = open(&disk, Fsync::EverySec);
    disk.hold_syncs(true);
    store.check([("SET k 1", "+OK")]);
    let waits = pending(&store, "WAITAOF 1 0 0");
    disk.fail_syncs();
    disk.hold_syncs(false);
    assert!(waits.await.unwrap().to_string().starts_with("-MISCONF Errors writing to the AOF file: the device failed"));
    let refused = store.store().clone().call(command("WAITAOF 1 0 0")).await.unwrap().to_string();
    assert!(refused.starts_with("-MISCONF Errors writing to the AOF file"), "{refused}");
}

#[test]
fn waitaof_refuses_what_redis_refuses() {
    const RANGE: &str = "-ERR value is out of range, value must between 0 and 1";
    TestStore::new().check([
        ("WAITAOF 1 0 0", "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
        ("WAITAOF 0 0 0", "[:0, :0]"),
        ("WAITAOF 2 0 0", RANGE),
        ("WAITAOF -1 0 0", RANGE),
        ("WAITAOF 0 -1 0", "-ERR value is out of range, must be positive"),
        ("WAITAOF 0 0 -1", "-ERR timeout is negative"),
        ("WAITAOF 0 0 x", "-ERR timeout is not an integer or out of range"),
    ]);
}
