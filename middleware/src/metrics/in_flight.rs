//! A command that is measured.

use std::{sync::Arc, task::Poll};

use super::{
    handles::Handles,
    registry::{Registry, Table},
};
use crate::{outcome::Outcome, stopwatch::Stopwatch};

#[derive(Debug)]
pub(super) struct MeasuredCommand {
    handles: Arc<Handles>,
    stopwatch: Stopwatch,
    unknown: Option<Box<Unknown>>,
    is_counted: bool,
}

/// A name that becomes a label if the command is answered without an error.
#[derive(Debug)]
struct Unknown {
    name: Box<[u8]>,
    registry: Arc<Registry>,
}

impl MeasuredCommand {
    #[inline]
    pub(super) fn start(name: &[u8], table: &Table, registry: &Arc<Registry>) -> Self {
        let (handles, unknown) = match table.known(name) {
            Some(handles) => (handles, None),
            None => (table.other(), Unknown::new(name, table, registry)),
        };
        handles.start();
        Self { handles: Arc::clone(handles), stopwatch: Stopwatch::start(), unknown, is_counted: false }
    }

    #[inline]
    pub(super) fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.stopwatch.poll(poll)
    }

    #[inline]
    pub(super) fn finish(&mut self, outcome: Outcome<'_>) {
        self.is_counted = true;
        let duration = self.stopwatch.elapsed();
        self.handles.end();
        match self.unknown.take() {
            Some(unknown) if outcome == Outcome::Ok => {
                unknown.registry.learn(&unknown.name).count(outcome, duration);
            }
            _ => self.handles.count(outcome, duration),
        }
    }
}

impl Unknown {
    #[cold]
    fn new(name: &[u8], table: &Table, registry: &Arc<Registry>) -> Option<Box<Self>> {
        table.may_learn(name).then(|| Box::new(Self { name: name.into(), registry: Arc::clone(registry) }))
    }
}

/// The client disconnected, or an outer layer gave up.
impl Drop for MeasuredCommand {
    #[inline]
    fn drop(&mut self) {
        if !self.is_counted {
            self.finish(Outcome::Dropped);
        }
    }
}
