//! [`DurableBuilder`]: a store whose changes are on disk. [`Store::close`].

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    Builder, Fsync, OpenError, Record, Store,
    disk::{DirectoryLock, Disk, RealDisk},
    journal::{Journal, Settings, io_error, recover, segment_number, size_in_journal},
    loading::{Loader, size_of_files},
    snapshot::{Compression, Manifest, Place, SavePoints},
    state::StoreState,
};

/// Why a record cannot be replayed that is right, but of a store with other settings.
pub(super) const FEW_DATABASES: &str =
    "the record is of a database that the store does not have: it needs more databases";

/// The settings of a store that is on disk: see [`Builder::durable`].
#[derive(Debug)]
#[must_use = "nothing is read before the store is opened"]
pub struct DurableBuilder {
    builder: Builder,
    directory: PathBuf,
    /// Those of the journal, if there is one.
    settings: Option<Settings>,
    points: SavePoints,
    compression: Compression,
    on_damage: fn(),
}

/// A store was closed, and not everything is on disk.
#[derive(Clone, Debug)]
pub struct CloseError(Arc<str>);

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not everything is on disk: {}", self.0)
    }
}

impl std::error::Error for CloseError {}

impl Builder {
    /// Keeps the changes of the store in a directory, which is created if it is missing. [Opening](DurableBuilder::open) the store
    /// reads what is there.
    ///
    /// Every change goes to a journal, which is synced as `fsync` says; `None` is no journal, and what is kept is the last
    /// [snapshot](DurableBuilder::save_point). When the files have grown to the double, and over 64 MiB, a snapshot replaces the
    /// journal; [`Store::run`] looks for it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use kvstore::{protocol::{Command, Response}, store::{Fsync, Store}};
    ///
    /// # let directory = std::env::temp_dir().join(format!("kvstore-durable-{}", std::process::id()));
    /// let open = || Store::builder().durable(&directory, Fsync::Always).open();
    /// let store = open()?;
    /// store.execute(&Command::new("SET").with_args(["key", "value"]));
    /// drop(store);
    /// assert_eq!(open()?.execute(&Command::new("GET").arg("key")), Response::from("value"));
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok(()) }
    /// ```
    pub fn durable(self, directory: impl Into<PathBuf>, fsync: impl Into<Option<Fsync>>) -> DurableBuilder {
        DurableBuilder {
            builder: self,
            directory: directory.into(),
            settings: fsync.into().map(Settings::new),
            points: SavePoints::default(),
            compression: Compression::default(),
            on_damage: || {},
        }
    }
}

impl DurableBuilder {
    /// Adds a `save` point: a snapshot is taken when there were so many changes since the last one, and so much time has passed. There
    /// are none by default. [`Store::run`] looks for it.
    ///
    /// With a `save` point a snapshot is also taken when the store is [closed](Store::close).
    pub fn save_point(mut self, interval: Duration, changes: u64) -> Self {
        self.points.add(interval, changes);
        self
    }

    /// Sets how snapshots are compressed: with LZ4 by default.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets the most memory of changes that are not written yet, in bytes: 64 MiB by default. Commands that write wait while
    /// there is more.
    pub fn max_pending(mut self, bytes: usize) -> Self {
        self.settings.iter_mut().for_each(|settings| settings.max_pending = bytes);
        self
    }

    /// Sets the size from which on a file of the journal is followed by the next, in bytes: 64 MiB by default.
    pub fn max_file_size(mut self, bytes: u64) -> Self {
        self.settings.iter_mut().for_each(|settings| settings.max_segment = bytes);
        self
    }

    /// Opens the store: reads what the directory has, and locks it until the store is closed. Blocks the thread meanwhile.
    ///
    /// An incomplete end of the journal is left out, and logged as a warning.
    ///
    /// # Errors
    /// If another process uses the directory, a file is damaged, or the disk fails. No file was changed then.
    pub fn open(self) -> Result<Store, OpenError> {
        self.start()?.load()
    }

    /// Prepares to open the store, and locks its directory. It can be served meanwhile: it answers LOADING until it is [loaded](Loader::load).
    ///
    /// # Errors
    /// If the directory cannot be created, or another process uses it.
    pub fn start(self) -> Result<Loader, OpenError> {
        let path = self.directory.display().to_string();
        let disk = RealDisk::open(self.directory).map_err(|error| OpenError::Io { path, error })?;
        let store = self.builder.build();
        store.handle.on_damage.set(self.on_damage).unwrap_or_else(|_| unreachable!("the store is new"));
        store.handle.snapshots.set_points(self.points);
        store.handle.snapshots.set_compression(self.compression);
        Loader::new(store, Arc::new(disk), self.settings)
    }

    /// Sets what happens after a panic under the lock of data: a command has failed while it changed something, and its data is
    /// refused from then on. By default nothing more happens. A program stops here, since a start reads the data as it was before.
    ///
    /// The function is called once, by [`Store::run`], when everything that was committed before is on disk.
    pub fn on_damage(mut self, on_damage: fn()) -> Self {
        self.on_damage = on_damage;
        self
    }
}

#[cfg(test)]
impl Builder {
    /// Opens a store whose files are on this disk, with a journal or without.
    pub(super) fn open_on(self, disk: Arc<dyn Disk>, settings: Option<Settings>) -> Result<Store, OpenError> {
        Loader::new(self.build(), disk, settings)?.load()
    }
}

