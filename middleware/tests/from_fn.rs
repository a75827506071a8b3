//! A function as a layer, against a mock service.

mod support;

use std::{
    convert::Infallible,
    future::{Ready, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore_middleware::{FromFn, Next, TimeoutLayer, from_fn, from_fn_with_state};
use kvstore_protocol::{Command, CommandError, IntoResponse, Response, parking::park_until};
use tokio::{sync::Semaphore, time::sleep};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, task};
use tower::{Layer, ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer, service_fn};
use tower_test::mock::{self, Handle, Spawn};

use crate::support::{Echo, answer};

const SECOND: Duration = Duration::from_secs(1);

async fn pass(command: Command, next: Next) -> Response {
    next.run(command).await
}

type Mock<F> = FromFn<mock::Mock<Command, Response>, F>;

fn mocked<F, A>(f: F) -> (Spawn<Mock<F>>, Handle<Command, Response>)
where
    F: Fn(Command, Next) -> A + Clone,
    A: Future<Output: IntoResponse>,
{
    mock::spawn_layer(from_fn(f))
}

#[tokio::test]
async fn function_changes_the_command_and_its_answer() {
    let service = from_fn(async |command: Command, next: Next| {
        let answer = next.run(command.arg("more")).await;
        Response::array([answer, Response::from("seen")])
    });
    assert_eq!(answer(&service.layer(Echo), "GET key").await, r#"[["GET", "key", "more"], "seen"]"#);
}

#[tokio::test]
async fn function_that_does_not_run_the_rest_answers_by_itself() {
    let (mut service, mut inner) = mocked(async |_, _| Err::<(), _>(CommandError::SYNTAX));
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("PING")).await.expect("an answer");
    assert_eq!(answer.to_string(), "-ERR syntax error");
    assert_pending!(task::spawn(inner.next_request()).poll());
}

#[tokio::test]
async fn error_of_the_service_is_read_as_an_answer() {
    let (mut service, mut inner) = mocked(async |command, next: Next| {
        let answer = next.run(command).await;
        assert!(answer.is_error());
        answer
    });
    assert!(service.poll_ready::<Command>().is_ready());
    let mut answer = task::spawn(service.call(Command::new("PING")));
    assert_pending!(answer.poll());
    inner.next_request().await.expect("one request").1.send_error("a secret");
    assert_eq!(assert_ready!(answer.poll()).expect("an answer").to_string(), "-ERR internal error");
}

#[tokio::test]
async fn function_runs_once_the_service_is_ready() {
    let (mut service, mut inner) = mocked(pass);
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    inner.send_error("spent");
    assert_eq!(assert_ready_err!(service.poll_ready::<Command>()).to_string(), "spent");
}

#[tokio::test]
async fn functions_and_closures_of_any_kind_are_layers() {
    async fn with_state(state: &str, command: Command, next: Next) -> Response {
        next.run(command.arg(state)).await
    }
    fn not_async(_: Command, _: Next) -> Ready<()> {
        ready(())
    }
    let captured = String::from("captured");
    let with_capture = move |command: Command, next: Next| next.run(command.arg(&captured));
    let sorry = |_, _| async { Err::<(), _>(CommandError::SYNTAX) };
    assert_eq!(answer(&from_fn(pass).layer(Echo), "A").await, r#"["A"]"#);
    assert_eq!(answer(&from_fn(not_async).layer(Echo), "A").await, "+OK");
    assert_eq!(answer(&from_fn(with_capture).layer(Echo), "A").await, r#"["A", "captured"]"#);
    assert_eq!(answer(&from_fn(sorry).layer(Echo), "A").await, "-ERR syntax error");
    assert_eq!(answer(&from_fn_with_state("state", with_state).layer(Echo), "A").await, r#"["A", "state"]"#);
}

#[tokio::test]
async fn services_and_their_clones_share_what_is_in_an_arc() {
    let count = Arc::new(AtomicUsize::new(0));
    let layer = from_fn_with_state(count.clone(), async |count: Arc<AtomicUsize>, command, next: Next| {
        count.fetch_add(1, Ordering::Relaxed);
        next.run(command).await
    });
    let (one, other) = (layer.layer(Echo), layer.layer(Echo));
    answer(&one, "A").await;
    answer(&one.clone(), "A").await;
    answer(&other, "A").await;
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_the_service_holds_goes_back_with_its_answer() {
    let permits = Arc::new(Semaphore::new(1));
    let service = ServiceBuilder::new()
        .layer(from_fn(async |command, next: Next| {
            next.run(command).await;
            pending::<Response>().await
        }))
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(permits.clone()))
        .service(Echo);
    let mut answer = task::spawn(service.oneshot(Command::new("PING")));
    assert_pending!(answer.poll());
    assert_eq!(permits.available_permits(), 1);
}

#[tokio::test]
async fn what_the_service_holds_goes_back_when_the_answer_is_dropped_or_never_asked_for() {
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(permits.clone());
    let refusing = ServiceBuilder::new().layer(from_fn(async |_, _| ())).layer(&limit).service(Echo);
    refusing.oneshot(Command::new("PING")).await.expect("an answer");
    assert_eq!(permits.available_permits(), 1);

    let never = service_fn(|_: Command| pending::<Result<Response, Infallible>>());
    let mut waiting = task::spawn(
        ServiceBuilder::new().layer(from_fn(pass)).layer(limit).service(never).oneshot(Command::new("PING")),
    );
    assert_pending!(waiting.poll());
    assert_eq!(permits.available_permits(), 0);
    drop(waiting);
    assert_eq!(permits.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn command_that_parks_inside_is_seen_parked_outside() {
    let service = ServiceBuilder::new().layer(TimeoutLayer::new(SECOND)).layer(from_fn(pass)).service(service_fn(
        async |_: Command| {
            park_until(sleep(SECOND * 100)).await;
            Ok::<_, Infallible>(Response::ok())
        },
    ));
    assert_eq!(service.oneshot(Command::new("PING")).await, Ok(Response::ok()));
}

#[tokio::test]
async fn rest_of_the_stack_can_run_in_another_task() {
    let service =
        from_fn(async |command, next: Next| tokio::spawn(next.run(command)).await.expect("it does not panic"));
    let answer = tokio::spawn(service.layer(Echo).oneshot(Command::new("PING"))).await.expect("it does not panic");
    assert_eq!(answer, Ok(Response::array(["PING"])));
}
