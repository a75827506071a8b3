//! The sub-commands that move data in and out, and the option `--import`. Those that check files are in `check`.

use std::{
    error::Error,
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Subcommand;
use kvstore::store::{Export, Fsync, Import, RdbFormat, Store, Tally};

use crate::{allocator, check};

/// How often the progress is shown on a terminal, and elsewhere.
const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(5);

/// The width of the bar.
const WIDTH: usize = 30;

/// What the program does instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Transfer {
    /// Load an RDB file, an append-only file or a directory of these of Redis or Valkey into the directory of the journal
    ///
    /// The server must not run meanwhile; `kvstore --import FILE` imports at its start.
    Import {
        /// The RDB file (versions 6 to 12, and 80), append-only file, or directory such as appendonlydir
        file: PathBuf,
        /// Replace keys that exist; without this, a directory that has keys is refused
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Write all keys to an RDB file that Redis 7.0 and Valkey 7.2 and their later versions load
    ///
    /// If fields of hashes expire, the file is of the format: Redis 7.4 and later versions load that of Redis, Valkey 9.0 and later
    /// versions that of Valkey. The server must not run meanwhile.
    Export {
        /// The RDB file to write
        file: PathBuf,
        /// Whose format it has if fields of hashes expire
        #[arg(long, value_name = "redis|valkey", value_parser = format, default_value_t)]
        format: RdbFormat,
        #[command(flatten)]
        place: Place,
    },
    /// Verify the files of a directory of the journal, and explain what is wrong; nothing is changed
    ///
    /// The exit code is 0 if a start would succeed. The server must not run meanwhile.
    Check(check::Files),
    /// Leave out what is damaged of a store, and keep the rest; says what is lost, and asks
    ///
    /// The server must not run meanwhile.
    Repair {
        #[command(flatten)]
        files: check::Files,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Where the data is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Place {
    /// The directory of the journal
    #[arg(long, env = "KVSTORE_DIR", value_name = "DIRECTORY", default_value = "kvstore-data")]
    dir: PathBuf,
    /// The number of databases
    #[arg(long, env = "KVSTORE_DATABASES", value_name = "NUMBER", default_value_t = 16)]
    databases: usize,
}

impl Place {
    fn open(&self) -> Result<Store, Box<dyn Error>> {
        let builder = Store::builder().databases(self.databases).allocated_size(allocator::allocated_size);
        Ok(builder.durable(&self.dir, Fsync::No).open()?)
    }
}

impl Transfer {
    /// Does it.
    ///
    /// # Errors
    /// With a message for the operator.
    pub(crate) fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Import { file, replace, place } => {
                let store = place.open()?;
                let imported = import(&store, file, *replace);
                // Also what was loaded before an error is on disk then.
                close(&store)?;
                imported
            }
            Self::Export { file, format, place } => {
                // Otherwise it would be created, and exported without keys.
                fs::read_dir(&place.dir).map_err(|error| format!("{}: {error}", place.dir.display()))?;
                export(&place.open()?, file, *format)
            }
            Self::Check(files) => files.check(),
            Self::Repair { files, yes } => files.repair(*yes),
        }
    }
}

fn format(name: &str) -> Result<RdbFormat, &'static str> {
    RdbFormat::named(name).ok_or("it is one of redis, valkey")
}

fn close(store: &Store) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(store.close())?)
}

/// Imports a file into a store, and shows the progress and what came of it.
///
/// # Errors
/// With a message for the operator.
pub(crate) fn import(store: &Store, file: &Path, replace: bool) -> Result<(), Box<dyn Error>> {
    let mut progress = Progress::new("bytes");
    let tally = Import::new(file).replace(replace).run(store, |tally| progress.show(tally))?;
    progress.finish(&tally);
    drop(progress);
    report(&format!("imported {}", file.display()), &tally);
    Ok(())
}

fn export(store: &Store, file: &Path, format: RdbFormat) -> Result<(), Box<dyn Error>> {
    let mut progress = Progress::new("keys");
    let exported = Export::new(file).format(format).run(store, |tally| progress.show(tally));
    let tally = exported.map_err(|error| format!("{}: {error}", file.display()))?;
    progress.finish(&tally);
    drop(progress);
    report(&format!("exported to {}", file.display()), &tally);
    Ok(())
}

/// A line on the terminal that shows how far it is, or lines now and then.
struct Progress {
    unit: &'static str,
    is_terminal: bool,
    shown: Instant,
    /// Whether the cursor is behind a line.
    is_drawn: bool,
}

impl Progress {
    fn new(unit: &'static str) -> Self {
        Self { unit, is_terminal: io::stderr().is_terminal(), shown: Instant::now(), is_drawn: false }
    }

    fn show(&mut self, tally: &Tally) {
        if self.shown.elapsed() >= if self.is_terminal { ON_TERMINAL } else { ELSEWHERE } {
            self.shown = Instant::now();
            self.draw(tally);
        }
    }

    fn finish(&mut self, tally: &Tally) {
        if self.is_terminal {
            self.draw(tally);
        }
    }

    fn draw(&mut self, tally: &Tally) {
        let line = line(tally, self.unit);
        self.is_drawn = self.is_terminal;
        // Written over the line before.
        let _ = if self.is_terminal { write!(io::stderr(), "\r{line}") } else { writeln!(io::stderr(), "{line}") };
    }
}

/// What follows, be it an error, begins on a line of its own.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_drawn {
            say("");
        }
    }
}

fn line(tally: &Tally, unit: &str) -> String {
    let (done, total) = tally.progress();
    let share = if total == 0 { 1.0 } else { done as f64 / total as f64 };
    let filled = (share * WIDTH as f64) as usize;
    let bar = format!("{}{}", "#".repeat(filled), "-".repeat(WIDTH - filled));
    format!("[{bar}] {:3.0} %  {done} of {total} {unit}", share * 100.0)
}

fn report(what: &str, tally: &Tally) {
    let keys: u64 = tally.keys().map(|(_, count)| count).sum();
    let commands = match tally.commands() {
        0 => String::new(),
        commands => format!(", and {commands} commands of append-only files"),
    };
    let libraries = match tally.libraries() {
        0 => String::new(),
        1 => ", 1 library of functions".to_owned(),
        libraries => format!(", {libraries} libraries of functions"),
    };
    say(&format!("{what}: {keys} keys{libraries}{commands}"));
    tally.keys().for_each(|(name, count)| say(&format!("  {count:>12}  {name}")));
    for (kind, count) in tally.skipped() {
        say(&format!("  {count:>12}  SKIPPED, not supported: {kind}"));
    }
    for (error, count) in tally.failed() {
        say(&format!("  {count:>12}  FAILED: {error}"));
    }
    if tally.incomplete() > 0 {
        say(&format!("  the last {} bytes are no whole command, and were left out", tally.incomplete()));
    }
}

pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_long_as_the_work_is_done() {
        let full = line(&Tally::default(), "keys");
        assert_eq!(full, format!("[{}] 100 %  0 of 0 keys", "#".repeat(WIDTH)));
    }
}
