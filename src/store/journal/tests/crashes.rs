//! Crashes at every operation of the disk.

use fastrand::Rng;

use super::{SEGMENT, open, read, write};
use crate::store::{
    disk::simulated::{PowerLoss, SimulatedDisk},
    journal::writer::{WriteError, Writer},
};

const LOSSES: [PowerLoss; 6] = [
    PowerLoss::LosesAll,
    PowerLoss::LosesNothing,
    PowerLoss::KeepsPrefix(512),
    PowerLoss::KeepsPrefix(4096),
    PowerLoss::KeepsAny(512),
    PowerLoss::KeepsAny(4096),
];

/// What is known of a journal: the last record that was issued, and the last that was acknowledged as durable.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    acknowledged: u64,
    issued: u64,
}

impl Known {
    /// Checks what a recovery has found. It is durable from now on.
    fn check(&mut self, found: u64, what: &str) {
        assert!(self.acknowledged <= found && found <= self.issued, "{what}: {found} records of {self:?}");
        *self = Self { acknowledged: found, issued: found };
    }

    fn write(&mut self, writer: &mut Writer, count: u64) -> Result<(), WriteError> {
        self.issued += count;
        write(writer, count)
    }

    fn sync(&mut self, writer: &mut Writer) -> Result<(), WriteError> {
        writer.sync().map_err(WriteError::Failed)?;
        self.acknowledged = self.issued;
        Ok(())
    }

    /// Syncs, and writes a record meanwhile: no group begins where the segment was synced.
    fn sync_beside_a_write(&mut self, writer: &mut Writer) -> Result<(), WriteError> {
        let Some(sync) = writer.begin_sync() else { return Ok(()) };
        if !writer.is_segment_full() {
            self.write(writer, 1)?;
        }
        sync.run().map_err(WriteError::Failed)?;
        self.acknowledged = sync.sequence;
        writer.end_sync(sync);
        Ok(())
    }
}

/// Opens the journal and writes some groups, of which every `sync_every`th is synced. Ends early at a crash.
fn run(disk: &SimulatedDisk, known: &mut Known, sync_every: usize) -> Option<()> {
    let (found, mut writer) = open(disk)?;
    known.check(found, "at the start");
    for group in 1..=8 {
        known.write(&mut writer, 1 + group as u64 % 3).ok()?;
        if group % sync_every == 0 {
            known.sync_beside_a_write(&mut writer).ok()?;
        }
    }
    writer.close().ok()?;
    known.acknowledged = known.issued;
    Some(())
}

/// The number of operations of such runs.
fn operations(sync_every: usize, runs: usize) -> u64 {
    let (disk, mut known) = (SimulatedDisk::new(0), Known::default());
    for _ in 0..runs {
        run(&disk, &mut known, sync_every).unwrap();
        disk.restart();
    }
    disk.operations()
}

#[test]
fn after_a_crash_at_any_operation_a_prefix_with_all_that_was_acknowledged_is_there() {
    // As the policies sync: each group, some, and none but the last.
    for sync_every in [1, 3, 100] {
        // The second run begins with a recovery.
        for at in 1..=operations(sync_every, 2) {
            for loss in LOSSES {
                let (disk, mut known) = (SimulatedDisk::new(at), Known::default());
                disk.crash_after(at);
                if run(&disk, &mut known, sync_every).is_some() && !disk.has_crashed() {
                    let rest = at - disk.operations();
                    disk.restart();
                    disk.crash_after(rest);
                    assert!(run(&disk, &mut known, sync_every).is_none() || disk.has_crashed());
                }
                disk.lose_power(loss);
                let what = format!("a crash at operation {at} that {loss:?}, with a sync every {sync_every}");
                let (found, _) = read(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
                known.check(found, &what);
                // And it goes on.
                run(&disk, &mut known, sync_every).expect("the disk works again");
                known.check(read(&disk).unwrap().0, &what);
            }
        }
    }
}

#[test]
fn a_power_loss_after_a_kill_at_any_operation_of_both_loses_nothing_that_was_acknowledged() {
    for killed_at in 1..=operations(1, 1) {
        for at in 1..=operations(1, 1) {
            let (disk, mut known) = (SimulatedDisk::new(at), Known::default());
            disk.crash_after(killed_at);
            run(&disk, &mut known, 1);
            // What was not synced is still there.
            disk.restart();
            disk.crash_after(at);
            run(&disk, &mut known, 1);
            disk.lose_power(PowerLoss::KeepsAny(512));
            let what = format!("a kill at operation {killed_at}, a power loss at operation {at}");
            let (found, _) = read(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
            known.check(found, &what);
        }
    }
}

/// Runs that crash again and again: by a kill, after which the cache is still there, or by a power loss.
fn crash_often(seed: u64, crashes: usize) {
    let (disk, mut known, mut random) = (SimulatedDisk::new(seed), Known::default(), Rng::with_seed(seed));
    for crash in 0..crashes {
        disk.crash_after(random.u64(1..60));
        let sync_every = random.choice([1, 2, 3, 100]).expect("one of them");
        run(&disk, &mut known, sync_every);
        match random.u8(0..4) {
            0 => disk.restart(),
            _ => disk.lose_power(random.choice(LOSSES).expect("one of them")),
        }
        if crash % 4 == 0 {
            let what = format!("seed {seed}, crash {crash}");
            let (found, _) = read(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
            // It was not made durable, and may be lost again.
            assert!(known.acknowledged <= found && found <= known.issued, "{what}: {found} records of {known:?}");
        }
    }
}

#[test]
fn thousands_of_crashes_one_after_another_lose_nothing_that_was_acknowledged() {
    for seed in 0..100 {
        crash_often(seed, 30);
    }
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_not_taken_for_durable() {
    for seed in 0..200 {
        let (disk, mut known) = (SimulatedDisk::new(seed), Known::default());
        run(&disk, &mut known, 1).unwrap();
        let (_, mut writer) = open(&disk).unwrap();
        known.write(&mut writer, 3).unwrap();
        disk.fail_syncs();
        assert!(known.sync(&mut writer).is_err());
        // The process ends, and another reads the cache of the system and goes on.
        disk.restart();
        run(&disk, &mut known, 1).unwrap();
        disk.lose_power(PowerLoss::LosesAll);
        let (found, _) = read(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        known.check(found, &format!("seed {seed}"));
    }
}

#[test]
fn a_full_disk_takes_no_part_of_a_record_and_goes_on_when_there_is_room() {
    for room in 0..SEGMENT as usize * 2 {
        let (disk, mut known) = (SimulatedDisk::new(room as u64), Known::default());
        run(&disk, &mut known, 1).unwrap();
        let (_, mut writer) = open(&disk).unwrap();
        disk.set_capacity(disk.size() + room);
        loop {
            match write(&mut writer, 2) {
                Ok(()) => known.issued += 2,
                Err(WriteError::Full(_)) => break,
                Err(error) => panic!("{error:?}"),
            }
            known.sync(&mut writer).unwrap();
        }
        assert_eq!(read(&disk).unwrap().0, known.issued, "with room for {room} bytes");
        assert!(matches!(write(&mut writer, 1), Err(WriteError::Full(_)) | Ok(())));
        known.issued = writer.sequence();
        disk.set_capacity(usize::MAX);
        known.write(&mut writer, 5).unwrap();
        known.sync(&mut writer).unwrap();
        disk.lose_power(PowerLoss::LosesAll);
        known.check(read(&disk).unwrap().0, &format!("with room for {room} bytes"));
    }
}
