//! Commands that are refused.

mod support;

use kvstore_middleware::DenyLayer;
use kvstore_protocol::{Command, Response};
use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceExt};
use tower_test::mock;

use crate::support::{Echo, answer};

fn denied(name: &str) -> String {
    refusal(name).to_string()
}

fn refusal(name: &str) -> Response {
    Response::error("NOPERM", &format!("this server does not run the '{name}' command"))
}

#[tokio::test]
async fn command_on_the_list_is_refused_in_any_case_and_no_other() {
    let service = DenyLayer::names(["FLUSHALL", "keys"]).layer(Echo);
    assert_eq!(answer(&service, "FlushAll ASYNC").await, denied("flushall"));
    assert_eq!(answer(&service, "KEYS *").await, denied("keys"));
    assert_eq!(answer(&service, "FLUSHDB").await, r#"["FLUSHDB"]"#);
    assert_eq!(answer(&service, "GET FLUSHALL").await, r#"["GET", "FLUSHALL"]"#);
}

#[tokio::test]
async fn sub_command_on_the_list_is_refused_and_no_other() {
    let service = DenyLayer::names(["CONFIG SET", "CONFIG REWRITE"]).layer(Echo);
    assert_eq!(answer(&service, "config set a b").await, denied("config|set"));
    assert_eq!(answer(&service, "CONFIG Rewrite").await, denied("config|rewrite"));
    assert_eq!(answer(&service, "CONFIG GET SET").await, r#"["CONFIG", "GET", "SET"]"#);
    assert_eq!(answer(&service, "CONFIG").await, r#"["CONFIG"]"#);
}

#[tokio::test]
async fn command_that_is_on_the_list_as_a_whole_is_refused_whatever_else_is_said_of_it() {
    for names in [["CONFIG", "CONFIG SET"], ["CONFIG SET", "CONFIG"]] {
        let service = DenyLayer::names(names).layer(Echo);
        assert_eq!(answer(&service, "CONFIG GET a").await, denied("config"));
    }
}

#[tokio::test]
async fn all_but_the_list_is_refused() {
    let service = DenyLayer::all_but(["GET", "CONFIG GET"]).layer(Echo);
    assert_eq!(answer(&service, "get k").await, r#"["get", "k"]"#);
    assert_eq!(answer(&service, "CONFIG GET a").await, r#"["CONFIG", "GET", "a"]"#);
    assert_eq!(answer(&service, "CONFIG SET a b").await, denied("config|set"));
    assert_eq!(answer(&service, "CONFIG").await, denied("config"));
    assert_eq!(answer(&service, "SET k v").await, denied("set"));
    assert_eq!(answer(&service, "").await, denied(""));
}

#[tokio::test]
async fn function_picks_what_is_refused() {
    let service = DenyLayer::if_fn(|command| command.args().any(|arg| arg == b"secret")).layer(Echo);
    assert_eq!(answer(&service, "GET secret").await, denied("get"));
    assert_eq!(answer(&service, "GET open").await, r#"["GET", "open"]"#);
    assert_eq!(answer(&service, "EVAL, GET open, GET secret").await, format!("[+ran, {}]", denied("get")));
}

#[tokio::test]
async fn script_is_held_to_the_same_rule() {
    let service = DenyLayer::names(["FLUSHALL", "CONFIG SET"]).layer(Echo);
    let expected = format!("[{}, +ran, {}]", denied("flushall"), denied("config|set"));
    assert_eq!(answer(&service, "evalsha, FLUSHALL, GET k, CONFIG SET a b").await, expected);
    let service = DenyLayer::all_but(["EVAL", "GET"]).layer(Echo);
    assert_eq!(answer(&service, "EVAL, GET k, SET k v").await, format!("[+ran, {}]", denied("set")));
}

#[tokio::test]
async fn refusal_escapes_and_cuts_what_the_client_sent() {
    let service = DenyLayer::all_but(["CONFIG GET"]).layer(Echo);
    let hostile = Command::new("CONFIG").arg([b'\n', 0xff]);
    let Ok(answer) = service.clone().oneshot(hostile).await;
    assert_eq!(answer, refusal(r"config|\n\xff"));
    let Ok(answer) = service.oneshot(Command::new("X".repeat(1000))).await;
    assert_eq!(answer, refusal(&format!("{}…", "x".repeat(64))));
}

#[test]
#[should_panic(expected = "a command and a sub-command")]
fn name_has_two_words_at_most() {
    DenyLayer::names(["CONFIG SET maxmemory"]);
}

#[test]
#[should_panic(expected = "a command has a name")]
fn name_has_a_word() {
    DenyLayer::all_but(["  "]);
}

#[tokio::test]
async fn denied_command_does_not_reach_the_service() {
    let (mut service, mut inner) = mock::spawn_layer::<Command, Response, _>(DenyLayer::names(["GET"]));
    assert!(service.poll_ready::<Command>().is_ready());
    assert!(service.call(Command::new("GET").arg("k")).await.expect("an answer").is_error());
    assert_pending!(task::spawn(inner.next_request()).poll());
}

#[tokio::test]
async fn readiness_and_errors_pass() {
    let (mut service, mut inner) = mock::spawn_layer::<Command, Response, _>(DenyLayer::names(["SET"]));
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}
