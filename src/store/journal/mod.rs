//! [`Journal`]: the records of all commits on disk, in the order of their numbers.
//!
//! A commit hands on its record under its locks. A connection appends what has come to the last segment before it writes its answers,
//! so that they survive the end of the process, and a thread syncs it in groups. With `always` that thread also writes.
//!
//! - `journals` the journal that a store has now
//! - `format` the bytes of a segment, `payload` those of a record, `number` those of a number
//! - `segment` reads a segment, `recovery` the whole journal; `writer` appends to it
//! - `shared` the queue, how far it is, and who waits; `incoming` what is in it
//! - `tail` the end of the journal, `order` how it orders commits; `release` lets connections write there, `thread` does the rest
//! - `unsynced` which commit a reader must wait for; `settled` a command that waits for one; `policy` when is synced

mod format;
mod incoming;
mod journals;
mod number;
mod order;
mod payload;
mod policy;
mod recovery;
mod release;
mod segment;
mod settled;
mod shared;
mod tail;
#[cfg(test)]
mod tests;
mod thread;
mod unsynced;
mod writer;

use std::{
    io,
    sync::{Arc, OnceLock},
    task::Waker,
    thread::JoinHandle,
    time::Duration,
};

use kvstore_protocol::Command;
use parking_lot::Mutex;

use super::{
    Change, Record,
    disk::{DirectoryLock, Disk},
    latency::Latency,
    observers::Observers,
};
use incoming::{Commit, Content};
use shared::Shared;
use tail::Tail;
use thread::JournalThread;
use unsynced::Unsynced;
use writer::{WriteError, Writer};

pub(super) use journals::Journals;
pub(super) use payload::size_in_journal;
pub use policy::Fsync;
pub use recovery::OpenError;
pub(super) use recovery::{Recovered, damaged, io_error, recover};
pub(super) use segment::{name_of as segment_name, number_of as segment_number, sequences_of};
pub(super) use settled::{Settled, block_on};
pub(super) use shared::{Admission, Ticket};

/// The largest record that is encoded under its locks: to clone its commands, and to free the clones elsewhere, takes longer.
const SMALL: usize = 4096;

/// The settings of a journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) policy: Fsync,
    /// The size from which on a segment is followed by the next one, in bytes.
    pub(super) max_segment: u64,
    /// The most memory of commits that are not written, in bytes.
    pub(super) max_pending: usize,
}

impl Settings {
    pub(super) const fn new(policy: Fsync) -> Self {
        Self { policy, max_segment: 64 << 20, max_pending: 64 << 20 }
    }
}

/// The next segment of a journal that is to begin.
#[derive(Debug)]
pub(super) struct Prepared {
    writer: Writer,
    settings: Settings,
}

impl Prepared {
    /// Creates the segment that follows what was recovered.
    ///
    /// # Errors
    /// If the disk fails, or is full.
    pub(super) fn after(disk: &Arc<dyn Disk>, recovered: Recovered, settings: Settings) -> Result<Self, OpenError> {
        let writer = Writer::start(Arc::clone(disk), recovered, settings.max_segment).map_err(|error| match error {
            WriteError::Full(error) | WriteError::Failed(error) => io_error(&**disk, "", error),
        })?;
        Ok(Self { writer, settings })
    }

    /// Creates the segment with this number, which continues no other.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn create(disk: &Arc<dyn Disk>, number: u64, settings: Settings) -> Result<Self, OpenError> {
        Self::after(disk, Recovered { number: number - 1, ..Recovered::default() }, settings)
    }
}

/// The journal of a store. When it is dropped, it is written to its end first.
#[derive(Debug)]
pub(super) struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Not there as long as answers did never wait.
    unsynced: OnceLock<Unsynced>,
}

impl Journal {
    /// A journal that cannot begin for want of room: it takes no commits.
    pub(super) fn full(disk: &dyn Disk, settings: Settings, observers: Arc<Observers>, error: &io::Error) -> Self {
        let shared = Arc::new(Shared::new(observers, &settings, directory(disk), None));
        shared.full(thread::reason(error));
        Self { shared, thread: Mutex::default(), unsynced: OnceLock::new() }
    }

