//! [`Flags`]: the properties of a command, as bits.

use super::bit_set::bit_set;

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
    /// Not all of its keys are in one evenly spaced range of words. Follows from its key specs.
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
    /// Allowed in a cluster for a slot that is being imported.
    pub const ASKING: Self = Self(1 << 26);

    /// The flags that `COMMAND` shows, with their names in Redis.
    const NAMES: [(Self, &'static str); 19] = [
        (Self::WRITE, "write"),
        (Self::READ, "readonly"),
        (Self::DENY_OOM, "denyoom"),
        (Self::ADMIN, "admin"),
        (Self::PUBSUB, "pubsub"),
        (Self::NO_SCRIPT, "noscript"),
        (Self::BLOCKING, "blocking"),
        (Self::LOADING, "loading"),
        (Self::STALE, "stale"),
        (Self::SKIP_MONITOR, "skip_monitor"),
        (Self::SKIP_SLOWLOG, "skip_slowlog"),
        (Self::ASKING, "asking"),
        (Self::FAST, "fast"),
        (Self::NO_AUTH, "no_auth"),
        (Self::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Self::NO_ASYNC_LOADING, "no_async_loading"),
        (Self::NO_MULTI, "no_multi"),
        (Self::MOVABLE_KEYS, "movablekeys"),
        (Self::ALLOW_BUSY, "allow_busy"),
    ];
}

bit_set!(Flags);
