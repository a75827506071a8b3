//! A journal that has failed, and the one that begins in its place.

use kvstore_protocol::Response;

use super::{ALWAYS, close, save};
use crate::store::{
    Fsync,
    disk::simulated::{PowerLoss, SimulatedDisk},
    journal::Settings,
    testing::TestStore,
};

const LOSSES: [PowerLoss; 4] =
    [PowerLoss::LosesAll, PowerLoss::LosesNothing, PowerLoss::KeepsPrefix(512), PowerLoss::KeepsAny(512)];

fn open(disk: &SimulatedDisk) -> TestStore {
    TestStore::durable(disk, ALWAYS, 2).unwrap()
}

/// A store whose counter is 2: 1 is on disk, and of 2 nobody knows.
fn failed(disk: &SimulatedDisk, fail: fn(&SimulatedDisk)) -> TestStore {
    let store = open(disk);
    store.check([("INCR n", ":1"), ("RPUSH list a", ":1")]);
    fail(disk);
    assert!(is_unknown(&store.answer("INCR n")));
    store
}

fn is_unknown(answer: &Response) -> bool {
    answer.to_string().starts_with("-MISCONF The outcome of the command is unknown: Errors writing to the AOF file:")
}

fn is_refused(answer: &Response) -> bool {
    let shown = answer.to_string();
    shown.starts_with("-MISCONF Errors writing to the AOF file: ") && shown.contains("simulated. Writes are accepted")
}

fn field(store: &TestStore, name: &str) -> String {
    let shown = store.answer("INFO persistence").to_string();
    let (_, rest) = shown.split_once(&format!("{name}:")).unwrap();
    rest.split_once("\\r").unwrap().0.to_owned()
}

/// Waits until no snapshot is taken.
fn wait(store: &TestStore) {
    while store.store().handle.snapshots.status().running.is_some() {
        std::thread::yield_now();
    }
}

/// The store as it is after a power loss at this moment.
fn check_after_power_loss(disk: &SimulatedDisk, n: &str) {
    let copy = disk.copy();
    copy.lose_power(PowerLoss::LosesAll);
    open(&copy).check([("GET n", n), ("LLEN list", ":1")]);
}

#[test]
fn each_snapshot_begins_a_journal_in_the_place_of_one_that_has_failed() {
    for fail in [SimulatedDisk::fail_syncs, SimulatedDisk::fail_writes] {
        for line in ["SAVE", "BGSAVE", "BGREWRITEAOF"] {
            let disk = SimulatedDisk::new(1);
            let store = failed(&disk, fail);
            assert!(is_refused(&store.answer("INCR n")) && is_refused(&store.answer("DEL list")));
            store.check([("GET n", "\"2\"")]);
            store.answer(line);
            wait(&store);
            assert!(is_refused(&store.answer("INCR n")), "{line}: the disk still fails");
            assert_eq!(field(&store, "aof_last_write_status"), "err");
            assert_eq!(field(&store, "aof_last_bgrewrite_status"), "err");
            disk.heal();
            assert!(is_refused(&store.answer("INCR n")), "{line}: nothing has begun");
            store.answer(line);
            wait(&store);
            check_after_power_loss(&disk, "\"2\"");
            assert_eq!(field(&store, "aof_last_write_status"), "ok");
            assert_eq!(field(&store, "aof_last_bgrewrite_status"), "ok");
            store.check([("INCR n", ":3"), ("WAITAOF 1 0 0", "[:1, :0]")]);
            check_after_power_loss(&disk, "\"3\"");
            save(&store).unwrap();
            store.check([("INCR n", ":4")]);
            close(store);
            disk.lose_power(PowerLoss::LosesAll);
            open(&disk).check([("GET n", "\"4\"")]);
        }
    }
}

#[test]
fn the_store_tries_it_by_itself_less_and_less_often() {
    let disk = SimulatedDisk::new(1);
    let store = failed(&disk, SimulatedDisk::fail_syncs);
    let try_it = || {
        store.store().handle.snapshot_if_due();
        wait(&store);
        store.store().handle.snapshots.status().last_end
    };
    let mut last = try_it();
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        store.pass(pause * 1000 - 1);
        assert_eq!(try_it(), last, "{pause}");
        store.pass(1);
        assert_ne!(try_it(), last, "{pause}");
        last = try_it();
    }
    assert!(is_refused(&store.answer("INCR n")));
    disk.heal();
    store.pass(60_000);
    try_it();
    store.check([("INCR n", ":3")]);
    check_after_power_loss(&disk, "\"3\"");
}

