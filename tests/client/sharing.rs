//! Many callers on one connection.

use std::{sync::Arc, time::Duration};

use kvstore::{
    client::{Client, ClientError},
    protocol::{Command, Response},
};
use tokio::{io::duplex, join, task::JoinSet};

use super::{GET_K, PING, Peer, bytes_of, command, resp};
use crate::support::{Server, mock, settle, words};

#[tokio::test]
async fn commands_of_many_callers_are_written_together_and_answered_in_order() {
    let (client, mut server) = resp();
    let calls = [client.execute(command("A 1")), client.execute(command("B 2")), client.execute(command("C 3"))];
    let [first, second, third] = calls.map(tokio::spawn);
    server.gets([bytes_of("A 1"), bytes_of("B 2"), bytes_of("C 3")].concat()).await;
    server.sends(b":1\r\n:2\r\n:3\r\n").await;
    for (call, number) in [(first, 1), (second, 2), (third, 3)] {
        assert_eq!(call.await.unwrap().unwrap(), Response::from(number));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_caller_gets_its_own_answers_also_when_others_give_up() {
    let server = Server::start(words());
    // Little room everywhere, so that everything waits for everything.
    let stream = server.connector().connect_with_room(100).unwrap();
    let client = Arc::new(Client::builder().max_in_flight(7).over(stream).await.unwrap());
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let client = client.clone();
        callers.spawn(async move {
            let mut random = fastrand::Rng::with_seed(caller);
            for number in 0..300 {
                let text = format!("{caller} {number} {}", "x".repeat(random.usize(..300)));
                let call = client.execute(Command::new("SAY").arg(&text));
                if random.bool() {
                    assert_eq!(call.await.unwrap(), Response::from(format!("SAY {text}")));
                } else {
                    give_up_after(random.usize(..5), call).await;
                }
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.expect("every answer is the right one");
    }
}

/// Drops a call after it was polled so often.
async fn give_up_after(polls: usize, call: impl Future) {
    let mut call = Box::pin(call);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_ready()));
        if polled.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_commands_are_on_their_way_than_there_is_room_for() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(100));
    let stream = server.connector().connect().unwrap();
    let client = Client::builder().max_in_flight(2).over(stream).await.unwrap();
    let calls: Vec<_> = (0..5).map(|number| tokio::spawn(client.execute(Command::new("N").arg(number)))).collect();
    settle().await;
    let mut waiting = script.waiting();
    assert_eq!(waiting.len(), 2);
    waiting.remove(0).answer("0");
    let third = script.next().await;
    assert_eq!(third.command().arg_at(0), Some(&b"2"[..]));
    script.assert_quiet().await;
    drop((waiting, third, calls));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_takes_room_until_it_is_answered() {
    let (stream, server) = duplex(1024);
    let (client, mut server) = (Client::builder().max_in_flight(3).over(stream).await.unwrap(), Peer(server));
    let hasty = client.with_deadline(Duration::from_millis(10));
    for _ in 0..3 {
        assert!(matches!(hasty.get("k").await, Err(ClientError::TimedOut)));
    }
    // There is no room for this one, and so it is never sent.
    assert!(matches!(hasty.get("other").await, Err(ClientError::TimedOut)));
    let (answer, ()) = join!(client.ping(""), async {
        server.answers(GET_K.repeat(3), b"$3\r\nold\r\n").await;
        server.answers(PING, b"$3\r\nold\r\n$3\r\nold\r\n+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_very_many_callers_have_left_ends() {
    let (client, mut server) = resp();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        calls.spawn(client.execute(Command::new("GET").arg("k")));
    }
    server.gets(GET_K.repeat(1000)).await;
    drop(client);
    settle().await;
    calls.shutdown().await;
    server.gets_the_end().await;
}
