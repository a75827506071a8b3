//! The concurrency limit against mock services, in paused time.

mod support;

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use kvstore_middleware::{ConcurrencyLimit, ConcurrencyLimitLayer, TimeoutLayer};
use kvstore_protocol::{
    Command, Response, batch,
    parking::{mark_settled, park_until, settle_until},
};
use tokio::{
    sync::{Notify, Semaphore, oneshot},
    task::{JoinSet, yield_now},
    time::sleep,
};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};
use tower::{Layer, Service, layer::util::Stack, limit::GlobalConcurrencyLimitLayer, service_fn};
use tower_test::mock;

use crate::support::call_once;

const SECOND: Duration = Duration::from_secs(1);
const BUSY: &str = "-OVERLOADED too many commands at once";
const WAITED: &str = "-OVERLOADED waited too long for its turn";

type Mock = ConcurrencyLimit<mock::Mock<Command, Response>>;

/// Work that holds its permit until the sender speaks.
fn held() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    (sender, async { receiver.await.expect("released") })
}

/// Work that parks until the sender speaks.
fn parked() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    (sender, async { park_until(receiver).await.expect("released") })
}

#[test]
fn waiting_command_goes_on_when_a_permit_is_given_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (release, work) = held();
    let mut first = task::spawn(call_once(limit.clone(), work));
    let mut second = task::spawn(call_once(limit.clone(), async {}));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_eq!((limit.in_use(), limit.available(), limit.waiting()), (1, 0, 1));
    release.send(()).expect("somebody listens");
    assert_ready_eq!(first.poll(), Response::ok());
    assert!(second.is_woken());
    assert_ready_eq!(second.poll(), Response::ok());
    assert_eq!((limit.in_use(), limit.available(), limit.waiting()), (0, 1, 0));
}

#[test]
fn commands_wait_in_the_order_in_which_they_came() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut running = task::spawn(call_once(limit.clone(), pending()));
    let mut first = task::spawn(call_once(limit.clone(), pending()));
    let mut second = task::spawn(call_once(limit.clone(), pending()));
    assert_pending!(running.poll());
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(running);
    let mut newcomer = task::spawn(call_once(limit.clone(), async {}));
    assert_pending!(newcomer.poll());
    assert!(first.is_woken() && !second.is_woken() && !newcomer.is_woken());
    drop(first);
    assert!(second.is_woken() && !newcomer.is_woken());
    drop(second);
    assert_ready_eq!(newcomer.poll(), Response::ok());
}

