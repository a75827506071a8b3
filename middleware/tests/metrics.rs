//! The metrics against a recorder that remembers, in paused time.

mod support;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{pending, ready},
    time::Duration,
};

use kvstore_middleware::{Metrics, MetricsLayer};
use kvstore_protocol::{
    Command, Response,
    parking::{park_until, settle_until},
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

use crate::support::call_once;

const SECOND: Duration = Duration::from_secs(1);

type Mock = Metrics<mock::Mock<Command, Response>>;

/// What was recorded since it was asked last, by name and labels, without what is 0.
fn recorded(recorder: &DebuggingRecorder) -> BTreeMap<String, f64> {
    let metrics = recorder.snapshotter().snapshot().into_vec().into_iter();
    let values = metrics.map(|(metric, _, _, value)| {
        let labels: Vec<_> = metric.key().labels().map(|label| label.value().to_owned()).collect();
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(values) => values.iter().map(|value| value.0).sum(),
        };
        (format!("{} {}", metric.key().name(), labels.join(" ")), value)
    });
    values.filter(|(_, value)| *value != 0.0).collect()
}

fn expected<const N: usize>(values: [(&str, f64); N]) -> BTreeMap<String, f64> {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Calls `command` on a service under `layer` that answers it with `response`.
async fn answer(layer: &MetricsLayer, command: Command, response: Response) {
    let service = layer.layer(service_fn(|_: Command| ready(Ok::<_, Infallible>(response.clone()))));
    assert_eq!(service.oneshot(command).await, Ok(response));
}

#[tokio::test(start_paused = true)]
async fn commands_are_counted_by_name_and_outcome() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let layer = MetricsLayer::new();
    answer(&layer, Command::new("GET").arg("k"), Response::Null).await;
    answer(&layer, Command::new("get").arg("k"), Response::ok()).await;
    answer(&layer, Command::new("GET").arg("k"), Response::error("WRONGTYPE", "no")).await;
    answer(&layer, Command::new("SET").arg("k").arg("v"), Response::ok()).await;
    let broken = layer.layer(service_fn(|_: Command| ready(Err::<Response, _>("broken"))));
    assert_eq!(broken.oneshot(Command::new("GET").arg("k")).await, Err("broken"));
    timeout(SECOND, call_once(layer, pending())).await.unwrap_err();
    let counts = [
        ("kvstore_commands_total GET ok", 2.0),
        ("kvstore_commands_total GET WRONGTYPE", 1.0),
        ("kvstore_commands_total GET failed", 1.0),
        ("kvstore_commands_total GET dropped", 1.0),
        ("kvstore_commands_total SET ok", 1.0),
    ];
    assert_eq!(recorded(&recorder), expected(counts));
}

#[tokio::test(start_paused = true)]
async fn duration_is_measured_in_seconds_without_the_time_in_which_a_command_is_parked() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let work = async {
        sleep(SECOND / 4).await;
        park_until(sleep(SECOND * 100)).await;
        sleep(SECOND / 4).await;
    };
    call_once(MetricsLayer::new(), work).await;
    assert_eq!(recorded(&recorder)["kvstore_command_duration_seconds GET"], 0.5);
}

#[tokio::test(start_paused = true)]
async fn duration_includes_the_time_in_which_a_command_is_settled() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let work = async {
        park_until(sleep(SECOND * 100)).await;
        settle_until(sleep(SECOND / 2)).await;
    };
    call_once(MetricsLayer::new(), work).await;
    assert_eq!(recorded(&recorder)["kvstore_command_duration_seconds GET"], 0.5);
}

