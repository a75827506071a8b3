//! Measures how long a command takes, without the time in which it is parked.

use std::{task::Poll, time::Duration};

use kvstore_protocol::parking::{Parking, observe, seen};
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    /// How long the command was parked, without the current time.
    parked: Duration,
    parked_since: Option<Instant>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), parked: Duration::ZERO, parked_since: None }
    }

    /// Runs a poll of the command. The stopwatch stops while the command is parked.
    #[inline]
    pub(crate) fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let answer = observe(poll);
        if answer.is_pending() || self.parked_since.is_some() {
            self.note_parking(if answer.is_pending() { seen() } else { Parking::Busy });
        }
        answer
    }

    #[cold]
    fn note_parking(&mut self, parking: Parking) {
        match (parking, self.parked_since) {
            (Parking::Parked, None) => self.parked_since = Some(Instant::now()),
            // The client waits for the answer of a settled command, so that time counts.
            (Parking::Busy | Parking::Returning | Parking::Settled, Some(since)) => {
                self.parked += since.elapsed();
                self.parked_since = None;
            }
            _ => {}
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let now = Instant::now();
        let parked = self.parked + self.parked_since.map_or(Duration::ZERO, |since| now.duration_since(since));
        now.duration_since(self.started).saturating_sub(parked)
    }
}
