//! [`Fsync`]: when the journal is synced.

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

/// When the journal of a store is synced: the values of `appendfsync` in Redis.
///
/// Whatever is chosen, a server writes a commit before the answer to it leaves. So nothing that was acknowledged to a client is lost
/// when only the process ends, and after a power cut a prefix of the commits is there. What is executed within the process, without
/// a connection, is written a millisecond later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fsync {
    /// An answer leaves when what it saw is on disk: its own write, or the last write to the keys that it read. Commits share a
    /// sync.
    Always,
    /// Once a second, if something was written. A power cut loses the last second, and what a slow disk had to do.
    #[default]
    EverySec,
    /// When the operating system chooses.
    No,
}

impl Fsync {
    const ALL: [Self; 3] = [Self::Always, Self::EverySec, Self::No];

    /// Returns the policy with this name, without regard to case.
    ///
    /// ```
    /// use kvstore::store::Fsync;
    ///
    /// assert_eq!((Fsync::named("EverySec"), Fsync::named("often")), (Some(Fsync::EverySec), None));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| name.eq_ignore_ascii_case(policy.name()))
    }

    /// Returns the name, which is that of Redis.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySec => "everysec",
            Self::No => "no",
        }
    }
}

impl fmt::Display for Fsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A policy that can be changed at any time.
#[derive(Debug)]
pub(super) struct AtomicFsync(AtomicU8);

impl AtomicFsync {
    pub(super) const fn new(policy: Fsync) -> Self {
        Self(AtomicU8::new(policy as u8))
    }

    pub(super) fn get(&self) -> Fsync {
        Fsync::ALL[self.0.load(Ordering::Relaxed) as usize]
    }

    pub(super) fn set(&self, policy: Fsync) {
        self.0.store(policy as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_kept_and_found_by_its_name() {
        let current = AtomicFsync::new(Fsync::No);
        for policy in Fsync::ALL {
            current.set(policy);
            assert_eq!((current.get(), Fsync::named(policy.name())), (policy, Some(policy)));
        }
        assert_eq!((Fsync::named("EverySec"), Fsync::named("often")), (Some(Fsync::EverySec), None));
    }
}
