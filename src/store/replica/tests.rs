use std::sync::atomic::Ordering;

use bytes::{Buf, BytesMut};
use kvstore_protocol::{Command, Response, resp::RequestDecoder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use super::*;
use crate::store::{
    foreign::Tally,
    testing::{TestStore, command},
};

const MARK: &str = "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";

/// A file with the key `k` and no checksum.
const FILE: &[u8] = b"REDIS0011\xFE\x02\0\x01k\x01v\xFF\0\0\0\0\0\0\0\0";

/// A store that is a replica, and its master, which the test plays.
struct Replica {
    store: TestStore,
    master: Master,
}

/// The master's end of a link.
struct Played {
    stream: DuplexStream,
    input: BytesMut,
    decoder: RequestDecoder,
    follower: JoinHandle<(LinkError, Option<Position>)>,
}

impl Replica {
    fn new() -> Self {
        Self::of(TestStore::new())
    }

    fn of(store: TestStore) -> Self {
        store.check([("REPLICAOF master 6380", "+OK")]);
        let master = store.store().handle.replication.masters().borrow().clone().expect("it has a master");
        Self { store, master }
    }

    /// Begins to follow the master, from a position on if there is one.
    fn follow(&self, mut position: Option<Position>) -> Played {
        let (ours, theirs) = duplex(1 << 16);
        let (store, master) = (Arc::clone(&self.store.store().handle.0), self.master.clone());
        let follower = tokio::spawn(async move {
            let error = follow(&store, &master, theirs, &mut position).await;
            (error, position)
        });
        Played { stream: ours, input: BytesMut::new(), decoder: RequestDecoder::default(), follower }
    }

    /// A link whose full synchronization has loaded `FILE`, at the offset 100.
    async fn synchronized(&self) -> Played {
        let mut played = self.follow(None);
        let has_port = self.store.answer("CONFIG GET port").to_string().contains("7000");
        let port = [("REPLCONF listening-port 7000", "+OK\r\n")];
        played.greet_with(if has_port { &port } else { &[] }).await;
        played.expect("PSYNC ? -1").await;
        played.send(b"+FULLRESYNC abc 100\r\n").await;
        played.send(format!("${}\r\n", FILE.len()).as_bytes()).await;
        played.send(FILE).await;
        // It is loaded when it is acknowledged.
        played.expect("REPLCONF ACK 100").await;
        played
    }
}

impl Played {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the replica reads");
    }

    /// Sends commands of words between spaces.
    async fn commands(&mut self, lines: &[&str]) {
        self.send(encoded(lines).as_bytes()).await;
    }

    /// The next command of the replica.
    async fn next(&mut self) -> String {
        loop {
            while self.input.first() == Some(&b'\n') {
                self.input.advance(1);
            }
            if let Some(command) = self.decoder.decode(&mut self.input).expect("a command") {
                let words: Vec<_> = command.words().map(|word| word.escape_ascii().to_string()).collect();
                return words.join(" ");
            }
            assert_ne!(self.stream.read_buf(&mut self.input).await.expect("a link"), 0, "the link has ended");
        }
    }

    async fn expect(&mut self, expected: &str) {
        assert_eq!(self.next().await, expected);
    }

    /// Answers the handshake of a store with a port up to PSYNC.
    async fn greet(&mut self) {
        self.greet_with(&[("REPLCONF listening-port 7000", "+OK\r\n")]).await;
    }

    async fn greet_with(&mut self, port: &[(&str, &str)]) {
        let handshake = [("PING", "+PONG\r\n")].iter().chain(port).chain(&[
            ("REPLCONF capa eof capa psync2", "+OK\r\n"),
            ("REPLCONF version 9.0.0", "-ERR Unrecognized REPLCONF option: version\r\n"),
        ]);
        for (expected, answer) in handshake.copied() {
            self.expect(expected).await;
            self.send(answer.as_bytes()).await;
        }
    }

    /// Waits until the replica has applied everything.
    async fn settle(&mut self) {
        self.commands(&["REPLCONF GETACK *"]).await;
        while !self.next().await.starts_with("REPLCONF ACK") {}
    }

    /// Closes the link: why the replica thinks that it has ended, and its position.
    async fn close(self) -> (String, Option<Position>) {
        drop(self.stream);
        let (error, position) = self.follower.await.expect("no panic");
        (error.to_string(), position)
    }
}

