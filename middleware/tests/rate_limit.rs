//! The rate limit against mock services, in paused time.

mod support;

use std::{
    convert::Infallible,
    future::{pending, ready},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore_middleware::{RateLimit, RateLimitLayer, TimeoutLayer};
use kvstore_protocol::{Command, CommandError, Peer, Response, Session, mailbox::mailbox};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer, service_fn};
use tower_test::mock;

use crate::support::call_once;

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);

type Mock = RateLimit<mock::Mock<Command, Response>>;

/// What `command` is answered under `layer`, around a service that answers OK.
async fn answer(layer: &RateLimitLayer, command: Command) -> String {
    let service = layer.layer(service_fn(|_: Command| ready(Ok::<_, Infallible>(Response::ok()))));
    service.oneshot(command).await.expect("infallible").to_string()
}

async fn passes(layer: &RateLimitLayer, command: Command) -> bool {
    answer(layer, command).await == "+OK"
}

/// How many of a hundred commands pass now.
async fn count(layer: &RateLimitLayer, command: Command) -> usize {
    let mut passed = 0;
    for _ in 0..100 {
        passed += usize::from(passes(layer, command.clone()).await);
    }
    passed
}

fn from_connection(id: u64, peer: &str) -> Command {
    let peer = peer.parse::<SocketAddr>().map_or(Peer::Memory, Peer::Tcp);
    Command::new("GET").arg("k").in_session(Session::new(id, peer, Peer::Memory, mailbox(1).0).into(), 1)
}

fn from_user(user: Option<&str>) -> Command {
    Command::new("GET").arg("k").with_session(|session| session.set_user(user.map(Arc::from)))
}

#[tokio::test(start_paused = true)]
async fn one_command_too_many_is_refused_and_told_when_to_come_back() {
    let limit = RateLimitLayer::new(3, SECOND);
    for _ in 0..3 {
        assert_eq!(answer(&limit, Command::new("GET").arg("k")).await, "+OK");
    }
    assert_eq!(
        answer(&limit, Command::new("GET").arg("k")).await,
        "-RATELIMITED too many commands, try again in 334 ms"
    );
    sleep(Duration::from_millis(333)).await;
    assert_eq!(answer(&limit, Command::new("GET").arg("k")).await, "-RATELIMITED too many commands, try again in 1 ms");
    sleep(MOMENT).await;
    assert_eq!(answer(&limit, Command::new("GET").arg("k")).await, "+OK");
}

#[tokio::test(start_paused = true)]
async fn services_and_clones_of_a_layer_share_what_is_counted() {
    let limit = RateLimitLayer::new(2, SECOND);
    let mut services = [limit.clone(), limit.clone()].map(|limit| limit.layer(service_fn(ok)));
    let mut clone = services[0].clone();
    assert_eq!(call(&mut services[0]).await, Response::ok());
    assert_eq!(call(&mut services[1]).await, Response::ok());
    assert!(call(&mut clone).await.is_error());
}

async fn ok(_: Command) -> Result<Response, Infallible> {
    Ok(Response::ok())
}

async fn call(service: &mut (impl Service<Command, Response = Response, Error = Infallible> + Clone)) -> Response {
    service.ready().await.expect("infallible").call(Command::new("GET").arg("k")).await.expect("infallible")
}

#[tokio::test(start_paused = true)]
async fn each_command_of_a_pipeline_counts() {
    let mut service = RateLimitLayer::new(5, SECOND).layer(service_fn(ok));
    let mut refused = 0;
    for _ in 0..50 {
        refused += usize::from(call(&mut service).await.is_error());
    }
    assert_eq!(refused, 45);
}

#[tokio::test(start_paused = true)]
async fn refused_commands_use_nothing_up() {
    let limit = RateLimitLayer::new(2, SECOND);
    assert_eq!(count(&limit, Command::new("GET").arg("k")).await, 2);
    sleep(SECOND).await;
    assert_eq!(count(&limit, Command::new("GET").arg("k")).await, 2);
}

