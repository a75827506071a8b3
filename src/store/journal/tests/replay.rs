//! What a journal leads to: the state of the store that wrote it.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use tower::Service;

use crate::store::{
    Fsync, Loader, ResponseFuture,
    disk::simulated::SimulatedDisk,
    journal::{OpenError, Settings, payload, recover},
    testing::{TestStore, command},
};

const SETTINGS: Settings = Settings::new(Fsync::No);

fn open(disk: &SimulatedDisk, threads: usize) -> TestStore {
    TestStore::durable(disk, SETTINGS, threads).unwrap()
}

/// A command that was polled once, and waits for a key.
fn parked(store: &TestStore, line: &str) -> Pin<Box<ResponseFuture>> {
    let mut future = Box::pin(store.store().clone().call(command(line)));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{line}");
    future
}

/// The entries without their encodings.
fn values(store: &TestStore) -> BTreeMap<(usize, Vec<u8>), String> {
    let without_encoding = |shown: String| shown.rsplit_once(' ').map(|(value, _)| value.to_owned());
    store.entries().into_iter().map(|(key, shown)| (key, without_encoding(shown).expect("an encoding"))).collect()
}

#[tokio::test]
async fn clients_that_were_served_have_taken_the_same() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, 2);
    let served = [
        parked(&store, "BLPOP list 0"),
        parked(&store, "BLMOVE list other LEFT RIGHT 0"),
        parked(&store, "BLMPOP 0 1 other LEFT COUNT 2"),
        parked(&store, "BZPOPMIN set 0"),
    ];
    let late = parked(&store, "BRPOP list missing 0");
    let mut client = store.client();
    client.check([
        ("MULTI", "+OK"),
        ("RPUSH list a b", "+QUEUED"),
        ("ZADD set 1 m 2 n", "+QUEUED"),
        ("INCR n", "+QUEUED"),
    ]);
    client.answer("EXEC");
    for future in served {
        future.await.unwrap();
    }
    drop((late, client));
    store.check([("RPUSH list c d", ":2")]);
    let entries = store.entries();
    drop(store);
    for threads in [1, 2, 8] {
        assert_eq!(open(&disk, threads).entries(), entries);
    }
}

#[test]
fn keys_expire_as_they_did_whatever_the_clock_says() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, 2);
    store.check([("SET k 1 PX 1000", "+OK"), ("SET kept 1 PX 100000", "+OK"), ("SET gone 1 PX 10", "+OK")]);
    store.pass(999);
    store.check([("INCR k", ":2")]);
    store.pass(2);
    store.check([("INCR k", ":1"), ("SET kept 2 XX KEEPTTL", "+OK")]);
    store.remove_expired();
    let entries = store.entries();
    drop(store);
    // The clock is the one at the start.
    assert_eq!(open(&disk, 1).entries(), entries);
    let later = TestStore::new();
    later.pass(24 * 60 * 60 * 1000);
    Loader::new(later.store().clone(), Arc::new(disk), Some(SETTINGS)).unwrap().load().unwrap();
    assert_eq!(later.entries(), entries);
    later.check([("GET kept", "(nil)"), ("GET k", "\"1\"")]);
}

#[test]
fn other_settings_lead_to_the_same_values() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, 8);
    store.check([("CONFIG SET hash-max-listpack-entries 2 set-max-intset-entries 2 list-max-listpack-size 2", "+OK")]);
    store.check([("HSET h a 1 b 2 c 3 d 4", ":4"), ("SADD s 1 2 3 4", ":4"), ("RPUSH l a b c d e", ":5")]);
    store.check([("HDEL h a b", ":2"), ("SREM s 1", ":1"), ("LPOP l 2", "[\"a\", \"b\"]")]);
    store.answer("SPOP s");
    let found = values(&store);
    drop(store);
    assert_eq!(values(&open(&disk, 1)), found);
}

#[test]
fn a_record_that_cannot_be_applied_is_named_and_none_after_it_is_applied() {
    let disk = SimulatedDisk::new(1);
    let (_, mut writer) = super::open(&disk).unwrap();
    (0..100).for_each(|_| super::write(&mut writer, 10).unwrap());
    writer.close().unwrap();
    let mut applied = 0;
    let refused = recover(&disk, 1, |record| {
        if *record == super::record(700) {
            return Err("a reason");
        }
        applied += 1;
        Ok(())
    });
    assert_eq!(applied, 699);
    let Err(OpenError::Damaged { path, offset, reason: "a reason" }) = refused else { panic!("{refused:?}") };
    let name = path.rsplit('/').next().unwrap();
    let mut record = Vec::new();
    payload::encode(&super::record(700), &mut record);
    // The time is in another form.
    let found = disk.content(name)[offset as usize..].windows(record.len() - 8).position(|bytes| *bytes == record[8..]);
    assert!(found.is_some_and(|at| at < 20), "{path} {offset} {found:?}");
}
