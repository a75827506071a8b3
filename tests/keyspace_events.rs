//! Keyspace events: what happens to keys is published.

use kvstore::{standalone, store::Store};

use crate::support::{Client, Server};

fn server() -> Server {
    let store = Store::new();
    Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener))
}

fn message(channel: &str, text: &str) -> String {
    let channel = format!("${}\r\n{channel}\r\n", channel.len());
    format!("*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n{channel}${}\r\n{text}\r\n", text.len())
}

/// A client that gets all messages, and another with this setting.
async fn clients(server: &Server, classes: &str) -> (Client, Client) {
    let (mut subscriber, mut client) = (server.connect(), server.connect());
    subscriber.asks("PSUBSCRIBE *\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n").await;
    client.asks(format!("CONFIG SET notify-keyspace-events {classes}\r\n"), "+OK\r\n").await;
    (subscriber, client)
}

/// Checks which events commands have, `key event` each.
async fn check(classes: &str, commands: &[(&str, &[&str])]) {
    let server = server();
    let (mut subscriber, mut client) = clients(&server, classes).await;
    for (command, events) in commands {
        client.sends(format!("{command}\r\nPING\r\n")).await;
        client.reads_until("+PONG\r\n").await;
        for event in *events {
            let (key, event) = event.split_once(' ').expect("a key and an event");
            subscriber.gets(message(&format!("__keyevent@0__:{event}"), key)).await;
        }
        assert!(subscriber.hears_nothing().await, "{command}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_published_for_its_key_and_by_its_name() {
    let server = server();
    let (mut subscriber, mut client) = clients(&server, "KEA").await;
    client.asks("SELECT 2\r\nSET k v\r\n", "+OK\r\n+OK\r\n").await;
    subscriber.gets(message("__keyspace@2__:k", "set") + &message("__keyevent@2__:set", "k")).await;
    client.asks("CONFIG SET notify-keyspace-events K$\r\nSET k v\r\nDEL k\r\n", "+OK\r\n+OK\r\n:1\r\n").await;
    subscriber.gets(message("__keyspace@2__:k", "set")).await;
    client.asks("CONFIG SET notify-keyspace-events A\r\nSET k v\r\n", "+OK\r\n+OK\r\n").await;
    assert!(subscriber.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn the_setting_is_shown_in_its_own_order() {
    let server = server();
    let mut client = server.connect();
    for (set, shown) in
        [("KEA", "AKE"), ("g$lshzxetdKE", "AKE"), ("Elg", "glE"), ("gxnm", "gxnm"), ("mnA", "Anm"), ("\"\"", "")]
    {
        client.asks(format!("CONFIG SET notify-keyspace-events {set}\r\n"), "+OK\r\n").await;
        let shown = format!("*2\r\n$22\r\nnotify-keyspace-events\r\n${}\r\n{shown}\r\n", shown.len());
        client.asks("CONFIG GET notify-keyspace-events\r\n", shown).await;
    }
    client
        .asks(
            "CONFIG SET notify-keyspace-events q\r\n",
            "-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class \
             character. Use 'Ag$lshzxeKEtmdn'.\r\n",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn only_the_classes_that_are_set_are_published() {
    check("Elx", &[("SET k v", &[]), ("LPUSH l a", &["l lpush"]), ("LPOP l", &["l lpop"]), ("SADD s a", &[])]).await;
    check("Eg", &[("SET k v EX 9", &["k expire"]), ("LPUSH l a", &[]), ("LPOP l", &["l del"]), ("DEL k", &["k del"])])
        .await;
    check(
        "Eshz",
        &[("SADD s a", &["s sadd"]), ("HSET h a 1", &["h hset"]), ("ZADD z 1 a", &["z zadd"]), ("DEL s", &[])],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_created_and_keys_that_are_missed_have_events_of_their_own() {
    check(
        "En$g",
        &[
            ("SET k v", &["k new", "k set"]),
            ("SET k w", &["k set"]),
            ("RENAME k l", &["k rename_from", "l new", "l rename_to"]),
            ("SET k v", &["k new", "k set"]),
            ("COPY k l REPLACE", &["l new", "l copy_to"]),
            ("LPUSH list a", &["list new"]),
        ],
    )
    .await;
    check(
        "Em$",
        &[
            ("GET k", &["k keymiss"]),
            ("MGET k l", &["k keymiss", "l keymiss"]),
            ("GETSET k v", &["k keymiss", "k set"]),
            ("GET k", &[]),
            ("SET l v", &["l set"]),
            ("DEL x", &[]),
            ("TTL x", &["x keymiss"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn keys_that_expire_have_an_event() {
    let server = server();
    let (mut subscriber, mut client) = clients(&server, "Ex").await;
    client.asks("SET k v PX 10\r\n", "+OK\r\n").await;
    subscriber.gets(message("__keyevent@0__:expired", "k")).await;
}

#[tokio::test(start_paused = true)]
async fn events_are_in_the_order_of_the_commits() {
    let server = server();
    let (mut subscriber, mut client) = clients(&server, "EA").await;
    client.asks("MULTI\r\nSET a 1\r\nLPUSH b 1\r\nEXEC\r\nDEL b a\r\nFLUSHALL\r\n", "").await;
    client.reads_until(":2\r\n+OK\r\n").await;
    for (key, event) in [("a", "set"), ("b", "lpush"), ("b", "del"), ("a", "del")] {
        subscriber.gets(message(&format!("__keyevent@0__:{event}"), key)).await;
    }
    assert!(subscriber.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_gets_its_own_events_behind_their_answer() {
    let server = server();
    let mut client = server.connect();
    client.sends("HELLO 3\r\nCONFIG SET notify-keyspace-events EA\r\nSUBSCRIBE __keyevent@0__:set\r\n").await;
    client.reads_until("set\r\n:1\r\n").await;
    let message = ">3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n";
    client.asks("SET k v\r\nGET k\r\n", format!("+OK\r\n{message}$1\r\nv\r\n")).await;
}
