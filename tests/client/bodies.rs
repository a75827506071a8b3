//! Commands whose last argument is sent in pieces, and never held whole.

use std::{
    convert::Infallible,
    future::ready,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use kvstore::{
    client::{Client, ClientError, ConnectionError},
    protocol::{Body, ClientCodec, Command, Response},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    join,
};
use tokio_test::{assert_pending, task};
use tower::service_fn;

use super::{GET_K, PING, Peer, connected_lazily, resp, with_room};
use crate::support::settle;

const PUT_K: &str = "*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n";

fn put(body: Body) -> Command {
    Command::new("PUT").arg("k").with_body(body)
}

/// A body of so many bytes, and where they come from.
fn slow(length: u64) -> (Body, DuplexStream) {
    let (reader, writer) = duplex(1024);
    (Body::new(length, reader), writer)
}

/// A source of as much as is wanted, which counts.
struct Counting(Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        buffer.put_slice(&vec![b'x'; room]);
        self.0.fetch_add(room, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

/// A source that fails so.
struct Failing<F>(F);

impl<F: FnMut() -> io::Error + Unpin> AsyncRead for Failing<F> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err((self.0)()))
    }
}

#[tokio::test]
async fn a_body_is_the_last_argument_however_its_bytes_come() {
    let (client, mut server) = resp();
    for length in [0, 5] {
        let value = &b"value"[..length as usize];
        let (answer, ()) = join!(
            client.execute(put(Body::new(length, value))),
            server.answers(format!("{PUT_K}${length}\r\n{}\r\n", value.escape_ascii()), "+OK\r\n")
        );
        assert_eq!(answer.unwrap(), Response::ok());
    }
    let (body, mut source) = slow(5);
    let call = tokio::spawn(client.execute(put(body)));
    server.gets(format!("{PUT_K}$5\r\n")).await;
    for byte in ["v", "a", "l", "u", "e"] {
        source.write_all(byte.as_bytes()).await.unwrap();
        server.gets(byte).await;
    }
    server.answers("\r\n", ":5\r\n").await;
    assert_eq!(call.await.unwrap().unwrap(), Response::Integer(5));
}

#[tokio::test]
async fn others_wait_behind_a_slow_body_and_those_before_are_answered() {
    let (client, mut server) = resp();
    let before = tokio::spawn(client.execute(Command::new("GET").arg("k")));
    server.gets(GET_K).await;
    let (body, mut source) = slow(5);
    let mut streamed = task::spawn(client.execute(put(body)));
    assert_pending!(streamed.poll());
    server.gets(format!("{PUT_K}$5\r\n")).await;
    let behind = tokio::spawn(client.execute(Command::new("PING")));
    server.sends("$1\r\nv\r\n").await;
    assert_eq!(before.await.unwrap().unwrap(), Response::from("v"));
    source.write_all(b"value").await.unwrap();
    server.gets("value\r\n").await;
    server.answers(PING, "+OK\r\n+PONG\r\n").await;
    assert_eq!(streamed.await.unwrap(), Response::ok());
    assert_eq!(behind.await.unwrap().unwrap(), Response::simple("PONG"));
}

