//! Connections that the server cuts: what their clients read, and what is logged, once.

use std::{
    io,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::Duration,
};

use kvstore::{
    protocol::{
        Command, Response,
        release::{self, Release},
    },
    server::{ClientClass, CloseReason, ConnectionEvent, CutReason, OutputLimit, Password, PipeListener, Serve},
};
use tokio::time::{sleep, timeout};

use crate::support::{Client, Server, mock, request, settle, words};

const SECOND: Duration = Duration::from_secs(1);
const MIB: usize = 1 << 20;

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines that have this text.
    fn lines(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text");
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

/// Answers each command with a mebibyte.
fn mebibytes() -> impl kvstore::CommandService {
    tower::service_fn(|_: Command| std::future::ready(Ok::<_, std::convert::Infallible>("x".repeat(MIB).into())))
}

/// A client with a name.
async fn named(server: &Server) -> Client {
    let mut client = server.connect_with_room(4096);
    client.asks("CLIENT SETNAME ada\r\n", "+OK\r\n").await;
    client
}

/// Sends until the server takes no more.
async fn floods(client: &mut Client, bytes: &[u8]) {
    use tokio::io::AsyncWriteExt;
    while let Ok(sent) = timeout(SECOND, client.io.write_all(bytes)).await {
        sent.expect("the connection holds");
    }
}

/// Has a client do what gets it cut for `reason`. Checks that it reads this as an error, if `is_told`, that an observer is told,
/// and that one line is logged.
async fn check(
    reason: CutReason,
    is_told: bool,
    build: impl FnOnce(PipeListener) -> Serve,
    misbehave: impl AsyncFnOnce(&Server) -> Client,
) {
    let (log, _guard) = Log::start();
    let seen: Arc<Mutex<Vec<CutReason>>> = Arc::default();
    let note = seen.clone();
    let server = Server::of(|listener| {
        build(listener).observe(move |event| {
            if let ConnectionEvent::Closed { reason: CloseReason::Cut(reason), .. } = event {
                note.lock().expect("no panic").push(reason);
            }
        })
    });
    let mut client = misbehave(&server).await;
    let read = client.reads_all().await;
    let error = format!("-ERR this connection is closed: {reason}\r\n");
    assert_eq!(read.ends_with(error.as_bytes()), is_told, "{reason:?}: {}", read.escape_ascii());
    drop(client);
    settle().await;
    assert_eq!(*seen.lock().expect("no panic"), [reason]);
    let lines = log.lines("connection cut");
    assert!(lines.len() == 1 && lines[0].contains(&format!("reason={reason}")), "{reason:?}: {lines:?}");
    assert_eq!(lines[0].contains("name=ada"), reason != CutReason::Unauthenticated, "{lines:?}");
    assert!(lines[0].contains("id=1 peer="), "{lines:?}");
}

fn limit(hard: usize, soft: usize) -> OutputLimit {
    OutputLimit { hard, soft, soft_for: 10 * SECOND }
}

#[tokio::test(start_paused = true)]
async fn a_reply_over_the_output_limit_is_an_error() {
    let build = |listener| kvstore::serve(listener, mebibytes()).output_limit(ClientClass::Normal, limit(MIB / 2, 0));
    check(CutReason::OutputLimit, true, build, async |server| {
        let mut client = named(server).await;
        client.sends("GET k\r\n").await;
        client
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_over_the_soft_limit_is_left_in_pieces() {
    let build = |listener| kvstore::serve(listener, mebibytes()).output_limit(ClientClass::Normal, limit(0, MIB / 2));
    check(CutReason::OutputLimit, false, build, async |server| {
        let mut client = named(server).await;
        client.sends("GET k\r\n").await;
        sleep(20 * SECOND).await;
        client
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_fills_the_query_buffer_has_replies_before_it() {
    let build = |listener| kvstore::serve(listener, words()).query_buffer(MIB).output_buffer(MIB);
    check(CutReason::QueryBuffer, false, build, async |server| {
        let mut client = named(server).await;
        floods(&mut client, &request(&["ECHOED", &"x".repeat(1000)])).await;
        sleep(90 * SECOND).await;
        client
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_has_replies_before_it() {
    let build = |listener| kvstore::serve(listener, mebibytes()).slow_reader_timeout(60 * SECOND);
    check(CutReason::SlowReader, false, build, async |server| {
        let mut client = named(server).await;
        client.sends("GET k\r\n").await;
        sleep(90 * SECOND).await;
        client
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_sender_reads_an_error() {
    let build = |listener| kvstore::serve(listener, words()).slow_sender(1000, 30 * SECOND);
    check(CutReason::SlowSender, true, build, async |server| {
        let mut client = named(server).await;
        client.sends("*2\r\n$3\r\nGET\r\n$100\r\n").await;
        client
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_authenticate_reads_an_error() {
    let build = |listener| kvstore::serve(listener, words()).authenticate(Password::new("secret"));
    check(CutReason::Unauthenticated, true, build, async |server| server.connect()).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_reads_nothing_it_would_take_for_an_answer() {
    let build = |listener| kvstore::serve(listener, words()).idle_timeout(10 * SECOND);
    check(CutReason::Idle, false, build, async |server| named(server).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_client_that_takes_most_memory_reads_an_error() {
    let build = |listener| kvstore::serve(listener, words()).max_buffer_memory(MIB / 2);
    check(CutReason::ClientMemory, true, build, async |server| {
        let mut client = named(server).await;
        client.sends(&request(&["ECHOED", &"x".repeat(2 * MIB)])[..MIB]).await;
        client
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_its_slot_to_another_reads_an_error() {
    let build = |listener| kvstore::serve(listener, words()).max_connections(1);
    check(CutReason::Slot, true, build, async |server| {
        let mut client = named(server).await;
        client.sends("*2\r\n$3\r\nGET\r\n$100\r\n").await;
        sleep(40 * SECOND).await;
        server.connect().asks("PING\r\n", "+PONG\r\n").await;
        client
    })
    .await;
}

/// What never comes to be on disk.
struct FailedDisk;

impl Release for FailedDisk {
    fn poll_released(&self, _: u64, _: &mut Option<u64>, _: &Waker) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("the disk has failed")))
    }

    fn give_up(&self, _: u64) {}
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_writes_are_lost_reads_an_error_in_place_of_their_answers() {
    let disk = Arc::new(FailedDisk);
    let service = tower::service_fn(move |_: Command| {
        release::hold(&disk, 1);
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::ok()))
    });
    check(
        CutReason::OutcomeUnknown,
        true,
        |listener| kvstore::serve(listener, service),
        async |server| {
            let mut client = named(server).await;
            client.sends("SET k 1\r\nSET k 2\r\n").await;
            client
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_command_in_flight_at_the_end_of_the_grace_period_is_answered_with_an_error() {
    let (log, _guard) = Log::start();
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).grace_period(3 * SECOND));
    let [mut waiting, mut idle] = [named(&server).await, named(&server).await];
    waiting.sends("SLOW\r\n").await;
    let _call = script.expect("SLOW").await;
    let stopped = server.stop();
    waiting.gets("-ERR this connection is closed: the server is shutting down\r\n").await;
    assert!(waiting.is_closed().await && idle.is_closed().await);
    drop(waiting);
    assert_eq!(stopped.await.expect("no panic").cut, 1);
    let lines = log.lines("connection cut");
    assert!(lines.len() == 1 && lines[0].contains("the server is shutting down"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_killed_reads_nothing_as_in_redis() {
    let (log, _guard) = Log::start();
    let server = Server::start(words());
    let (mut client, mut other) = (named(&server).await, server.connect());
    other.asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    assert!(client.is_closed().await);
    settle().await;
    let lines = log.lines("connection cut");
    assert!(lines.len() == 1 && lines[0].contains("name=ada reason=it is killed"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_protocol_is_told_and_logged_once() {
    let (log, _guard) = Log::start();
    let mut client = named(&Server::start(words())).await;
    client.asks("GET k\r\n*x\r\n", "$5\r\nGET k\r\n-ERR Protocol error: invalid multibulk length\r\n").await;
    assert!(client.is_closed().await);
    drop(client);
    settle().await;
    let lines = log.lines("connection cut");
    assert!(lines.len() == 1 && lines[0].contains("name=ada reason=Protocol error"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn one_client_too_many_is_told_and_logged_once() {
    let (log, _guard) = Log::start();
    let server = Server::of(|listener| kvstore::serve(listener, words()).max_connections(1));
    let _first = named(&server).await;
    let mut second = server.connect();
    second.gets("-ERR max number of clients reached\r\n").await;
    assert!(second.is_closed().await);
    assert_eq!(log.lines("connection refused").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_does_not_read_is_logged_once() {
    let (log, _guard) = Log::start();
    let store = kvstore::store::Store::new();
    let server =
        Server::of(|listener| kvstore::serve(listener, store).output_limit(ClientClass::PubSub, limit(MIB / 2, 0)));
    let (mut subscriber, mut publisher) = (named(&server).await, server.connect());
    subscriber.asks("SUBSCRIBE c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n").await;
    for _ in 0..100 {
        publisher.sends(request(&["PUBLISH", "c", &"x".repeat(10_000)])).await;
        publisher.reads_line().await;
    }
    settle().await;
    let lines = log.lines("connection cut");
    let reason = CutReason::OutputLimit.to_string();
    assert!(lines.len() == 1 && lines[0].contains("name=ada") && lines[0].contains(&reason), "{lines:?}");
}
