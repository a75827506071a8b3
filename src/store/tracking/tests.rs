//! Clients that keep what they read, while others change it: none keeps an old value.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use fastrand::Rng;
use kvstore_protocol::{
    Command, Peer, Protocol, Response, Session,
    mailbox::{Inbox, mailbox},
};

use crate::store::{Store, testing::TestStore};

const KEYS: u32 = 20;

/// A connection that keeps what it reads until it is told to forget it.
struct Cache {
    store: Store,
    session: Arc<Session>,
    inbox: Inbox,
    answered: u64,
    values: HashMap<String, Response>,
}

impl Cache {
    fn new(store: &Store, options: &str) -> Self {
        let (mailbox, inbox) = mailbox(1);
        let mut session = Session::new(1, Peer::Memory, Peer::Memory, mailbox);
        session.set_protocol(Protocol::Resp3);
        let mut cache =
            Self { store: store.clone(), session: session.into(), inbox, answered: 0, values: HashMap::new() };
        let on = format!("TRACKING ON {options}");
        assert_eq!(cache.ask(Command::new("CLIENT").with_args(on.split_whitespace())), Response::ok());
        cache
    }

    /// Executes a command, and takes messages in front of its answer and behind it, as a connection does.
    fn ask(&mut self, command: Command) -> Response {
        let answer = self.store.execute(&command.in_session(self.session.clone(), self.answered + 1));
        // Others change what was read, before the answer is taken.
        thread::yield_now();
        self.take_messages();
        self.answered += 1;
        answer
    }

    fn take_messages(&mut self) {
        let session = Arc::make_mut(&mut self.session);
        self.inbox.take().changes.into_iter().for_each(|change| change(session));
        while let Some(message) = self.inbox.next_message(self.answered) {
            let Response::Push(items) = message.unpacked() else { panic!("a push") };
            match &items[1] {
                Response::Array(keys) => keys.iter().for_each(|key| _ = self.values.remove(&text(key))),
                _ => self.values.clear(),
            }
        }
    }

    fn read(&mut self, key: &str) {
        if !self.values.contains_key(key) {
            let value = self.ask(Command::new("GET").arg(key));
            self.values.insert(key.to_owned(), value);
        }
        self.take_messages();
    }

    fn check(&mut self) {
        self.take_messages();
        for (key, value) in &self.values {
            assert_eq!(*value, self.store.execute(&Command::new("GET").arg(key)), "{key}");
        }
    }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(response.as_bytes().expect("a text")).into_owned()
}

fn random_key(random: &mut Rng) -> String {
    format!("key:{}", random.u32(..KEYS))
}

fn change(random: &mut Rng, number: u32) -> Command {
    let key = random_key(random);
    match random.u32(..400) {
        0 => Command::new("FLUSHDB"),
        1..20 => Command::new("DEL").arg(key),
        20..40 => Command::new("RENAME").arg(key).arg(random_key(random)),
        40..60 => Command::new("MSET").arg(key).arg(number).arg(random_key(random)).arg(number),
        60..80 => Command::new("COPY").arg(key).arg(random_key(random)).arg("REPLACE"),
        _ => Command::new("SET").arg(key).arg(number),
    }
}

/// Clients with these options read while others change what they read.
fn run(threads: usize, options: &'static str, max_keys: usize) {
    let store = TestStore::with_threads(threads);
    store.answer(&format!("CONFIG SET tracking-table-max-keys {max_keys}"));
    let (store, is_over) = (store.store(), AtomicBool::new(false));
    let mut caches = thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|seed| {
                let mut cache = Cache::new(store, options);
                scope.spawn({
                    let is_over = &is_over;
                    move || {
                        let mut random = Rng::with_seed(seed);
                        while !is_over.load(Ordering::Relaxed) {
                            cache.read(&random_key(&mut random));
                        }
                        (0..KEYS).for_each(|number| cache.read(&format!("key:{number}")));
                        cache
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (10..12)
            .map(|seed| {
                scope.spawn(move || {
                    let mut random = Rng::with_seed(seed);
                    (0..2000).for_each(|number| _ = store.execute(&change(&mut random, number)));
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
        is_over.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().expect("no panic")).collect::<Vec<_>>()
    });
    store.handle.send_notices();
    caches.iter_mut().for_each(Cache::check);
    let kept: HashSet<_> = caches.iter().flat_map(|cache| cache.values.keys()).collect();
    assert!(!kept.is_empty());
}

#[test]
fn no_client_keeps_an_old_value() {
    for threads in [1, 8] {
        run(threads, "", 0);
        run(threads, "NOLOOP", 5);
        run(threads, "BCAST", 0);
        run(
            threads,
            "BCAST PREFIX key:1 PREFIX key:2 PREFIX key:3 PREFIX key:4 PREFIX key:5 PREFIX key:6 PREFIX key:7 \
             PREFIX key:8 PREFIX key:9 PREFIX key:0",
            0,
        );
    }
}
