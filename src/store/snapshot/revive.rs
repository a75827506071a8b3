//! How a journal that has failed is followed by another, in new files.
//!
//! Commands that write are refused from the failure on. So a snapshot has all that was changed before, also what nobody knows to be
//! on disk, and a journal that begins behind it misses nothing. Commands may write again when both are durable, and the manifest names
//! them.

use std::io;

use super::{
    save::{Job, Next},
    state::{Place, Saved},
};
use crate::store::{
    journal::{Journal, Prepared},
    state::StoreState,
};

impl StoreState {
    /// Whether the journal has failed, and no other has begun.
    pub(super) fn has_failed_journal(&self) -> bool {
        self.journal().is_some_and(Journal::has_failed)
    }
}

impl Job {
    /// Takes a snapshot. If the journal has failed, another begins behind it.
    pub(super) fn take(&self) -> io::Result<Saved> {
        if self.store()?.has_failed_journal() { self.revive() } else { self.save(Next::Journal) }
    }

    fn revive(&self) -> io::Result<Saved> {
        let place = self.place()?;
        let saved = self.save(Next::Nothing)?;
        let store = self.store()?;
        let first = place.manifest.lock().first_segment;
        let prepared = Prepared::create(&place.disk, first, store.journals.settings()).map_err(io::Error::other)?;
        place.expect_journal()?;
        store.at_rest(|| store.begin_journal(prepared))?;
        tracing::info!("a new journal has begun in the place of the one that has failed: writes are accepted again");
        Ok(saved)
    }
}

impl Place {
    /// Notes that there is a journal from now on.
    fn expect_journal(&self) -> io::Result<()> {
        self.manifest.lock().expect_journal(&*self.disk).map_err(io::Error::other)
    }
}
