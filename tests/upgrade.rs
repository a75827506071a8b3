//! Connections that a handler takes out of the loop, for a protocol of its own.

use std::{convert::Infallible, future::ready, time::Duration};

use kvstore::{
    protocol::{Body, Command, Peer, Response, mailbox::SendError},
    server::{Serve, Upgraded, upgrade, upgrade_after},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::oneshot,
};
use tower::service_fn;

use crate::{
    in_flight::Once,
    support::{Client, Server, mock, settle},
};

/// Sends back what it reads, in brackets, line by line, until `.` comes.
async fn brackets(mut stream: Upgraded) {
    let mut line = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        line.push(byte);
        if line == b".\n" {
            return;
        }
        if byte == b'\n' {
            let answer = format!("[{}]", String::from_utf8_lossy(&line).trim_end());
            stream.write_all(answer.as_bytes()).await.expect("the peer reads");
            line.clear();
        }
    }
}

/// Upgrades its connection at UPGRADE, and answers `+old` to everything else.
async fn take_over(command: Command) -> Result<Response, Infallible> {
    Ok(match command.is("UPGRADE") {
        true => upgrade_after(Response::ok(), brackets),
        false => Response::simple("old"),
    })
}

fn server() -> Server {
    Server::of(|listener| kvstore::serve(listener, service_fn(take_over)).exclusive(["UPGRADE"]))
}

