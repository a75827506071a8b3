//! How servers stop, and whom they do not serve.

use std::{
    convert::Infallible,
    future::IntoFuture,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use kvstore::{
    protocol::Peer,
    server::{Password, Serve, Stopped, pipe, serve_with_factory},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::oneshot,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceExt, limit::GlobalConcurrencyLimitLayer};

use crate::{
    in_flight::Once,
    support::{Client, Server, mock, settle, words},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_answered() {
    let (service, mut script) = mock();
    let server = Server::start(service);
    let mut client = server.connect();
    client.sends("A\r\n").await;
    let call = script.next().await;
    let stopped = server.stop();
    settle().await;
    call.answer("a");
    client.gets("$1\r\na\r\n").await;
    assert!(client.is_closed().await);
    drop(client);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_called_is_dropped() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(2));
    let mut client = server.connect();
    client.sends("A\r\nB\r\nC\r\nPING\r\n").await;
    let (a, b) = (script.expect("A").await, script.expect("B").await);
    let stopped = server.stop();
    settle().await;
    client.sends("D\r\n").await;
    b.answer("b");
    a.answer("a");
    client.gets("$1\r\na\r\n$1\r\nb\r\n").await;
    assert!(client.is_closed().await);
    script.assert_quiet().await;
    drop(client);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_at_once() {
    let server = Server::start(words());
    let mut client = server.connect();
    client.asks("PING\r\n", "+PONG\r\n").await;
    let stopped = server.stop();
    let start = Instant::now();
    assert!(client.is_closed().await);
    assert!(start.elapsed() < Duration::from_millis(10));
    drop(client);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
    assert!(start.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_neither_closes_nor_sends_is_waited_for_half_a_second() {
    let server = Server::start(words());
    let mut client = server.connect();
    client.asks("PING\r\n", "+PONG\r\n").await;
    let start = Instant::now();
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
    assert_eq!(start.elapsed().as_millis() / 10, 50);
}

#[tokio::test(start_paused = true)]
async fn nobody_can_connect_any_more() {
    let (service, mut script) = mock();
    let server = Server::start(service);
    let connector = server.connector();
    let mut client = server.connect();
    client.sends("A\r\n").await;
    let _call = script.next().await;
    let _stopped = server.stop();
    settle().await;
    assert_eq!(connector.connect().expect_err("it is closed").kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_in_time_is_cut_and_counted() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).grace_period(3 * SECOND));
    let (mut one, mut two) = (server.connect(), server.connect());
    one.sends("A\r\n").await;
    let mut call = script.next().await;
    two.asks("PING\r\n", "+PONG\r\n").await;
    let start = Instant::now();
    let stopped = server.stop().await.expect("no panic");
    assert_eq!((stopped.cut, start.elapsed().as_secs()), (1, 3));
    call.dropped().await;
    one.gets("-ERR this connection is closed: the server is shutting down\r\n").await;
    assert!(one.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn replies_that_nobody_reads_are_cut_too() {
    let server = Server::start(words());
    let mut client = server.connect_with_room(64);
    client.sends("GET a\r\n".repeat(100)).await;
    settle().await;
    assert_eq!(server.stop().await.expect("no panic").cut, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_ends_its_connections() {
    let (connector, listener) = pipe();
    let running = tokio::spawn(kvstore::serve(listener, words()).into_future());
    let mut client = Client::new(connector.connect().expect("the server listens"));
    client.asks("PING\r\n", "+PONG\r\n").await;
    running.abort();
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_farewell_ends_with_its_server() {
    let (connector, listener) = pipe();
    let running = tokio::spawn(kvstore::serve(listener, words()).into_future());
    let mut client = Client::new(connector.connect().expect("the server listens"));
    client.asks("QUIT\r\n", "+OK\r\n").await;
    running.abort();
    settle().await;
    client.io.write_all(b"PING\r\n").await.expect_err("the connection is gone");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_farewell_waits_for_no_permit() {
    let (service, mut script) = mock();
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(service);
    let server = Server::start(limited.clone());
    let (mut one, mut two) = (server.connect(), server.connect());
    one.sends("A\r\n").await;
    let call = script.next().await;
    two.sends("B\r\n").await;
    settle().await;
    let _stopped = server.stop();
    settle().await;
    call.answer("a");
    timeout(Duration::from_millis(100), limited.ready_oneshot()).await.expect("the permit is free").expect("no error");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_still_waits_for_its_service_is_closed_at_once() {
    let factory = tower::service_fn(|_| std::future::pending::<Result<crate::support::Mock, Infallible>>());
    let server = Server::of(|listener| serve_with_factory(listener, factory));
    let mut client = server.connect();
    client.sends("PING\r\n").await;
    settle().await;
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
    assert!(client.is_closed().await);
}

/// A server on a TCP socket, its address, and how to stop it.
async fn on_tcp() -> (std::net::SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<Stopped>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let signal = async { stopped.await.expect("the test tells") };
    let serve = kvstore::serve(listener, words()).with_graceful_shutdown(signal);
    (address, stop, tokio::spawn(serve.into_future()))
}

#[tokio::test]
async fn a_client_that_goes_on_sending_reads_the_end_and_no_reset() {
    let (address, stop, stopped) = on_tcp().await;
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut reader, mut writer) = stream.into_split();
    let (closed, mut is_closed) = oneshot::channel::<()>();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        while is_closed.try_recv().is_err() {
            writer.write_all(b"GET a\r\n").await.expect("the server still reads");
            sent += 1;
            tokio::task::yield_now().await;
        }
        sent
    });
    let mut scratch = vec![0; 11 * 100];
    reader.read_exact(&mut scratch).await.expect("answers");
    stop.send(()).expect("the server runs");
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.expect("an orderly end");
    assert_eq!(rest.len() % 11, 0, "half an answer");
    closed.send(()).expect("it still sends");
    assert!(sending.await.expect("no panic") >= 100);
    drop(reader);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let (address, stop, stopped) = on_tcp().await;
    stop.send(()).expect("the server runs");
    stopped.await.expect("no panic");
    let refused = TcpStream::connect(address).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn one_service_is_served_on_several_listeners() {
    let (connector, in_memory) = pipe();
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = tcp.local_addr().expect("an address");
    let path = std::env::temp_dir().join(format!("kvstore-listeners-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let unix = UnixListener::bind(&path).expect("a free path");
    let serve = kvstore::serve(in_memory, words()).listen(tcp).listen(unix);
    let running = tokio::spawn(serve.into_future());
    let request = "CLIENT ID\r\n";
    Client::new(connector.connect().expect("it listens")).asks(request, ":").await;
    Client::new(TcpStream::connect(address).await.expect("it listens")).asks(request, ":").await;
    let mut client = Client::new(UnixStream::connect(&path).await.expect("it listens"));
    client.sends("CLIENT INFO\r\n").await;
    let line = client.reads_bulk().await;
    assert!(line.contains(&format!("addr={0}:0 laddr={0}:0 ", path.display())), "{line}");
    running.abort();
    std::fs::remove_file(&path).expect("the socket is there");
}

#[tokio::test(start_paused = true)]
async fn one_connection_too_many_is_told_so() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).max_connections(2));
    let (mut one, mut two) = (server.connect(), server.connect());
    one.asks("PING\r\n", "+PONG\r\n").await;
    two.asks("PING\r\n", "+PONG\r\n").await;
    let mut three = server.connect();
    three.gets("-ERR max number of clients reached\r\n").await;
    assert!(three.is_closed().await);
    one.asks("PING\r\n", "+PONG\r\n").await;
    drop(one);
    settle().await;
    server.connect().asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn many_that_are_turned_away_cost_little() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).max_connections(0));
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    let mut told = 0;
    for client in &mut clients {
        told += usize::from(!client.reads_all().await.is_empty());
    }
    assert_eq!(told, 64);
}

/// A client from another machine, of a server with these settings.
fn stranger(build: impl FnOnce(Once<tokio::io::DuplexStream>) -> Serve) -> Client {
    let (client, server) = duplex(4096);
    let peer = Peer::Tcp("192.0.2.1:4000".parse().expect("an address"));
    tokio::spawn(build(Once(Some(server), peer)).into_future());
    Client::new(client)
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_not_served_where_nobody_must_authenticate() {
    let mut client = stranger(|listener| kvstore::serve(listener, words()));
    client.gets("-DENIED ").await;
    let line = client.reads_line().await;
    assert!(line.contains("is running in protected mode because protected mode is enabled and no password is set"));
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_served_where_that_is_asked_for() {
    let mut client = stranger(|listener| kvstore::serve(listener, words()).protected_mode(false));
    client.asks("PING\r\n", "+PONG\r\n").await;
    let mut client = stranger(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")));
    client.asks("AUTH secret\r\n", "+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_told_and_goes_on_sending_is_let_go() {
    let server = Server::of(|listener| kvstore::serve(listener, words()));
    let mut client = server.connect();
    client.asks("QUIT\r\n", "+OK\r\n").await;
    let start = Instant::now();
    while client.io.write_all(b"PING\r\n").await.is_ok() {
        sleep(SECOND / 10).await;
    }
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// A peer that says QUIT, and then sends without end. Tells when it is let go.
struct Flood {
    has_quit: bool,
    _held: oneshot::Sender<()>,
}

impl AsyncRead for Flood {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.has_quit {
            buffer.initialize_unfilled();
            buffer.set_filled(buffer.capacity());
        } else {
            buffer.put_slice(b"QUIT\r\n");
            self.has_quit = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

// In real time: where a clock stands, nothing ends a farewell that holds up its thread.
#[tokio::test]
async fn clients_that_quit_and_go_on_sending_hold_nobody_up() {
    let (connector, listener) = pipe();
    let mut serve = kvstore::serve(listener, words());
    let mut held = Vec::new();
    for _ in 0..2 {
        let (hold, is_held) = oneshot::channel();
        serve = serve.listen(Once(Some(Flood { has_quit: false, _held: hold }), Peer::Memory));
        held.push(is_held);
    }
    let start = Instant::now();
    let running = tokio::spawn(serve.into_future());
    let mut client = Client::new(connector.connect().expect("the server listens"));
    for _ in 0..10 {
        client.asks("PING\r\n", "+PONG\r\n").await;
    }
    running.abort();
    for is_held in held {
        is_held.await.expect_err("the connection is gone");
    }
    assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());
}