#[tokio::test(start_paused = true)]
async fn burst_is_a_setting_of_its_own() {
    let limit = RateLimitLayer::new(10, SECOND).burst(2);
    sleep(SECOND * 10).await;
    assert_eq!(count(&limit, Command::new("GET").arg("k")).await, 2);
    sleep(SECOND / 10).await;
    assert_eq!(count(&limit, Command::new("GET").arg("k")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn each_connection_has_its_own_allowance() {
    let limit = RateLimitLayer::new(2, SECOND).per_connection();
    assert_eq!(count(&limit, from_connection(1, "")).await, 2);
    assert_eq!(count(&limit, from_connection(2, "")).await, 2);
    assert_eq!(count(&limit, Command::new("GET").arg("k")).await, 2, "from no connection");
    assert_eq!(limit.keys(), 3);
}

#[tokio::test(start_paused = true)]
async fn each_address_has_its_own_allowance_over_all_of_its_connections() {
    let limit = RateLimitLayer::new(2, SECOND).per_peer_address();
    assert!(passes(&limit, from_connection(1, "192.0.2.1:1")).await);
    assert!(passes(&limit, from_connection(2, "192.0.2.1:2")).await);
    assert_eq!(count(&limit, from_connection(3, "192.0.2.1:3")).await, 0);
    assert_eq!(count(&limit, from_connection(4, "192.0.2.2:1")).await, 2);
    assert_eq!(count(&limit, from_connection(5, "")).await, 2, "without an address");
}

#[tokio::test(start_paused = true)]
async fn each_user_has_an_own_allowance() {
    let limit = RateLimitLayer::new(2, SECOND).per_user();
    assert_eq!(count(&limit, from_user(Some("alice"))).await, 2);
    assert_eq!(count(&limit, from_user(Some("bob"))).await, 2);
    assert_eq!(count(&limit, from_user(None)).await, 2);
}

#[tokio::test(start_paused = true)]
async fn key_function_says_who_shares_and_who_is_not_limited() {
    let limit = RateLimitLayer::new(2, SECOND).by(|command| command.arg_at(0).map(<[u8]>::to_vec));
    assert_eq!(count(&limit, Command::new("GET").arg("a")).await, 2);
    assert_eq!(count(&limit, Command::new("GET").arg("b")).await, 2);
    assert_eq!(count(&limit, Command::new("PING")).await, 100);
}

#[tokio::test(start_paused = true)]
async fn command_of_many_keys_may_count_as_many() {
    let limit = RateLimitLayer::new(10, SECOND).cost(|command| command.args().len() as u32);
    assert!(passes(&limit, Command::new("MGET").with_args(0..8)).await);
    let refused = answer(&limit, Command::new("MGET").with_args(0..4)).await;
    assert_eq!(refused, "-RATELIMITED too many commands, try again in 200 ms");
    assert!(passes(&limit, Command::new("MGET").with_args(0..2)).await);
    assert_eq!(count(&limit, Command::new("PING")).await, 100, "free");
}

#[tokio::test(start_paused = true)]
async fn invented_keys_take_no_memory_and_reset_no_limit() {
    let limit = RateLimitLayer::new(1, SECOND).max_keys(10).by(|command| command.arg_at(0).map(<[u8]>::to_vec));
    for key in 0..10 {
        assert!(passes(&limit, Command::new("GET").arg(key)).await);
    }
    let mut passed = 0;
    for key in 10..10_000 {
        passed += usize::from(passes(&limit, Command::new("GET").arg(key)).await);
    }
    assert_eq!((passed, limit.keys()), (1, 10), "one allowance for all that find no place");
    for key in 0..10 {
        assert!(!passes(&limit, Command::new("GET").arg(key)).await, "still counted");
    }
    sleep(SECOND).await;
    assert!(passes(&limit, Command::new("GET").arg("new")).await);
    assert_eq!(limit.keys(), 3, "what is full again is forgotten");
}

#[tokio::test(start_paused = true)]
async fn default_number_of_keys_is_an_upper_bound() {
    let limit = RateLimitLayer::new(1, SECOND * 1000).by(|command| command.arg_at(0).map(<[u8]>::to_vec));
    for key in 0..110_000 {
        answer(&limit, Command::new("GET").arg(key)).await;
    }
    assert!((95_000..=100_000).contains(&limit.keys()), "{}", limit.keys());
}

#[tokio::test(start_paused = true)]
async fn waiting_command_goes_on_in_its_time() {
    let limit = RateLimitLayer::new(1, SECOND).wait();
    assert!(passes(&limit, Command::new("GET").arg("k")).await);
    let started = tokio::time::Instant::now();
    for _ in 0..5 {
        assert!(passes(&limit, Command::new("GET").arg("k")).await);
    }
    assert_eq!(started.elapsed(), SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn many_that_wait_are_let_through_at_the_rate_and_in_order() {
    let limit = RateLimitLayer::new(10, SECOND).wait();
    let mut waiting = JoinSet::new();
    let passed = Arc::new(std::sync::Mutex::new(Vec::new()));
    let started = tokio::time::Instant::now();
    for number in 0..50 {
        let (limit, passed) = (limit.clone(), Arc::clone(&passed));
        waiting.spawn(async move {
            call_once(limit, async move { passed.lock().unwrap().push(number) }).await;
        });
    }
    waiting.join_all().await;
    assert_eq!(started.elapsed(), SECOND * 4);
    assert_eq!(*passed.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn newcomer_overtakes_nobody() {
    let limit = RateLimitLayer::new(1, SECOND).wait();
    assert!(passes(&limit, Command::new("GET").arg("k")).await);
    let mut first = task::spawn(call_once(limit.clone(), async {}));
    assert_pending!(first.poll());
    sleep(SECOND + MOMENT).await;
    let mut newcomer = task::spawn(call_once(limit.clone(), async {}));
    assert_pending!(newcomer.poll());
    assert!(!passes(&limit.clone().refuse(), Command::new("GET").arg("k")).await);
    assert!(first.is_woken());
    assert_ready_eq!(first.poll(), Response::ok());
    assert!(newcomer.is_woken());
    assert_pending!(newcomer.poll());
    sleep(SECOND + MOMENT).await;
    assert_ready_eq!(newcomer.poll(), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_up_uses_nothing_up_and_those_behind_it_move_up() {
    let limit = RateLimitLayer::new(1, SECOND).wait();
    assert!(passes(&limit, Command::new("GET").arg("k")).await);
    let [mut first, mut second, mut third] = [(); 3].map(|()| task::spawn(call_once(limit.clone(), async {})));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    drop(second);
    assert!(!third.is_woken());
    drop(first);
    assert!(third.is_woken());
    assert_pending!(third.poll());
    sleep(SECOND + MOMENT).await;
    assert_ready_eq!(third.poll(), Response::ok());
    sleep(SECOND).await;
    assert_eq!(count(&limit.refuse(), Command::new("GET").arg("k")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn keys_wait_apart() {
    let limit = RateLimitLayer::new(1, SECOND).by(|command| command.arg_at(0).map(<[u8]>::to_vec)).wait();
    assert!(passes(&limit, Command::new("GET").arg("a")).await);
    let mut waiting = task::spawn(answer(&limit, Command::new("GET").arg("a")));
    assert_pending!(waiting.poll());
    let mut other = task::spawn(answer(&limit, Command::new("GET").arg("b")));
    assert_eq!(assert_ready!(other.poll()), "+OK");
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_refused_at_once() {
    let limit = RateLimitLayer::new(1, SECOND).wait_at_most(SECOND);
    assert!(passes(&limit, Command::new("GET").arg("k")).await);
    let mut first = task::spawn(call_once(limit.clone(), async {}));
    assert_pending!(first.poll());
    assert_eq!(
        answer(&limit, Command::new("GET").arg("k")).await,
        "-RATELIMITED too many commands, try again in 2000 ms"
    );
    sleep(SECOND).await;
    assert_ready_eq!(first.poll(), Response::ok());
}

/// A service that does its work in `call`, and counts it.
fn works_in_call() -> (impl Service<Command, Response = Response, Error = Infallible> + Clone, Arc<AtomicUsize>) {
    let called = Arc::new(AtomicUsize::new(0));
    let counter = called.clone();
    let service = service_fn(move |_: Command| {
        counter.fetch_add(1, Ordering::SeqCst);
        ready(Ok::<_, Infallible>(Response::ok()))
    });
    (service, called)
}

#[tokio::test(start_paused = true)]
async fn refused_command_is_not_called() {
    let (service, called) = works_in_call();
    let mut service = RateLimitLayer::new(1, SECOND).layer(service);
    for _ in 0..5 {
        call(&mut service).await;
    }
    assert_eq!(called.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_command_is_called_once_it_may_pass() {
    let (service, called) = works_in_call();
    let service = RateLimitLayer::new(1, SECOND).wait().layer(service);
    let mut answers = [(); 5].map(|()| task::spawn(service.clone().call(Command::new("GET").arg("k"))));
    for passed in 1..=5 {
        answers[passed..].iter_mut().for_each(|answer| assert_pending!(answer.poll()));
        assert_eq!(called.load(Ordering::SeqCst), passed);
        if let Some(next) = answers.get_mut(passed) {
            sleep(SECOND).await;
            assert_ready_eq!(next.poll(), Ok(Response::ok()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_command_that_is_cancelled_is_not_called_and_does_not_count() {
    let (service, called) = works_in_call();
    let service = RateLimitLayer::new(1, SECOND).wait().layer(service);
    let [passed, mut cancelled, mut last] =
        [(); 3].map(|()| task::spawn(service.clone().call(Command::new("GET").arg("k"))));
    assert_pending!(cancelled.poll());
    assert_pending!(last.poll());
    drop((passed, cancelled));
    sleep(SECOND).await;
    assert_ready_eq!(last.poll(), Ok(Response::ok()));
    assert_eq!(called.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn command_over_the_limit_leaves_no_reservation_with_the_service() {
    for (limit, left) in [(RateLimitLayer::new(1, SECOND), 1), (RateLimitLayer::new(1, SECOND).wait(), 2)] {
        let permits = Arc::new(Semaphore::new(10));
        let inner = GlobalConcurrencyLimitLayer::with_semaphore(permits.clone());
        let mut service = limit.layer(inner.layer(service_fn(|_: Command| pending::<Result<Response, Infallible>>())));
        let mut answers = Vec::new();
        for _ in 0..2 {
            answers.push(service.ready().await.expect("infallible").call(Command::new("GET").arg("k")));
        }
        // One for the command that passed, and one for that which waits.
        assert_eq!(permits.available_permits(), 10 - left);
        drop(answers);
        assert_eq!(permits.available_permits(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_rate_is_not_late() {
    let limit = RateLimitLayer::new(1, SECOND * 10).wait();
    let service = ServiceBuilder::new().layer(limit).layer(TimeoutLayer::new(SECOND)).service(service_fn(ok));
    assert_eq!(service.clone().oneshot(Command::new("GET").arg("k")).await, Ok(Response::ok()));
    assert_eq!(service.oneshot(Command::new("GET").arg("k")).await, Ok(Response::ok()));
}

#[test]
fn command_that_passes_needs_no_timer() {
    // A timer would panic here: there is no runtime to run it.
    let limit = RateLimitLayer::new(1, SECOND).wait();
    let mut first = task::spawn(call_once(limit.clone(), pending()));
    assert_pending!(first.poll());
    let mut refused = task::spawn(call_once(limit.refuse(), async {}));
    assert!(assert_ready!(refused.poll()).is_error());
}

#[tokio::test(start_paused = true)]
async fn commands_of_a_script_count_for_who_sent_it_and_are_refused_where_others_wait() {
    let limit = RateLimitLayer::new(5, SECOND).per_user().wait();
    let service = limit.layer(service_fn(|script: Command| async move {
        let ran: Result<Vec<()>, CommandError> =
            (0..3).map(|_| script.inspect_nested(&Command::new("GET").arg("k"))).collect();
        Ok::<_, Infallible>(ran.map_or_else(Response::from, |_| Response::ok()))
    }));
    let script =
        Command::new("EVAL").with_args(["…", "0"]).with_session(|session| session.set_user(Some("bob".into())));
    assert_eq!(service.clone().oneshot(script.clone()).await, Ok(Response::ok()), "four");
    let mut refused = task::spawn(service.oneshot(script));
    let refused = assert_ready!(refused.poll()).expect("infallible");
    assert_eq!(refused.to_string(), "-RATELIMITED too many commands, try again in 200 ms");
    assert_eq!(count(&limit.refuse(), from_user(None)).await, 5, "somebody else");
}

#[tokio::test(start_paused = true)]
async fn unlimited_lets_everything_through() {
    let limit = RateLimitLayer::unlimited().per_connection().burst(1);
    assert_eq!(count(&limit, Command::new("GET").arg("k")).await, 100);
    assert_eq!(limit.keys(), 0);
}

#[tokio::test]
async fn readiness_and_errors_pass() {
    let (service, mut inner) = mock::spawn_layer(RateLimitLayer::new(1, SECOND));
    let mut service: mock::Spawn<Mock> = service;
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(answer.await.expect_err("the mock fails").to_string(), "broken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_together_have_one_allowance() {
    let limit = RateLimitLayer::new(500, SECOND * 3600).per_user();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (limit, patient) = (limit.clone(), limit.clone().wait());
        callers.spawn(async move {
            let mut passed = 0;
            for _ in 0..200 {
                // One that waits, and gives up at once; it passes as long as there is room.
                let mut waiting = task::spawn(answer(&patient, Command::new("GET").arg("k")));
                passed += usize::from(waiting.poll().is_ready());
                drop(waiting);
                passed += usize::from(passes(&limit, Command::new("GET").arg("k")).await);
            }
            passed
        });
    }
    assert_eq!(callers.join_all().await.into_iter().sum::<usize>(), 500);
}
