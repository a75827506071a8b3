//! [`Manifest`]: which files are the store. One small file, which is replaced as a whole.
//!
//! ```text
//! magic 8 · version 4 · flags 4 · snapshot: number 8, file id 16, size 8 · first segment 8 · checksum 8
//! ```
//!
//! All integers are little-endian. A number of 0 is no snapshot.

use std::{fmt, io};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    format::Ending,
    load::{Loaded, load, salvage},
    reader::SnapshotReader,
    salvage::Lost,
};
use crate::store::{
    disk::Disk,
    journal::{OpenError, Recovered, damaged, io_error, segment_name, segment_number},
    state::StoreState,
};

/// The name of its file.
pub(in super::super) const MANIFEST: &str = "manifest";

/// A manifest that is not complete.
const NEW: &str = "manifest-new";

const MAGIC: [u8; 8] = *b"kvmanife";
const VERSION: u32 = 1;
const SIZE: usize = 64;
const HAS_JOURNAL: u32 = 1;

/// The files that are the store. Others are left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Manifest {
    pub(super) snapshot: Option<SnapshotName>,
    /// The number of the first segment of the journal that follows the snapshot.
    pub(in super::super) first_segment: u64,
    /// Whether there must be such a segment.
    pub(in super::super) has_journal: bool,
}

/// The file of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct SnapshotName {
    pub(super) number: u64,
    pub(super) file_id: u128,
    pub(super) size: u64,
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name_of(self.number))
    }
}

/// The name of the snapshot with this number.
pub(super) fn name_of(number: u64) -> String {
    format!("snapshot-{number:012}")
}

/// In words, for people.
impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.snapshot {
            Some(snapshot) => write!(f, "the data is {snapshot}")?,
            None => f.write_str("there is no snapshot")?,
        }
        match self.has_journal {
            true => write!(f, ", and the journal from {} on", segment_name(self.first_segment)),
            false => f.write_str(", and no journal"),
        }
    }
}

/// The number of the snapshot with this name.
pub(in super::super) fn snapshot_number(name: &str) -> Option<u64> {
    name.strip_prefix("snapshot-")?.parse().ok()
}

impl Manifest {
    /// A store without a snapshot, whose journal may begin.
    const EMPTY: Self = Self { snapshot: None, first_segment: 1, has_journal: false };

    /// Reads the manifest of a directory. One without a manifest is new, or has a journal from its first segment on.
    ///
    /// # Errors
    /// If the manifest is damaged, or missing.
    pub(in super::super) fn open(disk: &dyn Disk) -> Result<Self, OpenError> {
        if let Some(manifest) = Self::find(disk)? {
            return Ok(manifest);
        }
        let manifest = Self::missing(disk)?;
        manifest.store(disk).map_err(|error| io_error(disk, NEW, error))?;
        Ok(manifest)
    }

    /// The same, but changes nothing.
    ///
    /// # Errors
    /// If the manifest is damaged, or missing.
    pub(in super::super) fn check(disk: &dyn Disk) -> Result<Self, OpenError> {
        Self::find(disk)?.map_or_else(|| Self::missing(disk), Ok)
    }

    fn find(disk: &dyn Disk) -> Result<Option<Self>, OpenError> {
        let names = list(disk)?;
        if names.iter().any(|name| name == MANIFEST) { Self::read(disk).map(Some) } else { Ok(None) }
    }

    /// The manifest of a directory that has none.
    fn missing(disk: &dyn Disk) -> Result<Self, OpenError> {
        let names = list(disk)?;
        if names.iter().any(|name| snapshot_number(name).is_some()) {
            return Err(damaged(disk, MANIFEST, 0, MISSING));
        }
        match names.iter().filter_map(|name| segment_number(name)).min() {
            None => Ok(Self::EMPTY),
            Some(1) => Ok(Self { has_journal: true, ..Self::EMPTY }),
            Some(_) => Err(damaged(disk, MANIFEST, 0, NO_SNAPSHOT)),
        }
    }

    /// Loads the snapshot, if there is one, into a store that is empty.
    ///
    /// # Errors
    /// If it is missing, damaged, or does not suit the store, or the disk fails.
    pub(in super::super) fn load(&self, disk: &dyn Disk, store: &StoreState) -> Result<Loaded, OpenError> {
        self.snapshot.map_or(Ok(Loaded::default()), |name| load(disk, name, store))
    }

    /// The same for what is whole of a damaged snapshot. `None` if that is nothing.
    pub(in super::super) fn salvage(
        &self,
        disk: &dyn Disk,
        store: &StoreState,
    ) -> Result<Option<(Loaded, Lost)>, OpenError> {
        self.snapshot.map_or(Ok(None), |name| salvage(disk, name, store))
    }

