//! What it costs to take a command through a stack of layers to an answer, with no socket.

use std::{convert::Infallible, task::Context, task::Poll, task::Waker};

use divan::{Bencher, black_box};
use kvstore::{
    protocol::{Command, Response},
    standalone::{self, Settings},
    store::Store,
};
use tower::Service;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// `poll_ready`, `call`, and one poll of the future, as the connection loop does it.
fn dispatch<S>(service: &mut S, command: Command) -> Response
where
    S: Service<Command, Response = Response, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else { unreachable!("a store is always ready") };
    let future = std::pin::pin!(service.call(command));
    match future.poll(&mut cx) {
        Poll::Ready(Ok(response)) => response,
        Poll::Pending => unreachable!("a store answers at once"),
    }
}

fn store() -> Store {
    let store = Store::new();
    store.execute(&Command::set("key", "x".repeat(64)));
    store
}

#[divan::bench]
fn store_alone(bencher: Bencher<'_, '_>) {
    let mut service = store();
    let get = Command::get("key");
    bencher.bench_local(|| dispatch(&mut service, black_box(get.clone())));
}

#[divan::bench]
fn log_limit_timeout_store(bencher: Bencher<'_, '_>) {
    let mut service = standalone::stack(store(), &Settings::default());
    let get = Command::get("key");
    bencher.bench_local(|| dispatch(&mut service, black_box(get.clone())));
}

/// With a subscriber that wants the span of every command, and throws it away.
#[divan::bench]
fn log_limit_timeout_store_with_spans(bencher: Bencher<'_, '_>) {
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(std::io::sink).finish();
    let mut service = standalone::stack(store(), &Settings::default());
    let get = Command::get("key");
    tracing::subscriber::with_default(subscriber, || {
        bencher.bench_local(|| dispatch(&mut service, black_box(get.clone())));
    });
}
