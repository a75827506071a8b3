//! A connection that waits holds nothing that its service reserved: a layer may be ready, and then answer a command without
//! calling what it wraps.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use kvstore::{
    middleware::{DenyLayer, LoadShedLayer, from_fn},
    protocol::{Command, CommandError, Response},
    server::{ConnectionCommands, ConnectionLayer},
};
use tower::{BoxError, Service, ServiceBuilder, limit::ConcurrencyLimit, util::BoxCloneService};

use crate::support::{Client, Server, mock, settle, words};

type Boxed = BoxCloneService<Command, Response, BoxError>;

/// A name, and a stack.
type NamedStack = (&'static str, fn() -> Boxed);

/// How a service refuses FLUSHALL: always without calling the limit of one that it wraps.
const STACKS: [NamedStack; 7] = [
    ("deny", || {
        boxed(ServiceBuilder::new().layer(DenyLayer::names(["FLUSHALL"])).concurrency_limit(1).service(words()))
    }),
    ("filter", || {
        let refuse = |command: Command| -> Result<Command, BoxError> {
            if command.is("FLUSHALL") { Err(CommandError::new("NO", "flush").into()) } else { Ok(command) }
        };
        boxed(ServiceBuilder::new().filter(refuse).concurrency_limit(1).service(words()))
    }),
    ("cache", || boxed(ServiceBuilder::new().layer_fn(Cache).concurrency_limit(1).service(words()))),
    ("by hand", || boxed(ServiceBuilder::new().layer_fn(ByHand).concurrency_limit(1).service(words()))),
    ("from_fn", || {
        let layer = from_fn(|command: Command, next: kvstore::middleware::Next| async move {
            if command.is("FLUSHALL") { Response::error("NO", "flush") } else { next.run(command).await }
        });
        boxed(ServiceBuilder::new().layer(layer).concurrency_limit(1).service(words()))
    }),
    ("tower's load shed", || {
        let stack = ServiceBuilder::new().layer(DenyLayer::names(["FLUSHALL"])).load_shed().concurrency_limit(1);
        boxed(stack.service(words()))
    }),
    ("load shed", || {
        let stack = ServiceBuilder::new().layer(DenyLayer::names(["FLUSHALL"])).layer(LoadShedLayer::new());
        boxed(stack.concurrency_limit(1).service(words()))
    }),
];

fn boxed<S>(service: S) -> Boxed
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send + 'static> + Clone + Send + 'static,
{
    BoxCloneService::new(tower::ServiceExt::map_err(service, Into::into))
}

/// Answers FLUSHALL by itself, as a cache answers what it knows.
#[derive(Clone)]
struct Cache<S>(S);

impl<S: Service<Command, Response = Response, Error = Infallible, Future: Send + 'static>> Service<Command>
    for Cache<S>
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Self::Future {
        if command.is("FLUSHALL") {
            return Box::pin(ready(Ok(Response::error("NO", "flush"))));
        }
        Box::pin(self.0.call(command))
    }
}

/// The shape of the guide: the future of the inner service, or an answer.
#[derive(Clone)]
struct ByHand<S>(S);

impl<S: Service<Command, Response = Response>> Service<Command> for ByHand<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = futures_util::future::Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Self::Future {
        match command.is("FLUSHALL") {
            true => futures_util::future::Either::Right(ready(Ok(Response::error("NO", "flush")))),
            false => futures_util::future::Either::Left(self.0.call(command)),
        }
    }
}

fn server(stack: fn() -> Boxed, in_flight: usize) -> Server {
    Server::of(|listener| kvstore::serve(listener, stack()).max_in_flight(in_flight))
}