    /// Begins a journal behind this commit.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn begin(
        Prepared { writer, settings }: Prepared,
        after: u64,
        observers: Arc<Observers>,
        lock: Arc<dyn DirectoryLock>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(observers, &settings, writer.directory(), Some(Tail::new(writer, after))));
        let thread = JournalThread::new(Arc::clone(&shared), lock).start()?;
        let journal = Self { shared, thread: Mutex::new(Some(thread)), unsynced: OnceLock::new() };
        journal.set_policy(settings.policy);
        Ok(journal)
    }

    /// Notes what takes long from now on.
    pub(super) fn measure(&self, latency: Arc<Latency>) {
        let _ = self.shared.latency.set(latency);
    }

    /// Adds a commit. The locks of its keys are held, so this waits for nothing.
    pub(super) fn committed(&self, number: u64, record: &Record, changes: &[Change]) {
        if self.settles()
            && let Some(unsynced) = self.unsynced.get()
        {
            unsynced.note(number, changes);
        }
        let size = payload::size_of(record);
        let content = if size <= SMALL { encoded(record, size) } else { Content::Record(record.clone()) };
        let is_held = self.hold_answers(number);
        self.shared.add(Commit { number, content, size }, is_held);
    }

    /// The same for a commit of one command, whose keys are noted by [`note_unsynced`](Self::note_unsynced).
    pub(super) fn committed_alone(&self, number: u64, time: Duration, database: usize, command: &Command) {
        let (size, is_held) = (payload::size_alone(command), self.hold_answers(number));
        if size > SMALL {
            let record = Record::new(time, vec![(database, command.clone())]);
            return self.shared.add(Commit { number, content: Content::Record(record), size }, is_held);
        }
        self.shared.add_encoded(number, is_held, |buffer| {
            buffer.reserve(size);
            payload::encode_alone(time, database, command, buffer);
        });
    }

    /// Notes the keys that a commit has changed, by database and name.
    pub(super) fn note_unsynced<'a>(&self, number: u64, keys: impl Iterator<Item = (usize, &'a [u8])>) {
        if let Some(unsynced) = self.unsynced.get() {
            keys.for_each(|(database, name)| unsynced.note_key(number, database, name));
        }
    }

    pub(super) fn policy(&self) -> Fsync {
        self.shared.policy()
    }

    /// Changes when the journal is synced. If answers wait from now on, [`settle_before`](Self::settle_before) is called next.
    pub(super) fn set_policy(&self, policy: Fsync) {
        if policy == Fsync::Always {
            self.unsynced.get_or_init(Unsynced::new);
        }
        self.shared.set_policy(policy);
    }

    /// Lets whoever reads wait for this commit, since its changes were not noted.
    pub(super) fn settle_before(&self, number: u64) {
        if let Some(unsynced) = self.unsynced.get() {
            unsynced.note_all(number);
        }
    }

    /// The number of the last commit that is on disk.
    pub(super) fn last_synced(&self) -> u64 {
        self.shared.last_synced()
    }

    /// Whether the disk is full.
    pub(super) fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// Whether the disk has failed. No commit is written any more.
    pub(super) fn has_failed(&self) -> bool {
        self.shared.has_failed()
    }

    /// Whether the disk is syncing.
    pub(super) fn is_syncing(&self) -> bool {
        self.shared.is_syncing()
    }

    /// How many syncs took over a second.
    pub(super) fn delayed_syncs(&self) -> u64 {
        self.shared.delayed_syncs()
    }

    /// Whether commits are written.
    pub(super) fn is_healthy(&self) -> bool {
        !self.shared.is_halted()
    }

    /// The memory of the commits that are not written, in bytes.
    pub(super) fn pending(&self) -> usize {
        self.shared.pending()
    }

    /// Whether answers wait until what they saw is on disk.
    pub(super) fn settles(&self) -> bool {
        self.policy() == Fsync::Always
    }

    /// The last commit that may have changed a key, if answers wait.
    pub(super) fn last_of(&self, database: usize, key: &[u8]) -> u64 {
        self.unsynced.get().map_or(0, |unsynced| unsynced.last(database, key))
    }

    /// Whether a commit is on disk.
    pub(super) fn is_synced(&self, number: u64) -> bool {
        self.shared.is_synced(number)
    }

    /// Wakes when a commit is on disk, or the journal has failed or ended. It is not synced for this.
    pub(super) fn wake_when_synced(&self, number: u64, waker: Waker) {
        self.shared.wake_when_synced(number, waker);
    }

    /// Whether a command may write now.
    pub(super) fn admission(&self) -> Admission {
        self.shared.admission()
    }

    /// Leaves a waker until commands may write, in the place of the one before. Returns `None` if they may, or are refused.
    pub(super) fn wait_for_room(&self, ticket: Option<Ticket>, waker: &Waker) -> Option<Ticket> {
        self.shared.wait_for_room(ticket, waker)
    }

    /// Lets a new segment begin behind this commit. All locks are held, and no commit is after it.
    pub(super) fn cut(&self, number: u64) {
        self.shared.want_cut(number);
    }

    /// Waits for the segment that begins at the cut, and returns its number. Blocks the thread.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn wait_for_cut(&self) -> Result<u64, Arc<str>> {
        self.shared.wait_for_cut().map_err(|lost| lost.0)
    }

    /// The bytes of the journal since the last cut.
    pub(super) fn size(&self) -> u64 {
        self.shared.size()
    }

    /// Refuses what writes from now on.
    pub(super) fn stop_writes(&self) {
        self.shared.stop_writes();
    }

    /// Waits until everything is on disk, and ends the thread. Nothing is committed any more.
    ///
    /// # Errors
    /// Why it is not on disk.
    pub(super) fn finish(&self) -> Result<(), Arc<str>> {
        self.shared.finish();
        if let Some(thread) = self.thread.lock().take() {
            // A panic there is told to all who wait.
            let _ = thread.join();
        }
        self.shared.outcome()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// The path of the directory.
fn directory(disk: &dyn Disk) -> String {
    disk.path_of("").trim_end_matches('/').to_owned()
}

fn encoded(record: &Record, size: usize) -> Content {
    let mut bytes = Vec::with_capacity(size);
    payload::encode(record, &mut bytes);
    Content::Encoded(bytes)
}
