//! [`StoreState`]: what all clones of a store share.

use std::{
    collections::BTreeMap,
    fmt, io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use fastrand::Rng;
use kvstore_protocol::{Command, Session};
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::oneshot::{self, Receiver},
};

use super::{
    background::Background,
    change::{Event, Sink},
    clock::Clock,
    command_table::CommandTable,
    commit::Commit,
    databases::{Databases, KeyRef},
    events::EventClasses,
    execute::Patience,
    facts::LastFacts,
    future::Executed,
    held::Shards,
    journal::{Journal, Journals},
    latency::{Latency, event},
    loading::Loading,
    notices::{Notices, Outbox},
    observers::{Interests, Observers},
    prefetcher::{MAX_KEYS_OF_COMMAND, Prefetcher},
    program::ProgramConfig,
    rdb::RdbFormat,
    replica::Replication,
    scripts::{Fiber, OnFiber, Scripts},
    shard::{Expired, Shard},
    slow_log::SlowLog,
    snapshot::Snapshots,
    tracking::Tracking,
    transaction::WatchTable,
    value::{StringValue, Thresholds},
    waiting::WaitQueues,
};
use crate::pubsub::PubSub;

/// The longest first argument that is prefetched as a key without looking the command up.
const MAX_GUESSED_KEY: usize = 128;

/// The longest key that is prefetched: a longer one takes longer to hash than its cache misses.
const MAX_PREFETCHED_KEY: usize = 4096;

/// Removed values that take more bytes than this are dropped on a thread of the store: that takes about a millisecond.
pub(super) const LARGE: usize = 1 << 20;

/// The databases of a store, its commands, its clock, and those who are told of its changes.
#[derive(Debug)]
pub(crate) struct StoreState {
    pub(super) databases: Databases,
    pub(super) table: CommandTable,
    pub(super) clock: Arc<dyn Clock>,
    random: Mutex<Rng>,
    /// The LRU clock: the time in seconds since the Unix epoch, set by each run of active expiry.
    lru_clock: AtomicU32,
    pub(super) started: Duration,
    /// What CONFIG has of the program around the store.
    pub(super) config: ProgramConfig,
    sinks: Vec<Box<dyn Sink>>,
    pub(super) journals: Journals,
    pub(super) snapshots: Arc<Snapshots>,
    /// What took long.
    pub(super) latency: Arc<Latency>,
    /// The commands that took longest.
    pub(super) slow_log: SlowLog,
    pub(super) scripts: Scripts,
    pub(super) last_facts: LastFacts,
    /// The values of parameters that nothing depends on, as clients have set them.
    pub(super) kept: Mutex<BTreeMap<&'static str, String>>,
    /// How far the store is read from its disk.
    pub(super) loading: Loading,
    /// What happens when a command has failed while it changed something, if there is a journal.
    pub(super) on_damage: OnceLock<fn()>,
    /// Writes the configuration to the file that it came from.
    pub(super) rewrite: OnceLock<RewriteConfig>,
    pub(super) is_damage_told: AtomicBool,
    pub(super) observers: Arc<Observers>,
    pub(super) watches: WatchTable,
    /// The commands that wait for keys.
    pub(super) waiting: WaitQueues,
    /// The keyspace events that are published.
    pub(super) events: EventClasses,
    /// The clients that track keys.
    pub(super) tracking: Tracking,
    /// What commits tell clients.
    pub(super) outbox: Outbox<Notices>,
    commits: AtomicU64,
    /// The channels, and the clients that are subscribed to them.
    pub(super) pub_sub: PubSub,
    /// The master, if the store is a replica.
    pub(super) replication: Replication,
    /// Up to which size collections are packed.
    pub(super) thresholds: Thresholds,
    /// The longest string that the commands of clients make, in bytes.
    pub(super) max_string: AtomicUsize,
    /// In whose format DUMP writes.
    pub(super) dump_format: Mutex<RdbFormat>,
    /// The most memory of the queued commands of a transaction, in bytes.
    pub(super) max_queue: usize,
    /// The memory of the queued commands of all transactions, in bytes.
    pub(super) queued: Arc<AtomicUsize>,
    /// The most memory that INFO has seen in use, in bytes.
    pub(super) peak_memory: AtomicUsize,
    pub(super) myself: Weak<Self>,
    /// Held while a command that may take long is executed on another thread, so that there is one at a time.
    pub(super) long_turn: Mutex<()>,
    /// Finishes scripts that take long. They hold locks, so they do not stand in a queue with other work.
    scripting: Background,
    /// Executes what may take long, where there is no runtime.
    long: Background,
    /// Drops what is large.
    pub(super) dropper: Background,
    /// Takes snapshots.
    pub(super) saver: Background,
}