/// Reads the refusal of FLUSHALL, whatever its words.
async fn reads_refusal(client: &mut Client) {
    let line = client.reads_line().await;
    assert!(line.starts_with('-') && !line.contains("OVERLOADED"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_refused_and_waits_holds_no_permit() {
    for (name, stack) in STACKS {
        for in_flight in [1, 64] {
            let server = server(stack, in_flight);
            let (mut refused, mut other) = (server.connect(), server.connect());
            for _ in 0..3 {
                refused.sends("FLUSHALL\r\n").await;
                reads_refusal(&mut refused).await;
                other.asks("GET k\r\n", "$5\r\nGET k\r\n").await;
                refused.asks("GET k\r\n", "$5\r\nGET k\r\n").await;
            }
            assert!(refused.hears_nothing().await, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_pipeline_that_ends_with_a_refusal_nothing_is_held() {
    for (name, stack) in STACKS {
        for in_flight in [1, 64] {
            let server = server(stack, in_flight);
            let (mut one, mut two) = (server.connect(), server.connect());
            for client in [&mut one, &mut two] {
                client.sends("GET k\r\nFLUSHALL\r\n".repeat(256)).await;
                for _ in 0..256 {
                    assert_eq!(client.reads_bulk().await, "GET k", "{name}");
                    reads_refusal(client).await;
                }
            }
            two.asks("GET k\r\n", "$5\r\nGET k\r\n").await;
            one.asks("GET k\r\n", "$5\r\nGET k\r\n").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_command_in_flight_holds_nothing_for_the_next() {
    let (service, mut script) = mock();
    let limited = ServiceBuilder::new().layer(DenyLayer::names(["FLUSHALL"])).concurrency_limit(2).service(service);
    let server = Server::of(|listener| kvstore::serve(listener, limited).max_in_flight(64));
    let (mut busy, mut other) = (server.connect(), server.connect());
    busy.sends("SLOW\r\nFLUSHALL\r\n").await;
    let slow = script.expect("SLOW").await;
    settle().await;
    other.sends("GET k\r\n").await;
    script.expect("GET").await.answer("value");
    other.gets("$5\r\nvalue\r\n").await;
    slow.answer("done");
    busy.gets("$4\r\ndone\r\n").await;
    reads_refusal(&mut busy).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_for_a_permit_keeps_its_place() {
    let (service, mut script) = mock();
    let limited = ConcurrencyLimit::new(service, 1);
    let server = Server::start(limited);
    let [mut first, mut second, mut third] = [(); 3].map(|()| server.connect());
    first.sends("A\r\n").await;
    let a = script.expect("A").await;
    second.sends("B\r\n").await;
    settle().await;
    third.sends("C\r\n").await;
    settle().await;
    // Something else wakes the one that waits, and it stays in front.
    second.sends("D\r\n").await;
    settle().await;
    a.answer("a");
    script.expect("B").await.answer("b");
    script.expect("C").await.answer("c");
    script.expect("D").await.answer("d");
    second.gets("$1\r\nb\r\n$1\r\nd\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_holds_nothing_is_kept() {
    #[derive(Default)]
    struct Counted(std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Self(self.0.clone())
        }
    }
    impl Service<Command> for Counted {
        type Response = Response;
        type Error = Infallible;
        type Future = Ready<Result<Response, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Command) -> Self::Future {
            ready(Ok(Response::ok()))
        }
    }
    for (keeps, clones) in [(true, 1), (false, 3)] {
        let service = Counted::default();
        let count = service.0.clone();
        let mut client = Server::of(|listener| kvstore::serve(listener, service).keep_service(keeps)).connect();
        for _ in 0..3 {
            client.asks("A\r\nB\r\n", "+OK\r\n+OK\r\n").await;
        }
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), clones);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_server_says_pong_wherever_the_connection_layer_stands() {
    let limit = || kvstore::middleware::ConcurrencyLimitLayer::new(1);
    for place in [ConnectionCommands::Outermost, ConnectionCommands::Inside] {
        let (service, mut script) = mock();
        let stack = ServiceBuilder::new().layer(limit()).layer(ConnectionLayer::new()).service(service);
        let server = Server::of(|listener| kvstore::serve(listener, stack).connection_commands(place));
        let mut busy = server.connect();
        busy.sends("SLOW\r\n").await;
        let _slow = script.expect("SLOW").await;
        let mut other = server.connect();
        other.asks("PING\r\nCLIENT KILL ID 1\r\n", "+PONG\r\n:1\r\n").await;
        assert!(busy.is_closed().await);
    }
    // In front of the service even tower's limit lets it pass, since nothing is asked for readiness.
    let (service, mut script) = mock();
    let server = Server::start(ConcurrencyLimit::new(service, 1));
    let mut busy = server.connect();
    busy.sends("SLOW\r\n").await;
    let _slow = script.expect("SLOW").await;
    server.connect().asks("PING\r\n", "+PONG\r\n").await;
}
