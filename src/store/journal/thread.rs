//! [`JournalThread`]: orders the commits, writes them, and syncs them in groups.

use std::{
    io, mem,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    order::Ordered,
    policy::Fsync,
    shared::{Shared, Taken},
    writer::{WriteError, Writer},
};
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
    writer: Writer,
    /// The sequence of the last record that was there before the first commit, and the number of the commit before that.
    base: u64,
    after: u64,
    ordered: Ordered,
    last_sync: Instant,
    /// How long the last sync took, and the number of commits that waited for it.
    sync_took: Duration,
    group: u64,
    /// The last commit that is on disk.
    synced: u64,
    is_full: bool,
    /// The commit behind which a new segment is to begin.
    cut: Option<u64>,
    /// Released when the thread ends.
    _lock: Arc<dyn DirectoryLock>,
}

impl JournalThread {
    pub(super) fn new(shared: Arc<Shared>, writer: Writer, after: u64, lock: Arc<dyn DirectoryLock>) -> Self {
        let base = writer.sequence();
        let (ordered, last_sync) = (Ordered::after(after), Instant::now());
        let (sync_took, group) = (Duration::ZERO, 0);
        let (synced, is_full, cut) = (after, false, None);
        Self { shared, writer, base, after, ordered, last_sync, sync_took, group, synced, is_full, cut, _lock: lock }
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
        let is_closing = self.take(1, self.deadline());
        self.gather();
        match self.write() {
            Ok(()) => {
                if mem::take(&mut self.is_full) {
                    // There may be no commit: a cut has found that the disk is full.
                    self.shared.wrote(0);
                }
            }
            Err(WriteError::Failed(error)) => return Err(error),
            // A store that is closed while its disk is full does not wait for room.
            Err(WriteError::Full(error)) if is_closing => return Err(error),
            Err(WriteError::Full(error)) => {
                self.is_full = true;
                if self.cut.take().is_some() {
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

    fn take(&mut self, count: usize, deadline: Option<Instant>) -> bool {
        let Taken { commits, is_closing, cut } = self.shared.take(count, deadline);
        commits.into_iter().for_each(|commit| self.ordered.add(commit));
        self.cut = cut.or(self.cut);
        is_closing
    }

    /// Waits a little for more commits.
    fn gather(&mut self) {
        match self.shared.policy() {
            Fsync::Always => self.gather_group(),
            Fsync::EverySec | Fsync::No if self.ordered.ready().is_empty() => {}
            Fsync::EverySec | Fsync::No => _ = self.take(usize::MAX, Some(Instant::now() + COLLECT)),
        }
    }

    /// Waits for as many commits as the last sync made durable: their clients have their answers, and send the next commands.
    /// Those that come a little too late would wait for two syncs.
    fn gather_group(&mut self) {
        let missing = self.group.saturating_sub(self.ordered.ready().len() as u64);
        if missing > 0 && !self.ordered.ready().is_empty() {
            self.take(missing as usize, Some(Instant::now() + self.sync_took / 4));
        }
    }

    /// Until when to wait for commits.
    fn deadline(&self) -> Option<Instant> {
        let retry = self.is_full.then(|| Instant::now() + RETRY);
        // Also what the start of the next segment has synced is told.
        let waits_for_sync = self.shared.policy() == Fsync::EverySec && self.synced < self.written();
        let sync = waits_for_sync.then(|| self.last_sync + SECOND);
        retry.into_iter().chain(sync).min()
    }

    fn write(&mut self) -> Result<(), WriteError> {
        loop {
            let count = self.up_to_cut()?;
            if count == 0 {
                self.shared.set_size(self.writer.size());
                return Ok(());
            }
            let payloads = self.ordered.ready().iter().take(count).map(|commit| &commit.payload);
            let written = self.shared.measured(event::AOF_WRITE, || self.writer.write(payloads))?;
            self.shared.wrote(self.ordered.remove(written));
        }
    }

    /// Begins a new segment if it is time for a cut. Returns how many commits may be written now.
    fn up_to_cut(&mut self) -> Result<usize, WriteError> {
        let ready = self.ordered.ready().len();
        let Some(cut) = self.cut else { return Ok(ready) };
        let before = cut - self.written();
        if before > 0 {
            return Ok(ready.min(before as usize));
        }
        let segment = self.writer.cut()?;
        self.cut = None;
        self.shared.made_cut(segment);
        Ok(ready)
    }

    /// The number of the last commit that is written.
    fn written(&self) -> u64 {
        self.after + self.writer.sequence() - self.base
    }

    fn is_sync_due(&self) -> bool {
        match self.shared.policy() {
            Fsync::Always => true,
            Fsync::EverySec => self.last_sync.elapsed() >= SECOND,
            // Also what the start of the next segment has synced is told.
            Fsync::No => self.synced < self.written() && (self.writer.is_synced() || self.shared.is_sync_awaited()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.last_sync = Instant::now();
        if !self.writer.is_synced() {
            self.shared.note_sync(true);
            let synced = match self.shared.policy() {
                Fsync::Always => self.shared.measured(event::AOF_FSYNC_ALWAYS, || self.writer.sync()),
                Fsync::EverySec | Fsync::No => self.writer.sync(),
            };
            self.shared.note_sync(false);
            synced?;
            self.sync_took = self.last_sync.elapsed();
        }
        if self.sync_took > SECOND {
            self.shared.note_delayed_sync();
        }
        let number = self.written();
        self.group = number - self.synced;
        self.synced = number;
        self.shared.synced(number);
        Ok(())
    }

    fn close(mut self) -> io::Result<()> {
        self.sync()?;
        match self.writer.close() {
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
