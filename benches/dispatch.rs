//! What it costs to take a command through a stack of layers to an answer, with no socket.

use std::{
    convert::Infallible,
    task::{Context, Poll, Waker},
    time::Duration,
};

use divan::{Bencher, black_box};
use kvstore::{
    middleware::{
        AuditLayer, CatchPanicLayer, ConcurrencyLimitLayer, DenyLayer, LoadShedLayer, LogLayer, MapCommandLayer,
        MapResponseLayer, MetricsLayer, Next, RateLimitLayer, RenameLayer, TimeoutLayer, from_fn,
    },
    protocol::{Command, Response},
    routing::{Key, Route, Router, State},
    standalone::{self, StackSettings},
    store::Store,
};
use tower::{Layer, Service};

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
    store.execute(&Command::new("SET").arg("key").arg("x".repeat(64)));
    store
}

#[divan::bench(sample_size = 1000)]
fn store_alone(bencher: Bencher<'_, '_>) {
    let mut service = store();
    let get = Command::new("GET").arg("key");
    bencher.bench_local(|| dispatch(&mut service, black_box(get.clone())));
}

#[divan::bench(sample_size = 1000)]
fn log_limit_timeout_store(bencher: Bencher<'_, '_>) {
    let mut service = standalone::stack(store(), &StackSettings::default());
    let get = Command::new("GET").arg("key");
    bencher.bench_local(|| dispatch(&mut service, black_box(get.clone())));
}

/// A GET through a router, by the kind of what answers it.
mod router {
    use super::*;

    fn router() -> Router<(), Store> {
        let get = |State(store): State<Store>, Key(key): Key| store.execute(&Command::new("GET").arg(key));
        let get_later = async |State(store): State<Store>, Key(key): Key| store.execute(&Command::new("GET").arg(key));
        let layered = Route::handler(get).layer(ConcurrencyLimitLayer::new(10));
        let router = Router::new().command("SYNC", get).command("ASYNC", get_later).command("LAYERED", layered);
        router.with_state(store()).fallback_service(store())
    }

    #[divan::bench(args = ["GET", "SYNC", "ASYNC", "LAYERED"], sample_size = 1000)]
    fn dispatched(bencher: Bencher<'_, '_>, name: &str) {
        let (mut service, command) = (router(), Command::new(name).arg("key"));
        bencher.bench_local(|| dispatch(&mut service, black_box(command.clone())));
    }
}

/// A GET through one layer round the store. What a layer costs is the difference to `none`.
mod layer {
    use super::*;

    fn bench<L>(bencher: Bencher<'_, '_>, layer: L)
    where
        L: Layer<Store, Service: Service<Command, Response = Response, Error = Infallible>>,
    {
        let (mut service, command) = (layer.layer(store()), Command::new("GET").arg("key"));
        bencher.bench_local(|| dispatch(&mut service, black_box(command.clone())));
    }

    macro_rules! layers {
        ($($name:ident: $layer:expr;)*) => {$(
            #[divan::bench(sample_size = 1000)]
            fn $name(bencher: Bencher<'_, '_>) {
                bench(bencher, $layer);
            }
        )*};
    }

    layers! {
        none: tower::layer::util::Identity::new();
        audit: AuditLayer::new(|record: &kvstore::middleware::AuditRecord<'_>| _ = black_box(record.number()));
        audit_of_others: AuditLayer::tracing().only(|command| command.is("FLUSHALL"));
        catch_panic: CatchPanicLayer::new();
        concurrency_limit: ConcurrencyLimitLayer::new(1000);
        deny: DenyLayer::names(["FLUSHALL", "CONFIG SET"]);
        from_function: from_fn(async |command: Command, next: Next| next.run(command).await);
        load_shed: LoadShedLayer::new();
        log: LogLayer::new();
        map_command: MapCommandLayer::new(|command: Command| command);
        map_response: MapResponseLayer::new(|response: Response| response);
        metrics_without_recorder: MetricsLayer::new();
        rate_limit: RateLimitLayer::new(u32::MAX, Duration::from_millis(1));
        rate_limit_per_connection: RateLimitLayer::new(u32::MAX, Duration::from_millis(1)).per_connection();
        rename: RenameLayer::new([("FLUSHALL", "CLEAN")]);
        timeout: TimeoutLayer::new(Duration::from_secs(1));
    }
}

/// With a subscriber that wants the span of every command, and throws it away. The last of all: what was once wanted makes
/// later commands look whether it still is.
mod spans {
    use super::*;

    #[divan::bench(sample_size = 1000)]
    fn log_limit_timeout_store(bencher: Bencher<'_, '_>) {
        let subscriber =
            tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(std::io::sink).finish();
        let mut service = standalone::stack(store(), &StackSettings::default());
        let get = Command::new("GET").arg("key");
        tracing::subscriber::with_default(subscriber, || {
            bencher.bench_local(|| dispatch(&mut service, black_box(get.clone())));
        });
    }
}
