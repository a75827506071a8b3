//! [`Clock`]: the source of the time.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// The source of the time of a store. The default is [`SystemClock`]; a test or a simulation brings its own.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time since the Unix epoch.
    fn now(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

/// A clock that advances with tokio's, so that keys expire in a test with paused time.
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
    /// Creates a clock that shows the time of the operating system now.
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
