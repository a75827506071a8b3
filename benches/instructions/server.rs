//! Pipelines of GETs through a whole server over a pipe in memory, from bytes to bytes: with no layers, and as the binary.
//!
//! The other end of the pipe is counted too: two copies for each pipeline.

use bytes::Bytes;
use kvstore::{
    protocol::{Command, Output, resp},
    server::{self, PipeListener},
    standalone::{self, StackSettings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::{Builder, Runtime},
};

use crate::{Path, gets, service::store};

pub(crate) const PATHS: &[Path] = &[
    ("no layers: GET, depth 1", |times| pipelines::<1>(bare, times)),
    ("no layers: GET, depth 16", |times| pipelines::<16>(bare, times)),
    ("no layers: GET, depth 128", |times| pipelines::<128>(bare, times)),
    ("server: GET, depth 1", |times| pipelines::<1>(stacked, times)),
    ("server: GET, depth 16", |times| pipelines::<16>(stacked, times)),
    ("server: GET, depth 128", |times| pipelines::<128>(stacked, times)),
];

const ANSWER: usize = "$64\r\n".len() + 64 + "\r\n".len();

fn bare(runtime: &Runtime, listener: PipeListener) {
    let store = store();
    runtime.spawn(kvstore::serve(listener, store.clone()).prefetch(store.prefetch()).into_future());
}

fn stacked(runtime: &Runtime, listener: PipeListener) {
    runtime.spawn(standalone::server(&store(), &StackSettings::default()).listen(listener).into_future());
}

fn pipelines<const DEPTH: usize>(serve: fn(&Runtime, PipeListener), times: usize) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (connector, listener) = server::pipe();
    serve(&runtime, listener);
    let mut client = connector.connect_with_room(1 << 20).expect("the server runs");
    let gets = gets();
    let requests: Vec<Bytes> = gets.chunks_exact(DEPTH).map(encoded).collect();
    let mut answers = vec![0; ANSWER * DEPTH];
    runtime.block_on(async {
        for request in requests.iter().cycle().take(times / DEPTH) {
            client.write_all(request).await.expect("the server reads");
            client.read_exact(&mut answers).await.expect("the server answers");
            assert!(answers.starts_with(b"$64\r\n"), "every key has a value");
        }
    });
}

fn encoded(commands: &[Command]) -> Bytes {
    let mut output = Output::default();
    commands.iter().for_each(|command| resp::encode_command(command, &mut output));
    output.bytes().split().freeze()
}
