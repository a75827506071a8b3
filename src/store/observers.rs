//! [`Observers`]: who wants to know of the changes of a store.

use std::sync::atomic::{AtomicU16, Ordering};

/// The interests of everybody, which each commit reads once.
///
/// Whoever is interested in a key begins to be while the lock of the key is held: the next command that changes it knows.
#[derive(Debug, Default)]
pub(super) struct Observers(AtomicU16);

/// What a commit tells, and to whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interests(u16);

impl Interests {
    /// The [sinks](super::Sink) of the store want all changes.
    pub(super) const SINKS: Self = Self(1);
    /// Clients watch keys.
    pub(super) const WATCHES: Self = Self(1 << 1);
    /// Clients wait for keys.
    pub(super) const WAITERS: Self = Self(1 << 2);
    /// Keyspace events are published.
    pub(super) const EVENTS: Self = Self(1 << 3);
    /// Clients track keys.
    pub(super) const TRACKING: Self = Self(1 << 4);
    /// The journal holds answers back until what they saw is on disk.
    pub(super) const SETTLED: Self = Self(1 << 5);
    /// The journal takes no commits for now. A command that writes asks it.
    pub(super) const JOURNAL_HALTED: Self = Self(1 << 6);
    /// A snapshot is taken. A command that writes asks it whether to wait.
    pub(super) const SAVING: Self = Self(1 << 7);

    /// The last snapshot was not saved, and commands that write are refused for it.
    pub(super) const UNSAVED: Self = Self(1 << 12);

    /// The interests for which a command that writes may be refused.
    pub(super) const REFUSING: Self = Self(Self::JOURNAL_HALTED.0 | Self::UNSAVED.0);
    /// The interests that may halt a command that writes.
    pub(super) const HALTED: Self = Self(Self::REFUSING.0 | Self::SAVING.0);

    /// The data is being loaded, from the disk or from a master: most commands are refused.
    pub(super) const LOADING: Self = Self(1 << 8);
    /// The store is a replica: its master removes what has expired, and clients may not write.
    pub(super) const REPLICA: Self = Self(1 << 10);

    /// What takes long is noted.
    pub(super) const LATENCY: Self = Self(1 << 11);

    /// Every command that took long is logged, also if that is not long.
    pub(super) const SLOW_LOG: Self = Self(1 << 13);

    /// The interests for which there is something to do around a command.
    pub(super) const AROUND: Self = Self(Self::LOADING.0 | Self::LATENCY.0 | Self::SLOW_LOG.0);

    /// The interests that make a command with one key more than that.
    pub(super) const DIVERTING: Self = Self(Self::DIVERTING_WRITES.0 | Self::SETTLED.0 | Self::AROUND.0);

    /// The interests for which that concerns commands that write.
    pub(super) const DIVERTING_WRITES: Self = Self(Self::WAITERS.0 | Self::HALTED.0 | Self::REPLICA.0);

    /// The journal wants the commands of commits.
    pub(super) const JOURNAL: Self = Self(1 << 9);

    /// The interests in all changes of a commit together: answers that wait for the disk wait for the keys that they read.
    pub(super) const CHANGES: Self = Self(Self::SINKS.0 | Self::WATCHES.0 | Self::SETTLED.0);
    /// The interests in the commands of a commit.
    pub(super) const RECORDS: Self = Self(Self::CHANGES.0 | Self::JOURNAL.0);
    /// The interests in each change.
    pub(super) const NOTICES: Self = Self(Self::EVENTS.0 | Self::TRACKING.0);

    /// The same without others.
    #[inline]
    pub(super) fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether nobody wants to know of anything.
    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether there is one of these interests.
    #[inline]
    pub(super) fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl Observers {
    #[inline(always)]
    pub(super) fn get(&self) -> Interests {
        Interests(self.0.load(Ordering::Relaxed))
    }

    /// Notes whether there is an interest.
    pub(super) fn set(&self, interest: Interests, is_there: bool) {
        if is_there {
            self.0.fetch_or(interest.0, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!interest.0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interest_has_a_bit_of_its_own() {
        let all = [
            Interests::SINKS,
            Interests::WATCHES,
            Interests::WAITERS,
            Interests::EVENTS,
            Interests::TRACKING,
            Interests::SETTLED,
            Interests::JOURNAL_HALTED,
            Interests::SAVING,
            Interests::UNSAVED,
            Interests::LOADING,
            Interests::REPLICA,
            Interests::LATENCY,
            Interests::SLOW_LOG,
            Interests::JOURNAL,
        ];
        let together = all.iter().fold(0, |bits, interest| bits | interest.0);
        assert_eq!(together.count_ones() as usize, all.len());
    }

    #[test]
    fn interests_come_and_go_on_their_own() {
        let observers = Observers::default();
        assert!(observers.get().is_empty());
        observers.set(Interests::SINKS, true);
        observers.set(Interests::WAITERS, true);
        observers.set(Interests::SINKS, false);
        observers.set(Interests::SINKS, false);
        assert!(observers.get().has(Interests::WAITERS) && !observers.get().has(Interests::SINKS));
        observers.set(Interests::WAITERS, false);
        assert!(observers.get().is_empty());
    }
}
