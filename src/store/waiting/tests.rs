//! Tests of commands that wait.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use kvstore_protocol::{
    Command, Peer, Response, Session,
    mailbox::{Inbox, Mailbox, Unblock, mailbox},
    parking::{Parking, observe, seen},
};
use tower::{Service, ServiceExt};

use crate::store::{
    ResponseFuture, Store,
    testing::{TestStore, command},
};

/// A command that was polled once.
struct Waiting {
    future: ResponseFuture,
    mailbox: Mailbox,
    _inbox: Inbox,
}

impl Waiting {
    fn begin(store: &TestStore, line: &str) -> Self {
        Self::begin_in(store, 0, line)
    }

    /// Begins a command in a database.
    fn begin_in(store: &TestStore, database: usize, line: &str) -> Self {
        let (mailbox, _inbox) = mailbox(16);
        let mut session = Session::new(1, Peer::Memory, Peer::Memory, mailbox.clone());
        session.set_database(database);
        let future = store.store().clone().call(command(line).in_session(session.into(), 1));
        let mut waiting = Self { future, mailbox, _inbox };
        assert_eq!(waiting.poll(), None, "{line}");
        waiting
    }

    fn poll(&mut self) -> Option<String> {
        let polled = observe(|| Pin::new(&mut self.future).poll(&mut Context::from_waker(Waker::noop())));
        match polled {
            Poll::Pending => {
                assert_eq!(seen(), Parking::Parked);
                None
            }
            Poll::Ready(Ok(answer)) => Some(answer.to_string()),
        }
    }

    #[track_caller]
    fn check(&mut self, expected: &str) {
        assert_eq!(self.poll().as_deref(), Some(expected));
    }
}

fn blocked(store: &TestStore) -> usize {
    store.store().handle.waiting.len()
}

