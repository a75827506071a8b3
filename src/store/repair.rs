//! [`Repair`]: cuts a journal before its damage. Nothing is deleted: what is cut gets another name.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Builder, OpenError, Report,
    check::{lock, open_existing},
    disk::{DirectoryLock, Disk},
    durable::FEW_DATABASES,
    journal::{io_error, segment_name, segment_number, sequences_of},
    snapshot::Manifest,
};

/// A file that is not complete.
const NEW: &str = "repair-new";

/// The bytes that are copied at once.
const COPY: usize = 1 << 20;

/// What [`Builder::repair`] would do. Its text says what is lost.
#[derive(Debug)]
#[must_use = "nothing is repaired before it runs"]
pub struct Repair {
    disk: Arc<dyn Disk>,
    _lock: Option<Box<dyn DirectoryLock>>,
    manifest: Manifest,
    /// The damaged segment, and where its damage begins.
    number: u64,
    offset: u64,
    /// The segments from the damaged one on that are there.
    segments: Vec<u64>,
    bytes: u64,
    /// The records that are known to be lost.
    records: u64,
}

/// Why a store cannot be repaired.
#[derive(Debug)]
#[non_exhaustive]
pub enum RepairError {
    /// It cannot be checked, or the disk fails.
    Open(OpenError),
    /// The damage cannot be cut: the files must come back from a backup.
    NeedsBackup(OpenError),
}

impl fmt::Display for RepairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::NeedsBackup(damage) => write!(f, "{damage}. Only a journal can be cut: restore a backup"),
        }
    }
}

impl std::error::Error for RepairError {}

impl From<OpenError> for RepairError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, offset) = (self.disk.path_of(&segment_name(self.number)), self.offset);
        writeln!(f, "the journal will end at byte {offset} of {path}")?;
        writeln!(f, "{} bytes are lost, in which at least {} records are known to be", self.bytes, self.records)?;
        write!(f, "the files that are cut stay beside the others: their names end with .damaged")
    }
}

impl Builder {
    /// [Checks](Self::check) a durable store, and prepares to cut its journal before the damage. `None` if there is none. Nothing is
    /// changed before the [repair runs](Repair::run).
    ///
    /// # Errors
    /// If the damage is not in the journal, another process uses the directory, or the disk fails.
    pub fn repair(self, directory: impl AsRef<Path>) -> Result<Option<Repair>, RepairError> {
        let disk = open_existing(directory.as_ref())?;
        let lock = lock(&disk)?;
        let repair = self.repair_on(Arc::new(disk))?;
        Ok(repair.map(|repair| Repair { _lock: Some(lock), ..repair }))
    }

    pub(super) fn repair_on(self, disk: Arc<dyn Disk>) -> Result<Option<Repair>, RepairError> {
        let Report { damage, records, .. } = self.check_on(&*disk)?;
        let Some(OpenError::Damaged { path, offset, reason }) = damage else { return Ok(None) };
        if reason == FEW_DATABASES {
            // Nothing is wrong with the file.
            return Err(OpenError::Damaged { path, offset, reason }.into());
        }
        let name = PathBuf::from(&path);
        let number = name.file_name().and_then(|name| segment_number(name.to_str()?));
        let Some(number) = number else {
            return Err(RepairError::NeedsBackup(OpenError::Damaged { path, offset, reason }));
        };
        let manifest = Manifest::check(&*disk)?;
        Ok(Some(Repair::plan(disk, manifest, (number, offset), records)?))
    }
}

impl Repair {
    fn plan(
        disk: Arc<dyn Disk>,
        manifest: Manifest,
        (number, offset): (u64, u64),
        kept: u64,
    ) -> Result<Self, OpenError> {
        let failed = |error| io_error(&*disk, "", error);
        let names = disk.list().map_err(failed)?;
        let mut segments: Vec<_> =
            names.iter().filter_map(|name| segment_number(name)).filter(|found| *found >= number).collect();
        segments.sort_unstable();
        let sizes = segments.iter().map(|number| disk.open(&segment_name(*number))?.size());
        let bytes = sizes.sum::<io::Result<u64>>().map_err(failed)?.saturating_sub(offset);
        let records = lost(&*disk, manifest.first_segment, &segments, kept).map_err(failed)?;
        Ok(Self { disk, _lock: None, manifest, number, offset, segments, bytes, records })
    }

