//! A store with a journal on a simulated disk.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use kvstore_protocol::{
    Response, batch,
    parking::{self, Parking},
    release::Held,
};
use tower::Service;

use crate::store::{
    CloseError, Fsync, OpenError, ResponseFuture, Store,
    disk::simulated::{PowerLoss, SimulatedDisk},
    journal::{Settings, block_on},
    testing::{TestStore, command},
};

const ALWAYS: Settings = Settings { max_segment: 2000, ..Settings::new(Fsync::Always) };
const FULL: &str = "-MISCONF Errors writing to the AOF file: no storage space: simulated. Writes are accepted again when there is room";
const FAILED: &str = "-MISCONF Errors writing to the AOF file: the device failed: simulated. Writes are accepted again when a snapshot is \
                      saved in new files: that is tried from time to time, and by BGSAVE";
const UNKNOWN: &str =
    "-MISCONF The outcome of the command is unknown: Errors writing to the AOF file: the device failed";

fn open(disk: &SimulatedDisk) -> TestStore {
    TestStore::durable(disk, ALWAYS, 2).unwrap()
}

fn call(store: &TestStore, line: &str) -> Pin<Box<ResponseFuture>> {
    Box::pin(store.store().clone().call(command(line)))
}

/// Polls a command: its answer, or its mark.
fn poll(future: &mut Pin<Box<ResponseFuture>>) -> Result<String, Parking> {
    let polled = parking::observe(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    match polled.map(Result::unwrap) {
        std::task::Poll::Ready(response) => Ok(response.to_string()),
        std::task::Poll::Pending => Err(parking::seen()),
    }
}

async fn answer(future: Pin<Box<ResponseFuture>>) -> String {
    future.await.map(|response: Response| response.to_string()).unwrap()
}

#[tokio::test]
async fn an_answer_leaves_when_what_it_saw_is_on_disk() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    store.check([("SET other 1", "+OK"), ("RPUSH list a", ":1")]);
    disk.hold_syncs(true);
    let lines = ["SET k 1", "GET k", "MGET other k", "INCR k", "DBSIZE", "SETNX k 2", "RANDOMKEY"];
    let mut held: Vec<_> = lines.map(|line| call(&store, line)).into();
    for (future, line) in held.iter_mut().zip(lines) {
        assert_eq!(poll(future), Err(Parking::Settled), "{line}");
    }
    for (line, expected) in [("GET other", "\"1\""), ("MGET other list2", "[\"1\", (nil)]"), ("TIME x", "-ERR")] {
        assert!(poll(&mut call(&store, line)).unwrap().starts_with(expected), "{line}");
    }
    assert!(held.iter_mut().all(|future| poll(future).is_err()));
    disk.hold_syncs(false);
    let mut answers = Vec::new();
    for future in held {
        answers.push(answer(future).await);
    }
    assert_eq!(answers[..6], ["+OK", "\"1\"", "[\"1\", \"1\"]", ":2", ":3", ":0"]);
}

/// Whether the output of a connection may leave.
fn is_released(held: &mut Held) -> bool {
    // The first time others are served first.
    let mut poll = || held.poll(&Context::from_waker(Waker::noop()));
    poll().is_ready() || poll().is_ready()
}

#[test]
fn a_connection_holds_back_its_output_until_what_its_answers_saw_is_on_disk() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    store.check([("SET other 1", "+OK"), ("SET k 0", "+OK"), ("RPUSH list a b", ":2")]);
    disk.hold_syncs(true);
    let mut writer = Held::default();
    batch::run(|| {
        store.check([("SET k 1", "+OK")]);
        assert!(!is_released(&mut writer));
    });
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("GET other", "+QUEUED")]);
    let mut held = Vec::new();
    let lines =
        ["SET l 1", "GET k", "MGET other k", "DBSIZE", "SETNX k 2", "INCR list", "LPOP list", "EXEC", "MSET a 1 b 2"];
    for line in lines {
        let mut output = Held::default();
        batch::run(|| {
            let command = if line == "EXEC" { client.command(line) } else { command(line) };
            let mut future = Box::pin(store.store().clone().call(command));
            assert!(poll(&mut future).is_ok(), "{line}");
            // No answer of LPOP tells of another commit than its own, and INCR read what is on disk.
            assert_eq!(is_released(&mut output), line == "INCR list", "{line}");
        });
        held.push((line, output));
    }
    batch::run(|| {
        store.check([("GET other", "\"1\""), ("MGET other missing", "[\"1\", (nil)]"), ("SETNX other 2", ":0")]);
        assert!(is_released(&mut Held::default()));
    });
    disk.hold_syncs(false);
    for (line, mut output) in held {
        let released = block_on(|waker| output.poll(&Context::from_waker(waker)));
        assert!(released.is_ok(), "{line}");
    }
}

