//! [`JournalThread`]: syncs the journal in groups, writes what no connection writes, and begins segments.

use std::{
    io, mem,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{policy::Fsync, shared::Shared, writer::WriteError};
use crate::store::{disk::DirectoryLock, latency::event};

const SECOND: Duration = Duration::from_secs(1);

/// How long commits are collected if no answer waits: a write for each would cost more, and so would waking this thread.
const COLLECT: Duration = Duration::from_millis(1);

/// How long a disk stays full before it is asked again.
const RETRY: Duration = Duration::from_millis(100);

/// What the thread works with. It ends when the journal is closed, or the disk has failed.
#[derive(Debug)]
pub(super) struct JournalThread {
    shared: Arc<Shared>,
    last_sync: Instant,
    /// How long the last sync took, and the number of commits that waited for it.
    sync_took: Duration,
    group: u64,
    /// The last commit that is on disk.
    synced: u64,
    is_full: bool,
    /// Released when the thread ends.
    _lock: Arc<dyn DirectoryLock>,
}

impl JournalThread {
    pub(super) fn new(shared: Arc<Shared>, lock: Arc<dyn DirectoryLock>) -> Self {
        let synced = shared.lock_tail().written();
        let (sync_took, group, is_full) = (Duration::ZERO, 0, false);
        Self { shared, last_sync: Instant::now(), sync_took, group, synced, is_full, _lock: lock }
    }

    pub(super) fn start(self) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("kvstore-journal".to_owned()).spawn(move || self.run())
    }

    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut unfinished = Unfinished(Some(&shared));
        let ended = loop {
            match self.turn() {
                Ok(false) => {}
                Ok(true) => break self.close(),
                Err(error) => break Err(error),
            }
        };
        unfinished.0 = None;
        if let Err(error) = ended {
            shared.fail(reason(&error));
        }
        shared.ended();
    }

    /// Waits for commits, and writes them. Returns whether nothing more comes.
    fn turn(&mut self) -> io::Result<bool> {
        let is_closing = self.shared.wait(1, self.deadline());
        self.gather();
        match self.write() {
            Ok(()) => {
                if mem::take(&mut self.is_full) {
                    self.shared.has_room();
                }
            }
            Err(WriteError::Failed(error)) => return Err(error),
            // A store that is closed while its disk is full does not wait for room.
            Err(WriteError::Full(error)) if is_closing => return Err(error),
            Err(WriteError::Full(error)) => {
                self.is_full = true;
                if self.shared.lock_tail().drop_cut() {
                    self.shared.cut_failed(reason(&error));
                }
                self.shared.full(reason(&error));
            }
        }
        if self.is_sync_due() {
            self.sync()?;
        }
        Ok(is_closing)
    }

    /// Waits a little for more commits.
    fn gather(&mut self) {
        match self.shared.policy() {
            Fsync::Always => self.gather_group(),
            Fsync::EverySec | Fsync::No if !self.shared.has_come() => {}
            Fsync::EverySec | Fsync::No => _ = self.shared.wait(usize::MAX, Some(Instant::now() + COLLECT)),
        }
    }

    /// Waits for as many commits as the last sync made durable: their clients have their answers, and send the next commands.
    /// Those that come a little too late would wait for two syncs.
    fn gather_group(&mut self) {
        let ready = {
            let mut tail = self.shared.lock_tail();
            self.shared.take(&mut tail);
            tail.ready()
        };
        let missing = self.group.saturating_sub(ready as u64);
        if missing > 0 && ready > 0 {
            self.shared.wait(missing as usize, Some(Instant::now() + self.sync_took / 4));
        }
    }

    /// Until when to wait for commits.
    fn deadline(&self) -> Option<Instant> {
        let retry = self.is_full.then(|| Instant::now() + RETRY);
        // Also what the start of the next segment has synced is told.
        let waits_for_sync = self.shared.policy() == Fsync::EverySec && self.synced < self.shared.written();
        let sync = waits_for_sync.then(|| self.last_sync + SECOND);
        retry.into_iter().chain(sync).min()
    }

    /// Writes what has come, and begins the segments that are to begin.
    fn write(&mut self) -> Result<(), WriteError> {
        loop {
            let mut tail = self.shared.lock_tail();
            self.shared.take(&mut tail);
            if !tail.write(&self.shared)? {
                return Ok(());
            }
            drop(tail);
            // The segment is synced before it ends. Others may write meanwhile, as long as nobody holds the lock for it.
            self.sync().map_err(WriteError::Failed)?;
            self.shared.lock_tail().begin_segment(&self.shared)?;
        }
    }

    fn is_sync_due(&self) -> bool {
        match self.shared.policy() {
            Fsync::Always => true,
            Fsync::EverySec => self.last_sync.elapsed() >= SECOND,
            // Also what the start of the next segment has synced is told.
            Fsync::No => {
                let shared = &self.shared;
                self.synced < shared.written() && (shared.lock_tail().writer.is_synced() || shared.is_sync_awaited())
            }
        }
    }

    /// Syncs what is written. Others may write meanwhile.
    fn sync(&mut self) -> io::Result<()> {
        self.last_sync = Instant::now();
        let (sync, mut number) = {
            let tail = self.shared.lock_tail();
            (tail.writer.begin_sync(), tail.written())
        };
        if let Some(sync) = sync {
            self.shared.note_sync(true);
            let synced = match self.shared.policy() {
                Fsync::Always => self.shared.measured(event::AOF_FSYNC_ALWAYS, || sync.run()),
                Fsync::EverySec | Fsync::No => sync.run(),
            };
            self.shared.note_sync(false);
            synced?;
            self.sync_took = self.last_sync.elapsed();
            let mut tail = self.shared.lock_tail();
            number = tail.number_of(sync.sequence);
            tail.writer.end_sync(sync);
        }
        if self.sync_took > SECOND {
            self.shared.note_delayed_sync();
        }
        self.group = number - self.synced;
        self.synced = number;
        self.shared.synced(number);
        Ok(())
    }

    fn close(mut self) -> io::Result<()> {
        self.sync()?;
        match self.shared.lock_tail().writer.close() {
            // Everything is on disk: there is no room only for the note that it is.
            Ok(()) | Err(WriteError::Full(_)) => Ok(()),
            Err(WriteError::Failed(error)) => Err(error),
        }
    }
}

/// The text of an error, as the C library has it.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map(|(text, _)| text.to_owned()).unwrap_or(text)
}

/// Notes that the thread has panicked, if it does.
struct Unfinished<'a>(Option<&'a Shared>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(shared) = mem::take(&mut self.0) {
            shared.fail("the thread of the journal has panicked".to_owned());
        }
    }
}
