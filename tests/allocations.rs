//! What a command allocates on its way through a router, and what its keys do.
//!
//! In a binary of its own, since it brings an allocator that counts.

#[expect(unsafe_code, reason = "an allocator that counts")]
#[path = "../middleware/tests/counting/mod.rs"]
mod counting;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use kvstore::{
    middleware::{ConcurrencyLimitLayer, TimeoutLayer},
    protocol::{Command, Response},
    routing::{Arg, Key, Route, Router, State},
    store::Store,
};
use tower::{Service, ServiceBuilder};

/// How many allocations the second command makes in a service, from readiness to the drop of its future. The first one
/// makes what is made once.
fn allocations<S>(mut service: S, command: &Command) -> usize
where
    S: Service<Command, Response = Response, Error: std::fmt::Debug>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut count = 0;
    for _ in 0..2 {
        let before = counting::count();
        assert!(service.poll_ready(&mut cx).is_ready());
        let Poll::Ready(answer) = pin!(service.call(command.clone())).poll(&mut cx) else { panic!("waits") };
        assert!(!answer.expect("an answer").is_error());
        count = counting::count() - before;
    }
    count
}

fn add(State(offset): State<i64>, _: Key, Arg(number): Arg<i64>) -> i64 {
    offset + number
}

fn router() -> Router<(), Store> {
    let add_later = async |offset, key, number| add(offset, key, number);
    let router = Router::new().command("ADD", add).command("LATER", add_later);
    let layered = Route::handler(add).layer(ConcurrencyLimitLayer::new(1));
    router.command("LAYERED", layered).command("MATH ADD", add).with_state(5).fallback_service(Store::new())
}

#[test]
fn a_synchronous_handler_allocates_nothing() {
    assert_eq!(allocations(router(), &Command::new("ADD").arg("k").arg(1)), 0);
    assert_eq!(allocations(router(), &Command::new("MATH").with_args(["add", "k", "1"])), 0);
}

#[test]
fn what_is_behind_a_router_allocates_what_it_does_alone() {
    assert_eq!(allocations(router(), &Command::new("GET").arg("k")), 0);
}

#[test]
fn an_async_handler_and_a_layered_one_are_boxed_once() {
    assert_eq!(allocations(router(), &Command::new("LATER").arg("k").arg(1)), 1);
    assert_eq!(allocations(router(), &Command::new("LAYERED").arg("k").arg(1)), 1);
}

#[test]
fn layers_round_a_router_allocate_nothing() {
    let layers = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(10))
        .layer(TimeoutLayer::new(std::time::Duration::from_secs(1)));
    assert_eq!(allocations(layers.service(router()), &Command::new("ADD").arg("k").arg(1)), 0);
}

#[test]
fn the_keys_of_a_command_are_found_without_allocations() {
    for (name, options) in
        [("MGET", ""), ("MSET", ""), ("XREAD", "STREAMS"), ("SUNIONCARD", "10000"), ("SORT", "STORE")]
    {
        let options = Some(options).filter(|options| !options.is_empty());
        let command = Command::new(name).with_args(options).with_args((0..10_000).map(|key| key.to_string()));
        let known = command.known().expect("a command of Redis");
        let before = counting::count();
        let found = known.key_words(&command).count() + known.keys_of(&command).count();
        assert!(found > 0, "{name}");
        assert_eq!(counting::count() - before, 0, "{name}");
    }
}
