//! `serve(listener, client)`: a server whose service is a client.

use std::{
    future::{IntoFuture, ready},
    net::SocketAddr,
    time::Duration,
};

use kvstore::{client::Client, protocol::Command, server::Password, store::Store};
use redis::AsyncCommands;
use tokio::net::TcpListener;

use super::connected_lazily;
use crate::support::{AnswerWords, Server, mock, request};

/// A store behind a socket.
async fn store() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(kvstore::serve(listener, Store::new()).authenticate(Password::new("secret")).into_future());
    address
}

#[tokio::test]
async fn a_redis_client_sees_no_difference() -> redis::RedisResult<()> {
    let behind = store().await;
    for protocol in ["resp2", "resp3"] {
        let client = Client::connect(format!("redis://:secret@{behind}?protocol={protocol}")).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(kvstore::serve(listener, client).max_in_flight(64).into_future());
        let url = format!("redis://{address}/?protocol={protocol}");
        let mut redis = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
        let () = redis.set("key", "value").await?;
        assert_eq!(redis.get::<_, String>("key").await?, "value");
        assert_eq!(redis.del::<_, i64>(&["key", "none"]).await?, 1);
        let mut pipeline = redis::pipe();
        for number in 0..200 {
            pipeline.set(number, number * 2).ignore().get(number);
        }
        let numbers: Vec<i64> = pipeline.query_async(&mut redis).await?;
        assert_eq!(numbers, (0..200).map(|number| number * 2).collect::<Vec<_>>());
        let error = redis::cmd("INCR").arg("key").arg("more").query_async::<i64>(&mut redis).await.unwrap_err();
        assert!(error.to_string().contains("wrong number of arguments for 'incr' command"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn another_database_is_refused_and_not_mixed_up() {
    let behind = Server::start(Store::new());
    let connector = behind.connector();
    let client = Client::builder().database(3).connect_with(move || ready(connector.connect())).await.unwrap();
    let proxy = Server::start(client.clone());
    let mut peer = proxy.connect();
    let refused = "-ERR the server behind is connected to with database 3, and not 0\r\n";
    peer.asks(request(&["SET", "k", "v"]), refused).await;
    peer.asks("SELECT 3\r\nSET k v\r\nGET k\r\n", "+OK\r\n+OK\r\n$1\r\nv\r\n").await;
    // What comes from no connection is the client's own.
    assert_eq!(client.get("k").await.unwrap().unwrap(), "v");
    let elsewhere = Command::get("k").with_session(|session| session.set_database(1));
    assert!(client.call(elsewhere).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused_in_words() {
    let behind = Server::start(Store::new());
    let client = Client::builder().resp3().over(behind.connector().connect().unwrap()).await.unwrap();
    let proxy = Server::start(client);
    let mut peer = proxy.connect();
    for (command, reason) in [
        (
            "MULTI",
            "would take in the commands of others over a shared connection: send the transaction as one pipeline",
        ),
        ("SUBSCRIBE a", "cannot be passed on: the messages would not come to the connection that asked"),
    ] {
        let name = command.split(' ').next().unwrap();
        peer.asks(format!("{command}\r\n"), format!("-ERR {name} {reason}\r\n")).await;
    }
    peer.asks("SET k v\r\n", "+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_server_behind_that_is_gone_is_told_and_comes_back() {
    let (client, mut backend) = connected_lazily(Client::builder());
    let proxy = Server::start(client);
    let mut peer = proxy.connect();
    let unavailable = "-UNAVAILABLE the server behind is not reachable\r\n";
    let mut server = backend.accept().await;
    peer.sends(request(&["GET", "k"])).await;
    server.gets(super::GET_K).await;
    drop(server);
    peer.gets(unavailable).await;
    let mut server = backend.accept().await;
    peer.sends(request(&["GET", "k"])).await;
    server.answers(super::GET_K, b"-WRONGTYPE no\r\n").await;
    peer.gets("-WRONGTYPE no\r\n").await;
    drop((server, backend));
    // Nobody connects any more: the patience is 10 s.
    peer.asks(request(&["GET", "k"]), unavailable).await;
    peer.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_late_server_behind_is_a_timeout() {
    let (service, mut script) = mock();
    let behind = Server::start(service);
    let stream = behind.connector().connect().unwrap();
    let client = Client::builder().deadline(Duration::from_secs(1)).over(stream).await.unwrap();
    let proxy = Server::start(client);
    let mut peer = proxy.connect();
    peer.asks("SLOW\r\n", "-TIMEOUT the command took too long\r\n").await;
    script.expect("SLOW").await.answer("late");
    peer.sends("NEXT\r\n").await;
    script.expect("NEXT").await.answer("in time");
    peer.gets("$7\r\nin time\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_client_holds_back_the_connections_of_the_proxy() {
    let (service, mut script) = mock();
    let behind = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(100));
    let stream = behind.connector().connect().unwrap();
    let client = Client::builder().max_in_flight(2).over(stream).await.unwrap();
    let proxy = Server::of(|listener| kvstore::serve(listener, client).max_in_flight(100));
    let mut peers = [proxy.connect(), proxy.connect()];
    for peer in &mut peers {
        peer.sends("A\r\nB\r\nC\r\n").await;
    }
    for _ in 0..3 {
        crate::support::settle().await;
        let waiting = script.waiting();
        assert_eq!(waiting.len(), 2);
        waiting.into_iter().for_each(|call| call.answer_words());
    }
    for peer in &mut peers {
        peer.gets("$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n").await;
    }
}
