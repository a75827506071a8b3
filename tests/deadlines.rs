//! Peers that are slow, silent or do not read: when they are cut off, and what they cost until then.

use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore::{
    protocol::{Command, Peer, Response},
    server::{CutReason, Password, Serve, ServerStatus},
};
use tokio::{
    io::{BufStream, duplex},
    time::{Instant, sleep, timeout},
};

use crate::{
    in_flight::Once,
    support::{Client, Server, mock, request, settle, words},
};

const SECOND: Duration = Duration::from_secs(1);

/// After how many seconds the server tells the client why it closes, and does.
async fn cut_after(client: &mut Client, reason: CutReason) -> u64 {
    let start = Instant::now();
    client.gets(told(reason)).await;
    let after = start.elapsed().as_secs();
    assert!(client.is_closed().await);
    after
}

fn told(reason: CutReason) -> String {
    format!("-ERR this connection is closed: {reason}\r\n")
}

/// After how many seconds the server closes.
async fn closes_after(client: &mut Client) -> u64 {
    let start = Instant::now();
    assert!(client.is_closed().await);
    start.elapsed().as_secs()
}

/// A server that cuts off clients that send 30 KiB in 30 s or less, or that read nothing for 60 s.
fn impatient<S: kvstore::CommandService>(service: S) -> Server {
    Server::of(|listener| {
        kvstore::serve(listener, service).slow_sender(30 * 1024, 30 * SECOND).slow_reader_timeout(60 * SECOND)
    })
}

/// How many connections there are beside the one that asks.
async fn others(server: &Server) -> usize {
    let mut client = server.connect();
    client.sends("CLIENT LIST\r\n").await;
    client.reads_bulk().await.lines().count() - 1
}

/// How many of many bytes the server takes.
async fn takes(client: &mut Client, bytes: &[u8]) -> usize {
    let mut taken = 0;
    for chunk in bytes.chunks(1024) {
        match timeout(SECOND, tokio::io::AsyncWriteExt::write_all(&mut client.io, chunk)).await {
            Ok(sent) => sent.expect("the connection holds"),
            Err(_) => break,
        }
        taken += chunk.len();
    }
    taken
}

/// Answers every command with so many bytes, and counts.
fn answers_of(
    bytes: usize,
) -> (
    impl tower::Service<Command, Response = Response, Error = std::convert::Infallible, Future: Send> + Clone + Send,
    Arc<AtomicUsize>,
) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let service = tower::service_fn(move |_: Command| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Response::from("x".repeat(bytes))))
    });
    (service, count)
}

