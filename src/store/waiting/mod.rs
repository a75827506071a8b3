//! Commands that wait for keys: BLPOP and its kin, and WAIT.
//!
//! The function of such a command calls [`Call::wait`] if there is nothing for it. The command then stands in the queue of each
//! of its keys, which it enters while their locks are held. Whoever changes a key serves its queue before it gives the locks
//! back, so nobody overtakes: it runs the function of each command again, first come first served, until there is nothing left.
//!
//! - [`Wait`] what a command asks for; `waiter` a command that waits, as it is shared by its future and the queues; `turn` who
//!   ends its waiting
//! - `queues` the queues of all keys; `serve` how they are served
//! - `parked` the future of a command that waits; `synced` one that waits for the disk
//!
//! [`Call::wait`]: super::call::Call::wait

mod parked;
mod queues;
#[cfg(test)]
mod schedules;
mod serve;
mod synced;
#[cfg(test)]
mod tests;
mod turn;
mod waiter;

/// The lock of a [`turn`], which a test replaces.
mod sync {
    pub(super) use parking_lot::Mutex;
}

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use kvstore_protocol::{Command, Response};

pub(super) use parked::{Parked, Place};
pub(super) use queues::WaitQueues;
pub(super) use synced::NO_JOURNAL;
pub(super) use waiter::Waiter;

/// The name of a key, and its database.
type KeyName = (usize, Bytes);

/// What a command waits for.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) what: Awaited,
    /// For how long; `None` for ever.
    pub(crate) timeout: Option<Duration>,
    /// The answer when the time is over.
    pub(crate) on_timeout: Response,
    /// What is executed when it is served, if that is not the command as it came.
    pub(crate) instead: Option<Command>,
    /// A name that it shares with others for which there is nothing when there is nothing for one of them.
    pub(crate) group: Option<Bytes>,
    /// When it is executed again though nothing has changed, because what it wants comes with time.
    pub(crate) again: Option<Again>,
}

/// Times at which a command that waits is executed again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    /// For the first time.
    pub(crate) after: Duration,
    /// From then on.
    pub(crate) every: Duration,
}

/// The keys that a command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A value of this type in any of the keys of the command. It is served with those of its keys that the commit has changed.
    Any(&'static str),
    /// Any change of any of the keys of the command, also that it is removed. It is served like that.
    Change,
    /// A value of this type in the first key of the command. It is served with all its keys.
    First(&'static str),
    /// A commit to be on disk. It is answered then if that is enough, and when its time ends otherwise.
    Sync {
        /// The number of the commit.
        number: u64,
        is_enough: bool,
    },
    /// Nothing: only its time ends.
    Time,
}

impl Wait {
    /// Waits for ever, and answers `on_timeout` if the client is told to wait no longer.
    pub(crate) const fn new(what: Awaited, on_timeout: Response) -> Self {
        Self { what, timeout: None, on_timeout, instead: None, group: None, again: None }
    }

    /// The same for at most this time, if there is one.
    pub(crate) fn for_at_most(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }

    /// The same for a command for which there is nothing when there is nothing for another of its group.
    pub(crate) fn in_group(self, group: Option<Bytes>) -> Self {
        Self { group, ..self }
    }

    /// The same for a command that is executed again at these times.
    pub(crate) fn trying_again(self, again: Option<Again>) -> Self {
        Self { again, ..self }
    }

    /// The same for a command that is executed as another when it is served.
    pub(crate) fn executing(self, instead: Option<Command>) -> Self {
        Self { instead, ..self }
    }
}

impl Awaited {
    /// Whether a value of this type may end the waiting, or that there is none.
    fn is(self, type_name: Option<&str>) -> bool {
        match self {
            Self::Any(awaited) | Self::First(awaited) => type_name == Some(awaited),
            Self::Change => true,
            Self::Sync { .. } | Self::Time => false,
        }
    }
}

/// What a commit does with commands that wait.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// What the command itself wants to wait for.
    pub(super) wanted: Option<Wait>,
    /// The keys that the commit has changed, and that others wait for.
    changed: Vec<KeyName>,
    /// Those of them that are not served yet.
    ready: VecDeque<KeyName>,
    /// The commands that are served. They are answered when this is dropped, after the locks.
    served: Vec<waiter::Served>,
}
