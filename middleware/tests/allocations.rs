//! What a command that passes allocates in each layer.
//!
//! In a binary of its own, since it brings an allocator that counts.

#[expect(unsafe_code, reason = "an allocator that counts")]
mod counting;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use kvstore_middleware::{
    CatchPanicLayer, DenyLayer, LoadShedLayer, MapCommandLayer, MapResponseLayer, Next, RenameLayer, from_fn,
};
use kvstore_protocol::{Command, Response};
use tower::{Layer, Service};

/// A service that allocates nothing.
#[derive(Clone)]
struct Quiet;

impl Service<Command> for Quiet {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _command: Command) -> Self::Future {
        ready(Ok(Response::ok()))
    }
}

/// How many allocations `command` makes in a service under `layer`, from readiness to the drop of its future.
fn allocations<L>(layer: &L, command: Command) -> usize
where
    L: Layer<Quiet>,
    L::Service: Service<Command, Response = Response, Error = Infallible>,
{
    let mut service = layer.layer(Quiet);
    let mut cx = Context::from_waker(Waker::noop());
    let before = counting::count();
    assert!(service.poll_ready(&mut cx).is_ready());
    {
        let answer = pin!(service.call(command));
        assert_eq!(answer.poll(&mut cx), Poll::Ready(Ok(Response::ok())));
    }
    counting::count() - before
}

#[test]
fn command_that_is_let_through_allocates_nothing() {
    let config = || Command::new("CONFIG").arg("GET").arg("save");
    assert_eq!(allocations(&CatchPanicLayer::new(), config()), 0);
    assert_eq!(allocations(&DenyLayer::names(["FLUSHALL", "CONFIG SET"]), config()), 0);
    assert_eq!(allocations(&DenyLayer::all_but(["CONFIG GET"]), config()), 0);
    assert_eq!(allocations(&DenyLayer::if_fn(|command| command.is("GET")), config()), 0);
    assert_eq!(allocations(&LoadShedLayer::new(), config()), 0);
    assert_eq!(allocations(&MapCommandLayer::new(|command| command), config()), 0);
    assert_eq!(allocations(&MapResponseLayer::new(|response| response), config()), 0);
    assert_eq!(allocations(&RenameLayer::new([("FLUSHALL", "CLEAN")]), config()), 0);
}

#[test]
fn function_as_a_layer_allocates_once() {
    let layer = from_fn(async |command, next: Next| next.run(command).await);
    assert_eq!(allocations(&layer, Command::new("GET").arg("key")), 1);
}

#[test]
fn renamed_command_allocates_whatever_its_arguments_are() {
    let layer = RenameLayer::new([("SET", "STORE")]);
    let short = allocations(&layer, Command::new("STORE").arg("k").arg("v"));
    let long = allocations(&layer, Command::new("STORE").arg("k").arg("v".repeat(1 << 20)));
    assert!(short > 0 && short == long, "{short} and {long}");
}
