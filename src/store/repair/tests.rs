//! Tests on a [`SimulatedDisk`].

use super::*;
use crate::store::{
    Fsync, Store,
    disk::simulated::{PowerLoss, SimulatedDisk},
    journal::{Settings, segment_name},
    snapshot::{Compression, SnapshotByHand, edit_block},
    testing::TestStore,
};

const ALWAYS: Settings = Settings { max_segment: 600, ..Settings::new(Fsync::Always) };
const PUSHES: usize = 60;

/// The files of a store that was opened twice, whose list has the numbers from 0 on.
fn written(has_snapshot: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    for half in 0..2 {
        let store = TestStore::durable(&disk, ALWAYS, 1).unwrap();
        if half == 1 && has_snapshot {
            store.check([("SAVE", "+OK")]);
        }
        for number in half * PUSHES / 2..(half + 1) * PUSHES / 2 {
            store.answer(&format!("RPUSH list {number}"));
        }
        tokio_test::block_on(store.store().close()).unwrap();
        drop(store);
        disk.restart();
    }
    disk
}

fn check(disk: &SimulatedDisk) -> Report {
    Store::builder().check_on(disk).unwrap()
}

/// Repairs until all is well. Whether that was possible.
fn repair(disk: &SimulatedDisk) -> bool {
    loop {
        match Store::builder().repair_on(Arc::new(disk.clone())) {
            Ok(Some(repair)) => repair.run().unwrap(),
            Ok(None) => return true,
            Err(RepairError::NeedsBackup(_)) => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The length of the list, which is a prefix of what was pushed.
fn recovered(disk: &SimulatedDisk) -> usize {
    let store = TestStore::durable(disk, ALWAYS, 1).unwrap();
    let found = store.answer("LRANGE list 0 -1");
    let count = (0..=PUSHES).find(|count| {
        let numbers = (0..*count).map(|number| kvstore_protocol::Response::from(number.to_string()));
        found == kvstore_protocol::Response::Array(numbers.collect())
    });
    count.unwrap_or_else(|| panic!("no prefix: {found:?}"))
}

/// The length of the list, of numbers that were pushed, in their order.
fn kept(disk: &SimulatedDisk) -> usize {
    let store = TestStore::durable(disk, ALWAYS, 1).unwrap();
    let kvstore_protocol::Response::Array(found) = store.answer("LRANGE list 0 -1").unpacked() else {
        panic!("a list")
    };
    let numbers: Vec<usize> =
        found.iter().map(|number| number.to_string().trim_matches('"').parse().unwrap()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    numbers.len()
}

const KEYS: usize = 200;

/// A store with a snapshot of some blocks, and a journal behind it.
fn with_blocks() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::No), 1).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for number in 0..KEYS {
        let value: String = std::iter::repeat_with(|| random.alphanumeric()).take(4000).collect();
        store.answer(&format!("SET key:{number} {number}:{value}"));
    }
    let large: Vec<_> = (0..80_000).map(|number| format!("element:{number}")).collect();
    store.answer(&format!("SADD large {}", large.join(" ")));
    store.check([("SET counter 5", "+OK"), ("SAVE", "+OK"), ("INCR counter", ":6"), ("SET late 1", "+OK")]);
    tokio_test::block_on(store.store().close()).unwrap();
    drop(store);
    disk.restart();
    disk
}

/// The number of keys of the snapshot that are there. No value is there that was not.
fn right_keys(disk: &SimulatedDisk) -> usize {
    let store = TestStore::durable(disk, ALWAYS, 1).unwrap();
    store.check([("GET late", "\"1\"")]);
    let large = store.answer("SCARD large").to_string();
    assert!([":80000", ":0"].contains(&&*large), "{large}");
    let counter = store.answer("GET counter").to_string();
    assert!(["\"6\"", "\"1\""].contains(&&*counter), "{counter}");
    let is_right = |number: &usize| {
        let value = store.answer(&format!("GET key:{number}")).to_string();
        assert!(value == "(nil)" || value.starts_with(&format!("\"{number}:")) && value.len() > 4000, "{value}");
        value != "(nil)"
    };
    (0..KEYS).filter(is_right).count() + usize::from(large == ":80000") + usize::from(counter == "\"6\"")
}

fn snapshot_of(disk: &SimulatedDisk) -> String {
    disk.list().unwrap().into_iter().find(|name| snapshot_number(name).is_some()).unwrap()
}

fn prepared(disk: &SimulatedDisk) -> Repair {
    Store::builder().repair_on(Arc::new(disk.clone())).unwrap().unwrap()
}

/// Repairs a copy of the files, with a power loss at each operation of it, repairs that again, and passes it on.
fn crash_at_each_operation(damaged: &SimulatedDisk, power_loss: PowerLoss, check: impl Fn(&SimulatedDisk, u64)) {
    for at in 1.. {
        let disk = damaged.copy();
        let repair = prepared(&disk);
        disk.crash_after(at);
        let is_done = repair.run().is_ok();
        disk.lose_power(power_loss);
        assert!(self::repair(&disk));
        check(&disk, at);
        if is_done {
            break;
        }
    }
}

#[test]
fn what_is_whole_of_a_snapshot_is_kept_and_the_rest_counted() {
    let whole = with_blocks();
    let name = snapshot_of(&whole);
    let size = whole.content(&name).len();
    let mut most = 0;
    for place in (1..40).map(|part| 56 + part * (size - 56) / 40) {
        let disk = whole.copy();
        disk.edit(&name, |content| content[place..(place + 3000).min(size)].fill(0x55));
        let repair = prepared(&disk);
        let Plan::Salvage(salvage) = &repair.plan else { panic!("{repair}") };
        let (kept, lost) = (salvage.loaded.keys, salvage.lost.keys);
        assert!(repair.bytes() >= 3000.min(size - place) as u64, "{repair}");
        repair.run().unwrap();
        assert!(check(&disk).damage().is_none());
        assert!(disk.list().unwrap().contains(&format!("{name}.damaged")));
        assert_eq!(right_keys(&disk) as u64, kept, "at {place}");
        assert!(lost.is_none_or(|lost| kept + lost == KEYS as u64 + 2), "at {place}: {kept} {lost:?}");
        most = most.max(kept);
    }
    assert!(most > KEYS as u64 / 2, "{most}");
}

/// A snapshot of strings, and of a hash whose value was changed at `place` before its checksum was computed.
fn with_wrong_value(place: usize) -> SimulatedDisk {
    let mut store = TestStore::with_threads(1);
    store.select(3);
    store.check([("HSET wrong field value", ":1")]);
    store.select(0);
    for number in 0..KEYS {
        store.answer(&format!("SET key:{number} {number}"));
    }
    let disk = SnapshotByHand::begin(&store, Compression::None).finish();
    edit_block(&disk, |payload| {
        let key = payload.windows(5).position(|bytes| bytes == b"wrong").expect("it is in the first block");
        payload[key + 5 + place] ^= 0x40;
    });
    disk
}

#[test]
fn an_entry_that_cannot_be_read_is_left_out_and_named() {
    // The length of the listpack, behind the type and the length of the string.
    let disk = with_wrong_value(2);
    let damage = check(&disk).damage().expect("damage").to_string();
    assert!(damage.ends_with("an entry cannot be read"), "{damage}");
    let repair = prepared(&disk);
    let text = repair.to_string();
    assert!(text.contains("key \"wrong\" of database 3 is lost: its value cannot be read"), "{text}");
    assert!(text.contains("200 keys of the snapshot are kept, 1 are lost"), "{text}");
    assert!((1..100).contains(&repair.bytes()), "{text}");
    repair.run().unwrap();
    assert!(check(&disk).damage().is_none());
    let mut store = TestStore::durable(&disk, None, 1).unwrap();
    store.check([("DBSIZE", ":200"), ("GET key:7", "\"7\"")]);
    store.select(3);
    store.check([("DBSIZE", ":0")]);
}

#[test]
fn what_is_behind_an_entry_without_an_end_is_lost() {
    // The type.
    let disk = with_wrong_value(0);
    let repair = prepared(&disk);
    assert!(repair.bytes() > 1000 && repair.to_string().contains("from byte 56 on are lost"), "{repair}");
    repair.run().unwrap();
    assert!(check(&disk).damage().is_none());
}

#[test]
fn a_crash_while_a_snapshot_is_salvaged_loses_no_more() {
    let damaged = with_blocks();
    damaged.edit(&snapshot_of(&damaged), |content| content[300_000] ^= 1);
    let expected = {
        let disk = damaged.copy();
        prepared(&disk).run().unwrap();
        right_keys(&disk)
    };
    crash_at_each_operation(&damaged, PowerLoss::KeepsAny(4096), |disk, at| {
        assert_eq!(right_keys(disk), expected, "operation {at}");
    });
}

#[test]
fn a_store_with_fewer_databases_is_refused_and_not_cut() {
    let disk = SimulatedDisk::new(1);
    let mut store = TestStore::durable(&disk, ALWAYS, 1).unwrap();
    store.check([("SET k v", "+OK"), ("SAVE", "+OK")]);
    store.select(9);
    store.check([("SET k v", "+OK")]);
    tokio_test::block_on(store.store().close()).unwrap();
    drop(store);
    disk.restart();
    disk.edit(&snapshot_of(&disk), |content| content[60] ^= 1);
    let before = disk.list().unwrap();
    match Store::builder().databases(2).repair_on(Arc::new(disk.clone())) {
        Err(RepairError::Open(OpenError::Damaged { reason, .. })) => assert_eq!(reason, FEW_DATABASES),
        other => panic!("{other:?}"),
    }
    assert_eq!(disk.list().unwrap(), before);
    assert!(repair(&disk));
}

#[test]
fn a_missing_manifest_is_made_anew() {
    for has_snapshot in [false, true] {
        let disk = written(has_snapshot);
        disk.remove(MANIFEST).unwrap();
        assert!(repair(&disk));
        assert_eq!(recovered(&disk), PUSHES);
    }
    // A segment that the snapshot has replaced may be there still.
    let (disk, name) = (written(true), segment_name(1));
    disk.remove(MANIFEST).unwrap();
    disk.create(&name).unwrap().write_all_at(&written(false).content(&name), 0).unwrap();
    assert!(repair(&disk));
    assert_eq!(recovered(&disk), PUSHES);
}

#[test]
fn a_crash_while_the_manifest_is_made_anew_loses_nothing() {
    for is_missing in [false, true] {
        let damaged = written(true);
        match is_missing {
            true => damaged.remove(MANIFEST).unwrap(),
            false => damaged.edit(MANIFEST, |content| content[20] ^= 1),
        }
        crash_at_each_operation(&damaged, PowerLoss::KeepsAny(512), |disk, at| {
            assert_eq!(recovered(disk), PUSHES, "operation {at}");
        });
    }
}

#[test]
fn without_a_manifest_nothing_is_applied_twice_or_left_out() {
    let refused = |disk: &SimulatedDisk| {
        let before = disk.list().unwrap();
        assert!(!repair(disk));
        assert_eq!(disk.list().unwrap(), before);
    };
    // The end of the snapshot is damaged, and a segment is there that it has replaced.
    let (disk, name) = (written(true), segment_name(1));
    disk.remove(MANIFEST).unwrap();
    disk.create(&name).unwrap().write_all_at(&written(false).content(&name), 0).unwrap();
    disk.edit(&snapshot_of(&disk), |content| *content.last_mut().unwrap() ^= 1);
    refused(&disk);
    // The snapshot is missing too.
    let disk = written(true);
    disk.remove(MANIFEST).unwrap();
    disk.remove(&snapshot_of(&disk)).unwrap();
    refused(&disk);
    assert!(TestStore::durable(&disk, ALWAYS, 1).is_err());
}

#[test]
fn damage_is_named_and_repaired_wherever_it_is() {
    for has_snapshot in [false, true] {
        let whole = written(has_snapshot);
        assert!(check(&whole).damage().is_none());
        let (mut repaired, mut refused) = (0, 0);
        for name in whole.list().unwrap() {
            let size = whole.content(&name).len();
            for place in (0..100).map(|part| part * size / 100) {
                let disk = whole.copy();
                disk.edit(&name, |content| content[place] ^= 0x10);
                let before = disk.list().unwrap();
                let report = check(&disk);
                assert_eq!(disk.list().unwrap(), before);
                let is_well = report.damage().is_none();
                assert!(is_well || report.damage().unwrap().to_string().contains(&name), "{report}");
                assert_eq!(is_well, TestStore::durable(&disk.copy(), ALWAYS, 1).is_ok(), "{name} at {place}");
                if repair(&disk) {
                    assert!(check(&disk).damage().is_none());
                    repaired += usize::from(!is_well);
                    match segment_number(&name) {
                        Some(_) => _ = recovered(&disk),
                        None if name == MANIFEST => assert_eq!(recovered(&disk), PUSHES),
                        None => assert!(kept(&disk) <= PUSHES),
                    }
                } else {
                    // Without its header, of 56 bytes, a snapshot cannot be read.
                    assert!(snapshot_number(&name).is_some() && place < 56, "{name} at {place}");
                    assert_eq!(disk.list().unwrap(), before);
                    refused += 1;
                }
            }
        }
        assert!(repaired > 100 && (refused > 0) == has_snapshot, "{repaired} repaired, {refused} refused");
    }
}

#[test]
fn what_is_cut_stays_beside_the_rest_and_is_counted() {
    let disk = written(false);
    let (name, records) = (segment_name(2), check(&disk).records());
    let original = disk.content(&name);
    disk.edit(&name, |content| content[300] ^= 1);
    let kept = check(&disk).records();
    let repair = Store::builder().repair_on(Arc::new(disk.clone())).unwrap().unwrap();
    assert!(repair.bytes() > 0 && repair.records() == records - kept, "{repair}");
    repair.run().unwrap();
    let mut aside = disk.content(&format!("{name}.damaged"));
    aside[300] ^= 1;
    assert!(aside == original);
    assert!(disk.list().unwrap().contains(&format!("{}.damaged", segment_name(3))));
    assert_eq!((check(&disk).records(), recovered(&disk)), (kept, kept as usize));
}

#[test]
fn a_missing_segment_ends_the_journal() {
    for number in 1..4 {
        let disk = written(false);
        disk.remove(&segment_name(number)).unwrap();
        assert!(repair(&disk));
        recovered(&disk);
    }
}

#[test]
fn a_crash_while_it_repairs_loses_no_more() {
    let damaged = written(false);
    damaged.edit(&segment_name(2), |content| content[300] ^= 1);
    let kept = check(&damaged).records() as usize;
    crash_at_each_operation(&damaged, PowerLoss::KeepsAny(512), |disk, at| {
        assert_eq!(recovered(disk), kept, "operation {at}");
    });
}