#[test]
fn what_a_connection_wrote_that_sends_no_answers_is_on_disk_before_long() {
    for policy in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let disk = SimulatedDisk::new(1);
        let store = TestStore::durable(&disk, Settings::new(policy), 2).unwrap();
        store.check([("SET k 1", "+OK")]);
        let mut abandoned = Held::default();
        batch::run(|| store.check([("SET k 2", "+OK")]));
        batch::run(|| {
            store.check([("SET k 3", "+OK")]);
            assert!(abandoned.poll(&Context::from_waker(Waker::noop())).is_pending());
        });
        drop(abandoned);
        while !store.answer("INFO persistence").to_string().contains("aof_buffer_length:0") {
            std::thread::yield_now();
        }
    }
}

#[tokio::test]
async fn a_transaction_and_one_who_is_served_wait_for_the_disk() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    let mut blpop = call(&store, "BLPOP list 0");
    assert_eq!(poll(&mut blpop), Err(Parking::Parked));
    disk.hold_syncs(true);
    let mut push = call(&store, "RPUSH list a");
    assert_eq!((poll(&mut push), poll(&mut blpop)), (Err(Parking::Settled), Err(Parking::Settled)));
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("SET k v", "+QUEUED")]);
    let mut exec = Box::pin(store.store().clone().call(client.command("EXEC")));
    assert_eq!(poll(&mut exec), Err(Parking::Settled));
    disk.hold_syncs(false);
    assert_eq!(answer(push).await, ":1");
    assert_eq!(answer(blpop).await, "[\"list\", \"a\"]");
    assert_eq!(answer(exec).await, "[+OK]");
}

#[tokio::test]
async fn commits_that_are_made_during_a_sync_share_the_next_one() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    disk.hold_syncs(true);
    let mut pushes: Vec<_> = (0..100).map(|number| call(&store, &format!("RPUSH list {number}"))).collect();
    assert!(pushes.iter_mut().all(|push| poll(push) == Err(Parking::Settled)));
    let before = disk.syncs();
    disk.hold_syncs(false);
    for push in pushes {
        answer(push).await;
    }
    assert!(disk.syncs() - before <= 12, "{}", disk.syncs() - before);
}

#[tokio::test]
async fn after_a_failed_sync_writes_are_refused_and_reads_go_on() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    store.check([
        ("SET k 1", "+OK"),
        ("CONFIG GET appendonly appendfsync", "{\"appendonly\": \"yes\", \"appendfsync\": \"always\"}"),
    ]);
    let status = || store.answer("INFO persistence").to_string();
    assert!(status().contains("aof_enabled:1\\r\\naof_last_write_status:ok\\r\\naof_buffer_length:0"), "{}", status());
    disk.hold_syncs(true);
    let (mut set, mut get) = (call(&store, "SET k 2"), call(&store, "GET k"));
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("SET k 2", "+QUEUED")]);
    let mut exec = Box::pin(store.store().clone().call(client.command("EXEC")));
    for future in [&mut set, &mut get, &mut exec] {
        assert_eq!(poll(future), Err(Parking::Settled));
    }
    let mut queued = store.client();
    queued.check([("MULTI", "+OK"), ("SET k 3", "+QUEUED")]);
    disk.fail_syncs();
    disk.hold_syncs(false);
    assert_eq!((answer(set).await, answer(exec).await), (UNKNOWN.into(), UNKNOWN.into()));
    assert_eq!(answer(get).await, "\"2\"");
    store.check([("SET k 3", FAILED), ("DEL k", FAILED), ("MSET k 3 l 3", FAILED), ("GET k", "\"2\"")]);
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("GET k", "+QUEUED"), ("EXEC", "[\"2\"]")]);
    const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";
    client.check([("MULTI", "+OK"), ("SET k 3", FAILED), ("EXEC", ABORTED)]);
    let aborted = format!("-EXECABORT Transaction discarded because of: {}", &FAILED[1..]);
    queued.check([("EXEC", &*aborted), ("EXEC", "-ERR EXEC without MULTI")]);
    store.check([("PEXPIRE k 1", FAILED)]);
    assert!(status().contains("aof_last_write_status:err"));
    assert!(store.store().close().await.is_err());
}

