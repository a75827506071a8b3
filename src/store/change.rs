//! What a store tells of its changes: [`Change`], [`Event`], [`Record`], [`Sink`].

use std::{fmt, time::Duration};

use bytes::Bytes;
use kvstore_protocol::Command;

/// What happened to a key: the event of a keyspace notification of Redis, such as `set` or `del`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event {
    name: &'static str,
    class: u8,
}

impl Event {
    /// The string was set.
    pub const SET: Self = Self::string("set");
    /// Bytes were appended to the string.
    pub const APPEND: Self = Self::string("append");
    /// A part of the string was overwritten.
    pub const SETRANGE: Self = Self::string("setrange");
    /// An integer was added to the string.
    pub const INCRBY: Self = Self::string("incrby");
    /// A decimal number was added to the string.
    pub const INCRBYFLOAT: Self = Self::string("incrbyfloat");
    /// The key was removed.
    pub const DEL: Self = Self::generic("del");
    /// The expiry was set.
    pub const EXPIRE: Self = Self::generic("expire");
    /// The expiry was removed.
    pub const PERSIST: Self = Self::generic("persist");
    /// The key was renamed: it is missing now.
    pub const RENAME_FROM: Self = Self::generic("rename_from");
    /// The key has the value of another that was renamed.
    pub const RENAME_TO: Self = Self::generic("rename_to");
    /// The key was moved to another database: it is missing now.
    pub const MOVE_FROM: Self = Self::generic("move_from");
    /// The key was moved from another database.
    pub const MOVE_TO: Self = Self::generic("move_to");
    /// The key has a copy of the value of another.
    pub const COPY_TO: Self = Self::generic("copy_to");
    /// The key was removed, because it had expired.
    pub const EXPIRED: Self = Self { name: "expired", class: b'x' };
    /// All keys of the database were removed. Redis has no such event.
    pub const FLUSHDB: Self = Self { name: "flushdb", class: 0 };
    /// The database has the keys of another. Redis has no such event.
    pub const SWAPDB: Self = Self { name: "swapdb", class: 0 };

    const fn string(name: &'static str) -> Self {
        Self { name, class: b'$' }
    }

    const fn generic(name: &'static str) -> Self {
        Self { name, class: b'g' }
    }

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Returns the letter of the class of the event in `notify-keyspace-events`; `None` if Redis does not notify of it.
    pub const fn class(self) -> Option<char> {
        if self.class == 0 { None } else { Some(self.class as char) }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A change of one key, or of a database as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub(super) database: usize,
    pub(super) key: Option<Bytes>,
    pub(super) event: Event,
}

impl Change {
    /// Returns the database.
    pub fn database(&self) -> usize {
        self.database
    }

    /// Returns the key; `None` if the database was changed as a whole.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Returns what happened.
    pub fn event(&self) -> Event {
        self.event
    }
}

/// The commands of one commit that changed something, in their order. [Applied](super::Store::apply) to a store with the
/// same state, they lead to the same state again.
///
/// A command is recorded as it came, with the time at which it ran. A command whose effect depends on chance, on the order of
/// hashes or on a setting is recorded by its effect. An entry that expired is recorded as a DEL.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub(super) time: Duration,
    pub(super) commands: Vec<(usize, Command)>,
}

impl Record {
    /// Creates a record of commands, each with its database, that ran at `time` since the Unix epoch.
    pub fn new(time: Duration, commands: Vec<(usize, Command)>) -> Self {
        Self { time, commands }
    }

    /// Returns the time since the Unix epoch at which the commands ran.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Returns the commands, each with its database.
    pub fn commands(&self) -> &[(usize, Command)] {
        &self.commands
    }
}

/// Is told of every change of a store: a journal, a replica, a cache that is invalidated.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use kvstore::{
///     protocol::Command,
///     store::{Change, Record, Sink, Store},
/// };
///
/// #[derive(Debug, Default)]
/// struct Names(Arc<Mutex<Vec<String>>>);
///
/// impl Sink for Names {
///     fn committed(&self, _: u64, _: &Record, changes: &[Change]) {
///         let names = changes.iter().map(|change| change.event().name().to_owned());
///         self.0.lock().expect("no panic under the lock").extend(names);
///     }
/// }
///
/// let names = Arc::default();
/// let store = Store::builder().sink(Names(Arc::clone(&names))).build();
/// store.execute(&Command::new("SET").with_args(["key", "value"]));
/// store.execute(&Command::new("GET").arg("key"));
/// store.execute(&Command::new("SETNX").with_args(["key", "other"]));
/// store.execute(&Command::new("DEL").arg("key"));
/// assert_eq!(*names.lock().expect("no panic under the lock"), ["set", "del"]);
/// ```
pub trait Sink: fmt::Debug + Send + Sync + 'static {
    /// Called once for each commit that changed something, while the locks of its keys are held. So two commits that share a
    /// key are told in their order, and `number`, which counts the commits of the store from 1, grows with them.
    ///
    /// Must return soon, and must not call the store.
    fn committed(&self, number: u64, record: &Record, changes: &[Change]);
}
