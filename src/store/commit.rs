//! [`Commit`]: what belongs together while commands run under the same locks: their time, and what they changed.

use std::time::Duration;

use bytes::Bytes;
use kvstore_protocol::Command;
use smallvec::SmallVec;

use super::{
    change::{Change, Event, Record},
    shard::Shard,
    value::Value,
};

/// One command, or all commands of a transaction. They run at the same time, and are one record.
#[derive(Debug)]
pub(super) struct Commit {
    /// The time since the Unix epoch, once it was needed.
    pub(super) now: Option<Duration>,
    /// The LRU clock: the time in seconds since the Unix epoch, up to a tenth of a second old.
    pub(super) lru_clock: u32,
    /// Whether somebody wants to know the changes.
    pub(super) is_observed: bool,
    /// Whether it may take long, because no connection waits for it.
    pub(super) may_take_long: bool,
    /// Whether the command found, before its first change, that it would take long.
    pub(super) is_postponed: bool,
    changes: Vec<Change>,
    commands: Vec<(usize, Command)>,
    /// The number of changes that the commands made.
    recorded: usize,
    pub(super) garbage: Garbage,
}

/// What was replaced or removed. It is dropped after the locks.
#[derive(Debug)]
pub(super) struct Garbage {
    /// Most commands remove one value at most.
    pub(super) values: SmallVec<[Value; 1]>,
    pub(super) shards: Vec<Shard>,
}

impl Commit {
    #[inline(always)]
    pub(super) fn new(lru_clock: u32, is_observed: bool, may_take_long: bool) -> Self {
        Self {
            now: None,
            lru_clock,
            is_observed,
            may_take_long,
            is_postponed: false,
            changes: Vec::new(),
            commands: Vec::new(),
            recorded: 0,
            garbage: Garbage { values: SmallVec::new(), shards: Vec::new() },
        }
    }

    /// Adds a change of a key, or of a database if there is no key.
    #[cold]
    pub(super) fn add(&mut self, database: usize, key: Option<&[u8]>, event: Event) {
        self.changes.push(Change { database, key: key.map(Bytes::copy_from_slice), event });
    }

    /// Records a command, which made the latest changes.
    #[cold]
    pub(super) fn record(&mut self, database: usize, command: Command) {
        self.commands.push((database, command));
        self.recorded = self.changes.len();
    }

    /// Whether there are changes of a command that is not recorded.
    pub(super) fn has_unrecorded(&self) -> bool {
        self.changes.len() > self.recorded
    }

    /// Takes what is told to those who observe: `None` if nothing has changed. `now` is the time of the commit.
    pub(super) fn take(&mut self, now: Duration) -> Option<(Record, Vec<Change>)> {
        if self.changes.is_empty() {
            return None;
        }
        let commands = std::mem::take(&mut self.commands);
        Some((Record::new(now, commands), std::mem::take(&mut self.changes)))
    }
}

impl Garbage {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.shards.is_empty()
    }

    /// The memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        let values: usize = self.values.iter().map(Value::memory).sum();
        values + self.shards.iter().map(Shard::memory).sum::<usize>()
    }
}