#[tokio::test(start_paused = true)]
async fn by_default_a_silent_client_stays() {
    let mut client = Server::start(words()).connect();
    client.asks("PING\r\n", "+PONG\r\n").await;
    sleep(100_000 * SECOND).await;
    client.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_cut_off_where_that_is_asked_for() {
    let mut client = Server::of(|listener| kvstore::serve(listener, words()).idle_timeout(10 * SECOND)).connect();
    sleep(9 * SECOND).await;
    client.asks("PING\r\n", "+PONG\r\n").await;
    assert_eq!(closes_after(&mut client).await, 10);
}

#[tokio::test(start_paused = true)]
async fn silence_before_there_was_a_bound_counts() {
    let set = |command: Command| async move {
        let status = command.session().extensions().get::<ServerStatus>().expect("a command from a connection").clone();
        status.set_idle_timeout(Some(10 * SECOND));
        Ok::<_, std::convert::Infallible>(Response::ok())
    };
    let server = Server::of(|listener| kvstore::serve(listener, tower::service_fn(set)));
    let [mut silent, mut short, mut begun] = [(); 3].map(|()| server.connect());
    silent.asks("PING\r\n", "+PONG\r\n").await;
    sleep(5 * SECOND).await;
    short.asks("PING\r\n", "+PONG\r\n").await;
    sleep(7 * SECOND).await;
    // What is half a request is no silence.
    begun.sends("*1\r\n$4\r\nPI").await;
    let mut client = server.connect();
    client.asks("SET\r\n", "+OK\r\n").await;
    assert_eq!(closes_after(&mut silent).await, 0);
    assert_eq!(closes_after(&mut short).await, 10 - 7 + 2);
    begun.asks("NG\r\n", "+PONG\r\n").await;
    assert_eq!(closes_after(&mut client).await, 10 - 5);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_an_answer_is_not_idle() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).idle_timeout(10 * SECOND)).connect();
    client.sends("A\r\n").await;
    let call = script.next().await;
    sleep(100 * SECOND).await;
    call.answer("a");
    client.gets("$1\r\na\r\n").await;
    assert_eq!(closes_after(&mut client).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_a_request_for_longer_is_not_idle() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).idle_timeout(10 * SECOND));
    let mut client = server.connect();
    client.asks("PING\r\n", "+PONG\r\n").await;
    client.sends("*1\r\n$90000\r\n").await;
    for _ in 0..9 {
        sleep(5 * SECOND).await;
        client.sends([b'a'; 10_000]).await;
    }
    client.sends("\r\n").await;
    assert!(client.reads_line().await.starts_with('$'));
    client.reads_line().await;
    assert_eq!(closes_after(&mut client).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_authenticate_is_cut_off() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")));
    assert_eq!(cut_after(&mut server.connect(), CutReason::Unauthenticated).await, 30);
    let mut client = server.connect();
    client.asks("AUTH secret\r\n", "+OK\r\n").await;
    sleep(100 * SECOND).await;
    client.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn half_a_request_that_comes_too_slowly_is_cut_off() {
    let mut client = impatient(words()).connect();
    client.sends("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n").await;
    for _ in 0..29 {
        sleep(SECOND).await;
        client.sends([b'v'; 1000]).await;
    }
    assert_eq!(cut_after(&mut client, CutReason::SlowSender).await, 1);
}

#[tokio::test(start_paused = true)]
async fn half_a_request_that_stops_is_cut_off() {
    let mut client = impatient(words()).connect();
    client.asks("PING\r\n*1\r\n$4\r\nPI", "+PONG\r\n").await;
    assert_eq!(cut_after(&mut client, CutReason::SlowSender).await, 30);
}

#[tokio::test(start_paused = true)]
async fn half_a_request_that_comes_fast_enough_is_not_cut_off() {
    let mut client = impatient(words()).connect();
    client.sends("*2\r\n$3\r\nSET\r\n$204800\r\n").await;
    for _ in 0..100 {
        sleep(SECOND).await;
        client.sends([b'v'; 2048]).await;
    }
    client.sends("\r\n").await;
    client.gets("$204804\r\nSET vv").await;
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_a_slow_request_stands_while_a_command_is_pending() {
    let (service, mut script) = mock();
    let mut client = impatient(service).connect();
    client.sends("A\r\nGE").await;
    let call = script.next().await;
    sleep(100 * SECOND).await;
    call.answer("a");
    client.gets("$1\r\na\r\n").await;
    sleep(25 * SECOND).await;
    client.sends("T b\r\n").await;
    script.next().await.answer("b");
    client.gets("$1\r\nb\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_a_slow_request_stands_while_output_waits_for_its_reader() {
    let (service, _) = answers_of(2000);
    let server = Server::of(|listener| {
        kvstore::serve(listener, service).output_buffer(1000).slow_sender(30 * 1024, 30 * SECOND)
    });
    let mut client = server.connect_with_room(64);
    client.sends("GET a\r\nGE").await;
    settle().await;
    client.sends("T b\r\n").await;
    sleep(50 * SECOND).await;
    client.gets(format!("$2000\r\n{}\r\n", "x".repeat(2000)).repeat(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut_off() {
    let (service, _) = answers_of(10_000);
    let server = impatient(service);
    let mut client = server.connect_with_room(64);
    client.sends("GET a\r\n").await;
    sleep(59 * SECOND).await;
    assert_eq!(others(&server).await, 1);
    sleep(2 * SECOND).await;
    assert_eq!(others(&server).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_little_is_not_cut_off() {
    let (service, _) = answers_of(1000);
    let mut client = impatient(service).connect_with_room(64);
    client.sends("GET a\r\n").await;
    for _ in 0..10 {
        sleep(59 * SECOND).await;
        client.reads(1).await;
    }
    assert_eq!(client.reads(999).await.len(), 999);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_makes_its_commands_wait() {
    let (service, count) = answers_of(93);
    let server = Server::of(|listener| kvstore::serve(listener, service).output_buffer(4000));
    let mut client = server.connect_with_room(100);
    let asking = tokio::spawn(async move {
        client.sends("GET a\r\n".repeat(1000)).await;
        client
    });
    settle().await;
    let called = count.load(Ordering::Relaxed);
    assert!((40..=42).contains(&called), "{called} commands were called");
    let mut client = asking.await.expect("the input takes all of it");
    client.gets(format!("$93\r\n{}\r\n", "x".repeat(93)).repeat(1000)).await;
    assert_eq!(count.load(Ordering::Relaxed), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_can_send_no_more_than_the_query_buffer_holds() {
    let (service, _) = answers_of(2000);
    let build =
        |listener| kvstore::serve(listener, service).output_buffer(500).input_buffer(4096).query_buffer(100_000);
    let server = Server::of(build);
    let mut client = server.connect_with_room(1024);
    client.sends("GET a\r\n").await;
    settle().await;
    let taken = takes(&mut client, &b"GET a\r\n".repeat(100_000)).await;
    assert!((100_000..300_000).contains(&taken), "{taken} bytes were taken");
    // It can never send the rest, since it does not read.
    sleep(55 * SECOND).await;
    assert_eq!(others(&server).await, 1);
    sleep(6 * SECOND).await;
    assert_eq!(others(&server).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_may_send_its_whole_pipeline_before_it_reads() {
    let (service, count) = answers_of(2000);
    let mut client =
        Server::of(|listener| kvstore::serve(listener, service).output_buffer(500)).connect_with_room(1024);
    client.sends("GET a\r\n".repeat(100_000)).await;
    sleep(1000 * SECOND).await;
    assert!(count.load(Ordering::Relaxed) < 10);
    let reply = format!("$2000\r\n{}\r\n", "x".repeat(2000));
    for _ in 0..100 {
        client.gets(reply.repeat(1000)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_a_slow_client_stays() {
    let (service, _) = answers_of(100_000);
    let server = Server::start(service);
    let [mut sender, mut reader] = [(); 2].map(|()| server.connect_with_room(64));
    sender.sends("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\n").await;
    reader.sends("GET a\r\n").await;
    for _ in 0..100 {
        sleep(100 * SECOND).await;
        sender.sends("v").await;
    }
    sender.sends("\r\n").await;
    for client in [&mut sender, &mut reader] {
        client.gets(format!("$100000\r\n{}\r\n", "x".repeat(100_000))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_not_authenticated_sends_its_request_in_time() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")));
    let mut client = server.connect();
    client.sends("*2\r\n$4\r\nAUTH\r\n$1000\r\n").await;
    for _ in 0..29 {
        sleep(SECOND).await;
        client.sends("x").await;
    }
    assert_eq!(cut_after(&mut client, CutReason::SlowSender).await, 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_connections_are_taken_the_slowest_makes_room() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).max_connections(3));
    let [mut idle, mut first, mut second] = [(); 3].map(|()| server.connect());
    idle.asks("PING\r\n", "+PONG\r\n").await;
    first.sends("*1\r\n$4\r\nPI").await;
    sleep(10 * SECOND).await;
    second.sends("*1\r\n$4\r\nPI").await;
    server.connect().gets("-ERR max number of clients reached\r\n").await;
    sleep(25 * SECOND).await;
    let mut new = server.connect();
    new.asks("PING\r\n", "+PONG\r\n").await;
    first.gets(told(CutReason::Slot)).await;
    assert!(first.is_closed().await);
    server.connect().gets("-ERR max number of clients reached\r\n").await;
    second.asks("NG\r\n", "+PONG\r\n").await;
    idle.asks("PING\r\n", "+PONG\r\n").await;
    sleep(100 * SECOND).await;
    server.connect().gets("-ERR max number of clients reached\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn when_all_clients_take_too_much_memory_the_largest_is_closed() {
    let (service, _) = answers_of(10_000);
    let server = Server::of(|listener| kvstore::serve(listener, service).max_buffer_memory(1_200_000));
    let [mut spared, mut small] = [(); 2].map(|()| server.connect_with_room(64));
    let mut large = server.connect_with_room(1000);
    spared.asks("CLIENT NO-EVICT ON\r\n", "+OK\r\n").await;
    spared.sends("GET a\r\n".repeat(70)).await;
    small.sends("GET a\r\n".repeat(20)).await;
    large.sends("GET a\r\n".repeat(50)).await;
    assert!(large.reads_all().await.len() <= 1000);
    let reply = format!("$10000\r\n{}\r\n", "x".repeat(10_000));
    spared.gets(reply.repeat(70)).await;
    small.gets(reply.repeat(20)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_not_authenticated_can_leave_little_unread() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")));
    let mut client = server.connect_with_room(1024);
    let taken = takes(&mut client, &b"GET a\r\n".repeat(100_000)).await;
    assert!(taken < 64 * 1024, "{taken} bytes were taken");
}

#[tokio::test(start_paused = true)]
async fn an_output_bound_of_nothing_still_answers() {
    let mut client =
        Server::of(|listener| kvstore::serve(listener, words()).output_buffer(0).input_buffer(0)).connect();
    client.asks("GET a\r\nGET b\r\n", "$5\r\nGET a\r\n$5\r\nGET b\r\n").await;
}

/// A server on a stream with a buffer of its own, and its client.
fn buffered() -> Client {
    let (client, server) = duplex(64);
    let stream = BufStream::with_capacity(8192, 8192, server);
    let (service, _) = answers_of(1000);
    let serve = Serve::new(service).slow_reader_timeout(60 * SECOND);
    tokio::spawn(serve.listen(Once(Some(stream), Peer::Memory)).into_future());
    Client::new(client)
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_a_buffer_of_its_own_is_flushed_to_the_end() {
    let mut client = buffered();
    client.asks("GET a\r\n", format!("$1000\r\n{}\r\n", "x".repeat(1000))).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_in_a_stream_of_its_own_is_not_read_either() {
    let mut client = buffered();
    client.sends("GET a\r\n").await;
    sleep(61 * SECOND).await;
    assert_eq!(client.reads_all().await.len(), 64);
}

#[tokio::test(start_paused = true)]
async fn a_large_request_to_a_slow_server_is_read_whole() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).input_buffer(1000)).connect_with_room(64);
    let value = "v".repeat(100_000);
    client.sends(request(&["SET", &value])).await;
    let call = script.next().await;
    assert_eq!(call.command().arg_at(0).map(<[u8]>::len), Some(100_000));
    call.answer("1");
    client.gets("$1\r\n1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_no_clock_reaches_is_no_limit() {
    let (service, _) = answers_of(10_000);
    let server = Server::of(|listener| {
        let serve = kvstore::serve(listener, service).authenticate(Password::new("secret"));
        let serve = serve.unauthenticated_timeout(Duration::MAX).slow_reader_timeout(Duration::MAX);
        serve.slow_sender(1, Duration::MAX).idle_timeout(Duration::MAX).grace_period(Duration::MAX)
    });
    let mut client = server.connect_with_room(64);
    sleep(1000 * SECOND).await;
    client.asks("AUTH secret\r\n", "+OK\r\n").await;
    client.sends("GE").await;
    sleep(1000 * SECOND).await;
    client.sends("T a\r\n").await;
    sleep(1000 * SECOND).await;
    client.gets(format!("$10000\r\n{}\r\n", "x".repeat(10_000))).await;
    client.asks("QUIT\r\n", "+OK\r\n").await;
    assert!(client.is_closed().await);
    drop(client);
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
}
