//! Layers under `serve`: ours and tower's own, also under a deep pipeline of a lone client.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore::{
    middleware::{
        self, CatchPanicLayer, ConcurrencyLimitLayer, DenyLayer, HandleErrorLayer, LogLayer, MapCommandLayer,
        MapResponseLayer, Next, RenameLayer, TimeoutLayer, from_fn,
    },
    protocol::{Command, CommandError, Response, parking::park_until},
    store::Store,
};
use tokio::{sync::Notify, time::sleep};
use tower::{
    BoxError, Layer, Service, ServiceBuilder,
    balance::p2c::Balance,
    buffer::BufferLayer,
    discover::ServiceList,
    filter::FilterLayer,
    hedge::Hedge,
    limit::{GlobalConcurrencyLimitLayer, RateLimit, rate::Rate},
    load::Constant,
    load_shed::LoadShedLayer,
    retry::RetryLayer,
    service_fn,
    spawn_ready::SpawnReady,
};

use crate::support::{Server, mock, words};

/// How deep a pipeline is that tells a layer which goes wrong now and then.
const DEEP: usize = 512;

const SECOND: Duration = Duration::from_secs(1);

/// A lone client sends a deep pipeline, and reads its answers in order: with one command in flight, and with several.
async fn answers_a_deep_pipeline<S>(service: S)
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    for in_flight in [1, 8] {
        let server = Server::of(|listener| kvstore::serve(listener, service.clone()).max_in_flight(in_flight));
        let mut client = server.connect();
        client.sends((0..DEEP).map(|index| format!("GET {index:03}\r\n")).collect::<String>()).await;
        client.gets((0..DEEP).map(|index| format!("$7\r\nGET {index:03}\r\n")).collect::<String>()).await;
    }
}

/// Answers each command with its words, after others had their turn.
fn slow_words() -> impl Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    service_fn(async |command: Command| {
        tokio::task::yield_now().await;
        Ok(crate::support::words_of(&command))
    })
}

#[tokio::test(start_paused = true)]
async fn the_whole_stack_answers() {
    let stack = ServiceBuilder::new()
        .layer(LogLayer::new().slow_threshold(SECOND))
        .layer(ConcurrencyLimitLayer::new(10))
        .layer(TimeoutLayer::new(SECOND))
        .service(Store::new());
    let mut client = Server::start(stack).connect();
    client.asks("SET k v\r\nGET k\r\nGET x\r\nNOPE\r\n", "+OK\r\n$1\r\nv\r\n$-1\r\n-ERR unknown command 'NOPE'").await;
}

#[tokio::test(start_paused = true)]
async fn our_layers_answer_a_deep_pipeline() {
    let stack = ServiceBuilder::new()
        .layer(LogLayer::new())
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(TimeoutLayer::new(SECOND));
    answers_a_deep_pipeline(stack.service(words())).await;
    answers_a_deep_pipeline(stack.service(slow_words())).await;
}

#[tokio::test(start_paused = true)]
async fn our_layers_that_change_and_refuse_answer_a_deep_pipeline() {
    let stack = ServiceBuilder::new()
        .layer(from_fn(async |command, next: Next| next.run(command).await))
        .layer(CatchPanicLayer::new())
        .layer(RenameLayer::new([("FETCH", "GET"), ("GET", "FETCH")]))
        .layer(RenameLayer::new([("FETCH", "GET"), ("GET", "FETCH")]))
        .layer(DenyLayer::all_but(["GET"]))
        .layer(MapCommandLayer::new(|command| command))
        .layer(MapResponseLayer::new(|response| response));
    answers_a_deep_pipeline(stack.clone().service(words())).await;
    answers_a_deep_pipeline(stack.service(slow_words())).await;
}

