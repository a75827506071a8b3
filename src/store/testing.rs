//! [`TestStore`]: a store whose clock stands still until a test advances it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kvstore_protocol::{Command, Response, Session};

use super::{Clock, EXPIRE_BATCH, Store};

/// The start time of the clock, in milliseconds since the Unix epoch.
pub(crate) const START: u64 = 1_700_000_000_000;

/// A clock that is set by hand.
#[derive(Clone, Debug)]
struct ManualClock(Arc<AtomicU64>);

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A store, its clock, and the selected database of its client.
#[derive(Debug)]
pub(crate) struct TestStore {
    store: Store,
    clock: ManualClock,
    database: usize,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self::with_threads(2)
    }

    /// A store for so many threads.
    pub(crate) fn with_threads(threads: usize) -> Self {
        let clock = ManualClock(Arc::new(AtomicU64::new(START)));
        let store = Store::builder().clock(clock.clone()).threads(threads).config("Port", "7000").build();
        Self { store, clock, database: 0 }
    }

    /// Advances the clock by so many milliseconds.
    pub(crate) fn pass(&self, milliseconds: u64) {
        self.clock.0.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Runs one cycle of active expiry.
    pub(crate) fn remove_expired(&self) {
        self.store.handle.remove_expired(EXPIRE_BATCH);
    }

    pub(crate) fn select(&mut self, database: usize) {
        self.database = database;
    }

    /// Executes a command of words between spaces; `''` is an empty word.
    pub(crate) fn answer(&self, line: &str) -> Response {
        let mut words = line.split(' ').map(|word| if word == "''" { "" } else { word });
        self.answer_to(Command::new(words.next().expect("a name")).with_args(words))
    }

    pub(crate) fn answer_to(&self, command: Command) -> Response {
        let mut session = Session::default();
        session.set_database(self.database);
        self.store.execute(&command.in_session(session.into(), 1))
    }

    /// Executes each command in turn, and compares its response, as [`Response`] displays it.
    #[track_caller]
    pub(crate) fn check<'a>(&self, lines: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (line, expected) in lines {
            let shown = self.answer(line).to_string();
            assert_eq!(shown, expected, "{line}");
        }
    }
}