#[tokio::test(start_paused = true)]
async fn command_is_in_flight_until_it_is_answered_or_dropped() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let layer = MetricsLayer::new();
    let mut in_flight = 0.0;
    // A snapshot tells what changed since the one before.
    let mut in_flight = || {
        in_flight += recorded(&recorder).get("kvstore_commands_in_flight ").copied().unwrap_or_default();
        in_flight
    };
    let mut busy = task::spawn(call_once(layer.clone(), pending()));
    let mut parked = task::spawn(call_once(layer.clone(), park_until(pending())));
    assert_pending!(busy.poll());
    assert_pending!(parked.poll());
    assert_eq!(in_flight(), 2.0);
    drop(parked);
    assert_eq!(in_flight(), 1.0);
    let mut answered = task::spawn(call_once(layer, async {}));
    assert_ready!(answered.poll());
    assert_eq!(in_flight(), 1.0, "though the future is kept");
    drop(busy);
    assert_eq!(in_flight(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn names_that_are_only_refused_are_not_learned() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let layer = MetricsLayer::new();
    for number in 0..1000 {
        answer(&layer, Command::new(format!("X{number}")), Response::error("ERR", "unknown command")).await;
    }
    assert_eq!(recorded(&recorder), expected([("kvstore_commands_total other ERR", 1000.0)]));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_names_are_learned_and_none_that_cannot_be_read() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let layer = MetricsLayer::new().max_names(2);
    let long = "X".repeat(65);
    for name in ["", "A\n", &long, "A", "a", "B", "C", "A"] {
        answer(&layer, Command::new(name), Response::ok()).await;
    }
    let counts = [
        ("kvstore_commands_total A ok", 3.0),
        ("kvstore_commands_total B ok", 1.0),
        ("kvstore_commands_total other ok", 4.0),
    ];
    assert_eq!(recorded(&recorder), expected(counts));
}

#[tokio::test(start_paused = true)]
async fn given_names_are_the_only_ones() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let layer = MetricsLayer::new().names(["Get"]).prefix("mine");
    answer(&layer, Command::new("GET").arg("k"), Response::error("WRONGTYPE", "no")).await;
    answer(&layer, Command::new("SET").arg("k").arg("v"), Response::ok()).await;
    let counts = [("mine_commands_total GET WRONGTYPE", 1.0), ("mine_commands_total other ok", 1.0)];
    assert_eq!(recorded(&recorder), expected(counts));
}

#[tokio::test(start_paused = true)]
async fn services_and_clones_learn_from_each_other() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let layer = MetricsLayer::new();
    let refuses = layer.layer(service_fn(|_: Command| ready(Ok::<_, Infallible>(Response::error("ERR", "no")))));
    assert!(refuses.clone().oneshot(Command::new("GET").arg("k")).await.expect("infallible").is_error());
    answer(&layer.clone(), Command::new("GET").arg("k"), Response::ok()).await;
    assert!(refuses.oneshot(Command::new("GET").arg("k")).await.expect("infallible").is_error());
    let counts = [
        ("kvstore_commands_total other ERR", 1.0),
        ("kvstore_commands_total GET ok", 1.0),
        ("kvstore_commands_total GET ERR", 1.0),
    ];
    assert_eq!(recorded(&recorder), expected(counts));
}

#[tokio::test(start_paused = true)]
async fn each_command_of_a_pipeline_counts() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut service = MetricsLayer::new().layer(service_fn(|_: Command| ready(Ok::<_, Infallible>(Response::ok()))));
    for _ in 0..100 {
        let ready = service.ready().await.expect("infallible");
        ready.call(Command::new("PING")).await.expect("infallible");
    }
    assert_eq!(recorded(&recorder), expected([("kvstore_commands_total PING ok", 100.0)]));
}

#[tokio::test(start_paused = true)]
async fn what_scripts_run_is_counted_apart() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let layer = MetricsLayer::new().names(["GET", "EVAL"]);
    let service = layer.layer(service_fn(|script: Command| {
        for command in [Command::new("GET").arg("a"), Command::new("GET").arg("b"), Command::new("INVENTED")] {
            script.inspect_nested(&command).expect("nobody refuses");
        }
        ready(Ok::<_, Infallible>(Response::ok()))
    }));
    service.oneshot(Command::new("EVAL").with_args(["…", "0"])).await.expect("infallible");
    let counts = [
        ("kvstore_commands_total EVAL ok", 1.0),
        ("kvstore_nested_commands_total GET", 2.0),
        ("kvstore_nested_commands_total other", 1.0),
    ];
    assert_eq!(recorded(&recorder), expected(counts));
}

#[tokio::test(start_paused = true)]
async fn recorder_may_be_installed_after_the_layer_is_made() {
    let layer = MetricsLayer::new().names(["GET"]);
    let service = layer.layer(service_fn(|_: Command| ready(Ok::<_, Infallible>(Response::ok()))));
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    service.oneshot(Command::new("GET").arg("k")).await.expect("infallible");
    assert_eq!(recorded(&recorder), expected([("kvstore_commands_total GET ok", 1.0)]));
}

#[tokio::test]
async fn readiness_and_errors_pass() {
    let (service, mut inner) = mock::spawn_layer(MetricsLayer::new());
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
