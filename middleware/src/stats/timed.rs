//! [`TimedCommand`]: a command whose time is taken.

use std::{task::Poll, time::Duration};

use super::CommandStats;
use crate::stopwatch::Stopwatch;

/// A command whose time is taken.
#[derive(Debug)]
pub(super) struct TimedCommand {
    stopwatch: Stopwatch,
    pub(super) stats: CommandStats,
    /// Of how many commands this is a sample.
    pub(super) weight: u32,
    /// The name, if the command counts by its name.
    pub(super) name: Option<Box<str>>,
}

impl TimedCommand {
    pub(super) fn start(stats: CommandStats, weight: u32, name: Option<Box<str>>) -> Box<Self> {
        Box::new(Self { stopwatch: Stopwatch::start(), stats, weight, name })
    }

    pub(super) fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.stopwatch.poll(poll)
    }

    /// The time of all commands that this is a sample of.
    pub(super) fn elapsed(&self) -> Duration {
        self.stopwatch.elapsed() * self.weight
    }
}
