//! Settings of a running server, by CONFIG.

use std::time::Duration;

use kvstore::{
    protocol::{Limits, Peer},
    server::{Password, Serve},
    standalone::{self, StackSettings},
    store::Store,
};
use tokio::{io::duplex, time::Instant};

use crate::{
    in_flight::Once,
    support::{Client, Server, request},
};

const NOAUTH: &str = "-NOAUTH Authentication required.\r\n";

fn server() -> Server {
    Server::of(|listener| standalone::server(&Store::new(), &StackSettings::default()).listen(listener))
}

async fn config(client: &mut Client, name: &str) -> String {
    client.asks(request(&["CONFIG", "GET", name]), format!("*2\r\n${}\r\n{name}\r\n", name.len())).await;
    client.reads_bulk().await
}

#[tokio::test(start_paused = true)]
async fn a_password_is_set_while_clients_are_connected() {
    let server = server();
    let mut first = server.connect();
    first.asks("AUTH x\r\n", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n").await;
    first.asks("CONFIG SET requirepass secret\r\n", "+OK\r\n").await;
    assert_eq!(config(&mut first, "requirepass").await, "secret");
    let mut second = server.connect();
    second.asks("GET k\r\n", NOAUTH).await;
    second.asks("AUTH wrong\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n").await;
    second.asks("AUTH secret\r\nGET k\r\n", "+OK\r\n$-1\r\n").await;
    first.asks("RESET\r\nGET k\r\n", format!("+RESET\r\n{NOAUTH}")).await;
    second.asks("CONFIG SET requirepass ''\r\n", "+OK\r\n").await;
    server.connect().asks("GET k\r\n", "$-1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_password_that_the_server_was_built_with_is_changed() {
    let store = Store::new();
    let server = Server::of(|listener| {
        standalone::server(&store, &StackSettings::default()).require_password("old").listen(listener)
    });
    let mut client = server.connect();
    client.asks("AUTH old\r\nCONFIG SET requirepass new\r\n", "+OK\r\n+OK\r\n").await;
    server.connect().asks("AUTH new\r\n", "+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_password_beside_another_authenticator_is_refused() {
    let store = Store::new();
    let server = Server::of(|listener| {
        standalone::server(&store, &StackSettings::default()).authenticate(Password::new("a")).listen(listener)
    });
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'requirepass') - the server has another way to \
                   authenticate clients\r\n";
    server.connect().asks("AUTH a\r\nCONFIG SET requirepass b\r\n", format!("+OK\r\n{refusal}")).await;
}

#[tokio::test(start_paused = true)]
async fn clients_are_set_to_as_many_as_the_system_admits() {
    let server = Server::of(|listener| {
        let serve = standalone::server(&Store::new(), &StackSettings::default());
        serve.admissible_connections(|wanted| wanted.min(500)).listen(listener)
    });
    let mut client = server.connect();
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to \
                   handle the specified number of clients, try with 500\r\n";
    client.asks("CONFIG SET timeout 5 maxclients 501\r\n", refusal).await;
    assert_eq!([config(&mut client, "maxclients").await, config(&mut client, "timeout").await], ["10000", "0"]);
    client.asks("CONFIG SET maxclients 500\r\n", "+OK\r\n").await;
    assert_eq!(config(&mut client, "maxclients").await, "500");
}

/// A client from another machine.
fn stranger(serve: Serve) -> Client {
    let (theirs, ours) = duplex(1 << 16);
    let address = Peer::Tcp("10.1.2.3:4567".parse().expect("an address"));
    tokio::spawn(serve.listen(Once(Some(ours), address)).into_future());
    Client::new(theirs)
}

#[tokio::test(start_paused = true)]
async fn the_protected_mode_follows_the_password() {
    let serve = || standalone::server(&Store::new(), &StackSettings::default());
    assert!(stranger(serve()).reads_line().await.starts_with("-DENIED"));
    stranger(serve().require_password("secret")).asks("GET k\r\n", NOAUTH).await;
    let mut client = server().connect();
    assert_eq!(config(&mut client, "protected-mode").await, "yes");
    client.asks("CONFIG SET protected-mode no\r\n", "+OK\r\n").await;
    assert_eq!(config(&mut client, "protected-mode").await, "no");
}

#[tokio::test(start_paused = true)]
async fn limits_of_requests_are_set_for_open_connections() {
    let server = server();
    let (mut one, mut two) = (server.connect(), server.connect());
    two.asks("PING\r\n", "+PONG\r\n").await;
    one.asks("CONFIG SET max-request-args 5 max-inline-bytes 100\r\n", "+OK\r\n").await;
    two.sends("*6\r\n").await;
    two.gets("-ERR Protocol error: invalid multibulk length\r\n").await;
    one.sends("x".repeat(200)).await;
    one.gets("-ERR Protocol error: too big inline request\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_million_words_are_taken() {
    let mut client = server().connect();
    let mut words = vec!["MSET".to_owned()];
    words.extend((0..1_200_000).map(|number| number.to_string()));
    client.asks(request(&words.iter().map(String::as_str).collect::<Vec<_>>()), "+OK\r\n").await;
    client.asks("DBSIZE\r\n", ":600000\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn limits_of_slow_clients_are_set_for_open_connections() {
    let server = server();
    let (mut one, mut two) = (server.connect(), server.connect());
    two.sends("*2\r\n$3\r\nGET\r\n$100\r\n").await;
    one.asks("CONFIG SET slow-sender-limit '1000 30' slow-reader-timeout 60 reply-buffer-limit 1mb\r\n", "+OK\r\n")
        .await;
    assert_eq!(config(&mut one, "slow-sender-limit").await, "1000 30");
    two.gets("-ERR this connection is closed: it does not finish its request\r\n").await;
    let wrong = "-ERR CONFIG SET failed (possibly related to argument 'slow-sender-limit') - argument must be a number of \
                 bytes, and of seconds: 1000 30, or 0 0 for none\r\n";
    one.asks("CONFIG SET slow-sender-limit soon\r\n", wrong).await;
    one.asks("CONFIG SET slow-sender-limit '0 0'\r\n", "+OK\r\n").await;
    let mut three = server.connect();
    three.sends("*1\r\n$4\r\nPI").await;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    three.asks("NG\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn what_clients_probe_is_there() {
    let mut client = server().connect();
    for (name, value) in [
        ("tcp-keepalive", "300"),
        ("timeout", "0"),
        ("slowlog-log-slower-than", "10000"),
        ("slowlog-max-len", "128"),
        ("notify-keyspace-events", ""),
        ("cluster-enabled", "no"),
        ("replica-read-only", "yes"),
        ("maxmemory-policy", "noeviction"),
        ("lua-time-limit", "5000"),
        ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
    ] {
        assert_eq!(config(&mut client, name).await, value, "{name}");
    }
    client.asks("CONFIG SET tcp-keepalive 60\r\n", "+OK\r\n").await;
    assert_eq!(config(&mut client, "tcp-keepalive").await, "60");
}

#[tokio::test(start_paused = true)]
async fn the_longest_argument_bounds_the_strings_that_commands_make() {
    const BAD_OFFSET: &str = "-ERR bit offset is not an integer or out of range\r\n";
    const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
    let server = server();
    let mut client = server.connect();
    client.asks("CONFIG SET proto-max-bulk-len 1mb\r\n", "+OK\r\n").await;
    for line in ["SETBIT b 8388608 1", "BITFIELD b INCRBY u8 #1048576 1", "GETBIT b 8388608"] {
        client.asks(format!("{line}\r\n"), BAD_OFFSET).await;
    }
    client.asks("SETRANGE s 1048576 x\r\n", TOO_LONG).await;
    client.asks("SETRANGE s 1048575 x\r\nAPPEND s x\r\n", format!(":1048576\r\n{TOO_LONG}")).await;
    client.asks("GETBIT b 8388607\r\n", ":0\r\n").await;
    client.asks("CONFIG SET proto-max-bulk-len 1gb\r\n", "+OK\r\n").await;
    client.asks("GETBIT b 8589934591\r\nBITFIELD b GET u8 4294967296\r\n", ":0\r\n*1\r\n:0\r\n").await;
    client.asks("GETBIT b 8589934592\r\n", BAD_OFFSET).await;
    client.asks("SETRANGE new 600000000 x\r\nDEL new\r\n", ":600000001\r\n:1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn every_bound_of_the_transport_is_a_setting() {
    let serve = |store: &Store| standalone::server(store, &StackSettings::default());
    let second = Duration::from_secs(1);
    // Before authentication.
    let server = Server::of(|listener| {
        let limits = Limits::unauthenticated().max_args(20);
        serve(&Store::new()).require_password("secret").unauthenticated_limits(limits).listen(listener)
    });
    let many = request(&["NOSUCH"; 20]);
    server.connect().asks(&many, NOAUTH).await;
    server.connect().asks("*21\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n").await;
    let server = Server::of(|listener| {
        let serve = serve(&Store::new()).require_password("secret");
        serve.unauthenticated_sender(100, 2 * second).listen(listener)
    });
    let (mut client, start) = (server.connect(), Instant::now());
    client.asks("*2\r\n$4\r\nAU", "-ERR this connection is closed: it does not finish its request\r\n").await;
    assert_eq!(start.elapsed().as_secs(), 2);
    // Slots.
    let server = Server::of(|listener| {
        serve(&Store::new()).max_connections(1).slot_patience(5 * second).max_rejecting(1).listen(listener)
    });
    let mut half = server.connect();
    half.sends("*1\r\n$4\r\nPI").await;
    let [mut told, mut untold] = [server.connect(), server.connect()];
    told.gets("-ERR max number of clients reached\r\n").await;
    assert!(untold.is_closed().await);
    tokio::time::sleep(7 * second).await;
    server.connect().asks("PING\r\n", "+PONG\r\n").await;
    // The end of a connection.
    let server = Server::of(|listener| serve(&Store::new()).linger(3 * second).listen(listener));
    let (mut client, start) = (server.connect(), Instant::now());
    client.asks("QUIT\r\n", "+OK\r\n").await;
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
    assert_eq!(start.elapsed().as_secs(), 3);
}
