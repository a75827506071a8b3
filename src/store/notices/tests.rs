//! Keyspace events of commits on several threads.

use std::{collections::HashMap, thread};

use fastrand::Rng;
use kvstore_protocol::Response;

use super::{Notice, Notices};
use crate::store::{
    change::Event,
    testing::{TestStore, command},
};

type Events = HashMap<String, Vec<String>>;

#[test]
fn the_events_of_a_key_come_in_the_order_of_its_changes() {
    let (store, told) = TestStore::observed_with_threads(4);
    let mut subscriber = store.client();
    subscriber.answer("PSUBSCRIBE __keyspace@0__:*");
    store.check([("CONFIG SET notify-keyspace-events KA", "+OK")]);
    thread::scope(|scope| {
        for seed in 0..4 {
            let store = store.store();
            scope.spawn(move || {
                let mut random = Rng::with_seed(seed);
                for _ in 0..1000 {
                    let name =
                        random.choice(["SET {} v EX 9", "DEL {}", "APPEND {} x", "SETRANGE {} 0 y", "PERSIST {}"]);
                    let key = random.u32(..3).to_string();
                    store.execute(&command(&name.unwrap_or("PING").replace("{}", &key)));
                }
            });
        }
    });
    let mut changes = Events::new();
    for change in told.take().into_iter().flat_map(|(_, changes)| changes) {
        let key = String::from_utf8_lossy(change.key().expect("a key")).into_owned();
        changes.entry(key).or_default().push(change.event().name().to_owned());
    }
    assert_eq!(published(subscriber.responses()), changes);
}

#[test]
fn a_message_comes_behind_the_events_before_it() {
    let store = TestStore::new();
    let mut subscriber = store.client();
    subscriber.answer("SUBSCRIBE __keyevent@0__:set channel");
    store.check([("CONFIG SET notify-keyspace-events KEA", "+OK")]);
    // As another thread leaves it that has just given its locks back.
    let event = Notice::Event { database: 0, key: "k".into(), event: Event::SET };
    let state = &store.store().handle;
    state.outbox.push(Notices::new(vec![event], None, state));
    store.check([("PUBLISH channel message", ":1"), ("SET other v", "+OK")]);
    let last = |message: &String| message.rsplit(' ').next().map(str::to_owned);
    let told: Vec<_> = subscriber.messages().iter().filter_map(last).collect();
    assert_eq!(told, ["\"k\"]", "\"message\"]", "\"other\"]"]);
}

fn published(messages: Vec<Response>) -> Events {
    let mut events = Events::new();
    for message in messages {
        let Response::Push(items) = message.unpacked() else { panic!("a push") };
        let text = |index: usize| String::from_utf8_lossy(items[index].as_bytes().expect("a text")).into_owned();
        let key = text(2).strip_prefix("__keyspace@0__:").expect("a channel of a key").to_owned();
        events.entry(key).or_default().push(text(3));
    }
    events
}
