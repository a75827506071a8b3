//! MONITOR: a connection is shown the commands of all others.

use kvstore::{
    routing::Router,
    server::{ClientClass, OutputLimit},
    standalone,
    store::Store,
};

use crate::support::{Client, Server, settle};

fn server() -> Server {
    let store = Store::new();
    Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener))
}

/// The next line without its time.
async fn shown(monitor: &mut Client) -> String {
    let line = monitor.reads_line().await;
    let (time, command) = line.split_once(' ').expect("a time");
    assert!(time.starts_with('+') && time.contains('.'), "{line}");
    command.trim_end().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_all_connections_are_shown() {
    let server = server();
    let (mut monitor, mut client) = (server.connect(), server.connect());
    monitor.asks("MONITOR\r\n", "+OK\r\n").await;
    client.asks("SET k \"a b\"\r\nSELECT 3\r\nget k\r\nNOSUCH\r\n", "+OK\r\n+OK\r\n$-1\r\n").await;
    for expected in [r#""SET" "k" "a b""#, r#""SELECT" "3""#] {
        assert_eq!(shown(&mut monitor).await, format!("[0 memory:0] {expected}"));
    }
    assert_eq!(shown(&mut monitor).await, r#"[3 memory:0] "get" "k""#);
    assert_eq!(shown(&mut monitor).await, r#"[3 memory:0] "NOSUCH""#);
}

#[tokio::test(start_paused = true)]
async fn a_monitor_sees_its_own_commands_behind_their_answers() {
    let server = server();
    let mut monitor = server.connect();
    monitor.asks("MONITOR\r\nGET k\r\n", "+OK\r\n$-1\r\n").await;
    assert_eq!(shown(&mut monitor).await, r#"[0 memory:0] "GET" "k""#);
    monitor.sends("CLIENT INFO\r\n").await;
    assert!(monitor.reads_bulk().await.contains(" flags=O "));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_shown_in_its_order() {
    let server = server();
    let (mut monitor, mut client) = (server.connect(), server.connect());
    monitor.asks("MONITOR\r\n", "+OK\r\n").await;
    client.asks("MULTI\r\nMONITOR\r\nSET k v\r\nEXEC\r\n", "").await;
    client.reads_until("-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n+OK\r\n").await;
    for expected in [r#""MULTI""#, r#""SET" "k" "v""#, r#""EXEC""#] {
        assert_eq!(shown(&mut monitor).await, format!("[0 memory:0] {expected}"));
    }
}

#[tokio::test(start_paused = true)]
async fn queued_commands_are_shown_when_exec_runs_them() {
    let server = server();
    let (mut monitor, mut client) = (server.connect(), server.connect());
    monitor.asks("MONITOR\r\n", "+OK\r\n").await;
    client.asks("MULTI\r\nSET k 1\r\nDISCARD\r\n", "+OK\r\n+QUEUED\r\n+OK\r\n").await;
    client.asks("MULTI\r\nSET k 2\r\nGET k\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n").await;
    client.asks("MULTI\r\n", "-ERR MULTI calls can not be nested\r\n").await;
    for expected in [r#""MULTI""#, r#""DISCARD""#, r#""MULTI""#, r#""MULTI""#] {
        assert_eq!(shown(&mut monitor).await, format!("[0 memory:0] {expected}"));
    }
    assert!(monitor.hears_nothing().await);
    client.asks("EXEC\r\n", "*2\r\n+OK\r\n$1\r\n2\r\n").await;
    for expected in [r#""SET" "k" "2""#, r#""GET" "k""#, r#""EXEC""#] {
        assert_eq!(shown(&mut monitor).await, format!("[0 memory:0] {expected}"));
    }
}

#[tokio::test(start_paused = true)]
async fn commands_of_an_aborted_transaction_are_not_shown() {
    let server = server();
    let (mut monitor, mut client) = (server.connect(), server.connect());
    monitor.asks("MONITOR\r\n", "+OK\r\n").await;
    client.asks("MULTI\r\nSET k 1\r\n", "+OK\r\n+QUEUED\r\n").await;
    client.asks("GET\r\n", "-ERR wrong number of arguments for 'get' command\r\n").await;
    client.asks("EXEC\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n").await;
    for expected in [r#""MULTI""#, r#""EXEC""#] {
        assert_eq!(shown(&mut monitor).await, format!("[0 memory:0] {expected}"));
    }
}

#[tokio::test(start_paused = true)]
async fn reset_and_the_end_of_the_connection_end_it() {
    let server = Server::start(Router::<()>::new());
    let (mut one, mut two, mut client) = (server.connect(), server.connect(), server.connect());
    for monitor in [&mut one, &mut two] {
        monitor.asks("MONITOR\r\n", "+OK\r\n").await;
    }
    one.asks("RESET\r\n", "+RESET\r\n").await;
    assert_eq!(shown(&mut two).await, r#"[0 memory:0] "RESET""#);
    client.asks("PING\r\n", "+PONG\r\n").await;
    assert_eq!(shown(&mut two).await, r#"[0 memory:0] "PING""#);
    drop(two);
    settle().await;
    client.asks("PING\r\n", "+PONG\r\n").await;
    assert!(one.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn a_monitor_that_does_not_read_is_disconnected_and_others_are_not_harmed() {
    let store = Store::new();
    let server = Server::of(|listener| {
        let limit = OutputLimit { hard: 100_000, soft: 0, soft_for: Default::default() };
        standalone::server(&store, &Default::default()).output_limit(ClientClass::Normal, limit).listen(listener)
    });
    let (mut monitor, mut client) = (server.connect_with_room(100), server.connect());
    monitor.asks("MONITOR\r\n", "+OK\r\n").await;
    let long = "x".repeat(50_000);
    for _ in 0..2000 {
        client.asks(format!("SET k {long}\r\n"), "+OK\r\n").await;
        if !store_has_monitor(&mut client).await {
            return;
        }
    }
    panic!("the monitor is still there");
}

async fn store_has_monitor(client: &mut Client) -> bool {
    client.sends("CLIENT LIST\r\n").await;
    client.reads_bulk().await.contains(" flags=O ")
}
