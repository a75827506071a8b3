//! The error handler around mocks, and around tower's own layers.

use std::{
    convert::Infallible,
    fmt,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use kvstore_middleware::{ConcurrencyLimitLayer, HandleErrorLayer, failure};
use kvstore_protocol::{Command, CommandError, Response, parking::park_until};
use tokio::{sync::Notify, time::sleep};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    buffer::{BufferLayer, error::ServiceError},
    filter::FilterLayer,
    limit::GlobalConcurrencyLimitLayer,
    load_shed::{LoadShedLayer, error::Overloaded},
    service_fn,
    timeout::{TimeoutLayer, error::Elapsed},
};

const SECOND: Duration = Duration::from_secs(1);

/// A refusal of a filter.
#[derive(Debug)]
struct Sunday;

impl std::error::Error for Sunday {}

impl fmt::Display for Sunday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not on Sundays")
    }
}

/// Tells the errors of tower's layers apart.
async fn handle(error: BoxError) -> Result<Response, CommandError> {
    match () {
        () if error.is::<Elapsed>() => Ok(Response::error("LATE", "too slow")),
        () if error.is::<Overloaded>() => Ok(Response::error("FULL", "too many")),
        () if error.is::<ServiceError>() => Ok(Response::error("BROKEN", "for good")),
        () if error.is::<Sunday>() => Err(CommandError::new("CLOSED", "come back on Monday")),
        () => Ok(failure::response_to(error)),
    }
}

async fn answer<S>(service: S) -> String
where
    S: Service<Command, Response = Response, Error = Infallible>,
{
    let Ok(response) = service.oneshot(Command::new("GET").arg("k")).await;
    response.to_string()
}

async fn ok(_: Command) -> Result<Response, BoxError> {
    Ok(Response::ok())
}

fn never(_: Command) -> impl Future<Output = Result<Response, BoxError>> + Send {
    pending()
}

#[tokio::test(start_paused = true)]
async fn errors_of_towers_layers_are_told_apart() {
    let stack = ServiceBuilder::new().layer(HandleErrorLayer::new(handle));
    let late = stack.clone().layer(TimeoutLayer::new(SECOND)).service(service_fn(never));
    assert_eq!(answer(late).await, "-LATE too slow");

    let full = stack.clone().layer(LoadShedLayer::new()).layer(GlobalConcurrencyLimitLayer::new(1));
    let full = full.service(service_fn(never));
    let mut running = task::spawn(full.clone().oneshot(Command::new("GET").arg("k")));
    assert_pending!(running.poll());
    assert_eq!(answer(full).await, "-FULL too many");

    let filter = FilterLayer::new(|_: Command| Err::<Command, _>(Sunday));
    assert_eq!(answer(stack.layer(filter).service(service_fn(ok))).await, "-CLOSED come back on Monday");
}

#[tokio::test]
async fn other_errors_are_as_without_the_layer() {
    let service = |error: fn() -> BoxError| {
        HandleErrorLayer::new(handle).layer(service_fn(move |_: Command| async move { Err::<Response, _>(error()) }))
    };
    assert_eq!(answer(service(|| "the disk is full".into())).await, "-ERR internal error");
    assert_eq!(answer(service(|| CommandError::SYNTAX.into())).await, "-ERR syntax error");
}

#[tokio::test]
async fn answer_passes_and_the_function_is_not_called() {
    let layer = HandleErrorLayer::new(|_: BoxError| async { panic!("nothing failed") as &str });
    assert_eq!(answer(layer.layer(service_fn(ok))).await, "+OK");
}

#[tokio::test(start_paused = true)]
async fn function_may_wait() {
    let layer = HandleErrorLayer::new(|error: BoxError| async move {
        sleep(SECOND).await;
        error.to_string()
    });
    let failing = service_fn(|_: Command| async { Err::<Response, _>("broken") });
    assert_eq!(answer(layer.layer(failing)).await, "\"broken\"");
}

/// A service whose instances fail in `poll_ready`, but for clones of the first one.
#[derive(Debug)]
struct FailsWhenPolled {
    polled: Arc<AtomicUsize>,
    is_spent: bool,
}

impl Clone for FailsWhenPolled {
    fn clone(&self) -> Self {
        assert!(!self.is_spent, "a spent instance is not cloned");
        Self { polled: self.polled.clone(), is_spent: false }
    }
}

impl Service<Command> for FailsWhenPolled {
    type Response = Response;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response, &'static str>>;

    /// Every other poll fails, and the instance is spent.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        assert!(!self.is_spent, "a spent instance is not polled");
        self.is_spent = self.polled.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        Poll::Ready(if self.is_spent { Err("gone") } else { Ok(()) })
    }

    fn call(&mut self, _command: Command) -> Self::Future {
        std::future::ready(Ok(Response::ok()))
    }
}

#[tokio::test]
async fn error_of_readiness_answers_one_command_and_a_fresh_clone_the_next() {
    let inner = FailsWhenPolled { polled: Arc::default(), is_spent: false };
    let mut service = HandleErrorLayer::new(|error: BoxError| async move { error.to_string() }).layer(inner);
    for expected in ["\"gone\"", "+OK", "\"gone\"", "+OK"] {
        let clone = service.clone();
        let Ok(service) = service.ready().await;
        let Ok(response) = service.call(Command::new("GET").arg("k")).await;
        assert_eq!(response.to_string(), expected);
        drop(clone);
    }
}

#[tokio::test]
async fn buffer_whose_service_failed_answers_every_command() {
    let failing = FailsWhenPolled { polled: Arc::default(), is_spent: false };
    let buffered = BufferLayer::<Command>::new(4).layer(failing);
    let service = HandleErrorLayer::new(handle).layer(buffered);
    for _ in 0..3 {
        assert_eq!(answer(service.clone()).await, "-BROKEN for good");
    }
}

#[tokio::test]
async fn parked_command_is_seen_parked() {
    let limit = ConcurrencyLimitLayer::new(1);
    let event = Arc::new(Notify::new());
    let notified = event.clone();
    let parking = service_fn(move |_: Command| {
        let event = notified.clone();
        async move {
            park_until(event.notified()).await;
            Err::<Response, _>("woken")
        }
    });
    let service = ServiceBuilder::new().layer(limit.clone()).layer(HandleErrorLayer::new(handle)).service(parking);
    let mut parked = task::spawn(service.oneshot(Command::new("GET").arg("k")));
    assert_pending!(parked.poll());
    assert_eq!(limit.available(), 1);
    event.notify_one();
    assert_pending!(parked.poll(), "returning");
    assert_eq!(assert_ready!(parked.poll()).expect("infallible").to_string(), "-ERR internal error");
}
