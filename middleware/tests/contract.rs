//! Every layer keeps tower's contract: it asks the very instance for readiness that it calls, before each call, and
//! what that instance reserved is used by the call or given back.

use std::{
    convert::Infallible,
    fmt::Debug,
    future::{Ready, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use kvstore_middleware::{
    AuditLayer, CatchPanicLayer, CommandStats, ConcurrencyLimitLayer, DenyLayer, HandleErrorLayer, LoadShedLayer,
    LogLayer, MapCommandLayer, MapResponseLayer, MetricsLayer, Next, RateLimitLayer, RenameLayer, StatsLayer, TeeLayer,
    TimeoutLayer, failure, from_fn, from_fn_with_state,
};
use kvstore_protocol::{Command, Response};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, buffer::BufferLayer, filter::FilterLayer, layer::layer_fn,
    limit::GlobalConcurrencyLimitLayer, retry::RetryLayer,
};

/// A service that panics when it is called without being ready. Readiness comes at the second poll, is used up by a
/// call, and is not cloned. An instance that is ready holds a reservation.
#[derive(Debug, Default)]
struct Probe {
    polls: usize,
    reservation: Option<Reservation>,
    reservations: Reservations,
}

/// Counts the reservations that are held.
type Reservations = Arc<AtomicUsize>;

#[derive(Debug)]
struct Reservation(Reservations);

impl Reservation {
    fn take(reservations: &Reservations) -> Self {
        reservations.fetch_add(1, Ordering::SeqCst);
        Self(reservations.clone())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self { reservations: self.reservations.clone(), ..Self::default() }
    }
}

impl Service<Command> for Probe {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.polls += 1;
        if self.polls == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.reservation.get_or_insert_with(|| Reservation::take(&self.reservations));
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _command: Command) -> Self::Future {
        assert!(self.polls >= 2, "called before it was ready");
        self.polls = 0;
        self.reservation = None;
        ready(Ok(Response::ok()))
    }
}

/// Calls a service under `layer`, and clones of it that are made at any time.
async fn keeps_the_contract<L>(layer: L)
where
    L: Layer<Probe>,
    L::Service: Service<Command, Response = Response, Error: Debug, Future: Send> + Clone + Send + 'static,
{
    let probe = Probe::default();
    let reservations = probe.reservations.clone();
    let mut service = layer.layer(probe);
    for _ in 0..3 {
        poll_fn(|cx| service.poll_ready(cx)).await.expect("no failure");
        poll_fn(|cx| service.poll_ready(cx)).await.expect("asked twice is no harm");
        let mut clone = service.clone();
        let answer = service.call(Command::new("PING"));
        poll_fn(|cx| clone.poll_ready(cx)).await.expect("no failure");
        let answer_of_clone = clone.call(Command::new("PING"));
        assert_eq!(answer.await.expect("no failure"), Response::ok());
        assert_eq!(answer_of_clone.await.expect("no failure"), Response::ok());
        assert_eq!(reservations.load(Ordering::SeqCst), 0, "used by the calls");

        let mut unused = service.clone();
        poll_fn(|cx| unused.poll_ready(cx)).await.expect("no failure");
        drop(unused);
        assert_eq!(reservations.load(Ordering::SeqCst), 0, "given back by an instance that was not called");
    }
}

#[tokio::test]
async fn catch_panic_keeps_the_contract() {
    keeps_the_contract(CatchPanicLayer::new()).await;
}

#[tokio::test]
async fn deny_keeps_the_contract() {
    keeps_the_contract(DenyLayer::names(["GET"])).await;
}

#[tokio::test]
async fn from_fn_keeps_the_contract() {
    keeps_the_contract(from_fn(async |command, next: Next| next.run(command).await)).await;
    keeps_the_contract(from_fn_with_state(1, async |_, command, next: Next| next.run(command).await)).await;
}

