//! [`OutputLimit`]: how much a client may leave unread, by the class of the client.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use kvstore_protocol::Session;

/// The classes of clients that have limits of their own, as `client-output-buffer-limit` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientClass {
    /// A client without subscriptions.
    Normal,
    /// A replica. No client is one.
    Replica,
    /// A client that is subscribed to a channel or a pattern.
    PubSub,
}

impl ClientClass {
    /// The class of a client.
    pub fn of(session: &Session) -> Self {
        if session.is_subscribed() { Self::PubSub } else { Self::Normal }
    }
}

/// How many bytes a client may leave unread: answers and messages that were not written to its connection.
///
/// A limit of 0 is none.
///
/// ```
/// use std::time::Duration;
/// use kvstore::server::OutputLimit;
///
/// let limit = OutputLimit { hard: 32 << 20, soft: 8 << 20, soft_for: Duration::from_secs(60) };
/// # let _ = limit;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// The client is disconnected when there are more.
    pub hard: usize,
    /// The client is disconnected when there are more for [`soft_for`](Self::soft_for) without a break.
    pub soft: usize,
    /// For how long, in whole seconds.
    pub soft_for: Duration,
}

impl OutputLimit {
    pub(super) fn is_over_hard(&self, bytes: usize) -> bool {
        self.hard > 0 && bytes > self.hard
    }

    pub(super) fn is_over_soft(&self, bytes: usize) -> bool {
        self.soft > 0 && bytes > self.soft
    }
}

/// The limits of all classes.
#[derive(Debug)]
pub(super) struct OutputLimits([Limit; 3]);

#[derive(Debug)]
struct Limit {
    hard: AtomicUsize,
    soft: AtomicUsize,
    seconds: AtomicU64,
}

const MIB: usize = 1 << 20;

/// The most bytes of messages that wait for a client, if nothing else is set.
pub(crate) const MESSAGE_LIMIT: usize = 32 * MIB;

/// Those of Redis.
impl Default for OutputLimits {
    fn default() -> Self {
        let limit = |hard, soft, seconds| Limit {
            hard: AtomicUsize::new(hard),
            soft: AtomicUsize::new(soft),
            seconds: AtomicU64::new(seconds),
        };
        Self([limit(0, 0, 0), limit(256 * MIB, 64 * MIB, 60), limit(MESSAGE_LIMIT, 8 * MIB, 60)])
    }
}

impl OutputLimits {
    pub(super) fn get(&self, class: ClientClass) -> OutputLimit {
        let Limit { hard, soft, seconds } = &self.0[class as usize];
        OutputLimit {
            hard: hard.load(Ordering::Relaxed),
            soft: soft.load(Ordering::Relaxed),
            soft_for: Duration::from_secs(seconds.load(Ordering::Relaxed)),
        }
    }

    pub(super) fn set(&self, class: ClientClass, limit: OutputLimit) {
        let Limit { hard, soft, seconds } = &self.0[class as usize];
        hard.store(limit.hard, Ordering::Relaxed);
        soft.store(limit.soft, Ordering::Relaxed);
        seconds.store(limit.soft_for.as_secs(), Ordering::Relaxed);
    }
}
