//! MULTI, EXEC, DISCARD, WATCH of the store, through a server with the default stack.

use std::time::Duration;

use kvstore::{
    server::{Password, Serve},
    standalone::{self, StackSettings},
    store::{Store, TokioClock},
};

use crate::support::{Client, Server, request};

fn serve(store: &Store) -> Serve {
    standalone::server(store, &StackSettings::default())
}

fn server() -> Server {
    let store = Store::builder().clock(TokioClock::new()).threads(4).build();
    Server::of(|listener| serve(&store).listen(listener))
}

/// Sends commands, one a line, in one go.
async fn sends(client: &mut Client, lines: &[&str]) {
    let requests = lines.iter().flat_map(|line| request(&line.split(' ').collect::<Vec<_>>()));
    client.sends(requests.collect::<Vec<_>>()).await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_of_a_transaction_is_answered_in_order() {
    let mut client = server().connect();
    sends(&mut client, &["MULTI", "SET k 1", "INCR k", "GET k", "EXEC", "GET k"]).await;
    client.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n$1\r\n2\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn commands_of_every_scope_run_in_a_transaction_over_the_same_locks() {
    let mut client = server().connect();
    let queued = [
        ("DBSIZE", ":3\r\n"),
        ("RENAME a d", "+OK\r\n"),
        ("KEYS [ad]", "*1\r\n$1\r\nd\r\n"),
        ("MGET b c d", "*3\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n1\r\n"),
        ("COPY b b DB 3", ":1\r\n"),
        ("SELECT 3", "+OK\r\n"),
        ("GET b", "$1\r\n2\r\n"),
        ("KEYS *", "*1\r\n$1\r\nb\r\n"),
        ("RANDOMKEY", "$1\r\nb\r\n"),
        ("SELECT 99", "-ERR DB index is out of range\r\n"),
        ("SELECT 0", "+OK\r\n"),
        ("MOVE c 5", ":1\r\n"),
        ("SCAN 0 COUNT 100 MATCH d", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nd\r\n"),
        ("SWAPDB 0 5", "+OK\r\n"),
        ("GET c", "$1\r\n3\r\n"),
        ("FLUSHDB", "+OK\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("SWAPDB 5 0", "+OK\r\n"),
        ("DBSIZE", ":2\r\n"),
        ("CONFIG RESETSTAT", "+OK\r\n"),
        ("PING", "+PONG\r\n"),
        ("CLIENT SETNAME ada", "+OK\r\n"),
        ("CLIENT GETNAME", "$3\r\nada\r\n"),
        ("FLUSHALL", "+OK\r\n"),
        ("SELECT 3", "+OK\r\n"),
    ];
    sends(&mut client, &["MSET a 1 b 2 c 3", "MULTI"]).await;
    client.gets("+OK\r\n+OK\r\n").await;
    for (line, _) in queued {
        sends(&mut client, &[line]).await;
        client.gets("+QUEUED\r\n").await;
    }
    sends(&mut client, &["EXEC"]).await;
    client.gets(format!("*{}\r\n", queued.len())).await;
    for (_, answer) in queued {
        client.gets(answer).await;
    }
    // SELECT holds for the connection too.
    sends(&mut client, &["SET k 1", "SELECT 0", "EXISTS k", "CLIENT GETNAME"]).await;
    client.gets("+OK\r\n+OK\r\n:0\r\n$3\r\nada\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn every_error_at_queueing_aborts() {
    let mut client = server().connect();
    for (line, error) in [
        ("NOSUCH x", "-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n"),
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
        ("AUTH secret", "-ERR Command not allowed inside a transaction\r\n"),
        ("HELLO 3 AUTH default secret", "-ERR Command not allowed inside a transaction\r\n"),
        ("OBJECT NOSUCH k", "-ERR unknown subcommand 'NOSUCH'. Try OBJECT HELP.\r\n"),
    ] {
        sends(&mut client, &["MULTI", "SET k 1", line, "EXEC", "EXISTS k"]).await;
        client.gets(format!("+OK\r\n+QUEUED\r\n{error}")).await;
        client.gets("-EXECABORT Transaction discarded because of previous errors.\r\n:0\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_multi_and_watch_abort_nothing() {
    let mut client = server().connect();
    sends(&mut client, &["MULTI", "MULTI", "WATCH k", "SET k 1", "EXEC", "EXEC", "DISCARD"]).await;
    client.gets("+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n").await;
    client.gets("+QUEUED\r\n*1\r\n+OK\r\n-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_watched_key_that_another_client_changes_makes_exec_answer_null() {
    let server = server();
    let (mut client, mut other) = (server.connect(), server.connect());
    sends(&mut client, &["WATCH k", "MULTI", "SET k 1"]).await;
    client.gets("+OK\r\n+OK\r\n+QUEUED\r\n").await;
    sends(&mut other, &["SET k 2"]).await;
    other.gets("+OK\r\n").await;
    sends(&mut client, &["EXEC", "GET k", "HELLO 3"]).await;
    client.gets("*-1\r\n$1\r\n2\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    sends(&mut client, &["WATCH k"]).await;
    client.gets("+OK\r\n").await;
    sends(&mut other, &["PEXPIRE k 10"]).await;
    other.gets(":1\r\n").await;
    tokio::time::advance(Duration::from_millis(10)).await;
    sends(&mut client, &["MULTI", "PING", "EXEC"]).await;
    client.gets("+OK\r\n+QUEUED\r\n_\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn reset_and_the_end_of_a_connection_end_its_transaction() {
    let server = server();
    let mut client = server.connect();
    sends(&mut client, &["WATCH k", "MULTI", "SET k 1", "RESET", "EXEC", "SET k 2", "MULTI", "GET k", "EXEC"]).await;
    client.gets("+OK\r\n+OK\r\n+QUEUED\r\n+RESET\r\n-ERR EXEC without MULTI\r\n+OK\r\n").await;
    client.gets("+OK\r\n+QUEUED\r\n*1\r\n$1\r\n2\r\n").await;
    let mut gone = server.connect();
    sends(&mut gone, &["MULTI", "SET k 3", "QUIT"]).await;
    gone.gets("+OK\r\n+QUEUED\r\n+OK\r\n").await;
    assert!(gone.is_closed().await);
    sends(&mut client, &["GET k"]).await;
    client.gets("$1\r\n2\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_authentication_aborts_nothing_that_is_not_there() {
    let store = Store::new();
    let server = Server::of(|listener| serve(&store).authenticate(Password::new("secret")).listen(listener));
    let mut client = server.connect();
    sends(&mut client, &["MULTI", "AUTH secret", "MULTI", "SET k 1", "EXEC"]).await;
    client.gets("-NOAUTH Authentication required.\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_long_transaction_runs_while_others_are_served() {
    let server = server();
    let (mut client, mut other) = (server.connect(), server.connect());
    let lines: Vec<String> = (0..2000).map(|key| format!("SET key:{key} v")).collect();
    sends(&mut client, &["MULTI"]).await;
    sends(&mut client, &lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    sends(&mut client, &["EXEC", "DBSIZE"]).await;
    sends(&mut other, &["PING", "GET key:1"]).await;
    other.gets("+PONG\r\n").await;
    client.gets("+OK\r\n").await;
    client.gets("+QUEUED\r\n".repeat(2000)).await;
    client.gets("*2000\r\n").await;
    client.gets("+OK\r\n".repeat(2000)).await;
    client.gets(":2000\r\n").await;
}
