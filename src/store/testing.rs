//! What the tests of the store share: a store whose clock stands still until it is told to go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kvstore_protocol::{Command, Response, Session};

use super::{Clock, EXPIRE_BATCH, Store};

/// When the clock of a test starts, in milliseconds since 1970.
pub(crate) const START: u64 = 1_700_000_000_000;

/// A clock that is set by hand.
#[derive(Clone, Debug)]
struct ManualClock(Arc<AtomicU64>);

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A store, its clock, and what a client of it has selected.
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

    /// With a store for so many threads.
    pub(crate) fn with_threads(threads: usize) -> Self {
        let clock = ManualClock(Arc::new(AtomicU64::new(START)));
        let store = Store::builder().clock(clock.clone()).threads(threads).config("Port", "7000").build();
        Self { store, clock, database: 0 }
    }

    /// Lets so many milliseconds pass.
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

    /// The answer to words between spaces; `''` is an empty word.
    pub(crate) fn answer(&self, line: &str) -> Response {
        let mut words = line.split(' ').map(|word| if word == "''" { "" } else { word });
        self.answer_to(Command::new(words.next().expect("a name")).with_args(words))
    }

    pub(crate) fn answer_to(&self, command: Command) -> Response {
        let mut session = Session::default();
        session.set_database(self.database);
        self.store.execute(&command.in_session(session.into(), 1))
    }

    /// Asserts what each line is answered with, in turn, as [`Response`] is shown.
    #[track_caller]
    pub(crate) fn check<'a>(&self, lines: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (line, expected) in lines {
            let shown = self.answer(line).to_string();
            assert_eq!(shown, expected, "{line}");
        }
    }
}
