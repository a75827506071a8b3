//! [`Commit`]: what belongs together while commands run under the same locks: their time, and what they changed.

use std::{cell::Cell, fmt, mem, time::Duration};

use bytes::Bytes;
use kvstore_protocol::Command;

use super::{
    change::{Change, Event, Record},
    notices::Notice,
    observers::Interests,
    shard::Shard,
    value::Value,
    waiting::{Wait, Waits},
};

/// One command, or all commands of a transaction. They run at the same time, and are one record.
#[derive(Debug)]
pub(super) struct Commit {
    /// The time since the Unix epoch, once it was needed.
    pub(super) now: Cell<Option<Duration>>,
    /// The LRU clock: the time in seconds since the Unix epoch, up to a tenth of a second old.
    pub(super) lru_clock: u32,
    /// Whether entries were read whose access times are to be set.
    pub(super) has_accesses: Cell<bool>,
    /// Whether it may take long, because no connection waits for it.
    pub(super) may_take_long: bool,
    /// Whether the command found, before its first change, that it would take long.
    pub(super) is_postponed: bool,
    /// What its commands have declared to touch while connections wait.
    pub(super) work: usize,
    /// Whether the command, which may begin anew, has found a shard that a long command holds.
    pub(super) is_gated: bool,
    /// Whether its commands have run before, or on a master: what a limit refuses a client is not refused.
    pub(super) must_obey: bool,
    /// Whether a script runs.
    pub(super) is_in_script: bool,
    /// Whether a script was stopped after it had written: nobody is told of it, and nobody sees what it has done.
    pub(super) is_abandoned: bool,
    /// Whether a command may wait for a key.
    pub(super) may_wait: bool,
    /// Who wants to know what is changed.
    pub(super) interests: Interests,
    /// The number of changes, if somebody wants to know the commands that made them, and of those that are recorded.
    changes: u32,
    recorded: u32,
    /// What was changed, if somebody wants to know. Boxed, since mostly nobody does.
    observed: ObservedCell,
    /// The keys that are ready for those who wait. Boxed, since mostly nobody does.
    pub(super) waits: Option<Box<Waits>>,
    pub(super) leftovers: Leftovers,
}

/// What those who observe are told. In a cell, since also a read may have something to tell.
#[derive(Default)]
struct ObservedCell(Cell<Option<Box<Observed>>>);

#[derive(Debug, Default)]
pub(super) struct Observed {
    changes: Vec<Change>,
    commands: Vec<(usize, Command)>,
    pub(super) notices: Vec<Notice>,
    /// The memory of the notices, in bytes.
    notices_size: usize,
    /// About the memory of the changes, and of their commands, in bytes.
    changes_size: usize,
    commands_size: usize,
}

/// What a command takes in a record besides its words, in bytes.
const RECORDED: usize = 160;

/// What is left to do after the locks: to drop what was replaced or removed, and to send notices.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Most commands remove one value at most.
    first: Option<Value>,
    more: Option<Box<MoreLeftovers>>,
}

#[derive(Debug, Default)]
struct MoreLeftovers {
    values: Vec<Value>,
    shards: Vec<Shard>,
    has_notices: bool,
}

impl Commit {
    #[inline(always)]
    pub(super) fn new(lru_clock: u32, interests: Interests, may_take_long: bool) -> Self {
        Self {
            now: Cell::new(None),
            lru_clock,
            has_accesses: Cell::new(false),
            may_take_long,
            is_postponed: false,
            work: 0,
            is_gated: false,
            must_obey: false,
            is_in_script: false,
            is_abandoned: false,
            may_wait: false,
            interests,
            changes: 0,
            recorded: 0,
            observed: ObservedCell(Cell::new(None)),
            waits: None,
            leftovers: Leftovers { first: None, more: None },
        }
    }

    /// Whether something is left to do after the locks.
    #[inline(always)]
    pub(super) fn has_leftovers(&self) -> bool {
        !self.leftovers.is_empty()
    }

    /// Whether somebody wants to know the changes.
    #[inline]
    pub(super) fn is_observed(&self) -> bool {
        !self.interests.is_empty()
    }

    /// What it does with commands that wait.
    pub(super) fn waits_mut(&mut self) -> &mut Waits {
        self.waits.get_or_insert_default()
    }

    /// Takes what the command wants to wait for.
    #[inline]
    pub(super) fn take_wanted(&mut self) -> Option<Wait> {
        self.waits.as_mut().and_then(|waits| waits.wanted.take())
    }

    /// Adds a change of a key, or of a database if there is no key. Does nothing if nobody wants to know.
    #[inline]
    pub(super) fn add(&mut self, database: usize, key: Option<&[u8]>, event: Event) {
        if self.interests.has(Interests::RECORDS) {
            self.changes += 1;
            if self.interests.has(Interests::CHANGES) {
                self.observed.get_mut().add(database, key, event);
            }
        }
    }

    /// Adds a change that is of no key.
    pub(super) fn add_unnamed(&mut self) {
        if self.interests.has(Interests::RECORDS) {
            self.changes += 1;
        }
    }

    /// Adds a notice.
    pub(super) fn notice(&self, notice: Notice) {
        self.observed.update(|observed| {
            observed.notices_size += notice.size();
            observed.notices.push(notice);
        });
    }

    /// The memory of the notices, in bytes.
    #[inline]
    pub(super) fn notices_size(&mut self) -> usize {
        self.observed.0.get_mut().as_ref().map_or(0, |observed| observed.notices_size)
    }

    /// The memory of the changes, and of their commands, in bytes.
    #[inline]
    pub(super) fn changes_size(&mut self) -> (usize, usize) {
        let observed = self.observed.0.get_mut().as_ref();
        observed.map_or((0, 0), |observed| (observed.changes_size, observed.commands_size))
    }

