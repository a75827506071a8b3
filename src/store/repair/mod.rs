//! [`Repair`]: lets a damaged store be opened, without what is damaged. Nothing is deleted: what is left out gets another name.
//!
//! - `cut` cuts a journal before its damage
//! - `salvage` keeps what is whole of a snapshot, and what the journal says behind it
//! - a manifest is made anew from the files that are there
//! - `files` sets files aside

mod cut;
mod files;
mod salvage;
#[cfg(test)]
mod tests;

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
    journal::{io_error, segment_number},
    snapshot::{MANIFEST, Manifest, snapshot_number},
};
use cut::Cut;
use files::keep_copy;
use salvage::Salvage;

/// What [`Builder::repair`] would do. Its text says what is lost.
#[derive(Debug)]
#[must_use = "nothing is repaired before it runs"]
pub struct Repair {
    disk: Arc<dyn Disk>,
    _lock: Option<Box<dyn DirectoryLock>>,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    Cut(Cut),
    Salvage(Box<Salvage>),
    /// The manifest is made anew.
    Manifest(Manifest),
}

/// Why a store cannot be repaired.
#[derive(Debug)]
#[non_exhaustive]
pub enum RepairError {
    /// It cannot be checked, or the disk fails.
    Open(OpenError),
    /// Nothing can be kept: the files must come back from a backup.
    NeedsBackup(OpenError),
}

impl fmt::Display for RepairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::NeedsBackup(damage) => write!(f, "{damage}. Nothing can be kept without it: restore a backup"),
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
        match &self.plan {
            Plan::Cut(cut) => cut.describe(&*self.disk, f),
            Plan::Salvage(salvage) => salvage.describe(&*self.disk, f),
            Plan::Manifest(manifest) => {
                writeln!(f, "{} is made anew from the files that are there:", self.disk.path_of(MANIFEST))?;
                write!(f, "{manifest}")
            }
        }
    }
}

impl Builder {
    /// [Checks](Self::check) a durable store, and prepares to leave out the damage that it finds first: to cut the journal before it, to
    /// keep what is whole of a snapshot, or to make the manifest anew. `None` if there is no damage. Nothing is changed before the
    /// [repair runs](Repair::run).
    ///
    /// # Errors
    /// If nothing can be kept, another process uses the directory, or the disk fails.
    pub fn repair(self, directory: impl AsRef<Path>) -> Result<Option<Repair>, RepairError> {
        let disk = open_existing(directory.as_ref())?;
        let lock = lock(&disk)?;
        let repair = self.repair_on(Arc::new(disk))?;
        Ok(repair.map(|repair| Repair { _lock: Some(lock), ..repair }))
    }

    pub(super) fn repair_on(self, disk: Arc<dyn Disk>) -> Result<Option<Repair>, RepairError> {
        let empty = self.as_many_databases();
        let Report { damage, records, .. } = self.check_on(&*disk)?;
        let Some(OpenError::Damaged { path, offset, reason }) = damage else { return Ok(None) };
        if reason == FEW_DATABASES {
            // Nothing is wrong with the file.
            return Err(OpenError::Damaged { path, offset, reason }.into());
        }
        let name =
            PathBuf::from(&path).file_name().and_then(|name| name.to_str()).map(str::to_owned).unwrap_or_default();
        let plan = if name == MANIFEST {
            Manifest::rebuild(&*disk)?.map(Plan::Manifest)
        } else if let Some(number) = segment_number(&name) {
            Some(Plan::Cut(Cut::plan(&*disk, Manifest::check(&*disk)?, (number, offset), records)?))
        } else if snapshot_number(&name).is_some() {
            Salvage::plan(&*disk, Manifest::check(&*disk)?, empty.build())?
                .map(|salvage| Plan::Salvage(Box::new(salvage)))
        } else {
            None
        };
        let plan = plan.ok_or(RepairError::NeedsBackup(OpenError::Damaged { path, offset, reason }))?;
        Ok(Some(Repair { disk, _lock: None, plan }))
    }
}

impl Repair {
    /// The bytes that are lost.
    pub fn bytes(&self) -> u64 {
        match &self.plan {
            Plan::Cut(cut) => cut.bytes,
            Plan::Salvage(salvage) => salvage.bytes(),
            Plan::Manifest(_) => 0,
        }
    }

    /// The records of the journal that are known to be lost. There may be more.
    pub fn records(&self) -> u64 {
        match &self.plan {
            Plan::Cut(cut) => cut.records,
            Plan::Salvage(salvage) => salvage.failed(),
            Plan::Manifest(_) => 0,
        }
    }

    /// Repairs the store. It can be opened then, unless a [check](Builder::check) finds other damage.
    ///
    /// # Errors
    /// If the disk fails. It can be repaired again then.
    pub fn run(self) -> Result<(), OpenError> {
        let Self { disk, plan, .. } = &self;
        match plan {
            Plan::Cut(cut) => cut.run(&**disk).map_err(|error| io_error(&**disk, &cut.name(), error)),
            Plan::Salvage(salvage) => salvage.run(disk).map_err(|error| io_error(&**disk, "", error)),
            Plan::Manifest(manifest) => {
                replace_manifest(&**disk, manifest).map_err(|error| io_error(&**disk, MANIFEST, error))
            }
        }
    }
}

/// Stores a manifest that was made anew. A damaged one stays beside it.
fn replace_manifest(disk: &dyn Disk, manifest: &Manifest) -> io::Result<()> {
    if disk.list()?.iter().any(|name| name == MANIFEST) {
        keep_copy(disk, MANIFEST)?;
    }
    manifest.store(disk)
}
