//! Scripts on a server: what other connections get while one runs.

use std::time::Duration;

use kvstore::{
    middleware::{DenyLayer, TimeoutLayer},
    protocol::catalog::{KnownCommand, commands},
    standalone,
    store::{Fsync, Store},
};
use tokio::time::advance;
use tower::ServiceBuilder;

use crate::support::{Client, Server, request, settle};

const ENDLESS: &str = "while true do end";

fn server() -> Server {
    let store = Store::builder().threads(1).build();
    Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener))
}

fn eval(source: &str, words: &[&str]) -> Vec<u8> {
    request(&[&["EVAL", source], words].concat())
}

/// A client of a server on which a script runs for ever, and the client of that.
async fn busy(server: &Server, source: &str) -> (Client, Client) {
    let (mut other, mut client) = (server.connect(), server.connect());
    other.asks("CONFIG SET busy-reply-threshold 1\r\n", "+OK\r\n").await;
    client.sends(eval(source, &["0"])).await;
    // It is answered when the threshold is passed, and not before.
    other.sends("GET k\r\n").await;
    let busy = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
    other.gets(busy).await;
    (other, client)
}

#[tokio::test]
async fn a_script_that_never_ends_keeps_nobody_from_its_end() {
    let server = server();
    let (mut other, mut client) = busy(&server, ENDLESS).await;
    other.asks("PING\r\n", "+PONG\r\n").await;
    other.asks("CLIENT ID\r\n", ":1\r\n").await;
    other.sends("INFO\r\n").await;
    assert!(other.reads_bulk().await.contains("redis_version:"));
    other.sends("FUNCTION STATS\r\n").await;
    other.reads_until("duration_ms\r\n").await;
    other.reads_until("LUA\r\n").await;
    other.reads_until("functions_count\r\n:0\r\n").await;
    let mut third = server.connect();
    third
        .asks(
            "FUNCTION KILL\r\n",
            "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
        )
        .await;
    third.asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    client
        .gets(
            "-ERR Script killed by user with SCRIPT KILL... script: 694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7, on @user_script:1.\r\n",
        )
        .await;
    third.asks("SET k v\r\nSCRIPT KILL\r\n", "+OK\r\n-NOTBUSY No scripts in execution right now.\r\n").await;
    client.sends(eval("return redis.call('get', KEYS[1])", &["1", "k"])).await;
    client.gets("$1\r\nv\r\n").await;
}

#[tokio::test]
async fn what_visits_all_keys_is_refused_beside_a_script_that_never_ends() {
    let server = server();
    let (mut other, mut client) = busy(&server, ENDLESS).await;
    for line in ["SCAN 0", "SCAN 0 COUNT 100000", "RANDOMKEY", "KEYS *", "CONFIG RESETSTAT", "DBSIZE"] {
        other.sends(format!("{line}\r\n")).await;
        assert!(other.reads_line().await.starts_with("-BUSY"), "{line}");
        other.asks("PING\r\n", "+PONG\r\n").await;
    }
    other.asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    client.reads_line().await;
    other.asks("RANDOMKEY\r\nCONFIG RESETSTAT\r\n", "$-1\r\n+OK\r\n").await;
}

/// Words of commands that need others than as many ones as the arity asks for.
const LINES: &[&str] = &[
    "BGSAVE SCHEDULE",
    "CONFIG SET appendonly no",
    "CONFIG SET appendfsync always",
    "CONFIG SET save 60",
    "CONFIG SET hz 20",
    "EVAL_RO return 0",
    "FLUSHALL ASYNC",
    "FUNCTION LOAD #!lua",
    "MEMORY USAGE k",
    "REPLICAOF NO ONE",
    "SLAVEOF NO ONE",
    "SCAN 0 COUNT 1000000",
    "SHUTDOWN SAVE",
    "SORT k BY w* GET v*",
    "SORT_RO k BY w*",
    "SUNIONSTORE k l m",
    "SWAPDB 0 1",
    "WAIT 0 0",
    "WAITAOF 0 0 0",
    "XREAD BLOCK 0 STREAMS k 0",
    "XREADGROUP GROUP g c STREAMS k >",
];

