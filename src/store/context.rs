//! [`Context`]: what a command may depend on besides its arguments and its slots.

use std::{cell::Cell, time::Duration};

use kvstore_protocol::Session;

use super::clock::Clock;

/// The session of a command, the time, and a random seed.
///
/// A command reads no clock and no random generator itself. Each is read here at most once for a command, and only if the
/// command needs it, so that a recorded command can be replayed with what was read.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    session: &'a Session,
    clock: &'a dyn Clock,
    now: Cell<Option<Duration>>,
    seed: Cell<Option<u64>>,
    lru_clock: u32,
}

impl<'a> Context<'a> {
    pub(crate) fn new(session: &'a Session, clock: &'a dyn Clock, lru_clock: u32) -> Self {
        Self { session, clock, now: Cell::new(None), seed: Cell::new(None), lru_clock }
    }

    /// The session of the client.
    pub(crate) fn session(&self) -> &'a Session {
        self.session
    }

    /// The time since the Unix epoch. It does not change during the command.
    pub(crate) fn time(&self) -> Duration {
        self.now.get().unwrap_or_else(|| {
            let now = self.clock.now();
            self.now.set(Some(now));
            now
        })
    }

    /// The time in milliseconds since the Unix epoch.
    pub(crate) fn now(&self) -> u64 {
        self.time().as_millis() as u64
    }

    /// A random number. It does not change during the command.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.get().unwrap_or_else(|| {
            let seed = fastrand::u64(..);
            self.seed.set(Some(seed));
            seed
        })
    }

    /// The LRU clock: the time in seconds since the Unix epoch, up to a tenth of a second old.
    #[inline]
    pub(crate) fn lru_clock(&self) -> u32 {
        self.lru_clock
    }
}
