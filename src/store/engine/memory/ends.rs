//! [`Ends`]: the order in which the entries of a shard will end.

use std::collections::BTreeSet;

/// The end and the hash of each entry that has an end, and the sum of the ends.
#[derive(Debug, Default)]
pub(super) struct Ends {
    order: BTreeSet<(u64, u64)>,
    total: u128,
}

impl Ends {
    pub(super) fn insert(&mut self, at: u64, hash: u64) {
        if self.order.insert((at, hash)) {
            self.total += u128::from(at);
        }
    }

    pub(super) fn remove(&mut self, at: u64, hash: u64) {
        if self.order.remove(&(at, hash)) {
            self.total -= u128::from(at);
        }
    }

    /// Takes the first end out whose time has come.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<(u64, u64)> {
        let (at, hash) = self.order.first().copied().filter(|(at, _)| *at <= now)?;
        self.remove(at, hash);
        Some((at, hash))
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The sum of all ends.
    pub(super) fn total(&self) -> u128 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_follows_what_is_put_in_and_taken_out() {
        let mut ends = Ends::default();
        [(30, 1), (10, 2), (20, 3), (20, 3)].into_iter().for_each(|(at, hash)| ends.insert(at, hash));
        assert_eq!((ends.len(), ends.total()), (3, 60));
        ends.remove(20, 3);
        ends.remove(20, 3);
        assert_eq!((ends.len(), ends.total()), (2, 40));
        assert_eq!((ends.pop_due(10), ends.pop_due(10)), (Some((10, 2)), None));
        assert_eq!(ends.total(), 30);
    }
}