fn encoded(lines: &[&str]) -> String {
    let encode = |line: &&str| {
        let words: Vec<_> = line.split(' ').map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        format!("*{}\r\n{}", words.len(), words.concat())
    };
    lines.iter().map(encode).collect()
}

#[tokio::test(start_paused = true)]
async fn all_data_is_replaced_and_commands_are_applied() {
    let store = TestStore::new();
    store.check([("SET old 1", "+OK")]);
    let replica = Replica::of(store);
    let mut played = replica.synchronized().await;
    replica.store.check([("EXISTS old", ":0"), ("DBSIZE", ":0")]);
    played.commands(&["SELECT 2", "APPEND k w", "PING", "SELECT 0", "SET n 1"]).await;
    played.settle().await;
    replica.store.check([("GET n", "\"1\"")]);
    let mut client = replica.store.client();
    client.select(2);
    client.check([("GET k", "\"vw\"")]);
    let (error, position) = played.close().await;
    assert_eq!(error, "unexpected end of file");
    let sent = encoded(&["SELECT 2", "APPEND k w", "PING", "SELECT 0", "SET n 1", "REPLCONF GETACK *"]);
    assert_eq!(position, Some(Position { id: "abc".to_owned(), offset: 100 + sent.len() as u64, database: 0 }));
}

