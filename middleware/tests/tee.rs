//! The tee against mock services, in paused time.

mod support;

use std::{
    convert::Infallible,
    future::{Ready, pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore_middleware::{ConcurrencyLimitLayer, Tee, TeeLayer};
use kvstore_protocol::{Body, Command, Peer, Response, Session, mailbox::mailbox};
use tokio::{
    sync::{Notify, oneshot},
    task::yield_now,
    time::{Instant, sleep, timeout},
};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_test::mock;

use crate::support::call_once;

const SECOND: Duration = Duration::from_secs(1);

/// What a service was called with, or what differed.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn push(&self, text: impl ToString) {
        self.0.lock().expect("no panic").push(text.to_string());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

fn ok(_: Command) -> Ready<Result<Response, Infallible>> {
    ready(Ok(Response::ok()))
}

fn shown(command: &Command) -> String {
    command.words().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

fn from_connection(id: u64, command: Command) -> Command {
    command.in_session(Session::new(id, Peer::Memory, Peer::Memory, mailbox(1).0).into(), 1)
}

/// Calls `command` on a service under `layer` that answers OK.
async fn answer<T>(layer: &TeeLayer<T>, command: Command) -> Response
where
    T: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
{
    layer.layer(service_fn(ok)).oneshot(command).await.expect("infallible")
}

#[tokio::test(start_paused = true)]
async fn commands_about_the_connection_are_not_mirrored() {
    let seen = Seen::default();
    let log = seen.clone();
    let tee = TeeLayer::new(service_fn(move |command: Command| {
        log.push(shown(&command));
        ready(Ok::<_, Infallible>(Response::Null))
    }));
    for command in [Command::new("auth").arg("secret"), Command::new("SELECT").arg(1), Command::new("GET").arg("k")] {
        assert_eq!(answer(&tee, command).await, Response::ok());
    }
    tee.idle().await;
    assert_eq!(seen.all(), ["GET k"]);
}

#[tokio::test(start_paused = true)]
async fn second_service_sees_what_the_first_does() {
    let seen = Seen::default();
    let log = seen.clone();
    let tee = TeeLayer::new(service_fn(move |command: Command| {
        log.push(shown(&command));
        ready(Ok::<_, Infallible>(Response::Null))
    }));
    assert_eq!(answer(&tee, Command::new("SET").arg("k").arg("v")).await, Response::ok());
    assert_eq!(answer(&tee.clone(), Command::new("GET").arg("k")).await, Response::ok());
    tee.idle().await;
    assert_eq!(seen.all(), ["SET k v", "GET k"]);
    assert_eq!(tee.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_command_of_a_pipeline_is_mirrored_in_its_order_however_long_each_takes() {
    let seen = Seen::default();
    let log = seen.clone();
    let tee = TeeLayer::new(service_fn(move |command: Command| {
        let log = log.clone();
        async move {
            let number: u64 = String::from_utf8_lossy(command.arg_at(0).expect("a key")).parse().expect("a number");
            sleep(Duration::from_millis(100 - number)).await;
            log.push(number);
            Ok::<_, Infallible>(Response::ok())
        }
    }));
    for number in 0..100 {
        assert_eq!(answer(&tee, from_connection(7, Command::new("GET").arg(number))).await, Response::ok());
    }
    tee.idle().await;
    assert_eq!(seen.all(), (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn connections_do_not_wait_for_each_other_and_so_many_commands_are_under_way() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let high = Arc::clone(&most);
    let tee = TeeLayer::new(service_fn(move |_: Command| {
        let (now, high) = (Arc::clone(&now), Arc::clone(&high));
        async move {
            high.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            sleep(SECOND).await;
            now.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Response::ok())
        }
    }))
    .max_in_flight(4);
    for id in 0..16 {
        answer(&tee, from_connection(id, Command::new("GET").arg("k"))).await;
    }
    let started = Instant::now();
    tee.idle().await;
    assert_eq!(most.load(Ordering::Relaxed), 4);
    assert!(started.elapsed() < SECOND * 5, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_tee_is_idle_once_everything_is_answered_and_compared() {
    let tee = TeeLayer::new(service_fn(|_: Command| async {
        sleep(SECOND).await;
        Ok::<_, Infallible>(Response::ok())
    }));
    let compared = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&compared);
    let tee = tee.compare(move |_, _, _| _ = counter.fetch_add(1, Ordering::Relaxed));
    let started = Instant::now();
    tee.idle().await;
    for _ in 0..3 {
        answer(&tee, from_connection(7, Command::new("GET").arg("k"))).await;
    }
    tokio::join!(tee.idle(), tee.idle());
    assert_eq!((compared.load(Ordering::Relaxed), started.elapsed()), (3, SECOND * 3));
}

#[tokio::test(start_paused = true)]
async fn first_service_waits_for_nothing_and_what_has_no_room_is_dropped() {
    let tee = TeeLayer::new(service_fn(|_: Command| pending::<Result<Response, Infallible>>())).max_pending(3, 1000);
    let started = Instant::now();
    for _ in 0..10 {
        assert_eq!(answer(&tee, Command::new("GET").arg("k")).await, Response::ok());
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!((tee.in_flight(), tee.dropped()), (3, 7));
}

#[tokio::test(start_paused = true)]
async fn waiting_bytes_are_bounded_too() {
    let tee = TeeLayer::new(service_fn(|_: Command| pending::<Result<Response, Infallible>>())).max_pending(100, 1000);
    for _ in 0..10 {
        answer(&tee, Command::new("SET").arg("k").arg(vec![b'v'; 400])).await;
    }
    assert_eq!((tee.in_flight(), tee.dropped()), (2, 8));
}

#[tokio::test(start_paused = true)]
async fn command_that_takes_too_long_is_given_up_and_its_lane_goes_on() {
    let seen = Seen::default();
    let log = seen.clone();
    let second = service_fn(move |command: Command| {
        let log = log.clone();
        async move {
            if command.is("BLPOP") {
                pending::<()>().await;
            }
            log.push(String::from_utf8_lossy(command.name()));
            Ok::<_, Infallible>(Response::ok())
        }
    });
    let tee = TeeLayer::new(second).timeout(SECOND).compare(|command, _, _| assert!(!command.is("BLPOP")));
    answer(&tee, Command::new("BLPOP").with_args(["k", "0"])).await;
    answer(&tee, Command::new("GET").arg("k")).await;
    sleep(SECOND / 2).await;
    assert_eq!((seen.all().len(), tee.in_flight()), (0, 2));
    sleep(SECOND).await;
    assert_eq!((seen.all(), tee.in_flight(), tee.dropped()), (vec!["GET".to_owned()], 0, 1));
}

#[tokio::test(start_paused = true)]
async fn filtered_commands_are_not_mirrored() {
    let seen = Seen::default();
    let log = seen.clone();
    let tee = TeeLayer::new(service_fn(move |command: Command| {
        log.push(String::from_utf8_lossy(command.name()));
        ok(command)
    }))
    .only(|command| command.is("SET"));
    answer(&tee, Command::new("GET").arg("k")).await;
    answer(&tee, Command::new("SET").arg("k").arg("v")).await;
    tee.idle().await;
    assert_eq!(seen.all(), ["SET"]);
}

/// A layer that notes which answers of a second service, always `second`, differ from those of the first.
fn comparing(seen: &Seen, second: Response) -> TeeLayer<impl Mirrored> {
    let log = seen.clone();
    TeeLayer::new(service_fn(move |_: Command| ready(Ok::<_, Infallible>(second.clone()))))
        .on_difference(move |command, first, second| log.push(format!("{}: {first}, {second}", shown(command))))
}

trait Mirrored: Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static {}

impl<T> Mirrored for T where
    T: Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

#[tokio::test(start_paused = true)]
async fn answers_that_differ_are_told_and_others_are_not() {
    let seen = Seen::default();
    let (same, other) = (comparing(&seen, Response::ok()), comparing(&seen, Response::Null));
    assert_eq!(answer(&same, Command::new("GET").arg("a")).await, Response::ok());
    assert_eq!(answer(&other, Command::new("GET").arg("b")).await, Response::ok());
    same.idle().await;
    other.idle().await;
    assert_eq!(seen.all(), ["GET b: +OK, (nil)"]);
}

#[tokio::test(start_paused = true)]
async fn all_answers_are_compared_where_that_is_asked_for() {
    let seen = Seen::default();
    let log = seen.clone();
    let tee = TeeLayer::new(service_fn(ok)).compare(move |_, first, second| log.push(format!("{first} {second}")));
    answer(&tee, Command::new("GET").arg("k")).await;
    tee.idle().await;
    assert_eq!(seen.all(), ["+OK +OK"]);
}

#[tokio::test(start_paused = true)]
async fn late_answer_of_the_first_service_is_compared_and_its_lane_goes_on_meanwhile() {
    let seen = Seen::default();
    let tee = comparing(&seen, Response::Null);
    let (release, released) = oneshot::channel::<()>();
    let mut slow = task::spawn(call_once(tee.clone(), async { released.await.expect("released") }));
    assert_pending!(slow.poll());
    answer(&tee, Command::new("GET").arg("fast")).await;
    sleep(SECOND * 100).await;
    assert_eq!((seen.all(), tee.in_flight()), (vec!["GET fast: +OK, (nil)".to_owned()], 1));
    release.send(()).expect("somebody listens");
    assert_eq!(assert_ready!(slow.poll()), Response::ok());
    tee.idle().await;
    assert_eq!(seen.all().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn command_that_the_first_service_drops_or_fails_is_mirrored_and_not_compared() {
    let seen = Seen::default();
    let tee = comparing(&seen, Response::Null);
    timeout(SECOND, call_once(tee.clone(), pending())).await.unwrap_err();
    let broken = tee.layer(service_fn(|_: Command| ready(Err::<Response, _>("broken"))));
    assert_eq!(broken.oneshot(Command::new("GET").arg("k")).await, Err("broken"));
    tee.idle().await;
    assert!(seen.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn command_that_an_outer_layer_refuses_is_not_mirrored() {
    let seen = Seen::default();
    let tee = comparing(&seen, Response::Null);
    let limit = ConcurrencyLimitLayer::new(1).refuse();
    let held =
        ServiceBuilder::new().layer(limit).layer(tee.clone()).service(service_fn(|command: Command| async move {
            if command.is("BLPOP") {
                pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::ok())
        }));
    let mut first = task::spawn(held.clone().oneshot(Command::new("BLPOP")));
    assert_pending!(first.poll());
    assert!(held.oneshot(Command::new("GET").arg("k")).await.expect("infallible").is_error());
    sleep(SECOND).await;
    assert_eq!(tee.in_flight(), 1, "BLPOP alone waits to be compared");
    drop(first);
    tee.idle().await;
    assert!(seen.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_second_service_and_of_the_comparison_reach_no_client() {
    let seen = Seen::default();
    let log = seen.clone();
    let second = service_fn(|command: Command| {
        assert!(!command.is("CALL"), "a bug");
        async move {
            assert!(!command.is("POLL"), "a bug");
            if command.is("FAIL") { Err("broken") } else { Ok(Response::Null) }
        }
    });
    let tee = TeeLayer::new(second).compare(move |command, _, second| {
        assert!(!command.is("COMPARE"), "a bug");
        log.push(format!("{}: {second}", shown(command)));
    });
    for name in ["CALL", "POLL", "FAIL", "COMPARE", "FINE"] {
        assert_eq!(answer(&tee, Command::new(name)).await, Response::ok());
    }
    tee.idle().await;
    let failed = |name| format!("{name}: -ERR internal error");
    assert_eq!(seen.all(), [failed("CALL"), failed("POLL"), failed("FAIL"), "FINE: (nil)".to_owned()]);
    assert_eq!(tee.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn second_service_has_no_way_to_the_client() {
    let seen = Seen::default();
    let log = seen.clone();
    let tee = TeeLayer::new(service_fn(move |command: Command| {
        log.push(format!("{} {}", command.push().is_some(), command.session().id()));
        ok(command)
    }));
    answer(&tee, from_connection(7, Command::new("SUBSCRIBE").arg("channel"))).await;
    tee.idle().await;
    assert_eq!(seen.all(), ["false 7"]);
}

#[test]
fn without_a_runtime_commands_are_answered_and_dropped() {
    let tee = TeeLayer::new(service_fn(ok));
    let mut answered = task::spawn(answer(&tee, Command::new("GET").arg("k")));
    assert_eq!(assert_ready!(answered.poll()), Response::ok());
    assert_eq!((tee.in_flight(), tee.dropped()), (0, 1));
}

#[test]
fn lane_goes_on_in_another_runtime_when_its_own_ends() {
    let entered = Arc::new(Notify::new());
    let notify = Arc::clone(&entered);
    let tee = TeeLayer::new(service_fn(move |command: Command| {
        notify.notify_one();
        async move {
            if command.is("BLPOP") {
                pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::ok())
        }
    }));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime().block_on(async {
        answer(&tee, Command::new("BLPOP")).await;
        answer(&tee, Command::new("GET").arg("k")).await;
        entered.notified().await;
    });
    assert_eq!((tee.in_flight(), tee.dropped()), (0, 2));
    runtime().block_on(async {
        answer(&tee, Command::new("GET").arg("k")).await;
        tee.idle().await;
    });
    assert_eq!(tee.dropped(), 2);
}

#[tokio::test]
async fn readiness_is_that_of_the_first_service_and_its_errors_pass() {
    let (never_ready, mut second) = mock::pair::<Command, Response>();
    second.allow(0);
    let (service, mut inner) = mock::spawn_layer(TeeLayer::new(never_ready));
    let mut service: mock::Spawn<Tee<mock::Mock<Command, Response>, mock::Mock<Command, Response>>> = service;
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(assert_ready!(service.poll_ready::<Command>()).is_ok());
    let answer = service.call(Command::new("GET").arg("k"));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_lose_no_command_and_no_order() {
    let seen: Arc<Mutex<[Vec<u64>; 8]>> = Arc::default();
    let log = Arc::clone(&seen);
    let tee = TeeLayer::new(service_fn(move |command: Command| {
        let log = Arc::clone(&log);
        async move {
            yield_now().await;
            let number: u64 = String::from_utf8_lossy(command.arg_at(0).expect("a key")).parse().expect("a number");
            log.lock().expect("no panic")[command.session().id() as usize].push(number);
            Ok::<_, Infallible>(Response::ok())
        }
    }))
    .max_in_flight(3);
    let mut clients = tokio::task::JoinSet::new();
    for id in 0..8 {
        let tee = tee.clone();
        clients.spawn(async move {
            for number in 0..500 {
                answer(&tee, from_connection(id, Command::new("GET").arg(number))).await;
                if number % 50 == 0 {
                    tee.idle().await;
                }
            }
        });
    }
    clients.join_all().await;
    tee.idle().await;
    assert_eq!(tee.dropped(), 0);
    assert!(seen.lock().expect("no panic").iter().all(|numbers| *numbers == (0..500).collect::<Vec<_>>()));
}

#[tokio::test(start_paused = true)]
async fn streamed_argument_is_for_the_first_service_alone() {
    let second = service_fn(|command: Command| async move {
        drop(command.body());
        Ok::<_, Infallible>(Response::ok())
    });
    let tee = TeeLayer::new(second);
    let first = tee.layer(service_fn(|command: Command| async move {
        sleep(SECOND).await;
        Ok::<_, Infallible>(command.body().map_or(Response::Null, |body| Response::Integer(body.len() as i64)))
    }));
    let put = Command::new("PUT").arg("key").with_body(Body::new(5, &b"value"[..]));
    assert_eq!(first.oneshot(put).await, Ok(Response::Integer(5)));
    assert_eq!(tee.dropped(), 1);
}

#[tokio::test(start_paused = true)]
async fn streamed_answer_is_not_compared_nor_kept() {
    let compared = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&compared);
    let tee = TeeLayer::new(service_fn(ok)).on_difference(move |_, _, _| _ = counter.fetch_add(1, Ordering::Relaxed));
    let first = tee.layer(service_fn(|command: Command| async move {
        if command.is("LATER") {
            sleep(SECOND).await;
        }
        Ok::<_, Infallible>(Response::from(Body::new(5, &b"value"[..])))
    }));
    for name in ["NOW", "LATER"] {
        assert!(matches!(first.clone().oneshot(Command::new(name)).await, Ok(Response::Streamed(_))));
    }
    tee.idle().await;
    assert_eq!((compared.load(Ordering::Relaxed), tee.dropped()), (0, 0));
}
