//! [`StoreState`]: what all clones of a store share.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use fastrand::Rng;
use kvstore_protocol::{Command, CommandError, Response, Session};
use parking_lot::Mutex;
use tokio::sync::oneshot::{self, Receiver};

use super::{
    background::Background,
    change::{Change, Event, Record, Sink},
    clock::Clock,
    command_table::CommandTable,
    commit::{Commit, Garbage},
    databases::{Databases, KeyRef, NotLocked},
    prefetcher::Prefetcher,
};

/// The longest first argument that is prefetched as a key without looking the command up.
const MAX_GUESSED_KEY: usize = 128;

/// Removed values that take more bytes than this are dropped on a thread of the store: that takes about a millisecond.
const LARGE: usize = 1 << 20;

/// The databases of a store, its commands, its clock, and those who are told of its changes.
#[derive(Debug)]
pub(crate) struct StoreState {
    pub(super) databases: Databases,
    pub(super) table: CommandTable,
    pub(super) clock: Box<dyn Clock>,
    random: Mutex<Rng>,
    /// The LRU clock: the time in seconds since the Unix epoch, set by each run of active expiry.
    lru_clock: AtomicU32,
    pub(super) started: Duration,
    /// Settings of the program around the store, by names in lower case, for CONFIG GET.
    pub(super) config: Vec<(String, String)>,
    sinks: Vec<Box<dyn Sink>>,
    /// The number of those who want to know of changes now.
    observers: AtomicUsize,
    commits: AtomicU64,
    /// Executes what may take long.
    pub(super) long: Background,
    /// Drops what is large.
    pub(super) dropper: Background,
}

/// What a store is built of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) databases: Databases,
    pub(super) clock: Box<dyn Clock>,
    pub(super) random: Rng,
    pub(super) config: Vec<(String, String)>,
    pub(super) sinks: Vec<Box<dyn Sink>>,
}

/// How long a command may take, and wait for its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// No longer than a short command: connections wait for this thread.
    Short,
    /// As long as it takes.
    Long,
}

/// Why a command was not executed.
#[derive(Debug)]
pub(super) enum NotDone {
    Refused(CommandError),
    /// A long command holds a lock that it needs.
    Gated,
    /// It may take long.
    Long,
}

impl StoreState {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { databases, clock, random, config, sinks } = parts;
        let started = clock.now();
        Self {
            databases,
            table: CommandTable::new(),
            clock,
            random: Mutex::new(random),
            lru_clock: AtomicU32::new(started.as_secs() as u32),
            started,
            config,
            observers: AtomicUsize::new(sinks.len()),
            sinks,
            commits: AtomicU64::new(0),
            long: Background::new("kvstore-long"),
            dropper: Background::new("kvstore-drop"),
        }
    }

    /// A random number.
    pub(super) fn seed(&self) -> u64 {
        self.random.lock().u64(..)
    }

    /// The selected database of a session. If the server lets clients select more databases than the store has, which is a
    /// mistake in its setup, they share the last one.
    #[inline]
    pub(super) fn selected(&self, session: &Session) -> usize {
        session.database().min(self.databases.len() - 1)
    }

    /// Begins a commit. The shards that it works on are locked: nobody begins to observe their keys before they are unlocked.
    #[inline(always)]
    pub(super) fn begin(&self, patience: Patience) -> Commit {
        let is_observed = self.observers.load(Ordering::Relaxed) > 0;
        Commit::new(self.lru_clock.load(Ordering::Relaxed), is_observed, patience == Patience::Long)
    }

    /// Tells those who observe of a commit, while its locks are held.
    pub(super) fn tell(&self, record: &Record, changes: &[Change]) {
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        self.sinks.iter().for_each(|sink| sink.committed(number, record, changes));
    }

    /// Drops what was removed, after the locks are given back.
    #[inline]
    pub(super) fn discard(&self, garbage: Garbage) {
        if !garbage.is_empty() {
            self.discard_some(garbage);
        }
    }

    #[inline(never)]
    fn discard_some(&self, garbage: Garbage) {
        if garbage.memory() > LARGE {
            self.dropper.run(move || drop(garbage));
        }
    }

    /// Prefetches the keys of a batch of commands.
    #[inline]
    pub(super) fn prefetch(&self, batch: &[Command]) {
        if let [command] = batch { self.prefetch_one(command) } else { self.prefetch_batch(batch) }
    }

    /// Prefetches the first argument of a command, which nearly always is the key.
    #[inline]
    fn prefetch_one(&self, command: &Command) {
        if let Some(name) = command.arg_at(0)
            && name.len() <= MAX_GUESSED_KEY
        {
            self.databases.prefetch_one(KeyRef { database: self.selected(command.session()), name });
        }
    }

    #[inline(never)]
    fn prefetch_batch(&self, batch: &[Command]) {
        let mut prefetcher = self.databases.prefetcher();
        for command in batch {
            match command.arg_at(0) {
                // Nearly every short command has its key first. A wrong guess costs a cache line.
                Some(name) if command.len() <= 3 && name.len() <= MAX_GUESSED_KEY => {
                    prefetcher.add(KeyRef { database: self.selected(command.session()), name });
                }
                _ => self.prefetch_keys(command, &mut prefetcher),
            }
        }
        prefetcher.finish();
    }

    /// Prefetches the keys of a command that has to be looked up.
    #[inline(never)]
    fn prefetch_keys(&self, command: &Command, prefetcher: &mut Prefetcher<'_>) {
        if let Some(row) = self.table.find(command) {
            let database = self.selected(command.session());
            row.known.keys_of(command).for_each(|name| prefetcher.add(KeyRef { database, name }));
        }
    }

    /// Active expiry: removes expired entries in about `limit` steps at most, and returns the number of steps. Sets the LRU
    /// clock.
    pub(super) fn remove_expired(&self, limit: usize) -> usize {
        let now = self.clock.now();
        self.lru_clock.store(now.as_secs() as u32, Ordering::Relaxed);
        let mut steps = 0;
        for index in self.databases.all_shards() {
            if steps >= limit {
                break;
            }
            steps += self.remove_expired_of(index, now, limit - steps);
        }
        steps
    }

    fn remove_expired_of(&self, index: usize, now: Duration, limit: usize) -> usize {
        // A shard that is in use has its turn next time.
        let Some(mut shard) = self.databases.try_lock(index) else { return 0 };
        let (now, database) = (shard.not_before(now), self.databases.database_of(index));
        let mut commit = self.begin(Patience::Short);
        let steps = shard.remove_expired(now.as_millis() as u64, limit, |key| {
            if commit.is_observed {
                commit.record(database, Command::new("DEL").arg(key));
                commit.add(database, Some(key), Event::EXPIRED);
            }
        });
        if let Some((record, changes)) = commit.take(now) {
            self.tell(&record, &changes);
        }
        steps
    }

    /// Has a thread of the store execute a command that may take long. The receiver gets the response, or a panic.
    pub(super) fn start_long(self: &Arc<Self>, command: Command) -> Receiver<thread::Result<Response>> {
        let (sender, receiver) = oneshot::channel();
        let store = Arc::clone(self);
        self.long.run(move || {
            // Otherwise nobody waits for it any more, and nothing has begun.
            if !sender.is_closed() {
                let _ = sender.send(catch_unwind(AssertUnwindSafe(|| store.execute(&command))));
            }
        });
        receiver
    }
}

impl From<CommandError> for NotDone {
    fn from(error: CommandError) -> Self {
        Self::Refused(error)
    }
}

impl From<NotLocked> for NotDone {
    fn from(_: NotLocked) -> Self {
        Self::Gated
    }
}
