//! What the crate's documentation says of tower's own layers: what they share, and that they know no parked commands.

use std::{convert::Infallible, future::pending, time::Duration};

use kvstore_protocol::{Command, Response, parking::park_until};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, task};
use tower::{
    Layer, Service, ServiceExt,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer},
    service_fn,
    timeout::{TimeoutLayer, error::Elapsed},
};

const SECOND: Duration = Duration::from_secs(1);

fn never(_: Command) -> impl Future<Output = Result<Response, Infallible>> + Send {
    pending()
}

async fn ok(_: Command) -> Result<Response, Infallible> {
    Ok(Response::ok())
}

/// Parks for `seconds`.
fn parked(seconds: u32) -> impl Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(move |_: Command| async move {
        park_until(sleep(SECOND * seconds)).await;
        Ok(Response::ok())
    })
}

/// Whether `other` is ready while a command of `one` is in flight.
fn is_ready_beside<S>(one: S, mut other: S) -> bool
where
    S: Service<Command, Response = Response, Error = Infallible>,
{
    let mut running = task::spawn(one.oneshot(Command::new("GET").arg("k")));
    assert_pending!(running.poll());
    task::spawn(()).enter(|cx, _| other.poll_ready(cx)).is_ready()
}

#[test]
fn clones_share_the_concurrency_limit_and_other_services_of_its_layer_do_not() {
    let layer = ConcurrencyLimitLayer::new(1);
    let service = layer.layer(service_fn(never));
    assert!(!is_ready_beside(service.clone(), service.clone()));
    assert!(is_ready_beside(service, layer.layer(service_fn(never))));
}

#[test]
fn all_services_of_a_global_concurrency_limit_share_it() {
    let layer = GlobalConcurrencyLimitLayer::new(1);
    assert!(!is_ready_beside(layer.layer(service_fn(never)), layer.layer(service_fn(never))));
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_buffer_share_the_rate_limit_inside() {
    // A rate limit by itself is not `Clone`.
    let service = BufferLayer::new(10).layer(RateLimitLayer::new(1, SECOND).layer(service_fn(ok)));
    let call = |service: tower::buffer::Buffer<_, _>| service.oneshot(Command::new("GET").arg("k"));
    assert!(call(service.clone()).await.is_ok());
    assert!(timeout(SECOND / 2, call(service.clone())).await.is_err());
    let other = BufferLayer::new(10).layer(RateLimitLayer::new(1, SECOND).layer(service_fn(ok)));
    assert!(timeout(SECOND / 2, call(other)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn timeout_does_not_know_that_a_command_is_parked() {
    let failed = TimeoutLayer::new(SECOND).layer(parked(60)).oneshot(Command::new("GET").arg("k")).await;
    assert!(failed.expect_err("it is late").is::<Elapsed>());
    let ours =
        kvstore_middleware::TimeoutLayer::new(SECOND).layer(parked(60)).oneshot(Command::new("GET").arg("k")).await;
    assert_eq!(ours, Ok(Response::ok()));
}

#[tokio::test(start_paused = true)]
async fn concurrency_limit_does_not_know_that_a_command_is_parked() {
    let service = GlobalConcurrencyLimitLayer::new(1).layer(parked(60));
    assert!(!is_ready_beside(service.clone(), service));
    let limit = kvstore_middleware::ConcurrencyLimitLayer::new(1);
    let mut waits = task::spawn(limit.layer(parked(60)).oneshot(Command::new("GET").arg("k")));
    assert_pending!(waits.poll());
    assert_eq!(limit.available(), 1);
}

#[tokio::test]
async fn parking_passes_through_a_buffer() {
    // The caller polls the command's future, not the task of the buffer.
    let limit = kvstore_middleware::ConcurrencyLimitLayer::new(1);
    let service = limit.layer(BufferLayer::new(1).layer(parked(60)));
    let mut waits = task::spawn(service.oneshot(Command::new("GET").arg("k")));
    assert_pending!(waits.poll());
    tokio::task::yield_now().await;
    assert_pending!(waits.poll());
    assert_eq!(limit.available(), 1);
}
