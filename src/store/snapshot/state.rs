//! [`Snapshots`]: the settings of snapshots, how far the running one is, and what came of the last one.

use std::{
    fmt, mem,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    task::Waker,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::{Compression, Images, Large, Loaded, Manifest, SavePoints};
use crate::store::{
    disk::{DirectoryLock, Disk},
    journal::Recovered,
    observers::{Interests, Observers},
};

/// The most memory of images that are not written, in bytes.
const MAX_PENDING: usize = 16 << 20;

/// How long after a snapshot that failed the next one is taken by itself at the earliest.
const RETRY: Duration = Duration::from_secs(5);

/// The same if commands that write are refused until then: a second, which doubles with each failure up to this.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How often those who wait for a snapshot ask whether they give up.
const ASKS_EVERY: Duration = Duration::from_millis(5);

/// The snapshots of a store.
#[derive(Debug)]
pub(in super::super) struct Snapshots {
    observers: Arc<Observers>,
    /// `None` for a store in memory alone.
    pub(in super::super) place: OnceLock<Place>,
    settings: Mutex<Settings>,
    /// The images of the running snapshot.
    images: Mutex<Option<Arc<Images>>>,
    status: Mutex<Status>,
    /// Wakes those who wait for the end of a snapshot.
    ended: Condvar,
}

/// Where snapshots are.
#[derive(Debug)]
pub(in super::super) struct Place {
    pub(in super::super) disk: Arc<dyn Disk>,
    /// Released when the store is closed.
    pub(in super::super) lock: Mutex<Option<Arc<dyn DirectoryLock>>>,
    pub(in super::super) manifest: Mutex<Manifest>,
    /// The number of the last snapshot that was begun.
    pub(in super::super) last_number: AtomicU64,
    /// The journal that was found at the start, until it goes on.
    pub(in super::super) recovered: Mutex<Option<Recovered>>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) compression: Compression,
    pub(super) points: SavePoints,
    pub(super) max_pending: usize,
    /// By how many percent the files must have grown for a snapshot to be taken that replaces the journal; 0 for never.
    pub(super) growth: u64,
    /// The least size of the files for that, in bytes.
    pub(super) min_size: u64,
    /// Whether a snapshot is saved when the store is closed; `None` if there are `save` points.
    pub(super) saves_at_end: Option<bool>,
    /// Whether commands that write are refused while there are `save` points and the last snapshot was not saved.
    stops_writes: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            points: SavePoints::default(),
            max_pending: MAX_PENDING,
            growth: 100,
            min_size: 64 << 20,
            saves_at_end: None,
            stops_writes: true,
        }
    }
}

impl Settings {
    /// Whether the files have grown so much that a snapshot replaces the journal.
    pub(super) fn has_grown(&self, size: u64, base: u64) -> bool {
        size >= self.min_size && size.saturating_sub(base) * 100 / base.max(1) >= self.growth
    }
}

/// Why a snapshot is taken. Both do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Purpose {
    /// SAVE, BGSAVE, and the `save` points.
    Save,
    /// BGREWRITEAOF, and a journal that has grown.
    Rewrite,
}

/// What INFO shows.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Status {
    /// The snapshot that is taken, and the time when it began.
    pub(in super::super) running: Option<(Purpose, Duration)>,
    /// The one that is taken next.
    pub(in super::super) scheduled: Option<Purpose>,
    /// The number of snapshots that were begun.
    begun: u64,
    /// The number of snapshots that were saved.
    pub(in super::super) saves: u64,
    /// Those of them that were to replace the journal.
    pub(in super::super) rewrites: u64,
    /// The time of the cut of the last one that was saved.
    pub(in super::super) last_save: Duration,
    /// The time when the last one ended.
    pub(super) last_end: Duration,
    /// Why the last one was not saved.
    pub(in super::super) failure: Option<Arc<str>>,
    /// How many failed since one was saved.
    failures: u32,
    /// Whether the last one was given up, which is no failure of the disk.
    is_given_up: bool,
    /// How long the last one took.
    pub(in super::super) took: Option<Duration>,
    /// The number of changes before the cut of the last one.
    pub(in super::super) changes: u64,
    /// The bytes of the last one.
    pub(in super::super) size: u64,
    /// The bytes of all files after the last one, or after the start.
    pub(super) base: u64,
    pub(in super::super) loaded: Loaded,
    is_closed: bool,
}

/// What came of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saved {
    /// The time of the cut.
    pub(super) time: Duration,
    pub(super) changes: u64,
    pub(super) size: u64,
}

