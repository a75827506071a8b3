//! [`Expiries`]: the fields of a large hash that expire, by time.

use std::collections::BTreeSet;

/// The memory of a field in the set, in bytes: its nodes are about three quarters full.
const PER_FIELD: usize = 18;

/// The expiries of fields, and the handles of these, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Expiries(BTreeSet<Due>);

/// An expiry in two halves, and a handle: three times four bytes take less memory than eight and four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    high: u32,
    low: u32,
    handle: u32,
}

impl Due {
    fn new(expires_at: u64, handle: u32) -> Self {
        Self { high: (expires_at >> 32) as u32, low: expires_at as u32, handle }
    }

    fn expires_at(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

impl Expiries {
    pub(super) fn insert(&mut self, expires_at: u64, handle: u32) {
        self.0.insert(Due::new(expires_at, handle));
    }

    pub(super) fn remove(&mut self, expires_at: u64, handle: u32) {
        self.0.remove(&Due::new(expires_at, handle));
    }

    /// Notes that the record of a field was moved.
    pub(super) fn relocate(&mut self, expires_at: u64, from: u32, to: u32) {
        self.remove(expires_at, from);
        self.insert(expires_at, to);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first field to expire, and when.
    pub(super) fn first(&self) -> Option<(u64, u32)> {
        self.0.first().map(|due| (due.expires_at(), due.handle))
    }

    /// When the last one expires.
    pub(super) fn latest(&self) -> Option<u64> {
        self.0.last().map(|due| due.expires_at())
    }

    /// The number of fields that expired before `now`, but at most so many.
    pub(super) fn count_before(&self, now: u64, most: usize) -> usize {
        self.0.range(..Due::new(now, 0)).take(most).count()
    }

    /// The memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.len() * PER_FIELD
    }
}
