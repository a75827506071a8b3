//! Replies that come in pieces: given out when they have begun, and never held whole.

use std::{io, time::Duration};

use kvstore::{
    client::{Client, ClientBuilder, ClientError, ConnectionError, Pushed},
    protocol::{Body, Command, Limits, Response},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    join,
    time::timeout,
};
use tokio_test::{assert_pending, task};

use super::{GET_K, PING, Peer};
use crate::support::settle;

const MIB: usize = 1024 * 1024;

/// A client that takes what is longer than 10 bytes in pieces.
async fn client() -> (Client, Peer) {
    client_of(Client::builder()).await
}

async fn client_of(builder: ClientBuilder) -> (Client, Peer) {
    let (stream, server) = duplex(4096);
    let client = builder.stream_over(10).over(stream).await;
    (client.expect("there is no handshake"), Peer(server))
}

fn body_of(answer: Response) -> Body {
    let Response::Streamed(streamed) = answer else { panic!("{answer}") };
    streamed.take().expect("nobody took it")
}

async fn read(body: Body) -> String {
    let bytes = body.read_to_bytes(MIB).await.expect("it comes whole");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A call that has been sent, and the first bytes of its reply of `length` bytes.
async fn begun(client: &Client, server: &mut Peer, length: usize) -> Body {
    let (answer, ()) =
        join!(client.execute(Command::new("GET").arg("k")), server.answers(GET_K, format!("${length}\r\nx")));
    body_of(answer.expect("the reply has begun"))
}

/// Sends as much of `count` bytes as the client takes, and says how many those are.
async fn floods(server: &mut Peer, count: usize) -> usize {
    let mut sent = 0;
    let flood = async {
        while sent < count {
            sent += server.0.write(&[b'x'; 4096][..(count - sent).min(4096)]).await.expect("the client holds");
        }
    };
    let _ = timeout(Duration::from_secs(1), flood).await;
    sent
}

fn cause_of(error: &io::Error) -> &ConnectionError {
    error.get_ref().and_then(|inner| inner.downcast_ref()).expect("the cause is inside")
}

#[tokio::test]
async fn a_long_value_is_given_out_when_it_has_begun() {
    let (client, mut server) = client().await;
    let body = begun(&client, &mut server, 11).await;
    assert_eq!(body.len(), 11);
    let (value, ()) = join!(read(body), server.sends("yyyyyyyyyz"));
    assert_eq!(value, "xyyyyyyyyyz");
    // Also before the end of its line has come.
    let (answer, ()) = join!(client.ping(""), server.answers(PING, "\r\n+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test(start_paused = true)]
async fn replies_in_any_pieces_are_the_same_replies() {
    let values = ["", "ten bytes!", "eleven byte", &"long ".repeat(1000)];
    let replies: String = values.iter().map(|value| format!("${}\r\n{value}\r\n", value.len())).collect();
    for step in [1, 2, 3, 7, 64, 100_000] {
        let (client, mut server) = client().await;
        let pieces: Vec<_> = replies.as_bytes().chunks(step).map(<[u8]>::to_vec).collect();
        let sending = tokio::spawn(async move {
            server.gets(GET_K.repeat(4)).await;
            for piece in pieces {
                server.sends(piece).await;
                tokio::task::yield_now().await;
            }
            server
        });
        let calls = values.map(|_| tokio::spawn(client.execute(Command::new("GET").arg("k"))));
        for (call, value) in calls.into_iter().zip(values) {
            match call.await.unwrap().unwrap() {
                Response::Bulk(whole) => assert!(value.len() <= 10 && whole == value, "{whole:?}"),
                streamed => assert!(value.len() > 10 && read(body_of(streamed)).await == value, "{value}"),
            }
        }
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn a_list_a_pipeline_and_a_typed_call_have_their_values_whole() {
    let (client, mut server) = client().await;
    let long = "$12\r\nhello, world\r\n";
    let (answer, ()) =
        join!(client.execute(Command::new("GET").arg("k")), server.answers(GET_K, format!("*1\r\n{long}")));
    assert_eq!(answer.unwrap(), Response::array(["hello, world"]));
    let pipeline = client.pipeline().add(Command::new("GET").arg("k")).add(Command::new("GET").arg("k")).send();
    let (answers, ()) = join!(pipeline, server.answers(GET_K.repeat(2), long.repeat(2)));
    assert_eq!(answers.unwrap(), [Response::from("hello, world"), Response::from("hello, world")]);
    let (answer, ()) = join!(client.get("k"), async {
        server.answers(GET_K, &long[..9]).await;
        settle().await;
        server.sends(&long[9..]).await;
    });
    assert_eq!(answer.unwrap().unwrap(), "hello, world");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_stops_the_server() {
    let (client, mut server) = client().await;
    let body = begun(&client, &mut server, 10 * MIB).await;
    let sent = floods(&mut server, 10 * MIB - 1).await;
    assert!((64 * 1024..=140 * 1024).contains(&sent), "{sent}");
    // Whoever asks meanwhile waits.
    let mut waiting = task::spawn(client.execute(Command::new("PING")));
    assert_pending!(waiting.poll());
    let (value, ()) = join!(body.read_to_bytes(10 * MIB), async {
        assert_eq!(floods(&mut server, 10 * MIB - 1 - sent).await, 10 * MIB - 1 - sent);
        server.sends("\r\n").await;
        server.answers(PING, "+PONG\r\n").await;
    });
    assert_eq!(value.unwrap().len(), 10 * MIB);
    assert_eq!(waiting.await.unwrap(), Response::simple("PONG"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_is_thrown_away_and_the_stream_stays_in_step() {
    let (client, mut server) = client().await;
    // Before anything of it was read, and while it holds up the connection.
    for held in [0, MIB] {
        let body = begun(&client, &mut server, 3 * MIB).await;
        let sent = floods(&mut server, held).await;
        drop(body);
        assert_eq!(floods(&mut server, 3 * MIB - 1 - sent).await, 3 * MIB - 1 - sent);
        let (answer, ()) = join!(client.ping(""), server.answers(PING, "\r\n+PONG\r\n"));
        assert_eq!(answer.unwrap(), "PONG");
    }
    // Before the reply had begun.
    let mut call = task::spawn(client.execute(Command::new("GET").arg("k")));
    assert_pending!(call.poll());
    server.gets(GET_K).await;
    drop(call);
    server.sends(format!("${MIB}\r\n")).await;
    assert_eq!(floods(&mut server, MIB).await, MIB);
    let (answer, ()) = join!(client.ping(""), server.answers(PING, "\r\n+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_break_in_the_middle_is_an_error_and_no_early_end() {
    let (one, mut server) = client().await;
    let mut body = begun(&one, &mut server, 20).await;
    server.sends("yz").await;
    drop(server);
    let mut read = Vec::new();
    let error = body.read_to_end(&mut read).await.unwrap_err();
    assert_eq!((&read[..], body.len()), (&b"xyz"[..], 17));
    assert!(matches!(cause_of(&error), ConnectionError::Io(_)), "{error:?}");

    let (typed, mut server) = client().await;
    let (answer, ()) = join!(typed.get("k"), async {
        server.answers(GET_K, "$20\r\nxyz").await;
        drop(server);
    });
    let Err(ClientError::Lost(ConnectionError::Io(cause))) = answer else { panic!("{answer:?}") };
    assert_eq!(cause.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_value_that_does_not_end_where_it_said_breaks_the_connection_behind_it() {
    let (client, mut server) = client().await;
    let body = begun(&client, &mut server, 11).await;
    let call = tokio::spawn(client.execute(Command::new("PING")));
    server.answers(PING, "yyyyyyyyyy, and more\r\n").await;
    assert_eq!(read(body).await, "xyyyyyyyyyy");
    let answer = call.await.unwrap();
    assert!(matches!(answer, Err(ClientError::Lost(ConnectionError::Protocol(_)))), "{answer:?}");
}

#[tokio::test]
async fn a_value_over_the_limits_is_refused_before_it_comes() {
    let (client, mut server) = client_of(Client::builder().limits(Limits::default().max_bulk(100))).await;
    let (answer, ()) = join!(client.execute(Command::new("GET").arg("k")), server.answers(GET_K, "$101\r\n"));
    assert!(matches!(answer, Err(ClientError::Lost(ConnectionError::Protocol(_)))), "{answer:?}");
}

#[tokio::test]
async fn pushes_wait_behind_a_body() {
    let (stream, server) = duplex(4096);
    let (client, mut server) = (tokio::spawn(Client::builder().resp3().stream_over(10).over(stream)), Peer(server));
    server.answers("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", "%0\r\n").await;
    let client = client.await.unwrap().unwrap();
    let mut pushes = client.pushes();
    let body = begun(&client, &mut server, 11).await;
    let (value, ()) = join!(read(body), server.sends("yyyyyyyyyz\r\n>1\r\n+news\r\n"));
    assert_eq!(value, "xyyyyyyyyyz");
    assert_eq!(pushes.next().await, Some(Pushed::Message(vec![Response::simple("news")])));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_counts_to_the_head_of_a_call_and_to_the_end_of_a_typed_one() {
    let (client, mut server) = client_of(Client::builder().deadline(Duration::from_secs(1))).await;
    let body = begun(&client, &mut server, 11).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (value, ()) = join!(read(body), server.sends("yyyyyyyyyz\r\n"));
    assert_eq!(value, "xyyyyyyyyyz");
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, "$11\r\nx"));
    assert!(matches!(answer, Err(ClientError::TimedOut)), "{answer:?}");
    let (answer, ()) = join!(client.ping(""), server.answers(PING, "yyyyyyyyyz\r\n+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_body_keeps_its_connection_until_it_is_read_or_dropped() {
    let (first, mut server) = client().await;
    let body = begun(&first, &mut server, 11).await;
    drop(first);
    settle().await;
    let (value, ()) = join!(read(body), server.sends("yyyyyyyyyz"));
    assert_eq!(value, "xyyyyyyyyyz");
    server.gets_the_end().await;

    let (second, mut server) = client().await;
    let body = begun(&second, &mut server, 11).await;
    let closing = tokio::spawn(second.close());
    settle().await;
    assert!(!closing.is_finished());
    drop(body);
    server.gets_the_end().await;
    closing.await.unwrap();
}

#[test]
fn a_reader_learns_that_the_runtime_of_its_client_is_gone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let body = runtime.block_on(async {
        let (client, mut server) = client().await;
        begun(&client, &mut server, 11).await
    });
    drop(runtime);
    let reading = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = reading.block_on(body.read_to_bytes(MIB)).unwrap_err();
    assert!(matches!(cause_of(&error), ConnectionError::Stopped), "{error}");
}
