//! Whatever becomes of a command, its client hears of it once and in its turn: pipelines of handlers that answer, refuse,
//! fail, panic or never answer, in any mixture and with any number in flight.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use kvstore::{
    middleware::{ConcurrencyLimitLayer, TimeoutLayer},
    protocol::{Command, CommandError, Response},
    routing::{AnyError, Arg, ArgCount, ArgCursor, FromCommand, Router, State},
};
use tokio::time::sleep;
use tower::{BoxError, Layer, Service, util::BoxCloneService};

use crate::support::{Server, Text, request};

const INTERNAL_ERROR: &str = "-ERR internal error\r\n";
const LATE: &str = "-TIMEOUT the command took too long\r\n";

/// How the commands of a pipeline come to their answers.
const KINDS: &str =
    "NOW LATER REFUSE FAIL PANIC PANICLATER NEVER HELDUP EXTRACT ABORT NOSUCH NOW LATER BREAK MINE PING EXEC";

async fn later(Arg(number): Arg<u64>) -> u64 {
    sleep(Duration::from_millis(number * 7919 % 100)).await;
    number
}

async fn panic_later(Arg(number): Arg<u64>) {
    sleep(Duration::from_millis(number % 3)).await;
    panic!("number {number}")
}

async fn never() {
    pending().await
}

/// Panics while it is dropped, once nobody waits for it any more.
async fn held_up() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped")
        }
    }
    let _panics = Panics;
    pending().await
}

/// An extractor that panics.
struct Abort;

impl<S> FromCommand<S> for Abort {
    type Rejection = CommandError;

    const ARGS: ArgCount = ArgCount::ANY;

    fn from_command(_: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
        panic!("no such thing")
    }
}

fn router() -> Router {
    Router::new()
        .command("NOW", |Arg(number): Arg<u64>| number)
        .command("LATER", later)
        .command("REFUSE", |_: Arg<u64>| Err::<(), _>(CommandError::new("NO", "not today")))
        .command("FAIL", |Arg(_): Arg<u64>| -> Result<(), AnyError> { Err(std::io::Error::other("a disk").into()) })
        .command("PANIC", |_: Arg<u64>| -> () { panic!("at once") })
        .command("PANICLATER", panic_later)
        .command("NEVER", |_: Command| never())
        .command("HELDUP", |_: Command| held_up())
        .command("EXTRACT", |_: Arg<u8>, _: Arg<u8>| 1)
        .command("ABORT", |_: Abort| 1)
        .command("EXEC", |State(answer): State<&'static str>, _: Command| answer)
        .command("MINE", |_: Command| "mined")
        .with_state("done")
}

/// Panics in `call` at BREAK, and is not ready, for good, behind MINE.
#[derive(Debug)]
struct Fragile<S> {
    inner: S,
    is_mined: bool,
}

impl<S: Clone> Clone for Fragile<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), is_mined: false }
    }
}

impl<S: Service<Command, Response = Response, Error = Infallible>> Service<Command> for Fragile<S> {
    type Response = Response;
    type Error = BoxError;
    type Future = Widened<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.is_mined {
            true => Poll::Ready(Err("worn out".into())),
            false => self.inner.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, command: Command) -> Self::Future {
        assert!(!command.is("BREAK"), "broken");
        self.is_mined = command.is("MINE");
        Widened(Box::pin(self.inner.call(command)))
    }
}

/// A future whose error is any.
struct Widened<F>(Pin<Box<F>>);

impl<F: Future<Output = Result<Response, Infallible>>> Future for Widened<F> {
    type Output = Result<Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map_err(Into::into)
    }
}

/// The handlers, with a time limit in one of the places where it can stand.
fn service(place: usize) -> BoxCloneService<Command, Response, BoxError> {
    let limit = TimeoutLayer::new(Duration::from_secs(5));
    let few = ConcurrencyLimitLayer::new(3);
    match place {
        0 => fragile(limit.layer(router())),
        1 => fragile(router().layer(limit)),
        2 => fragile(few.layer(router().layer(limit))),
        _ => fragile(Router::new().fallback_service(limit.layer(router()))),
    }
}

fn fragile<S>(inner: S) -> BoxCloneService<Command, Response, BoxError>
where
    S: Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    BoxCloneService::new(Fragile { inner, is_mined: false })
}

/// What a command is answered, in the words of the protocol.
fn answer(kind: &str, number: usize, is_mined: &mut bool) -> String {
    if kind == "PING" {
        return format!("${}\r\n{number}\r\n", number.to_string().len());
    }
    if std::mem::take(is_mined) {
        return INTERNAL_ERROR.into();
    }
    *is_mined = kind == "MINE";
    match kind {
        "NOW" | "LATER" => format!(":{number}\r\n"),
        "REFUSE" => "-NO not today\r\n".into(),
        "NEVER" => LATE.into(),
        "EXTRACT" => "-ERR wrong number of arguments for 'extract' command\r\n".into(),
        "NOSUCH" => format!("-ERR unknown command 'NOSUCH', with args beginning with: '{number}' \r\n"),
        "MINE" => "$5\r\nmined\r\n".into(),
        "EXEC" => "$4\r\ndone\r\n".into(),
        _ => INTERNAL_ERROR.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn every_command_is_answered_once_and_in_its_turn_whatever_becomes_of_it() {
    let mut random = fastrand::Rng::with_seed(11);
    let kinds: Vec<_> = KINDS.split(' ').collect();
    for round in 0..60 {
        let (place, in_flight) = (round % 4, [1, 2, 7, 1000][random.usize(0..4)]);
        let server = Server::of(|listener| {
            // MINE spoils its instance for the next command, which may come when the connection has waited.
            kvstore::serve(listener, service(place)).max_in_flight(in_flight).keep_service(true)
        });
        let mut client = server.connect();
        let (mut asked, mut answers, mut is_mined) = (Vec::new(), String::new(), false);
        for number in 0..random.usize(1..150) {
            let kind = kinds[random.usize(0..kinds.len())];
            asked.extend(request(&[kind, &number.to_string()]));
            answers += &answer(kind, number, &mut is_mined);
        }
        let mut rest = &asked[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(random.usize(1..=rest.len().min(500)));
            client.sends(piece).await;
            rest = behind;
            if random.u8(0..4) == 0 {
                sleep(Duration::from_millis(random.u64(0..200))).await;
            }
        }
        client.half_closes().await;
        let got = client.reads_all().await;
        let common = got.iter().zip(answers.as_bytes()).take_while(|(got, told)| got == told).count();
        let differ = (Text(&got[common..]), Text(&answers.as_bytes()[common..]));
        assert!(got == answers.as_bytes(), "round {round}, place {place}, {in_flight} in flight: {differ:?}");
    }
}