    /// The bytes that are lost.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The records that are known to be lost. There may be more.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Cuts the journal. The store can be opened then, unless a [check](Builder::check) finds other damage.
    ///
    /// # Errors
    /// If the disk fails. It can be repaired again then.
    pub fn run(self) -> Result<(), OpenError> {
        self.cut().map_err(|error| io_error(&*self.disk, &segment_name(self.number), error))
    }

    fn cut(&self) -> io::Result<()> {
        let first_is_lost = self.number == self.manifest.first_segment && self.offset == 0;
        // The last one first: there is never a gap before segments that are left.
        for number in self.segments.iter().rev().filter(|number| **number > self.number || self.offset == 0) {
            let name = segment_name(*number);
            if first_is_lost && *number == self.number {
                self.expect_no_journal()?;
            }
            self.disk.rename(&name, &free_name(&*self.disk, &name)?)?;
            self.disk.sync_directory()?;
        }
        if first_is_lost && !self.segments.contains(&self.number) {
            self.expect_no_journal()?;
        }
        if self.offset > 0 { self.cut_segment() } else { Ok(()) }
    }

    fn expect_no_journal(&self) -> io::Result<()> {
        let mut manifest = self.manifest;
        manifest.has_journal = false;
        manifest.store(&*self.disk)
    }

    /// Replaces the damaged segment by what is before its damage.
    fn cut_segment(&self) -> io::Result<()> {
        let name = segment_name(self.number);
        let size = self.disk.open(&name)?.size()?;
        copy(&*self.disk, &name, &free_name(&*self.disk, &name)?, size)?;
        copy(&*self.disk, &name, &name, self.offset)
    }
}

/// The records after those that are kept, as far as the segments from the damaged one on know of them.
fn lost(disk: &dyn Disk, first: u64, segments: &[u64], kept: u64) -> io::Result<u64> {
    let before = match disk.list()?.contains(&segment_name(first)) {
        true => sequences_of(disk, first)?.map_or(0, |(before, _)| before),
        false => 0,
    };
    let mut highest = 0;
    for number in segments {
        highest = highest.max(sequences_of(disk, *number)?.map_or(0, |(_, highest)| highest));
    }
    Ok(highest.saturating_sub(before + kept))
}

/// The name of a file that is set aside. No other has it.
fn free_name(disk: &dyn Disk, name: &str) -> io::Result<String> {
    let names = disk.list()?;
    let others = (2_u64..).map(|number| format!("{name}.damaged-{number}"));
    let mut all = std::iter::once(format!("{name}.damaged")).chain(others);
    all.find(|free| !names.contains(free)).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// Copies the first bytes of a file. The copy is durable, and gets its name, when it is whole.
fn copy(disk: &dyn Disk, from: &str, to: &str, size: u64) -> io::Result<()> {
    let (file, new) = (disk.open(from)?, disk.create(NEW)?);
    let mut offset = 0;
    while offset < size {
        let mut bytes = vec![0; (size - offset).min(COPY as u64) as usize];
        file.read_exact_at(&mut bytes, offset)?;
        new.write_all_at(&bytes, offset)?;
        offset += bytes.len() as u64;
    }
    new.sync_data()?;
    disk.rename(NEW, to)?;
    disk.sync_directory()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Fsync, Store, disk::simulated::SimulatedDisk, journal::Settings, testing::TestStore};

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

    #[test]
    fn damage_is_named_and_cut_wherever_it_is() {
        for has_snapshot in [false, true] {
            let whole = written(has_snapshot);
            assert!(check(&whole).damage().is_none());
            let (mut cut, mut refused) = (0, 0);
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
                        recovered(&disk);
                        cut += usize::from(!is_well);
                    } else {
                        assert_eq!(segment_number(&name), None);
                        assert_eq!(disk.list().unwrap(), before);
                        refused += 1;
                    }
                }
            }
            assert!(cut > 100 && refused >= 100, "{cut} cut, {refused} refused");
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
        for at in 1.. {
            let disk = damaged.copy();
            let repair = Store::builder().repair_on(Arc::new(disk.clone())).unwrap().unwrap();
            disk.crash_after(at);
            let is_done = repair.run().is_ok();
            disk.lose_power(crate::store::disk::simulated::PowerLoss::KeepsAny(512));
            assert!(self::repair(&disk));
            assert_eq!(recovered(&disk), kept, "operation {at}");
            if is_done {
                break;
            }
        }
    }
}
