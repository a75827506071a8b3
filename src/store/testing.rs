//! [`TestStore`]: a store whose clock stands still until a test advances it. [`TestClient`]: a connection of one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kvstore_protocol::{
    Command, Peer, Protocol, Response, Session,
    mailbox::{Inbox, mailbox},
};
use parking_lot::Mutex;

use super::{
    Builder, Change, Clock, EXPIRE_BATCH, OpenError, Record, Sink, Store,
    disk::simulated::SimulatedDisk,
    execute::{Attempt, Patience, Stopped},
    journal::Settings,
    shard::Entry,
    value::{DataType, End, Hash, List, Set, SortedSet, Stream, StreamId, StringRef, stream},
};

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
        Self::built(|builder| builder.threads(threads))
    }

    /// A store with settings of its own.
    pub(crate) fn built(build: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = ManualClock(Arc::new(AtomicU64::new(START)));
        let builder = Store::builder().clock(clock.clone()).seed(1).threads(2).config("Port", "7000");
        Self { store: build(builder).build(), clock, database: 0 }
    }

    /// A store for so many threads, whose journal is on this disk.
    pub(crate) fn durable(
        disk: &SimulatedDisk,
        settings: impl Into<Option<Settings>>,
        threads: usize,
    ) -> Result<Self, OpenError> {
        let clock = ManualClock(Arc::new(AtomicU64::new(START)));
        let builder = Store::builder().clock(clock.clone()).threads(threads);
        Ok(Self { store: builder.open_on(Arc::new(disk.clone()), settings.into())?, clock, database: 0 })
    }

    /// A store, and what it tells of its changes.
    pub(crate) fn observed() -> (Self, Told) {
        Self::observed_with_threads(2)
    }

    /// The same for so many threads.
    pub(crate) fn observed_with_threads(threads: usize) -> (Self, Told) {
        let told = Told::default();
        (Self::built(|builder| builder.threads(threads).sink(told.clone())), told)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A new connection.
    pub(crate) fn client(&self) -> TestClient<'_> {
        let (mailbox, inbox) = mailbox(16);
        TestClient { store: self, session: Session::new(1, Peer::Memory, Peer::Memory, mailbox), inbox }
    }

    /// Every entry, expired ones too: its database and its key, and its value, expiry and encoding as a text.
    pub(crate) fn entries(&self) -> BTreeMap<(usize, Vec<u8>), String> {
        let (mut entries, databases) = (BTreeMap::new(), &self.store.handle.databases);
        for index in databases.all_shards() {
            let shard = databases.lock_any(index);
            for entry in (0..shard.len()).filter_map(|number| shard.nth(number)) {
                let shown = format!("{} {:?} {}", shown(entry), entry.expires_at(), entry.encoding());
                entries.insert((databases.database_of(index), entry.key().to_vec()), shown);
            }
        }
        entries
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

    /// Executes a command of words between spaces.
    pub(crate) fn answer(&self, line: &str) -> Response {
        self.answer_to(command(line))
    }

    pub(crate) fn answer_to(&self, command: Command) -> Response {
        let mut session = Session::default();
        session.set_database(self.database);
        self.store.execute(&command.in_session(session.into(), 1))
    }

    /// Whether a command is not executed where connections wait, because it takes long.
    pub(crate) fn postpones(&self, command: &Command) -> bool {
        let mut attempt = Attempt::new(Patience::Short);
        let _ = self.store.handle.attempt(command, &mut attempt);
        matches!(attempt.stopped, Some(Stopped::Long | Stopped::Moved(_)))
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

/// The value of an entry as a text. Elements without an order are sorted.
fn shown(entry: Entry<'_>) -> String {
    if let Ok(string) = entry.string() {
        return StringRef::answer(Some(string)).to_string();
    }
    let mut elements = Vec::new();
    let mut push = |element: &[u8], data: String| elements.push(format!("{} {data}", element.escape_ascii()));
    if let Ok(hash) = Hash::read(entry) {
        hash.for_each_expiring(|field, value, expires_at| {
            let expiry = expires_at.map(|at| format!(" until {at}")).unwrap_or_default();
            push(field, format!("{}{expiry}", value.escape_ascii()));
        });
        elements.sort();
    } else if let Ok(set) = Set::read(entry) {
        set.for_each(|member| push(member, String::new()));
        elements.sort();
    } else if let Ok(set) = SortedSet::read(entry) {
        set.for_each(|member, score| push(member, score.to_string()));
    } else if let Ok(list) = List::read(entry) {
        list.visit(0..list.len(), End::Head, |element| {
            push(&element.text(), String::new());
            true
        });
    } else if let Ok(log) = Stream::read(entry) {
        return shown_stream(log);
    }
    format!("{}{elements:?}", entry.type_name())
}

/// A stream as a text. When a consumer was seen is no state, like an access time.
fn shown_stream(log: &stream::Log) -> String {
    let mut shown = format!("stream {:?}", log.counters());
    log.visit(StreamId::MIN, StreamId::MAX, |entry| {
        shown += &format!(" {:?}", entry.id());
        entry.for_each(|field, value| shown += &format!(" {field:?}={value:?}"));
        true
    });
    for group in log.groups() {
        shown += &format!(" group {:?} {:?} {:?}", group.name(), group.last_id, group.entries_read);
        for (id, pending) in group.pending_from(StreamId::MIN) {
            let name = group.consumer(pending.consumer()).name();
            shown += &format!(" {id:?} {name:?} {} {}", pending.delivered, pending.deliveries);
        }
        for (_, consumer) in group.consumers() {
            let pending: Vec<_> = consumer.pending_from(StreamId::MIN).collect();
            shown += &format!(" consumer {:?} {:?} {pending:?}", consumer.name(), consumer.active);
        }
    }
    shown
}

/// A command of words between spaces; `''` is an empty word.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split(' ').map(|word| if word == "''" { "" } else { word });
    Command::new(words.next().expect("a name")).with_args(words)
}

/// A connection: a session that the commands change, and that the store queues transactions for.
pub(crate) struct TestClient<'a> {
    store: &'a TestStore,
    session: Session,
    inbox: Inbox,
}