/// A server whose X is answered by the test.
fn scripted_server(build: impl FnOnce(Serve) -> Serve) -> (Server, crate::support::Script) {
    let (service, script) = mock();
    (Server::of(|listener| build(kvstore::serve(listener, service).exclusive(["X"]))), script)
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_is_answered_and_what_comes_behind_is_the_new_protocols() {
    let mut client = server().connect();
    client.sends("A\r\nPING\r\nUPGRADE\r\nPING\n*1").await;
    client.gets("+old\r\n+PONG\r\n+OK\r\n[PING]").await;
    client.asks("\r\nmore\n", "[*1][more]").await;
    client.sends(".\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_request_in_single_bytes_upgrades_as_well() {
    let mut client = server().connect();
    for byte in b"*1\r\n$7\r\nupgrade\r\nhello\n" {
        client.sends([*byte]).await;
        settle().await;
    }
    client.gets("+OK\r\n[hello]").await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_peer_is_seen_behind_what_it_sent() {
    let mut client = server().connect();
    client.sends("UPGRADE\r\nlast\n").await;
    client.half_closes().await;
    client.gets("+OK\r\n[last]").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_pending_command_may_upgrade_and_a_streamed_value_goes_before() {
    let (server, mut script) = scripted_server(|serve| serve.max_in_flight(4));
    let mut client = server.connect();
    client.sends("A\r\nX\r\nhello\n").await;
    let a = script.expect("A").await;
    script.assert_quiet().await;
    a.answer("a");
    let x = script.expect("X").await;
    let push = x.command().push().expect("it came from a connection");
    push.clone().before_answer().try_send(Response::simple("before")).expect("there is room");
    push.try_send(Response::simple("behind")).expect("there is room");
    client.sends("PING\n").await;
    x.answer(upgrade_after(Body::new(5, &b"value"[..]).into(), brackets));
    client.gets("$1\r\na\r\n+before\r\n$5\r\nvalue\r\n+behind\r\n[hello][PING]").await;
    assert!(!push.is_open());
    assert!(matches!(push.send(Response::ok()).await, Err(SendError::Closed(_))));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_exclusive_is_refused_and_the_connection_goes_on() {
    let mut client = Server::start(service_fn(take_over)).connect();
    for _ in 0..2 {
        client.sends("UPGRADE\r\nA\r\n").await;
        client.gets("-ERR a command that upgrades its connection must be an exclusive one\r\n+old\r\n").await;
    }
    client.asks("UPGRADE\r\n", "-ERR a command that upgrades its connection must be an exclusive one\r\n").await;
    client.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_argument_is_streamed_is_refused_too() {
    let (server, mut script) = scripted_server(|serve| serve.stream_in(["X"], 10));
    let mut client = server.connect();
    let refusal = "-ERR a command whose argument is streamed cannot upgrade its connection\r\n";
    for rest in ["56789\r\n", ""] {
        client.sends("*2\r\n$1\r\nX\r\n$11\r\n012345").await;
        let call = script.next().await;
        client.sends(rest.trim_end()).await;
        settle().await;
        call.answer(upgrade(brackets));
        client.gets(refusal).await;
        client.sends(if rest.is_empty() { "56789\r\n" } else { "\r\n" }).await;
        client.asks("PING\r\n", "+PONG\r\n").await;
    }
    client.sends("X\r\nhello\n").await;
    script.next().await.answer(upgrade(brackets));
    client.gets("[hello]").await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_handed_over_once_and_alone() {
    let (server, mut script) = scripted_server(|serve| serve);
    let (mut one, mut two) = (server.connect(), server.connect());
    let inside = "-ERR an upgrade stands alone\r\n";
    let answer = upgrade(brackets);
    one.sends("X\r\nX\r\n").await;
    script.next().await.answer(Response::Array(vec![answer.clone(), 1.into()]));
    one.gets(format!("*2\r\n{inside}:1\r\n")).await;
    script.next().await.answer(answer.clone());
    one.asks("hello\n", "[hello]").await;
    two.sends("X\r\nX\r\nX\r\n").await;
    script.next().await.answer(answer);
    two.gets(inside).await;
    script.next().await.answer(upgrade_after(upgrade(brackets), brackets));
    two.gets(format!("{inside}[X]")).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_knows_its_session_and_keeps_its_place() {
    let (server, mut script) = scripted_server(|serve| serve.max_connections(2));
    let mut client = server.connect();
    client.sends("SELECT 3\r\nX\r\n").await;
    client.gets("+OK\r\n").await;
    script.next().await.answer(upgrade(|mut stream| async move {
        let text = format!("{} {}", stream.session().id(), stream.session().database());
        stream.write_all(text.as_bytes()).await.expect("the peer reads");
        std::future::pending::<()>().await;
    }));
    client.gets("1 3").await;
    let mut other = server.connect();
    other.sends("CLIENT LIST\r\n").await;
    let list = other.reads_bulk().await;
    assert!(list.lines().any(|line| line.starts_with("id=1 ") && line.contains(" cmd=x ")), "{list}");
    server.connect().gets("-ERR max number of clients reached\r\n").await;
    other.asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    assert!(client.is_closed().await);
    settle().await;
    server.connect().asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_drops_the_new_protocol_at_once() {
    let (server, mut script) = scripted_server(|serve| serve);
    let mut client = server.connect();
    client.sends("X\r\n").await;
    let (held, mut dropped) = oneshot::channel::<()>();
    script.next().await.answer(upgrade(|stream| async move {
        let _held = (stream, held);
        std::future::pending::<()>().await;
    }));
    settle().await;
    assert!(dropped.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
    server.connect().asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    assert!(dropped.await.is_err());
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_told_and_waits_within_the_grace_period() {
    let (server, mut script) = scripted_server(|serve| serve.grace_period(Duration::from_secs(5)));
    let (mut polite, mut stubborn) = (server.connect(), server.connect());
    polite.sends("X\r\n").await;
    script.next().await.answer(upgrade(|mut stream| async move {
        stream.stopping().await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        stream.write_all(b"bye").await.expect("the peer reads");
    }));
    stubborn.sends("X\r\n").await;
    script.next().await.answer(upgrade(brackets));
    settle().await;
    let stopped = server.stop();
    polite.gets("bye").await;
    assert!(polite.is_closed().await);
    stubborn.asks("still here\n", "[still here]").await;
    assert_eq!(stopped.await.expect("no panic").cut, 1);
    assert!(stubborn.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_upgrades_during_a_stop_is_told_at_once() {
    let (server, mut script) = scripted_server(|serve| serve);
    let mut client = server.connect();
    client.sends("X\r\n").await;
    let call = script.next().await;
    let stopped = server.stop();
    settle().await;
    call.answer(upgrade_after(Response::ok(), |mut stream| async move {
        stream.stopping().await;
        stream.write_all(b"bye").await.expect("the peer reads");
    }));
    client.gets("+OK\r\nbye").await;
    assert!(client.is_closed().await);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_new_protocol_hurts_nobody_else() {
    let (server, mut script) = scripted_server(|serve| serve);
    let panics = [
        upgrade(|_| -> std::future::Ready<()> { panic!("before the future") }),
        upgrade(|_| async { panic!("in the future") }),
    ];
    for answer in panics {
        let mut client = server.connect();
        client.sends("X\r\n").await;
        script.next().await.answer(answer);
        assert!(client.is_closed().await);
    }
    server.connect().asks("PING\r\n", "+PONG\r\n").await;
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_holds_back_is_flushed_before_it_changes_hands() {
    let (near, far) = tokio::io::duplex(1);
    let buffered = tokio::io::BufWriter::new(far);
    let idle = service_fn(|_| {
        ready(Ok::<_, Infallible>(upgrade_after(Response::simple("the last word"), |stream| async move {
            let _held = stream;
            std::future::pending().await
        })))
    });
    let serve = Serve::new(idle).exclusive(["X"]).listen(Once(Some(buffered), Peer::Memory));
    let _running = tokio::spawn(serve.into_future());
    let mut client = Client::new(near);
    client.sends("X\r\n").await;
    settle().await;
    client.gets("+the last word\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn no_rule_of_the_old_protocol_ends_the_new_one() {
    let service = service_fn(|_| ready(Ok::<_, Infallible>(upgrade(brackets))));
    let server = Server::of(|listener| {
        kvstore::serve(listener, service)
            .exclusive(["X"])
            .idle_timeout(Duration::from_secs(1))
            .slow_sender(100, Duration::from_secs(1))
    });
    let mut client = server.connect();
    client.sends("X\r\n").await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    client.asks("hello\n", "[hello]").await;
}

async fn upgrades<Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(io: Io) {
    let mut client = Client::new(io);
    client.sends("UPGRADE\r\nhello\n").await;
    client.gets("+OK\r\n[hello]").await;
    client.sends(".\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn connections_of_every_listener_are_upgraded() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = tcp.local_addr().expect("an address");
    let path = std::env::temp_dir().join(format!("kvstore-upgraded-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let unix = UnixListener::bind(&path).expect("a free path");
    let serve = kvstore::serve(tcp, service_fn(take_over)).listen(unix).exclusive(["UPGRADE"]);
    let running = tokio::spawn(serve.into_future());
    upgrades(TcpStream::connect(address).await.expect("the server listens")).await;
    upgrades(UnixStream::connect(&path).await.expect("the server listens")).await;
    running.abort();
    std::fs::remove_file(&path).expect("it is there");
}