    /// Takes the changes so far, if nobody but clients that watch keys is to be told of them. Nobody needs the commands then, but the
    /// journal.
    pub(super) fn take_watched(&mut self) -> Vec<Change> {
        let Some(observed) = self.observed.0.get_mut() else { return Vec::new() };
        if self.interests.has(Interests::SINKS) || self.interests.has(Interests::SETTLED) {
            return Vec::new();
        }
        if !self.interests.has(Interests::JOURNAL) {
            (observed.commands, observed.commands_size) = (Vec::new(), 0);
        }
        observed.changes_size = 0;
        mem::take(&mut observed.changes)
    }

    /// Takes the notices so far.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        self.observed.0.get_mut().as_mut().map_or_else(Vec::new, |observed| {
            observed.notices_size = 0;
            mem::take(&mut observed.notices)
        })
    }

    /// Whether there is such a notice.
    pub(super) fn has_notice(&mut self, is_such: impl Fn(&Notice) -> bool) -> bool {
        self.observed.0.get_mut().as_ref().is_some_and(|observed| observed.notices.iter().any(is_such))
    }

    /// Records a command, which made the latest changes.
    pub(super) fn record(&mut self, database: usize, command: Command) {
        self.observed.get_mut().add_command(database, command);
        self.recorded = self.changes;
    }

    /// Records a command, if it has made changes that are not recorded.
    pub(super) fn record_rest(&mut self, database: usize, command: &Command) {
        if self.has_unrecorded() {
            self.record(database, command.clone());
        }
    }

    /// Records that an expired entry was removed, which made the latest changes, so many.
    pub(super) fn record_expired(&mut self, database: usize, key: &[u8], changes: u32) {
        self.record_removal(database, changes, || Command::new("DEL").arg(key));
    }

    /// The same for expired fields of a hash, which is one change.
    pub(super) fn record_expired_fields(&mut self, database: usize, key: &[u8], fields: Vec<Box<[u8]>>) {
        self.record_removal(database, 1, || {
            Command::new("HDEL").arg(key).with_args(fields.iter().map(|field| &**field))
        });
    }

    fn record_removal(&mut self, database: usize, changes: u32, command: impl FnOnce() -> Command) {
        if self.has_changed() {
            self.observed.get_mut().add_command(database, command());
            // Changes before it may be those of a command that is under way, and recorded at its end.
            self.recorded += changes;
        }
    }

    /// Whether there are changes of a command that is not recorded.
    pub(super) fn has_unrecorded(&self) -> bool {
        self.changes > self.recorded
    }

    /// Whether there are changes of which somebody wants to know the commands.
    pub(super) fn has_changed(&self) -> bool {
        self.changes > 0
    }

    /// Whether nobody but the journal wants to know, and the command is the only one to record.
    pub(super) fn is_for_journal_alone(&mut self) -> bool {
        !self.interests.has(Interests::CHANGES) && self.observed.0.get_mut().is_none()
    }

    /// Takes what is told to those who observe.
    pub(super) fn take(&mut self) -> Option<Observed> {
        self.observed.0.take().map(|observed| *observed)
    }
}

impl ObservedCell {
    fn get_mut(&mut self) -> &mut Observed {
        self.0.get_mut().get_or_insert_default()
    }

    fn update(&self, update: impl FnOnce(&mut Observed)) {
        let mut observed = self.0.take().unwrap_or_default();
        update(&mut observed);
        self.0.set(Some(observed));
    }
}

impl fmt::Debug for ObservedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedCell").finish_non_exhaustive()
    }
}

impl Observed {
    /// What has changed. `now` is the time of the commit.
    pub(super) fn changes(self, now: Duration) -> (Record, Vec<Change>) {
        (Record::new(now, self.commands), self.changes)
    }

    fn add_command(&mut self, database: usize, command: Command) {
        self.commands_size += RECORDED + command.size();
        self.commands.push((database, command));
    }

    #[cold]
    fn add(&mut self, database: usize, key: Option<&[u8]>, event: Event) {
        self.changes_size += size_of::<Change>() + key.map_or(0, <[u8]>::len);
        self.changes.push(Change { database, key: key.map(Bytes::copy_from_slice), event });
    }
}

impl Leftovers {
    /// Adds a value, if there is one.
    #[inline]
    pub(super) fn add(&mut self, value: Option<Value>) {
        if let Some(value) = value {
            self.add_value(value);
        }
    }

    #[inline(never)]
    fn add_value(&mut self, value: Value) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.more.get_or_insert_default().values.push(value),
        }
    }

    /// Adds a shard, if there is one.
    pub(super) fn add_shard(&mut self, shard: Option<Shard>) {
        self.more.get_or_insert_default().shards.extend(shard);
    }

    /// Notes that notices are to be sent.
    pub(super) fn add_notices(&mut self) {
        self.more.get_or_insert_default().has_notices = true;
    }

    /// Takes what is to be dropped, if it is more than one value.
    #[inline]
    pub(super) fn take_many(&mut self) -> Option<Self> {
        let more = self.more.as_mut().filter(|more| !more.values.is_empty() || !more.shards.is_empty())?;
        let (values, shards) = (mem::take(&mut more.values), mem::take(&mut more.shards));
        Some(Self {
            first: self.first.take(),
            more: Some(Box::new(MoreLeftovers { values, shards, has_notices: false })),
        })
    }

    pub(super) fn has_notices(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.has_notices)
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_none()
    }

    /// The memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        let first = self.first.as_ref().map_or(0, Value::size);
        let Some(more) = &self.more else { return first };
        let values: usize = more.values.iter().map(Value::size).sum();
        first + values + more.shards.iter().map(Shard::memory).sum::<usize>()
    }
}
