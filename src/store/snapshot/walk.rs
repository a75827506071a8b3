//! How the entries of a snapshot are collected.

use std::{
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use super::{
    images::{Images, Large, Taken},
    writer::SnapshotWriter,
};
use crate::store::{
    databases::Databases,
    journal::Prepared,
    observers::Interests,
    scripts::Programs,
    shard::{Part, Shard, Slice, Walk},
    state::StoreState,
};

/// The moment of which a snapshot is taken.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// The time, since the Unix epoch. No earlier commit has a later one.
    pub(super) time: Duration,
    /// The number of changes before.
    pub(super) changes: u64,
    /// The scripts and libraries that are loaded.
    pub(super) programs: Programs,
}

impl StoreState {
    /// Begins a snapshot: all entries are to be saved as they are now. A new segment of the journal begins here, or the journal itself.
    ///
    /// # Errors
    /// If a command has failed while it changed a shard: what is there may be damaged. Or if no journal can be begun.
    pub(super) fn cut(&self, max_pending: usize, journal: Option<Prepared>) -> io::Result<(Cut, Arc<Images>)> {
        let _raised = self.databases.gate.raise();
        let mut shards = self.databases.lock_every();
        if shards.iter().any(|shard| shard.is_sealed()) {
            return Err(io::Error::other(SEALED));
        }
        let now = self.clock.now();
        let time = shards.iter().fold(now, |now, shard| shard.not_before(now));
        // No commit is under way, since each holds a lock.
        if let Some(prepared) = journal {
            self.begin_journal(prepared)?;
        }
        if let Some(journal) = self.journal() {
            journal.cut(self.last_commit());
        }
        let images = Arc::new(Images::new(time.as_secs() as u32, max_pending));
        for (index, shard) in shards.iter_mut().enumerate() {
            shard.begin_saving(self.databases.database_of(index), &images);
        }
        // A command that changes something from here on knows.
        self.snapshots.set_images(Some(Arc::clone(&images)));
        self.observers.set(Interests::SAVING, true);
        let programs = self.scripts.programs();
        Ok((Cut { time, programs, changes: shards.iter().map(|shard| shard.changes()).sum() }, images))
    }
}

/// A walk over the entries that are to be saved.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    /// Asked again and again: a store that is dropped does not wait for its snapshot.
    pub(super) store: &'a Weak<StoreState>,
    pub(super) images: &'a Images,
}

impl Walker<'_> {
    /// Writes all entries.
    ///
    /// # Errors
    /// If the disk fails, a shard may be damaged, or the store is dropped.
    pub(super) fn run(&self, writer: &mut SnapshotWriter) -> io::Result<()> {
        while !self.images.are_complete() {
            // Databases that are swapped may move what is left to shards that were visited.
            for index in 0.. {
                if !self.visit(index, writer)? {
                    break;
                }
            }
            self.write_images(writer)?;
        }
        self.write_images(writer)
    }

    /// Writes the entries of a shard. Returns whether there is one with this index.
    fn visit(&self, index: usize, writer: &mut SnapshotWriter) -> io::Result<bool> {
        loop {
            let store = self.store()?;
            if index >= store.databases.all_shards().len() {
                return Ok(false);
            }
            let (large, is_done) = save_slice(&store.databases, index, writer)?;
            drop(store);
            self.write_images(writer)?;
            writer.write_full()?;
            if let Some(large) = large {
                self.write_large(index, large, writer)?;
            }
            self.write_wanted(writer)?;
            if is_done {
                return Ok(true);
            }
        }
    }

    /// Writes the large entries that commands wait for.
    fn write_wanted(&self, writer: &mut SnapshotWriter) -> io::Result<()> {
        while let Some((index, large)) = self.images.wanted() {
            self.write_large(index, large, writer)?;
        }
        Ok(())
    }

    /// Writes a large entry, slice by slice. If somebody changes it meanwhile, it is written elsewhere.
    fn write_large(&self, index: usize, mut large: Large, writer: &mut SnapshotWriter) -> io::Result<()> {
        loop {
            let part = self.store()?.databases.lock_any(index).save_part(&mut large, &mut writer.large);
            match part {
                Part::More => writer.write_large()?,
                Part::Last => break writer.finish_large()?,
                Part::Gone => break writer.abandon_large()?,
            }
            self.write_images(writer)?;
        }
        self.images.saved(&large);
        Ok(())
    }

    fn store(&self) -> io::Result<Arc<StoreState>> {
        let store = self.store.upgrade().filter(|_| !self.images.are_discarded());
        store.ok_or_else(|| io::Error::other("the store is closed"))
    }

    fn write_images(&self, writer: &mut SnapshotWriter) -> io::Result<()> {
        let Taken { bytes, entries, shards, .. } = self.images.take();
        writer.append(&bytes, entries)?;
        shards.into_iter().try_for_each(|shard| write_shard(shard, writer))
    }
}

/// Saves a slice of a shard. Returns the large entry that is next, and whether nothing is left.
fn save_slice(databases: &Databases, index: usize, writer: &mut SnapshotWriter) -> io::Result<(Option<Large>, bool)> {
    let mut shard = databases.lock_any(index);
    if shard.is_saving() && shard.is_sealed() {
        return Err(io::Error::other(SEALED));
    }
    let Slice { entries, large } = shard.save_slice(Walk::Shared, &mut writer.buffer);
    writer.buffered += entries;
    Ok((large, !shard.is_saving()))
}

/// Writes a shard that nobody else has.
fn write_shard(mut shard: Shard, writer: &mut SnapshotWriter) -> io::Result<()> {
    if shard.is_sealed() {
        return Err(io::Error::other(SEALED));
    }
    while shard.is_saving() {
        writer.buffered += shard.save_slice(Walk::Owned, &mut writer.buffer).entries;
        writer.write_full()?;
    }
    Ok(())
}

/// Moves all entries to the new epoch that a snapshot has left behind which was given up.
pub(super) fn skip_rest(databases: &Databases) {
    for index in databases.all_shards() {
        while databases.lock_any(index).skip_slice() {}
    }
}

const SEALED: &str = "a command failed while it changed the data: FLUSHALL removes what may be damaged";