/// What ends the script, or closes a connection without an answer.
const LEFT_OUT: &[&str] = &["SCRIPT KILL", "REPLICAOF", "SLAVEOF"];

/// All commands and sub-commands, each with as many words as it needs at least.
fn every_command() -> Vec<Vec<String>> {
    let all = commands().iter().flat_map(|known| known.subcommands().iter().chain([known]));
    let all = all.filter(|known| !LEFT_OUT.contains(&known.full_name()));
    let words = |known: &KnownCommand| {
        let mut words: Vec<_> = known.full_name().split(' ').map(str::to_owned).collect();
        while !known.arity().admits(words.len()) {
            words.push("1".to_owned());
        }
        words
    };
    let lines = LINES.iter().map(|line| line.split(' ').map(str::to_owned).collect());
    let long = ["MSET", "SUNIONSTORE", "EVAL"].map(|name| [vec![name.to_owned()], vec!["1".to_owned(); 1200]].concat());
    all.map(words).chain(lines).chain(long).collect()
}

#[tokio::test]
async fn every_command_is_answered_beside_a_script_that_never_ends() {
    let directory = std::env::temp_dir().join(format!("kvstore-beside-{}", std::process::id()));
    let store = Store::builder().threads(1).durable(&directory, Fsync::No).open().expect("the store opens");
    let server = Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener));
    let (mut other, mut client) = busy(&server, ENDLESS).await;
    let mut refused = Vec::new();
    for words in every_command() {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut third = server.connect();
        third.sends(request(&words)).await;
        if third.reads_line().await.starts_with("-BUSY") {
            refused.push(words[..words.len().min(3)].join(" "));
        }
        other.asks("PING\r\n", "+PONG\r\n").await;
    }
    for line in [
        "GET 1",
        "SAVE",
        "BGSAVE",
        "BGREWRITEAOF",
        "CONFIG SET appendfsync",
        "CONFIG SET appendonly",
        "FUNCTION LOAD 1",
        "FUNCTION RESTORE 1",
        "FUNCTION FLUSH",
        "FUNCTION DELETE 1",
        "SCRIPT LOAD 1",
        "SCRIPT FLUSH",
        "FLUSHALL",
        "SWAPDB 0 1",
        "DBSIZE",
        "EVAL 1 1",
        "MSET 1 1",
        "SUNIONSTORE 1 1",
        "SHUTDOWN",
    ] {
        assert!(refused.iter().any(|refused| refused == line), "{line} is not among {refused:?}");
    }
    other.asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    client.reads_line().await;
    other.asks("CONFIG SET appendfsync always\r\nSAVE\r\n", "+OK\r\n+OK\r\n").await;
    store.close().await.expect("the disk works");
    std::fs::remove_dir_all(&directory).expect("the directory is removed");
}

