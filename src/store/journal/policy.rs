//! [`Fsync`]: when the journal is synced.

/// When the journal of a store is synced: the values of `appendfsync` in Redis.
///
/// Whatever is chosen, a commit is written as soon as possible after it, by another thread. So nearly nothing is lost when only the process
/// ends, and after a power cut a prefix of the commits is there.
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
    /// The name in the configuration of Redis.
    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySec => "everysec",
            Self::No => "no",
        }
    }
}
