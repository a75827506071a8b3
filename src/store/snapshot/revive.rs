//! How a journal that has failed is followed by another, and how one begins that had no room at the start.
//!
//! Commands that write are refused from a failure on. So a snapshot has all that was changed before, also what nobody knows to be
//! on disk, and a journal that begins behind it misses nothing. Commands may write again when both are durable, and the manifest names
//! them.

use std::io;

use super::{
    Purpose,
    save::{Job, Next},
    state::{Busy, Saved},
};
use crate::store::{
    journal::{Journal, OpenError, Prepared, io_error},
    state::StoreState,
};

impl StoreState {
    /// Whether the journal has failed, and no other has begun.
    pub(super) fn has_failed_journal(&self) -> bool {
        self.journal().is_some_and(Journal::has_failed)
    }

    /// Whether there was no room at the start for the journal to go on, and it has not begun yet.
    pub(super) fn is_unbegun(&self) -> bool {
        self.snapshots.place.get().is_some_and(|place| place.recovered.lock().is_some())
    }

    /// Goes on with the journal that was found at the start, if it has not begun.
    ///
    /// # Errors
    /// If the disk fails, or is full.
    pub(in super::super) fn resume_journal(&self) -> Result<(), OpenError> {
        let Some(place) = self.snapshots.place.get() else { return Ok(()) };
        let mut recovered = place.recovered.lock();
        if let Some(found) = &*recovered {
            self.begin_behind(Prepared::after(&place.disk, found.clone(), self.journals.settings())?)?;
            *recovered = None;
        }
        Ok(())
    }

    /// Begins a journal, which the manifest names then.
    fn begin_behind(&self, prepared: Prepared) -> Result<(), OpenError> {
        let Some(place) = self.snapshots.place.get() else { return Ok(()) };
        place.manifest.lock().expect_journal(&*place.disk)?;
        self.at_rest(|| self.begin_journal(prepared)).map_err(|error| io_error(&*place.disk, "", error))
    }

    /// Tries to go on with the journal that was found at the start.
    pub(super) fn begin_resuming(&self) -> Result<u64, Busy> {
        let number = self.snapshots.begin(Purpose::Rewrite, self.clock.now())?;
        self.start_job(|job| job.resume().map(|()| None));
        Ok(number)
    }
}

impl Job {
    /// Takes a snapshot. If the journal has failed, another begins behind it.
    pub(super) fn take(&self) -> io::Result<Saved> {
        self.resume()?;
        if self.store()?.has_failed_journal() { self.revive() } else { self.save(Next::Journal) }
    }

    fn resume(&self) -> io::Result<()> {
        let store = self.store()?;
        if store.is_unbegun() {
            store.resume_journal().map_err(io::Error::other)?;
            tracing::info!("the disk has room for the journal: writes are accepted");
        }
        Ok(())
    }

    fn revive(&self) -> io::Result<Saved> {
        let saved = self.save(Next::Nothing)?;
        let (store, place) = (self.store()?, self.place()?);
        let first = place.manifest.lock().first_segment;
        let prepared = Prepared::create(&place.disk, first, store.journals.settings()).map_err(io::Error::other)?;
        store.begin_behind(prepared).map_err(io::Error::other)?;
        tracing::info!("a new journal has begun in the place of the one that has failed: writes are accepted again");
        Ok(saved)
    }
}
