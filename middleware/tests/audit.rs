//! The audit against mock services, in paused time.

mod support;

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use kvstore_middleware::{Audit, AuditLayer, AuditRecord, Hide, Outcome, Redact};
use kvstore_protocol::{Command, Peer, Response, Session, mailbox::mailbox, parking::park_until};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, assert_ready};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

use crate::support::call_once;

const SECOND: Duration = Duration::from_secs(1);

type Mock = Audit<mock::Mock<Command, Response>>;

/// What was recorded.
#[derive(Clone, Default)]
struct Trail(Arc<Mutex<Vec<String>>>);

impl Trail {
    /// A layer that records here what `show` makes of it.
    fn of(show: impl Fn(&AuditRecord<'_>) -> String + Send + Sync + 'static) -> (Self, AuditLayer) {
        let trail = Self::default();
        let sink = trail.clone();
        let layer =
            AuditLayer::new(move |record: &AuditRecord<'_>| sink.0.lock().expect("no panic").push(show(record)));
        (trail, layer)
    }

    /// A layer that records what was done and how it ended.
    fn new() -> (Self, AuditLayer) {
        Self::of(|record| format!("{}: {}", record.command(), record.outcome()))
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

/// Calls `command` on a service under `layer` that answers it with `response`.
async fn answer(layer: &AuditLayer, command: Command, response: Response) {
    let service = layer.layer(service_fn(|_: Command| ready(Ok::<_, Infallible>(response.clone()))));
    assert_eq!(service.oneshot(command).await, Ok(response));
}

fn by_alice(command: Command) -> Command {
    let mut session =
        Session::new(7, Peer::Tcp("192.0.2.1:1234".parse().expect("an address")), Peer::Memory, mailbox(1).0);
    session.set_user(Some("alice".into()));
    session.set_name("worker".into());
    session.set_database(2);
    command.in_session(session.into(), 3)
}

#[tokio::test(start_paused = true)]
async fn record_says_who_did_what() {
    let (trail, layer) = Trail::of(|record| {
        let name = String::from_utf8_lossy(record.client_name()).into_owned();
        let who = format!("{} {} {:?} {name} {}", record.connection(), record.peer(), record.user(), record.database());
        format!("{who}: {} {} {}", record.number(), record.command(), record.is_nested())
    });
    answer(&layer, by_alice(Command::new("SET").arg("key").arg("value")), Response::ok()).await;
    assert_eq!(trail.all(), [r#"7 192.0.2.1:1234 Some("alice") worker 2: 3 SET "key" "value" false"#]);
}

#[tokio::test(start_paused = true)]
async fn each_way_in_which_a_command_ends_is_an_outcome() {
    let (trail, layer) = Trail::of(|record| format!("{:?}", record.outcome()));
    answer(&layer, Command::new("GET").arg("k"), Response::Null).await;
    answer(&layer, Command::new("GET").arg("k"), Response::error("WRONGTYPE", "no")).await;
    let broken = layer.layer(service_fn(|_: Command| ready(Err::<Response, _>("broken"))));
    assert_eq!(broken.oneshot(Command::new("GET").arg("k")).await, Err("broken"));
    timeout(SECOND, call_once(layer, pending())).await.unwrap_err();
    let expected = [Outcome::Ok, Outcome::Error("WRONGTYPE"), Outcome::Failed, Outcome::Dropped];
    assert_eq!(trail.all(), expected.map(|outcome| format!("{outcome:?}")));
}

#[tokio::test(start_paused = true)]
async fn duration_is_without_the_time_in_which_a_command_is_parked() {
    let (trail, layer) = Trail::of(|record| format!("{:?}", record.duration()));
    let work = async {
        sleep(SECOND).await;
        park_until(sleep(SECOND * 100)).await;
        sleep(SECOND).await;
    };
    call_once(layer, work).await;
    assert_eq!(trail.all(), ["2s"]);
}

#[tokio::test(start_paused = true)]
async fn rules_say_what_is_shown() {
    let (trail, layer) = Trail::new();
    answer(&layer, Command::new("AUTH").arg("secret"), Response::ok()).await;
    answer(
        &layer.redact(Redact::new().hide("SET", Hide::Values)),
        Command::new("SET").arg("k").arg("v"),
        Response::ok(),
    )
    .await;
    assert_eq!(trail.all(), ["AUTH (redacted): ok", r#"SET "k" (redacted): ok"#]);
}

#[tokio::test(start_paused = true)]
async fn debug_form_of_a_record_hides_as_much() {
    let (trail, layer) = Trail::of(|record| format!("{record:?}"));
    answer(&layer, by_alice(Command::new("AUTH").arg("secret")), Response::ok()).await;
    assert!(trail.all()[0].contains("alice") && !trail.all()[0].contains("secret"), "{:?}", trail.all());
}

#[tokio::test(start_paused = true)]
async fn filtered_commands_are_not_recorded() {
    let (trail, layer) = Trail::new();
    let layer = layer.only(|command| command.is("SET"));
    answer(&layer, Command::new("GET").arg("k"), Response::ok()).await;
    answer(&layer, Command::new("set").arg("k"), Response::ok()).await;
    assert_eq!(trail.all(), [r#"SET "k": ok"#]);
}

#[tokio::test(start_paused = true)]
async fn each_command_of_a_pipeline_is_recorded_by_all_clones() {
    let (trail, layer) = Trail::new();
    for _ in 0..10 {
        answer(&layer.clone(), Command::new("PING"), Response::ok()).await;
    }
    assert_eq!(trail.all().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn commands_of_a_script_are_recorded_before_it_for_who_sent_it() {
    let (trail, layer) = Trail::of(|record| {
        let who = (record.user().unwrap_or("nobody"), record.number(), record.is_nested());
        format!("{who:?} {}: {}", record.command(), record.outcome())
    });
    // The script itself is filtered out in the second round, and still seen through.
    for layer in [layer.clone(), layer.only(|command| command.is("DEL"))] {
        let service = layer.layer(service_fn(|script: Command| {
            script.inspect_nested(&Command::new("GET").arg("a")).expect("nobody refuses");
            script.inspect_nested(&Command::new("DEL").arg("a")).expect("nobody refuses");
            ready(Ok::<_, Infallible>(Response::ok()))
        }));
        service.oneshot(by_alice(Command::new("EVAL").with_args(["…", "0"]))).await.expect("infallible");
    }
    let nested = |command| format!(r#"("alice", 3, true) {command} "a": started"#);
    let script = format!(r#"("alice", 3, false) EVAL "{}" "0": ok"#, "…".as_bytes().escape_ascii());
    assert_eq!(trail.all(), [nested("GET"), nested("DEL"), script, nested("DEL")]);
}

#[tokio::test(start_paused = true)]
async fn sink_that_panics_hurts_nobody() {
    let layer = AuditLayer::new(|_: &AuditRecord<'_>| panic!("the disk is full"));
    answer(&layer, Command::new("GET").arg("k"), Response::ok()).await;
    timeout(SECOND, call_once(layer, pending())).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn service_that_panics_is_recorded_even_by_a_sink_that_panics() {
    let (trail, layer) = Trail::of(|record| {
        if record.command().to_string() == "PING" { panic!("the disk is full") } else { record.outcome().to_string() }
    });
    for command in [Command::new("PING"), Command::new("GET").arg("k")] {
        let service =
            layer.layer(service_fn(|_: Command| -> std::future::Ready<Result<_, Infallible>> { panic!("a bug") }));
        tokio::spawn(service.oneshot(command)).await.expect_err("panics");
    }
    assert_eq!(trail.all(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn ready_sink_writes_events_with_a_target_of_its_own() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter("off,audit=info").without_time().with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    answer(&AuditLayer::tracing(), by_alice(Command::new("GET").arg("k\n")), Response::ok()).await;
    let expected = concat!(
        " INFO audit: connection=7 peer=192.0.2.1:1234 user=alice client=worker database=2 number=3 ",
        "command=GET \"k\\n\" outcome=ok duration=0ns nested=false\n"
    );
    assert_eq!(String::from_utf8_lossy(&written.0.lock().expect("no panic")), expected);
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn readiness_and_errors_pass() {
    let (service, mut inner) = mock::spawn_layer(AuditLayer::tracing());
    let mut service: mock::Spawn<Mock> = service;
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(assert_ready!(service.poll_ready::<Command>()).is_ok());
    let answer = service.call(Command::new("GET").arg("k"));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}

#[tokio::test]
async fn a_future_that_is_printed_hides_what_the_record_hides() {
    let mut service = AuditLayer::new(|_: &AuditRecord<'_>| {})
        .layer(service_fn(|_: Command| ready(Ok::<_, Infallible>(Response::ok()))));
    let future = service.call(Command::new("AUTH").arg("hunter2"));
    let printed = format!("{future:?}");
    assert!(printed.contains("AUTH (redacted)") && !printed.contains("hunter2"), "{printed}");
    assert_eq!(future.await, Ok(Response::ok()));
}
