//! Commands changed by a function.

mod support;

use kvstore_middleware::MapCommandLayer;
use kvstore_protocol::{Command, Response};
use tokio_test::assert_pending;
use tower::Layer;
use tower_test::mock;

use crate::support::{Echo, answer};

#[tokio::test]
async fn service_sees_the_changed_command() {
    let prefix = String::from("tenant:");
    let service = MapCommandLayer::new(move |command| match command.arg_at(0) {
        Some(key) if command.len() == 2 => Command::new(command.name()).arg([prefix.as_bytes(), key].concat()),
        _ => command,
    });
    assert_eq!(answer(&service.layer(Echo), "GET key").await, r#"["GET", "tenant:key"]"#);
    assert_eq!(answer(&service.layer(Echo).clone(), "PING").await, r#"["PING"]"#);
}

#[tokio::test]
async fn readiness_and_errors_pass() {
    let layer = MapCommandLayer::new(|_| Command::new("PING"));
    let (mut service, mut inner) = mock::spawn_layer::<Command, Response, _>(layer);
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    let (request, respond) = inner.next_request().await.expect("one request");
    assert_eq!(request, Command::new("PING"));
    respond.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}
