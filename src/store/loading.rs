//! [`Loader`]: reads a store from its disk, while it already answers. [`Loading`]: how far that is.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kvstore_protocol::{Command, CommandError, catalog::Flags};

use super::{
    OpenError, Store,
    disk::{DirectoryLock, Disk},
    journal::{Settings, io_error},
    observers::Interests,
    state::StoreState,
};

/// After so many bytes it is asked whether to log the progress.
const LOG_STEP: u64 = 1 << 20;

/// How often the progress is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// Reads a durable store from its disk: see [`DurableBuilder::start`](super::DurableBuilder::start).
#[derive(Debug)]
#[must_use = "the store answers LOADING until it is loaded"]
pub struct Loader {
    store: Store,
    disk: Arc<dyn Disk>,
    settings: Option<Settings>,
    lock: Arc<dyn DirectoryLock>,
}

impl Loader {
    /// Locks the directory.
    ///
    /// # Errors
    /// If another process has locked it, or the disk fails.
    pub(super) fn new(store: Store, disk: Arc<dyn Disk>, settings: Option<Settings>) -> Result<Self, OpenError> {
        let lock = disk.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked { path: disk.path_of("") },
            _ => io_error(&*disk, "", error),
        })?;
        store.handle.observers.set(Interests::LOADING, true);
        Ok(Self { store, disk, settings, lock: Arc::from(lock) })
    }

    /// Returns the store. It answers LOADING to most commands until it is loaded.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Loads the store. Blocks the thread meanwhile.
    ///
    /// An incomplete end of the journal is left out, and logged as a warning.
    ///
    /// # Errors
    /// If a file is damaged, or the disk fails. No file was changed then, and the store is of no use: it answers LOADING for ever.
    pub fn load(self) -> Result<Store, OpenError> {
        self.store.handle.load(self.disk, self.settings, self.lock)?;
        Ok(self.store)
    }
}

impl Store {
    /// Returns the function for [`Serve::loading`](crate::server::Serve::loading): whether the store is
    /// [read from its disk](super::Loader) just now.
    pub fn loading(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let store = self.clone();
        move || store.handle.is_loading()
    }
}

/// How much of the files is read.
#[derive(Debug, Default)]
pub(super) struct Loading {
    /// The time when it began.
    began: OnceLock<Duration>,
    /// The bytes of the files.
    total: AtomicU64,
    loaded: AtomicU64,
    /// The time when the progress was logged last, in seconds.
    logged: AtomicU64,
}

/// What INFO shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Progress {
    pub(super) began: Duration,
    pub(super) total: u64,
    pub(super) loaded: u64,
    pub(super) percent: f64,
    pub(super) remaining: Duration,
}

impl Loading {
    /// Begins to read so many bytes.
    pub(super) fn begin(&self, total: u64, now: Duration) {
        self.began.get_or_init(|| now);
        self.total.store(total, Ordering::Relaxed);
        self.logged.store(now.as_secs(), Ordering::Relaxed);
    }

    /// Notes that so many bytes more were read. Logs the progress every so often.
    pub(super) fn add(&self, bytes: u64, now: impl FnOnce() -> Duration) {
        let before = self.loaded.fetch_add(bytes, Ordering::Relaxed);
        if before / LOG_STEP != (before + bytes) / LOG_STEP {
            self.log(now());
        }
    }

    fn log(&self, now: Duration) {
        let logged = Duration::from_secs(self.logged.load(Ordering::Relaxed));
        if now.saturating_sub(logged) >= LOG_INTERVAL {
            self.logged.store(now.as_secs(), Ordering::Relaxed);
            let Progress { total, loaded, percent, remaining, .. } = self.progress(now);
            let (percent, remaining) = (format_args!("{percent:.1}"), remaining.as_secs());
            tracing::info!(%percent, loaded, total, remaining, "the data is being loaded");
        }
    }

    pub(super) fn progress(&self, now: Duration) -> Progress {
        let began = self.began.get().copied().unwrap_or(now);
        let total = self.total.load(Ordering::Relaxed);
        let loaded = self.loaded.load(Ordering::Relaxed).min(total);
        let rest = (total - loaded) as f64 / (loaded + 1) as f64;
        let remaining = Duration::try_from_secs_f64(now.saturating_sub(began).as_secs_f64() * rest).unwrap_or_default();
        Progress { began, total, loaded, percent: loaded as f64 / total.max(1) as f64 * 100.0, remaining }
    }
}

impl StoreState {
    pub(super) fn is_loading(&self) -> bool {
        self.observers.get().has(Interests::LOADING)
    }

    /// Lets commands run from now on.
    pub(super) fn end_loading(&self) {
        // Whoever locks a shard after this has seen what was loaded, and the journal.
        self.databases.all_shards().for_each(|shard| drop(self.databases.lock_any(shard)));
        self.observers.set(Interests::LOADING, false);
    }

    /// Whether a command may run while the store is loaded.
    ///
    /// # Errors
    /// `LOADING` if it may not.
    #[cold]
    pub(super) fn check_loading(&self, command: &Command) -> Result<(), CommandError> {
        let row = self.row_of(command).inspect_err(|_| self.drop_transaction_of(command))?;
        if row.flags().has(Flags::LOADING) { Ok(()) } else { Err(CommandError::LOADING) }
    }
}

/// The bytes of all files whose names are such.
pub(super) fn size_of_files(disk: &dyn Disk, is_such: impl Fn(&str) -> bool) -> io::Result<u64> {
    let names = disk.list()?;
    names.iter().filter(|name| is_such(name)).map(|name| disk.open(name)?.size()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_is_that_of_the_bytes() {
        let loading = Loading::default();
        loading.begin(1000, Duration::from_secs(10));
        loading.add(249, || unreachable!("it is little"));
        let Progress { began, total, loaded, percent, remaining } = loading.progress(Duration::from_secs(12));
        assert_eq!((began.as_secs(), total, loaded), (10, 1000, 249));
        assert!((percent - 24.9).abs() < 0.001 && remaining.as_secs() == 6, "{percent} {remaining:?}");
        loading.add(5000, || unreachable!("it is little"));
        assert_eq!(loading.progress(Duration::from_secs(12)).remaining, Duration::ZERO);
    }
}
