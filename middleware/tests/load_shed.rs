//! Load shedding against a mock service and against tower's own limit.

mod support;

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    sync::Arc,
};

use kvstore_middleware::{LoadShed, LoadShedLayer};
use kvstore_protocol::{Command, Response};
use tokio::{
    sync::Semaphore,
    task::coop::{consume_budget, has_budget_remaining},
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt, buffer::Buffer, limit::GlobalConcurrencyLimitLayer, service_fn,
};
use tower_test::mock::{self, Handle, Spawn};

use crate::support::Echo;

const SHED: &str = "-OVERLOADED too many commands at once";

type Mock = LoadShed<mock::Mock<Command, Response>>;

fn mocked() -> (Spawn<Mock>, Handle<Command, Response>) {
    mock::spawn_layer(LoadShedLayer::new())
}

/// A service that answers no command, behind a limit of tower's with these permits.
fn stuck(permits: &Arc<Semaphore>) -> impl Service<Command, Response = Response, Error = Infallible> + Clone + use<> {
    ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(permits.clone()))
        .service(service_fn(|_: Command| pending::<Result<Response, Infallible>>()))
}

#[tokio::test]
async fn command_for_a_service_that_is_not_ready_is_answered_at_once() {
    let (mut service, mut inner) = mocked();
    inner.allow(0);
    assert_ready_ok!(service.poll_ready::<Command>());
    let mut answer = task::spawn(service.call(Command::new("PING")));
    assert_eq!(assert_ready_ok!(answer.poll()).to_string(), SHED);
    assert_pending!(task::spawn(inner.next_request()).poll());
}

#[tokio::test]
async fn command_for_a_service_that_is_ready_passes() {
    let (mut service, mut inner) = mocked();
    assert_ready_ok!(service.poll_ready::<Command>());
    let mut answer = task::spawn(service.call(Command::new("PING")));
    assert_pending!(answer.poll());
    inner.next_request().await.expect("one request").1.send_response(Response::simple("PONG"));
    assert_eq!(assert_ready_ok!(answer.poll()), Response::simple("PONG"));
}

#[tokio::test]
async fn service_that_was_not_ready_is_asked_again_for_the_next_command() {
    let (mut service, mut inner) = mocked();
    inner.allow(0);
    assert_ready_ok!(service.poll_ready::<Command>());
    assert!(service.call(Command::new("PING")).await.expect("an answer").is_error());
    inner.allow(1);
    assert_ready_ok!(service.poll_ready::<Command>());
    let answer = service.call(Command::new("PING"));
    inner.next_request().await.expect("one request").1.send_response(Response::ok());
    assert_eq!(answer.await.expect("an answer"), Response::ok());
}

#[tokio::test]
async fn errors_pass() {
    let (mut service, mut inner) = mocked();
    assert_ready_ok!(service.poll_ready::<Command>());
    let mut answer = task::spawn(service.call(Command::new("PING")));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(assert_ready_err!(answer.poll()).to_string(), "broken");
    inner.send_error("spent");
    assert_eq!(assert_ready_err!(service.poll_ready::<Command>()).to_string(), "spent");
}

#[tokio::test]
async fn each_command_of_a_pipeline_counts() {
    let service = stuck(&Arc::new(Semaphore::new(2)));
    let mut under_way = [(); 2].map(|()| task::spawn(service.clone().oneshot(Command::new("PING"))));
    under_way.iter_mut().for_each(|answer| assert_pending!(answer.poll()));
    for _ in 0..3 {
        let Ok(answer) = service.clone().oneshot(Command::new("PING")).await;
        assert_eq!(answer.to_string(), SHED);
    }
}

#[tokio::test]
async fn permit_that_is_given_back_goes_to_no_instance_that_shed_a_command() {
    let permits = Arc::new(Semaphore::new(1));
    let mut service = task::spawn(stuck(&permits));
    let held = permits.clone().acquire_owned().await.expect("open");
    assert_ready_ok!(service.enter(|cx, service| service.get_mut().poll_ready(cx)));
    drop(held);
    // The instance is still there, and does not have it.
    assert_eq!(permits.available_permits(), 1);
}

#[tokio::test]
async fn spent_budget_of_the_task_is_no_load() {
    let mut service = LoadShedLayer::new().layer(Buffer::new(Echo, 1));
    while has_budget_remaining() {
        consume_budget().await;
    }
    assert_ready_ok!(task::spawn(poll_fn(|cx| service.poll_ready(cx))).poll());
    let answer = service.call(Command::new("PING")).await.expect("an answer");
    assert_eq!(answer, Response::array(["PING"]));
}
