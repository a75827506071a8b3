//! Every layer asks the service it wraps for readiness as tower wants it: on the instance that is called, before each call.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use kvstore_middleware::{
    AuditLayer, CatchPanicLayer, ConcurrencyLimitLayer, DenyLayer, LoadShedLayer, LogLayer, MapCommandLayer,
    MapResponseLayer, MetricsLayer, Next, RateLimitLayer, RenameLayer, TeeLayer, TimeoutLayer, from_fn,
    from_fn_with_state,
};
use kvstore_protocol::{Command, Response};
use tower::{Layer, Service, ServiceBuilder};

/// A service that panics when it is called without being ready. Readiness comes at the second poll, is used up by a
/// call, and is not cloned.
#[derive(Debug, Default)]
struct Probe {
    polls: usize,
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self::default()
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
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _command: Command) -> Self::Future {
        assert!(self.polls >= 2, "called before it was ready");
        self.polls = 0;
        ready(Ok(Response::ok()))
    }
}

/// Calls a service under `layer`, and clones of it that are made at any time.
async fn keeps_the_contract<L>(layer: L)
where
    L: Layer<Probe>,
    L::Service: Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let mut service = layer.layer(Probe::default());
    for _ in 0..3 {
        poll_fn(|cx| service.poll_ready(cx)).await.expect("infallible");
        poll_fn(|cx| service.poll_ready(cx)).await.expect("asked twice is no harm");
        let mut clone = service.clone();
        let answer = service.call(Command::ping());
        poll_fn(|cx| clone.poll_ready(cx)).await.expect("infallible");
        let answer_of_clone = clone.call(Command::ping());
        assert_eq!(answer.await, Ok(Response::ok()));
        assert_eq!(answer_of_clone.await, Ok(Response::ok()));
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
    let mut service = LoadShedLayer::new().layer(Probe { polls: 1 });
    for answered in ["+OK", "-OVERLOADED too many commands at once"] {
        poll_fn(|cx| service.poll_ready(cx)).await.expect("infallible");
        let mut clone = service.clone();
        assert_eq!(service.call(Command::ping()).await.expect("infallible").to_string(), answered);
        assert!(clone.call(Command::ping()).await.expect("infallible").is_error());
        assert!(service.call(Command::ping()).await.expect("infallible").is_error());
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
    keeps_the_contract(limit.clone().wait_at_most(Duration::from_secs(1))).await;
    keeps_the_contract(limit.refuse()).await;
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

#[test]
#[should_panic(expected = "called before it was ready")]
fn probe_notices_a_call_without_readiness() {
    drop(Probe::default().call(Command::ping()));
}
