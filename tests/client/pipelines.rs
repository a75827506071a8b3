//! Explicit pipelines.

use kvstore::{
    client::{Client, ClientError, Pipeline},
    protocol::{ClientCodec, Command, Response},
    store::Store,
};
use tokio::{io::duplex, join};

use super::{GET_K, PING, Peer, bytes_of, command, connected_lazily, resp, with_room};
use crate::support::{Server, words};

#[tokio::test]
async fn the_commands_of_a_pipeline_are_one_piece_of_the_stream() {
    let (client, mut server) = resp();
    let pipeline = client.pipeline().add(command("A 1")).add(command("B 2")).add(command("C 3"));
    let (before, answers, after, ()) =
        join!(client.execute(command("X")), pipeline.send(), client.execute(command("Y")), async {
            server.gets(["X", "A 1", "B 2", "C 3", "Y"].map(bytes_of).concat()).await;
            server.sends(b"+x\r\n:1\r\n-ERR two\r\n:3\r\n+y\r\n").await;
        });
    assert_eq!(answers.unwrap(), [Response::from(1), Response::error("ERR", "two"), Response::from(3)]);
    assert_eq!((before.unwrap(), after.unwrap()), (Response::simple("x"), Response::simple("y")));
}

#[tokio::test]
async fn pipelines_of_many_callers_do_not_mix() {
    let server = Server::start(words());
    let stream = server.connector().connect_with_room(50).unwrap();
    let client = Client::builder().max_in_flight(10).over(stream).await.unwrap();
    let callers = (0..20).map(|caller| {
        let client = client.clone();
        tokio::spawn(async move {
            // Some are longer than there is room for.
            let commands = (0..caller).map(|number| Command::new("SAY").arg(caller).arg(number));
            let pipeline = commands.fold(client.pipeline(), |pipeline, command| pipeline.add(command));
            let expected = (0..caller).map(|number| Response::from(format!("SAY {caller} {number}")));
            assert_eq!(pipeline.send().await.unwrap(), expected.collect::<Vec<_>>());
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn a_pipeline_that_was_begun_is_sent_whole_and_its_answers_skipped() {
    let (client, mut server) = with_room(10, ClientCodec::resp());
    let pipeline = client.pipeline().add(command("A 1")).add(command("B 2"));
    let bytes = ["A 1", "B 2"].map(bytes_of).concat();
    tokio::select! {
        _ = pipeline.send() => panic!("it is not answered"),
        () = server.gets(&bytes[..5]) => {}
    }
    let (answer, ()) = join!(client.execute(command("C")), async {
        server.gets([&bytes[5..], &bytes_of("C")].concat()).await;
        server.sends(b":1\r\n:2\r\n:3\r\n").await;
    });
    assert_eq!(answer.unwrap(), Response::from(3));
}

#[tokio::test]
async fn a_long_pipeline_needs_no_more_room_than_its_turn_has() {
    let server = Server::start(words());
    let client = Client::over(server.connector().connect().unwrap(), ClientCodec::resp());
    let commands = (0..20_000).map(|number| Command::new("SAY").arg(number));
    let pipeline = commands.fold(client.pipeline(), |pipeline, command| pipeline.add(command));
    let answers = pipeline.send().await.unwrap();
    assert_eq!((answers.len(), &answers[19_999]), (20_000, &Response::from("SAY 19999")));
}

/// Far more than is encoded at a time, and what it is on the wire.
fn long(client: &Client) -> (Pipeline, Vec<u8>) {
    let pipeline = (0..20_000).fold(client.pipeline(), |pipeline, _| pipeline.add(Command::new("GET").arg("k")));
    (pipeline, GET_K.repeat(20_000))
}

#[tokio::test]
async fn a_long_pipeline_is_sent_whole_also_to_a_server_that_waits_for_the_end() {
    // All that is encoded at a time fits into the pipe.
    let (client, mut server) = with_room(1 << 20, ClientCodec::resp());
    let (pipeline, bytes) = long(&client);
    let (answers, ()) = join!(pipeline.send(), server.answers(bytes, b"_\r\n".repeat(20_000)));
    assert_eq!(answers.unwrap(), vec![Response::Null; 20_000]);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_breaks_off_is_lost_and_nothing_of_it_is_sent_again() {
    let (client, mut backend) = connected_lazily(Client::builder());
    let (pipeline, bytes) = long(&client);
    let (answers, answer, mut server) = join!(pipeline.send(), client.ping(""), async {
        let mut server = backend.accept().await;
        server.answers(&bytes[..10], b"").await;
        drop(server);
        let mut server = backend.accept().await;
        server.answers(PING, b"+PONG\r\n").await;
        server
    });
    assert!(matches!(answers, Err(ClientError::Lost(_))), "{answers:?}");
    assert_eq!(answer.unwrap(), "PONG");
    drop(client);
    server.gets_the_end().await;
}

#[tokio::test]
async fn a_transaction_is_sent_whole_or_not_at_all() {
    let (client, mut server) = resp();
    let multi = |client: &Client| client.pipeline().add(command("MULTI")).add(command("INCR k"));
    let answer = multi(&client).send().await;
    assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    assert!(matches!(client.execute(command("MULTI")).await, Err(ClientError::Unsupported(_))));
    let (answers, ()) = join!(multi(&client).add(command("EXEC")).send(), async {
        server.gets(["MULTI", "INCR k", "EXEC"].map(bytes_of).concat()).await;
        server.sends(b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n").await;
    });
    assert_eq!(answers.unwrap()[2], Response::array([1]));
}

#[tokio::test]
async fn what_the_native_protocol_cannot_say_keeps_all_of_a_pipeline_back() {
    let (stream, server) = duplex(1024);
    let (client, mut server) = (Client::over(stream, ClientCodec::native()), Peer(server));
    let answer = client.pipeline().add(Command::new("GET").arg("k")).add(command("INCR k")).send().await;
    assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    let (answer, ()) = join!(client.get("k"), server.answers(b"\0\0\0\0\0\0\x01k", b"\0\0\0\0\0\x01v"));
    assert_eq!(answer.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_pipeline_needs_no_connection_and_may_be_empty() {
    let client = Client::local(Store::new());
    let answers =
        client.pipeline().add(Command::new("SET").arg("k").arg(1)).add(command("INCR k")).add(command("PING")).send();
    assert_eq!(answers.await.unwrap(), [Response::ok(), Response::from(2), Response::simple("PONG")]);
    assert_eq!(client.pipeline().send().await.unwrap(), []);
    assert_eq!(resp().0.pipeline().send().await.unwrap(), []);
}