/// Writes parameters, by their names and values, to a file.
pub(super) struct RewriteConfig(pub(super) Box<Rewrite>);

type Rewrite = dyn Fn(&[(String, String)]) -> io::Result<()> + Send + Sync;

impl fmt::Debug for RewriteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RewriteConfig")
    }
}

/// What a store is built of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) databases: Databases,
    pub(super) clock: Box<dyn Clock>,
    pub(super) random: Rng,
    pub(super) config: ProgramConfig,
    pub(super) sinks: Vec<Box<dyn Sink>>,
    pub(super) max_queue: usize,
    pub(super) pub_sub: PubSub,
}

impl StoreState {
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        let Parts { databases, clock, random, config, sinks, max_queue, pub_sub } = parts;
        let started = clock.now();
        let (observers, clock) = (Arc::new(Observers::default()), Arc::<dyn Clock>::from(clock));
        observers.set(Interests::SINKS, !sinks.is_empty());
        Arc::new_cyclic(|myself| Self {
            databases,
            table: CommandTable::new(),
            latency: Arc::new(Latency::new(Arc::clone(&observers), Arc::clone(&clock))),
            slow_log: SlowLog::new(Arc::clone(&observers), Arc::clone(&clock)),
            kept: Mutex::default(),
            scripts: Scripts::default(),
            last_facts: LastFacts::default(),
            clock,
            random: Mutex::new(random),
            lru_clock: AtomicU32::new(started.as_secs() as u32),
            started,
            config,
            watches: WatchTable::new(Arc::clone(&observers)),
            waiting: WaitQueues::new(Arc::clone(&observers)),
            events: EventClasses::new(Arc::clone(&observers)),
            tracking: Tracking::new(Arc::clone(&observers)),
            replication: Replication::new(Arc::clone(&observers)),
            outbox: Outbox::new(),
            snapshots: Arc::new(Snapshots::new(started, Arc::clone(&observers))),
            observers,
            sinks,
            journals: Journals::default(),
            loading: Loading::default(),
            on_damage: OnceLock::new(),
            rewrite: OnceLock::new(),
            is_damage_told: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            long_turn: Mutex::new(()),
            scripting: Background::new("kvstore-script"),
            long: Background::new("kvstore-long"),
            dropper: Background::new("kvstore-drop"),
            saver: Background::new("kvstore-save"),
            thresholds: Thresholds::default(),
            max_string: AtomicUsize::new(StringValue::DEFAULT_MAX_LENGTH),
            dump_format: Mutex::default(),
            max_queue,
            pub_sub,
            queued: Arc::default(),
            peak_memory: AtomicUsize::new(0),
            myself: myself.clone(),
        })
    }

    /// Tells all changes to this journal from now on. Nothing is executed yet, or all shards are locked.
    pub(super) fn attach(&self, journal: Journal) {
        journal.measure(Arc::clone(&self.latency));
        self.journals.add(journal);
        self.observers.set(Interests::JOURNAL, true);
    }

    /// The journal, if there is one that takes commits.
    #[inline]
    pub(super) fn journal(&self) -> Option<&Journal> {
        self.observers.get().has(Interests::JOURNAL).then(|| self.journals.last())?
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
        Commit::new(self.lru_clock.load(Ordering::Relaxed), self.observers.get(), patience != Patience::Short)
    }

    /// The same for a command that is a commit of its own: who reads what it has changed is told of its keys, not of its changes.
    #[inline(always)]
    pub(super) fn begin_alone(&self, patience: Patience) -> Commit {
        let interests = self.observers.get().without(Interests::SETTLED);
        Commit::new(self.lru_clock.load(Ordering::Relaxed), interests, patience != Patience::Short)
    }

    /// The time of a commit that holds these shards. It is not before that of an earlier commit in one of them.
    #[inline]
    pub(super) fn time_of(&self, commit: &Commit, shards: &Shards<'_>) -> Duration {
        commit.now.get().unwrap_or_else(|| self.read_clock(commit, shards))
    }

    #[cold]
    fn read_clock(&self, commit: &Commit, shards: &Shards<'_>) -> Duration {
        let mut now = self.clock.now();
        match shards {
            Shards::None => {}
            Shards::One(shard) => now = shard.not_before(now),
            Shards::Many(held) => {
                held.for_each(&mut |shard| now = shard.not_before(now));
                held.for_each(&mut |shard| _ = shard.not_before(now));
            }
        }
        commit.now.set(Some(now));
        now
    }

    /// Tells those who observe what a commit has changed, while its shards are held. `command` is that of the commit, if it is
    /// one. Returns the number of the commit; `None` if nothing is told to those who want whole commits.
    #[inline(never)]
    pub(super) fn tell(&self, commit: &mut Commit, shards: &Shards<'_>, command: Option<&Command>) -> Option<u64> {
        let mut observed = commit.take().unwrap_or_default();
        if !observed.notices.is_empty() {
            let notices = mem::take(&mut observed.notices);
            self.outbox.push(Notices::new(notices, command, self));
            commit.leftovers.add_notices();
        }
        if !commit.has_changed() {
            return None;
        }
        let (record, changes) = observed.changes(self.time_of(commit, shards));
        self.watches.tell(&changes);
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(journal) = self.journal_of(commit) {
            journal.committed(number, &record, &changes);
        }
        self.sinks.iter().for_each(|sink| sink.committed(number, &record, &changes));
        Some(number)
    }

    /// The journal that a commit is told to. It begins and ends while all shards are locked.
    #[inline]
    fn journal_of(&self, commit: &Commit) -> Option<&Journal> {
        commit.interests.has(Interests::JOURNAL).then(|| self.journals.last())?
    }

    /// The same for a command that is a commit of its own. Most have one change, and if only the journal wants to know there is no need
    /// to collect anything.
    #[inline(never)]
    pub(super) fn tell_alone(
        &self,
        commit: &mut Commit,
        shards: &Shards<'_>,
        database: usize,
        command: &Command,
    ) -> Option<u64> {
        let Some(journal) = self.journal_of(commit).filter(|_| commit.is_for_journal_alone()) else {
            commit.record_rest(database, command);
            return self.tell(commit, shards, Some(command));
        };
        commit.has_changed().then(|| {
            let now = self.time_of(commit, shards);
            let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
            journal.committed_alone(number, now, database, command);
            number
        })
    }

    /// The number of the last commit that was told, of those that this thread may have seen.
    pub(super) fn last_commit(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Sends the notices of a commit, and drops what it has replaced or removed, after its locks are given back.
    #[inline(never)]
    pub(super) fn finish(&self, commit: &mut Commit) {
        let leftovers = mem::take(&mut commit.leftovers);
        if leftovers.has_notices() {
            self.send_notices();
        }
        if leftovers.memory() > LARGE {
            self.dropper.run(move || drop(leftovers));
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
            let keys = row.known.keys_of(command).take(MAX_KEYS_OF_COMMAND);
            let keys = keys.filter(|name| name.len() <= MAX_PREFETCHED_KEY);
            keys.for_each(|name| prefetcher.add(KeyRef { database, name }));
        }
    }

    /// Active expiry: removes expired entries in about `limit` steps at most, and returns the number of steps. Sets the LRU
    /// clock.
    pub(super) fn remove_expired(&self, limit: usize) -> usize {
        let began = self.latency.begin();
        let now = self.clock.now();
        self.lru_clock.store(now.as_secs() as u32, Ordering::Relaxed);
        // A replica removes what its master does.
        if self.observers.get().has(Interests::REPLICA) {
            return 0;
        }
        let mut steps = 0;
        for index in self.databases.all_shards() {
            if steps >= limit {
                break;
            }
            steps += self.remove_expired_of(index, now, limit - steps);
        }
        self.latency.end(event::EXPIRE_CYCLE, began);
        steps
    }

    fn remove_expired_of(&self, index: usize, now: Duration, limit: usize) -> usize {
        // A shard that is in use has its turn next time.
        let Some(mut shard) = self.databases.try_lock_any(index) else { return 0 };
        if shard.is_sealed() {
            drop(shard);
            // At its end the server seals what a script has held that it has stopped.
            if !self.scripts.running.is_closing() {
                self.tell_damage();
            }
            return 0;
        }
        // What cannot be told to the journal is not removed, and what is loaded expires as it did.
        let is_halted = self.observers.get().has(Interests::JOURNAL_HALTED) || self.snapshots.are_crowded();
        if is_halted || self.is_loading() {
            return 0;
        }
        let (now, database) = (shard.not_before(now), self.databases.database_of(index));
        let mut commit = self.begin(Patience::Short);
        let (may_be_awaited, mut awaited) = (commit.interests.has(Interests::WAITERS), Vec::new());
        let steps = shard.remove_expired(now.as_millis() as u64, limit, |key, expired| {
            if may_be_awaited {
                let name = (database, Bytes::copy_from_slice(key));
                awaited.extend(Some(name).filter(|name| self.waiting.has(name)));
            }
            self.tell_expired(&mut commit, (database, key), expired);
        });
        commit.now.set(Some(now));
        self.tell(&mut commit, &Shards::None, None);
        drop(shard);
        self.finish(&mut commit);
        self.serve_keys(awaited);
        steps
    }

    /// Tells what active expiry has removed.
    #[cold]
    fn tell_expired(&self, commit: &mut Commit, (database, key): (usize, &[u8]), expired: Expired) {
        let mut tell = |event| {
            commit.add(database, Some(key), event);
            self.note_change(commit, database, key, event);
        };
        match expired {
            Expired::Key(value) => {
                tell(Event::EXPIRED);
                commit.record_expired(database, key, 1);
                commit.leftovers.add(value);
            }
            Expired::Hash(value) => {
                tell(Event::HEXPIRED);
                tell(Event::DEL);
                commit.record_expired(database, key, 2);
                commit.leftovers.add(value);
            }
            Expired::Fields(names) => {
                tell(Event::HEXPIRED);
                commit.record_expired_fields(database, key, names);
            }
        }
    }

    /// Tells once that a command has failed while it changed something, when all before it is on disk.
    #[cold]
    fn tell_damage(&self) {
        let (Some(on_damage), Some(store)) = (self.on_damage.get().copied(), self.myself.upgrade()) else { return };
        if self.journal().is_some() && !self.is_damage_told.swap(true, Ordering::Relaxed) {
            self.run_long(move || {
                // Why it is not on disk was logged.
                let _ = store.close();
                on_damage();
            });
        }
    }

    /// Has another thread execute a command that may take long, when those before it have ended. The receiver gets
    /// what came of it, or a panic.
    pub(super) fn start_long(self: &Arc<Self>, command: Command) -> Receiver<thread::Result<Executed>> {
        let (sender, receiver) = oneshot::channel();
        let store = Arc::clone(self);
        self.run_long(move || {
            let _turn = store.long_turn.lock();
            // Otherwise nobody waits for it any more, and nothing has begun.
            if !sender.is_closed() {
                let _ = sender.send(catch_unwind(AssertUnwindSafe(|| store.execute_long(&command))));
            }
        });
        receiver
    }

    /// Has another thread go on with a script that takes long. The receiver gets what came of it, or a panic.
    pub(super) fn finish_fiber(
        self: &Arc<Self>,
        fiber: Fiber<OnFiber>,
        command: Command,
    ) -> Receiver<thread::Result<Executed>> {
        let (sender, receiver) = oneshot::channel();
        let store = Arc::clone(self);
        self.scripting.run(move || {
            let _ = sender.send(catch_unwind(AssertUnwindSafe(|| store.execute_rest(fiber, &command))));
        });
        receiver
    }

    /// Does something with a shard when nobody holds it.
    #[cold]
    pub(super) fn run_when_free(&self, index: usize, work: impl FnOnce(&mut Shard) + Send + 'static) {
        let store = self.myself.upgrade().expect("a store that runs a command is there");
        self.dropper.run(move || work(&mut store.databases.lock_any(index)));
    }

    /// Runs what blocks its thread where no connection waits. The receiver gets its result.
    pub(super) fn run_elsewhere<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        self.run_long(move || _ = sender.send(work()));
        receiver
    }

    pub(super) fn run_long(&self, job: impl FnOnce() + Send + 'static) {
        // The runtime knows of its threads: the paused time of a test does not advance meanwhile.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(job)),
            Err(_) => self.long.run(job),
        }
    }
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::TestStore;

    /// A store with the set `large` of over a megabyte, and the set `small`.
    fn store() -> TestStore {
        let store = TestStore::new();
        let members = (0..40_000).map(|number| format!("a member of the set:{number}"));
        store.answer_to(Command::new("SADD").arg("large").with_args(members));
        store.check([("SADD small a b c", ":3")]);
        store
    }

    fn drops_elsewhere(store: &TestStore) -> bool {
        store.store().handle.dropper.is_started()
    }

    #[test]
    fn a_large_collection_that_is_removed_or_replaced_is_dropped_on_another_thread() {
        for line in
            ["DEL large", "UNLINK large", "SET large v", "RENAME small large", "SINTERSTORE large small missing"]
        {
            let store = store();
            assert!(!drops_elsewhere(&store));
            store.answer(line);
            assert!(drops_elsewhere(&store), "{line}");
        }
        let store = store();
        store.check([("PEXPIRE large 5", ":1")]);
        store.pass(6);
        store.remove_expired();
        assert!(drops_elsewhere(&store));
    }

    #[test]
    fn a_small_collection_is_dropped_at_once() {
        let store = store();
        for line in ["DEL small", "SADD small a", "SET small v", "SREM large 0"] {
            store.answer(line);
        }
        assert!(!drops_elsewhere(&store));
    }
}
