//! [`TrafficCounts`]: the bytes that a server has read and written, and [`Rates`]: what it does in a second.

use std::{
    convert::Infallible,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kvstore_middleware::PerThread;
use tokio::time::{Instant, sleep};

use super::state::ServerState;

/// What a server has read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// The bytes that were read.
    pub input: u64,
    /// The bytes that were written.
    pub output: u64,
    /// How often something was read.
    pub reads: u64,
    /// How often something was written.
    pub writes: u64,
}

/// What a server did within about a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// Commands a second; 0 if [they are not counted](super::Serve::command_stats).
    pub commands: f64,
    /// Bytes that are read a second.
    pub input: f64,
    /// Bytes that are written a second.
    pub output: f64,
}

/// The counts of all threads.
#[derive(Debug, Default)]
pub(super) struct TrafficCounts {
    by_thread: PerThread<ThreadTraffic>,
    /// What was counted at the last reset.
    before: Mutex<Traffic>,
}

/// Only its thread writes it.
#[derive(Debug, Default)]
#[repr(align(64))]
struct ThreadTraffic {
    input: AtomicU64,
    output: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl TrafficCounts {
    #[inline]
    pub(super) fn count_read(&self, bytes: usize) {
        let counts = self.by_thread.get();
        add(&counts.input, bytes as u64);
        add(&counts.reads, 1);
    }

    #[inline]
    pub(super) fn count_write(&self, bytes: usize) {
        let counts = self.by_thread.get();
        add(&counts.output, bytes as u64);
        add(&counts.writes, 1);
    }

    /// What was counted since the last reset.
    pub(super) fn get(&self) -> Traffic {
        let (all, before) = (self.all(), *lock(&self.before));
        Traffic {
            input: all.input - before.input,
            output: all.output - before.output,
            reads: all.reads - before.reads,
            writes: all.writes - before.writes,
        }
    }

    pub(super) fn reset(&self) {
        *lock(&self.before) = self.all();
    }

    fn all(&self) -> Traffic {
        self.by_thread.iter().fold(Traffic::default(), |sum, counts| Traffic {
            input: sum.input + counts.input.load(Ordering::Relaxed),
            output: sum.output + counts.output.load(Ordering::Relaxed),
            reads: sum.reads + counts.reads.load(Ordering::Relaxed),
            writes: sum.writes + counts.writes.load(Ordering::Relaxed),
        })
    }
}

/// Adds to a count that only this thread writes.
#[inline]
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

/// The rates, as they were measured last.
#[derive(Debug, Default)]
pub(super) struct RateMeter(Mutex<Rates>);

impl RateMeter {
    pub(super) fn get(&self) -> Rates {
        *lock(&self.0)
    }

    /// Measures the rates of a server once a second.
    pub(super) async fn measure(&self, state: &ServerState) -> Infallible {
        let mut last = (Instant::now(), state.runtime.traffic.all(), state.total_commands());
        loop {
            sleep(Duration::from_secs(1)).await;
            let now = (Instant::now(), state.runtime.traffic.all(), state.total_commands());
            let seconds = now.0.duration_since(last.0).as_secs_f64().max(0.001);
            let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
            *lock(&self.0) = Rates {
                commands: rate(last.2, now.2),
                input: rate(last.1.input, now.1.input),
                output: rate(last.1.output, now.1.output),
            };
            last = now;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