#[tokio::test]
async fn a_long_command_is_refused_when_the_script_that_it_waits_for_becomes_busy() {
    let store = Store::builder().threads(1).build();
    let server = Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener));
    let (mut other, mut client) = (server.connect(), server.connect());
    other.asks("CONFIG SET busy-reply-threshold 0\r\n", "+OK\r\n").await;
    client.sends(eval(ENDLESS, &["0"])).await;
    let stats = || store.execute(&kvstore::protocol::Command::new("FUNCTION").arg("STATS")).to_string();
    while !stats().contains("duration_ms") {
        tokio::task::yield_now().await;
    }
    let ones = ["1"; 1200];
    let long = [&["MSET"][..], &ones[..]].concat();
    let function = ["FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)"];
    let mut waiting = Vec::new();
    for words in [&long[..], &["KEYS", "*"], &function, &[&["EVAL", "return 1"], &ones[..]].concat()] {
        let mut third = server.connect();
        third.sends(request(words)).await;
        assert!(third.hears_nothing().await);
        waiting.push(third);
    }
    other.asks("CONFIG SET busy-reply-threshold 1\r\n", "+OK\r\n").await;
    for third in &mut waiting {
        assert!(third.reads_line().await.starts_with("-BUSY"));
    }
    other.asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    client.reads_line().await;
    waiting[0].asks(request(&long), "+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_writes_lets_scripts_run_that_only_read() {
    let server = server();
    let mut client = server.connect();
    let library = "#!lua name=l\nredis.register_function{function_name='reads', callback=function() return 1 end, \
                   flags={'no-writes'}} redis.register_function('writes', function() return 1 end)";
    client.asks(request(&["FUNCTION", "LOAD", library]), "$1\r\nl\r\n").await;
    let (reads, writes) = ("#!lua flags=no-writes\nreturn 1", "#!lua\nreturn 1");
    let mut hashes = Vec::new();
    for source in [reads, writes] {
        client.sends(request(&["SCRIPT", "LOAD", source])).await;
        hashes.push(client.reads_bulk().await);
    }
    client.asks("CLIENT PAUSE 60000 WRITE\r\n", "+OK\r\n").await;
    for words in [
        ["EVAL_RO", "return 1", "0"],
        ["EVAL", reads, "0"],
        ["EVALSHA", &hashes[0], "0"],
        ["FCALL", "reads", "0"],
        ["FCALL_RO", "reads", "0"],
    ] {
        client.asks(request(&words), ":1\r\n").await;
    }
    client.asks("MULTI\r\n", "+OK\r\n").await;
    client.asks(request(&["EVALSHA", &hashes[0], "0"]), "+QUEUED\r\n").await;
    client.asks("EXEC\r\n", "*1\r\n:1\r\n").await;
    let mut held = Vec::new();
    for words in [
        ["EVAL", "return 1", "0"],
        ["EVAL", writes, "0"],
        ["EVALSHA", &hashes[1], "0"],
        ["EVALSHA", &"0".repeat(40), "0"],
        ["FCALL", "writes", "0"],
    ] {
        let mut other = server.connect();
        other.sends(request(&words)).await;
        assert!(other.hears_nothing().await, "{words:?}");
        held.push(other);
    }
    client.asks("CLIENT UNPAUSE\r\n", "+OK\r\n").await;
    for other in &mut held {
        other.reads_line().await;
    }
}

#[tokio::test]
async fn a_transaction_is_dropped_when_exec_is_refused_because_of_a_script() {
    let server = server();
    let mut queued = server.connect();
    queued.asks("MULTI\r\nSET k v\r\n", "+OK\r\n+QUEUED\r\n").await;
    let (mut other, mut client) = busy(&server, ENDLESS).await;
    queued
        .asks(
            "EXEC\r\n",
            "-EXECABORT Transaction discarded because of: BUSY Redis is busy running a script. You can only call SCRIPT KILL or \
             SHUTDOWN NOSAVE.\r\n",
        )
        .await;
    other.asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    client.reads_line().await;
    queued.asks("EXISTS k\r\nEXEC\r\n", ":0\r\n-ERR EXEC without MULTI\r\n").await;
}

#[tokio::test]
async fn commands_on_other_keys_run_beside_a_script_that_keeps_to_its_own() {
    let store = Store::builder().threads(4).build();
    let server = Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener));
    let (mut other, mut client) = (server.connect(), server.connect());
    other.asks("CONFIG SET busy-reply-threshold 1\r\n", "+OK\r\n").await;
    client.sends(eval("#!lua flags=declared-keys\nwhile true do end", &["1", "k"])).await;
    // It has begun when others wait for its key.
    other.sends("GET k\r\n").await;
    assert!(other.reads_line().await.starts_with("-BUSY"));
    let mut answered = 0;
    for number in 0..64 {
        other.sends(format!("INCR k{number}\r\n")).await;
        let line = other.reads_line().await;
        assert!(line == ":1" || line.starts_with("-BUSY"), "{line}");
        answered += usize::from(line == ":1");
    }
    assert!(answered > 32, "{answered}");
    other.asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    assert!(client.reads_line().await.starts_with("-ERR Script killed by user"));
}

