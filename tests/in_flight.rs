//! Several commands of one connection at a time: order, exclusive commands, readiness, and fairness between connections.

use std::{
    convert::Infallible,
    future::{IntoFuture, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use kvstore::{
    protocol::{Command, Peer, Response},
    server::{Accepted, Listener, Serve, SocketOptions, pipe, serve_with_factory},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{Layer, Service, limit::GlobalConcurrencyLimitLayer, service_fn};

use crate::support::{AnswerWords, Client, Server, mock};

#[tokio::test(start_paused = true)]
async fn by_default_a_command_waits_for_the_one_before() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\nGET b\r\n").await;
    let first = script.next().await;
    script.assert_quiet().await;
    first.answer("1");
    script.next().await.answer("2");
    client.gets("$1\r\n1\r\n$1\r\n2\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn answers_keep_the_order_of_the_requests() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(3)).connect();
    client.sends("A\r\nB\r\nC\r\n").await;
    let (a, b, c) = (script.expect("A").await, script.expect("B").await, script.expect("C").await);
    c.answer_words();
    a.answer_words();
    client.gets("$1\r\nA\r\n").await;
    assert!(client.hears_nothing().await);
    b.answer_words();
    client.gets("$1\r\nB\r\n$1\r\nC\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn no_more_are_in_flight_than_allowed() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(2)).connect();
    client.sends("A\r\nB\r\nC\r\n").await;
    let (a, b) = (script.expect("A").await, script.expect("B").await);
    script.assert_quiet().await;
    // Answered, and still in flight: its answer waits for the one before.
    b.answer_words();
    script.assert_quiet().await;
    a.answer_words();
    script.expect("C").await.answer_words();
    client.gets("$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_command_keeps_its_place_among_answers() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(3)).connect();
    client.sends("A\r\nPING\r\nB\r\n").await;
    let a = script.expect("A").await;
    script.expect("B").await.answer_words();
    assert!(client.hears_nothing().await);
    a.answer_words();
    client.gets("$1\r\nA\r\n+PONG\r\n$1\r\nB\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_command_waits_for_what_is_before_and_holds_back_what_is_behind() {
    for exclusive in ["MULTI", "subscribe", "Mine"] {
        let (service, mut script) = mock();
        let server = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(8).exclusive(["MINE"]));
        let mut client = server.connect();
        client.sends(format!("A\r\nB\r\n{exclusive}\r\nC\r\nD\r\n")).await;
        let (a, b) = (script.expect("A").await, script.expect("B").await);
        b.answer("b");
        script.assert_quiet().await;
        a.answer("a");
        let held = script.expect(exclusive).await;
        script.assert_quiet().await;
        held.answer("|");
        let (c, d) = (script.expect("C").await, script.expect("D").await);
        d.answer("d");
        c.answer("c");
        client.gets("$1\r\na\r\n$1\r\nb\r\n$1\r\n|\r\n$1\r\nc\r\n$1\r\nd\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_command_that_changes_the_session_is_exclusive() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(8)).connect();
    client.sends("A\r\nSELECT 3\r\nB\r\n").await;
    let a = script.expect("A").await;
    script.assert_quiet().await;
    a.answer("a");
    let b = script.expect("B").await;
    assert_eq!(b.command().session().database(), 3);
    b.answer("b");
    client.gets("$1\r\na\r\n+OK\r\n$1\r\nb\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_an_exclusive_command_waits_sees_the_session_after_it() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("MULTI\r\n").await;
    let multi = script.expect("MULTI").await;
    client.sends("A\r\n").await;
    script.assert_quiet().await;
    let mailbox = multi.command().session().mailbox().expect("it came from a connection").clone();
    mailbox.change_session(|session| session.extensions_mut().insert("changed"));
    multi.answer("+");
    assert_eq!(script.expect("A").await.command().session().extensions().get::<&str>(), Some(&"changed"));
}

/// Two clients with pipelines, the commands of which come to a mock service through a limit of one.
async fn both_get_through(server: Server, mut script: crate::support::Script) {
    let (mut one, mut two) = (server.connect(), server.connect());
    one.sends("A\r\n".repeat(20)).await;
    two.sends("B\r\n".repeat(20)).await;
    for _ in 0..40 {
        let call = script.next().await;
        script.assert_quiet().await;
        call.answer_words();
    }
    one.gets("$1\r\nA\r\n".repeat(20)).await;
    two.gets("$1\r\nB\r\n".repeat(20)).await;
}

#[tokio::test(start_paused = true)]
async fn readiness_that_only_an_answer_brings_is_no_deadlock() {
    let (service, script) = mock();
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(service);
    both_get_through(Server::of(|listener| kvstore::serve(listener, limited).max_in_flight(8)), script).await;
}

#[tokio::test(start_paused = true)]
async fn a_made_service_that_waits_for_its_own_answers_is_no_deadlock() {
    let (service, script) = mock();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let factory = service_fn(move |_| ready(Ok::<_, Infallible>(limit.layer(service.clone()))));
    both_get_through(Server::of(|listener| serve_with_factory(listener, factory).max_in_flight(8)), script).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stops_gives_up_its_place_for_a_permit() {
    let (service, mut script) = mock();
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(service);
    let server = Server::start(limited);
    let mut one = server.connect();
    one.sends("A\r\n").await;
    let a = script.expect("A").await;
    // Waits for the permit, and is gone before it gets it.
    let mut two = server.connect();
    two.asks("CLIENT ID\r\nB\r\n", ":2\r\n").await;
    let mut three = server.connect();
    three.asks("PING\r\nC\r\n", "+PONG\r\n").await;
    script.assert_quiet().await;
    server.connect().asks("CLIENT KILL ID 2\r\n", ":1\r\n").await;
    a.answer("a");
    script.expect("C").await.answer("c");
    three.gets("$1\r\nc\r\n").await;
}

/// A service that counts in `count` what it answers, and answers MARK with the count so far.
fn counting(
    count: Arc<AtomicUsize>,
) -> impl Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(move |command: Command| {
        ready(Ok(match command.is("MARK") {
            true => count.load(Ordering::Relaxed).into(),
            false => (count.fetch_add(1, Ordering::Relaxed) > usize::MAX / 2).into(),
        }))
    })
}

async fn mark(client: &mut Client) -> usize {
    client.sends("MARK\r\n").await;
    client.reads_line().await[1..].parse().expect("a number")
}

#[tokio::test(start_paused = true)]
async fn a_deep_pipeline_does_not_starve_its_neighbours() {
    let server = Server::start(counting(Arc::default()));
    let mut deep = server.connect_with_room(1 << 20);
    deep.sends("GET a\r\n".repeat(50_000)).await;
    let answered = mark(&mut server.connect()).await;
    assert!(answered <= 2048, "{answered} commands were answered before the neighbour's one");
    deep.gets(":0\r\n".repeat(50_000)).await;
}

/// A peer from which there is always more to read of one long request.
struct Torrent {
    sent: Arc<AtomicUsize>,
    length: usize,
}

const TORRENT: &[u8] = b"*2\r\n$3\r\nSET\r\n$67108864\r\n";

impl AsyncRead for Torrent {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let sent = self.sent.load(Ordering::Relaxed);
        if sent == 0 {
            buffer.put_slice(TORRENT);
        } else if sent < self.length {
            let length = buffer.remaining().min(self.length - sent).min(64 * 1024);
            buffer.initialize_unfilled_to(length).fill(b'v');
            buffer.advance(length);
        } else {
            return Poll::Pending;
        }
        self.sent.fetch_add(buffer.filled().len(), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Torrent {
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

/// Accepts one stream, and no more.
pub(crate) struct Once<Io>(pub(crate) Option<Io>, pub(crate) Peer);

impl<Io: AsyncRead + AsyncWrite + Send + Unpin + 'static> Listener for Once<Io> {
    type Io = Io;

    async fn accept(&mut self, _: &SocketOptions) -> Accepted<Io> {
        match self.0.take() {
            Some(io) => Accepted::new(io, self.1.clone()),
            None => std::future::pending().await,
        }
    }

    fn local(&self) -> Peer {
        Peer::Memory
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_request_does_not_starve_its_neighbours() {
    let sent = Arc::new(AtomicUsize::new(0));
    let torrent = Torrent { sent: sent.clone(), length: 64 << 20 };
    let (connector, listener) = pipe();
    let serve = Serve::new(counting(sent)).listen(Once(Some(torrent), Peer::Memory)).listen(listener);
    let _running = tokio::spawn(serve.into_future());
    let sent = mark(&mut Client::new(connector.connect().expect("the server listens"))).await;
    assert!(sent <= 16 << 20, "{sent} bytes were read before the neighbour's request");
}

/// A peer that sends one long argument without end, and reads nothing.
struct Monologue(Torrent);

impl AsyncRead for Monologue {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Monologue {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn an_argument_that_nobody_reads_does_not_starve_its_neighbours() {
    let sent = Arc::new(AtomicUsize::new(0));
    let monologue = Monologue(Torrent { sent: sent.clone(), length: 64 << 20 });
    let (connector, listener) = pipe();
    let answers = service_fn({
        let sent = sent.clone();
        move |command: Command| {
            let mark = Response::from(sent.load(Ordering::Relaxed));
            // More than goes out at once, so that the answers are stuck while the rest of the request comes.
            let long = || Response::from(Bytes::from(vec![b'v'; 1 << 20]));
            ready(Ok::<_, Infallible>(if command.is("SET") { long() } else { mark }))
        }
    });
    let serve = Serve::new(answers).stream_in(["SET"], 1000).output_buffer(1 << 20);
    let serve = serve.listen(Once(Some(monologue), Peer::Memory)).listen(listener);
    let _running = tokio::spawn(serve.into_future());
    let sent = mark(&mut Client::new(connector.connect().expect("the server listens"))).await;
    assert!(sent <= 16 << 20, "{sent} bytes were read before the neighbour's request");
}
