//! How a snapshot is taken: by a thread of the store, one at a time.

use std::{
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use super::{
    Manifest, Purpose, Snapshots,
    manifest::SnapshotName,
    state::{Busy, Place, Saved},
    walk::{Walker, skip_rest},
    writer::SnapshotWriter,
};
use crate::store::{
    journal::{Journal, Prepared},
    observers::Interests,
    state::StoreState,
};

/// What continues a snapshot.
#[derive(Debug)]
pub(super) enum Next {
    /// The journal, if there is one: it begins a new segment at the cut.
    Journal,
    /// A journal that begins at the cut.
    New(Prepared),
    /// Nothing: commands that write are refused.
    Nothing,
}

impl StoreState {
    /// Begins to take a snapshot. Returns its number, for [`Snapshots::wait`].
    ///
    /// # Errors
    /// If one is taken already, or the store is closed.
    pub(in super::super) fn begin_snapshot(&self, purpose: Purpose) -> Result<u64, Busy> {
        let number = self.snapshots.begin(purpose, self.clock.now())?;
        self.start_job(|job| job.take().map(Some));
        Ok(number)
    }

    /// Lets the thread of snapshots do what was begun.
    pub(super) fn start_job(&self, work: impl FnOnce(&Job) -> io::Result<Option<Saved>> + Send + 'static) {
        let job = Job { store: self.myself.clone(), snapshots: Arc::clone(&self.snapshots) };
        self.saver.run(move || job.run(work));
    }

    /// Takes a snapshot if it is time for one.
    pub(in super::super) fn snapshot_if_due(&self) {
        if let Some(purpose) = self.due_snapshot() {
            // One that runs already will do.
            let _ = if self.is_unbegun() { self.begin_resuming() } else { self.begin_snapshot(purpose) };
        }
    }

    fn due_snapshot(&self) -> Option<Purpose> {
        let (settings, status, now) = (self.snapshots.settings(), self.snapshots.status(), self.clock.now());
        let has_failed = self.has_failed_journal() || self.is_unbegun();
        let has_just_failed = now.saturating_sub(status.last_end) < status.pause(has_failed);
        if !self.snapshots.has_directory() || status.running.is_some() || has_just_failed {
            return None;
        }
        // The cut would hold what a script does not hold, and wait for its end.
        if self.databases.gate.is_busy() {
            return None;
        }
        if has_failed {
            return Some(Purpose::Rewrite);
        }
        let journal = self.journal().map_or(0, Journal::size);
        if settings.growth > 0 && journal > 0 && settings.has_grown(status.size + journal, status.base) {
            return Some(Purpose::Rewrite);
        }
        let since = now.saturating_sub(status.last_save);
        if settings.points.is_empty() {
            return None;
        }
        // A shard that a command holds is asked next time: nobody waits here.
        let changes: Option<u64> =
            self.databases.all_shards().map(|index| Some(self.databases.try_lock(index)?.changes())).sum();
        let is_due = settings.points.are_reached(changes?.saturating_sub(status.changes), since);
        is_due.then_some(Purpose::Save)
    }

    /// Takes a snapshot before the store is closed, if that is wanted: by default if there are `save` points, and changes since the
    /// last one, or the journal has failed. Blocks the thread.
    ///
    /// # Errors
    /// Why it was not saved.
    pub(in super::super) fn save_at_end(&self, saves: Option<bool>) -> Result<(), Arc<str>> {
        let settings = self.snapshots.settings();
        let has_points = || !settings.points.is_empty() && self.unsaved_changes() > 0;
        let is_due = || self.has_failed_journal() || has_points();
        if !self.snapshots.has_directory() || !saves.or(settings.saves_at_end).unwrap_or_else(is_due) {
            return Ok(());
        }
        self.snapshots.cancel();
        match self.begin_snapshot(Purpose::Save) {
            Ok(number) => self.snapshots.wait(number),
            Err(busy) => Err(busy.to_string().into()),
        }
    }

    /// The number of changes since the last snapshot.
    pub(in super::super) fn unsaved_changes(&self) -> u64 {
        self.changes().saturating_sub(self.snapshots.status().changes)
    }

    /// The number of changes so far.
    pub(in super::super) fn changes(&self) -> u64 {
        self.databases.all_shards().map(|index| self.databases.lock_any(index).changes()).sum()
    }
}

/// A snapshot that is to be taken.
#[derive(Debug)]
pub(super) struct Job {
    store: Weak<StoreState>,
    snapshots: Arc<Snapshots>,
}

impl Job {
    fn run(self, work: impl FnOnce(&Self) -> io::Result<Option<Saved>>) {
        let mut end = End { job: &self, saved: Err(PANICKED.into()) };
        end.saved = work(&self).map_err(|reason| reason.to_string().into());
    }

    pub(super) fn store(&self) -> io::Result<Arc<StoreState>> {
        self.store.upgrade().ok_or_else(|| io::Error::other("the store is closed"))
    }

    pub(super) fn place(&self) -> io::Result<&Place> {
        self.snapshots.place.get().ok_or_else(|| io::Error::other("the store has no directory"))
    }

    /// Saves a snapshot.
    pub(super) fn save(&self, next: Next) -> io::Result<Saved> {
        let (has_next, journal) = match next {
            Next::Journal => (true, None),
            Next::New(prepared) => (true, Some(prepared)),
            Next::Nothing => (false, None),
        };
        let place = self.place()?;
        let settings = self.snapshots.settings();
        let store = self.store()?;
        // If the last one was given up by a panic.
        skip_rest(&store.databases);
        let (cut, images) = store.cut(settings.max_pending, journal)?;
        drop(store);
        // Never that of a file that a manifest may name, also if nobody knows whether the manifest is durable.
        let number = place.last_number.fetch_add(1, Ordering::Relaxed) + 1;
        let mut writer = SnapshotWriter::create(Arc::clone(&place.disk), number, cut.time, settings.compression)?;
        let walker = Walker { store: &self.store, images: &images };
        let written = writer
            .write_programs(&cut.programs)
            .and_then(|()| walker.run(&mut writer))
            .and_then(|()| self.first_segment(place, has_next));
        let (name, first_segment) = match written.and_then(|first| Ok((writer.finish(first.0)?, first))) {
            Ok(finished) => finished,
            Err(error) => {
                writer.discard();
                return Err(error);
            }
        };
        replace(place, name, first_segment)?;
        Ok(Saved { time: cut.time, changes: cut.changes, size: name.size })
    }

    /// The number of the segment that begins at the cut, and whether there is a journal.
    fn first_segment(&self, place: &Place, has_next: bool) -> io::Result<(u64, bool)> {
        let store = self.store()?;
        let Some(journal) = store.journal().filter(|_| has_next) else { return Ok((place.next_segment()?, false)) };
        journal.wait_for_cut().map(|segment| (segment, true)).map_err(|reason| io::Error::other(&*reason))
    }
}

/// Lets the snapshot be that of the store, and removes what it replaces.
fn replace(place: &Place, name: SnapshotName, (first_segment, has_journal): (u64, bool)) -> io::Result<()> {
    let manifest = Manifest { snapshot: Some(name), first_segment, has_journal };
    manifest.store(&*place.disk)?;
    *place.manifest.lock() = manifest;
    if let Err(error) = manifest.remove_others(&*place.disk) {
        // They are removed by the next snapshot, or at the next start.
        tracing::warn!(%error, "old files of the store cannot be removed");
    }
    Ok(())
}

/// Tells the end of a snapshot, also if it has panicked.
struct End<'a> {
    job: &'a Job,
    saved: Result<Option<Saved>, Arc<str>>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let Job { store, snapshots } = self.job;
        let images = snapshots.set_images(None);
        images.iter().for_each(|images| images.discard());
        let now = store.upgrade().map_or(Duration::ZERO, |store| {
            store.observers.set(Interests::SAVING, false);
            if self.saved.is_err() {
                // A shard that a command has left damaged may cause another panic.
                let _ = catch_unwind(AssertUnwindSafe(|| skip_rest(&store.databases)));
            }
            store.clock.now()
        });
        let saved = mem::replace(&mut self.saved, Err(PANICKED.into()));
        // The store is not held: whoever has waited may drop it.
        let next = snapshots.end(saved, now);
        if let (Some(purpose), Some(store)) = (next, store.upgrade()) {
            let _ = store.begin_snapshot(purpose);
        }
    }
}

const PANICKED: &str = "the thread that saves it has panicked";
