//! The timeout against a mock service, in paused time.

mod support;

use std::{convert::Infallible, time::Duration};

use kvstore_middleware::TimeoutLayer;
use kvstore_protocol::{
    Command, Response,
    parking::{park_until, settle_until},
};
use tokio::{sync::oneshot, time::sleep};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_test::mock::{self, Handle, Spawn};

use crate::support::call_once;

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);
const LATE: &str = "-TIMEOUT the command took too long";

type Mock = kvstore_middleware::Timeout<mock::Mock<Command, Response>>;

fn mocked(layer: TimeoutLayer) -> (Spawn<Mock>, Handle<Command, Response>) {
    mock::spawn_layer(layer)
}

#[tokio::test(start_paused = true)]
async fn late_command_is_answered_instead_of_failed() {
    let (mut service, mut inner) = mocked(TimeoutLayer::new(SECOND));
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    let (_request, _never_sent) = inner.next_request().await.expect("one request");
    assert_eq!(answer.await.expect("the mock does not fail").to_string(), LATE);
}

#[tokio::test(start_paused = true)]
async fn answer_in_time_passes() {
    let (mut service, mut inner) = mocked(TimeoutLayer::new(SECOND));
    assert!(service.poll_ready::<Command>().is_ready());
    let mut answer = task::spawn(service.call(Command::new("GET").arg("k")));
    assert_pending!(answer.poll());
    let (request, respond) = inner.next_request().await.expect("one request");
    assert_eq!(request, Command::new("GET").arg("k"));
    sleep(SECOND - MOMENT).await;
    respond.send_response(Response::from("v"));
    assert_eq!(assert_ready!(answer.poll()).expect("an answer"), Response::from("v"));
}

#[tokio::test(start_paused = true)]
async fn answer_that_arrives_on_the_deadline_is_not_late() {
    let (mut service, mut inner) = mocked(TimeoutLayer::new(SECOND));
    assert!(service.poll_ready::<Command>().is_ready());
    let mut answer = task::spawn(service.call(Command::new("GET").arg("k")));
    assert_pending!(answer.poll());
    let (_request, respond) = inner.next_request().await.expect("one request");
    sleep(SECOND * 2).await;
    assert!(answer.is_woken());
    respond.send_response(Response::ok());
    assert_eq!(assert_ready!(answer.poll()).expect("an answer"), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn time_counts_from_the_first_poll() {
    let (mut service, mut inner) = mocked(TimeoutLayer::new(SECOND));
    assert!(service.poll_ready::<Command>().is_ready());
    let mut answer = task::spawn(service.call(Command::new("GET").arg("k")));
    let (_request, _never_sent) = inner.next_request().await.expect("one request");
    sleep(SECOND * 2).await;
    assert_pending!(answer.poll());
    sleep(SECOND - MOMENT).await;
    assert_pending!(answer.poll());
    sleep(MOMENT * 2).await;
    assert_eq!(assert_ready!(answer.poll()).expect("an answer").to_string(), LATE);
}

#[test]
fn answer_at_the_first_poll_needs_no_timer() {
    // A timer would panic here: there is no runtime to run it.
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::ZERO))
        .service(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
    let mut answer = task::spawn(service.oneshot(Command::new("PING")));
    assert_eq!(assert_ready!(answer.poll()), Ok(Response::ok()));
}

#[test]
fn disabled_timeout_needs_no_timer_at_all() {
    let (mut service, _inner) = mocked(TimeoutLayer::disabled());
    assert!(service.poll_ready::<Command>().is_ready());
    let mut answer = task::spawn(service.call(Command::new("GET").arg("k")));
    assert_pending!(answer.poll());
    assert_pending!(answer.poll());
}

#[tokio::test(start_paused = true)]
async fn parked_command_is_never_late() {
    let (sender, receiver) = oneshot::channel::<()>();
    let mut answer = task::spawn(call_once(TimeoutLayer::new(SECOND), async {
        park_until(receiver).await.expect("the event comes");
    }));
    assert_pending!(answer.poll());
    sleep(SECOND * 100).await;
    assert!(!answer.is_woken());
    sender.send(()).expect("somebody listens");
    assert_pending!(answer.poll(), "returning");
    assert_eq!(assert_ready!(answer.poll()), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn returned_command_has_the_whole_time_again() {
    let answer = call_once(TimeoutLayer::new(SECOND), async {
        sleep(SECOND - MOMENT).await;
        park_until(sleep(SECOND * 100)).await;
        sleep(SECOND - MOMENT).await;
    });
    assert_eq!(answer.await, Response::ok());
}

#[tokio::test(start_paused = true)]
async fn returned_command_can_be_late() {
    let answer = call_once(TimeoutLayer::new(SECOND), async {
        park_until(sleep(SECOND * 100)).await;
        sleep(SECOND + MOMENT).await;
    });
    assert_eq!(answer.await.to_string(), LATE);
}

#[tokio::test(start_paused = true)]
async fn readiness_and_errors_pass() {
    let (mut service, mut inner) = mocked(TimeoutLayer::new(SECOND));
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}

#[tokio::test(start_paused = true)]
async fn settled_command_can_be_late() {
    let layer = TimeoutLayer::new(SECOND);
    let answer = call_once(layer.clone(), settle_until(sleep(SECOND + MOMENT))).await;
    assert_eq!(answer.to_string(), LATE);
    assert_eq!(call_once(layer, settle_until(sleep(SECOND - MOMENT))).await, Response::ok());
}