#[test]
fn permit_stays_for_the_rest_of_a_batch() {
    let limit = ConcurrencyLimitLayer::new(2);
    batch::run(|| {
        for _ in 0..3 {
            assert_ready_eq!(task::spawn(call_once(limit.clone(), async {})).poll(), Response::ok());
            assert_eq!(limit.in_use(), 1);
        }
        let other = ConcurrencyLimitLayer::new(1);
        assert_ready_eq!(task::spawn(call_once(other.clone(), async {})).poll(), Response::ok());
        assert_eq!((limit.in_use(), other.in_use()), (0, 1));
        let mut dropped = task::spawn(call_once(other.clone(), pending()));
        assert_pending!(dropped.poll());
        drop(dropped);
        assert_eq!(other.in_use(), 0);
        assert_ready_eq!(task::spawn(call_once(limit.clone(), async {})).poll(), Response::ok());
    });
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[test]
fn batch_keeps_no_permit_that_somebody_waits_for() {
    let limit = ConcurrencyLimitLayer::new(1);
    batch::run(|| {
        assert_ready_eq!(task::spawn(call_once(limit.clone(), async {})).poll(), Response::ok());
        let elsewhere = || {
            let mut waiting = task::spawn(call_once(limit.clone(), pending()));
            assert_pending!(waiting.poll());
            waiting
        };
        let mut waiting = thread::scope(|scope| scope.spawn(elsewhere).join()).expect("no panic");
        assert_eq!((limit.in_use(), limit.waiting()), (1, 1));
        // The next of the batch does not overtake.
        let mut next = task::spawn(call_once(limit.clone(), async {}));
        assert_pending!(next.poll());
        assert!(waiting.is_woken() && !next.is_woken());
        assert_pending!(waiting.poll());
        assert_eq!((limit.in_use(), limit.waiting()), (1, 1));
        drop(waiting);
        assert!(next.is_woken());
        assert_ready_eq!(next.poll(), Response::ok());
    });
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[test]
fn one_who_comes_during_a_command_of_a_batch_has_its_permit_at_once() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (sender, receiver) = mpsc::channel();
    let another = limit.clone();
    let meanwhile = async {
        let elsewhere = move || {
            let mut waiting = task::spawn(call_once(another, pending()));
            assert_pending!(waiting.poll());
            sender.send(waiting).expect("somebody listens");
        };
        thread::spawn(elsewhere).join().expect("no panic");
    };
    batch::run(|| {
        assert_ready_eq!(task::spawn(call_once(limit.clone(), meanwhile)).poll(), Response::ok());
        assert!(receiver.recv().expect("somebody waits").is_woken());
    });
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[test]
fn refusing_limit_answers_at_once() {
    let limit = ConcurrencyLimitLayer::new(1).refuse();
    let mut first = task::spawn(call_once(limit.clone(), pending()));
    assert_pending!(first.poll());
    let mut second = task::spawn(call_once(limit.clone(), async {}));
    assert_eq!(assert_ready!(second.poll()).to_string(), BUSY);
    drop(first);
    let mut third = task::spawn(call_once(limit, async {}));
    assert_ready_eq!(third.poll(), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn patience_ends_after_its_time() {
    let limit = ConcurrencyLimitLayer::new(1).wait_at_most(SECOND);
    let mut first = task::spawn(call_once(limit.clone(), pending()));
    assert_pending!(first.poll());
    let mut second = task::spawn(call_once(limit.clone(), async {}));
    assert_pending!(second.poll());
    sleep(SECOND * 2).await;
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()).to_string(), WAITED);
    assert_eq!((limit.in_use(), limit.waiting()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn turn_that_comes_on_the_deadline_is_taken() {
    let limit = ConcurrencyLimitLayer::new(1).wait_at_most(SECOND);
    let mut first = task::spawn(call_once(limit.clone(), pending()));
    let mut second = task::spawn(call_once(limit, async {}));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    sleep(SECOND * 2).await;
    drop(first);
    assert_ready_eq!(second.poll(), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn patience_does_not_limit_the_command_itself() {
    let limit = ConcurrencyLimitLayer::new(1).wait_at_most(SECOND);
    assert_eq!(call_once(limit, sleep(SECOND * 10)).await, Response::ok());
}

#[test]
fn free_permit_needs_no_timer() {
    // A timer would panic here: there is no runtime to run it.
    let mut answer = task::spawn(call_once(ConcurrencyLimitLayer::new(1).wait_at_most(Duration::ZERO), async {}));
    assert_ready_eq!(answer.poll(), Response::ok());
}

#[test]
fn clones_of_a_service_share_the_limit() {
    let (service, mut inner) = mock::spawn_layer(ConcurrencyLimitLayer::new(1).refuse());
    let mut services: [mock::Spawn<Mock>; 2] = [service.clone(), service];
    let mut answers = services.each_mut().map(|service| {
        assert!(service.poll_ready::<Command>().is_ready());
        task::spawn(service.call(Command::new("GET").arg("k")))
    });
    assert_pending!(answers[0].poll());
    assert_eq!(assert_ready!(answers[1].poll()).expect("an answer").to_string(), BUSY);
    let (_request, respond) = assert_ready!(inner.poll_request()).expect("a request");
    respond.send_response(Response::ok());
    assert_eq!(assert_ready!(answers[0].poll()).expect("an answer"), Response::ok());
}

/// A service that does its work in `call`. A call is answered once the test says so, and panics if its command is
/// PANIC.
#[derive(Clone, Debug, Default)]
struct WorksInCall {
    called: Arc<AtomicUsize>,
    answers: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
}

impl WorksInCall {
    fn called(&self) -> usize {
        self.called.load(Ordering::SeqCst)
    }

    fn answer_one(&self) {
        self.answers.lock().expect("no panic").remove(0).send(()).expect("somebody listens");
    }
}

impl Service<Command> for WorksInCall {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        assert!(!command.is("PANIC"), "in the call");
        self.called.fetch_add(1, Ordering::SeqCst);
        let (sender, receiver) = oneshot::channel();
        self.answers.lock().expect("no panic").push(sender);
        Box::pin(async {
            receiver.await.expect("answered");
            Ok(Response::ok())
        })
    }
}

/// Calls a service that is ready at once.
fn call<S>(service: &mut S) -> task::Spawn<S::Future>
where
    S: Service<Command, Response = Response>,
{
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    task::spawn(service.call(Command::new("GET").arg("k")))
}

/// Calls five clones of a service.
fn call_five<S>(service: &S) -> [task::Spawn<S::Future>; 5]
where
    S: Service<Command, Response = Response> + Clone,
{
    [(); 5].map(|()| call(&mut service.clone()))
}

#[test]
fn service_that_works_in_call_is_called_with_a_permit_alone() {
    let limit = ConcurrencyLimitLayer::new(1);
    let inner = WorksInCall::default();
    let mut answers = call_five(&limit.layer(inner.clone()));
    for answered in 0..5 {
        answers[answered..].iter_mut().for_each(|answer| assert_pending!(answer.poll()));
        assert_eq!((inner.called(), limit.in_use()), (answered + 1, 1));
        inner.answer_one();
        assert_ready_eq!(answers[answered].poll(), Ok(Response::ok()));
    }
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[test]
fn mock_of_tower_is_called_with_a_permit_alone() {
    let (service, mut inner) = mock::pair::<Command, Response>();
    let service = ConcurrencyLimitLayer::new(1).layer(service);
    let mut answers = call_five(&service);
    for answered in 0..5 {
        answers[answered..].iter_mut().for_each(|answer| assert_pending!(answer.poll()));
        let (_, respond) = assert_ready!(inner.poll_request()).expect("one request");
        assert!(inner.poll_request().is_pending());
        respond.send_response(Response::ok());
        assert_eq!(assert_ready!(answers[answered].poll()).expect("an answer"), Response::ok());
    }
}

#[test]
fn refused_command_is_not_called() {
    let inner = WorksInCall::default();
    let mut answers = call_five(&ConcurrencyLimitLayer::new(1).refuse().layer(inner.clone()));
    assert_pending!(answers[0].poll());
    for refused in &mut answers[1..] {
        assert_eq!(assert_ready!(refused.poll()).expect("infallible").to_string(), BUSY);
    }
    assert_eq!(inner.called(), 1);
}

#[tokio::test(start_paused = true)]
async fn command_that_waited_too_long_is_not_called() {
    let limit = ConcurrencyLimitLayer::new(1).wait_at_most(SECOND);
    let inner = WorksInCall::default();
    let mut answers = call_five(&limit.layer(inner.clone()));
    answers.iter_mut().for_each(|answer| assert_pending!(answer.poll()));
    sleep(SECOND * 2).await;
    for late in &mut answers[1..] {
        assert_eq!(assert_ready!(late.poll()).expect("infallible").to_string(), WAITED);
    }
    inner.answer_one();
    assert_ready_eq!(answers[0].poll(), Ok(Response::ok()));
    assert_eq!((inner.called(), limit.in_use(), limit.waiting()), (1, 0, 0));
}

#[test]
fn waiting_command_that_is_cancelled_loses_no_permit_and_is_not_called() {
    let limit = ConcurrencyLimitLayer::new(1);
    let inner = WorksInCall::default();
    let [mut running, mut woken, mut last, unpolled, other] = call_five(&limit.layer(inner.clone()));
    assert_pending!(running.poll());
    assert_pending!(woken.poll());
    assert_pending!(last.poll());
    drop((unpolled, other));
    drop(running);
    assert!(woken.is_woken());
    drop(woken);
    assert_pending!(last.poll());
    assert_eq!((inner.called(), limit.in_use(), limit.waiting()), (2, 1, 0));
    drop(last);
    assert_eq!(limit.available(), 1);
}

#[test]
fn waiting_command_keeps_what_its_instance_reserved_and_gives_it_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (inner, permits) = reserving();
    let mut service = limit.layer(inner);
    let [running, mut waiting] = [(); 2].map(|()| call(&mut service));
    assert_eq!(permits.available_permits(), 8, "one for each command, none for the service");
    assert_pending!(waiting.poll());
    drop(waiting);
    assert_eq!(permits.available_permits(), 9);
    drop(running);
    assert_eq!((permits.available_permits(), limit.available()), (10, 1));
}

#[test]
fn refusal_leaves_no_reservation_with_the_service() {
    let limit = ConcurrencyLimitLayer::new(1).refuse();
    let (inner, permits) = reserving();
    let mut service = limit.layer(inner);
    let _calls = [(); 2].map(|()| call(&mut service));
    assert_eq!(permits.available_permits(), 9);
}

#[test]
fn panic_in_a_call_loses_no_permit() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut service = limit.layer(WorksInCall::default());
    let call = catch_unwind(AssertUnwindSafe(|| drop(service.call(Command::new("PANIC")))));
    assert!(call.is_err());
    assert_eq!(limit.available(), 1);

    let running = service.call(Command::new("GET").arg("k"));
    let mut waiting = task::spawn(service.call(Command::new("PANIC")));
    assert_pending!(waiting.poll());
    drop(running);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(waiting.poll()))).is_err());
    drop(waiting);
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[test]
fn command_that_waited_parks_like_any_other() {
    let limit = ConcurrencyLimitLayer::new(1);
    let event = Arc::new(Notify::new());
    let inner = service_fn(|_: Command| {
        let event = event.clone();
        async move {
            park_until(event.notified()).await;
            Ok::<_, Infallible>(Response::ok())
        }
    });
    let mut running = task::spawn(call_once(limit.clone(), pending()));
    assert_pending!(running.poll());
    let mut parked = task::spawn(limit.layer(inner).call(Command::new("GET").arg("k")));
    assert_pending!(parked.poll());
    drop(running);
    assert_pending!(parked.poll());
    assert_eq!(limit.available(), 1);
    event.notify_one();
    assert_pending!(parked.poll(), "returning");
    assert_ready_eq!(parked.poll(), Ok(Response::ok()));
    assert_eq!(limit.available(), 1);
}

/// A service that reserves one of ten permits in `poll_ready`, and gives it back when it is answered or dropped.
fn reserving() -> (impl Service<Command, Response = Response, Error = Infallible> + Clone, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(10));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(permits.clone());
    (limit.layer(service_fn(|_: Command| pending::<Result<Response, Infallible>>())), permits)
}

#[test]
fn clone_of_a_layer_shares_the_limit_and_not_the_patience() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut first = task::spawn(call_once(limit.clone(), pending()));
    let mut second = task::spawn(call_once(limit.clone(), pending()));
    let mut refused = task::spawn(call_once(limit.refuse(), pending()));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_eq!(assert_ready!(refused.poll()).to_string(), BUSY);
}

#[test]
fn readiness_is_forwarded_and_holds_no_permit() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (service, mut inner) = mock::spawn_layer(limit.clone());
    let mut service: mock::Spawn<Mock> = service;
    inner.allow(0);
    assert_pending!(service.poll_ready::<Command>());
    inner.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Command>().is_ready());
    assert_eq!(limit.available(), 1);
    let answer = service.call(Command::new("GET").arg("k"));
    assert_eq!(limit.available(), 0);
    drop(answer);
    assert_eq!(limit.available(), 1);
    inner.send_error("broken");
    assert!(assert_ready!(service.poll_ready::<Command>()).is_err());
}