#[tokio::test(start_paused = true)]
async fn no_deadline_ends_a_script() {
    let store = Store::builder().threads(1).build();
    let layer = TimeoutLayer::new(Duration::from_secs(1));
    let server = Server::start(ServiceBuilder::new().layer(layer).service(store));
    let (mut other, mut client) = (server.connect(), server.connect());
    client.sends(eval(ENDLESS, &["0"])).await;
    settle().await;
    advance(Duration::from_secs(60)).await;
    settle().await;
    other.asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    let line = client.reads_line().await;
    assert!(line.starts_with("-ERR Script killed by user"), "{line}");
}

#[tokio::test]
async fn a_script_that_has_written_is_not_killed_but_by_a_shutdown_without_saving() {
    let server = server();
    let (mut other, _client) = busy(&server, "redis.call('set', 'k', 'v') while true do end").await;
    other
        .asks(
            "SCRIPT KILL\r\n",
            "-UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script \
             termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.\r\n",
        )
        .await;
    let busy = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
    other.asks("SHUTDOWN\r\n", busy).await;
    other.asks("SHUTDOWN SAVE\r\n", busy).await;
    other.sends("SHUTDOWN NOSAVE\r\n").await;
    assert!(other.is_closed().await);
}

#[tokio::test]
async fn nothing_is_left_of_a_script_that_the_end_of_the_server_has_stopped() {
    let endless = "redis.call('set', 'k', 'v') redis.call('rpush', 'l', 'x') while true do end";
    let eval_in_multi = [b"MULTI\r\nSET m v\r\n".to_vec(), eval(endless, &["0"]), b"EXEC\r\n".to_vec()].concat();
    for (number, request, end) in [
        (0, eval(endless, &["0"]), "SHUTDOWN NOSAVE\r\n"),
        (1, eval_in_multi.clone(), "SHUTDOWN NOSAVE\r\n"),
        (2, eval(endless, &["0"]), "QUIT\r\n"),
        (3, eval_in_multi, "QUIT\r\n"),
    ] {
        let directory = std::env::temp_dir().join(format!("kvstore-shutdown-{}-{number}", std::process::id()));
        let open = || Store::builder().threads(1).durable(&directory, Fsync::Always).open().expect("the store opens");
        let store = open();
        let server = Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener));
        let (mut other, mut client) = (server.connect(), server.connect());
        other.asks("SET a 1\r\nCONFIG SET busy-reply-threshold 1\r\n", "+OK\r\n+OK\r\n").await;
        client.sends(request).await;
        other.sends("GET a\r\n").await;
        assert!(other.reads_line().await.starts_with("-BUSY"));
        other.sends(end).await;
        store.close_within(Duration::ZERO).await.expect("the disk works");
        drop((server, other, client, store));
        let store = open();
        let get = |words: &[&str]| store.execute(&kvstore::protocol::Command::new("MGET").with_args(words)).to_string();
        assert_eq!(get(&["a", "k", "m", "l"]), "[\"1\", (nil), (nil), (nil)]");
        drop(store);
        std::fs::remove_dir_all(&directory).expect("the directory is removed");
    }
}

