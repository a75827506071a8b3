//! [`Export`].

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Tally;
use crate::store::{
    Store,
    rdb::{AnyRef, AnyType, FileEncoder, RdbFormat},
    value::DataType,
};

/// How many keys are written before the progress is told.
const STEP: u64 = 1000;

/// Writes all keys and libraries of functions of a store to an RDB file.
///
/// Redis 7.0 and Valkey 7.2 and their later versions load it. If fields of hashes expire, the servers of its [format](Self::format) do.
///
/// ```no_run
/// use kvstore::store::{Export, RdbFormat, Store};
///
/// let store = Store::new();
/// let tally = Export::new("dump.rdb").format(RdbFormat::Valkey).run(&store, |_| {})?;
/// println!("{} keys", tally.keys().map(|(_, count)| count).sum::<u64>());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Export {
    path: PathBuf,
    format: RdbFormat,
}

impl Export {
    /// An export to a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), format: RdbFormat::default() }
    }

    /// Sets in whose format hashes are written whose fields expire. By default, it is that of Redis.
    #[must_use]
    pub fn format(self, format: RdbFormat) -> Self {
        Self { format, ..self }
    }

    /// Writes everything, and calls `progress` now and then. Blocks the thread.
    ///
    /// The file has its name when it is complete and on disk: a file that was there is replaced then. Each shard is written at
    /// another time, so nothing should write meanwhile.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn run(self, store: &Store, progress: impl FnMut(&Tally)) -> io::Result<Tally> {
        let temporary = temporary_name(&self.path)?;
        let exported = store.export_to(&temporary, self.format, progress).and_then(|tally| {
            fs::rename(&temporary, &self.path)?;
            sync_directory_of(&self.path)?;
            Ok(tally)
        });
        if exported.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        exported
    }
}

impl Store {
    fn export_to(&self, path: &Path, format: RdbFormat, mut progress: impl FnMut(&Tally)) -> io::Result<Tally> {
        let databases = &self.handle.databases;
        let total = databases.all_shards().map(|index| databases.lock_any(index).len() as u64).sum();
        let mut tally = Tally { total, ..Tally::default() };
        let created = self.handle.clock.now().as_secs().to_string();
        let has_expiring_fields =
            databases.all_shards().any(|index| databases.lock_any(index).hashes_with_expiries() > 0);
        let facts = [("redis-bits", "64"), ("ctime", &*created)];
        let output = BufWriter::with_capacity(1 << 18, File::create(path)?);
        let mut encoder = FileEncoder::start(output, format, has_expiring_fields, &facts)?;
        let libraries = Arc::clone(&self.handle.scripts.libraries.lock());
        for library in libraries.all() {
            encoder.library(&library.source)?;
            tally.libraries += 1;
        }
        for database in 0..databases.len() {
            let (mut keys, mut expiring) = (0, 0);
            for index in databases.shards_of(database) {
                let shard = databases.lock_any(index);
                (keys, expiring) = (keys + shard.len(), expiring + shard.expiries().0);
            }
            if keys == 0 {
                continue;
            }
            encoder.select(database, keys, expiring)?;
            for index in databases.shards_of(database) {
                self.export_shard(index, &mut encoder, &mut tally, &mut progress)?;
            }
        }
        let file = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        progress(&tally);
        Ok(tally)
    }

    fn export_shard(
        &self,
        index: usize,
        encoder: &mut FileEncoder<BufWriter<File>>,
        tally: &mut Tally,
        progress: &mut impl FnMut(&Tally),
    ) -> io::Result<()> {
        let shard = self.handle.databases.lock_any(index);
        for entry in (0..shard.len()).filter_map(|number| shard.nth(number)) {
            let value = AnyType::read(entry).map_err(|error| io::Error::other(error.to_string()))?;
            encoder.key(entry.key(), value, entry.expires_at())?;
            tally.count_key(type_name(value));
            tally.done += 1;
            if tally.done.is_multiple_of(STEP) {
                progress(tally);
            }
        }
        Ok(())
    }
}

fn type_name(value: AnyRef<'_>) -> &'static str {
    match value {
        AnyRef::String(_) => "string",
        AnyRef::List(_) => "list",
        AnyRef::Hash(_) => "hash",
        AnyRef::Set(_) => "set",
        AnyRef::SortedSet(_) => "sorted set",
        AnyRef::Stream(_) => "stream",
    }
}

fn temporary_name(path: &Path) -> io::Result<std::path::PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file"))?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(temporary))
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
