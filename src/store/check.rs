//! [`Report`]: whether the files of a durable store are whole. Nothing is changed.

use std::{fmt, io, path::Path};

use super::{
    Builder, OpenError,
    disk::{DirectoryLock, Disk, LOCK, RealDisk},
    journal::{io_error, recover},
    snapshot::Manifest,
    state::StoreState,
};

/// What [`Builder::check`] has found. Its text explains it.
#[derive(Debug)]
pub struct Report {
    pub(super) files: Vec<(String, u64)>,
    pub(super) keys: u64,
    pub(super) records: u64,
    pub(super) incomplete: u64,
    pub(super) damage: Option<OpenError>,
}

impl Report {
    /// The first damage. Without one the store can be opened.
    pub fn damage(&self) -> Option<&OpenError> {
        self.damage.as_ref()
    }

    /// The number of keys in the snapshot, as far as it was read.
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// The number of records in the journal before the damage.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The bytes of an incomplete end of the journal.
    pub fn incomplete(&self) -> u64 {
        self.incomplete
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.iter().try_for_each(|(path, bytes)| writeln!(f, "{path}: {bytes} bytes"))?;
        writeln!(f, "{} keys in the snapshot, {} records in the journal", self.keys, self.records)?;
        if self.incomplete > 0 {
            let bytes = self.incomplete;
            writeln!(
                f,
                "the last {bytes} bytes of the journal are incomplete, as after a crash: a start leaves them out"
            )?;
        }
        match &self.damage {
            Some(damage) => write!(f, "{damage}"),
            None => write!(f, "all is well"),
        }
    }
}

impl Builder {
    /// Verifies the files of a [durable](Self::durable) store, as opening it does, and changes none of them. It loads the data into
    /// memory for that, and locks the directory meanwhile.
    ///
    /// # Errors
    /// If another process uses the directory, the disk fails, or a file is of another version. Damage is no error, but in the
    /// report.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use kvstore::{protocol::Command, store::{Fsync, Store}};
    ///
    /// # let directory = std::env::temp_dir().join(format!("kvstore-check-{}", std::process::id()));
    /// let store = Store::builder().durable(&directory, Fsync::Always).open()?;
    /// store.execute(&Command::new("SET").with_args(["key", "value"]));
    /// drop(store);
    /// let report = Store::builder().check(&directory)?;
    /// assert!(report.damage().is_none());
    /// assert_eq!(report.records(), 1);
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok(()) }
    /// ```
    pub fn check(self, directory: impl AsRef<Path>) -> Result<Report, OpenError> {
        let disk = open_existing(directory.as_ref())?;
        // A directory that no process has used yet stays as it is.
        let _lock = directory.as_ref().join(LOCK).exists().then(|| lock(&disk)).transpose()?;
        self.check_on(&disk)
    }

    pub(super) fn check_on(self, disk: &dyn Disk) -> Result<Report, OpenError> {
        let files = files(disk).map_err(|error| io_error(disk, "", error))?;
        let mut report = Report { files, keys: 0, records: 0, incomplete: 0, damage: None };
        match report.read(disk, &self.build().handle) {
            Err(damage @ OpenError::Damaged { .. }) => report.damage = Some(damage),
            read => read?,
        }
        Ok(report)
    }
}

impl Report {
    fn read(&mut self, disk: &dyn Disk, store: &StoreState) -> Result<(), OpenError> {
        let manifest = Manifest::check(disk)?;
        self.keys = manifest.load(disk, store)?.keys;
        let recovered = recover(disk, manifest.first_segment, |record| {
            store.apply_recovered(record)?;
            self.records += 1;
            Ok(())
        })?;
        manifest.check_segments(disk, &recovered)?;
        self.incomplete = recovered.cut();
        Ok(())
    }
}

fn files(disk: &dyn Disk) -> io::Result<Vec<(String, u64)>> {
    let mut names = disk.list()?;
    names.sort_unstable();
    names.into_iter().map(|name| Ok((disk.path_of(&name), disk.open(&name)?.size()?))).collect()
}

/// Opens a directory that is there.
pub(super) fn open_existing(directory: &Path) -> Result<RealDisk, OpenError> {
    let exists = directory.metadata().and_then(|_| RealDisk::open(directory));
    exists.map_err(|error| OpenError::Io { path: directory.display().to_string(), error })
}

pub(super) fn lock(disk: &dyn Disk) -> Result<Box<dyn DirectoryLock>, OpenError> {
    disk.lock().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { path: disk.path_of("") },
        _ => io_error(disk, "", error),
    })
}
