//! Pipelines through a whole server over a pipe in memory, from bytes to bytes: with no layers, and as the binary.
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

use crate::{Path, gets, service::store, sets};

pub(crate) const PATHS: &[Path] = &[
    ("no layers: GET, depth 1", |times| pipelines::<1>(bare, times)),
    ("no layers: GET, depth 16", |times| pipelines::<16>(bare, times)),
    ("no layers: GET, depth 128", |times| pipelines::<128>(bare, times)),
    ("server: GET, depth 1", |times| pipelines::<1>(stacked, times)),
    ("server: GET, depth 16", |times| pipelines::<16>(stacked, times)),
    ("server: GET, depth 128", |times| pipelines::<128>(stacked, times)),
    ("server: 8 commands", |times| groups(false, times)),
    ("server: MULTI, 8 commands, EXEC", |times| groups(true, times)),
];

/// The groups of commands that a client sends at once.
const GROUPS: usize = 16;

const ANSWER: usize = "$64\r\n".len() + 64 + "\r\n".len();

fn bare(runtime: &Runtime, listener: PipeListener) {
    let store = store();
    runtime.spawn(kvstore::serve(listener, store.clone()).prefetch(store.prefetch()).into_future());
}

fn stacked(runtime: &Runtime, listener: PipeListener) {
    runtime.spawn(standalone::server(&store(), &StackSettings::default()).listen(listener).into_future());
}

fn pipelines<const DEPTH: usize>(serve: fn(&Runtime, PipeListener), times: usize) {
    let requests: Vec<Bytes> = gets().chunks_exact(DEPTH).map(encoded).collect();
    exchange(serve, &requests, ANSWER * DEPTH, times / DEPTH);
}

/// Groups of four GETs and four SETs, alone or in transactions.
fn groups(within_multi: bool, times: usize) {
    let (gets, sets) = (gets(), sets());
    let commands: Vec<Command> = gets.into_iter().zip(sets).flat_map(|(get, set)| [get, set]).collect();
    let group = |commands: &[Command]| match within_multi {
        true => [&[Command::new("MULTI")], commands, &[Command::new("EXEC")]].concat(),
        false => commands.to_vec(),
    };
    let groups: Vec<Vec<Command>> = commands.chunks_exact(8).map(group).collect();
    let requests: Vec<Bytes> = groups.chunks_exact(GROUPS).map(|groups| encoded(&groups.concat())).collect();
    let queued = if within_multi { "+OK\r\n".len() + 8 * "+QUEUED\r\n".len() + "*8\r\n".len() } else { 0 };
    let answer = 4 * (ANSWER + "+OK\r\n".len());
    exchange(stacked, &requests, (queued + answer) * GROUPS, times / GROUPS);
}

/// Sends requests one after the other, `times` of them, and reads the answers of so many bytes to each.
fn exchange(serve: fn(&Runtime, PipeListener), requests: &[Bytes], answers: usize, times: usize) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (connector, listener) = server::pipe();
    serve(&runtime, listener);
    let mut client = connector.connect_with_room(1 << 20).expect("the server runs");
    let mut answers = vec![0; answers];
    runtime.block_on(async {
        for request in requests.iter().cycle().take(times) {
            client.write_all(request).await.expect("the server reads");
            client.read_exact(&mut answers).await.expect("the server answers");
            assert!(!answers.starts_with(b"-"), "no command fails");
        }
    });
}

fn encoded(commands: &[Command]) -> Bytes {
    let mut output = Output::default();
    commands.iter().for_each(|command| resp::encode_command(command, &mut output));
    output.bytes().split().freeze()
}