#[test]
fn what_is_there_is_answered_at_once() {
    let store = TestStore::new();
    store.check([
        ("RPUSH l 1 2 3 4 5 6", ":6"),
        ("BLPOP none l 0", r#"["l", "1"]"#),
        ("BRPOP l none 0", r#"["l", "6"]"#),
        ("BLMPOP 0 2 none l LEFT COUNT 2", r#"["l", ["2", "3"]]"#),
        ("BLMOVE l m RIGHT LEFT 0", "\"5\""),
        ("BRPOPLPUSH l m 0", "\"4\""),
        ("LRANGE m 0 -1", r#"["4", "5"]"#),
        ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
        ("BZPOPMIN none z 0", r#"["z", "a", "1"]"#),
        ("BZPOPMAX z 0", r#"["z", "d", "4"]"#),
        ("BZMPOP 0 1 z MAX COUNT 5", r#"["z", [["c", 3], ["b", 2]]]"#),
        ("WAIT 0 0", ":0"),
    ]);
}

#[test]
fn without_a_future_and_in_a_transaction_nothing_waits() {
    let store = TestStore::new();
    let lines =
        ["BLPOP l 0", "BLMPOP 0 1 l LEFT", "BZPOPMIN z 0", "BZMPOP 0 1 z MIN", "BLMOVE l m LEFT LEFT 0", "WAIT 1 0"];
    let mut client = store.client();
    client.check([("MULTI", "+OK")]);
    for line in lines {
        store.check([(line, if line.starts_with("WAIT") { ":0" } else { "(nil)" })]);
        client.check([(line, "+QUEUED")]);
    }
    client.check([("EXEC", "[(nil), (nil), (nil), (nil), (nil), :0]")]);
    assert_eq!(blocked(&store), 0);
}

#[test]
fn refused_arguments_do_not_wait() {
    let store = TestStore::new();
    store.check([
        ("SET s v", "+OK"),
        ("BLPOP l x", "-ERR timeout is not a float or out of range"),
        ("BLPOP l -1", "-ERR timeout is negative"),
        ("BLPOP none s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("BLMOVE l m UP LEFT 0", "-ERR syntax error"),
        ("BLMPOP 0 0 l LEFT", "-ERR numkeys should be greater than 0"),
        ("BLMPOP 0 1 l LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("BZMPOP x 1 l MIN", "-ERR timeout is not a float or out of range"),
        ("BZMPOP 0 1 l UP", "-ERR syntax error"),
        ("WAIT x 0", "-ERR value is not an integer or out of range"),
        ("WAIT 1 -1", "-ERR timeout is negative"),
    ]);
}

#[test]
fn first_come_is_first_served() {
    let store = TestStore::new();
    let mut clients: Vec<_> = (0..3).map(|_| Waiting::begin(&store, "BLPOP l 0")).collect();
    assert_eq!(blocked(&store), 3);
    store.check([("RPUSH l a b", ":2"), ("EXISTS l", ":0")]);
    clients[0].check(r#"["l", "a"]"#);
    clients[1].check(r#"["l", "b"]"#);
    assert_eq!(clients[2].poll(), None);
    assert_eq!(blocked(&store), 1);
    clients.clear();
    assert_eq!(blocked(&store), 0);
}

/// Runs commands in one transaction.
fn run_together(store: &TestStore, lines: &[&str]) {
    let mut client = store.client();
    client.check([("MULTI", "+OK")]);
    lines.iter().for_each(|line| client.check([(*line, "+QUEUED")]));
    assert!(!client.answer("EXEC").is_error());
}

#[test]
fn of_keys_that_one_transaction_has_changed_the_first_of_the_command_is_served() {
    for (line, feed, answer) in [
        ("BLPOP a b 0", ["RPUSH b 1", "RPUSH a 2"], r#"["a", "2"]"#),
        ("BRPOP none a b 0", ["RPUSH b 1", "RPUSH a 2"], r#"["a", "2"]"#),
        ("BLMPOP 0 2 a b LEFT", ["RPUSH b 1", "RPUSH a 2"], r#"["a", ["2"]]"#),
        ("BZPOPMIN a b 0", ["ZADD b 1 x", "ZADD a 2 y"], r#"["a", "y", "2"]"#),
        ("BZMPOP 0 2 a b MIN", ["ZADD b 1 x", "ZADD a 2 y"], r#"["a", [["y", 2]]]"#),
    ] {
        for threads in [1, 8] {
            let store = TestStore::with_threads(threads);
            let mut client = Waiting::begin(&store, line);
            run_together(&store, &feed);
            client.check(answer);
            store.check([("EXISTS a", ":0"), ("EXISTS b", ":1")]);
        }
    }
    let store = TestStore::new();
    let mut clients = [0; 2].map(|_| Waiting::begin(&store, "BLPOP a b 0"));
    run_together(&store, &["RPUSH b 1 3", "RPUSH a 2"]);
    clients[0].check(r#"["a", "2"]"#);
    clients[1].check(r#"["b", "1"]"#);
    let mut client = Waiting::begin(&store, "BLPOP none 0");
    run_together(&store, &["SET other x", "RPUSH none 1"]);
    client.check(r#"["none", "1"]"#);
    let mut client = Waiting::begin(&store, "BLPOP a c 0");
    run_together(&store, &["SET a x", "RPUSH c 1"]);
    client.check("-WRONGTYPE Operation against a key holding the wrong kind of value");
    store.check([("LRANGE c 0 -1", r#"["1"]"#)]);
}

#[test]
fn readers_get_all_streams_that_one_transaction_or_script_has_added_to() {
    const SCRIPT: &str = "redis.call('XADD','b','1-1','f','v') redis.call('XADD','a','2-1','f','v')";
    const BOTH: &str = r#"[["a", [["2-1", ["f", "v"]]]], ["b", [["1-1", ["f", "v"]]]]]"#;
    for is_script in [false, true] {
        let store = TestStore::with_threads(8);
        store.check([("XGROUP CREATE a g $ MKSTREAM", "+OK"), ("XGROUP CREATE b g $ MKSTREAM", "+OK")]);
        let mut reader = Waiting::begin(&store, "XREAD BLOCK 0 STREAMS a b $ $");
        let mut other = Waiting::begin(&store, "XREAD BLOCK 0 STREAMS c a a b 0 0 9 0");
        let mut consumer = Waiting::begin(&store, "XREADGROUP GROUP g c BLOCK 0 STREAMS a b > >");
        let mut second = Waiting::begin(&store, "XREADGROUP GROUP g d BLOCK 0 STREAMS b a > >");
        if is_script {
            assert!(!store.answer_to(Command::new("EVAL").with_args([SCRIPT, "0"])).is_error());
        } else {
            run_together(&store, &["XADD b 1-1 f v", "XADD a 2-1 f v"]);
        }
        [&mut reader, &mut other, &mut consumer].into_iter().for_each(|reader| reader.check(BOTH));
        assert_eq!(second.poll(), None);
    }
}

#[test]
fn a_consumer_that_waits_is_served_by_entries_and_not_by_changes_of_groups() {
    let store = TestStore::new();
    store.check([("XADD s 1-0 a 1", "\"1-0\""), ("XGROUP CREATE s g $", "+OK")]);
    let mut reader = Waiting::begin(&store, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    for line in ["XGROUP SETID s g 0", "XGROUP CREATE s h 0", "XGROUP CREATECONSUMER s g c", "XSETID s 5-0"] {
        assert!(!store.answer(line).is_error(), "{line}");
        assert_eq!(reader.poll(), None, "{line}");
    }
    store.check([("XADD s 6-0 a 6", "\"6-0\"")]);
    reader.check(r#"[["s", [["1-0", ["a", "1"]], ["6-0", ["a", "6"]]]]]"#);
}

#[test]
fn a_client_waits_for_several_keys_and_takes_one() {
    let store = TestStore::new();
    let mut client = Waiting::begin(&store, "BRPOP a b a 0");
    let mut other = Waiting::begin(&store, "BLPOP b 0");
    store.check([("RPUSH b 1 2", ":2"), ("RPUSH a 3", ":1"), ("LRANGE a 0 -1", r#"["3"]"#)]);
    client.check(r#"["b", "2"]"#);
    other.check(r#"["b", "1"]"#);
}

#[test]
fn each_command_that_makes_a_key_ready_serves_it() {
    for (before, line) in [
        ("PING", "RPUSH l x"),
        ("PING", "LPUSH l x"),
        ("RPUSH m x", "RENAME m l"),
        ("RPUSH m x", "COPY m l"),
        ("RPUSH m x", "LMOVE m l LEFT LEFT"),
        ("RPUSH m x", "RPOPLPUSH m l"),
        ("RPUSH m x", "SORT m BY nosort STORE l"),
    ] {
        let store = TestStore::new();
        store.answer(before);
        let mut client = Waiting::begin(&store, "BLPOP l 0");
        assert!(!store.answer(line).is_error(), "{line}");
        client.check(r#"["l", "x"]"#);
        store.check([("EXISTS l", ":0")]);
    }
    for line in ["MOVE l 1", "COPY l l DB 1", "SWAPDB 0 1"] {
        let store = TestStore::new();
        let mut client = Waiting::begin_in(&store, 1, "BLPOP l 0");
        store.answer("RPUSH l x");
        assert_eq!(client.poll(), None);
        assert!(!store.answer(line).is_error(), "{line}");
        client.check(r#"["l", "x"]"#);
    }
    let store = TestStore::new();
    let mut client = Waiting::begin(&store, "BLPOP l 0");
    store.check([("RPUSH m x", ":1")]);
    let Response::Bulk(payload) = store.answer("DUMP m") else { panic!("a payload") };
    store.answer_to(Command::new("RESTORE").arg("l").arg("0").arg(&payload[..]));
    client.check(r#"["l", "x"]"#);
}

#[test]
fn a_list_is_served_in_the_millisecond_of_its_expiry() {
    let store = TestStore::new();
    let mut client = Waiting::begin(&store, "BLPOP l 0");
    store.check([("RPUSH m x", ":1"), ("PEXPIRE m 5", ":1")]);
    store.pass(5);
    store.check([("RENAME m l", "+OK")]);
    client.check(r#"["l", "x"]"#);
}

#[test]
fn sorted_sets_are_waited_for_by_their_own() {
    let store = TestStore::new();
    let mut list = Waiting::begin(&store, "BLPOP k 0");
    let mut least = Waiting::begin(&store, "BZPOPMIN k 0");
    let mut most = Waiting::begin(&store, "BZMPOP 0 2 j k MAX COUNT 2");
    store.check([("SET k v", "+OK"), ("DEL k", ":1"), ("ZADD k 1 a 2 b 3 c", ":3"), ("EXISTS k", ":0")]);
    least.check(r#"["k", "a", "1"]"#);
    most.check(r#"["k", [["c", 3], ["b", 2]]]"#);
    store.check([("RPUSH k x", ":1")]);
    list.check(r#"["k", "x"]"#);
}

#[test]
fn a_transaction_serves_when_it_is_over() {
    let store = TestStore::new();
    let (mut first, mut second) = (Waiting::begin(&store, "BLPOP l 0"), Waiting::begin(&store, "BLPOP m 0"));
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("RPUSH l a", "+QUEUED"), ("DEL l", "+QUEUED"), ("RPUSH m b c", "+QUEUED")]);
    client.check([("LLEN m", "+QUEUED"), ("EXEC", "[:1, :1, :2, :2]")]);
    assert_eq!(first.poll(), None);
    second.check(r#"["m", "b"]"#);
    store.check([("LRANGE m 0 -1", r#"["c"]"#)]);
}

#[test]
fn a_served_move_serves_who_waits_for_its_destination() {
    for threads in [1, 8] {
        let store = TestStore::with_threads(threads);
        let mut moves: Vec<_> =
            (0..9).map(|key| Waiting::begin(&store, &format!("BLMOVE {key} {} LEFT RIGHT 0", key + 1))).collect();
        let mut last = Waiting::begin(&store, "BLPOP 9 0");
        store.check([("RPUSH 0 x", ":1"), ("DBSIZE", ":0")]);
        moves.iter_mut().for_each(|client| client.check("\"x\""));
        last.check(r#"["9", "x"]"#);
    }
}

#[test]
fn moves_in_a_circle_end() {
    let store = TestStore::new();
    let mut one = Waiting::begin(&store, "BRPOPLPUSH a b 0");
    let mut other = Waiting::begin(&store, "BLMOVE b a LEFT LEFT 0");
    store.check([("RPUSH a x", ":1"), ("LRANGE a 0 -1", r#"["x"]"#), ("EXISTS b", ":0")]);
    one.check("\"x\"");
    other.check("\"x\"");
}

#[test]
fn a_move_to_a_key_of_another_type_is_an_error_and_loses_nothing() {
    let store = TestStore::new();
    store.check([("SET s v", "+OK")]);
    let mut wrong = Waiting::begin(&store, "BLMOVE l s LEFT LEFT 0");
    let mut next = Waiting::begin(&store, "BLPOP l 0");
    store.check([("RPUSH l x", ":1")]);
    wrong.check("-WRONGTYPE Operation against a key holding the wrong kind of value");
    next.check(r#"["l", "x"]"#);
}

#[test]
fn a_client_that_is_gone_takes_nothing() {
    let store = TestStore::new();
    let gone = Waiting::begin(&store, "BLPOP l 0");
    let mut next = Waiting::begin(&store, "BLPOP l 0");
    drop(gone);
    store.check([("RPUSH l x", ":1")]);
    next.check(r#"["l", "x"]"#);
    assert!(store.store().handle.observers.get().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_time_is_over_to_the_millisecond() {
    let store = TestStore::new();
    for (line, answer) in [("BLPOP l 0.1", "(nil)"), ("BLMOVE l m LEFT LEFT 0.0995", "(nil)"), ("WAIT 1 100", ":0")] {
        let mut client = Waiting::begin(&store, line);
        tokio::time::sleep(Duration::from_millis(99)).await;
        assert_eq!(client.poll(), None);
        tokio::time::sleep(Duration::from_millis(2)).await;
        client.check(answer);
        drop(client);
        assert_eq!(blocked(&store), 0);
    }
}

#[test]
fn a_client_is_unblocked() {
    let store = TestStore::new();
    let mut clients: Vec<_> = (0..2).map(|_| Waiting::begin(&store, "BLPOP l 0")).collect();
    assert!(clients[0].mailbox.unblock(Unblock::Timeout) && clients[1].mailbox.unblock(Unblock::Error));
    clients[0].check("(nil)");
    clients[1].check("-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    store.check([("RPUSH l x", ":1"), ("LLEN l", ":1")]);
}

#[test]
fn a_served_command_is_told_and_recorded_as_a_pop() {
    let (store, told) = TestStore::observed();
    let mut clients: Vec<_> = ["BLPOP l 0", "BLMOVE l m LEFT RIGHT 0", "BLMPOP 0 1 l RIGHT COUNT 5"]
        .map(|line| Waiting::begin(&store, line))
        .into();
    store.check([("RPUSH l 1 2 3 4", ":4")]);
    let [(record, changes)] = &told.take()[..] else { panic!("one commit") };
    let events: Vec<_> = changes.iter().map(|change| change.event().name()).collect();
    assert_eq!(events, ["rpush", "lpop", "rpush", "lpop", "rpop", "del"]);
    let names: Vec<_> = record.commands().iter().map(|(_, command)| command.name().to_vec()).collect();
    assert_eq!(names, [&b"RPUSH"[..], b"LPOP", b"LMOVE", b"RPOP"]);
    clients[0].check(r#"["l", "1"]"#);
    clients[1].check("\"2\"");
    clients[2].check(r#"["l", ["4", "3"]]"#);
    let copy = TestStore::new();
    copy.store().apply(record).expect("a record");
    assert_eq!(copy.entries(), store.entries());
}

#[test]
fn a_long_command_waits_too() {
    let keys: String = (0..1200).map(|key| format!("key:{key} ")).collect();
    let store = TestStore::new();
    tokio_test::block_on(async {
        let blpop = store.store().clone().call(command(&format!("BLPOP {keys}0")));
        let push = async {
            while blocked(&store) == 0 {
                tokio::task::yield_now().await;
            }
            store.check([("RPUSH key:1000 x", ":1")]);
        };
        let (answer, ()) = tokio::join!(blpop, push);
        assert_eq!(answer.map(|answer| answer.to_string()), Ok(r#"["key:1000", "x"]"#.to_owned()));
    });
}

/// A client that pops until all elements were pushed and it finds none. Its time is often over.
async fn pop_all(store: Store, keys: &'static str, is_over: Arc<AtomicBool>) -> Vec<String> {
    let (mut got, mut random) = (Vec::new(), fastrand::Rng::with_seed(1));
    loop {
        let was_over = is_over.load(Ordering::Relaxed);
        let pop = command(&format!("BLPOP {keys} 0.00{}", random.u8(1..4)));
        match store.clone().oneshot(pop).await {
            Ok(Response::Array(answer)) => got.push(text(&answer[1])),
            Ok(Response::NullArray) if was_over => return got,
            answer => assert_eq!(answer, Ok(Response::NullArray)),
        }
    }
}

fn text(element: &Response) -> String {
    String::from_utf8_lossy(element.as_bytes().expect("an element")).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_element_goes_to_one_of_many_threads() {
    const ELEMENTS: usize = 2000;
    const KEYS: [&str; 4] = ["a", "b", "c", "d"];
    let (store, is_over) = (TestStore::with_threads(4), Arc::new(AtomicBool::new(false)));
    let clients = ["a", "a b", "b c", "c a d", "d"]
        .map(|keys| tokio::spawn(pop_all(store.store().clone(), keys, is_over.clone())));
    let movers = [("a", "b"), ("d", "c")].map(|(from, to)| {
        let store = store.store().clone();
        tokio::spawn(async move {
            for _ in 0..ELEMENTS / 10 {
                let _ = store.clone().oneshot(command(&format!("BLMOVE {from} {to} LEFT RIGHT 0.01"))).await;
            }
        })
    });
    let pushers = KEYS.map(|key| {
        let store = store.store().clone();
        tokio::spawn(async move {
            for number in 0..ELEMENTS {
                let _ = store.clone().oneshot(command(&format!("RPUSH {key} {key}{number}"))).await;
                tokio::task::yield_now().await;
            }
        })
    });
    for task in pushers.into_iter().chain(movers) {
        task.await.expect("no panic");
    }
    is_over.store(true, Ordering::Relaxed);
    let mut got = Vec::new();
    for client in clients {
        got.extend(client.await.expect("no panic"));
    }
    got.sort();
    let mut pushed: Vec<_> =
        KEYS.iter().flat_map(|key| (0..ELEMENTS).map(move |number| format!("{key}{number}"))).collect();
    pushed.sort();
    assert!(got == pushed, "{} of {}", got.len(), pushed.len());
    store.check([("DBSIZE", ":0")]);
}

#[test]
fn readers_of_a_stream_get_what_is_added() {
    let store = TestStore::new();
    store.check([("XADD s 1-0 a 1", "\"1-0\""), ("XADD s 2-0 a 2", "\"2-0\"")]);
    let mut new = Waiting::begin(&store, "XREAD BLOCK 0 STREAMS s t $ $");
    let mut behind = Waiting::begin(&store, "XREAD COUNT 1 BLOCK 0 STREAMS t s 0 5-5");
    let mut last = Waiting::begin(&store, "XREAD BLOCK 0 STREAMS u +");
    store.check([("XADD s 3-0 a 3", "\"3-0\"")]);
    new.check(r#"[["s", [["3-0", ["a", "3"]]]]]"#);
    assert_eq!(behind.poll(), None);
    store.check([("XADD s 6-0 a 6", "\"6-0\""), ("XADD u 7-0 a 7", "\"7-0\"")]);
    behind.check(r#"[["s", [["6-0", ["a", "6"]]]]]"#);
    last.check(r#"[["u", [["7-0", ["a", "7"]]]]]"#);
    assert_eq!(blocked(&store), 0);
}

#[test]
fn a_stream_that_is_named_twice_is_read_behind_both_identifiers() {
    let store = TestStore::new();
    store.check([("XADD s 5-0 a 1", "\"5-0\"")]);
    let mut reader = Waiting::begin(&store, "XREAD BLOCK 0 STREAMS s t s 9 0 5");
    store.check([("XADD s 6-0 a 2", "\"6-0\"")]);
    reader.check(r#"[["s", [["6-0", ["a", "2"]]]]]"#);
}

#[test]
fn readers_of_a_stream_wait_through_what_adds_nothing() {
    let store = TestStore::new();
    store.check([("XADD s 1-0 a 1", "\"1-0\"")]);
    let mut reader = Waiting::begin(&store, "XREAD BLOCK 0 STREAMS s $");
    for line in
        ["XDEL s 1-0", "XGROUP CREATE s g 0", "DEL s", "RPUSH s a", "DEL s", "SET s v", "DEL s", "XADD s 1-0 a 1"]
    {
        store.answer(line);
        assert_eq!(reader.poll(), None, "{line}");
    }
    store.check([("XADD s 2-0 a 2", "\"2-0\"")]);
    reader.check(r#"[["s", [["2-0", ["a", "2"]]]]]"#);
}

#[test]
fn an_entry_goes_to_one_consumer_and_the_first_that_waits() {
    let store = TestStore::new();
    store.check([("XGROUP CREATE s g 0 MKSTREAM", "+OK")]);
    let mut first = Waiting::begin(&store, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    let mut second = Waiting::begin(&store, "XREADGROUP GROUP g d COUNT 1 BLOCK 0 STREAMS s >");
    let mut all = Waiting::begin(&store, "XREAD BLOCK 0 STREAMS s 0");
    store.check([("XADD s 1-0 a 1", "\"1-0\"")]);
    first.check(r#"[["s", [["1-0", ["a", "1"]]]]]"#);
    all.check(r#"[["s", [["1-0", ["a", "1"]]]]]"#);
    assert_eq!(second.poll(), None);
    let mut client = store.client();
    client.check([
        ("MULTI", "+OK"),
        ("XADD s 2-0 a 2", "+QUEUED"),
        ("XADD s 3-0 a 3", "+QUEUED"),
        ("EXEC", "[\"2-0\", \"3-0\"]"),
    ]);
    second.check(r#"[["s", [["2-0", ["a", "2"]]]]]"#);
    store.check([
        ("XREADGROUP GROUP g c STREAMS s >", r#"[["s", [["3-0", ["a", "3"]]]]]"#),
        ("XPENDING s g", r#"[:3, "1-0", "3-0", [["c", "2"], ["d", "1"]]]"#),
    ]);
}

#[test]
fn a_consumer_that_waits_is_told_that_its_group_is_gone() {
    const MISSING: &str = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    for (ends, told) in [
        (&["DEL s"][..], MISSING),
        (&["FLUSHDB"], MISSING),
        (&["FLUSHALL"], MISSING),
        (&["RENAME s t"], MISSING),
        (&["XGROUP DESTROY s g"], MISSING),
        (&["SET s v"], WRONG_TYPE),
        (&["RPUSH l a", "COPY l s REPLACE"], WRONG_TYPE),
        (&["SWAPDB 0 1"], MISSING),
        (&["PEXPIRE s 10", "wait", "GET s"], MISSING),
        (&["PEXPIRE s 10", "wait"], MISSING),
    ] {
        let store = TestStore::new();
        store.check([("XGROUP CREATE s g 0 MKSTREAM", "+OK")]);
        let mut reader = Waiting::begin(&store, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        for line in ends {
            match *line {
                "wait" => {
                    store.pass(100);
                    store.remove_expired();
                }
                line => _ = store.answer(line),
            }
        }
        reader.check(told);
        assert_eq!(blocked(&store), 0, "{ends:?}");
    }
}

#[test]
fn a_consumer_that_waits_is_served_by_a_stream_with_its_group_that_comes_in_its_place() {
    let store = TestStore::new();
    store.check([
        ("XGROUP CREATE s g 0 MKSTREAM", "+OK"),
        ("XADD t 1-0 a 1", "\"1-0\""),
        ("XGROUP CREATE t g 0", "+OK"),
    ]);
    let mut reader = Waiting::begin(&store, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    store.check([("RENAME t s", "+OK")]);
    reader.check(r#"[["s", [["1-0", ["a", "1"]]]]]"#);
}

#[test]
fn what_a_consumer_that_waited_was_given_is_recorded_for_its_stream_alone() {
    let (store, told) = TestStore::observed();
    store.check([("XGROUP CREATE s g 0 MKSTREAM", "+OK"), ("XGROUP CREATE t g 0 MKSTREAM", "+OK")]);
    let mut reader = Waiting::begin(&store, "XREADGROUP GROUP g c COUNT 5 BLOCK 0 STREAMS t s > >");
    store.answer("XADD s 1-0 a 1");
    reader.check(r#"[["s", [["1-0", ["a", "1"]]]]]"#);
    let mut of_both = Waiting::begin(&store, "XREADGROUP GROUP g c BLOCK 0 STREAMS s t > >");
    run_together(&store, &["XADD t 2-0 a 2", "XADD s 2-0 a 2"]);
    of_both.check(r#"[["s", [["2-0", ["a", "2"]]]], ["t", [["2-0", ["a", "2"]]]]]"#);
    let replayed = TestStore::new();
    for (record, _) in told.take() {
        assert_eq!(replayed.store().apply(&record), Ok(()), "{record:?}");
    }
    assert_eq!(replayed.entries(), store.entries());
}

#[test]
fn consumers_that_wait_for_different_groups_are_all_served() {
    let store = TestStore::new();
    store.check([("XGROUP CREATE s g 0 MKSTREAM", "+OK"), ("XGROUP CREATE s h 0", "+OK")]);
    let mut waiting = ["g", "g", "h", "g", "h"]
        .map(|group| Waiting::begin(&store, &format!("XREADGROUP GROUP {group} c COUNT 1 BLOCK 0 STREAMS s >")));
    for (id, served) in [("1-0", [0, 2]), ("2-0", [1, 4])] {
        store.answer(&format!("XADD s {id} a 1"));
        for at in served {
            waiting[at].check(&format!(r#"[["s", [["{id}", ["a", "1"]]]]]"#));
        }
        assert_eq!(waiting[3].poll(), None);
    }
    store.check([("XGROUP DESTROY s g", ":1")]);
    waiting[3].check("-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option");
    assert_eq!(blocked(&store), 0);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_waits_takes_over_what_becomes_pending_for_long() {
    let store = TestStore::new();
    store.check([("XADD s 1-0 a 1", "\"1-0\""), ("XGROUP CREATE s g 0", "+OK")]);
    store.answer("XREADGROUP GROUP g c STREAMS s >");
    store.pass(20);
    let mut claimer = Waiting::begin(&store, "XREADGROUP GROUP g d BLOCK 0 CLAIM 50 STREAMS s >");
    tokio::time::sleep(Duration::from_millis(29)).await;
    assert_eq!(claimer.poll(), None);
    store.pass(30);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Some(answer) = claimer.poll() {
            assert_eq!(answer, r#"[["s", [["1-0", ["a", "1"], :50, :1]]]]"#);
            return;
        }
    }
    panic!("it waits on");
}