#[tokio::test(start_paused = true)]
async fn each_command_of_a_pipeline_is_denied_by_itself() {
    let service = DenyLayer::names(["CONFIG SET"]).layer(words());
    let mut client = Server::start(service).connect();
    let denied = "-NOPERM this server does not run the 'config|set' command\r\n";
    client.sends("A\r\nCONFIG SET a b\r\nconfig set a b\r\nB\r\n").await;
    client.gets(format!("$1\r\nA\r\n{denied}{denied}$1\r\nB\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn our_load_shedder_sheds_nothing_of_a_lone_client() {
    let shed = ServiceBuilder::new().layer(middleware::LoadShedLayer::new()).layer(BufferLayer::new(DEEP));
    answers_a_deep_pipeline(shed.clone().service(words())).await;
    answers_a_deep_pipeline(shed.service(slow_words())).await;
}

#[tokio::test(start_paused = true)]
async fn our_load_shedder_leaves_no_permit_with_a_client_that_was_shed() {
    let (service, mut script) = mock();
    let shed = ServiceBuilder::new()
        .layer(middleware::LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .service(service);
    let server = Server::start(shed);
    let [mut one, mut two, mut three] = [(); 3].map(|()| server.connect());
    one.sends("A\r\n").await;
    let a = script.expect("A").await;
    two.asks("B\r\n", "-OVERLOADED too many commands at once\r\n").await;
    a.answer("a");
    one.gets("$1\r\na\r\n").await;
    three.sends("C\r\n").await;
    script.expect("C").await.answer("c");
    three.gets("$1\r\nc\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn our_limit_holds_across_connections() {
    let (service, mut script) = mock();
    let limit = ConcurrencyLimitLayer::new(1);
    let server = Server::start(limit.layer(service));
    let (mut one, mut two) = (server.connect(), server.connect());
    one.sends("A\r\n").await;
    let a = script.expect("A").await;
    two.sends("B\r\n").await;
    script.assert_quiet().await;
    a.answer("a");
    one.gets("$1\r\na\r\n").await;
    script.expect("B").await.answer("b");
    two.gets("$1\r\nb\r\n").await;
    assert_eq!(limit.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn our_limit_refuses_where_that_is_asked_for() {
    let (service, mut script) = mock();
    let server = Server::start(ConcurrencyLimitLayer::new(1).refuse().layer(service));
    let (mut one, mut two) = (server.connect(), server.connect());
    one.sends("A\r\n").await;
    let a = script.expect("A").await;
    two.asks("B\r\nPING\r\n", "-OVERLOADED too many commands at once\r\n+PONG\r\n").await;
    a.answer("a");
    one.gets("$1\r\na\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_gives_its_permit_back() {
    let (service, mut script) = mock();
    let limit = ConcurrencyLimitLayer::new(1);
    let server = Server::start(limit.layer(service));
    let mut one = server.connect();
    one.sends("A\r\n").await;
    let mut a = script.expect("A").await;
    server.connect().asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    a.dropped().await;
    assert_eq!(limit.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_command_is_answered_and_the_stream_stays_in_step() {
    let (service, mut script) = mock();
    let mut client = Server::start(TimeoutLayer::new(SECOND).layer(service)).connect();
    client.sends("A\r\nB\r\n").await;
    script.expect("A").await.dropped().await;
    script.expect("B").await.answer("b");
    client.gets("-TIMEOUT the command took too long\r\n$1\r\nb\r\n").await;
}

/// Answers at once, but WAIT, which parks until it is told.
fn waiting(
    told: Arc<Notify>,
) -> impl Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(move |command: Command| {
        let told = told.clone();
        async move {
            if command.is("WAIT") {
                park_until(told.notified()).await;
            }
            Ok(crate::support::words_of(&command))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_parked_command_takes_no_permit_and_is_not_late() {
    let told = Arc::new(Notify::new());
    let limit = ConcurrencyLimitLayer::new(1);
    let stack = ServiceBuilder::new()
        .layer(LogLayer::new())
        .layer(limit.clone())
        .layer(TimeoutLayer::new(SECOND))
        .service(waiting(told.clone()));
    let server = Server::start(stack);
    let (mut one, mut two) = (server.connect(), server.connect());
    one.sends("WAIT\r\nGET\r\n").await;
    sleep(100 * SECOND).await;
    assert_eq!(limit.in_use(), 0);
    two.asks("GET\r\n", "$3\r\nGET\r\n").await;
    told.notify_one();
    one.gets("$4\r\nWAIT\r\n$3\r\nGET\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_parked_command_of_a_client_that_is_killed_is_dropped() {
    let (parked, mut events) = tokio::sync::mpsc::unbounded_channel();
    let parking = service_fn(move |_: Command| {
        let (event, waiting) = tokio::sync::oneshot::channel::<Response>();
        parked.send(event).expect("the test listens");
        async { park_until(waiting).await.map_err(BoxError::from) }
    });
    let server = Server::start(ConcurrencyLimitLayer::new(1).layer(parking));
    let mut client = server.connect();
    client.sends("WAIT\r\n").await;
    let mut event = events.recv().await.expect("it is called");
    server.connect().asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    event.closed().await;
}

#[tokio::test(start_paused = true)]
async fn towers_timeout_answers_a_deep_pipeline() {
    let layer = tower::timeout::TimeoutLayer::new(SECOND);
    answers_a_deep_pipeline(layer.layer(words())).await;
    answers_a_deep_pipeline(layer.layer(slow_words())).await;
}

#[tokio::test(start_paused = true)]
async fn towers_limit_answers_a_deep_pipeline() {
    answers_a_deep_pipeline(GlobalConcurrencyLimitLayer::new(1).layer(words())).await;
    answers_a_deep_pipeline(GlobalConcurrencyLimitLayer::new(3).layer(slow_words())).await;
    answers_a_deep_pipeline(tower::limit::ConcurrencyLimitLayer::new(1).layer(slow_words())).await;
}

#[tokio::test(start_paused = true)]
async fn a_load_shedder_over_a_limit_sheds_nothing_of_a_lone_client() {
    let shed = ServiceBuilder::new().layer(LoadShedLayer::new()).layer(GlobalConcurrencyLimitLayer::new(10));
    answers_a_deep_pipeline(shed.service(words())).await;
    answers_a_deep_pipeline(shed.service(slow_words())).await;
}

#[tokio::test(start_paused = true)]
async fn a_load_shedder_sheds_what_is_over_the_limit() {
    let (service, mut script) = mock();
    let shed =
        ServiceBuilder::new().layer(LoadShedLayer::new()).layer(GlobalConcurrencyLimitLayer::new(1)).service(service);
    let server = Server::start(shed);
    let (mut one, mut two) = (server.connect(), server.connect());
    one.sends("A\r\n").await;
    let a = script.expect("A").await;
    two.asks("B\r\nPING\r\n", "-OVERLOADED too many commands at once\r\n+PONG\r\n").await;
    a.answer("a");
    one.gets("$1\r\na\r\n").await;
    two.sends("B\r\n").await;
    script.expect("B").await.answer("b");
    two.gets("$1\r\nb\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_buffer_answers_a_deep_pipeline() {
    answers_a_deep_pipeline(BufferLayer::new(4).layer(words())).await;
    answers_a_deep_pipeline(BufferLayer::new(1).layer(slow_words())).await;
}

#[tokio::test(start_paused = true)]
async fn effects_are_reordered_with_several_commands_in_flight_and_answers_are_not() {
    for (in_flight, expected) in [(1, ["SLOW", "FAST"]), (2, ["FAST", "SLOW"])] {
        let effects: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = effects.clone();
        let service = service_fn(move |command: Command| {
            let log = log.clone();
            async move {
                if command.is("SLOW") {
                    sleep(SECOND).await;
                }
                let name = String::from_utf8_lossy(command.name()).into_owned();
                log.lock().expect("no panic").push(name);
                Ok::<_, Infallible>(crate::support::words_of(&command))
            }
        });
        let server = Server::of(|listener| kvstore::serve(listener, service.clone()).max_in_flight(in_flight));
        server.connect().asks("SLOW\r\nFAST\r\n", "$4\r\nSLOW\r\n$4\r\nFAST\r\n").await;
        assert_eq!(*effects.lock().expect("no panic"), expected);
    }
}

/// These are not `Clone`: a buffer makes a service of them that connections can share.
#[tokio::test(start_paused = true)]
async fn layers_that_need_a_buffer_answer_a_deep_pipeline() {
    let buffer = || BufferLayer::new(4);
    answers_a_deep_pipeline(buffer().layer(RateLimit::new(slow_words(), Rate::new(1, SECOND)))).await;
    answers_a_deep_pipeline(buffer().layer(Hedge::new(slow_words(), Twice, 1, 0.9, SECOND))).await;
    answers_a_deep_pipeline(buffer().layer(SpawnReady::new(slow_words()))).await;
    let services = [(); 2].map(|()| Constant::new(slow_words(), 1));
    answers_a_deep_pipeline(buffer().layer(Balance::new(ServiceList::new(services)))).await;
}

/// Sends every command a second time if its answer is late.
#[derive(Clone)]
struct Twice;

impl tower::hedge::Policy<Command> for Twice {
    fn clone_request(&self, command: &Command) -> Option<Command> {
        Some(command.clone())
    }

    fn can_retry(&self, _: &Command) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_handler_answers_what_towers_layers_fail_with() {
    let stack = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |error: BoxError| Response::error("FAILED", &error.to_string())))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(10));
    answers_a_deep_pipeline(stack.clone().service(words())).await;
    let broken = service_fn(async |_: Command| Err::<Response, BoxError>("no disk".into()));
    Server::start(stack.service(broken)).connect().asks("A\r\nPING\r\n", "-FAILED no disk\r\n+PONG\r\n").await;
}

/// Tries again after an error, so many times.
#[derive(Clone)]
struct Again(usize);

impl<E> tower::retry::Policy<Command, Response, E> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Command, result: &mut Result<Response, E>) -> Option<Ready<()>> {
        self.0 = self.0.checked_sub(1)?;
        result.is_err().then(|| ready(()))
    }

    fn clone_request(&mut self, command: &Command) -> Option<Command> {
        Some(command.clone())
    }
}

/// Fails every command but each third.
fn moody()
-> impl Service<Command, Response = Response, Error = CommandError, Future: Future + Send> + Clone + Send + 'static {
    let calls = Arc::new(AtomicUsize::new(0));
    service_fn(move |command: Command| {
        let is_good = calls.fetch_add(1, Ordering::Relaxed) % 3 == 2;
        ready(if is_good { Ok(crate::support::words_of(&command)) } else { Err(CommandError::err("not now")) })
    })
}

#[tokio::test(start_paused = true)]
async fn a_retry_answers_a_deep_pipeline() {
    answers_a_deep_pipeline(RetryLayer::new(Again(2)).layer(words())).await;
    let server = Server::start(RetryLayer::new(Again(2)).layer(moody()));
    let mut client = server.connect();
    client.sends("GET\r\n".repeat(DEEP)).await;
    client.gets("$3\r\nGET\r\n".repeat(DEEP)).await;
    Server::start(RetryLayer::new(Again(1)).layer(moody())).connect().asks("GET\r\n", "-ERR not now\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_filter_refuses_in_its_own_words() {
    let filter = FilterLayer::new(|command: Command| match command.is("FLUSHALL") {
        true => Err(CommandError::new("NOPERM", "not here")),
        false => Ok(command),
    });
    answers_a_deep_pipeline(filter.layer(words())).await;
    let mut client = Server::start(filter.layer(words())).connect();
    client.asks("GET\r\nFLUSHALL\r\nGET\r\n", "$3\r\nGET\r\n-NOPERM not here\r\n$3\r\nGET\r\n").await;
}
