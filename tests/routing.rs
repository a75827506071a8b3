//! Routers: names, sub-commands, handlers, extractors, layers, fallbacks, and what COMMAND tells.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use kvstore::{
    catalog::{Flags, KeySpec},
    middleware::{ConcurrencyLimitLayer, TimeoutLayer},
    protocol::{Body, Command, CommandError, Protocol, Push, Response, Session},
    routing::{
        AnyError, Arg, FromRef, IntoResponse, Key, Next, Parse, Rest, Route, Router, State, from_fn, from_fn_with_state,
    },
    store::Store,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Server, settle};

/// Asks a service, in the words of an inline command, and shows its answer.
async fn ask<V>(service: &V, words: &str) -> String
where
    V: Service<Command, Response = Response, Error: std::fmt::Debug> + Clone,
{
    let mut words = words.split(' ');
    let command = Command::new(words.next().unwrap_or_default()).with_args(words);
    service.clone().oneshot(command).await.expect("an answer").to_string()
}

/// Checks questions and answers.
async fn check<V>(service: &V, asked: &[(&str, &str)])
where
    V: Service<Command, Response = Response, Error: std::fmt::Debug> + Clone,
{
    for (words, answer) in asked {
        assert_eq!(ask(service, words).await, *answer, "{words}");
    }
}