#[tokio::test]
async fn error_passes_and_gives_the_permit_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (service, mut inner) = mock::spawn_layer(limit.clone());
    let mut service: mock::Spawn<Mock> = service;
    assert!(service.poll_ready::<Command>().is_ready());
    let mut answer = task::spawn(service.call(Command::new("GET").arg("k")));
    assert_pending!(answer.poll());
    inner.next_request().await.expect("one request").1.send_error("broken");
    assert_eq!(assert_ready!(answer.poll()).expect_err("the mock fails").to_string(), "broken");
    assert_eq!(limit.available(), 1);
}

#[test]
fn dropped_command_gives_its_place_back_wherever_it_is() {
    let limit = ConcurrencyLimitLayer::new(1);
    let [mut running, mut called, mut waiting] = [(); 3].map(|()| task::spawn(call_once(limit.clone(), pending())));
    assert_pending!(running.poll());
    assert_pending!(called.poll());
    assert_pending!(waiting.poll());
    drop(running);
    assert_eq!((limit.in_use(), limit.waiting()), (1, 1));
    drop(waiting);
    assert_eq!((limit.in_use(), limit.waiting()), (1, 0));
    drop(called);
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[test]
fn answered_command_holds_no_permit_while_its_future_is_kept() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut answer = task::spawn(call_once(limit.clone(), async {}));
    assert_ready_eq!(answer.poll(), Response::ok());
    assert_eq!(limit.available(), 1);
}

