//! Answers that are streamed: sent piece by piece, as fast as the client reads, never held whole.

use std::{
    convert::Infallible,
    future::ready,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use kvstore::protocol::{Body, Command, Response};
use tokio::{
    io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    time::timeout,
};
use tower::{Service, service_fn};

use crate::support::{Server, mock, settle};

/// A source without end, and how much was read of it.
#[derive(Clone, Default)]
struct Endless(Arc<AtomicU64>);

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.fetch_add(buffer.remaining() as u64, Ordering::Relaxed);
        let room = buffer.remaining();
        buffer.initialize_unfilled().fill(b'x');
        buffer.advance(room);
        Poll::Ready(Ok(()))
    }
}

impl Endless {
    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        panic!("the source breaks");
    }
}

/// A source that cannot even be dropped.
struct Grenade;

impl AsyncRead for Grenade {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("the source breaks when it is dropped");
    }
}

/// A body of which a test sends the pieces.
fn fed(length: u64) -> (DuplexStream, Body) {
    let (source, reader) = duplex(1 << 20);
    (source, Body::new(length, reader))
}

/// Answers each command with one byte after the other of its first argument.
fn pieces() -> impl Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(|command: Command| {
        let value = command.shared_arg(0).unwrap_or_default();
        let (mut source, body) = fed(value.len() as u64);
        tokio::spawn(async move {
            for byte in value {
                source.write_u8(byte).await.expect("somebody reads");
                tokio::task::yield_now().await;
            }
        });
        ready(Ok::<_, Infallible>(body.into()))
    })
}

