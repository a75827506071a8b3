//! What a pipeline costs from its bytes to the bytes of its answers: a whole server over a pipe in memory.

use divan::{Bencher, counter::ItemsCount};
use kvstore::{
    protocol::{Command, Output, resp},
    server,
    standalone::{self, StackSettings},
    store::Store,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    runtime::{Builder, Runtime},
};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const ANSWER: usize = "$64\r\n".len() + 64 + "\r\n".len();

/// A runtime with a server on it, and a connection to the server.
fn serve(stacked: bool) -> (Runtime, DuplexStream) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (connector, listener) = server::pipe();
    let store = Store::new();
    store.execute(&Command::new("SET").arg("key").arg("x".repeat(64)));
    if stacked {
        runtime.spawn(standalone::server(&store, &StackSettings::default()).listen(listener).into_future());
    } else {
        runtime.spawn(kvstore::serve(listener, store.clone()).prefetch(store.prefetch()).into_future());
    }
    (runtime, connector.connect_with_room(1 << 20).expect("the server runs"))
}

fn get_pipeline(bencher: Bencher<'_, '_>, depth: usize, stacked: bool) {
    let (runtime, mut client) = serve(stacked);
    let mut request = Output::default();
    (0..depth).for_each(|_| resp::encode_command(&Command::new("GET").arg("key"), &mut request));
    let request = request.bytes().split();
    let mut answers = vec![0; ANSWER * depth];
    bencher.counter(ItemsCount::new(depth)).bench_local(|| {
        runtime.block_on(async {
            client.write_all(&request).await.expect("the server reads");
            client.read_exact(&mut answers).await.expect("the server answers");
        });
    });
}

#[divan::bench(args = [1, 16, 128, 1024])]
fn bare(bencher: Bencher<'_, '_>, depth: usize) {
    get_pipeline(bencher, depth, false);
}

#[divan::bench(args = [1, 16, 128, 1024])]
fn stacked(bencher: Bencher<'_, '_>, depth: usize) {
    get_pipeline(bencher, depth, true);
}
