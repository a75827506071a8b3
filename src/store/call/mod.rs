//! [`Call`]: one call of a command, and all that its function works with.
//!
//! - `keys` the entries of its keys; `database` a database as a whole
//! - `answer` what it may answer: how much while connections wait, and in a script
//! - `edit` values that are changed in place

mod answer;
mod database;
mod edit;
mod keys;

use std::{cell::Cell, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use kvstore_protocol::{Command, CommandError, Response, Session};

use super::{
    args::Args,
    change::Event,
    command_table::Row,
    commit::Commit,
    databases::{KeyRef, Location},
    execute::STOPPED,
    held::Shards,
    observers::Interests,
    shard::Found,
    spec::Spec,
    state::StoreState,
    value::{StringValue, Thresholds},
};

pub(super) use answer::{LARGE_ANSWER, LINES};
pub(crate) use keys::OwnedEntry;

/// A call of a command: the arguments, the entries of the keys, the session, the time, a random seed.
///
/// The shards of the keys are locked while it runs. The keys are numbered from 0, in the order in which the catalog of the
/// protocol finds them. An entry is searched for once, and an expired one is not found.
pub(crate) struct Call<'c> {
    pub(super) store: &'c StoreState,
    pub(super) row: &'static Row,
    pub(super) args: Args<'c>,
    pub(super) session: &'c Session,
    /// The index of the selected database.
    pub(super) database: usize,
    pub(super) shards: Shards<'c>,
    pub(super) keys: &'c [KeySlot<'c>],
    pub(super) commit: &'c mut Commit,
}

/// A key of a call.
#[derive(Clone, Debug)]
pub(super) struct KeySlot<'c> {
    pub(super) name: &'c [u8],
    pub(super) hash: u64,
    /// The index of its shard in the store, and as soon as that is locked its position among those that are held.
    pub(super) shard: u32,
    pub(super) database: u32,
    lookup: Cell<Lookup>,
}

/// Where the entry of a key is, once it was searched for. Valid as long as the shard has this version.
#[derive(Clone, Copy, Debug, Default)]
struct Lookup {
    found: Option<Found>,
    version: u32,
    is_known: bool,
    /// Whether the entry has expired: commands that read do not see it, those that write remove it.
    is_expired: bool,
    /// Whether a client has read the entry, whose access time is set after the command.
    is_accessed: bool,
}

impl Lookup {
    const UNKNOWN: Self = Self { found: None, version: 0, is_known: false, is_expired: false, is_accessed: false };
}

impl<'c> KeySlot<'c> {
    #[inline]
    pub(super) const fn new(name: &'c [u8], hash: u64, shard: usize, database: usize) -> Self {
        Self { name, hash, shard: shard as u32, database: database as u32, lookup: Cell::new(Lookup::UNKNOWN) }
    }

    /// The database and a copy of the name.
    pub(super) fn owned_name(&self) -> (usize, Bytes) {
        (self.database as usize, Bytes::copy_from_slice(self.name))
    }
}