#[tokio::test(start_paused = true)]
async fn a_file_of_unknown_length_ends_with_its_mark() {
    for (mark, error) in [
        (MARK.to_owned(), "unexpected end of file"),
        (MARK.replace('m', "n"), "the mark behind the file is another one"),
    ] {
        let replica = Replica::new();
        let mut played = replica.follow(None);
        played.greet().await;
        played.expect("PSYNC ? -1").await;
        played.send(format!("+FULLRESYNC abc 0\r\n\n\n$EOF:{MARK}\r\n").as_bytes()).await;
        played.send(&[FILE, mark.as_bytes()].concat()).await;
        played.commands(&["SELECT 2", "SET other v"]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(played.close().await.0, error);
        let keys = if mark == MARK { ":2" } else { ":0" };
        let mut client = replica.store.client();
        client.select(2);
        client.check([("EXISTS k other", keys)]);
    }
}

#[tokio::test(start_paused = true)]
async fn data_stays_until_a_file_has_come_as_a_whole() {
    let mut wrong = FILE.to_vec();
    *wrong.last_mut().expect("a byte") = 1;
    let torn = &FILE[..FILE.len() - 1];
    let long = [FILE, b"x"].concat();
    for (file, error) in [
        (torn, "unexpected end of file"),
        (&wrong, "the checksum is wrong"),
        (&long, "the file is shorter than it was announced"),
    ] {
        let store = TestStore::new();
        store.check([("SET old 1", "+OK")]);
        let replica = Replica::of(store);
        let mut played = replica.follow(None);
        played.greet().await;
        played.expect("PSYNC ? -1").await;
        let len = file.len().max(FILE.len());
        played.send(format!("+FULLRESYNC abc 0\r\n${len}\r\n").as_bytes()).await;
        played.send(file).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(played.close().await, (error.to_owned(), None));
        replica.store.check([("GET old", "\"1\""), ("DBSIZE", ":1")]);
    }
}

/// A file with this library of functions in front of the key `k`.
fn file_with_library(source: &str) -> Vec<u8> {
    let library = [b"\xF5", &[u8::try_from(source.len()).expect("it is short")][..], source.as_bytes()].concat();
    [&FILE[..9], &library, &FILE[9..]].concat()
}

fn library(name: &str) -> String {
    format!("#!lua name={name}\nredis.register_function('{name}',redis.log)")
}

/// A command as it is sent.
fn frame(command: &Command) -> Vec<u8> {
    let mut frame = format!("*{}\r\n", command.words().count()).into_bytes();
    for word in command.words() {
        frame.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        frame.extend_from_slice(&[word, b"\r\n"].concat());
    }
    frame
}

/// The names of the libraries of a store.
fn libraries(store: &TestStore) -> Vec<String> {
    store.store().handle.scripts.libraries.lock().all().map(|library| library.name.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_libraries_of_functions_are_those_of_the_master() {
    for (source, expected) in [(Some(library("b")), &["b"][..]), (None, &[])] {
        let store = TestStore::new();
        let load = |name| command("FUNCTION LOAD").arg(library(name));
        assert!(!store.answer_to(load("a")).is_error());
        let replica = Replica::of(store);
        let mut played = replica.follow(None);
        played.greet().await;
        played.expect("PSYNC ? -1").await;
        let file = source.map_or_else(|| FILE.to_vec(), |source| file_with_library(&source));
        played.send(format!("+FULLRESYNC abc 100\r\n${}\r\n", file.len()).as_bytes()).await;
        played.send(&file).await;
        played.expect("REPLCONF ACK 100").await;
        assert_eq!(libraries(&replica.store), expected);
        // What clients of the master change follows.
        let payload = replica.store.answer("FUNCTION DUMP").as_bytes().expect("a payload").to_vec();
        let restore = command("FUNCTION RESTORE").arg(payload).arg("APPEND");
        for (sent, expected) in [
            (command("FUNCTION FLUSH"), &[][..]),
            (restore, expected),
            (load("c"), &[expected, &["c"]].concat()),
            (command("FUNCTION LOAD REPLACE").arg(library("c")), &[expected, &["c"]].concat()),
            (command("FUNCTION DELETE c"), expected),
            (command("FUNCTION FLUSH ASYNC"), &[]),
        ] {
            played.send(&frame(&sent)).await;
            played.settle().await;
            assert_eq!(libraries(&replica.store), expected, "{sent:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn data_stays_if_a_library_of_the_master_is_not_valid() {
    for (source, error) in [
        ("#!lua name=b\nx x", "a function library cannot be loaded: Error compiling function: "),
        ("#!js name=b\nx", "a function library cannot be loaded: Engine 'js' not found"),
    ] {
        let store = TestStore::new();
        store.check([("SET old 1", "+OK")]);
        assert!(!store.answer_to(command("FUNCTION LOAD").arg(library("a"))).is_error());
        let replica = Replica::of(store);
        let mut played = replica.follow(None);
        played.greet().await;
        played.expect("PSYNC ? -1").await;
        let file = file_with_library(source);
        played.send(format!("+FULLRESYNC abc 0\r\n${}\r\n", file.len()).as_bytes()).await;
        played.send(&file).await;
        let (told, position) = played.follower.await.expect("no panic");
        assert!(told.to_string().starts_with(error) && position.is_none(), "{told}");
        replica.store.check([("GET old", "\"1\""), ("DBSIZE", ":1")]);
        assert_eq!(libraries(&replica.store), ["a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_goes_on_where_it_was() {
    let replica = Replica::new();
    let position = Position { id: "abc".to_owned(), offset: 7, database: 3 };
    let mut played = replica.follow(Some(position));
    played.greet().await;
    played.expect("PSYNC abc 8").await;
    played.send(b"+CONTINUE def\r\n").await;
    played.commands(&["SET k v"]).await;
    played.settle().await;
    let mut client = replica.store.client();
    client.select(3);
    client.check([("GET k", "\"v\"")]);
    let sent = encoded(&["SET k v", "REPLCONF GETACK *"]).len() as u64;
    let (_, position) = played.close().await;
    assert_eq!(position, Some(Position { id: "def".to_owned(), offset: 7 + sent, database: 3 }));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_one_commit_when_it_is_whole() {
    let (store, told) = TestStore::observed();
    let replica = Replica::of(store);
    let mut played = replica.synchronized().await;
    told.take();
    played.commands(&["MULTI", "SELECT 1", "INCR a", "INCR a", "EXEC", "MULTI", "INCR b"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let commits = told.take();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].0.commands().len(), 2);
    let (_, position) = played.close().await;
    let whole = encoded(&["MULTI", "SELECT 1", "INCR a", "INCR a", "EXEC"]).len() as u64;
    assert_eq!(position, Some(Position { id: "abc".to_owned(), offset: 100 + whole, database: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_replica_identifies_itself() {
    let replica = Replica::new();
    replica.store.check([("CONFIG SET masteruser ann masterauth secret", "+OK")]);
    let mut played = replica.follow(None);
    played.expect("PING").await;
    played.send(b"-NOAUTH Authentication required.\r\n").await;
    played.expect("AUTH ann secret").await;
    played.send(b"-WRONGPASS invalid\r\n").await;
    assert_eq!(played.close().await.0, "the master has answered: -WRONGPASS invalid");
}

#[tokio::test(start_paused = true)]
async fn a_replica_acknowledges_each_second_and_gives_up_a_silent_master() {
    let replica = Replica::new();
    let mut played = replica.synchronized().await;
    let start = tokio::time::Instant::now();
    for _ in 0..3 {
        played.expect("REPLCONF ACK 100").await;
    }
    assert_eq!(start.elapsed().as_secs(), 3);
    let reader = tokio::spawn(async move {
        while played.stream.read_buf(&mut played.input).await.is_ok_and(|len| len > 0) {}
        played.follower.await.expect("no panic").0.to_string()
    });
    assert_eq!(reader.await.expect("no panic"), "the master was silent for too long");
    assert!((60..65).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_hidden_and_removed_by_the_master() {
    let replica = Replica::new();
    let mut played = replica.synchronized().await;
    let at = crate::store::testing::START + 50;
    let set = |key: &str| format!("SET {key} 1 PXAT {at}");
    played.commands(&["SELECT 0", &set("a"), &set("b"), &set("c")]).await;
    played.settle().await;
    replica.store.pass(100);
    replica.store.remove_expired();
    replica.store.check([("GET a", "(nil)"), ("EXISTS a b c", ":0"), ("DBSIZE", ":3")]);
    // The master has run these before the keys expired there.
    let expire = format!("PEXPIREAT d {at}");
    played.commands(&["INCR a", "PERSIST b", "DEL c", "SET d 1", &expire, "INCR d", "PERSIST d"]).await;
    played.settle().await;
    replica.store.check([("GET a", "(nil)"), ("GET b", "\"1\""), ("GET d", "\"2\""), ("DBSIZE", ":3")]);
    played.commands(&["PERSIST a"]).await;
    played.settle().await;
    replica.store.check([("GET a", "\"2\"")]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_had_expired_before_it_came_is_there_for_the_master() {
    let store = TestStore::new();
    store.check([("SET v 1", "+OK")]);
    let payload = store.answer("DUMP v").as_bytes().expect("a payload").to_vec();
    let at = crate::store::testing::START - 50;
    let restore = Command::new("RESTORE").arg("k").arg(at).arg(payload).arg("ABSTTL");
    let set = command(&format!("SET k 1 PXAT {at}"));
    let mset = command(&format!("MSETEX 1 k 1 PXAT {at}"));
    for given in [restore, set, mset] {
        let store = TestStore::new();
        store.check([("REPLICAOF master 6380", "+OK")]);
        for command in [given.clone(), command("INCR k"), command("PERSIST k")] {
            let applied = store.store().handle.apply_commands(&[(0, command)], &mut Tally::default());
            assert_eq!(applied, Ok(()));
        }
        assert_eq!(store.answer("GET k"), Response::from("2"), "{given:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_replica_leads_to_the_same_later() {
    let (store, told) = TestStore::observed();
    let replica = Replica::of(store);
    let mut played = replica.synchronized().await;
    let at = crate::store::testing::START + 50;
    played.commands(&["SELECT 0", "SET a 1", &format!("PEXPIREAT a {at}")]).await;
    played.settle().await;
    replica.store.pass(100);
    played.commands(&["INCR a", "PERSIST a"]).await;
    played.settle().await;
    let other = TestStore::new();
    other.pass(1000);
    for (record, _) in told.take() {
        assert_eq!(other.store().apply(&record), Ok(()));
    }
    other.check([("GET a", "\"2\"")]);
    assert_eq!(other.entries(), replica.store.entries());
}

#[tokio::test(start_paused = true)]
async fn another_master_ends_what_the_one_before_has_sent() {
    let replica = Replica::new();
    let mut played = replica.synchronized().await;
    replica.store.check([("REPLICAOF NO ONE", "+OK"), ("SET k v", "+OK")]);
    played.commands(&["SELECT 0", "SET k w"]).await;
    let (error, _) = played.follower.await.expect("no panic");
    assert_eq!(error.to_string(), "the replica has another master now");
    replica.store.check([("GET k", "\"v\""), ("ROLE", "[\"master\", :0, []]")]);
}

#[test]
fn clients_of_a_replica_do_not_wait_for_replicas_and_the_disk() {
    let store = TestStore::new();
    store.check([
        ("REPLICAOF master 6380", "+OK"),
        ("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1"),
    ]);
    for line in ["WAIT 0 0", "WAIT x y", "WAITAOF 0 0 0", "WAITAOF 1 0 0"] {
        let refused =
            format!("-ERR {} cannot be used with replica instances.", line.split(' ').next().expect("a name"));
        assert!(store.answer(line).to_string().starts_with(&refused), "{line}");
    }
    store.check([("REPLICAOF NO ONE", "+OK"), ("WAIT 0 0", ":0"), ("WAITAOF 0 0 0", "[:0, :0]")]);
}

#[test]
fn clients_may_not_write_to_a_replica() {
    const READ_ONLY: &str = "-READONLY You can't write against a read only replica.";
    let store = TestStore::new();
    let mut client = store.client();
    client.check([("SET k v", "+OK"), ("MULTI", "+OK"), ("SET k w", "+QUEUED")]);
    store.check([
        ("SLAVEOF master 6380", "+OK"),
        ("REPLICAOF master 6380", "+OK Already connected to specified master"),
    ]);
    client.check([("EXEC", READ_ONLY)]);
    store.check([
        ("SET k w", READ_ONLY),
        ("MSET k w", READ_ONLY),
        ("BLPOP l 0", READ_ONLY),
        ("FLUSHALL", READ_ONLY),
        ("GET k", "\"v\""),
        ("MGET k", "[\"v\"]"),
        ("CONFIG SET replica-read-only no", "+OK"),
        ("SET k w", "+OK"),
        ("CONFIG SET replica-read-only yes", "+OK"),
        ("DEL k", READ_ONLY),
        ("REPLICAOF no one", "+OK"),
        ("DEL k", ":1"),
        ("REPLICAOF host port", "-ERR Invalid master port"),
        ("REPLICAOF host 70000", "-ERR Invalid master port"),
    ]);
}

#[tokio::test]
async fn commands_that_wait_are_answered_when_the_store_becomes_a_replica() {
    use tower::ServiceExt;
    let store = TestStore::new();
    let blpop = tokio::spawn(store.store().clone().oneshot(command("BLPOP l 0")));
    while store.store().handle.waiting.len() == 0 {
        tokio::task::yield_now().await;
    }
    store.check([("REPLICAOF master 6380", "+OK")]);
    let answer = blpop.await.expect("no panic").expect("a store answers").to_string();
    assert!(answer.starts_with("-UNBLOCKED force unblock"), "{answer}");
}

#[test]
fn commands_wait_for_the_end_of_loading() {
    const LOADING: &str = "-LOADING Redis is loading the dataset in memory";
    let store = TestStore::new();
    store.check([("SET k v", "+OK")]);
    let replication = &store.store().handle.replication;
    replication.set_loading(true);
    store.check([("GET k", LOADING), ("SET k v", LOADING), ("DBSIZE", LOADING), ("REPLICAOF NO ONE", LOADING)]);
    assert!(store.answer("INFO persistence").to_string().contains("loading:1"));
    replication.set_loading(false);
    store.check([("GET k", "\"v\"")]);
}

#[test]
fn info_and_role_tell_how_far_the_replica_is() {
    let replica = Replica::new();
    let replication = &replica.store.store().handle.replication;
    let info = || replica.store.answer("INFO replication").to_string();
    assert!(
        info().contains("role:slave\\r\\nmaster_host:master\\r\\nmaster_port:6380\\r\\nmaster_link_status:down"),
        "{}",
        info()
    );
    replication.enter(&replica.master, Phase::Connected);
    let position = Position { id: "abc".to_owned(), offset: 42, database: 0 };
    replication.set_position(&replica.master, &position);
    assert!(info().contains("master_link_status:up") && info().contains("slave_repl_offset:42"), "{}", info());
    replica.store.check([("ROLE", "[\"slave\", \"master\", :6380, \"connected\", :42]")]);
    // What an earlier master does shows no more.
    replica.store.check([("REPLICAOF other 6380", "+OK")]);
    replication.enter(&replica.master, Phase::Sync);
    replica.store.check([("ROLE", "[\"slave\", \"other\", :6380, \"connect\", :0]")]);
}

#[test]
fn commands_that_are_unknown_or_fail_are_counted() {
    let store = TestStore::new();
    let mut tally = Tally::default();
    let lines = ["SET k v", "TS.ADD s * 1", "TS.ADD s * 2", "LPUSH k v", "JSON.SET j"];
    for line in lines {
        let applied = store.store().handle.apply_commands(&[(0, command(line))], &mut tally);
        assert_eq!(applied, Ok(()));
    }
    let applied = store.store().handle.apply_commands(&[(16, command("SET k v"))], &mut tally);
    assert_eq!(applied, Ok(()));
    assert_eq!(tally.skipped().collect::<Vec<_>>(), [("command JSON.SET", 1), ("command TS.ADD", 2)]);
    let failed: Vec<_> = tally.failed().map(|(error, _)| error).collect();
    assert_eq!(
        failed,
        ["LPUSH: WRONGTYPE Operation against a key holding the wrong kind of value", "SET: DB index is out of range"]
    );
    assert_eq!(store.answer("GET k"), Response::from("v"));
}

#[test]
fn a_field_expires_as_late_as_here_if_it_does_so_later_on_the_master() {
    let (store, told) = TestStore::observed();
    store.check([("HSET h b 1 c 1 d 1 e 1 f 1", ":5")]);
    let mut tally = Tally::default();
    for line in [
        "HSETEX h PXAT 300000000000000 FIELDS 1 a 1",
        "HPEXPIREAT h 300000000000000 FIELDS 1 b",
        "HEXPIRE h 300000000000 NX FIELDS 1 c",
        "HPEXPIRE h 300000000000000 FIELDS 1 d",
        "HEXPIREAT h 300000000000 FIELDS 1 e",
        "HGETEX h PXAT 9223372036854775807 FIELDS 1 f",
        "HPEXPIREAT h 281474976710653 GT FIELDS 1 a",
    ] {
        let refusal = store.answer(line).to_string();
        assert!(refusal.starts_with("-ERR invalid expire time in"), "{line}: {refusal}");
        assert_eq!(store.store().handle.apply_commands(&[(0, command(line))], &mut tally), Ok(()));
    }
    assert_eq!(tally.failed().count(), 0);
    let latest = [":281474976710654"; 6].join(", ");
    store.check([("HPEXPIRETIME h FIELDS 6 a b c d e f", &*format!("[{latest}]"))]);
    let other = TestStore::new();
    for (record, _) in told.take() {
        assert_eq!(other.store().apply(&record), Ok(()));
    }
    assert_eq!(other.entries(), store.entries());
}

#[test]
fn a_master_makes_longer_strings_than_clients_may() {
    let (store, told) = TestStore::observed();
    let limit = |store: &TestStore| store.store().handle.max_string.store(1 << 20, Ordering::Relaxed);
    limit(&store);
    let lines = ["SETRANGE k 2000000 x", "APPEND k x", "SETBIT b 8388608 1", "BITFIELD b INCRBY u8 #1048577 1"];
    for line in &lines {
        assert!(store.answer(line).is_error() != line.starts_with("APPEND"), "{line}");
    }
    store.check([("FLUSHALL", "+OK")]);
    let mut tally = Tally::default();
    for line in lines {
        assert_eq!(store.store().handle.apply_commands(&[(0, command(line))], &mut tally), Ok(()));
    }
    assert_eq!(tally.failed().count(), 0);
    store.check([("STRLEN k", ":2000002"), ("STRLEN b", ":1048578")]);
    let other = TestStore::new();
    limit(&other);
    for (record, _) in told.take() {
        assert_eq!(other.store().apply(&record), Ok(()));
    }
    assert_eq!(other.entries(), store.entries());
}

#[test]
fn what_has_expired_is_removed_when_the_store_is_a_replica_no_more() {
    let store = TestStore::new();
    store.pass(100_000);
    store.check([("SET other 1 PX 10", "+OK")]);
    store.pass(100_000);
    store.remove_expired();
    store.check([("DBSIZE", ":0"), ("REPLICAOF master 6380", "+OK")]);
    for ago in [1, 50, 70_000, 10_000_000] {
        let set = command(&format!("SET key:{ago} 1 PXAT {}", crate::store::testing::START + 200_000 - ago));
        assert_eq!(store.store().handle.apply_commands(&[(0, set)], &mut Tally::default()), Ok(()));
    }
    store.remove_expired();
    store.check([("DBSIZE", ":4"), ("KEYS *", "[]"), ("REPLICAOF NO ONE", "+OK")]);
    store.remove_expired();
    store.check([("DBSIZE", ":0")]);
}

#[tokio::test(start_paused = true)]
async fn what_was_applied_before_a_refusal_is_not_asked_for_again() {
    use crate::store::{Fsync, disk::simulated::SimulatedDisk, journal::Settings};
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::No), 1).expect("an empty disk");
    let replica = Replica::of(store);
    let mut played = replica.synchronized().await;
    played.commands(&["SELECT 0", "INCR n"]).await;
    played.settle().await;
    replica.store.store().handle.journal().expect("a journal").stop_writes();
    played.commands(&["INCR n"]).await;
    let (error, position) = played.follower.await.expect("no panic");
    assert_eq!(error.to_string(), "a change is refused here: the store is closed");
    let applied = encoded(&["SELECT 0", "INCR n", "REPLCONF GETACK *"]).len() as u64;
    assert_eq!(position.map(|position| position.offset), Some(100 + applied));
    replica.store.check([("GET n", "\"1\"")]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_served_twice_follows_its_master_once() {
    let store = TestStore::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    store.store().handle.set_master(Some(("127.0.0.1".to_owned(), port)));
    let (_one, _other) = (tokio::spawn(store.store().run()), tokio::spawn(store.store().run()));
    let first = listener.accept().await.expect("a link");
    let second = tokio::time::timeout(Duration::from_secs(5), listener.accept()).await;
    assert!(second.is_err(), "{second:?}");
    drop(first);
}