#[tokio::test]
async fn load_shed_calls_nobody_who_is_not_ready() {
    let mut service = LoadShedLayer::new().layer(Probe { polls: 1, ..Probe::default() });
    for answered in ["+OK", "-OVERLOADED too many commands at once"] {
        poll_fn(|cx| service.poll_ready(cx)).await.expect("infallible");
        let mut clone = service.clone();
        assert_eq!(service.call(Command::new("PING")).await.expect("infallible").to_string(), answered);
        assert!(clone.call(Command::new("PING")).await.expect("infallible").is_error());
        assert!(service.call(Command::new("PING")).await.expect("infallible").is_error());
    }
}

#[tokio::test]
async fn map_command_and_map_response_keep_the_contract() {
    keeps_the_contract(MapCommandLayer::new(|command| command)).await;
    keeps_the_contract(MapResponseLayer::new(|response| response)).await;
}

#[tokio::test]
async fn rename_keeps_the_contract() {
    keeps_the_contract(RenameLayer::new([("OLD", "PING")])).await;
}

#[tokio::test(start_paused = true)]
async fn audit_keeps_the_contract() {
    keeps_the_contract(AuditLayer::tracing()).await;
    keeps_the_contract(AuditLayer::tracing().only(|_| false)).await;
}

#[tokio::test(start_paused = true)]
async fn timeout_keeps_the_contract() {
    keeps_the_contract(TimeoutLayer::new(Duration::from_secs(1))).await;
    keeps_the_contract(TimeoutLayer::disabled()).await;
}

#[tokio::test(start_paused = true)]
async fn concurrency_limit_keeps_the_contract() {
    let limit = ConcurrencyLimitLayer::new(1);
    keeps_the_contract(limit.clone()).await;
    keeps_the_contract(limit.wait_at_most(Duration::from_secs(1))).await;
    keeps_the_contract(ConcurrencyLimitLayer::new(2).refuse()).await;
    keeps_the_contract(ConcurrencyLimitLayer::unlimited()).await;
}

#[tokio::test(start_paused = true)]
async fn log_keeps_the_contract() {
    keeps_the_contract(LogLayer::new()).await;
    keeps_the_contract(LogLayer::new().slow_threshold(Duration::ZERO)).await;
}

#[tokio::test(start_paused = true)]
async fn metrics_keep_the_contract() {
    keeps_the_contract(MetricsLayer::new()).await;
    keeps_the_contract(StatsLayer::new(CommandStats::new())).await;
}

#[tokio::test(start_paused = true)]
async fn rate_limit_keeps_the_contract() {
    let limit = RateLimitLayer::new(1, Duration::from_secs(1));
    keeps_the_contract(limit.clone().wait()).await;
    keeps_the_contract(limit.burst(6).wait_at_most(Duration::from_secs(1))).await;
    keeps_the_contract(RateLimitLayer::new(6, Duration::from_secs(1)).per_connection()).await;
    keeps_the_contract(RateLimitLayer::unlimited()).await;
}

#[tokio::test(start_paused = true)]
async fn tee_keeps_the_contract_with_both_services() {
    let differences = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&differences);
    let tee = TeeLayer::new(Probe::default()).on_difference(move |_, _, _| _ = counter.fetch_add(1, Ordering::Relaxed));
    keeps_the_contract(tee.clone()).await;
    tee.idle().await;
    // A probe that panics would be mirrored as `-ERR internal error`.
    assert_eq!((differences.load(Ordering::Relaxed), tee.dropped()), (0, 0));
    keeps_the_contract(tee.only(|_| false)).await;
}

#[tokio::test(start_paused = true)]
async fn all_of_them_keep_the_contract() {
    let stack = ServiceBuilder::new()
        .layer(LogLayer::new())
        .layer(ConcurrencyLimitLayer::new(2))
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .layer(CatchPanicLayer::new())
        .layer(DenyLayer::names(["GET"]))
        .layer(RenameLayer::new([("OLD", "PING")]))
        .layer(MapCommandLayer::new(|command| command))
        .layer(MapResponseLayer::new(|response| response))
        .layer(from_fn(async |command, next: Next| next.run(command).await));
    keeps_the_contract(stack.into_inner()).await;
}

#[tokio::test(start_paused = true)]
async fn handle_error_keeps_the_contract() {
    keeps_the_contract(HandleErrorLayer::new(async |error| failure::response_to(error))).await;
}