#[tokio::test]
async fn while_the_disk_is_full_writes_are_refused_and_they_go_on_by_themselves() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::EverySec), 2).unwrap();
    store.check([("SET short 1 PX 10", "+OK"), ("GET short", "\"1\"")]);
    disk.set_capacity(disk.size() + 500);
    let refused = (0..).map(|number| store.answer(&format!("RPUSH list {number}")).to_string());
    let accepted = refused.take_while(|answer| answer != FULL).count();
    assert!(accepted > 0);
    store.pass(100);
    store.remove_expired();
    store.check([("GET short", "(nil)"), ("LLEN list", &format!(":{accepted}")), ("DBSIZE", ":2"), ("DEL list", FULL)]);
    disk.set_capacity(usize::MAX);
    while store.answer("RPUSH list more").to_string() == FULL {
        tokio::task::yield_now().await;
    }
    store.store().close().await.unwrap();
    let entries = store.entries();
    drop(store);
    disk.lose_power(PowerLoss::LosesAll);
    assert_eq!(open(&disk).entries(), entries);
}

#[test]
fn an_answer_waits_while_the_disk_has_no_room_for_what_it_tells() {
    for policy in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let disk = SimulatedDisk::new(1);
        let store = TestStore::durable(&disk, Settings::new(policy), 2).unwrap();
        store.check([("SET k 1", "+OK")]);
        disk.set_capacity(disk.size());
        let (mut held, cx) = (Held::default(), Context::from_waker(Waker::noop()));
        batch::run(|| {
            assert_eq!(poll(&mut call(&store, "SET k 2")), Ok("+OK".into()));
            assert!(!is_released(&mut held));
        });
        while !store.answer("INFO persistence").to_string().contains("aof_last_write_status:err") {
            std::thread::yield_now();
        }
        store.check([("SET l 1", FULL)]);
        assert!(held.poll(&cx).is_pending(), "{policy}");
        // Others go on.
        if policy != Fsync::Always {
            store.check([("GET k", "\"2\""), ("KEYS k*", "[\"k\"]")]);
        }
        disk.set_capacity(usize::MAX);
        while held.poll(&cx).is_pending() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_answer_does_not_leave_when_the_disk_fails_before_what_it_tells_is_written() {
    for policy in [Fsync::Always, Fsync::EverySec] {
        let disk = SimulatedDisk::new(1);
        let store = TestStore::durable(&disk, Settings::new(policy), 2).unwrap();
        store.check([("SET k 1", "+OK")]);
        let mut held = Held::default();
        batch::run(|| {
            store.check([("SET k 2", "+OK")]);
            disk.crash_after(0);
            assert!(block_on(|waker| held.poll(&Context::from_waker(waker))).is_err());
        });
        // Reads go on, and are not held back.
        batch::run(|| {
            store.check([("GET k", "\"2\""), ("KEYS k*", "[\"k\"]")]);
            assert!(matches!(held.poll(&Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
        });
    }
}

#[tokio::test]
async fn commands_that_write_wait_while_too_much_is_not_written() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings { max_pending: 10_000, ..ALWAYS }, 2).unwrap();
    disk.hold_syncs(true);
    let mut waiting = vec![call(&store, "RPUSH list 0")];
    assert_eq!(poll(&mut waiting[0]), Err(Parking::Settled));
    // From here on the journal takes nothing.
    disk.wait_for_held_sync();
    for number in 1..1000 {
        let mut push = call(&store, &format!("RPUSH list {number}"));
        let polled = poll(&mut push);
        waiting.push(push);
        if polled == Err(Parking::Busy) {
            break;
        }
    }
    assert!((10..200).contains(&waiting.len()), "{}", waiting.len());
    let lag = store.answer("INFO persistence").to_string();
    assert!(lag.contains("aof_unsynced_commits:") && !lag.contains("aof_unsynced_commits:0"), "{lag}");
    let refused = poll(&mut call(&store, "SET k v"));
    assert_eq!((refused, poll(&mut call(&store, "GET missing"))), (Err(Parking::Busy), Ok("(nil)".into())));
    let pushed = waiting.len();
    disk.hold_syncs(false);
    for push in waiting {
        answer(push).await;
    }
    store.check([("LLEN list", &*format!(":{pushed}")), ("EXISTS k", ":0")]);
    assert!(store.answer("INFO persistence").to_string().contains("aof_unsynced_commits:0"));
}

#[tokio::test]
async fn a_store_that_is_closed_has_everything_on_disk() {
    for policy in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let disk = SimulatedDisk::new(1);
        let store = TestStore::durable(&disk, Settings::new(policy), 2).unwrap();
        assert!(matches!(TestStore::durable(&disk, ALWAYS, 2), Err(OpenError::Locked { .. })));
        store.check([("SET k 1", "+OK"), ("INCR k", ":2")]);
        assert!(matches!(store.store().close().await, Ok::<_, CloseError>(())));
        store.check([("SET k 3", "-ERR the store is closed"), ("GET k", "\"2\"")]);
        let mut close = pin!(store.store().close());
        assert!(close.as_mut().await.is_ok());
        disk.lose_power(PowerLoss::LosesAll);
        open(&disk).check([("GET k", "\"2\"")]);
    }
}

#[test]
fn a_store_that_is_dropped_has_everything_on_disk() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::No), 2).unwrap();
    store.check([("SET k 1", "+OK")]);
    drop(store);
    disk.lose_power(PowerLoss::LosesAll);
    open(&disk).check([("GET k", "\"1\"")]);
}

