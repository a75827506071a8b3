//! Services that fail: a panic anywhere, and errors of any type.

use std::{
    convert::Infallible,
    future::{IntoFuture, ready},
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use kvstore::{
    protocol::{Command, CommandError, Peer, Response, ServerCodec},
    server::{Accepted, ListenOptions, Listener, Serve, SocketOptions, pipe, serve_with_factory},
};
use tokio::io::DuplexStream;
use tower::{BoxError, Service, service_fn};

use crate::support::{Client, Server, mock, settle, words_of};

const INTERNAL_ERROR: &str = "-ERR internal error\r\n";

/// Panics where its command says: READY, CALL, POLL, DROP; READY is for the command behind.
#[derive(Debug, Default)]
struct Minefield {
    made: Arc<AtomicUsize>,
    mined: bool,
}

impl Clone for Minefield {
    fn clone(&self) -> Self {
        self.made.fetch_add(1, Ordering::Relaxed);
        Self { made: self.made.clone(), mined: false }
    }
}

impl Service<Command> for Minefield {
    type Response = Response;
    type Error = Infallible;
    type Future = Step;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        assert!(!self.mined, "a mine in poll_ready");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Step {
        self.mined = command.is("READY");
        assert!(!command.is("CALL"), "a mine in call");
        Step(command, 0)
    }
}

struct Step(Command, usize);

impl Future for Step {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.1 += 1;
        assert!(!self.0.is("POLL"), "a mine in poll");
        match self.0.is("PEND") {
            true if self.1 == 1 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            true => panic!("a mine in the second poll"),
            false if self.0.is("HANG") => Poll::Pending,
            false => Poll::Ready(Ok(words_of(&self.0))),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        assert!(!self.0.is("DROP") && !self.0.is("HANG"), "a mine in drop");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_answered_once_and_the_connection_goes_on() {
    let server = Server::start(Minefield::default());
    for mine in ["CALL", "POLL", "PEND", "DROP"] {
        let mut client = server.connect();
        client.asks(format!("A\r\n{mine}\r\nB\r\n"), format!("$1\r\nA\r\n{INTERNAL_ERROR}$1\r\nB\r\n")).await;
        client.asks("PING\r\n", "+PONG\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_readiness_is_answered_once_and_another_instance_goes_on() {
    let mut client = Server::start(Minefield::default()).connect();
    client.asks("READY\r\nA\r\nB\r\n", format!("$5\r\nREADY\r\n{INTERNAL_ERROR}$1\r\nB\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_panicked_is_not_called_again() {
    let service = Minefield::default();
    let made = service.made.clone();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).keep_service(true)).connect();
    client.asks("A\r\n", "$1\r\nA\r\n").await;
    let before = made.load(Ordering::Relaxed);
    client.asks("CALL\r\nB\r\n", format!("{INTERNAL_ERROR}$1\r\nB\r\n")).await;
    assert_eq!(made.load(Ordering::Relaxed), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_hurts_no_other_connection() {
    let server = Server::start(Minefield::default());
    let mut other = server.connect();
    other.asks("A\r\n", "$1\r\nA\r\n").await;
    server.connect().asks("POLL\r\nCALL\r\n", INTERNAL_ERROR.repeat(2)).await;
    other.asks("A\r\n", "$1\r\nA\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_pending_command_hurts_nobody() {
    let server = Server::of(|listener| kvstore::serve(listener, Minefield::default()).max_in_flight(4));
    let mut client = server.connect();
    client.sends("HANG\r\nHANG\r\n").await;
    let mut other = server.connect();
    other.asks("CLIENT KILL ID 1\r\nA\r\n", ":1\r\n$1\r\nA\r\n").await;
    assert!(client.is_closed().await);
    other.sends("CLIENT LIST\r\n").await;
    assert_eq!(other.reads_bulk().await.lines().count(), 1);
}

/// Panics wherever it is cloned or dropped, once it has been told to.
struct Fragile {
    inner: Minefield,
    clone: Arc<AtomicBool>,
    drop: Arc<AtomicBool>,
}

impl Fragile {
    fn new() -> Self {
        Self { inner: Minefield::default(), clone: Arc::default(), drop: Arc::default() }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.clone.load(Ordering::Relaxed), "a mine in clone");
        Self { inner: self.inner.clone(), clone: self.clone.clone(), drop: self.drop.clone() }
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!self.drop.swap(false, Ordering::Relaxed), "a mine in drop");
    }
}

impl Service<Command> for Fragile {
    type Response = Response;
    type Error = Infallible;
    type Future = Step;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Step {
        self.inner.call(command)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_spent_service_is_replaced_is_an_answer_and_the_end() {
    let service = Fragile::new();
    let mine = service.clone.clone();
    let server = Server::of(|listener| kvstore::serve(listener, service).keep_service(true));
    let mut client = server.connect();
    client.asks("A\r\n", "$1\r\nA\r\n").await;
    mine.store(true, Ordering::Relaxed);
    client.asks("CALL\r\nB\r\nC\r\n", INTERNAL_ERROR.repeat(2)).await;
    assert!(client.is_closed().await);
    mine.store(false, Ordering::Relaxed);
    server.connect().asks("A\r\n", "$1\r\nA\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_spent_service_is_dropped_hurts_nobody() {
    for mine in ["CALL\r\nB\r\n", "READY\r\nA\r\nB\r\n"] {
        let service = Fragile::new();
        let drop = service.drop.clone();
        let mut client = Server::of(|listener| kvstore::serve(listener, service).keep_service(true)).connect();
        client.asks("A\r\n", "$1\r\nA\r\n").await;
        drop.store(true, Ordering::Relaxed);
        client.sends(mine).await;
        if mine.starts_with("READY") {
            client.gets("$5\r\nREADY\r\n").await;
        }
        client.gets(format!("{INTERNAL_ERROR}$1\r\nB\r\n")).await;
        assert!(!drop.load(Ordering::Relaxed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_made_service_that_panicked_ends_with_its_connection() {
    for mine in ["CALL\r\nB\r\n", "READY\r\nA\r\nB\r\n"] {
        let factory = service_fn(|_| ready(Ok::<_, Infallible>(Minefield::default())));
        let mut client = Server::of(|listener| serve_with_factory(listener, factory)).connect();
        client.sends(mine).await;
        if mine.starts_with("READY") {
            client.gets("$5\r\nREADY\r\n").await;
        }
        client.gets(INTERNAL_ERROR).await;
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_made_service_outlives_a_panic_of_one_of_its_futures() {
    let factory = service_fn(|_| ready(Ok::<_, Infallible>(Minefield::default())));
    let mut client = Server::of(|listener| serve_with_factory(listener, factory)).connect();
    client.asks("POLL\r\nA\r\n", format!("{INTERNAL_ERROR}$1\r\nA\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_for_which_the_factory_fails_is_told_why_and_disconnected() {
    let full = CommandError::new("FULL", "come back later");
    for (refusal, told) in [(None, INTERNAL_ERROR), (Some(full), "-FULL come back later\r\n")] {
        let error = move || refusal.clone().map_or_else(|| BoxError::from("out of services"), Into::into);
        let factory = service_fn(move |_| ready(Err::<Minefield, _>(error())));
        let mut client = Server::of(|listener| serve_with_factory(listener, factory)).connect();
        client.gets(told).await;
        assert!(client.is_closed().await);
    }
}

/// What a client reads of an error.
async fn answer_to(error: impl Fn() -> BoxError + Clone + Send + 'static) -> String {
    let service = service_fn(move |_: Command| ready(Err::<Response, _>(error())));
    let mut client = Server::start(service).connect();
    client.sends("A\r\nPING\r\n").await;
    let line = client.reads_line().await;
    client.gets("+PONG\r\n").await;
    line
}

#[tokio::test(start_paused = true)]
async fn errors_of_known_types_say_what_happened() {
    let elapsed = || tower::timeout::error::Elapsed::new().into();
    assert_eq!(answer_to(elapsed).await, "-TIMEOUT the command took too long");
    let overloaded = || tower::load_shed::error::Overloaded::new().into();
    assert_eq!(answer_to(overloaded).await, "-OVERLOADED too many commands at once");
    let refusal = || CommandError::new("BUSYKEY", "Target key name already exists.").into();
    assert_eq!(answer_to(refusal).await, "-BUSYKEY Target key name already exists.");
}

#[tokio::test(start_paused = true)]
async fn a_known_error_is_found_behind_another() {
    #[derive(Debug, thiserror::Error)]
    #[error("around it")]
    struct Around(#[source] CommandError);
    assert_eq!(answer_to(|| Around(CommandError::err("inside")).into()).await, "-ERR inside");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_codec_is_closed_and_the_next_is_served() {
    let (connector, listener) = pipe();
    let tries = AtomicUsize::new(0);
    let codec = move || {
        assert!(tries.fetch_add(1, Ordering::Relaxed) > 0, "a mine in the codec");
        ServerCodec::default()
    };
    tokio::spawn(
        Serve::new(Minefield::default()).listen_with(listener, ListenOptions::new().codec(codec)).into_future(),
    );
    assert!(Client::new(connector.connect().expect("it listens")).is_closed().await);
    Client::new(connector.connect().expect("it still listens")).asks("A\r\n", "$1\r\nA\r\n").await;
}

/// A listener that panics when it is asked for its first connection.
struct Mine;

impl Listener for Mine {
    type Io = DuplexStream;

    async fn accept(&mut self, _: &SocketOptions) -> Accepted<DuplexStream> {
        panic!("a mine in accept")
    }

    fn local(&self) -> Peer {
        Peer::Memory
    }
}

/// What is logged at the level of errors.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<u8>>>);

impl io::Write for Errors {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic under the lock").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panicked_is_told_of_and_the_others_go_on() {
    let errors = Errors::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_writer({
        let errors = errors.clone();
        move || errors.clone()
    });
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let server = Server::of(|listener| kvstore::serve(listener, Minefield::default()).listen(Mine));
    settle().await;
    let mut client = server.connect();
    client.asks("A\r\n", "$1\r\nA\r\n").await;
    drop(client);
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
    let errors = String::from_utf8(errors.0.lock().expect("no panic under the lock").clone()).expect("text");
    assert!(errors.contains("a listener"), "{errors}");
}

#[tokio::test(start_paused = true)]
async fn the_text_of_any_other_error_is_not_sent() {
    assert_eq!(answer_to(|| "the password is 1234".into()).await, "-ERR internal error");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_answers_one_command_and_another_instance_goes_on() {
    #[derive(Clone)]
    struct Spent(Arc<AtomicUsize>);
    impl Service<Command> for Spent {
        type Response = Response;
        type Error = CommandError;
        type Future = std::future::Ready<Result<Response, CommandError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CommandError>> {
            Poll::Ready(match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Err(CommandError::err("spent")),
                _ => Ok(()),
            })
        }

        fn call(&mut self, command: Command) -> Self::Future {
            ready(Ok(words_of(&command)))
        }
    }
    Server::start(Spent(Arc::default())).connect().asks("A\r\nB\r\n", "-ERR spent\r\n$1\r\nB\r\n").await;
    let factory = service_fn(|_| ready(Ok::<_, Infallible>(Spent(Arc::default()))));
    let mut client = Server::of(|listener| serve_with_factory(listener, factory)).connect();
    client.asks("A\r\nB\r\n", "-ERR spent\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_late_command_under_towers_timeout_is_dropped_and_answered() {
    let (service, mut script) = mock();
    let service = tower::timeout::Timeout::new(service, Duration::from_secs(1));
    let mut client = Server::start(service).connect();
    client.sends("A\r\nB\r\n").await;
    script.next().await.dropped().await;
    script.next().await.answer("b");
    client.gets("-TIMEOUT the command took too long\r\n$1\r\nb\r\n").await;
}

#[tokio::test]
async fn a_reason_is_read_also_when_the_client_has_sent_much_before() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let factory = service_fn(|_| ready(Err::<Minefield, _>("out of services")));
    tokio::spawn(serve_with_factory(listener, factory).into_future());
    let mut client = Client::new(tokio::net::TcpStream::connect(address).await.expect("it listens"));
    client.sends("GET k\r\n".repeat(1000)).await;
    client.gets(INTERNAL_ERROR).await;
    assert!(client.is_closed().await);
}
