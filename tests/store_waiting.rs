//! BLPOP and its kin of the store, through a server with the default stack.

use std::time::Duration;

use kvstore::{
    server::{CutReason, Serve},
    standalone::{self, StackSettings},
    store::{Store, TokioClock},
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{Client, Server, request, settle};

fn store() -> Store {
    Store::builder().clock(TokioClock::new()).threads(4).build()
}

fn serve(store: &Store) -> Serve {
    standalone::server(store, &StackSettings::default())
}

fn server() -> Server {
    let store = store();
    Server::of(|listener| serve(&store).listen(listener))
}

/// Sends commands, one a line, in one go.
async fn sends(client: &mut Client, lines: &[&str]) {
    let requests = lines.iter().flat_map(|line| request(&line.split(' ').collect::<Vec<_>>()));
    client.sends(requests.collect::<Vec<_>>()).await;
    settle().await;
}

async fn asks(client: &mut Client, line: &str, answer: &str) {
    sends(client, &[line]).await;
    client.gets(answer).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_is_served_and_goes_on_with_its_pipeline() {
    let server = server();
    let (mut waiting, mut other) = (server.connect(), server.connect());
    sends(&mut waiting, &["BLPOP l 0", "LLEN l"]).await;
    asks(&mut other, "RPUSH l a b", ":2\r\n").await;
    waiting.gets("*2\r\n$1\r\nl\r\n$1\r\na\r\n:1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_client_ends_and_its_connection_goes_on() {
    let server = server();
    let mut client = server.connect();
    let begin = Instant::now();
    sends(&mut client, &["BLPOP l 1.5", "BZPOPMIN z 0.001", "WAIT 1 20", "PING"]).await;
    client.gets("*-1\r\n*-1\r\n:0\r\n+PONG\r\n").await;
    let passed = begin.elapsed();
    assert!((1521..1530).contains(&passed.as_millis()), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_waits_holds_no_permit_and_no_deadline() {
    let store = store();
    let settings = StackSettings::default().max_commands(1).command_timeout(Duration::from_secs(1));
    let server = Server::of(|listener| standalone::server(&store, &settings).listen(listener));
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for client in &mut clients {
        sends(client, &["BRPOP l 0"]).await;
    }
    advance(Duration::from_secs(100)).await;
    asks(&mut server.connect(), "RPUSH l 1 2 3 4 5", ":5\r\n").await;
    for (client, element) in clients.iter_mut().zip([5, 4, 3, 2, 1]) {
        client.gets(format!("*2\r\n$1\r\nl\r\n$1\r\n{element}\r\n")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_side_takes_nothing() {
    for is_half_closed in [false, true] {
        let server = server();
        let (mut gone, mut other) = (server.connect(), server.connect());
        sends(&mut gone, &["BLPOP l 0"]).await;
        if is_half_closed {
            tokio::io::AsyncWriteExt::shutdown(&mut gone.io).await.expect("the connection holds");
            assert!(gone.is_closed().await);
        } else {
            drop(gone);
        }
        settle().await;
        asks(&mut other, "RPUSH l a", ":1\r\n").await;
        asks(&mut other, "LLEN l", ":1\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_does_not_wait_for_those_who_wait() {
    let server = server();
    let (mut waiting, mut timed) = (server.connect(), server.connect());
    sends(&mut waiting, &["BLPOP l 0", "PING"]).await;
    sends(&mut timed, &["BLPOP l 1000"]).await;
    let begin = Instant::now();
    let stopped = server.stop();
    assert!(waiting.is_closed().await && timed.is_closed().await);
    drop((waiting, timed));
    assert_eq!(stopped.await.expect("no panic").cut, 0);
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_client_is_unblocked_by_another() {
    let server = server();
    let (mut waiting, mut other) = (server.connect(), server.connect());
    asks(&mut waiting, "CLIENT ID", ":1\r\n").await;
    asks(&mut other, "CLIENT UNBLOCK 1", ":0\r\n").await;
    for (how, answer) in [("TIMEOUT", "*-1\r\n"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")] {
        sends(&mut waiting, &["BLMOVE l m LEFT LEFT 0"]).await;
        sends(&mut other, &["CLIENT LIST ID 1"]).await;
        let line = other.reads_bulk().await;
        assert!(line.contains(" flags=b ") && line.contains(" cmd=blmove "), "{line}");
        sends(&mut other, &["INFO clients"]).await;
        assert!(other.reads_bulk().await.contains("\r\nblocked_clients:1\r\ntotal_blocking_keys:1\r\n"));
        asks(&mut other, &format!("CLIENT UNBLOCK 1 {how}"), ":1\r\n").await;
        waiting.gets(answer).await;
    }
    sends(&mut other, &["INFO clients"]).await;
    assert!(other.reads_bulk().await.contains("\r\nblocked_clients:0\r\n"));
}

#[tokio::test(start_paused = true)]
async fn an_expired_list_is_no_list() {
    let server = server();
    let (mut waiting, mut other) = (server.connect(), server.connect());
    asks(&mut other, "RPUSH l a", ":1\r\n").await;
    asks(&mut other, "PEXPIRE l 10", ":1\r\n").await;
    sleep(Duration::from_millis(20)).await;
    sends(&mut waiting, &["BLPOP l 0"]).await;
    asks(&mut other, "RPUSH l b", ":1\r\n").await;
    waiting.gets("*2\r\n$1\r\nl\r\n$1\r\nb\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_a_pause_holds_back_counts_as_blocked() {
    async fn blocked(client: &mut Client) -> String {
        client.sends("INFO clients\r\n").await;
        client
            .reads_bulk()
            .await
            .lines()
            .find(|line| line.starts_with("blocked_clients:"))
            .expect("the field")
            .to_owned()
    }
    let server = server();
    let (mut one, mut two, mut three) = (server.connect(), server.connect(), server.connect());
    asks(&mut one, "CLIENT PAUSE 60000 WRITE", "+OK\r\n").await;
    sends(&mut two, &["SET k 1"]).await;
    sends(&mut three, &["SET k 2"]).await;
    assert_eq!(blocked(&mut one).await, "blocked_clients:2");
    drop(three);
    settle().await;
    assert_eq!(blocked(&mut one).await, "blocked_clients:1");
    asks(&mut one, "CLIENT UNPAUSE", "+OK\r\n").await;
    two.gets("+OK\r\n").await;
    assert_eq!(blocked(&mut one).await, "blocked_clients:0");
    asks(&mut one, "CLIENT PAUSE 100", "+OK\r\n").await;
    sends(&mut two, &["GET k"]).await;
    sleep(Duration::from_millis(101)).await;
    two.gets("$1\r\n1\r\n").await;
    assert_eq!(blocked(&mut one).await, "blocked_clients:0");
}

#[tokio::test(start_paused = true)]
async fn a_short_pause_of_all_commands_is_not_made_longer_by_one_of_writes() {
    let server = server();
    let (mut one, mut two) = (server.connect(), server.connect());
    let begin = Instant::now();
    sends(&mut one, &["CLIENT PAUSE 100 ALL", "CLIENT PAUSE 60000 WRITE", "CLIENT PAUSE 10 WRITE"]).await;
    one.gets("+OK\r\n".repeat(3)).await;
    asks(&mut two, "GET k", "$-1\r\n").await;
    assert!((100..120).contains(&begin.elapsed().as_millis()));
    sends(&mut two, &["SET k 1"]).await;
    sleep(Duration::from_secs(59)).await;
    assert!(two.hears_nothing().await);
    two.gets("+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_writes_holds_a_transaction_that_may_write() {
    let server = server();
    let (mut one, mut two, mut three) = (server.connect(), server.connect(), server.connect());
    sends(&mut two, &["MULTI", "SET k 1"]).await;
    two.gets("+OK\r\n+QUEUED\r\n").await;
    asks(&mut one, "CLIENT PAUSE 60000 WRITE", "+OK\r\n").await;
    sends(&mut two, &["EXEC"]).await;
    sends(&mut three, &["MULTI", "GET k", "EXEC"]).await;
    three.gets("+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n").await;
    asks(&mut one, "CLIENT UNPAUSE", "+OK\r\n").await;
    two.gets("*1\r\n+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_over_the_output_limit_closes_the_connection() {
    let server = server();
    let (mut one, mut two) = (server.connect(), server.connect());
    let value = "x".repeat(60_000);
    two.asks(request(&["SET", "k", &value]), "+OK\r\n").await;
    two.asks(request(&["CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0"]), "+OK\r\n").await;
    // The client reads, so the limit is on what a single command answers.
    one.asks("STRLEN k\r\nGET k\r\n", format!(":60000\r\n$60000\r\n{value}\r\n")).await;
    one.sends("MULTI\r\nSET l 1\r\nGET k\r\nGET k\r\nEXEC\r\n").await;
    let told = format!("-ERR this connection is closed: {}\r\n", CutReason::OutputLimit);
    assert_eq!(one.reads_all().await, told.as_bytes());
    two.asks("GET l\r\n", "$1\r\n1\r\n").await;
}
