//! [`Clock`]: the time, handed in.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// Tells a store the time. The default is the machine's; a test or a simulation brings its own.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time since 1970-01-01 00:00 UTC.
    fn now(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

/// A clock that goes as tokio's does, so that a test with paused time can let keys expire.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(async {
/// use kvstore::store::{Clock, TokioClock};
///
/// let clock = TokioClock::new();
/// assert!(clock.now() <= clock.now());
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    started: tokio::time::Instant,
    offset: Duration,
}

impl TokioClock {
    /// A clock that shows the machine's time now.
    pub fn new() -> Self {
        Self { started: tokio::time::Instant::now(), offset: SystemClock.now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.offset + self.started.elapsed()
    }
}
