//! What a RESP3 server says out of turn.

use kvstore::{
    client::{Client, ClientBuilder, ClientError, Pushed, Pushes},
    protocol::Response,
};
use tokio::{io::duplex, join};

use super::{GET_K, Peer, bytes_of, command, connected_lazily, resp};
use crate::support::settle;

async fn resp3(builder: ClientBuilder) -> (Client, Peer) {
    let (stream, server) = duplex(64 * 1024);
    let mut server = Peer(server);
    let (client, ()) = join!(builder.resp3().over(stream), server.answers(bytes_of("HELLO 3"), b"%0\r\n"));
    (client.expect("the handshake is answered"), server)
}

fn message(words: &[&str]) -> Pushed {
    Pushed::Message(words.iter().map(|word| Response::simple(*word)).collect())
}

#[tokio::test]
async fn every_reader_gets_every_push_and_calls_are_not_disturbed() {
    let (client, mut server) = resp3(Client::builder()).await;
    let (mut first, mut second) = (client.pushes(), client.pushes());
    let reply = b">2\r\n+invalidate\r\n+a\r\n$1\r\nv\r\n>1\r\n+b\r\n";
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, reply));
    assert_eq!(answer.unwrap().unwrap(), "v");
    for pushes in [&mut first, &mut second] {
        assert_eq!(pushes.next().await, Some(message(&["invalidate", "a"])));
        assert_eq!(pushes.next().await, Some(message(&["b"])));
    }
}

#[tokio::test]
async fn pushes_come_also_while_nobody_calls() {
    let (client, mut server) = resp3(Client::builder()).await;
    let mut pushes = client.pushes();
    server.sends(b">1\r\n+a\r\n").await;
    assert_eq!(pushes.next().await, Some(message(&["a"])));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_misses_the_oldest_and_is_told_how_many() {
    let (client, mut server) = resp3(Client::builder().push_queue(4)).await;
    let mut pushes = client.pushes();
    for number in 0..10 {
        server.sends(format!(">1\r\n+{number}\r\n").as_bytes()).await;
    }
    settle().await;
    assert_eq!(pushes.next().await, Some(Pushed::Missed(6)));
    for number in 6..10 {
        assert_eq!(pushes.next().await, Some(message(&[&number.to_string()])));
    }
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"_\r\n"));
    assert_eq!(answer.unwrap(), None);
}

#[tokio::test]
async fn the_end_of_the_connection_is_the_end_of_its_pushes() {
    let (client, server) = resp3(Client::builder()).await;
    let mut pushes = client.pushes();
    drop(server);
    assert_eq!(pushes.next().await, None);
    assert_eq!(client.pushes().next().await, None);
    let none: &mut Pushes = &mut Client::local(kvstore::store::Store::new()).pushes();
    assert_eq!(none.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_hears_of_a_new_connection() {
    let (client, mut backend) = connected_lazily(Client::builder().resp3());
    let mut pushes = client.pushes();
    let mut server = backend.accept().await;
    server.answers(bytes_of("HELLO 3"), b"%0\r\n").await;
    server.sends(b">1\r\n+a\r\n").await;
    assert_eq!(pushes.next().await, Some(message(&["a"])));
    drop(server);
    let mut server = backend.accept().await;
    server.answers(bytes_of("HELLO 3"), b"%0\r\n").await;
    assert_eq!(pushes.next().await, Some(Pushed::Reconnected));
}

#[tokio::test]
async fn a_subscription_is_answered_by_its_last_confirmation() {
    let (client, mut server) = resp3(Client::builder()).await;
    let mut pushes = client.pushes();
    let (answer, after, ()) = join!(client.execute(command("SUBSCRIBE a b")), client.get("k"), async {
        server.gets([bytes_of("SUBSCRIBE a b"), GET_K.to_vec()].concat()).await;
        server.sends(b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n").await;
        server.sends(b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n").await;
        server.sends(b">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n$1\r\nv\r\n").await;
    });
    let confirmation = vec!["subscribe".into(), "b".into(), Response::from(2)];
    assert_eq!(answer.unwrap(), Response::Push(confirmation));
    assert_eq!(after.unwrap().unwrap(), "v");
    assert_eq!(pushes.next().await, Some(Pushed::Message(vec!["message".into(), "a".into(), "hi".into()])));
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_a_reply() {
    let (client, mut server) = resp3(Client::builder()).await;
    let (answer, after, ()) = join!(client.execute(command("SUBSCRIBE a b")), client.get("k"), async {
        server.gets([bytes_of("SUBSCRIBE a b"), GET_K.to_vec()].concat()).await;
        server.sends(b"-NOPERM no\r\n$1\r\nv\r\n").await;
    });
    assert_eq!(answer.unwrap(), Response::error("NOPERM", "no"));
    assert_eq!(after.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn confirmations_that_nobody_asked_for_harm_nobody() {
    let (client, mut server) = resp3(Client::builder()).await;
    let mut pushes = client.pushes();
    let confirmation = b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    server.sends(confirmation.repeat(3)).await;
    for _ in 0..3 {
        assert!(matches!(pushes.next().await, Some(Pushed::Message(_))));
    }
    let (answer, ()) =
        join!(client.execute(command("SUBSCRIBE a")), server.answers(bytes_of("SUBSCRIBE a"), confirmation));
    assert!(matches!(answer, Ok(Response::Push(_))));
}

#[tokio::test]
async fn subscriptions_need_resp3() {
    let (client, mut server) = resp();
    let error = client.execute(command("SUBSCRIBE a")).await.unwrap_err();
    assert!(matches!(error, ClientError::Unsupported(_)));
    assert_eq!(error.to_string(), "ERR SUBSCRIBE needs a client that speaks RESP3: its messages are pushes");
    drop(client);
    server.gets_the_end().await;
}
