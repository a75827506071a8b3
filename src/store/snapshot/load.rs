//! Loads a snapshot into an empty store: one thread reads blocks and checks them, several decode them and store the entries.

use std::{
    num::NonZeroUsize,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    entry::SavedEntry,
    manifest::SnapshotName,
    reader::{Group, SnapshotReader, UNREADABLE},
    salvage::{Lost, LostEntry},
};
use crate::store::{
    databases::{Databases, KeyRef, Location},
    disk::Disk,
    journal::OpenError,
    state::StoreState,
    value::Thresholds,
};

/// The most threads that decode.
const MAX_THREADS: usize = 8;

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Loaded {
    pub(in super::super) keys: u64,
    /// The time of the cut, since the Unix epoch.
    pub(in super::super) time: Duration,
}

/// The store that is filled.
#[derive(Clone, Copy)]
struct Target<'a> {
    databases: &'a Databases,
    thresholds: &'a Thresholds,
    /// The time of the cut, in milliseconds since the Unix epoch.
    now: u64,
}

/// Where a group is wrong, and why.
type Wrong = (u64, &'static str);

/// Loads a snapshot.
///
/// # Errors
/// If it is missing, damaged, or does not suit the store, or the disk fails.
pub(super) fn load(disk: &dyn Disk, name: SnapshotName, store: &StoreState) -> Result<Loaded, OpenError> {
    let StoreState { databases, thresholds, .. } = store;
    let mut reader = SnapshotReader::open(disk, name)?;
    let time = reader.header.time;
    let target = Target { databases, thresholds, now: time.as_millis() as u64 };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS);
    if threads == 1 {
        load_here(&mut reader, target)?
    } else {
        load_by(threads, &mut reader, target)?
    }
    databases.all_shards().for_each(|shard| _ = databases.lock_any(shard).not_before(time));
    let added = store.scripts.add_programs(&reader.take_programs());
    added.map_err(|reason| reader.damaged_group(0, reason))?;
    Ok(Loaded { keys: reader.totals().entries, time })
}

/// Loads what is whole of a snapshot. `None` if nothing can be read of it.
///
/// # Errors
/// If it does not suit the store, or the disk fails.
pub(super) fn salvage(
    disk: &dyn Disk,
    name: SnapshotName,
    store: &StoreState,
) -> Result<Option<(Loaded, Lost)>, OpenError> {
    let StoreState { databases, thresholds, .. } = store;
    let mut reader = match SnapshotReader::open(disk, name) {
        Ok(reader) => reader,
        Err(OpenError::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (time, mut lost, mut keys) = (reader.header.time, Lost::default(), 0);
    let target = Target { databases, thresholds, now: time.as_millis() as u64 };
    while let Some(group) = reader.next_intact(&mut lost)? {
        let stored = group.read(thresholds, |entry| match entry {
            Ok(entry) => target.insert(entry).inspect(|()| keys += 1),
            Err(entry) => {
                lost.entries.push(LostEntry::from(entry));
                Ok(())
            }
        });
        if stored.is_err() {
            lost.places.push((group.offset(), group.size()));
        }
    }
    databases.all_shards().for_each(|shard| _ = databases.lock_any(shard).not_before(time));
    // Those in front of damage are kept.
    let _ = store.scripts.add_programs(&reader.take_programs());
    lost.keys = reader.ending().map(|ending| ending.totals.entries.saturating_sub(keys));
    Ok(Some((Loaded { keys, time }, lost)))
}

fn load_here(reader: &mut SnapshotReader<'_>, target: Target<'_>) -> Result<(), OpenError> {
    while let Some(group) = reader.next()? {
        target.store(&group).map_err(|(offset, reason)| reader.damaged_group(offset, reason))?;
    }
    Ok(())
}

fn load_by(threads: usize, reader: &mut SnapshotReader<'_>, target: Target<'_>) -> Result<(), OpenError> {
    let (sender, groups) = sync_channel(2 * threads);
    let (groups, wrong) = (Mutex::new(groups), Mutex::new(None));
    thread::scope(|scope| {
        (0..threads).for_each(|_| _ = scope.spawn(|| target.store_all(&groups, &wrong)));
        // All threads end when there is nothing more.
        let sender = sender;
        while let Some(group) = reader.next()? {
            if wrong.lock().is_some() {
                break;
            }
            // They end after an error, of which is told below.
            let _ = sender.send(group);
        }
        Ok(())
    })?;
    let wrong = wrong.into_inner();
    wrong.map_or(Ok(()), |(offset, reason)| Err(reader.damaged_group(offset, reason)))
}

impl Target<'_> {
    /// Stores the groups that come, until one is wrong.
    fn store_all(self, groups: &Mutex<Receiver<Group>>, wrong: &Mutex<Option<Wrong>>) {
        while let Some(group) = next(groups) {
            if let Err(found) = self.store(&group) {
                let mut wrong = wrong.lock();
                let is_first = wrong.is_none_or(|(offset, _)| found.0 < offset);
                if is_first {
                    *wrong = Some(found);
                }
            }
        }
    }

    fn store(self, group: &Group) -> Result<(), Wrong> {
        let stored = group.read(self.thresholds, |entry| self.insert(entry.map_err(|_| UNREADABLE)?));
        stored.map_err(|reason| (group.offset(), reason))
    }

    fn insert(self, entry: SavedEntry<'_>) -> Result<(), &'static str> {
        let SavedEntry { database, key, write, accessed, value } = entry;
        if database >= self.databases.len() {
            return Err("an entry is of a database that the store does not have");
        }
        let Location { hash, shard } = self.databases.locate(KeyRef { database, name: key });
        let mut shard = self.databases.lock_any(shard);
        if shard.find(hash, key).is_some() {
            return Err("a key is there twice");
        }
        value.store(|value| shard.insert(hash, key, value, write, (accessed, self.now)));
        Ok(())
    }
}

fn next(groups: &Mutex<Receiver<Group>>) -> Option<Group> {
    groups.lock().recv().ok()
}