#[tokio::test]
async fn a_router_serves_redis_clients_by_itself() {
    let router: Router = Router::new().command("GREET", |Arg(name): Arg<String>| format!("hello, {name}"));
    let mut client = Server::start(router).connect();
    client.asks("GREET Ada\r\n", "$10\r\nhello, Ada\r\n").await;
    client.asks("greet\r\n", "-ERR wrong number of arguments for 'greet' command\r\n").await;
    client.asks("NOSUCH a b\r\n", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n").await;
    client.asks("PING\r\n", "+PONG\r\n").await;
    client.asks("*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n", "*14\r\n").await;
}

#[tokio::test]
async fn functions_of_all_kinds_are_handlers() {
    fn none() {}
    #[kvstore::debug_handler]
    async fn later(Arg(number): Arg<i64>) -> Result<i64, CommandError> {
        tokio::task::yield_now().await;
        number.checked_add(1).ok_or(CommandError::err("too large"))
    }
    #[kvstore::debug_handler]
    #[allow(clippy::too_many_arguments)]
    fn eight(
        a: Arg<i8>,
        b: Arg<i16>,
        c: Arg<i32>,
        d: Arg<u8>,
        e: Arg<u16>,
        f: Arg<u32>,
        g: Arg<f64>,
        Rest(h): Rest<i64>,
    ) -> f64 {
        let ints = i64::from(a.0) + i64::from(b.0) + i64::from(c.0) + i64::from(d.0) + i64::from(e.0) + i64::from(f.0);
        ints as f64 + g.0 + h.iter().sum::<i64>() as f64
    }
    let offset = 10;
    let router: Router = Router::new()
        .command("NONE", none)
        .command("LATER", later)
        .command("EIGHT", eight)
        .command("CLOSURE", move |Arg(number): Arg<i64>| number + offset)
        .command("ASYNC", async |Arg(text): Arg<Bytes>| text)
        .command("BLOCK", |command: Command| async move { command.len() });
    check(
        &router,
        &[
            ("none", "+OK"),
            ("NONE x", "-ERR wrong number of arguments for 'none' command"),
            ("LATER 1", ":2"),
            ("LATER 9223372036854775807", "-ERR too large"),
            ("EIGHT 1 2 3 4 5 6 7.5 8 9", "45.5"),
            ("CLOSURE 1", ":11"),
            ("ASYNC text", "\"text\""),
            ("BLOCK a b", ":3"),
        ],
    )
    .await;
}

#[tokio::test]
async fn arguments_are_refused_with_the_texts_of_redis() {
    let router: Router = Router::new()
        .command("INT", |Arg(number): Arg<i64>| number)
        .command("FLOAT", |Arg(number): Arg<f64>| number)
        .command("TEXT", |Arg(text): Arg<String>| text)
        .command("OPTIONS", |Key(_): Key, option: Option<Arg<u8>>, Rest(more): Rest| {
            (option.map_or(0, |option| usize::from(option.0)) + more.len()).into_response()
        });
    check(
        &router,
        &[
            ("INT 1.5", "-ERR value is not an integer or out of range"),
            ("INT +1", "-ERR value is not an integer or out of range"),
            ("FLOAT x", "-ERR value is not a valid float"),
            ("FLOAT nan", "-ERR value is not a valid float"),
            ("FLOAT 1e3", "1000"),
            ("INT", "-ERR wrong number of arguments for 'int' command"),
            ("INT 1 2", "-ERR wrong number of arguments for 'int' command"),
            ("OPTIONS", "-ERR wrong number of arguments for 'options' command"),
            ("OPTIONS k", ":0"),
            ("OPTIONS k 5", ":5"),
            ("OPTIONS k 5 x y", ":7"),
            ("OPTIONS k x", "-ERR value is not an integer or out of range"),
        ],
    )
    .await;
}

#[tokio::test]
async fn arguments_are_parsed_to_what_a_type_reads() {
    let router: Router = Router::new()
        .command("SWITCH", |Arg(is_on): Arg<bool>| is_on)
        .command(
            "JOIN",
            |Parse(version): Parse<std::num::NonZeroU8>, Rest(peers): Rest<Parse<std::net::SocketAddr>>| {
                (version.get(), peers.into_iter().map(|Parse(peer)| peer).collect::<Vec<_>>())
            },
        )
        .command("MAYBE", |level: Option<Parse<tracing::Level>>| level.map(|Parse(level)| level.to_string()));
    check(
        &router,
        &[
            ("SWITCH yes", ":1"),
            ("SWITCH OFF", ":0"),
            ("SWITCH maybe", "-ERR value is not a boolean"),
            ("JOIN 3", "[:3, []]"),
            ("JOIN 3 127.0.0.1:1 [::1]:2", "[:3, [\"127.0.0.1:1\", \"[::1]:2\"]]"),
            ("JOIN 0", "-ERR invalid value: number would be zero for non-zero type"),
            ("JOIN 3 localhost", "-ERR invalid value: invalid socket address syntax"),
            ("MAYBE", "(nil)"),
            ("MAYBE info", "\"INFO\""),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_state_and_its_parts_reach_the_handlers() {
    #[derive(Clone, FromRef)]
    struct App {
        #[from_ref(skip)]
        name: &'static str,
        calls: Arc<AtomicUsize>,
    }
    #[kvstore::debug_handler(state = App)]
    async fn name(State(app): State<App>, State(calls): State<Arc<AtomicUsize>>) -> String {
        format!("{} {}", app.name, calls.fetch_add(1, Ordering::Relaxed))
    }
    let app = |name| App { name, calls: Arc::default() };
    let router = Router::new().command("NAME", name);
    let (one, other): (Router, Router) = (router.clone().with_state(app("one")), router.with_state(app("other")));
    check(&one, &[("NAME", "\"one 0\""), ("NAME", "\"one 1\"")]).await;
    check(&other, &[("NAME", "\"other 0\"")]).await;
}

#[tokio::test]
async fn the_session_and_the_way_back_reach_the_handlers() {
    fn who(session: Arc<Session>, copy: Session) -> String {
        assert_eq!(session.id(), copy.id());
        format!("{} {:?}", String::from_utf8_lossy(session.name()), session.protocol() == Protocol::Resp2)
    }
    async fn three(push: Push, Arg(text): Arg<Bytes>) -> Result<(), AnyError> {
        let push = push.before_answer();
        for _ in 0..3 {
            push.send(Response::Push(vec!["told".into(), text.clone().into()])).await?;
        }
        Ok(())
    }
    let has_push = |push: Option<Push>| push.is_some();
    let router: Router = Router::new().command("WHO", who).command("THREE", three).command("HAS", has_push);
    check(&router, &[("THREE x", "-ERR this command needs a connection to send messages to"), ("HAS", ":0")]).await;
    let mut client = Server::start(router).connect();
    client.asks("CLIENT SETNAME ada\r\nWHO\r\nHAS\r\n", "+OK\r\n$8\r\nada true\r\n:1\r\n").await;
    let told = "*2\r\n$4\r\ntold\r\n$1\r\nx\r\n".repeat(3);
    client.asks("THREE x\r\n", told + "+OK\r\n").await;
}

#[tokio::test]
async fn sub_commands_are_found_by_their_second_word() {
    let router: Router = Router::new()
        .command("CONFIG GET", Route::handler(|Rest(names): Rest| names).summary("Returns settings."))
        .command("CONFIG RESET", || ())
        .command("LIGHT", |brightness: Option<Arg<u8>>| brightness.map_or(0, |arg| usize::from(arg.0)))
        .command("LIGHT OFF", || "dark");
    check(
        &router,
        &[
            ("CONFIG get a b", "[\"a\", \"b\"]"),
            ("config reset", "+OK"),
            ("CONFIG RESET x", "-ERR wrong number of arguments for 'config|reset' command"),
            ("CONFIG", "-ERR wrong number of arguments for 'config' command"),
            ("CONFIG FOO", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP."),
            ("LIGHT", ":0"),
            ("LIGHT 7", ":7"),
            ("LIGHT off", "\"dark\""),
            ("LIGHT 7 8", "-ERR unknown subcommand '7'. Try LIGHT HELP."),
            (
                "CONFIG HELP",
                "[+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, +GET, +    Returns settings., \
                 +RESET, +    , +HELP, +    Print this help.]",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_fallback_answers_what_no_route_does() {
    let handler: Router = Router::new().command("KNOWN", || 1).fallback(|command: Command| command.len());
    check(&handler, &[("KNOWN", ":1"), ("OTHER a b", ":3")]).await;
    let service: Router<(), Store> =
        Router::new().command("GREET", || "hello").command("CONFIG EXTRA", || "extra").fallback_service(Store::new());
    check(
        &service,
        &[
            ("GREET", "\"hello\""),
            ("SET k v", "+OK"),
            ("GET k", "\"v\""),
            ("CONFIG EXTRA", "\"extra\""),
            ("CONFIG GET databases", "{\"databases\": \"16\"}"),
            ("CONFIG FOO", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP."),
            ("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: "),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_fallback_holds_back_its_own_commands_alone() {
    let busy = ConcurrencyLimitLayer::new(1);
    let slow = service_fn(|_: Command| std::future::pending::<Result<Response, Infallible>>());
    let slow = tower::ServiceBuilder::new().concurrency_limit(1).layer(busy).service(slow);
    let router: Router<(), _> = Router::new().command("FAST", || 1).fallback_service(slow);
    let waiting = [
        tokio::spawn(router.clone().oneshot(Command::new("PING"))),
        tokio::spawn(router.clone().oneshot(Command::new("PING"))),
    ];
    tokio::task::yield_now().await;
    check(&router, &[("FAST", ":1")]).await;
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn a_layer_of_a_route_is_about_that_command_alone() {
    let never = || std::future::pending::<()>();
    let router: Router = Router::new()
        .command("LATE", Route::handler(never).layer(TimeoutLayer::new(Duration::from_secs(1))))
        .command("TOWER", Route::handler(never).layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(1))))
        .command("FREE", || 1);
    check(
        &router,
        &[
            ("LATE", "-TIMEOUT the command took too long"),
            ("TOWER", "-TIMEOUT the command took too long"),
            ("LATE x", "-ERR wrong number of arguments for 'late' command"),
            ("FREE", ":1"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_layer_of_a_router_is_about_all_that_was_there() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = {
        let seen = seen.clone();
        move |command: Command| {
            seen.lock().expect("no panic").push(String::from_utf8_lossy(command.name()).into_owned());
            command
        }
    };
    let router: Router<(), _> = Router::new()
        .command("A", || 1)
        .command("B C", async || 2)
        .layer(tower::util::MapRequestLayer::new(note))
        .command("LATER", || 3);
    check(&router, &[("a", ":1"), ("B C", ":2"), ("LATER", ":3")]).await;
    assert!(ask(&router, "NOSUCH").await.starts_with("-ERR unknown command"));
    assert_eq!(*seen.lock().expect("no panic"), ["a", "B", "NOSUCH"]);
}

#[tokio::test]
async fn the_function_of_a_layer_has_extractors_and_leaves_the_command_as_it_is() {
    async fn quota(
        State(left): State<Arc<AtomicUsize>>,
        session: Arc<Session>,
        Key(key): Key,
        amount: Option<Arg<usize>>,
        command: Command,
        next: Next,
    ) -> Result<(String, Response), CommandError> {
        let amount = amount.map_or(1, |Arg(amount)| amount);
        let is_left = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(amount));
        is_left.map_err(|left| CommandError::err(format!("{left} left")))?;
        let name = String::from_utf8_lossy(session.name()).into_owned();
        Ok((format!("{name}{}", key.len()), next.run(command).await))
    }
    let echo = |command: Command| command.args().map(<[u8]>::to_vec).collect::<Vec<_>>();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = {
        let calls = calls.clone();
        move |command: Command| {
            calls.fetch_add(1, Ordering::Relaxed);
            echo(command)
        }
    };
    let left = Arc::new(AtomicUsize::new(5));
    let route = Route::handler(counted).layer(from_fn_with_state(left, quota));
    let router: Router = Router::new().command("ADD", route);
    check(
        &router,
        &[
            ("ADD key", "[\"3\", [\"key\"]]"),
            ("ADD key 3 more", "[\"3\", [\"key\", \"3\", \"more\"]]"),
            ("ADD key 2", "-ERR 1 left"),
            ("ADD key x", "-ERR value is not an integer or out of range"),
            ("ADD", "-ERR wrong number of arguments for 'add' command"),
        ],
    )
    .await;
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_function_of_a_layer_may_have_no_extractors() {
    async fn count(command: Command, next: Next) -> (usize, Response) {
        (command.len(), next.run(command).await)
    }
    let router: Router<(), _> = Router::new().command("A", || 1).layer(from_fn(count));
    check(&router, &[("A", "[:1, :1]"), ("A b", "[:2, -ERR wrong number of arguments for 'a' command]")]).await;
}

#[tokio::test]
async fn a_layer_of_a_router_may_be_a_closure_over_a_service() {
    let renamed =
        tower::layer::layer_fn(|inner| kvstore::middleware::RenameLayer::new([("HELLO2", "GREET")]).layer(inner));
    let router: Router<(), _> =
        Router::new().command("GREET", || "hello").fallback(|command: Command| command.len()).layer(renamed);
    check(&router, &[("GREET", "\"hello\""), ("NOSUCH a b", ":3")]).await;
    let stored: Router<(), _> = Router::new()
        .command("GREET", || "hello")
        .fallback_service(Store::new())
        .layer(tower::layer::layer_fn(|inner| ConcurrencyLimitLayer::new(1).layer(inner)));
    check(&stored, &[("GREET", "\"hello\""), ("SET k v", "+OK"), ("GET k", "\"v\"")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_a_layered_router_is_shared_by_its_routes_and_connections() {
    let limit = ConcurrencyLimitLayer::new(1).refuse();
    let event = Arc::new(tokio::sync::Notify::new());
    let wait = async |State(event): State<Arc<tokio::sync::Notify>>| event.notified().await;
    let router = Router::new().command("WAIT", wait).command("FAST", || 1).with_state(event.clone()).layer(limit);
    let server = Server::start(router);
    let (mut one, mut other) = (server.connect(), server.connect());
    one.sends("WAIT\r\n").await;
    crate::support::settle().await;
    other.asks("FAST\r\n", "-OVERLOADED too many commands at once\r\n").await;
    event.notify_one();
    one.gets("+OK\r\n").await;
    other.asks("FAST\r\n", ":1\r\n").await;
}

#[tokio::test]
async fn nothing_happens_before_a_command_is_polled() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = {
        let calls = calls.clone();
        move || calls.fetch_add(1, Ordering::Relaxed)
    };
    let mut router: Router = Router::new().command("COUNT", count);
    let answer = router.call(Command::new("COUNT"));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    drop(answer);
    assert_eq!(router.call(Command::new("COUNT")).await, Ok(0.into()));
}

#[tokio::test]
async fn routers_merge_with_what_each_of_them_has() {
    let names = Router::new().command("NAME", |State(name): State<&'static str>| name).with_state("ada");
    let others = Router::new().command("OTHER", || 2).fallback(|| "nothing");
    let router: Router = Router::new().command("ONE", |_: Command| 1).merge(names).merge(others);
    check(&router, &[("NAME", "\"ada\""), ("OTHER", ":2"), ("ONE", ":1"), ("NOSUCH", "\"nothing\"")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_layered_router_merges_with_its_layers_and_without_its_unknown() {
    async fn slow() {
        std::future::pending().await
    }
    let layered = Router::new().command("SLOW", slow).layer(TimeoutLayer::new(Duration::from_secs(1)));
    let router: Router = Router::new().command("ONE", || 1).merge(layered);
    let unknown = "-ERR unknown command 'NOSUCH', with args beginning with: ";
    let late = "-TIMEOUT the command took too long";
    check(&router, &[("SLOW", late), ("ONE", ":1"), ("NOSUCH", unknown)]).await;
}

#[test]
#[should_panic(expected = "a router has one fallback")]
fn a_router_with_a_service_behind_it_is_not_merged_into_another() {
    drop(Router::<()>::new().merge(Router::new().fallback_service(Store::new())));
}

#[test]
#[should_panic(expected = "two routes for get")]
fn two_routes_of_one_name_are_refused() {
    drop(Router::<()>::new().command("GET", || 1).command("get", || 2));
}

#[test]
#[should_panic(expected = "a name has one word or two")]
fn a_name_of_three_words_is_refused() {
    drop(Router::<()>::new().command("A B C", || 1));
}

#[test]
#[should_panic(expected = "a router has one fallback")]
fn a_second_fallback_is_refused() {
    drop(Router::<()>::new().fallback(|| 1).fallback_service(Store::new()));
}

#[tokio::test]
async fn a_service_is_a_route_too() {
    let echo = service_fn(async |command: Command| match command.len() {
        1 => Err("nothing to say"),
        _ => Ok(Response::from(command.args().next())),
    });
    let router: Router = Router::new().command("SAY", Route::service(echo));
    check(&router, &[("SAY x y", "\"x\""), ("SAY", "-ERR internal error")]).await;
}

#[tokio::test]
async fn errors_of_all_kinds_are_answers() {
    #[derive(Debug)]
    enum Failure {
        Missing,
    }
    impl IntoResponse for Failure {
        fn into_response(self) -> Response {
            let Self::Missing = self;
            Response::error("MISSING", "not there")
        }
    }
    fn parse(Arg(text): Arg<String>) -> Result<i64, AnyError> {
        if text.is_empty() {
            return Err(CommandError::SYNTAX.into());
        }
        Ok(text.parse()?)
    }
    let router: Router = Router::new()
        .command("OWN", || Err::<(), _>(Failure::Missing))
        .command("PARSE", parse)
        .command("TEXT", || -> Result<(), AnyError> { Err("the reason is for the log")? })
        .command("FORMAT", || None::<u8>.ok_or(format!("nothing but {}", "text")).map_err(AnyError::from))
        .command("PANIC", || -> () { panic!("a secret") });
    check(&router, &[("OWN", "-MISSING not there"), ("PARSE 5", ":5"), ("PARSE ", "-ERR syntax error")]).await;
    check(&router, &[("TEXT", "-ERR internal error"), ("FORMAT", "-ERR internal error")]).await;
    let mut client = Server::start(router).connect();
    client.asks("PARSE x\r\nPANIC\r\nPARSE 7\r\n", "-ERR internal error\r\n-ERR internal error\r\n:7\r\n").await;
}

#[tokio::test]
async fn command_tells_of_the_routes() {
    fn copy(_: Key, _: Key) {}
    fn unlink(_: Key, _: Rest<Key>) {}
    fn set(_: Key, _: Arg<Bytes>, _: Option<Arg<u64>>) {}
    let router: Router = Router::new()
        .command("COPY", Route::handler(copy).flags(Flags::WRITE | Flags::FAST).summary("Copies.").group("generic"))
        .command("UNLINK", unlink)
        .command("SET", set)
        .command("OBJECT FREQ", |_: Key| 1)
        .command("SCORE", Route::handler(|_: Arg<u64>, _: Arg<u64>, _: Rest<Key>| 1).flags(Flags::READ))
        .command("SUM", Route::handler(|_: Rest<Bytes>| 1).keys([KeySpec::overwrites(1), KeySpec::reads(2).counted()]))
        .command("NAP", || ());
    let info = |name, arity, keys| format!("[\"{name}\", {arity}, {{}}, {keys}");
    for (name, starts) in [
        ("copy", "[\"copy\", :3, {+write, +fast}, :1, :2, :1, {+@keyspace, +@write, +@fast}".to_owned()),
        ("unlink", info("unlink", ":-2", ":1, :-1, :1")),
        ("set", info("set", ":-3", ":1, :1, :1")),
        ("object|freq", info("object|freq", ":3", ":2, :2, :1")),
        ("sum", "[\"sum\", :-1, {+movablekeys}, :1, :1, :1".to_owned()),
        ("nap", info("nap", ":1", ":0, :0, :0")),
    ] {
        let told = ask(&router, &format!("COMMAND INFO {name}")).await;
        assert!(told[1..].starts_with(&starts), "{told}");
    }
    check(
        &router,
        &[
            ("COMMAND COUNT", ":17"),
            ("COMMAND LIST FILTERBY PATTERN n*", "[\"nap\"]"),
            ("COMMAND INFO nosuch", "[(nil)]"),
            ("COMMAND DOCS copy", "{\"copy\": {\"summary\": \"Copies.\", \"group\": \"generic\"}}"),
            ("COMMAND GETKEYS UNLINK a b", "[\"a\", \"b\"]"),
            ("COMMAND GETKEYS OBJECT FREQ a", "[\"a\"]"),
            ("COMMAND GETKEYSANDFLAGS SCORE 1 2 a b", "[[\"a\", {+RO, +access}], [\"b\", {+RO, +access}]]"),
            (
                "COMMAND GETKEYSANDFLAGS SUM to 2 a b",
                "[[\"to\", {+OW, +update}], [\"a\", {+RO, +access}], [\"b\", {+RO, +access}]]",
            ),
            ("COMMAND GETKEYS SUM to 3 a b", "-ERR Invalid arguments specified for command"),
            ("COMMAND GETKEYS NAP", "-ERR The command has no key arguments"),
            ("COMMAND HELP x", "-ERR wrong number of arguments for 'command|help' command"),
            ("COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP."),
            ("COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command"),
        ],
    )
    .await;
    let helped = ask(&router, "command help").await;
    assert!(helped.starts_with("[+COMMAND <subcommand>") && helped.contains("+GETKEYS, +"), "{helped}");
    let listed = ask(&router, "COMMAND LIST").await;
    assert!(
        ["copy", "command", "ping", "object"].iter().all(|name| listed.contains(&format!("\"{name}\""))),
        "{listed}"
    );
}

#[tokio::test]
async fn command_tells_of_what_is_behind_the_router_too() {
    let router: Router<(), Store> = Router::new()
        .command("GREET", || 1)
        .command("GET", |_: Key, _: Key| 2)
        .command("SET", |_: Arg<Bytes>, _: Key| 3)
        .fallback_service(Store::new());
    let alone: usize = ask(&Store::new(), "COMMAND COUNT").await[1..].parse().expect("a count");
    check(
        &router,
        &[
            ("COMMAND COUNT", &*format!(":{}", alone + 1)),
            ("COMMAND GETKEYS MSET a 1 b 2", "[\"a\", \"b\"]"),
            ("COMMAND GETKEYS GET a b", "[\"a\", \"b\"]"),
            ("COMMAND GETKEYS SET a b", "[\"b\"]"),
            ("COMMAND GETKEYSANDFLAGS SET a b", "[[\"b\", {+RW, +access, +update}]]"),
            ("COMMAND LIST FILTERBY PATTERN g*t", "[\"greet\", \"get\", \"getset\", \"getbit\", \"geodist\"]"),
        ],
    )
    .await;
    let told = ask(&router, "COMMAND INFO greet get strlen nosuch").await;
    let expected = ["[[\"greet\", :1", "[\"get\", :3", "[\"strlen\", :2", "(nil)]"];
    assert!(expected.iter().all(|part| told.contains(part)), "{told}");
    assert!(ask(&router, "COMMAND DOCS strlen greet").await.contains("\"strlen\": {\"summary\""));
}

#[tokio::test]
async fn a_route_named_command_is_the_only_answer_to_it() {
    let router: Router<(), Store> =
        Router::new().command("COMMAND", |_: Command| "mine").fallback_service(Store::new());
    check(&router, &[("COMMAND", "\"mine\""), ("COMMAND COUNT", "\"mine\"")]).await;
}

#[tokio::test]
async fn routers_stand_behind_routers() {
    let inner: Router = Router::new().command("INNER", || 1);
    let outer: Router<(), Router> = Router::new().command("OUTER", || 2).fallback_service(inner);
    check(
        &outer,
        &[("INNER", ":1"), ("OUTER", ":2"), ("COMMAND GETKEYS INNER", "-ERR The command has no key arguments")],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_long_argument_streams_through_a_router() {
    async fn length(_: Key, body: Body) -> Result<String, AnyError> {
        let had_come = body.len();
        Ok(format!("{had_come} {}", body.read_to_bytes(1000).await?.len()))
    }
    let router: Router = Router::new().command("LENGTH", length);
    let server = Server::of(|listener| kvstore::serve(listener, router).stream_in(["LENGTH"], 100));
    let mut client = server.connect();
    client.asks("*3\r\n$6\r\nLENGTH\r\n$1\r\nk\r\n$5\r\nshort\r\n", "$3\r\n5 5\r\n").await;
    client.sends("*3\r\n$6\r\nLENGTH\r\n$1\r\nk\r\n$200\r\n").await;
    client.sends("x".repeat(200)).await;
    client.asks("\r\nPING\r\n", "$7\r\n200 200\r\n+PONG\r\n").await;
    client.sends("*4\r\n$6\r\nLENGTH\r\n$1\r\nk\r\n$1\r\nk\r\n$200\r\n").await;
    client.sends("x".repeat(200) + "\r\nPING\r\n").await;
    client.gets("-ERR wrong number of arguments for 'length' command\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_streamed_argument_is_never_lost_without_a_word() {
    async fn maybe(_: Key, body: Option<Body>) -> Result<usize, AnyError> {
        let Some(body) = body else { return Ok(0) };
        Ok(body.read_to_bytes(1000).await?.len())
    }
    let router: Router = Router::new()
        .command("ONE", |_: Key| 1)
        .command("MAYBE", maybe)
        .command("ARG", |_: Key, _: Arg<Bytes>| 1)
        .command("OPTION", |_: Key, more: Option<Arg<Bytes>>| usize::from(more.is_some()))
        .command("REST", |_: Key, Rest(rest): Rest| rest.len())
        .command("WHOLE", |command: Command| command.args().len());
    let names = ["ONE", "MAYBE", "ARG", "OPTION", "REST", "WHOLE"];
    let server = Server::of(|listener| kvstore::serve(listener, router).stream_in(names, 100));
    let too_long = "-ERR the last argument is too long for this command";
    for (name, answer) in [
        ("ONE", "-ERR wrong number of arguments for 'one' command"),
        ("MAYBE", ":200"),
        ("ARG", too_long),
        ("OPTION", too_long),
        ("REST", too_long),
        ("WHOLE", ":1"),
    ] {
        let mut client = server.connect();
        client.sends(format!("*3\r\n${}\r\n{name}\r\n$1\r\nk\r\n$200\r\n", name.len())).await;
        settle().await;
        client.sends("x".repeat(200)).await;
        client.asks("\r\nPING\r\n", format!("{answer}\r\n+PONG\r\n")).await;
    }
}