#[tokio::test(start_paused = true)]
async fn layers_of_tower_keep_the_contract() {
    keeps_the_contract(tower::timeout::TimeoutLayer::new(Duration::from_secs(1))).await;
    keeps_the_contract(GlobalConcurrencyLimitLayer::new(2)).await;
    keeps_the_contract(tower::limit::ConcurrencyLimitLayer::new(2)).await;
    keeps_the_contract(FilterLayer::new(Ok::<Command, BoxError>)).await;
    keeps_the_contract(RetryLayer::new(Never)).await;
    keeps_the_contract(BufferLayer::new(2)).await;
}

/// Retries nothing.
#[derive(Clone)]
struct Never;

impl tower::retry::Policy<Command, Response, Infallible> for Never {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Command, _: &mut Result<Response, Infallible>) -> Option<Ready<()>> {
        None
    }

    fn clone_request(&mut self, command: &Command) -> Option<Command> {
        Some(command.clone())
    }
}

/// What is reserved after a layer has answered a command that it did not pass on: by the instance while it lives, and
/// after its drop.
fn reserved_after_own_answer<L>(layer: L) -> [usize; 2]
where
    L: Layer<Probe>,
    L::Service: Service<Command, Response = Response, Error: Debug>,
{
    let probe = Probe { polls: 1, ..Probe::default() };
    let reservations = probe.reservations.clone();
    // The only instance that is ready at once: a layer may call no other.
    let mut service = layer.layer(probe);
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(tokio_test::block_on(service.call(Command::new("GET").arg("k"))));
    let while_it_lives = reservations.load(Ordering::SeqCst);
    drop(service);
    [while_it_lives, reservations.load(Ordering::SeqCst)]
}

#[test]
fn layer_that_answers_itself_leaves_no_reservation_behind() {
    let full = ConcurrencyLimitLayer::new(1).refuse();
    let mut taken = full.layer(Probe { polls: 2, ..Probe::default() });
    let _running = taken.call(Command::new("PING"));
    assert_eq!(reserved_after_own_answer(full), [0, 0]);

    let spent = RateLimitLayer::new(1, Duration::from_secs(3600));
    drop(spent.layer(Probe { polls: 2, ..Probe::default() }).call(Command::new("PING")));
    assert_eq!(reserved_after_own_answer(spent), [0, 0]);

    assert_eq!(reserved_after_own_answer(from_fn(async |_, _: Next| "answered here")), [0, 0]);
}

/// These forward `poll_ready` and need no `Clone`, so the instance keeps what it reserved until it is called or
/// dropped. A transport drops it when a connection has no next command.
#[test]
fn layer_that_answers_itself_without_a_clone_keeps_the_reservation_while_it_lives() {
    assert_eq!(reserved_after_own_answer(DenyLayer::names(["GET"])), [1, 0]);
    assert_eq!(reserved_after_own_answer(RenameLayer::new([("GET", "FETCH")])), [1, 0]);
    assert_eq!(reserved_after_own_answer(layer_fn(|inner| Cached { inner })), [1, 0]);
    let filter = FilterLayer::new(|_: Command| Err::<Command, BoxError>("not here".into()));
    assert_eq!(reserved_after_own_answer(filter), [1, 0]);
}

/// A cache in the shape of the guide in which every command is a hit.
struct Cached<S> {
    inner: S,
}

impl<S> Service<Command> for Cached<S>
where
    S: Service<Command, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Ready<Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, _command: Command) -> Self::Future {
        ready(Ok(Response::ok()))
    }
}

#[test]
fn load_shedder_keeps_no_instance_that_was_not_ready() {
    let probe = Probe::default();
    let reservations = probe.reservations.clone();
    let mut service = LoadShedLayer::new().layer(probe);
    for _ in 0..3 {
        assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        assert!(tokio_test::block_on(service.call(Command::new("PING"))).expect("infallible").is_error());
        assert_eq!(reservations.load(Ordering::SeqCst), 0);
    }
}

#[test]
#[should_panic(expected = "called before it was ready")]
fn probe_notices_a_call_without_readiness() {
    drop(Probe::default().call(Command::new("PING")));
}
