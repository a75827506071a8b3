//! [`Import`].

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{
    Streamed, Tally, files,
    input::{Found, Input, InputError},
};
use crate::store::{Store, rdb::Decoded};

/// How many things are loaded before the progress is told.
const STEP: u64 = 1000;

/// Loads files of Redis or Valkey into a store: an RDB file, an append-only file, or a directory of append-only files with its
/// manifest.
///
/// RDB files of the versions 6 to 12 and of Valkey 9 are read. Keys of a type that the store does not have are skipped and counted,
/// as are commands of that kind. A library of functions that cannot be loaded ends the import. Servers write libraries in front of the
/// keys, so nothing was loaded then.
///
/// ```no_run
/// use kvstore::store::{Import, Store};
///
/// let store = Store::new();
/// let tally = Import::new("dump.rdb").run(&store, |_| {})?;
/// for (name, count) in tally.keys() {
///     println!("{count} keys of the type {name}");
/// }
/// # Ok::<(), kvstore::store::ImportError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Import {
    path: PathBuf,
    replace: bool,
}

/// An import has stopped. What was loaded before stays.
#[derive(Debug)]
pub struct ImportError {
    failure: Failure,
    /// What was loaded before.
    tally: Box<Tally>,
}

impl ImportError {
    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.failure.path
    }

    /// Returns where the file is not valid, in bytes.
    pub fn offset(&self) -> u64 {
        self.failure.offset
    }

    /// Returns what was loaded before, which stays.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure: Failure { path, offset, reason }, tally } = self;
        let keys = tally.keys.values().sum::<u64>();
        write!(f, "{}: at byte {offset}: {reason}", path.display())?;
        match (tally.libraries, keys, tally.commands) {
            (0, 0, 0) => write!(f, "; nothing was loaded"),
            (0, keys, commands) => write!(f, "; {keys} keys and {commands} commands were loaded before"),
            (_, keys, commands) => {
                write!(f, "; libraries of functions, {keys} keys and {commands} commands were loaded before")
            }
        }
    }
}

impl std::error::Error for ImportError {}

impl Import {
    /// An import of a file or a directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), replace: false }
    }

    /// Allows keys in the store: those with the name of one that is loaded are replaced, and libraries of functions too. By default,
    /// a store with keys is refused, and a library with the name of one that is there.
    #[must_use]
    pub fn replace(self, replace: bool) -> Self {
        Self { replace, ..self }
    }

    /// Loads everything, and calls `progress` now and then. Blocks the thread.
    ///
    /// What is loaded goes into the journal of a durable store, and is on disk when that is [closed](Store::close).
    ///
    /// # Errors
    /// If a file cannot be read or is not valid, or the store has keys and they are not to be replaced, or its journal takes no
    /// changes.
    pub fn run(self, store: &Store, progress: impl FnMut(&Tally)) -> Result<Tally, ImportError> {
        let mut running = Running { store, replace: self.replace, tally: Tally::default(), progress };
        match running.load(&self.path) {
            Ok(()) => Ok(running.tally),
            Err(failure) => Err(ImportError { failure, tally: Box::new(running.tally) }),
        }
    }
}

struct Running<'a, P> {
    store: &'a Store,
    replace: bool,
    tally: Tally,
    progress: P,
}

#[derive(Debug)]
struct Failure {
    path: PathBuf,
    offset: u64,
    reason: String,
}

impl Failure {
    fn new(path: &Path, offset: u64, reason: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), offset, reason: reason.to_string() }
    }
}

impl<P: FnMut(&Tally)> Running<'_, P> {
    fn load(&mut self, path: &Path) -> Result<(), Failure> {
        if !self.replace && self.has_keys() {
            return Err(Failure::new(path, 0, "the store has keys already, which are not to be replaced"));
        }
        let whole = |error: io::Error| Failure::new(path, 0, error);
        let files = files::find(path).map_err(whole)?;
        for file in &files {
            self.tally.total += file.metadata().map_err(|error| Failure::new(file, 0, error))?.len();
        }
        for (number, file) in (1..).zip(&files) {
            self.load_file(file, number == files.len())?;
        }
        (self.progress)(&self.tally);
        Ok(())
    }

    fn has_keys(&self) -> bool {
        let databases = &self.store.handle.databases;
        databases.all_shards().any(|index| databases.lock_any(index).len() > 0)
    }

    fn load_file(&mut self, path: &Path, is_last: bool) -> Result<(), Failure> {
        let mut input = Input::open(path).map_err(|error| Failure::new(path, 0, error))?;
        let (before, mut loaded) = (self.tally.done, 0);
        loop {
            let start = input.offset();
            let found = input.next().map_err(|error| match error {
                InputError::Io(error) => Failure::new(path, input.offset(), error),
                InputError::Invalid(error) => Failure::new(path, input.offset(), error),
            })?;
            self.tally.done = before + input.offset();
            match found {
                Found::End(0) => return Ok(()),
                Found::End(incomplete) if is_last => {
                    self.tally.incomplete = incomplete;
                    self.tally.done = self.tally.total;
                    return Ok(());
                }
                Found::End(_) => return Err(Failure::new(path, start, "the file has an incomplete end")),
                found => self.apply(found).map_err(|error| Failure::new(path, start, error.text()))?,
            }
            loaded += 1;
            if loaded % STEP == 0 {
                (self.progress)(&self.tally);
            }
        }
    }

    fn apply(&mut self, found: Found) -> Result<(), kvstore_protocol::CommandError> {
        let store = &self.store.handle;
        match found {
            Found::Rdb(Decoded::Key(key)) => store.apply_key(key, self.replace, &mut self.tally),
            Found::Rdb(Decoded::Foreign(kind)) => {
                self.tally.skip(kind);
                Ok(())
            }
            Found::Rdb(Decoded::Library(source)) => store.apply_library(source, self.replace, &mut self.tally),
            Found::Commands(Streamed::Commands(commands)) => store.apply_commands(&commands, &mut self.tally),
            Found::Rdb(Decoded::End) | Found::Commands(Streamed::Control(_)) | Found::End(_) => Ok(()),
        }
    }
}
