//! [`Flags`]: the properties of a command, as bits.

use std::{fmt, ops::BitOr};

/// The properties of a command, as bits.
///
/// ```
/// use kvstore_protocol::{Command, catalog::Flags};
///
/// let flags = Flags::READ | Flags::FAST;
/// assert!(flags.has(Flags::READ) && !flags.has(Flags::WRITE));
/// assert!(Command::new("get").flags().has(Flags::READ));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// No flags: does not access data.
    pub const PLAIN: Self = Self(0);
    /// Reads data and changes nothing.
    pub const READ: Self = Self(1);
    /// Changes data.
    pub const WRITE: Self = Self(1 << 1);
    /// Takes constant or logarithmic time.
    pub const FAST: Self = Self(1 << 2);
    /// May use more memory: refused when the server is out of memory.
    pub const DENY_OOM: Self = Self(1 << 3);
    /// For administrators.
    pub const ADMIN: Self = Self(1 << 4);
    /// In the ACL category `dangerous`.
    pub const DANGEROUS: Self = Self(1 << 5);
    /// May block until another client acts.
    pub const BLOCKING: Self = Self(1 << 6);
    /// Not allowed in a script.
    pub const NO_SCRIPT: Self = Self(1 << 7);
    /// Related to Pub/Sub.
    pub const PUBSUB: Self = Self(1 << 8);
    /// Allowed while the data set is being loaded.
    pub const LOADING: Self = Self(1 << 9);
    /// Allowed on a replica with stale data.
    pub const STALE: Self = Self(1 << 10);
    /// Allowed before the client has authenticated.
    pub const NO_AUTH: Self = Self(1 << 11);
    /// Not allowed in a transaction.
    pub const NO_MULTI: Self = Self(1 << 12);
    /// Its keys are not at fixed positions.
    pub const MOVABLE_KEYS: Self = Self(1 << 13);
    /// Allowed while a long script is running.
    pub const ALLOW_BUSY: Self = Self(1 << 14);
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 15);
    /// Not recorded in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 16);
    /// Not allowed while a replica replaces its data set.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 17);
    /// May be called without keys.
    pub const NO_MANDATORY_KEYS: Self = Self(1 << 18);
    /// Changes the meaning of later commands of its connection. It is called alone: after all earlier commands are
    /// answered or [settled](crate::parking), and no command is called until it is answered or settled.
    pub const EXCLUSIVE: Self = Self(1 << 19);
    /// A connection command, which the connection layer of the server answers.
    pub const CONNECTION: Self = Self(1 << 20);
    /// Its arguments may contain passwords.
    pub const SENSITIVE: Self = Self(1 << 21);
    /// Runs other commands: a script or a function.
    pub const RUNS_COMMANDS: Self = Self(1 << 22);
    /// Part of a transaction: MULTI, EXEC, DISCARD, WATCH and UNWATCH.
    pub const TRANSACTION: Self = Self(1 << 23);
    /// Begins or ends a subscription. Answered by one push message for each channel.
    pub const SUBSCRIPTION: Self = Self(1 << 24);
    /// Answered by a stream of messages.
    pub const NO_SINGLE_REPLY: Self = Self(1 << 25);

    /// The flags that `COMMAND` shows, with their names in Redis.
    const NAMES: [(Self, &'static str); 18] = [
        (Self::READ, "readonly"),
        (Self::WRITE, "write"),
        (Self::FAST, "fast"),
        (Self::DENY_OOM, "denyoom"),
        (Self::ADMIN, "admin"),
        (Self::BLOCKING, "blocking"),
        (Self::NO_SCRIPT, "noscript"),
        (Self::PUBSUB, "pubsub"),
        (Self::LOADING, "loading"),
        (Self::STALE, "stale"),
        (Self::NO_AUTH, "no_auth"),
        (Self::NO_MULTI, "no_multi"),
        (Self::MOVABLE_KEYS, "movablekeys"),
        (Self::ALLOW_BUSY, "allow_busy"),
        (Self::SKIP_MONITOR, "skip_monitor"),
        (Self::SKIP_SLOWLOG, "skip_slowlog"),
        (Self::NO_ASYNC_LOADING, "no_async_loading"),
        (Self::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    ];

    /// Returns the flags of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the flags of all.
    #[must_use]
    pub const fn all(flags: &[Self]) -> Self {
        let (mut all, mut index) = (Self::PLAIN, 0);
        while index < flags.len() {
            all = all.and(flags[index]);
            index += 1;
        }
        all
    }

    /// Whether any of `flags` is set.
    #[inline]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// Returns the names that `COMMAND` shows.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
