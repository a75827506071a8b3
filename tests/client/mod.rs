//! The client, against literal bytes, against servers, and against itself.

mod bodies;
mod deadlines;
mod handshake;
mod pieces;
mod pipelines;
mod proxy;
mod proxy_pieces;
mod pushes;
mod readiness;
mod reconnect;
mod service;
mod sharing;
mod typed;
mod wire;

use std::{
    future::ready,
    pin::pin,
    task::{Context, Waker},
};

use kvstore::{
    client::{Client, ClientBuilder},
    protocol::{ClientCodec, Command},
    server::{Listener, PipeConnector, PipeListener, SocketOptions, pipe},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const GET_K: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// The test's end of the pipe: it plays the server.
struct Peer(DuplexStream);

impl Peer {
    async fn gets(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut bytes = vec![0; expected.len()];
        self.0.read_exact(&mut bytes).await.expect("the client writes");
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("the client reads");
    }

    async fn answers(&mut self, request: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) {
        self.gets(request).await;
        self.sends(reply).await;
    }

    async fn gets_the_end(&mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.expect("the client closes");
        assert_eq!(rest.escape_ascii().to_string(), "");
    }
}

/// A server that the test plays, for as many connections as are made.
struct Backend(PipeListener);

impl Backend {
    async fn accept(&mut self) -> Peer {
        Peer(self.0.accept(&SocketOptions::default()).await.io)
    }
}

fn backend() -> (PipeConnector, Backend) {
    let (connector, listener) = pipe();
    (connector, Backend(listener))
}

/// A client of a server that the test plays, without a connection yet.
fn connected_lazily(builder: ClientBuilder) -> (Client, Backend) {
    let (connector, backend) = backend();
    let client = builder.connect_lazily_with(move || ready(connector.connect())).expect("the settings fit");
    (client, backend)
}

fn with_room(room: usize, codec: ClientCodec) -> (Client, Peer) {
    let (client, server) = duplex(room);
    (Client::over(client, codec), Peer(server))
}

fn resp() -> (Client, Peer) {
    with_room(1024, ClientCodec::resp())
}

/// Lets a call do what it can at once, and drops it.
fn start_and_drop<T>(call: impl Future<Output = T>) {
    let first = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending(), "the call waits for the server");
}

/// A command in one line.
fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    Command::new(words.next().unwrap_or_default()).with_args(words)
}

/// What a command is on the wire.
fn bytes_of(line: &str) -> Vec<u8> {
    crate::support::request(&line.split(' ').collect::<Vec<_>>())
}
