//! The log against a subscriber that remembers.

mod support;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use kvstore_middleware::{Hide, Log, LogLayer, Redact};
use kvstore_protocol::{Command, Peer, Response, Session, Word, mailbox::mailbox, parking::park_until};
use tokio::time::sleep;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer as _, Service, ServiceExt, service_fn};
use tower_test::mock;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry::LookupSpan,
};

use crate::support::call_once;

const SECOND: Duration = Duration::from_secs(1);

type Mock = Log<mock::Mock<Command, Response>>;
type Fields = BTreeMap<&'static str, String>;

/// What was logged on this thread.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Record>>>);

/// A span or an event.
#[derive(Clone, Debug)]
struct Record {
    id: Option<span::Id>,
    /// The span around it.
    inside: Option<span::Id>,
    level: Level,
    fields: Fields,
}

impl Seen {
    /// Starts to remember what is logged on this thread up to `level`.
    fn up_to(level: LevelFilter) -> (Self, DefaultGuard) {
        let seen = Self::default();
        let subscriber = tracing_subscriber::registry().with(seen.clone().with_filter(level));
        (seen, tracing::subscriber::set_default(subscriber))
    }

    fn all(&self) -> Vec<Record> {
        self.records().clone()
    }

    /// The only record.
    fn one(&self) -> Record {
        let all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }

    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.0.lock().expect("no test panics while it holds the lock")
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, cx: Context<'_, S>) {
        let mut fields = Visited(Fields::from([("span", attributes.metadata().name().to_owned())]));
        attributes.record(&mut fields);
        let inside = cx.current_span().id().cloned();
        self.records().push(Record {
            id: Some(id.clone()),
            inside,
            level: *attributes.metadata().level(),
            fields: fields.0,
        });
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, _cx: Context<'_, S>) {
        let mut records = self.records();
        let span = records.iter_mut().find(|record| record.id.as_ref() == Some(id)).expect("a known span");
        let mut fields = Visited(std::mem::take(&mut span.fields));
        values.record(&mut fields);
        span.fields = fields.0;
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Visited(Fields::new());
        event.record(&mut fields);
        let inside = cx.current_span().id().cloned();
        self.records().push(Record { id: None, inside, level: *event.metadata().level(), fields: fields.0 });
    }
}

struct Visited(Fields);

