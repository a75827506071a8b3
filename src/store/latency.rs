//! [`Latency`]: which events took long, for LATENCY.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    clock::Clock,
    observers::{Interests, Observers},
};

/// The most samples of an event.
const SAMPLES: usize = 160;

/// What may take long, under the names of Redis.
pub(super) mod event {
    pub(in super::super) const COMMAND: &str = "command";
    /// A command that takes constant or logarithmic time.
    pub(in super::super) const FAST_COMMAND: &str = "fast-command";
    pub(in super::super) const EXPIRE_CYCLE: &str = "expire-cycle";
    pub(in super::super) const AOF_WRITE: &str = "aof-write";
    pub(in super::super) const AOF_FSYNC_ALWAYS: &str = "aof-fsync-always";
}

/// The events that took as long as the threshold, or longer.
#[derive(Debug)]
pub(crate) struct Latency {
    observers: Arc<Observers>,
    clock: Arc<dyn Clock>,
    /// In milliseconds; 0 if nothing is measured.
    threshold: AtomicU64,
    events: Mutex<BTreeMap<&'static str, Series>>,
}

/// The samples of an event, at most one for each second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) samples: VecDeque<Sample>,
    /// The most milliseconds since the samples were reset.
    pub(crate) most: u64,
}

/// What an event took at most within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// In seconds since the Unix epoch.
    pub(crate) time: u64,
    pub(crate) milliseconds: u64,
}

impl Latency {
    pub(super) fn new(observers: Arc<Observers>, clock: Arc<dyn Clock>) -> Self {
        Self { observers, clock, threshold: AtomicU64::new(0), events: Mutex::default() }
    }

    /// The threshold in milliseconds; 0 if nothing is measured.
    pub(crate) fn threshold(&self) -> u64 {
        self.threshold.load(Ordering::Relaxed)
    }

    pub(crate) fn set_threshold(&self, milliseconds: u64) {
        self.threshold.store(milliseconds, Ordering::Relaxed);
        self.observers.set(Interests::LATENCY, milliseconds > 0);
    }

    /// Begins to measure, if anything is measured.
    pub(super) fn begin(&self) -> Option<Instant> {
        (self.threshold() > 0).then(Instant::now)
    }

    /// Notes the event that was measured.
    pub(super) fn end(&self, event: &'static str, began: Option<Instant>) {
        if let Some(began) = began {
            self.note(event, began.elapsed());
        }
    }

    fn note(&self, event: &'static str, took: Duration) {
        let (milliseconds, threshold) = (took.as_millis() as u64, self.threshold());
        if threshold > 0 && milliseconds >= threshold {
            let sample = Sample { time: self.clock.now().as_secs(), milliseconds };
            self.events.lock().entry(event).or_default().add(sample);
        }
    }

    /// All events, by name.
    pub(crate) fn events(&self) -> Vec<(&'static str, Series)> {
        self.events.lock().iter().map(|(event, series)| (*event, series.clone())).collect()
    }

    /// Forgets an event. Whether there was one.
    pub(crate) fn reset(&self, event: &str) -> bool {
        self.events.lock().remove(event).is_some()
    }
}

impl Series {
    fn add(&mut self, sample: Sample) {
        self.most = self.most.max(sample.milliseconds);
        match self.samples.back_mut().filter(|last| last.time == sample.time) {
            Some(last) => last.milliseconds = last.milliseconds.max(sample.milliseconds),
            None => {
                self.samples.push_back(sample);
                if self.samples.len() > SAMPLES {
                    self.samples.pop_front();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::clock::SystemClock;

    #[test]
    fn what_took_as_long_as_the_threshold_is_kept() {
        let latency = Latency::new(Arc::default(), Arc::new(SystemClock));
        latency.note(event::COMMAND, Duration::from_secs(1));
        assert!(latency.begin().is_none() && latency.events().is_empty());
        latency.set_threshold(10);
        latency.note(event::COMMAND, Duration::from_millis(9));
        assert!(latency.begin().is_some() && latency.events().is_empty());
        latency.note(event::COMMAND, Duration::from_millis(10));
        let [(event::COMMAND, series)] = &latency.events()[..] else { panic!("an event") };
        assert_eq!((series.most, series.samples[0].milliseconds), (10, 10));
        assert!(latency.reset(event::COMMAND) && !latency.reset(event::COMMAND));
    }

    #[test]
    fn a_second_has_one_sample_and_the_last_ones_are_kept() {
        let mut series = Series::default();
        for (time, milliseconds) in [(1, 5), (1, 7), (1, 6), (2, 3)] {
            series.add(Sample { time, milliseconds });
        }
        let last = Sample { time: 2, milliseconds: 3 };
        assert_eq!((series.most, series.samples.clone().into()), (7, vec![Sample { time: 1, milliseconds: 7 }, last]));
        (3..200).for_each(|time| series.add(Sample { time, milliseconds: 1 }));
        assert_eq!((series.samples.len(), series.most), (SAMPLES, 7));
    }
}
