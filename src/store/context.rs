//! [`Context`]: everything a command may depend on beside its arguments and its slots.

use std::{cell::Cell, time::Duration};

use kvstore_protocol::Session;

use super::clock::Clock;

/// The circumstances of one command: its session, the time, a random seed.
///
/// A command reads no clock and no generator of its own. Both are read here at most once a command, and only when a
/// command asks: whoever records a command to run it again records what was read.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    session: &'a Session,
    clock: &'a dyn Clock,
    now: Cell<Option<Duration>>,
    seed: Cell<Option<u64>>,
    /// The second that the store last noted, for the age of entries.
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

    /// The time since 1970. The same throughout the command.
    pub(crate) fn time(&self) -> Duration {
        self.now.get().unwrap_or_else(|| {
            let now = self.clock.now();
            self.now.set(Some(now));
            now
        })
    }

    /// The time in milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.time().as_millis() as u64
    }

    /// A random number. The same throughout the command.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.get().unwrap_or_else(|| {
            let seed = fastrand::u64(..);
            self.seed.set(Some(seed));
            seed
        })
    }

    /// The time in seconds since 1970, as fine as the age of entries needs it.
    #[inline]
    pub(crate) fn lru_clock(&self) -> u32 {
        self.lru_clock
    }
}
