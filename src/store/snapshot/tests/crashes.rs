//! Crashes at every operation of the disk: of snapshots, of the segments that they cut, of the manifest, and of what is removed.

use super::{ALWAYS, save};
use crate::store::{
    disk::simulated::{PowerLoss, SimulatedDisk},
    journal::Settings,
    testing::TestStore,
};

const LOSSES: [PowerLoss; 4] =
    [PowerLoss::LosesAll, PowerLoss::LosesNothing, PowerLoss::KeepsPrefix(512), PowerLoss::KeepsAny(512)];

/// What is known of a counter: the last value that was acknowledged, and the last that was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    acknowledged: i64,
    issued: i64,
}

impl Known {
    fn count(&mut self, store: &TestStore) -> Option<()> {
        self.issued += 1;
        let answer = store.answer("INCR counter").to_string();
        (answer == format!(":{}", self.issued)).then(|| self.acknowledged = self.issued)
    }

    fn check(&mut self, store: &TestStore, what: &str) {
        let shown = store.answer("GET counter").to_string();
        let found = shown.trim_matches('"').parse().unwrap_or(0);
        assert!(self.acknowledged <= found && found <= self.issued, "{what}: {found} of {self:?}");
        *self = Self { acknowledged: found, issued: found };
    }
}

fn open(disk: &SimulatedDisk, known: &mut Known, what: &str) -> Option<TestStore> {
    match TestStore::durable(disk, ALWAYS, 1) {
        Ok(store) => {
            known.check(&store, what);
            Some(store)
        }
        Err(_) if disk.has_crashed() => None,
        Err(error) => panic!("{what}: {error}"),
    }
}

/// Counts, with two snapshots in between. Ends early at a crash.
fn run(disk: &SimulatedDisk, known: &mut Known, what: &str) -> Option<()> {
    let store = open(disk, known, what)?;
    for step in 0..9 {
        known.count(&store)?;
        if step % 4 == 3 {
            save(&store).ok()?;
        }
    }
    tokio_test::block_on(store.store().close()).ok()
}

#[test]
fn after_a_crash_at_any_operation_all_that_was_acknowledged_is_there() {
    let (disk, mut known) = (SimulatedDisk::new(0), Known::default());
    run(&disk, &mut known, "without a crash").unwrap();
    disk.restart();
    run(&disk, &mut known, "without a crash").unwrap();
    for at in 1..=disk.operations() {
        for loss in LOSSES {
            let (disk, mut known) = (SimulatedDisk::new(at), Known::default());
            let what = format!("a crash at operation {at} that {loss:?}");
            disk.crash_after(at);
            if run(&disk, &mut known, &what).is_some() && !disk.has_crashed() {
                let rest = at.saturating_sub(disk.operations()).max(1);
                disk.restart();
                disk.crash_after(rest);
                run(&disk, &mut known, &what);
            }
            disk.lose_power(loss);
            run(&disk, &mut known, &what).expect("the disk works again");
            disk.lose_power(loss);
            open(&disk, &mut known, &what).unwrap();
        }
    }
}

#[test]
fn a_snapshot_that_a_full_disk_ends_leaves_the_store_as_it_was() {
    let (disk, mut known) = (SimulatedDisk::new(1), Known::default());
    let store = TestStore::durable(&disk, Settings { max_segment: 1 << 20, ..ALWAYS }, 1).unwrap();
    known.count(&store).unwrap();
    for room in [0, 10, 60, 100] {
        disk.set_capacity(disk.size() + room);
        assert!(save(&store).is_err());
        disk.set_capacity(usize::MAX);
        // The journal may have found that the disk is full, and goes on by itself.
        while known.count(&store).is_none() {
            known.issued -= 1;
            std::thread::yield_now();
        }
    }
    assert!(store.answer("INFO persistence").to_string().contains("rdb_last_bgsave_status:err"));
    save(&store).unwrap();
    assert!(store.answer("INFO persistence").to_string().contains("rdb_last_bgsave_status:ok"));
    known.count(&store).unwrap();
    super::close(store);
    disk.lose_power(PowerLoss::LosesAll);
    open(&disk, &mut known, "at the end").unwrap().check([("GET counter", "\"6\"")]);
}

#[test]
fn what_a_killed_process_has_left_is_durable_before_anything_is_removed() {
    // As many operations as a snapshot of one entry takes.
    for at in 1..20 {
        for seed in 0..40 {
            let disk = SimulatedDisk::new(seed);
            let store = TestStore::durable(&disk, None, 1).unwrap();
            store.check([("SET k 1", "+OK")]);
            save(&store).unwrap();
            store.check([("SET k 2", "+OK")]);
            disk.crash_after(at);
            let _ = save(&store);
            drop(store);
            disk.restart();
            let found = TestStore::durable(&disk, None, 1).unwrap().answer("GET k").to_string();
            disk.lose_power(PowerLoss::KeepsAny(512));
            let what = format!("a kill at operation {at}, seed {seed}");
            let store = TestStore::durable(&disk, None, 1).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(store.answer("GET k").to_string(), found, "{what}");
        }
    }
}