impl Status {
    /// How long after the last snapshot the next is taken by itself at the earliest. `is_urgent` is whether commands that write are
    /// refused until then.
    pub(super) fn pause(&self, is_urgent: bool) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures if is_urgent => MAX_PAUSE.min(Duration::from_secs(1 << (failures - 1).min(16))),
            _ => RETRY,
        }
    }

    /// The bytes of all files after the last snapshot, or after the start.
    pub(in super::super) fn base(&self) -> u64 {
        self.base
    }
}

impl Snapshots {
    /// Those of a store that was started at this time.
    pub(in super::super) fn new(started: Duration, observers: Arc<Observers>) -> Self {
        let status = Status { last_save: started, ..Status::default() };
        Self {
            observers,
            place: OnceLock::new(),
            settings: Mutex::default(),
            images: Mutex::default(),
            status: Mutex::new(status),
            ended: Condvar::new(),
        }
    }

    /// Keeps snapshots here. So many changes were made and so many bytes read to load what is there.
    pub(in super::super) fn attach(&self, place: Place, loaded: Loaded, changes: u64, base: u64) {
        let mut status = self.status.lock();
        let size = place.manifest.lock().snapshot.map_or(0, |snapshot| snapshot.size);
        *status = Status { loaded, changes, size, base, ..status.clone() };
        self.place.set(place).expect("a store has one directory");
    }

    /// Whether there is somewhere to save to.
    pub(in super::super) fn has_directory(&self) -> bool {
        self.place.get().is_some()
    }

    /// The path of the directory.
    pub(in super::super) fn path(&self) -> Option<String> {
        self.place.get().map(|place| place.disk.path_of("").trim_end_matches('/').to_owned())
    }

    pub(in super::super) fn status(&self) -> Status {
        self.status.lock().clone()
    }

    pub(super) fn settings(&self) -> Settings {
        self.settings.lock().clone()
    }

    pub(in super::super) fn points(&self) -> SavePoints {
        self.settings.lock().points.clone()
    }

    pub(in super::super) fn set_points(&self, points: SavePoints) {
        self.settings.lock().points = points;
        self.tell_unsaved();
    }

    pub(in super::super) fn stops_writes(&self) -> bool {
        self.settings.lock().stops_writes
    }

    /// Sets whether commands that write are refused while there are `save` points and the last snapshot was not saved.
    pub(in super::super) fn set_stops_writes(&self, stops: bool) {
        self.settings.lock().stops_writes = stops;
        self.tell_unsaved();
    }

    /// Tells the commands whether they are refused.
    fn tell_unsaved(&self) {
        let settings = self.settings();
        self.tell_unsaved_of(&settings, &self.status.lock());
    }

    fn tell_unsaved_of(&self, settings: &Settings, status: &Status) {
        let is_unsaved = status.failure.is_some() && !status.is_given_up;
        let is_refused = is_unsaved && settings.stops_writes && !settings.points.is_empty();
        self.observers.set(Interests::UNSAVED, is_refused);
    }

    pub(in super::super) fn compression(&self) -> Compression {
        self.settings.lock().compression
    }

    pub(in super::super) fn set_compression(&self, compression: Compression) {
        self.settings.lock().compression = compression;
    }

    /// By how many percent, and to how many bytes at least, the files grow until a snapshot replaces the journal.
    pub(in super::super) fn rewrite_limits(&self) -> (u64, u64) {
        let settings = self.settings.lock();
        (settings.growth, settings.min_size)
    }

    pub(in super::super) fn set_rewrite_growth(&self, percent: u64) {
        self.settings.lock().growth = percent;
    }

    pub(in super::super) fn set_rewrite_min_size(&self, bytes: u64) {
        self.settings.lock().min_size = bytes;
    }

    /// Sets whether a snapshot is saved when the store is closed; `None` for if there are `save` points.
    pub(in super::super) fn set_save_at_end(&self, saves: Option<bool>) {
        self.settings.lock().saves_at_end = saves;
    }

    #[cfg(test)]
    pub(super) fn set_max_pending(&self, bytes: usize) {
        self.settings.lock().max_pending = bytes;
    }

    /// Whether commands that write have to wait for room.
    pub(in super::super) fn are_crowded(&self) -> bool {
        self.images.lock().as_ref().is_some_and(|images| images.are_crowded())
    }

    /// Asks for a large entry of a shard to be saved before others.
    pub(in super::super) fn want(&self, shard: usize, large: Large) {
        if let Some(images) = &*self.images.lock() {
            images.want(shard, large);
        }
    }

    /// Whether commands that write have to wait. Leaves a waker if they do.
    pub(in super::super) fn wait_for_room(&self, waker: &Waker) -> bool {
        self.images.lock().as_ref().is_some_and(|images| images.wait_for_room(waker))
    }