impl TestClient<'_> {
    /// Executes a command of words between spaces.
    pub(crate) fn answer(&mut self, line: &str) -> Response {
        self.answer_to(command(line))
    }

    pub(crate) fn answer_to(&mut self, command: Command) -> Response {
        let answer = self.store.store.execute(&command.in_session(self.session.clone().into(), 1));
        self.inbox.take().changes.into_iter().for_each(|change| change(&mut self.session));
        answer
    }

    /// A command of this connection.
    pub(crate) fn command(&self, line: &str) -> Command {
        command(line).in_session(self.session.clone().into(), 1)
    }

    /// Whether a command is not executed where connections wait, because it takes long.
    pub(crate) fn postpones(&mut self, line: &str) -> bool {
        self.store.postpones(&command(line).in_session(self.session.clone().into(), 1))
    }

    /// Takes the messages that were sent behind the answers.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        self.responses().iter().map(ToString::to_string).collect()
    }

    /// The same as they were sent.
    pub(crate) fn responses(&mut self) -> Vec<Response> {
        self.inbox.take().changes.into_iter().for_each(|change| change(&mut self.session));
        std::iter::from_fn(|| self.inbox.next_message(1)).collect()
    }

    pub(crate) fn set_protocol(&mut self, protocol: Protocol) {
        self.session.set_protocol(protocol);
    }

    pub(crate) fn select(&mut self, database: usize) {
        self.session.set_database(database);
    }

    /// Executes each command in turn, and compares its response.
    #[track_caller]
    pub(crate) fn check<'a>(&mut self, lines: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (line, expected) in lines {
            let shown = self.answer(line).to_string();
            assert_eq!(shown, expected, "{line}");
        }
    }
}

/// A sink that keeps what it is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<Commit>>>);

/// A record, and the changes that it made.
pub(crate) type Commit = (Record, Vec<Change>);

impl Sink for Told {
    fn committed(&self, number: u64, record: &Record, changes: &[Change]) {
        assert!(number > 0 && !changes.is_empty() && !record.commands().is_empty());
        self.0.lock().push((record.clone(), changes.to_vec()));
    }
}

impl Told {
    /// Takes what was told since the last time.
    pub(crate) fn take(&self) -> Vec<Commit> {
        std::mem::take(&mut *self.0.lock())
    }
}
