//! Commands under other names.

mod support;

use kvstore_middleware::RenameLayer;
use kvstore_protocol::{Command, CommandError, Response};
use tokio_test::assert_pending;
use tower::Layer;
use tower_test::mock;

use crate::support::{Echo, answer, parse};

fn unknown(line: &str) -> String {
    Response::from(CommandError::unknown_command(&parse(line))).to_string()
}

#[tokio::test]
async fn new_name_reaches_the_service_under_the_old_one() {
    let service = RenameLayer::new([("FLUSHALL", "REALLYFLUSH")]).layer(Echo);
    assert_eq!(answer(&service, "REALLYFLUSH").await, r#"["FLUSHALL"]"#);
    assert_eq!(answer(&service, "ReallyFlush 1 2 3 4 5").await, r#"["FLUSHALL", "1", "2", "3", "4", "5"]"#);
    assert_eq!(answer(&service, "GET REALLYFLUSH").await, r#"["GET", "REALLYFLUSH"]"#);
}

#[tokio::test]
async fn old_name_is_answered_like_one_that_nobody_knows() {
    let service = RenameLayer::new([("FLUSHALL", "REALLYFLUSH"), ("DEBUG", "")]).layer(Echo);
    assert_eq!(answer(&service, "FlushAll ASYNC").await, unknown("FlushAll ASYNC"));
    assert_eq!(answer(&service, "DEBUG").await, unknown("DEBUG"));
}

#[tokio::test]
async fn alias_keeps_the_old_name() {
    let service = RenameLayer::new([("DEL", "ERASE"), ("DEL", "REMOVE")]).alias().layer(Echo);
    for name in ["DEL", "ERASE", "REMOVE"] {
        assert_eq!(answer(&service, name).await, r#"["DEL"]"#);
    }
    assert_eq!(answer(&service, "EVAL, DEL, ERASE").await, format!("[+ran, {}]", unknown("ERASE")));
}

#[tokio::test]
async fn commands_can_swap_their_names() {
    for names in [[("GET", "SET"), ("SET", "GET")], [("SET", "GET"), ("GET", "SET")]] {
        let service = RenameLayer::new(names).layer(Echo);
        assert_eq!(answer(&service, "GET a").await, r#"["SET", "a"]"#);
        assert_eq!(answer(&service, "SET a").await, r#"["GET", "a"]"#);
    }
}

#[tokio::test]
async fn name_that_one_command_loses_can_be_given_to_another() {
    let service = RenameLayer::new([("A", "B"), ("B", "C")]).layer(Echo);
    assert_eq!(answer(&service, "A").await, unknown("A"));
    assert_eq!(answer(&service, "B").await, r#"["A"]"#);
    assert_eq!(answer(&service, "C").await, r#"["B"]"#);
}

#[test]
#[should_panic(expected = "a name stands for one command")]
fn two_commands_cannot_have_one_name() {
    RenameLayer::new([("A", "C"), ("B", "c")]);
}

#[test]
#[should_panic(expected = "a command has a name")]
fn command_without_a_name_cannot_have_another() {
    RenameLayer::new([("", "A")]);
}

#[tokio::test]
async fn script_runs_no_command_that_has_another_name() {
    let service = RenameLayer::new([("FLUSHALL", "REALLYFLUSH"), ("GET", "SET"), ("SET", "GET")]).layer(Echo);
    for name in ["flushall", "REALLYFLUSH", "GET", "SET"] {
        assert_eq!(
            answer(&service, &format!("EVAL, {name} a, DEL a")).await,
            format!("[{}, +ran]", unknown(&format!("{name} a")))
        );
    }
}

#[tokio::test]
async fn renamed_script_is_inspected() {
    let service = RenameLayer::new([("EVAL", "RUN"), ("FLUSHALL", "")]).layer(Echo);
    assert_eq!(answer(&service, "RUN, FLUSHALL a, DEL a").await, format!("[{}, +ran]", unknown("FLUSHALL a")));
}

#[tokio::test]
async fn readiness_and_errors_pass() {
    let (mut service, mut inner) = mock::spawn_layer::<Command, Response, _>(RenameLayer::new([("GET", "FETCH")]));
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(parse("FETCH k"));
    let (request, respond) = inner.next_request().await.expect("one request");
    assert_eq!(request, Command::new("GET").arg("k"));
    respond.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}