impl Visit for Visited {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

fn fields<const N: usize>(fields: [(&'static str, &str); N]) -> Fields {
    fields.map(|(name, value)| (name, value.to_owned())).into()
}

/// Calls `command` on a service under `layer` that answers it with `response`.
async fn answer(layer: LogLayer, command: Command, response: Response) {
    let service = layer.layer(service_fn(async |_: Command| Ok::<_, Infallible>(response.clone())));
    service.oneshot(command).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_command_has_a_span_with_its_name_peer_outcome_and_duration() {
    let (seen, _guard) = Seen::up_to(LevelFilter::DEBUG);
    let peer = Peer::Tcp("192.0.2.1:1234".parse().unwrap());
    let session = Session::new(1, peer, Peer::Memory, mailbox(1).0);
    answer(LogLayer::new(), Command::new("GET").arg("key").in_session(session.into(), 1), Response::ok()).await;
    let span = seen.one();
    assert_eq!(span.level, Level::DEBUG);
    let expected =
        [("span", "command"), ("name", "GET"), ("peer", "192.0.2.1:1234"), ("outcome", "ok"), ("duration", "0ns")];
    assert_eq!(span.fields, fields(expected));
}

#[tokio::test]
async fn outcome_of_a_refused_command_is_its_code() {
    let (seen, _guard) = Seen::up_to(LevelFilter::DEBUG);
    answer(LogLayer::new(), Command::new("incr").arg("key"), Response::error("WRONGTYPE", "not a number")).await;
    assert_eq!((&*seen.one().fields["name"], &*seen.one().fields["outcome"]), ("INCR", "WRONGTYPE"));
}

#[tokio::test]
async fn error_of_the_service_passes_and_is_an_outcome() {
    let (seen, _guard) = Seen::up_to(LevelFilter::DEBUG);
    let service = LogLayer::new().layer(service_fn(async |_: Command| Err::<Response, _>("broken")));
    assert_eq!(service.oneshot(Command::new("GET").arg("key")).await, Err("broken"));
    assert_eq!(seen.one().fields["outcome"], "failed");
}

#[tokio::test(start_paused = true)]
async fn command_dropped_before_its_answer_has_an_outcome_too() {
    let (seen, _guard) = Seen::up_to(LevelFilter::DEBUG);
    tokio::time::timeout(SECOND, call_once(LogLayer::new(), std::future::pending())).await.unwrap_err();
    let span = seen.one();
    assert_eq!(span.fields["outcome"], "dropped");
    assert!(span.fields.contains_key("duration"));
}

#[tokio::test]
async fn what_a_handler_logs_is_inside_the_span() {
    let (seen, _guard) = Seen::up_to(LevelFilter::DEBUG);
    let work = async {
        tokio::task::yield_now().await;
        tracing::info!("at work");
    };
    call_once(LogLayer::new(), work).await;
    tracing::info!("afterwards");
    let [span, at_work, afterwards] = seen.all().try_into().unwrap();
    assert_eq!((at_work.inside, afterwards.inside), (span.id, None));
}

#[tokio::test]
async fn level_of_the_span_is_a_setting() {
    for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
        let (seen, _guard) = Seen::up_to(LevelFilter::TRACE);
        answer(LogLayer::new().level(level), Command::new("PING"), Response::ok()).await;
        assert_eq!(seen.one().level, level);
    }
}

#[tokio::test]
async fn nothing_is_logged_below_the_level() {
    let (seen, _guard) = Seen::up_to(LevelFilter::INFO);
    answer(LogLayer::new().log_arguments(true), Command::new("GET").arg("key"), Response::ok()).await;
    assert!(seen.all().is_empty());
}

#[test]
fn command_is_not_cloned_where_nobody_listens() {
    let (_seen, _guard) = Seen::up_to(LevelFilter::INFO);
    let frame = Bytes::from(b"GET".to_vec());
    let service = LogLayer::new().layer(service_fn(|_: Command| std::future::pending::<Result<_, Infallible>>()));
    let mut answer = task::spawn(service.oneshot(Command::from_frame(frame.clone(), &[Word::within(0..3)])));
    assert_pending!(answer.poll());
    assert!(frame.is_unique());
}

#[tokio::test(start_paused = true)]
async fn arguments_are_not_logged() {
    let (seen, _guard) = Seen::up_to(LevelFilter::TRACE);
    answer(
        LogLayer::new().slow_threshold(Duration::ZERO),
        Command::new("SET").arg("key").arg("secret"),
        Response::ok(),
    )
    .await;
    assert_eq!(seen.all().len(), 2);
    let all = format!("{:?}", seen.all());
    assert!(!all.contains("key") && !all.contains("secret") && !all.contains("args"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn arguments_are_logged_where_it_is_asked_for() {
    let (seen, _guard) = Seen::up_to(LevelFilter::DEBUG);
    let layer = LogLayer::new().log_arguments(true).slow_threshold(Duration::ZERO);
    answer(layer, Command::new("SET").arg("key").arg("v\n"), Response::ok()).await;
    let args = seen.all().iter().map(|record| record.fields["args"].clone()).collect::<Vec<_>>();
    assert_eq!(args, [r#""key" "v\n""#; 2]);
}

#[tokio::test(start_paused = true)]
async fn passwords_are_never_logged() {
    let (seen, _guard) = Seen::up_to(LevelFilter::TRACE);
    let layer = LogLayer::new().log_arguments(true).slow_threshold(Duration::ZERO);
    answer(layer.clone(), Command::new("auth").with_args(["alice", "secret"]), Response::ok()).await;
    answer(layer, Command::new("HELLO").with_args(["3", "AUTH", "alice", "secret"]), Response::ok()).await;
    let all = format!("{:?}", seen.all());
    assert!(!all.contains("alice") && !all.contains("secret") && all.contains("(redacted)"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn rules_say_which_arguments_are_hidden() {
    let (seen, _guard) = Seen::up_to(LevelFilter::TRACE);
    let layer = LogLayer::new().log_arguments(true).slow_threshold(Duration::ZERO);
    let layer = layer.redact(Redact::new().hide("SET", Hide::Values));
    answer(layer, Command::new("SET").arg("key").arg("value"), Response::ok()).await;
    let args = seen.all().iter().map(|record| record.fields["args"].clone()).collect::<Vec<_>>();
    assert_eq!(args, [r#""key" (redacted)"#; 2]);
}

#[tokio::test(start_paused = true)]
async fn slow_command_is_warned_of_though_spans_are_disabled() {
    let (seen, _guard) = Seen::up_to(LevelFilter::WARN);
    let layer = LogLayer::new().slow_threshold(SECOND);
    call_once(layer.clone(), sleep(SECOND / 2)).await;
    assert!(seen.all().is_empty());
    call_once(layer, sleep(SECOND)).await;
    let warning = seen.one();
    assert_eq!(warning.level, Level::WARN);
    let expected =
        [("message", "slow command"), ("name", "GET"), ("peer", "memory:0"), ("outcome", "ok"), ("duration", "1s")];
    assert_eq!(warning.fields, fields(expected));
}

#[tokio::test(start_paused = true)]
async fn command_is_not_slow_while_it_is_parked() {
    let (seen, _guard) = Seen::up_to(LevelFilter::DEBUG);
    let work = async {
        sleep(SECOND / 4).await;
        park_until(sleep(SECOND * 100)).await;
        sleep(SECOND / 4).await;
    };
    call_once(LogLayer::new().slow_threshold(SECOND), work).await;
    assert_eq!(seen.one().fields["duration"], "500ms");
}

#[test]
fn readiness_is_forwarded() {
    let (service, mut inner) = mock::spawn_layer(LogLayer::new());
    let mut service: mock::Spawn<Mock> = service;
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(assert_ready!(service.poll_ready::<Command>()).is_ok());
}

#[test]
fn a_future_that_is_printed_shows_no_argument() {
    let (_seen, _guard) = Seen::up_to(LevelFilter::TRACE);
    let layer = LogLayer::new().slow_threshold(Duration::ZERO);
    let mut service = layer.layer(service_fn(|_: Command| std::future::ready(Ok::<_, Infallible>(Response::ok()))));
    let printed = format!("{:?}", service.call(Command::new("AUTH").arg("hunter2")));
    assert!(printed.contains("Slow") && !printed.contains("hunter2"), "{printed}");
}
