//! How a journal ends and begins while the store runs: CONFIG SET `appendonly`.
//!
//! A journal that begins belongs to a snapshot of the same moment: the manifest names both, when the snapshot is durable. Until then a start
//! must not take its segments for a part of the journal before. So their numbers are below the first one that the manifest names.

use std::{io, sync::Arc};

use super::{
    Purpose,
    manifest::Manifest,
    save::{Job, Next},
    state::{Busy, Place, Saved},
};
use crate::store::{
    Fsync,
    disk::Disk,
    journal::{Journal, Prepared, Settings, segment_number},
    observers::Interests,
    state::StoreState,
};

/// How many segments a journal may have until its snapshot is durable.
const RESERVED: u64 = 1 << 20;

const FULL: &str = "the disk is full, and the journal is not written to its end: make room first";
const IN_MEMORY: &str = "the store has no directory: start it with --appendonly yes, or with a --save point";
const CLOSED: &str = "the store is closed";

impl StoreState {
    /// Ends the journal, or begins one. What it promises it does when this returns. Blocks the thread, and no shard is locked.
    ///
    /// # Errors
    /// Why it is not done.
    pub(in super::super) fn set_journal(&self, is_on: bool) -> Result<(), String> {
        if self.journal().is_some() == is_on {
            return Ok(());
        }
        let number = self.begin_switch()?;
        if is_on {
            self.start_job(|job| job.begin_journal().map(Some));
            return self.snapshots.wait(number).map_err(|reason| reason.to_string());
        }
        let ended = self.end_journal();
        self.snapshots.release();
        ended
    }

    /// Gives the running snapshot up, and lets none begin meanwhile. Returns the number of what is begun.
    fn begin_switch(&self) -> Result<u64, String> {
        loop {
            match self.snapshots.begin(Purpose::Rewrite, self.clock.now()) {
                Ok(number) => return Ok(number),
                Err(Busy::Running(_)) => self.snapshots.cancel(),
                Err(Busy::Closed) => return Err(CLOSED.to_owned()),
                Err(Busy::NoDirectory) => return Err(IN_MEMORY.to_owned()),
            }
        }
    }

    /// Makes everything durable, and ends the journal. Its segments stay until the next snapshot.
    fn end_journal(&self) -> Result<(), String> {
        let (Some(journal), Some(place)) = (self.journal(), self.snapshots.place.get()) else { return Ok(()) };
        if journal.is_full() {
            return Err(FULL.to_owned());
        }
        let has_failed = journal.has_failed();
        let finished = self.stop_journal();
        let mut manifest = place.manifest.lock();
        manifest.has_journal = false;
        let stored = manifest.store(&*place.disk).map_err(|error| error.to_string());
        tracing::warn!("the journal has ended: what changes from now on is kept by snapshots alone");
        if has_failed {
            // What is not on disk was told when it failed.
            return Ok(());
        }
        finished.map_err(|reason| format!("the journal has ended, and not all of it is on disk: {reason}")).and(stored)
    }

    /// Tells the journal no more commits, and waits for its end.
    fn stop_journal(&self) -> Result<(), Arc<str>> {
        let Some(journal) = self.journal() else { return Ok(()) };
        self.at_rest(|| {
            self.observers.set(Interests::JOURNAL, false);
            self.observers.set(Interests::SETTLED, false);
        });
        let finished = journal.finish();
        self.observers.set(Interests::JOURNAL_HALTED, false);
        finished
    }

    /// Begins a journal behind the last commit. All shards are locked.
    pub(super) fn begin_journal(&self, prepared: Prepared) -> io::Result<()> {
        let lock = self.snapshots.place.get().and_then(|place| place.lock.lock().clone());
        let lock = lock.ok_or_else(|| io::Error::other(CLOSED))?;
        let journal = Journal::begin(prepared, self.last_commit(), Arc::clone(&self.observers), lock)?;
        self.observers.set(Interests::JOURNAL_HALTED, false);
        self.attach(journal);
        Ok(())
    }

    /// Does something while no commit is under way.
    pub(in super::super) fn at_rest<T>(&self, work: impl FnOnce() -> T) -> T {
        let _raised = self.databases.gate.raise();
        let _shards = self.databases.lock_every();
        work()
    }
}

impl Job {
    /// Takes a snapshot, and begins a journal at its cut.
    fn begin_journal(&self) -> io::Result<Saved> {
        let place = self.place()?;
        if place.has_segments()? {
            // They end here: none may stand between the snapshot and the new journal.
            self.save(Next::Journal)?;
        }
        let store = self.store()?;
        let settings = store.journals.settings();
        drop(store);
        let number = place.reserve_segments()?;
        // No answer waits for what may not count.
        let quiet = Settings { policy: Fsync::EverySec, ..settings };
        let prepared = Prepared::create(&place.disk, number, quiet).map_err(io::Error::other)?;
        let mut beginning = Beginning { job: self, is_durable: false };
        let saved = self.save(Next::New(prepared))?;
        beginning.is_durable = true;
        let store = self.store()?;
        store.journal().iter().for_each(|journal| journal.set_policy(store.journals.settings().policy));
        Ok(saved)
    }
}

/// A journal that counts when its snapshot is durable. Ends it if that fails, also by a panic.
struct Beginning<'a> {
    job: &'a Job,
    is_durable: bool,
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        if !self.is_durable
            && let Ok(store) = self.job.store()
        {
            // What it has is of no use.
            let _ = store.stop_journal();
        }
    }
}

impl Place {
    /// Whether the snapshot is followed by segments.
    fn has_segments(&self) -> io::Result<bool> {
        let first = self.manifest.lock().first_segment;
        Ok(last_segment(&*self.disk)?.is_some_and(|last| last >= first))
    }

    /// The number of a segment behind all that there are.
    pub(super) fn next_segment(&self) -> io::Result<u64> {
        let last = last_segment(&*self.disk)?;
        Ok(self.manifest.lock().first_segment.max(last.map_or(0, |last| last + 1)))
    }

    /// Reserves numbers that are below the first segment of the manifest, and returns the first of them.
    fn reserve_segments(&self) -> io::Result<u64> {
        let number = self.next_segment()?;
        let mut manifest = self.manifest.lock();
        let reserved = Manifest { first_segment: number + RESERVED, has_journal: false, ..*manifest };
        reserved.store(&*self.disk)?;
        *manifest = reserved;
        Ok(number)
    }
}

/// The number of the last segment that there is.
fn last_segment(disk: &dyn Disk) -> io::Result<Option<u64>> {
    Ok(disk.list()?.iter().filter_map(|name| segment_number(name)).max())
}
