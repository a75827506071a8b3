//! [`Journals`]: the journal of a store, which CONFIG SET ends and begins.

use std::{iter, sync::OnceLock};

use parking_lot::Mutex;

use super::{Fsync, Journal, Settings};

/// The journals of a store: at most the last one takes commits. Those that have ended stay, since answers may still wait for them.
#[derive(Debug)]
pub(in super::super) struct Journals {
    first: OnceLock<Box<Link>>,
    /// Those of the journal, or of the next one.
    settings: Mutex<Settings>,
}

#[derive(Debug)]
struct Link {
    journal: Journal,
    next: OnceLock<Box<Link>>,
}

impl Default for Journals {
    fn default() -> Self {
        Self { first: OnceLock::new(), settings: Mutex::new(Settings::new(Fsync::default())) }
    }
}

impl Journals {
    /// The journal that was begun last. It may have ended.
    #[inline]
    pub(in super::super) fn last(&self) -> Option<&Journal> {
        let mut last = self.first.get()?;
        while let Some(next) = last.next.get() {
            last = next;
        }
        Some(&last.journal)
    }

    /// Adds a journal. The one before has ended, and no other is added at the same time.
    pub(in super::super) fn add(&self, journal: Journal) {
        let links = iter::successors(self.first.get(), |link| link.next.get());
        let place = links.last().map_or(&self.first, |last| &last.next);
        place.set(Box::new(Link { journal, next: OnceLock::new() })).expect("one journal is added at a time");
    }

    pub(in super::super) fn settings(&self) -> Settings {
        *self.settings.lock()
    }

    pub(in super::super) fn set_settings(&self, settings: Settings) {
        *self.settings.lock() = settings;
    }

    /// Sets when a journal is synced that is begun from now on.
    pub(in super::super) fn set_policy(&self, policy: Fsync) {
        self.settings.lock().policy = policy;
    }
}