#[test]
fn unlimited_lets_everything_through() {
    let limit = ConcurrencyLimitLayer::unlimited().refuse();
    let mut answers = [(); 100].map(|()| task::spawn(call_once(limit.clone(), pending())));
    answers.iter_mut().for_each(|answer| assert_pending!(answer.poll()));
    assert_eq!((limit.in_use(), limit.available()), (0, usize::MAX));
    let (release, work) = parked();
    let mut answer = task::spawn(call_once(limit, work));
    assert_pending!(answer.poll());
    release.send(()).expect("somebody listens");
    assert_pending!(answer.poll(), "returning");
    assert_ready_eq!(answer.poll(), Response::ok());
}

#[test]
fn parked_command_lends_its_permit_and_waits_to_have_it_back() {
    let limit = ConcurrencyLimitLayer::new(1).refuse();
    let (wake, work) = parked();
    let mut parked = task::spawn(call_once(limit.clone(), work));
    assert_pending!(parked.poll());
    assert_eq!(limit.available(), 1);

    let (release, work) = held();
    let mut other = task::spawn(call_once(limit.clone(), work));
    assert_pending!(other.poll());
    wake.send(()).expect("somebody listens");
    assert_pending!(parked.poll(), "returning");
    assert!(parked.is_woken());
    assert_pending!(parked.poll(), "waits, though the limit refuses newcomers");
    assert_eq!((limit.in_use(), limit.waiting()), (1, 1));

    release.send(()).expect("somebody listens");
    assert_ready_eq!(other.poll(), Response::ok());
    assert_ready_eq!(parked.poll(), Response::ok());
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[test]
fn settled_command_gives_its_permit_back_for_good() {
    let limit = ConcurrencyLimitLayer::new(1).refuse();
    let (sync, synced) = oneshot::channel();
    let mut settled = task::spawn(call_once(limit.clone(), async { settle_until(synced).await.expect("synced") }));
    assert_pending!(settled.poll());
    assert_eq!(limit.available(), 1);

    let mut other = task::spawn(call_once(limit.clone(), pending()));
    assert_pending!(other.poll());
    sync.send(()).expect("somebody listens");
    assert_ready_eq!(settled.poll(), Response::ok(), "it needs no permit");
    assert_eq!((limit.in_use(), limit.waiting()), (1, 0));
}

#[test]
fn settled_command_that_forgets_its_mark_takes_no_permit_again() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut polls = 0;
    let mut answer = task::spawn(call_once(
        limit.clone(),
        poll_fn(move |_| {
            polls += 1;
            if polls == 1 {
                mark_settled();
            }
            if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
        }),
    ));
    assert_pending!(answer.poll());
    assert_pending!(answer.poll());
    assert_eq!(limit.in_use(), 0);
    assert_ready_eq!(answer.poll(), Response::ok());
    assert_eq!(limit.in_use(), 0);
}

