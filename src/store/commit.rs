//! [`Commit`]: what belongs together while commands run under the same locks: their time, and what they changed.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use kvstore_protocol::Command;

use super::{
    change::{Change, Event, Record},
    shard::Shard,
    value::Value,
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
    /// What was changed, if somebody wants to know. Boxed, since mostly nobody does.
    observed: Option<Box<Observed>>,
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
    pub(super) fn new(lru_clock: u32, is_observed: bool, may_take_long: bool) -> Self {
        let observed = if is_observed { Some(Box::default()) } else { None };
        let garbage = Garbage { first: None, more: None };
        let (now, has_accesses) = (Cell::new(None), Cell::new(false));
        Self { now, lru_clock, has_accesses, may_take_long, is_postponed: false, observed, garbage }
    }

    /// Whether something was replaced or removed.
    #[inline(always)]
    pub(super) fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }

    /// Whether somebody wants to know the changes.
    #[inline]
    pub(super) fn is_observed(&self) -> bool {
        self.observed.is_some()
    }

    /// Adds a change of a key, or of a database if there is no key. Does nothing if nobody wants to know.
    #[inline]
    pub(super) fn add(&mut self, database: usize, key: Option<&[u8]>, event: Event) {
        if let Some(observed) = &mut self.observed {
            observed.add(database, key, event);
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
