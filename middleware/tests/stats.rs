//! The counts of commands.

use std::{convert::Infallible, time::Duration};

use kvstore_middleware::{CommandStats, Stats, StatsLayer, stats::CommandCounts};
use kvstore_protocol::{Command, CommandError, Response, parking};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

/// Answers as the command says: `FAIL code`, or takes so many seconds: `SLEEP seconds`.
async fn answer(command: Command) -> Result<Response, Infallible> {
    let word = || String::from_utf8_lossy(command.arg_at(0).unwrap_or_default()).into_owned();
    if command.arg_at(1) == Some(b"fail") {
        return Ok(Response::Error(word().into_bytes().into()));
    }
    if command.arg_at(1) == Some(b"sleep") {
        tokio::time::sleep(Duration::from_secs(word().parse().expect("seconds"))).await;
    }
    Ok(Response::ok())
}

fn service() -> (CommandStats, impl Service<Command, Response = Response, Error = Infallible> + Clone) {
    let stats = CommandStats::new();
    let service = StatsLayer::new(stats.clone()).layer(service_fn(answer));
    (stats, service)
}

async fn call(
    service: &(impl Service<Command, Response = Response, Error = Infallible> + Clone),
    words: &str,
) -> Response {
    let mut words = words.split(' ').map(|word| word.replace('_', " "));
    let name = words.next().expect("a name");
    let Ok(response) = service.clone().oneshot(Command::new(name).with_args(words)).await;
    response
}

fn of<'a>(counts: &'a [CommandCounts], name: &str) -> &'a CommandCounts {
    counts.iter().find(|counts| counts.name == name).unwrap_or_else(|| panic!("no {name} in {counts:?}"))
}