#[tokio::test(start_paused = true)]
async fn a_streamed_value_is_a_bulk_like_any_other() {
    let mut client = Server::start(pieces()).connect();
    client.sends("GET hello\r\nPING\r\nGET \"\"\r\nHELLO 3\r\n").await;
    client.gets("$5\r\nhello\r\n+PONG\r\n$0\r\n\r\n%7\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    client.asks("GET \"a\\r\\nb\"\r\n", "$4\r\na\r\nb\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_value_is_read_no_faster_than_its_client_reads() {
    let source = Endless::default();
    let length = 100 << 20;
    let service = service_fn({
        let source = source.clone();
        move |_| ready(Ok::<_, Infallible>(Body::new(length, source.clone()).into()))
    });
    let server = Server::start(service);
    let mut client = server.connect_with_room(1000);
    client.sends("GET k\r\nPING\r\n").await;
    client.gets("$104857600\r\n").await;
    let mut read = 0;
    while read < length {
        settle().await;
        let ahead = source.read() - read;
        assert!(ahead <= 64 * 1024 + 1000, "{ahead} bytes were read ahead");
        let got = client.reads(((length - read) as usize).min(8 << 20)).await;
        assert!(got.iter().all(|byte| *byte == b'x'));
        read += got.len() as u64;
    }
    assert_eq!(source.read(), length, "more than its length was read");
    client.gets("\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_nor_called_behind_a_value_until_it_is_whole() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(2)).connect();
    client.sends("A\r\nB\r\nC\r\n").await;
    let (a, b) = (script.expect("A").await, script.expect("B").await);
    let push = a.command().push().expect("it came from a connection");
    let (mut source, body) = fed(6);
    a.answer(body);
    b.answer("b");
    source.write_all(b"abc").await.expect("the server reads");
    client.gets("$6\r\nabc").await;
    push.try_send(Response::simple("pushed")).expect("there is room");
    script.assert_quiet().await;
    assert!(client.hears_nothing().await);
    source.write_all(b"def").await.expect("the server reads");
    client.gets("def\r\n+pushed\r\n$1\r\nb\r\n").await;
    script.expect("C").await.answer("c");
    client.gets("$1\r\nc\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn no_message_comes_into_the_middle_of_a_value() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("A\r\nB\r\n").await;
    let a = script.expect("A").await;
    let push = a.command().push().expect("it came from a connection");
    a.answer("a");
    let (mut source, body) = fed(6);
    script.expect("B").await.answer(body);
    source.write_all(b"abc").await.expect("the server reads");
    client.gets("$1\r\na\r\n$6\r\nabc").await;
    push.try_send(Response::simple("pushed")).expect("there is room");
    assert!(client.hears_nothing().await);
    source.write_all(b"def").await.expect("the server reads");
    client.gets("def\r\n+pushed\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn no_message_is_taken_for_the_rest_of_a_value_that_broke() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("A\r\nB\r\n").await;
    let a = script.expect("A").await;
    let push = a.command().push().expect("it came from a connection");
    a.answer("a");
    let (mut source, body) = fed(6);
    script.expect("B").await.answer(body);
    source.write_all(b"abc").await.expect("the server reads");
    client.gets("$1\r\na\r\n$6\r\nabc").await;
    push.try_send(Response::simple("pushed")).expect("there is room");
    drop(source);
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_source_stalls_its_own_connection_alone_and_a_kill_ends_it() {
    let (service, mut script) = mock();
    let server = Server::start(service);
    let mut stuck = server.connect();
    stuck.sends("A\r\n").await;
    let (source, body) = fed(10);
    script.expect("A").await.answer(body);
    stuck.gets("$10\r\n").await;
    let mut other = server.connect();
    other.sends("B\r\n").await;
    script.expect("B").await.answer("b");
    other.gets("$1\r\nb\r\n").await;
    assert!(stuck.hears_nothing().await);
    other.asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    assert!(stuck.is_closed().await);
    settle().await;
    let mut source = source;
    assert!(source.write_all(b"x").await.is_err(), "the source is still held");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_ends_its_connection_behind_what_was_sent() {
    let sources: [fn() -> Body; 3] = [
        || Body::new(10, &b"short"[..]),
        || Body::new(10, tokio_test::io::Builder::new().read(b"short").read_error(io::ErrorKind::Other.into()).build()),
        || Body::new(10, tokio::io::AsyncReadExt::chain(&b"short"[..], Broken)),
    ];
    for source in sources {
        let (service, mut script) = mock();
        let server = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(2));
        let mut client = server.connect();
        client.sends("PING\r\nA\r\nB\r\n").await;
        let (a, mut b) = (script.expect("A").await, script.expect("B").await);
        let push = a.command().push().expect("it came from a connection");
        push.try_send(Response::simple("pushed")).expect("there is room");
        a.answer(source());
        client.gets("+PONG\r\n$10\r\nshort").await;
        assert!(client.is_closed().await);
        b.dropped().await;
        server.connect().asks("PING\r\n", "+PONG\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_value_within_the_grace_period() {
    let (service, mut script) = mock();
    let server = Server::start(service);
    let (mut done, mut stuck) = (server.connect(), server.connect());
    done.sends("A\r\nB\r\n").await;
    let (mut source, body) = fed(6);
    script.expect("A").await.answer(body);
    stuck.sends("A\r\n").await;
    let (_held, body) = fed(6);
    script.expect("A").await.answer(body);
    let stopped = server.stop();
    settle().await;
    source.write_all(b"abcdef").await.expect("the server reads");
    done.gets("$6\r\nabcdef\r\n").await;
    assert!(done.is_closed().await);
    assert_eq!(stopped.await.expect("no panic").cut, 1);
    stuck.gets("$6\r\n").await;
    assert!(stuck.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_of_a_value_is_cut_off() {
    let source = Endless::default();
    let service = service_fn({
        let source = source.clone();
        move |_| ready(Ok::<_, Infallible>(Body::new(1 << 40, source.clone()).into()))
    });
    let server = Server::of(|listener| kvstore::serve(listener, service).slow_reader_timeout(Duration::from_secs(10)));
    let mut client = server.connect_with_room(1000);
    client.sends("GET k\r\n").await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert_eq!(client.reads(5000).await.len(), 5000);
    }
    tokio::time::sleep(Duration::from_secs(11)).await;
    let rest = timeout(Duration::from_secs(1), client.reads_all()).await.expect("the connection is closed");
    assert!(rest.len() <= 1000);
    assert!(source.read() < 1 << 20);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_takes_the_source_with_it() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("A\r\n").await;
    let (mut source, body) = fed(1000);
    script.expect("A").await.answer(body);
    client.gets("$1000\r\n").await;
    drop(client);
    source.write_all(b"x").await.expect("the server reads");
    settle().await;
    assert!(source.write_all(b"x").await.is_err(), "the source is still held");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_no_replies_costs_the_source_nothing() {
    let source = Endless::default();
    let service = service_fn({
        let source = source.clone();
        move |_| ready(Ok::<_, Infallible>(Body::new(1 << 40, source.clone()).into()))
    });
    let mut client = Server::start(service).connect();
    client.sends("CLIENT REPLY SKIP\r\nGET a\r\nPING\r\n").await;
    client.gets("+PONG\r\n").await;
    client.asks("CLIENT REPLY OFF\r\nGET a\r\nCLIENT REPLY ON\r\n", "+OK\r\n").await;
    assert_eq!(source.read(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_when_it_is_dropped_hurts_nobody() {
    let service = service_fn(|_| ready(Ok::<_, Infallible>(Body::new(10, Grenade).into())));
    let server = Server::start(service);
    let mut client = server.connect();
    client.asks("CLIENT REPLY SKIP\r\nGET a\r\nPING\r\n", "+PONG\r\n").await;
    client.asks("GET a\r\n", "$10\r\n").await;
    server.connect().asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    assert!(client.is_closed().await);
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
}

#[tokio::test(start_paused = true)]
async fn a_streamed_value_stands_alone_and_is_sent_once() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("A\r\nB\r\nC\r\nD\r\n").await;
    let body = || Body::new(5, &b"value"[..]);
    script.next().await.answer(Response::Array(vec![body().into(), 1.into()]));
    client.gets("*2\r\n-ERR a streamed value stands alone\r\n:1\r\n").await;
    let twice = Response::from(body());
    script.next().await.answer(twice.clone());
    script.next().await.answer(twice);
    client.gets("$5\r\nvalue\r\n-ERR a streamed value stands alone\r\n").await;
    script.next().await.answer(Response::Close(Response::from(body()).into()));
    client.gets("$5\r\nvalue\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn the_native_protocol_sends_a_value_whole_within_bounds() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).output_buffer(100));
    let mut client = server.connect();
    let get = b"\0\0\0\0\0\0\x01k";
    client.sends(get.repeat(4)).await;
    let (mut source, body) = fed(5);
    script.next().await.answer(body);
    for byte in b"value" {
        source.write_u8(*byte).await.expect("the server reads");
        settle().await;
    }
    client.gets(b"\0\0\0\0\0\x05value").await;
    script.next().await.answer(Body::new(5, &b"val\xff\xff"[..]));
    client.gets(b"\0\x01\0\0\0\x12Value is not UTF-8").await;
    script.next().await.answer(Body::new(101, Endless::default()));
    client.gets("\0\x01\0\0\0\x35ERR the value is too long to be sent in this protocol").await;
    script.next().await.answer(Body::new(10, &b"short"[..]));
    client.gets(b"\0\x01\0\0\0\x12ERR internal error").await;
    client.sends(get).await;
    script.next().await.answer("goes on");
    client.gets(b"\0\0\0\0\0\x07goes on").await;
}

#[tokio::test(start_paused = true)]
async fn a_long_value_does_not_starve_its_neighbours() {
    let source = Endless::default();
    let length = 64 << 20;
    let service = service_fn({
        let source = source.clone();
        move |command: Command| {
            ready(Ok::<_, Infallible>(match command.is("MARK") {
                true => Response::Integer(source.read() as i64),
                false => Body::new(length, source.clone()).into(),
            }))
        }
    });
    let server = Server::start(service);
    let mut long = server.connect_with_room(1 << 27);
    long.sends("GET a\r\n").await;
    let mut other = server.connect();
    other.sends("MARK\r\n").await;
    let read: u64 = other.reads_line().await[1..].parse().expect("a number");
    assert!(read <= 16 << 20, "{read} bytes were sent before the neighbour's request");
    long.gets("$67108864\r\n").await;
    assert_eq!(long.reads(length as usize).await.len() as u64, length);
    long.gets("\r\n").await;
}
