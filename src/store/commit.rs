//! [`Commit`]: what belongs together while commands run under the same locks: their time, and what they changed.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use kvstore_protocol::Command;

use super::{
    change::{Change, Event, Record},
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
    /// Whether a command may wait for a key.
    pub(super) may_wait: bool,
    /// Who wants to know what is changed.
    pub(super) interests: Interests,
    /// What was changed, if somebody wants to know. Boxed, since mostly nobody does.
    observed: Option<Box<Observed>>,
    /// The keys that are ready for those who wait. Boxed, since mostly nobody does.
    pub(super) waits: Option<Box<Waits>>,
    pub(super) garbage: Garbage,
}

#[derive(Debug, Default)]
struct Observed {
    changes: Vec<Change>,
    commands: Vec<(usize, Command)>,
    /// The number of changes that the commands made.
    recorded: usize,
}

/// What was replaced or removed. It is dropped after the locks.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    /// Most commands remove one value at most.
    first: Option<Value>,
    more: Option<Box<(Vec<Value>, Vec<Shard>)>>,
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
            may_wait: false,
            interests,
            observed: None,
            waits: None,
            garbage: Garbage { first: None, more: None },
        }
    }

    /// Whether something was replaced or removed.
    #[inline(always)]
    pub(super) fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
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
        if self.interests.has(Interests::CHANGES) {
            self.observed.get_or_insert_default().add(database, key, event);
        }
    }

    /// Records a command, which made the latest changes.
    pub(super) fn record(&mut self, database: usize, command: Command) {
        if let Some(observed) = &mut self.observed {
            observed.commands.push((database, command));
            observed.recorded = observed.changes.len();
        }
    }

    /// Records that an expired entry was removed, which is the latest change.
    pub(super) fn record_expired(&mut self, database: usize, key: &[u8]) {
        if let Some(observed) = &mut self.observed {
            observed.commands.push((database, Command::new("DEL").arg(key)));
            // Changes before it may be those of a command that is under way, and recorded at its end.
            observed.recorded += 1;
        }
    }

    /// Whether there are changes of a command that is not recorded.
    #[inline]
    pub(super) fn has_unrecorded(&self) -> bool {
        self.observed.as_ref().is_some_and(|observed| observed.changes.len() > observed.recorded)
    }

    /// Takes what is told to those who observe: `None` if nothing has changed. `now` is the time of the commit.
    pub(super) fn take(&mut self, now: Duration) -> Option<(Record, Vec<Change>)> {
        let Observed { changes, commands, .. } = *self.observed.take()?;
        (!changes.is_empty()).then(|| (Record::new(now, commands), changes))
    }
}

impl Observed {
    #[cold]
    fn add(&mut self, database: usize, key: Option<&[u8]>, event: Event) {
        self.changes.push(Change { database, key: key.map(Bytes::copy_from_slice), event });
    }
}

impl Garbage {
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
            Some(_) => self.more.get_or_insert_default().0.push(value),
        }
    }

    pub(super) fn add_shard(&mut self, shard: Shard) {
        self.more.get_or_insert_default().1.push(shard);
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_none()
    }

    /// The memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        let first = self.first.as_ref().map_or(0, Value::size);
        let Some((values, shards)) = self.more.as_deref() else { return first };
        let values: usize = values.iter().map(Value::size).sum();
        first + values + shards.iter().map(Shard::memory).sum::<usize>()
    }
}