#[tokio::test(start_paused = true)]
async fn calls_and_their_time_are_counted() {
    let (stats, service) = service();
    for _ in 0..3 {
        call(&service, "GET 2 sleep").await;
    }
    call(&service, "SET k").await;
    let counts = stats.commands();
    assert_eq!((of(&counts, "get").calls, of(&counts, "get").time), (3, Duration::from_secs(6)));
    assert_eq!((of(&counts, "set").calls, of(&counts, "set").time), (1, Duration::ZERO));
    assert_eq!((counts.len(), stats.total_commands(), stats.total_errors()), (2, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn of_many_calls_a_sample_is_timed() {
    let (stats, service) = service();
    for _ in 0..3200 {
        call(&service, "GET 1 sleep").await;
    }
    let counts = stats.commands();
    assert_eq!((of(&counts, "get").calls, of(&counts, "get").time), (3200, Duration::from_secs(3200)));
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_command_is_parked_does_not_count() {
    let stats = CommandStats::new();
    let parked = service_fn(async |_: Command| {
        let sleep = tokio::time::sleep(Duration::from_secs(5));
        parking::park_until(sleep).await;
        Ok::<_, Infallible>(Response::Null)
    });
    StatsLayer::new(stats.clone()).layer(parked).oneshot(Command::new("BLPOP").arg("k").arg("0")).await.unwrap();
    assert_eq!(of(&stats.commands(), "blpop").time, Duration::ZERO);
}

#[tokio::test]
async fn errors_are_counted_by_command_and_by_code() {
    let (stats, service) = service();
    call(&service, "GET WRONGTYPE_no fail").await;
    call(&service, "GET ERR_syntax_error fail").await;
    call(&service, "GET ERR_wrong_number_of_arguments_for_'get'_command fail").await;
    call(&service, "GET ERR_Can't_execute_'get':_only_(P|S)SUBSCRIBE fail").await;
    call(&service, "GET NOAUTH_who fail").await;
    call(&service, "GET k").await;
    let counts = stats.commands();
    let get = of(&counts, "get");
    assert_eq!((get.calls, get.rejected, get.failed), (3, 3, 2));
    assert_eq!(stats.errors(), [("ERR".into(), 3), ("NOAUTH".into(), 1), ("WRONGTYPE".into(), 1)]);
    assert_eq!((stats.total_errors(), stats.total_commands()), (5, 3));
}

#[tokio::test]
async fn a_refusal_in_front_of_the_layers_is_counted() {
    let stats = CommandStats::new();
    let error = Response::from(CommandError::new("NOAUTH", "Authentication required."));
    stats.note_refusal(&Command::new("GET").arg("k"), &error);
    stats.note_refusal(&Command::new("CONFIG").with_args(["GET", "x"]), &error);
    stats.note_refusal(&Command::new("INVENTED"), &error);
    let counts = stats.commands();
    for name in ["get", "config|get"] {
        assert_eq!((of(&counts, name).calls, of(&counts, name).rejected), (0, 1), "{name}");
    }
    assert_eq!((counts.len(), stats.total_errors(), stats.total_commands()), (2, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn commands_inside_of_another_one_count_as_others_do() {
    let stats = CommandStats::new();
    let get = Command::new("GET").arg("k");
    for answer in [Response::Null, Response::from(CommandError::WRONG_TYPE)] {
        let nested = stats.begin_nested(&get);
        tokio::time::advance(Duration::from_secs(1)).await;
        stats.end_nested(nested, &answer);
    }
    let refusal = Response::from(CommandError::err("not in a script"));
    stats.refuse_nested(&get, &refusal);
    stats.refuse_nested(&Command::new("CONFIG").with_args(["GET", "x"]), &refusal);
    stats.note_error(&refusal);
    let counts = stats.commands();
    let get = of(&counts, "get");
    assert_eq!((get.calls, get.rejected, get.failed, get.time), (2, 1, 1, Duration::from_secs(2)));
    assert_eq!((of(&counts, "config|get").calls, of(&counts, "config|get").rejected), (0, 1));
    assert_eq!(stats.errors(), [("ERR".into(), 3), ("WRONGTYPE".into(), 1)]);
}

#[tokio::test]
async fn an_error_that_a_script_passes_on_counts_once_and_is_no_refusal_of_the_script() {
    let (stats, service) = service();
    let error = Response::from(CommandError::new("OOM", "no memory"));
    stats.refuse_nested(&Command::new("SET").with_args(["k", "v"]), &error);
    stats.passes_on(&error);
    call(&service, "EVAL OOM_no_memory_script:_abc,_on_@user_script:1. fail").await;
    assert_eq!((stats.total_errors(), stats.errors()), (1, vec![("OOM".into(), 1)]));
    stats.reset();
    stats.passes_on(&error);
    assert_eq!((stats.total_errors(), stats.errors().len()), (0, 0));
    call(&service, "EVAL OOM_no_memory_script:_abc,_on_@user_script:1. fail").await;
    call(&service, "EVAL OOM_no_memory fail").await;
    let counts = stats.commands();
    assert_eq!((of(&counts, "eval").calls, of(&counts, "eval").failed, of(&counts, "eval").rejected), (1, 1, 1));
    assert_eq!(stats.errors(), [("OOM".into(), 2)]);
}

#[tokio::test]
async fn sub_commands_count_by_themselves() {
    let (stats, service) = service();
    for words in ["CONFIG get x", "config GET y", "CONFIG SET x 1", "CONFIG nosuch", "CONFIG"] {
        call(&service, words).await;
    }
    let counts = stats.commands();
    assert_eq!((of(&counts, "config|get").calls, of(&counts, "config|set").calls), (2, 1));
    assert_eq!((of(&counts, "config").calls, stats.total_commands()), (2, 5));
}

#[tokio::test]
async fn a_name_of_a_users_own_counts_once_it_was_answered() {
    let (stats, service) = service();
    call(&service, "GREET ERR_no fail").await;
    assert!(stats.commands().is_empty());
    call(&service, "GREET k").await;
    call(&service, "Greet ERR_no fail").await;
    let counts = stats.commands();
    assert_eq!((of(&counts, "greet").calls, of(&counts, "greet").failed), (2, 1));
    for number in 0..1000 {
        call(&service, &format!("NAME{number} k")).await;
    }
    assert_eq!(stats.commands().len(), 256);
}

#[tokio::test]
async fn codes_that_a_service_invents_are_bounded() {
    let (stats, service) = service();
    for number in 0..1000 {
        call(&service, &format!("GET CODE{number} fail")).await;
    }
    assert_eq!((stats.errors().len(), stats.total_errors()), (256, 1000));
}

#[tokio::test]
async fn a_service_that_fails_is_an_error() {
    let stats = CommandStats::new();
    let (mut service, mut handle) = mock::spawn_layer::<Command, Response, _>(StatsLayer::new(stats.clone()));
    assert!(service.poll_ready().is_ready());
    let answer = service.call(Command::new("GET").arg("k"));
    handle.next_request().await.expect("one request").1.send_error("broken");
    assert!(answer.await.is_err());
    assert_eq!(of(&stats.commands(), "get").failed, 1);
    assert_eq!(stats.errors(), [("ERR".into(), 1)]);
}

#[tokio::test]
async fn a_reset_begins_at_zero() {
    let (stats, service) = service();
    for _ in 0..100 {
        call(&service, "GET WRONGTYPE_no fail").await;
        call(&service, "CONFIG GET x").await;
    }
    stats.reset();
    assert_eq!((stats.commands(), stats.errors(), stats.total_errors()), (vec![], vec![], 0));
    call(&service, "GET k").await;
    assert_eq!((of(&stats.commands(), "get").calls, stats.total_commands()), (1, 1));
}

#[test]
fn threads_count_together() {
    let (stats, service) = service();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    tokio_test::block_on(call(&service, "GET k"));
                    tokio_test::block_on(call(&service, "GET WRONGTYPE_no fail"));
                }
            });
        }
    });
    let counts = stats.commands();
    assert_eq!((of(&counts, "get").calls, of(&counts, "get").failed), (8000, 4000));
}

#[tokio::test]
async fn counts_that_nobody_reads_are_dropped() {
    let (stats, service) = service();
    drop(stats);
    assert!(call(&service, "GET WRONGTYPE_no fail").await.is_error());
    let counted: Stats<()> = StatsLayer::new(CommandStats::new()).layer(());
    drop(counted);
}