#[test]
fn a_store_with_too_few_databases_is_not_opened() {
    let disk = SimulatedDisk::new(1);
    let mut store = open(&disk);
    store.select(3);
    store.check([("SET k 1", "+OK")]);
    drop(store);
    let refused = Store::builder().databases(3).open_on(Arc::new(disk.clone()), Some(ALWAYS)).unwrap_err();
    let reason = "the record is of a database that the store does not have: it needs more databases";
    let expected = format!("simulated/journal-000000000001 is damaged at byte 113: {reason}");
    assert_eq!(refused.to_string(), expected);
    // A whole journal is not cut.
    let repair = Store::builder().databases(3).repair_on(Arc::new(disk.clone()));
    assert_eq!(repair.unwrap_err().to_string(), expected);
    assert!(Store::builder().databases(4).open_on(Arc::new(disk), Some(ALWAYS)).is_ok());
}

#[test]
fn a_store_in_memory_alone_is_closed_at_once() {
    let store = TestStore::new();
    assert!(tokio_test::block_on(store.store().close()).is_ok());
    store.check([("SET k 1", "+OK")]);
}

/// The numbers that the list has, which are those from 0 on.
fn pushed(store: &TestStore, list: &str) -> usize {
    let Response::Array(elements) = store.answer(&format!("LRANGE {list} 0 -1")).unpacked() else { panic!("an array") };
    for (element, number) in elements.iter().zip(0..) {
        assert_eq!(element.to_string(), format!("\"{number}\""));
    }
    elements.len()
}

/// Pushes numbers until one is refused. Returns how many were acknowledged.
fn push(store: &TestStore, list: &str, from: usize, most: usize) -> usize {
    let mut numbers = from..from + most;
    let refused = numbers.find(|number| store.answer(&format!("RPUSH {list} {number}")).is_error());
    refused.unwrap_or(from + most)
}

#[test]
fn a_store_that_crashes_at_any_operation_has_all_that_was_acknowledged() {
    const PUSHES: usize = 12;
    for policy in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let settings = Settings { max_segment: 400, ..Settings::new(policy) };
        let (mut at, mut has_crashed) = (0, true);
        while has_crashed {
            at += 1;
            let (disk, mut acknowledged) = (SimulatedDisk::new(at), 0);
            disk.crash_after(at);
            if let Ok(store) = TestStore::durable(&disk, settings, 2) {
                acknowledged = push(&store, "list", 0, PUSHES);
            }
            has_crashed = disk.has_crashed();
            disk.lose_power(PowerLoss::KeepsAny(512));
            let store = TestStore::durable(&disk, settings, 2).unwrap();
            let found = pushed(&store, "list");
            // All were issued before the crash, or the one that was refused was the last.
            assert!(found <= PUSHES.min(acknowledged + 1), "{policy:?}, operation {at}: {found} of {acknowledged}");
            if policy == Fsync::Always || !has_crashed {
                assert!(found >= acknowledged, "{policy:?}, operation {at}: {found} of {acknowledged}");
            }
        }
    }
}

#[test]
fn clients_of_a_store_that_crashes_find_all_that_was_acknowledged_to_them() {
    const CLIENTS: usize = 4;
    for seed in 0..40 {
        let (disk, mut acknowledged) = (SimulatedDisk::new(seed), [0; CLIENTS]);
        for crash in 0..5 {
            let store = open(&disk);
            for (client, acknowledged) in acknowledged.iter_mut().enumerate() {
                let found = pushed(&store, &format!("list:{client}"));
                assert!(found >= *acknowledged, "seed {seed}, crash {crash}: {found} of {acknowledged}");
                *acknowledged = found;
            }
            disk.crash_after(5 + seed * 7 % 60);
            std::thread::scope(|scope| {
                for (client, acknowledged) in acknowledged.iter_mut().enumerate() {
                    let store = &store;
                    scope.spawn(move || *acknowledged = push(store, &format!("list:{client}"), *acknowledged, 1000));
                }
            });
            disk.lose_power(PowerLoss::KeepsAny(512));
        }
    }
}