#[tokio::test(start_paused = true)]
async fn a_source_is_read_as_the_server_reads() {
    const LENGTH: usize = 10 << 20;
    let (client, mut server) = with_room(4096, ClientCodec::resp());
    let read = Arc::new(AtomicUsize::new(0));
    let call = tokio::spawn(client.execute(put(Body::new(LENGTH as u64, Counting(read.clone())))));
    settle().await;
    server.gets(format!("{PUT_K}${LENGTH}\r\n")).await;
    settle().await;
    let held = read.load(Ordering::Relaxed);
    assert!((4096..=100 * 1024).contains(&held), "{held}");
    let mut taken = 0;
    while taken < LENGTH {
        let mut piece = vec![0; (LENGTH - taken).min(10_000)];
        server.0.read_exact(&mut piece).await.unwrap();
        taken += piece.len();
        settle().await;
        let held = read.load(Ordering::Relaxed) - taken;
        assert!(held <= 100 * 1024, "{held}");
    }
    server.answers("\r\n", "+OK\r\n").await;
    assert_eq!(call.await.unwrap().unwrap(), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_breaks_the_connection_and_the_next_one_is_made() {
    let (client, mut backend) = connected_lazily(Client::builder());
    let failing = [
        Body::new(5, Failing(|| io::Error::other("the disk is gone"))),
        Body::new(5, &b"val"[..]),
        Body::new(5, Failing(|| panic!("a bug"))),
    ];
    let causes = ["the disk is gone", "unexpected end of file", "the source of the value panicked"];
    for (body, expected) in failing.into_iter().zip(causes) {
        let mut server = backend.accept().await;
        let before = tokio::spawn(client.execute(Command::new("GET").arg("k")));
        server.gets(GET_K).await;
        let streamed = tokio::spawn(client.execute(put(body)));
        settle().await;
        // Nothing of it was sent, so it goes over the next connection.
        let behind = tokio::spawn(client.execute(Command::new("PING")));
        for call in [before, streamed] {
            let Err(ClientError::Lost(ConnectionError::Io(cause))) = call.await.unwrap() else { panic!("not lost") };
            assert_eq!(cause.to_string(), expected);
        }
        let mut rest = Vec::new();
        server.0.read_to_end(&mut rest).await.unwrap();
        assert!(rest.starts_with(PUT_K.as_bytes()) && rest.len() <= PUT_K.len() + 7, "{}", rest.escape_ascii());
        let mut server = backend.accept().await;
        server.answers(PING, "+PONG\r\n").await;
        assert_eq!(behind.await.unwrap().unwrap(), Response::simple("PONG"));
        drop(server);
    }
}

#[tokio::test]
async fn a_body_of_which_nothing_was_sent_goes_whole_over_the_next_connection() {
    let (client, mut backend) = connected_lazily(Client::builder());
    let mut server = backend.accept().await;
    // It fills the pipe: what is behind it is encoded and not written.
    let first = tokio::spawn(client.execute(Command::new("SET").arg("k").arg("x".repeat(200_000))));
    server.gets("*3\r\n").await;
    let (small, mut other) = (tokio::spawn(client.execute(put(Body::new(5, &b"value"[..])))), server);
    settle().await;
    let mut some = [0; 100];
    other.0.read_exact(&mut some).await.unwrap();
    drop(other);
    assert!(matches!(first.await.unwrap(), Err(ClientError::Lost(_))));
    let mut server = backend.accept().await;
    server.answers(format!("{PUT_K}$5\r\nvalue\r\n"), "+OK\r\n").await;
    assert_eq!(small.await.unwrap().unwrap(), Response::ok());
}

#[tokio::test]
async fn a_body_is_sent_to_its_end_when_its_call_is_dropped() {
    let (client, mut server) = resp();
    let (body, mut source) = slow(5);
    let mut call = task::spawn(client.execute(put(body)));
    assert_pending!(call.poll());
    server.gets(format!("{PUT_K}$5\r\n")).await;
    drop(call);
    source.write_all(b"value").await.unwrap();
    let (answer, ()) = join!(client.ping(""), async {
        server.gets("value\r\n").await;
        server.answers(PING, "+OK\r\n+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn an_early_answer_is_given_when_the_body_is_sent_or_the_connection_breaks() {
    for is_whole in [true, false] {
        let (client, mut server) = resp();
        let (body, mut source) = slow(5);
        let mut call = task::spawn(client.execute(put(body)));
        assert_pending!(call.poll());
        server.answers(format!("{PUT_K}$5\r\n"), "-FULL no room\r\n").await;
        settle().await;
        assert_pending!(call.poll());
        if is_whole {
            source.write_all(b"value").await.unwrap();
            server.gets("value\r\n").await;
        } else {
            drop(server);
        }
        assert_eq!(call.await.unwrap(), Response::error("FULL", "no room"));
    }
}

#[tokio::test]
async fn a_second_answer_to_half_a_command_breaks_the_connection() {
    let (client, mut server) = resp();
    let (body, _source) = slow(5);
    let call = tokio::spawn(client.execute(put(body)));
    server.answers(format!("{PUT_K}$5\r\n"), "+OK\r\n+OK\r\n").await;
    assert_eq!(call.await.unwrap().unwrap(), Response::ok());
    server.gets_the_end().await;
}

#[tokio::test]
async fn a_value_can_come_back_while_it_is_sent() {
    let (stream, server) = duplex(1024);
    let client = Client::builder().stream_over(10).over(stream).await.unwrap();
    let mut server = Peer(server);
    const LENGTH: u64 = 1 << 20;
    let call = tokio::spawn(client.execute(put(Body::new(LENGTH, tokio::io::repeat(b'x')))));
    server.answers(format!("{PUT_K}${LENGTH}\r\n"), format!("${LENGTH}\r\n")).await;
    let Response::Streamed(back) = call.await.unwrap().unwrap() else { panic!("in pieces") };
    let (mut reader, mut writer) = tokio::io::split(server.0);
    let echo = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut writer).await });
    let back = back.take().unwrap().read_to_bytes(LENGTH as usize).await.unwrap();
    assert!(back.len() == LENGTH as usize && back.iter().all(|byte| *byte == b'x'));
    drop(client);
    assert_eq!(echo.await.unwrap().unwrap(), LENGTH + 2);
}

#[tokio::test]
async fn what_cannot_be_sent_in_pieces_is_refused() {
    let body = || Body::new(5, &b"value"[..]);
    let (client, mut server) = resp();
    let command = put(body());
    let (answer, ()) =
        join!(client.execute(command.clone()), server.answers(format!("{PUT_K}$5\r\nvalue\r\n"), "+OK\r\n"));
    assert_eq!(answer.unwrap(), Response::ok());
    let refused = |answer| matches!(answer, Err(ClientError::Unsupported(_)));
    // Its body was read.
    assert!(refused(client.execute(command).await));
    assert!(refused(client.execute(Command::new("SUBSCRIBE").with_body(body())).await));
    let pipeline = client.pipeline().add(Command::new("PING")).add(put(body())).send().await;
    assert!(matches!(pipeline, Err(ClientError::Unsupported(_))), "{pipeline:?}");
    let (answer, ()) = join!(client.ping(""), server.answers(PING, "+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
    let (native, _server) = with_room(1024, ClientCodec::native());
    assert!(refused(native.execute(Command::new("SET").arg("k").with_body(body())).await));
    assert!(refused(native.execute(Command::new("PING").with_body(body())).await));
}

#[tokio::test]
async fn a_service_in_this_process_has_the_body_and_gives_one_as_they_are() {
    let echo = Client::local(service_fn(|command: Command| {
        ready(Ok::<_, Infallible>(command.body().map_or(Response::Null, Response::from)))
    }));
    for name in ["PING", "ECHO", "PUT"] {
        let answer = echo.execute(Command::new(name).with_body(Body::new(5, &b"value"[..]))).await.unwrap();
        let Response::Streamed(streamed) = answer else { panic!("{answer}") };
        assert_eq!(streamed.take().unwrap().read_to_bytes(5).await.unwrap(), "value");
    }
    let value =
        Client::local(service_fn(|_: Command| ready(Ok::<_, Infallible>(Response::from(Body::new(5, &b"value"[..]))))));
    assert_eq!(value.get("k").await.unwrap().unwrap(), "value");
}