#[test]
fn what_was_acknowledged_before_a_failure_of_everysec_is_in_the_snapshot() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::EverySec), 2).unwrap();
    disk.fail_writes();
    store.check([("RPUSH list a", ":1"), ("INCR n", ":1")]);
    while !is_refused(&store.answer("SET k v")) {
        std::thread::yield_now();
    }
    disk.heal();
    save(&store).unwrap();
    check_after_power_loss(&disk, "\"1\"");
}

#[test]
fn config_set_appendonly_no_and_yes_begins_another_journal_too() {
    let disk = SimulatedDisk::new(1);
    let store = failed(&disk, SimulatedDisk::fail_syncs);
    store.check([("CONFIG SET appendonly no", "+OK"), ("INCR n", ":3")]);
    assert!(store.answer("CONFIG SET appendonly yes").is_error());
    store.check([("INCR n", ":4"), ("CONFIG GET appendonly", "{\"appendonly\": \"no\"}")]);
    disk.heal();
    store.check([("CONFIG SET appendonly yes", "+OK"), ("INCR n", ":5")]);
    check_after_power_loss(&disk, "\"5\"");
}

#[test]
fn a_store_that_is_closed_saves_what_its_journal_has_not() {
    let disk = SimulatedDisk::new(1);
    let store = failed(&disk, SimulatedDisk::fail_syncs);
    disk.heal();
    close(store);
    disk.lose_power(PowerLoss::LosesAll);
    open(&disk).check([("GET n", "\"2\"")]);
}

/// Counts to 2 on a disk that fails, and goes on when it works again. Returns what was acknowledged and issued.
fn run(disk: &SimulatedDisk, crash_after: Option<u64>) -> (i64, i64) {
    let store = failed(disk, SimulatedDisk::fail_syncs);
    disk.heal();
    crash_after.iter().for_each(|count| disk.crash_after(*count));
    if save(&store).is_err() {
        return (1, 2);
    }
    match store.answer("INCR n") {
        Response::Integer(3) => (3, 3),
        _ => (2, 3),
    }
}

#[test]
fn a_crash_at_any_operation_loses_nothing_that_was_acknowledged() {
    let disk = SimulatedDisk::new(1);
    failed(&disk, SimulatedDisk::fail_syncs);
    let before = disk.operations();
    let disk = SimulatedDisk::new(1);
    assert_eq!(run(&disk, None), (3, 3));
    let operations = disk.operations() - before;
    assert!(operations > 15, "{operations}");
    for at in 1..=operations {
        for loss in LOSSES {
            let disk = SimulatedDisk::new(at);
            let (acknowledged, issued) = run(&disk, Some(at));
            disk.lose_power(loss);
            let what = format!("a crash at operation {at} that {loss:?}");
            let store = open(&disk);
            let found: i64 = store.answer("GET n").to_string().trim_matches('"').parse().unwrap();
            assert!((acknowledged..=issued).contains(&found), "{what}: {found} of {acknowledged} to {issued}");
            // And it goes on.
            store.check([("INCR n", &*format!(":{}", found + 1))]);
            save(&store).unwrap();
            drop(store);
            disk.lose_power(PowerLoss::LosesAll);
            open(&disk).check([("GET n", &*format!("\"{}\"", found + 1)), ("LLEN list", ":1")]);
        }
    }
}

#[test]
fn a_store_that_is_opened_on_a_full_disk_answers_reads_and_takes_writes_when_there_is_room() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    store.check([("INCR n", ":1"), ("RPUSH list a", ":1")]);
    drop(store);
    for room in [0, 40, 80, 120, 160] {
        disk.restart();
        disk.set_capacity(disk.size() + room);
        let store = open(&disk);
        if room < 80 {
            let refused = store.answer("INCR n").to_string();
            assert!(refused.starts_with("-MISCONF Errors writing to the AOF file: no storage space"), "{refused}");
            store.check([("GET n", "\"1\""), ("CONFIG GET appendonly", "{\"appendonly\": \"yes\"}")]);
            assert_eq!(field(&store, "aof_last_write_status"), "err");
            store.store().handle.snapshot_if_due();
            wait(&store);
            assert!(store.answer("INCR n").is_error());
            assert!(store.answer("SAVE").is_error());
        }
        disk.set_capacity(usize::MAX);
        store.pass(60_000);
        store.store().handle.snapshot_if_due();
        wait(&store);
        store.check([("RPUSH other x", ":1"), ("LPOP other", "\"x\"")]);
        assert_eq!((field(&store, "aof_last_write_status").as_str(), field(&store, "rdb_saves").as_str()), ("ok", "0"));
        check_after_power_loss(&disk, "\"1\"");
        close(store);
    }
}

#[test]
fn a_full_disk_at_the_start_has_no_new_store() {
    let disk = SimulatedDisk::new(1);
    disk.set_capacity(10);
    assert!(TestStore::durable(&disk, ALWAYS, 1).unwrap_err().to_string().contains("make room there"));
}