#[tokio::test]
async fn what_a_script_has_done_is_told_when_it_is_over() {
    let server = server();
    let (mut client, mut waiting, mut subscriber) = (server.connect(), server.connect(), server.connect());
    waiting.sends("BLPOP l 0\r\n").await;
    subscriber.asks("SUBSCRIBE news\r\n", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await;
    assert!(waiting.hears_nothing().await);
    let source =
        "redis.call('rpush', 'l', 'a', 'b') redis.call('publish', 'news', 'hello') return redis.call('llen', 'l')";
    client.sends(eval(source, &["0"])).await;
    client.gets(":2\r\n").await;
    waiting.gets("*2\r\n$1\r\nl\r\n$1\r\na\r\n").await;
    subscriber.gets("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n").await;
}

#[tokio::test]
async fn messages_and_events_of_a_script_and_of_a_transaction_are_told_in_their_order() {
    let server = server();
    let (mut client, mut subscriber) = (server.connect(), server.connect());
    subscriber.asks("PSUBSCRIBE *\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n").await;
    client.asks("CONFIG SET notify-keyspace-events EA\r\n", "+OK\r\n").await;
    let message = |channel: &str, text: &str| {
        let (channel_len, text_len) = (channel.len(), text.len());
        format!("*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n${channel_len}\r\n{channel}\r\n${text_len}\r\n{text}\r\n")
    };
    let told = [("__keyevent@0__:set", "k"), ("news", "1"), ("__keyevent@0__:incrby", "k"), ("news", "2")];
    let told: String = told.iter().map(|(channel, text)| message(channel, text)).collect();
    let source = "redis.call('set', 'k', 1) local count = redis.call('publish', 'news', 1) redis.call('incr', 'k') \
                  return count + redis.call('publish', 'news', 2)";
    client.sends(eval(source, &["0"])).await;
    client.gets(":2\r\n").await;
    subscriber.gets(told.clone()).await;
    client.asks("MULTI\r\nSET k 1\r\nPUBLISH news 1\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n").await;
    client.asks("INCR k\r\nPUBLISH news 2\r\n", "+QUEUED\r\n+QUEUED\r\n").await;
    client.asks("EXEC\r\n", "*4\r\n+OK\r\n:1\r\n:2\r\n:1\r\n").await;
    subscriber.gets(told).await;
}

#[tokio::test]
async fn many_messages_and_events_do_not_wait_for_the_end_of_a_script() {
    let server = server();
    let mut subscriber = server.connect();
    subscriber.asks("SUBSCRIBE news\r\n", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await;
    let text = "x".repeat(1 << 20);
    let source = "for _ = 1, 8 do redis.call('publish', 'news', string.rep('x', 1048576)) end while true do end";
    let mut client = server.connect();
    client.sends(eval(source, &["0"])).await;
    let message = format!("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1048576\r\n{text}\r\n");
    for _ in 0..8 {
        subscriber.gets(&message).await;
    }
    server.connect().asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    client.reads_line().await;
    subscriber
        .asks(
            "SUBSCRIBE __keyevent@0__:keymiss\r\n",
            "*3\r\n$9\r\nsubscribe\r\n$22\r\n__keyevent@0__:keymiss\r\n:2\r\n",
        )
        .await;
    client.asks("CONFIG SET notify-keyspace-events Em\r\n", "+OK\r\n").await;
    client
        .sends(eval("for _ = 1, 8 do redis.call('get', string.rep('x', 1048576)) end while true do end", &["0"]))
        .await;
    let event = format!("*3\r\n$7\r\nmessage\r\n$22\r\n__keyevent@0__:keymiss\r\n$1048576\r\n{text}\r\n");
    for _ in 0..8 {
        subscriber.gets(&event).await;
    }
    server.connect().asks("SCRIPT KILL\r\n", "+OK\r\n").await;
    client.reads_line().await;
}

#[tokio::test]
async fn monitors_are_shown_what_a_script_runs() {
    let server = server();
    let (mut monitor, mut client) = (server.connect(), server.connect());
    monitor.asks("MONITOR\r\n", "+OK\r\n").await;
    client.sends(eval("redis.call('select', 1) return redis.call('get', 'k')", &["0"])).await;
    client.gets("$-1\r\n").await;
    let mut lines = Vec::new();
    for _ in 0..3 {
        let line = monitor.reads_line().await;
        lines.push(line.split_once(' ').expect("a time").1.trim_end().to_owned());
    }
    assert!(lines[0].starts_with(r#"[0 memory:0] "EVAL" "redis.call('select', 1)"#), "{lines:?}");
    assert_eq!(lines[1..], [r#"[0 lua] "select" "1""#, r#"[1 lua] "get" "k""#]);
}

#[tokio::test]
async fn a_layer_refuses_what_a_script_runs() {
    let store = Store::new();
    let service = ServiceBuilder::new().layer(DenyLayer::names(["FLUSHALL"])).service(store);
    let server = Server::of(|listener| kvstore::serve(listener, service));
    let mut client = server.connect();
    client.sends(eval("return redis.call('flushall')", &["0"])).await;
    let line = client.reads_line().await;
    assert!(line.starts_with("-") && line.contains(" on @user_script:1."), "{line}");
    client.sends(eval("return redis.pcall('flushall').err ~= nil", &["0"])).await;
    client.gets(":1\r\n").await;
}

#[tokio::test]
async fn loaded_scripts_and_functions_survive_a_restart() {
    let directory = std::env::temp_dir().join(format!("kvstore-scripts-{}", std::process::id()));
    let open = || Store::builder().durable(&directory, Fsync::Always).open().expect("the store opens");
    let ask = |store: &Store, words: &[&str]| {
        store.execute(&kvstore::protocol::Command::new(words[0]).with_args(&words[1..])).to_string()
    };
    let library = "#!lua name=lib\nredis.register_function('f', function(keys, args) return args[1] end)";
    let store = open();
    let sha = ask(&store, &["SCRIPT", "LOAD", "return 7"]);
    let sha = sha.trim_matches('"');
    assert_eq!(ask(&store, &["FUNCTION", "LOAD", library]), "\"lib\"");
    // One of EVAL does if a client has asked for it by its hash.
    let (by_hash, once) = ("return redis.call('incr', 'n')", "return 9");
    assert_eq!(ask(&store, &["EVAL", by_hash, "0"]), ":1");
    assert_eq!(ask(&store, &["EVAL", once, "0"]), ":9");
    let sha_of = |source: &str| {
        let sha = ask(&store, &["EVAL", "return redis.sha1hex(ARGV[1])", "0", source]);
        sha.trim_matches('"').to_owned()
    };
    let (by_hash, once) = (sha_of(by_hash), sha_of(once));
    assert_eq!(ask(&store, &["EVALSHA", &by_hash, "0"]), ":2");
    let keeps_to_keys = "#!lua flags=declared-keys\nreturn 10";
    assert_eq!(ask(&store, &["EVAL", keeps_to_keys, "0"]), ":10");
    let keeps_to_keys = sha_of(keeps_to_keys);
    assert_eq!(ask(&store, &["EVALSHA", &keeps_to_keys, "0"]), ":10");
    drop(store);
    for round in 3..5 {
        let store = open();
        assert_eq!(ask(&store, &["EVALSHA", sha, "0"]), ":7");
        assert_eq!(ask(&store, &["EVALSHA", &by_hash, "0"]), format!(":{round}"));
        assert_eq!(ask(&store, &["SCRIPT", "EXISTS", &once, &keeps_to_keys]), "[:0, :1]");
        assert_eq!(ask(&store, &["FCALL", "f", "0", "x"]), "\"x\"");
        ask(&store, &["BGREWRITEAOF"]);
        while ask(&store, &["INFO", "persistence"]).contains("aof_rewrite_in_progress:1") {
            std::thread::yield_now();
        }
        drop(store);
    }
    std::fs::remove_dir_all(&directory).expect("the directory is removed");
}