    /// Notes that a snapshot begins. Returns its number; an error is what runs already.
    pub(super) fn begin(&self, purpose: Purpose, now: Duration) -> Result<u64, Busy> {
        let mut status = self.status.lock();
        if status.is_closed {
            return Err(Busy::Closed);
        }
        if !self.has_directory() {
            return Err(Busy::NoDirectory);
        }
        if let Some((running, _)) = status.running {
            return Err(Busy::Running(running));
        }
        status.running = Some((purpose, now));
        status.is_given_up = false;
        status.begun += 1;
        Ok(status.begun)
    }

    /// Notes that one is to be taken after the one that runs.
    pub(in super::super) fn schedule(&self, purpose: Purpose) {
        self.status.lock().scheduled = Some(purpose);
    }

    /// Takes note of the images of the running snapshot. Returns those before.
    pub(super) fn set_images(&self, images: Option<Arc<Images>>) -> Option<Arc<Images>> {
        mem::replace(&mut *self.images.lock(), images)
    }

    /// Notes the end of what kept snapshots from running.
    pub(super) fn release(&self) {
        self.status.lock().running = None;
        self.ended.notify_all();
    }

    /// Notes the end of the running snapshot. Returns what is to be taken next.
    pub(super) fn end(&self, saved: Result<Option<Saved>, Arc<str>>, now: Duration) -> Option<Purpose> {
        let settings = self.settings();
        let mut status = self.status.lock();
        let running = status.running.take();
        let is_rewrite = running.is_some_and(|(purpose, _)| purpose == Purpose::Rewrite);
        status.took = running.map(|(_, began)| now.saturating_sub(began));
        status.last_end = now;
        match saved {
            // There was something else to do.
            Ok(None) => (status.failure, status.failures) = (None, 0),
            Ok(Some(Saved { time, changes, size })) => {
                (status.failure, status.failures) = (None, 0);
                (status.last_save, status.changes, status.size, status.base) = (time, changes, size, size);
                status.saves += 1;
                status.rewrites += u64::from(is_rewrite);
            }
            Err(reason) => {
                let path = self.place.get().map(|place| place.disk.path_of(""));
                tracing::error!(path, %reason, "no snapshot was saved");
                status.failure = Some(reason);
                status.failures += 1;
            }
        }
        self.tell_unsaved_of(&settings, &status);
        self.ended.notify_all();
        status.scheduled.take().filter(|_| !status.is_closed)
    }

    /// Waits until the running snapshot has ended. Blocks the thread.
    ///
    /// # Errors
    /// Why it was not saved.
    pub(in super::super) fn wait(&self, number: u64) -> Result<(), Arc<str>> {
        self.wait_unless(number, || false).unwrap_or(Ok(()))
    }

    /// The same. `None` if there is a reason to give up before.
    pub(in super::super) fn wait_unless(
        &self,
        number: u64,
        gives_up: impl Fn() -> bool,
    ) -> Option<Result<(), Arc<str>>> {
        let mut status = self.status.lock();
        while status.begun == number && status.running.is_some() {
            if gives_up() {
                return None;
            }
            self.ended.wait_for(&mut status, ASKS_EVERY);
        }
        Some(status.failure.clone().map_or(Ok(()), Err))
    }

    /// Waits until no snapshot runs, or there is a reason to give up. Blocks the thread.
    pub(in super::super) fn wait_for_end(&self, gives_up: impl Fn() -> bool) {
        let mut status = self.status.lock();
        while status.running.is_some() && !gives_up() {
            self.ended.wait_for(&mut status, ASKS_EVERY);
        }
    }

    /// Gives the running snapshot up, and waits for its end. Blocks the thread.
    pub(in super::super) fn cancel(&self) {
        if let Some(images) = &*self.images.lock() {
            images.discard();
        }
        let mut status = self.status.lock();
        status.scheduled = None;
        status.is_given_up = status.running.is_some();
        while status.running.is_some() {
            self.ended.wait(&mut status);
        }
    }

    /// Lets no snapshot begin any more, and gives the running one up. The directory is free then.
    pub(in super::super) fn close(&self) {
        self.status.lock().is_closed = true;
        self.cancel();
        if let Some(place) = self.place.get() {
            drop(place.lock.lock().take());
        }
    }
}

/// Why no snapshot is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Busy {
    Running(Purpose),
    Closed,
    /// The store is in memory alone.
    NoDirectory,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running(_) => "another snapshot is being taken",
            Self::Closed => "the store is closed",
            Self::NoDirectory => "the store has no directory",
        })
    }
}
