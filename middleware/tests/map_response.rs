//! Answers changed by a function.

mod support;

use kvstore_middleware::MapResponseLayer;
use kvstore_protocol::{Command, Response};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::Layer;
use tower_test::mock;

use crate::support::{Echo, answer};

#[tokio::test]
async fn client_reads_the_changed_answer() {
    let name = String::from("who");
    let service = MapResponseLayer::new(move |answer| Response::array([Response::from(&name[..]), answer]));
    assert_eq!(answer(&service.layer(Echo), "GET").await, r#"["who", ["GET"]]"#);
    assert_eq!(answer(&service.layer(Echo).clone(), "SET").await, r#"["who", ["SET"]]"#);
}

#[tokio::test]
async fn readiness_and_errors_pass_and_only_an_answer_is_changed() {
    let layer = MapResponseLayer::new(|_| Response::from("changed"));
    let (mut service, mut inner) = mock::spawn_layer::<Command, Response, _>(layer);
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(2);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    let mut answer = task::spawn(service.call(Command::new("GET").arg("k")));
    assert_pending!(answer.poll());
    inner.next_request().await.expect("one request").1.send_response(Response::Null);
    assert_eq!(assert_ready_ok!(answer.poll()), Response::from("changed"));
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}