impl StoreState {
    /// Reads what is on the disk, and goes on there.
    pub(super) fn load(
        &self,
        disk: Arc<dyn Disk>,
        settings: Option<Settings>,
        lock: Arc<dyn DirectoryLock>,
    ) -> Result<(), OpenError> {
        let manifest = Manifest::open(&*disk)?;
        let segments = size_of_files(&*disk, |name| segment_number(name).is_some());
        let total = manifest.snapshot_size() + segments.map_err(|error| io_error(&*disk, "", error))?;
        self.loading.begin(total, self.clock.now());
        let loaded = manifest.load(&*disk, self)?;
        self.loading.add(manifest.snapshot_size(), || self.clock.now());
        let recovered = recover(&*disk, manifest.first_segment, |record| self.apply_recovered(record))?;
        manifest.check_segments(&*disk, &recovered)?;
        recovered.warn(&*disk);
        if settings.is_some() && manifest.was_without_journal() {
            tracing::warn!(
                "the store had no journal: its data is that of the last snapshot, or of the end of the journal"
            );
        }
        let size = recovered.size();
        // A process that was killed may have left a manifest whose name is not durable.
        disk.sync_directory()
            .and_then(|()| manifest.remove_others(&*disk))
            .map_err(|error| io_error(&*disk, "", error))?;
        let size = size + manifest.snapshot_size();
        let place = Place {
            disk,
            lock: Mutex::new(Some(lock)),
            last_number: AtomicU64::new(manifest.snapshot_number()),
            manifest: Mutex::new(manifest),
            recovered: Mutex::new(settings.is_some().then_some(recovered)),
        };
        self.snapshots.attach(place, loaded, self.changes(), size);
        if let Some(settings) = settings {
            self.journals.set_settings(settings);
            self.start_journal(settings)?;
        }
        self.end_loading();
        Ok(())
    }

    /// Goes on with the journal that was recovered. If there is no room, reads are answered, and it is tried again later.
    fn start_journal(&self, settings: Settings) -> Result<(), OpenError> {
        let Err(error) = self.resume_journal() else { return Ok(()) };
        let (Some(full), Some(place)) = (error.full(), self.snapshots.place.get()) else { return Err(error) };
        self.attach(Journal::full(&*place.disk, settings, Arc::clone(&self.observers), full));
        Ok(())
    }

    pub(super) fn apply_recovered(&self, record: &Record) -> Result<(), &'static str> {
        self.check_databases(record)?;
        self.apply(record).map_err(|_| "a command of the record fails")?;
        self.loading.add(size_in_journal(record), || self.clock.now());
        Ok(())
    }

    /// Whether the store has the databases of a record.
    pub(super) fn check_databases(&self, record: &Record) -> Result<(), &'static str> {
        let exists = |(database, _): &_| *database < self.databases.len();
        if record.commands().iter().all(exists) { Ok(()) } else { Err(FEW_DATABASES) }
    }
}

impl Store {
    /// Closes the store: commands that write are refused, and the future is ready when all changes are on disk. Reads go on. A
    /// store in memory alone has nothing to do.
    ///
    /// A store whose last clone is dropped does the same, but blocks the thread for it, and tells no error.
    ///
    /// # Errors
    /// If the disk has failed or is full.
    ///
    /// # Cancel safety
    /// If the future is dropped, the store is closed all the same.
    pub async fn close(&self) -> Result<(), CloseError> {
        self.close_elsewhere(StoreState::close).await
    }

    /// Closes the store as [`close`](Self::close) does, which waits for a script that has written. One that still runs after `grace` is
    /// stopped: nothing of it is in the journal, nobody sees the shards that it has held any more, and no snapshot is saved.
    ///
    /// # Errors
    /// If the disk has failed or is full.
    ///
    /// # Cancel safety
    /// If the future is dropped, the store is closed all the same.
    pub async fn close_within(&self, grace: Duration) -> Result<(), CloseError> {
        self.close_elsewhere(move |store| {
            store.scripts.running.end_for_close();
            if !store.scripts.running.wait(grace) {
                tracing::warn!(
                    "a script that has written does not end: it is stopped, and what it has written is lost"
                );
                store.snapshots.set_save_at_end(Some(false));
                store.scripts.running.abandon();
            }
            store.close()
        })
        .await
    }

    async fn close_elsewhere(
        &self,
        close: impl FnOnce(&StoreState) -> Result<(), CloseError> + Send + 'static,
    ) -> Result<(), CloseError> {
        let store = Arc::clone(&self.handle.0);
        let closed = self.handle.run_elsewhere(move || close(&store)).await;
        closed.unwrap_or_else(|_| Err(CloseError("the thread that closes the store has panicked".into())))
    }
}

impl StoreState {
    pub(super) fn close(&self) -> Result<(), CloseError> {
        self.scripts.running.end_for_close();
        self.stop_writes();
        let saved = self.save_at_end(None).map_err(CloseError);
        self.snapshots.close();
        // A snapshot may have begun another journal.
        self.stop_writes();
        let finished = self.journal().map_or(Ok(()), |journal| journal.finish().map_err(CloseError));
        saved.and(finished)
    }

    fn stop_writes(&self) {
        if let Some(journal) = self.journal() {
            journal.stop_writes();
            // Whoever was admitted before has committed when its locks are free.
            self.databases.all_shards().for_each(|shard| drop(self.databases.lock_any(shard)));
        }
    }
}
