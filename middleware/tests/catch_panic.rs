//! Panics of every kind, and what is left of the service after them.

use std::{
    any::Any,
    convert::Infallible,
    future::poll_fn,
    io,
    panic::panic_any,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use kvstore_middleware::{CatchPanic, CatchPanicLayer, from_fn};
use kvstore_protocol::{Command, Response};
use tokio_test::{assert_pending, task};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_test::mock;

const INTERNAL: &str = "-ERR internal error";

/// A service that panics where the name of the command says, and answers with the number of commands that this instance
/// has seen.
#[derive(Debug, Default)]
struct Fragile {
    seen: usize,
    panics_when_polled: Arc<AtomicUsize>,
}

/// Counts anew.
impl Clone for Fragile {
    fn clone(&self) -> Self {
        Self { seen: 0, panics_when_polled: self.panics_when_polled.clone() }
    }
}

impl Service<Command> for Fragile {
    type Response = Response;
    type Error = Infallible;
    type Future = SlowAnswer;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let left = self.panics_when_polled.load(Ordering::Relaxed);
        self.panics_when_polled.store(left.saturating_sub(1), Ordering::Relaxed);
        assert_eq!(left, 0, "not ready at all");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> SlowAnswer {
        self.seen += 1;
        assert!(!command.is("CALL"), "in call");
        SlowAnswer { command, seen: self.seen }
    }
}

struct SlowAnswer {
    command: Command,
    seen: usize,
}

impl Future for SlowAnswer {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.command.is("POLL") && !self.command.is("POLL-AND-DROP"), "in poll");
        if self.command.is("VALUE") {
            panic_any(7);
        }
        if self.command.is("WAIT") {
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.seen.into()))
    }
}

impl Drop for SlowAnswer {
    fn drop(&mut self) {
        let panics = ["DROP", "POLL-AND-DROP", "WAIT"].iter().any(|name| self.command.is(name));
        assert!(!panics, "in drop");
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panics with it")).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn answer<A>(service: &mut CatchPanic<Fragile, A>, name: &str) -> String
where
    A: Fn(&(dyn Any + Send)) -> Response + Clone,
{
    poll_fn(|cx| service.poll_ready(cx)).await.expect("infallible");
    service.call(Command::new(name)).await.expect("infallible").to_string()
}

#[tokio::test]
async fn panic_of_any_kind_is_an_answer() {
    let mut service = CatchPanicLayer::new().layer(Fragile::default());
    for name in ["CALL", "POLL", "POLL-AND-DROP", "VALUE"] {
        assert_eq!(answer(&mut service, name).await, INTERNAL, "{name}");
    }
}

#[tokio::test]
async fn panic_in_the_drop_of_an_answered_command_leaves_the_answer() {
    let mut service = CatchPanicLayer::new().layer(Fragile::default());
    assert_eq!(answer(&mut service, "DROP").await, ":1");
    assert_eq!(answer(&mut service, "GET").await, ":2");
}

#[tokio::test]
async fn panic_in_the_drop_of_a_pending_command_is_caught() {
    let service = CatchPanicLayer::new().layer(Fragile::default());
    let mut pending = task::spawn(service.oneshot(Command::new("WAIT")));
    assert_pending!(pending.poll());
    drop(pending);
}

#[tokio::test]
async fn instance_that_panics_in_call_is_replaced() {
    let mut service = CatchPanicLayer::new().layer(Fragile::default());
    assert_eq!(answer(&mut service, "GET").await, ":1");
    assert_eq!(answer(&mut service, "POLL").await, INTERNAL);
    assert_eq!(answer(&mut service, "GET").await, ":3", "a panic of a future spends no instance");
    assert_eq!(answer(&mut service, "CALL").await, INTERNAL);
    assert_eq!(answer(&mut service, "GET").await, ":1");
}

#[tokio::test]
async fn panic_in_poll_ready_answers_the_next_command_alone() {
    let inner = Fragile::default();
    let panics = inner.panics_when_polled.clone();
    let mut service = CatchPanicLayer::new().layer(inner);
    assert_eq!(answer(&mut service, "GET").await, ":1");
    panics.store(1, Ordering::Relaxed);
    poll_fn(|cx| service.poll_ready(cx)).await.expect("infallible");
    let mut clone = service.clone();
    assert_eq!(answer(&mut service, "GET").await, INTERNAL);
    assert_eq!(answer(&mut service, "GET").await, ":1", "a fresh instance");
    assert_eq!(answer(&mut clone, "GET").await, ":1", "the panic is not cloned");
}

#[tokio::test]
async fn each_panic_is_logged_with_its_text() {
    // With one subscriber alone, tracing asks that of the thread that logs first: there is none in the other tests, and
    // it remembers that nobody listens.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut service = CatchPanicLayer::new().layer(Fragile::default());
    for name in ["CALL", "POLL", "DROP"] {
        answer(&mut service, name).await;
        let logged =
            format!("ERROR kvstore_middleware::failure: a command failed detail=\"in {}\"", name.to_lowercase());
        assert!(lines.text().contains(&logged), "{}", lines.text());
    }
}

#[tokio::test]
async fn custom_answer_sees_the_panic() {
    let layer = CatchPanicLayer::custom(|panic| match panic.downcast_ref::<i32>() {
        Some(number) => Response::from(*number),
        None => Response::error("BUG", "please tell us"),
    });
    let mut service = layer.layer(Fragile::default());
    assert_eq!(answer(&mut service, "VALUE").await, ":7");
    assert_eq!(answer(&mut service, "CALL").await, "-BUG please tell us");
}

#[tokio::test]
async fn custom_answer_that_panics_is_an_internal_error() {
    let mut service = CatchPanicLayer::custom(|_| panic!("here too")).layer(Fragile::default());
    assert_eq!(answer(&mut service, "POLL").await, INTERNAL);
    assert_eq!(answer(&mut service, "CALL").await, INTERNAL);
}

#[tokio::test]
async fn layer_outside_sees_an_answer() {
    let service = ServiceBuilder::new()
        .layer(from_fn(async |command, next: kvstore_middleware::Next| next.run(command).await.is_error()))
        .layer(CatchPanicLayer::new())
        .service(Fragile::default());
    assert_eq!(service.oneshot(Command::new("POLL")).await, Ok(Response::Integer(1)));
}

#[tokio::test]
async fn readiness_and_errors_pass() {
    let (mut service, mut inner) = mock::spawn_layer::<Command, Response, _>(CatchPanicLayer::new());
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}
