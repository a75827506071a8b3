//! [`Salvage`]: a store of what is whole in a damaged snapshot, and of what the journal says behind it.

use std::{
    fmt, io,
    sync::{Arc, atomic::AtomicU64},
};

use parking_lot::Mutex;

use super::files::keep_copy;
use crate::store::{
    Record, Store,
    disk::Disk,
    durable::FEW_DATABASES,
    journal::{OpenError, recover, segment_number},
    snapshot::{Loaded, Lost, LostEntry, Manifest, Place, Purpose, snapshot_number},
};

/// The most lost entries that are named.
const NAMED: usize = 100;

/// What was kept, in memory.
#[derive(Debug)]
pub(super) struct Salvage {
    store: Store,
    manifest: Manifest,
    pub(super) loaded: Loaded,
    pub(super) lost: Lost,
    records: u64,
    /// The records that need what is lost.
    failed: u64,
    /// The damage of the journal, behind which it is lost.
    damage: Option<OpenError>,
}

impl Salvage {
    /// Reads what is whole, into a store that is empty. `None` if nothing can be read.
    pub(super) fn plan(disk: &dyn Disk, manifest: Manifest, store: Store) -> Result<Option<Self>, OpenError> {
        let state = &store.handle;
        let Some((loaded, lost)) = manifest.salvage(disk, state)? else {
            return Ok(None);
        };
        let (mut records, mut failed) = (0, 0);
        let recovered = recover(disk, manifest.first_segment, |record| {
            state.check_databases(record)?;
            records += 1;
            failed += u64::from(!apply(&store, record));
            Ok(())
        });
        let damage = match recovered {
            Ok(_) => None,
            // Nothing is wrong with the journal.
            Err(error @ OpenError::Damaged { reason: FEW_DATABASES, .. }) => return Err(error),
            Err(damage @ OpenError::Damaged { .. }) => Some(damage),
            Err(error) => return Err(error),
        };
        Ok(Some(Self { store, manifest, loaded, lost, records, failed, damage }))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.lost.bytes()
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// What is lost, in words.
    pub(super) fn describe(&self, disk: &dyn Disk, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.manifest.snapshot_path(disk).unwrap_or_default();
        writeln!(f, "what is whole of {path} is kept, and what the journal says behind it:")?;
        for (offset, bytes) in &self.lost.places {
            writeln!(f, "{bytes} bytes from byte {offset} on are lost")?;
        }
        if self.lost.unusable > 0 {
            writeln!(f, "{} bytes that may belong to these are left out", self.lost.unusable)?;
        }
        for LostEntry { database, key, .. } in self.lost.entries.iter().take(NAMED) {
            writeln!(f, "key \"{}\" of database {database} is lost: its value cannot be read", key.escape_ascii())?;
        }
        if self.lost.entries.len() > NAMED {
            writeln!(f, "the values of {} other keys cannot be read either", self.lost.entries.len() - NAMED)?;
        }
        match self.lost.keys {
            Some(keys) => writeln!(f, "{} keys of the snapshot are kept, {keys} are lost", self.loaded.keys)?,
            None => writeln!(f, "{} keys of the snapshot are kept; how many are lost is not known", self.loaded.keys)?,
        }
        writeln!(f, "{} of {} records of the journal do not fit what is left", self.failed, self.records)?;
        if let Some(damage) = &self.damage {
            writeln!(f, "the journal ends there: {damage}")?;
        }
        write!(f, "the damaged files stay beside the new one: their names end with .damaged")
    }

    /// Saves what was kept as a new snapshot, which replaces the files that are there.
    pub(super) fn run(&self, disk: &Arc<dyn Disk>) -> io::Result<()> {
        let mut last = 0;
        for name in disk.list()? {
            let number = snapshot_number(&name);
            last = last.max(number.unwrap_or_default());
            if number.is_some() || segment_number(&name).is_some_and(|number| number >= self.manifest.first_segment) {
                keep_copy(&**disk, &name)?;
            }
        }
        let place = Place {
            disk: Arc::clone(disk),
            lock: Mutex::new(None),
            last_number: AtomicU64::new(last),
            manifest: Mutex::new(self.manifest),
            recovered: Mutex::new(None),
        };
        let state = &self.store.handle;
        state.snapshots.attach(place, self.loaded, state.changes(), 0);
        let number = state.begin_snapshot(Purpose::Save).map_err(|busy| io::Error::other(busy.to_string()))?;
        state.snapshots.wait(number).map_err(|reason| io::Error::other(reason.to_string()))
    }
}

/// Applies what is possible of a record. Whether it was all of it.
fn apply(store: &Store, record: &Record) -> bool {
    let fails = |command: &&_| store.apply(&Record::new(record.time(), vec![Clone::clone(*command)])).is_err();
    record.commands().iter().filter(fails).count() == 0
}