    /// What a manifest must have been, by the files that are there. `None` if something is missing that no other file tells of.
    ///
    /// # Errors
    /// If the disk fails.
    pub(in super::super) fn rebuild(disk: &dyn Disk) -> Result<Option<Self>, OpenError> {
        let names = list(disk)?;
        let numbers = |number_of: fn(&str) -> Option<u64>| names.iter().filter_map(move |name| number_of(name));
        let (first, last) = (numbers(segment_number).min(), numbers(segment_number).max());
        let mut snapshots: Vec<_> = numbers(snapshot_number).collect();
        snapshots.sort_unstable();
        let Some(newest) = snapshots.pop() else {
            let is_whole = first.is_none_or(|first| first == 1);
            return Ok(is_whole.then_some(Self { has_journal: first.is_some(), ..Self::EMPTY }));
        };
        let reader = match SnapshotReader::open_number(disk, newest) {
            Ok(reader) => reader,
            Err(OpenError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Nothing else says where the journal goes on: records that the snapshot has would be applied twice.
        let Some(Ending { first_segment, .. }) = reader.ending() else { return Ok(None) };
        let has_journal = last.is_some_and(|last| last >= first_segment);
        Ok(Some(Self { snapshot: Some(reader.manifest_name()), first_segment, has_journal }))
    }

    /// Whether the journal is there if it must be.
    ///
    /// # Errors
    /// If it is missing.
    pub(in super::super) fn check_segments(&self, disk: &dyn Disk, recovered: &Recovered) -> Result<(), OpenError> {
        let is_missing = self.has_journal && recovered.next_segment() == self.first_segment;
        if is_missing { Err(damaged(disk, &segment_name(self.first_segment), 0, NO_JOURNAL)) } else { Ok(()) }
    }

    /// Whether what changed last is not in a journal.
    pub(in super::super) fn was_without_journal(&self) -> bool {
        !self.has_journal && *self != Self::EMPTY
    }

    /// Notes that there is a journal from now on, if that is not known.
    pub(in super::super) fn expect_journal(&mut self, disk: &dyn Disk) -> Result<(), OpenError> {
        if !self.has_journal {
            let with_journal = Self { has_journal: true, ..*self };
            with_journal.store(disk).map_err(|error| io_error(disk, NEW, error))?;
            *self = with_journal;
        }
        Ok(())
    }

    /// The number of the snapshot, 0 if there is none.
    pub(in super::super) fn snapshot_number(&self) -> u64 {
        self.snapshot.map_or(0, |snapshot| snapshot.number)
    }

    /// The path of the snapshot.
    pub(in super::super) fn snapshot_path(&self, disk: &dyn Disk) -> Option<String> {
        self.snapshot.map(|snapshot| disk.path_of(&snapshot.to_string()))
    }

    /// The bytes of the snapshot.
    pub(in super::super) fn snapshot_size(&self) -> u64 {
        self.snapshot.map_or(0, |snapshot| snapshot.size)
    }

    /// Replaces the manifest. It is durable then.
    pub(in super::super) fn store(&self, disk: &dyn Disk) -> io::Result<()> {
        let file = disk.create(NEW)?;
        file.write_all_at(&self.encode(), 0)?;
        file.sync_data()?;
        disk.rename(NEW, MANIFEST)?;
        disk.sync_directory()
    }

    /// Removes the files that are not the store any more. The manifest is durable.
    pub(in super::super) fn remove_others(&self, disk: &dyn Disk) -> io::Result<()> {
        for name in disk.list()? {
            let is_old_segment = segment_number(&name).is_some_and(|number| number < self.first_segment);
            let is_other_snapshot =
                snapshot_number(&name).is_some_and(|number| Some(number) != self.snapshot.map(|name| name.number));
            if is_old_segment || is_other_snapshot {
                disk.remove(&name)?;
            }
        }
        Ok(())
    }

    fn read(disk: &dyn Disk) -> Result<Self, OpenError> {
        let mut bytes = [0; SIZE];
        let file = disk.open(MANIFEST).map_err(|error| io_error(disk, MANIFEST, error))?;
        let size = file.size().map_err(|error| io_error(disk, MANIFEST, error))?;
        if size != SIZE as u64 {
            return Err(damaged(disk, MANIFEST, 0, WRONG));
        }
        file.read_exact_at(&mut bytes, 0).map_err(|error| io_error(disk, MANIFEST, error))?;
        Self::decode(&bytes).map_err(|version| match version {
            None => damaged(disk, MANIFEST, 0, WRONG),
            Some(version) => OpenError::Version { path: disk.path_of(MANIFEST), version },
        })
    }

    fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let SnapshotName { number, file_id, size } =
            self.snapshot.unwrap_or(SnapshotName { number: 0, file_id: 0, size: 0 });
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(if self.has_journal { HAS_JOURNAL } else { 0 }).to_le_bytes());
        bytes[16..24].copy_from_slice(&number.to_le_bytes());
        bytes[24..40].copy_from_slice(&file_id.to_le_bytes());
        bytes[40..48].copy_from_slice(&size.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.first_segment.to_le_bytes());
        let checksum = xxh3_64_with_seed(&bytes[..56], 0);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// # Errors
    /// If the bytes are damaged, or with the version if that is unknown.
    fn decode(bytes: &[u8; SIZE]) -> Result<Self, Option<u32>> {
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        if bytes[..8] != MAGIC || u64_at(56) != xxh3_64_with_seed(&bytes[..56], 0) {
            return Err(None);
        }
        if u32_at(8) != VERSION {
            return Err(Some(u32_at(8)));
        }
        let file_id = u128::from_le_bytes(bytes[24..40].try_into().expect("sixteen bytes"));
        let snapshot = SnapshotName { number: u64_at(16), file_id, size: u64_at(40) };
        Ok(Self {
            snapshot: (snapshot.number > 0).then_some(snapshot),
            first_segment: u64_at(48),
            has_journal: u32_at(12) & HAS_JOURNAL != 0,
        })
    }
}

fn list(disk: &dyn Disk) -> Result<Vec<String>, OpenError> {
    disk.list().map_err(|error| io_error(disk, "", error))
}

const NO_JOURNAL: &str =
    "it is missing, and the manifest says that there is a journal: bring it back from a backup of the directory";
const MISSING: &str = "it is missing, and there is a snapshot: `kvstore repair` makes it anew";
const NO_SNAPSHOT: &str = "it is missing, and so is the snapshot that the journal goes on from: bring them back from a backup of the directory";
const WRONG: &str = "its checksum is wrong: `kvstore repair` makes it anew";
