//! Large values through `serve(listener, client)`: neither direction holds them whole.

use std::{future::ready, time::Duration};

use kvstore::{
    client::Client,
    protocol::{Body, Command, Response},
    store::Store,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{Backend, Peer, backend};
use crate::support::{self, Server, request};

const LENGTH: usize = 8 << 20;
/// What a proxy may hold of a value, the pipes on both sides included.
const HELD: usize = 512 * 1024;

/// A proxy that takes what is longer than 1000 bytes in pieces.
async fn proxy(connect: kvstore::server::PipeConnector) -> Server {
    let builder = Client::builder().stream_over(1000);
    let client = builder.connect_lazily_with(move || ready(connect.connect_with_room(4096))).expect("the settings fit");
    Server::of(|listener| kvstore::serve(listener, client).stream_in(["SET"], 1000))
}

/// A proxy in front of a server that the test plays.
async fn in_front_of_the_test() -> (support::Client, Peer, Backend) {
    let (connector, mut backend) = backend();
    let proxy = proxy(connector).await;
    let near = proxy.connect_with_room(4096);
    let far = backend.accept().await;
    (near, far, backend)
}

fn head_of_set() -> String {
    format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${LENGTH}\r\n")
}

/// The value from one offset to another: no part of it is like the one before.
fn value(from: usize, to: usize) -> Vec<u8> {
    (from..to).map(|at| (at % 251) as u8).collect()
}

/// Writes on with the value as long as the other side takes it, and says where it stopped.
async fn writes(io: &mut (impl AsyncWriteExt + Unpin), mut at: usize) -> usize {
    let writing = async {
        while at < LENGTH {
            at += io.write(&value(at, (at + 4096).min(LENGTH))).await.expect("the connection holds");
        }
    };
    let _ = timeout(Duration::from_secs(1), writing).await;
    at
}

/// Reads the value from there on, to its end.
async fn reads(io: &mut (impl AsyncReadExt + Unpin), from: usize, to: usize) {
    let mut read = vec![0; to - from];
    io.read_exact(&mut read).await.expect("it comes");
    assert!(read == value(from, to), "it is the value");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_server_behind_does_not_read_stops_the_client_in_front() {
    let (mut near, mut far, _backend) = in_front_of_the_test().await;
    near.sends(head_of_set()).await;
    let mut written = writes(&mut near.io, 0).await;
    assert!((4096..HELD).contains(&written), "{written}");
    far.gets(head_of_set()).await;
    let mut read = 0;
    while read < LENGTH {
        let to = written.min(LENGTH);
        reads(&mut far.0, read, to).await;
        read = to;
        written = writes(&mut near.io, written).await;
        assert!(written - read < HELD, "{written} {read}");
    }
    near.sends("\r\n").await;
    far.answers("\r\n", "+OK\r\n").await;
    near.gets("+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_client_in_front_does_not_read_stops_the_server_behind() {
    let (mut near, mut far, _backend) = in_front_of_the_test().await;
    near.sends(request(&["GET", "k"])).await;
    far.answers(super::GET_K, format!("${LENGTH}\r\n")).await;
    let mut written = writes(&mut far.0, 0).await;
    assert!((4096..HELD).contains(&written), "{written}");
    near.gets(format!("${LENGTH}\r\n")).await;
    let mut read = 0;
    while read < LENGTH {
        let to = written.min(LENGTH);
        reads(&mut near.io, read, to).await;
        read = to;
        written = writes(&mut far.0, written).await;
        assert!(written - read < HELD, "{written} {read}");
    }
    far.sends("\r\n").await;
    near.gets("\r\n").await;
    near.sends(request(&["GET", "k"])).await;
    far.answers(super::GET_K, "$1\r\nv\r\n").await;
    near.gets("$1\r\nv\r\n").await;
}

#[tokio::test]
async fn a_large_value_goes_to_a_store_and_comes_back() {
    let behind = Server::start(Store::new());
    let mut near = proxy(behind.connector()).await.connect();
    let mut command = head_of_set().into_bytes();
    command.extend(value(0, LENGTH));
    command.extend(b"\r\n");
    near.asks(command, "+OK\r\n").await;
    near.asks(request(&["GET", "k"]), format!("${LENGTH}\r\n")).await;
    reads(&mut near.io, 0, LENGTH).await;
    near.gets("\r\n").await;
    near.asks(request(&["STRLEN", "k"]), format!(":{LENGTH}\r\n")).await;
}

#[tokio::test]
async fn a_value_goes_from_one_stream_to_another() {
    let behind = Server::of(|listener| {
        let echo = tower::service_fn(|command: Command| {
            let answer = command.body().map_or(Response::Null, |body: Body| body.into());
            ready(Ok::<_, std::convert::Infallible>(answer))
        });
        kvstore::serve(listener, echo).stream_in(["SET"], 1000)
    });
    let near = proxy(behind.connector()).await.connect();
    let (mut reader, mut writer) = tokio::io::split(near.io);
    let writing = tokio::spawn(async move {
        writer.write_all(head_of_set().as_bytes()).await.unwrap();
        writer.write_all(&value(0, LENGTH)).await.unwrap();
        writer.write_all(b"\r\n").await.unwrap();
        writer
    });
    let head = format!("${LENGTH}\r\n");
    let mut read = vec![0; head.len()];
    reader.read_exact(&mut read).await.unwrap();
    assert_eq!(read, head.as_bytes());
    reads(&mut reader, 0, LENGTH).await;
    writing.await.unwrap();
}

#[tokio::test]
async fn a_client_in_front_that_goes_away_in_the_middle_leaves_the_proxy_in_step() {
    let (mut near, mut far, mut backend) = in_front_of_the_test().await;
    near.sends(head_of_set()).await;
    near.sends("some of it").await;
    far.gets(head_of_set()).await;
    far.gets("some of it").await;
    drop(near);
    // There is no other honest end of half a value.
    far.gets_the_end().await;
    drop(backend.accept().await);
}
