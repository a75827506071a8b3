//! [`Counters`]: what a stream knows of the entries that were ever added, from which the lag of its groups is derived.

use super::StreamId;

/// The numbers and identifiers that a stream keeps of its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// The number of entries.
    pub(crate) len: u64,
    /// The identifier of the first entry; the least if there is none.
    pub(crate) first: StreamId,
    /// The identifier of the last entry that was added.
    pub(crate) last: StreamId,
    /// The greatest identifier of an entry that was deleted, and not trimmed.
    pub(crate) max_deleted: StreamId,
    /// The number of entries that were ever added.
    pub(crate) added: u64,
}

impl Counters {
    /// The number of entries ever added up to an identifier, if it can be told.
    pub(crate) fn read_up_to(&self, id: StreamId) -> Option<i64> {
        let added = self.added as i64;
        if self.added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last {
            return Some(added);
        }
        if id != StreamId::MIN && id < self.max_deleted {
            return None;
        }
        if id >= self.last {
            return (id == self.last).then_some(added);
        }
        // Nothing behind the first entry was deleted.
        if self.max_deleted == StreamId::MIN || self.max_deleted < self.first {
            let before = added.wrapping_sub(self.len as i64);
            if id <= self.first {
                return Some(before.wrapping_add(i64::from(id == self.first)));
            }
        }
        None
    }

    /// The number of entries that a group was not given yet, if it can be told.
    pub(crate) fn lag(&self, last_id: StreamId, entries_read: Option<i64>) -> Option<i64> {
        if self.added == 0 || self.len == 0 {
            return Some(0);
        }
        if last_id < self.first && self.max_deleted < self.first {
            return Some(self.len as i64);
        }
        let read = match entries_read {
            Some(read) if !self.has_deleted_from(last_id) => read,
            _ => self.read_up_to(last_id)?,
        };
        Some((self.added as i64).wrapping_sub(read))
    }

    /// The number of entries ever added up to `id`, which a group is given behind `last_id`.
    pub(crate) fn read_after(&self, last_id: StreamId, entries_read: Option<i64>, id: StreamId) -> Option<i64> {
        match entries_read {
            // In front of the first entry, some may have been trimmed.
            Some(read) if last_id >= self.first && !self.has_deleted_from(last_id) => Some(read.wrapping_add(1)),
            read if self.added == 0 => read,
            _ => self.read_up_to(id),
        }
    }

    /// Whether an entry from an identifier on may be deleted.
    fn has_deleted_from(&self, start: StreamId) -> bool {
        self.len > 0 && self.max_deleted != StreamId::MIN && start <= self.max_deleted
    }
}