#[test]
fn command_that_works_on_without_returning_is_given_a_permit_first() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (give_up, gave_up) = oneshot::channel::<()>();
    let mut answer = task::spawn(call_once(limit.clone(), async {
        tokio::select! {
            biased;
            _ = gave_up => pending().await,
            () = park_until(pending()) => {}
        }
    }));
    assert_pending!(answer.poll());
    let mut other = task::spawn(call_once(limit.clone(), pending()));
    assert_pending!(other.poll());
    give_up.send(()).expect("somebody listens");
    assert_pending!(answer.poll());
    assert!(answer.is_woken());
    assert_pending!(answer.poll());
    assert_eq!(limit.waiting(), 1);
    drop(other);
    assert_pending!(answer.poll());
    assert_eq!((limit.in_use(), limit.waiting()), (1, 0));
}

#[test]
fn command_that_parks_for_an_event_already_there_keeps_its_permit() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut answer = task::spawn(call_once(limit.clone(), async { park_until(async {}).await }));
    assert_pending!(answer.poll());
    assert_eq!(limit.in_use(), 1);
    assert_ready_eq!(answer.poll(), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn parking_passes_through_a_stack_of_timeout_and_limit() {
    let limit = ConcurrencyLimitLayer::new(1);
    for outside in [true, false] {
        let (wake, work) = parked();
        let timeout = TimeoutLayer::new(SECOND);
        let mut parked = if outside {
            task::spawn(Box::pin(call_once(Stack::new(limit.clone(), timeout), work)) as BoxedAnswer)
        } else {
            task::spawn(Box::pin(call_once(Stack::new(timeout, limit.clone()), work)) as BoxedAnswer)
        };
        assert_pending!(parked.poll());
        sleep(SECOND * 100).await;
        assert!(!parked.is_woken(), "the timeout stands down");
        assert_eq!(limit.available(), 1, "the limit has its permit back");
        wake.send(()).expect("somebody listens");
        assert_pending!(parked.poll(), "returning");
        assert_ready_eq!(parked.poll(), Response::ok());
    }
}

type BoxedAnswer = std::pin::Pin<Box<dyn Future<Output = Response>>>;

#[test]
fn returning_command_takes_the_permits_of_two_limits_from_the_outer_to_the_inner() {
    let (outer, inner) = (ConcurrencyLimitLayer::new(1), ConcurrencyLimitLayer::new(1));
    let both = || Stack::new(inner.clone(), outer.clone());
    let (wake, work) = parked();
    let mut returning = task::spawn(call_once(both(), work));
    assert_pending!(returning.poll());
    let mut holds_outer = task::spawn(call_once(outer.clone(), pending()));
    assert_pending!(holds_outer.poll());
    wake.send(()).expect("somebody listens");
    assert_pending!(returning.poll(), "returning");
    assert_pending!(returning.poll());
    assert_eq!((outer.waiting(), inner.in_use()), (1, 0));
    drop(holds_outer);
    assert_ready_eq!(returning.poll(), Response::ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_never_exceed_the_limit_and_everybody_is_answered() {
    const MAX: usize = 3;
    let limit = ConcurrencyLimitLayer::new(MAX);
    let inside = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let (limit, inside) = (limit.clone(), inside.clone());
        callers.spawn(async move {
            for round in 0..300 {
                let inside = inside.clone();
                let work = async move {
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < MAX);
                    yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    if round % 2 == 0 {
                        park_until(yield_now()).await;
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < MAX);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                };
                let answer = call_once(limit.clone(), work);
                if (caller + round) % 7 == 0 {
                    // Dropped before it has begun, while it waits, or between two steps; never in the middle of one.
                    drop(tokio::time::timeout(Duration::ZERO, call_once(limit.clone(), yield_now())).await);
                }
                assert_eq!(answer.await, Response::ok());
            }
        });
    }
    callers.join_all().await;
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}