impl<'c> Call<'c> {
    /// The arguments.
    #[inline]
    pub(crate) fn args(&self) -> Args<'c> {
        self.args
    }

    /// The session of the client.
    pub(crate) fn session(&self) -> &'c Session {
        self.session
    }

    /// The store, for what does not belong to its keys. Its locks are held by the call.
    pub(crate) fn store(&self) -> &'c StoreState {
        self.store
    }

    /// Whether shards are locked while it runs. Otherwise it locks one after the other, or none.
    pub(crate) fn holds_shards(&self) -> bool {
        !matches!(self.shards, Shards::None)
    }

    /// Whether a script runs it.
    pub(crate) fn is_in_script(&self) -> bool {
        self.commit.is_in_script
    }

    /// Whether the command has run before, or on a master: what a limit refuses a client is not refused.
    pub(crate) fn must_obey(&self) -> bool {
        self.commit.must_obey
    }

    /// Whether the command may make a string of so many bytes.
    #[inline]
    pub(crate) fn admits_string(&self, length: usize) -> bool {
        length <= self.store.max_string.load(Ordering::Relaxed)
            || (self.must_obey() && length <= StringValue::MAX_LENGTH)
    }

    /// Up to which size collections are packed.
    pub(crate) fn thresholds(&self) -> &'c Thresholds {
        &self.store.thresholds
    }

    /// The index of the selected database.
    pub(crate) fn database(&self) -> usize {
        self.database
    }

    /// The description of the command.
    pub(crate) fn spec(&self) -> &'static Spec {
        self.row.spec
    }

    /// The name of the command, as errors show it.
    pub(crate) fn name(&self) -> &'static str {
        &self.row.name
    }

    /// The time since the Unix epoch. It is the same during the whole commit, and never less than that of an earlier commit
    /// in one of its shards.
    #[inline]
    pub(crate) fn time(&self) -> Duration {
        self.store.time_of(self.commit, &self.shards)
    }

    /// The time in milliseconds since the Unix epoch.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.time().as_millis() as u64
    }

    /// A random number, from the generator of the store.
    pub(crate) fn seed(&self) -> u64 {
        self.store.seed()
    }

    /// The LRU clock: the time in seconds since the Unix epoch, up to a tenth of a second old.
    pub(crate) fn lru_clock(&self) -> u32 {
        self.commit.lru_clock
    }

    /// Whether a command that reads may keep what it has found in the value. If commands that write are refused, it may not.
    pub(crate) fn may_cache(&self) -> bool {
        !self.commit.interests.has(Interests::REFUSING)
    }

    /// Declares, before the first change, that the command will touch so many bytes or entries. If that takes long, the
    /// command is refused here, and runs again where no connection waits for it.
    ///
    /// # Errors
    /// One that no client sees.
    pub(crate) fn afford(&mut self, work: usize) -> Result<(), CommandError> {
        if self.commit.may_take_long {
            return Ok(());
        }
        if work < LONG_WORK {
            self.commit.work += work;
            return Ok(());
        }
        self.commit.is_postponed = true;
        Err(STOPPED)
    }

    /// The same for the elements of a collection that the command visits.
    ///
    /// # Errors
    /// One that no client sees.
    pub(crate) fn afford_elements(&mut self, count: usize) -> Result<(), CommandError> {
        self.afford(count.saturating_mul(ELEMENT_WORK))
    }

    /// Records, in place of the command, one with the same effect: for a command whose effect depends on chance, on the order of
    /// hashes or on a setting. Called after the changes.
    pub(crate) fn record(&mut self, command: impl FnOnce() -> Command) {
        if self.commit.has_unrecorded() {
            self.commit.record(self.database, command());
        }
    }

    /// Ends the call: sets access times, and records the command if it has changed something.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        if self.commit.has_accesses.get() {
            self.touch_accessed();
        }
        if self.commit.is_observed() {
            self.end_observed();
        }
    }

    #[inline(never)]
    fn end_observed(&mut self) {
        self.commit.record_rest(self.database, self.args.command());
        self.end_reads();
    }

    fn end_reads(&mut self) {
        if self.commit.interests.has(Interests::TRACKING) {
            self.track_reads();
        }
    }

    /// The same for a command that is a commit of its own: tells its changes too. The locks are still held.
    #[inline(always)]
    pub(super) fn end_alone(&mut self) {
        if self.commit.has_accesses.get() {
            self.touch_accessed();
        }
        if self.commit.is_observed() {
            self.end_observed_alone();
        }
    }

    #[inline(never)]
    fn end_observed_alone(&mut self) {
        self.end_reads();
        let number = self.store.tell_alone(self.commit, &self.shards, self.database, self.args.command());
        self.store.settle_alone(number, self.keys);
    }

    /// Whether the command may be executed in the shards of its keys.
    ///
    /// # Errors
    /// `MISCONF` if one is sealed, `OOM` if one is full and the command may need more memory.
    pub(super) fn check_shards(&self) -> Result<(), CommandError> {
        self.keys.iter().try_for_each(|key| self.shards.at(key.shard).check(self.row.grows))
    }

    /// Removes all entries of a database.
    pub(crate) fn clear(&mut self, database: usize) {
        self.touch_watched(database, &[database]);
        let mut is_change = false;
        for index in self.store.databases.shards_of(database) {
            let shard = self.shards.at_mut(self.shards.position_of(index));
            is_change |= shard.len() > 0;
            if shard.len() > 0 || shard.is_sealed() {
                self.commit.leftovers.add_shard(shard.clear().hand_over());
            }
        }
        if is_change {
            self.tell_database(database, Event::FLUSHDB);
            if self.commit.interests.has(Interests::WAITERS) {
                self.note_database_ready(database);
            }
        }
        // Also if it was empty: a client may have read that keys are missing.
        self.store.note_all_changed(self.commit);
    }

    /// Swaps the entries of two databases. All shards are held.
    pub(crate) fn swap_databases(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        for database in [one, other] {
            self.touch_watched(database, &[one, other]);
        }
        let databases = &self.store.databases;
        let Shards::Many(held) = &mut self.shards else { return };
        for (one, other) in databases.shards_of(one).zip(databases.shards_of(other)) {
            held.swap(held.position_of(one), held.position_of(other));
        }
        for database in [one, other] {
            self.tell_database(database, Event::SWAPDB);
            self.store.note_all_changed(self.commit);
            if self.commit.interests.has(Interests::WAITERS) {
                self.note_database_ready(database);
            }
        }
    }

    /// Tells the clients that watch a key of `database`, which is about to change as a whole, if the key exists there or in
    /// the database whose keys it gets.
    fn touch_watched(&mut self, database: usize, databases: &[usize]) {
        for key in self.store.watches.keys_of(database) {
            let entries = databases.iter().filter_map(|database| {
                let Location { hash, shard } = self.store.databases.locate(KeyRef { database: *database, name: &key });
                self.shards.at(self.shards.position_of(shard)).find(hash, &key)
            });
            // For each of them, whether it has expired.
            let are_expired = entries.map(|(_, entry)| entry.has_expired(self.now()));
            if let Some(all_expired) = are_expired.reduce(|one, other| one && other) {
                self.store.watches.touch(database, &key, all_expired);
            }
        }
    }

    /// Tells that a key was changed.
    #[inline]
    pub(crate) fn tell(&mut self, key: usize, event: Event) {
        if self.commit.is_observed() {
            self.tell_observers(key, event);
        }
    }

    #[inline(never)]
    fn tell_observers(&mut self, key: usize, event: Event) {
        let &KeySlot { name, database, .. } = &self.keys[key];
        self.commit.add(database as usize, Some(name), event);
        if self.commit.interests.has(Interests::NOTICES) {
            self.store.note_change(self.commit, database as usize, name, event);
        }
        if self.commit.interests.has(Interests::WAITERS) && event.serves() {
            self.note_ready(key);
        }
    }

    /// Tells that a key was created or replaced by an entry of another. The change, with this event, is told besides.
    #[cold]
    fn tell_new(&mut self, key: usize, event: Event) {
        let &KeySlot { name, database, .. } = &self.keys[key];
        if self.commit.interests.has(Interests::EVENTS) {
            self.store.note_change(self.commit, database as usize, name, Event::NEW);
        }
        if !event.touches() {
            self.store.note_touched(self.commit, name);
            if self.commit.interests.has(Interests::WATCHES) {
                self.store.watches.touch(database as usize, &Bytes::copy_from_slice(name), false);
            }
        }
    }

    /// Answers PUBLISH or SPUBLISH if there are notices of earlier commits that are not sent yet: its message goes behind them.
    pub(crate) fn publish_behind_notices(&mut self) -> Option<Response> {
        let are_behind = self.commit.interests.has(Interests::NOTICES) && self.store.outbox.is_busy();
        are_behind.then(|| self.store.answer_pub_sub(self.commit, self.args.command(), self.args.command()))
    }

    /// Tells that something was changed that is no key: the command is recorded.
    pub(crate) fn tell_unnamed(&mut self) {
        self.commit.add_unnamed();
    }

    /// Tells that a database was changed as a whole.
    pub(crate) fn tell_database(&mut self, database: usize, event: Event) {
        self.commit.add(database, None, event);
    }
}

/// The work that takes about a millisecond: bytes that are copied, or entries that are visited.
pub(super) const LONG_WORK: usize = 1 << 20;

/// The work of visiting an element of a collection, in bytes that could be copied meanwhile.
pub(super) const ELEMENT_WORK: usize = 32;
