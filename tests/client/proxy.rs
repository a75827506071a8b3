//! `serve(listener, client)`: a server whose service is a client.

use std::{
    convert::Infallible,
    future::{IntoFuture, ready},
    net::SocketAddr,
    time::Duration,
};

use kvstore::{
    client::{Client, Pushed},
    protocol::{ClientCodec, Command, Peer, Response, Session, mailbox::mailbox},
    server::Password,
    store::Store,
};
use redis::AsyncCommands;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::service_fn;

use super::connected_lazily;
use crate::support::{AnswerWords, Server, mock, request, words};

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
    let elsewhere = Command::new("GET").arg("k").with_session(|session| session.set_database(1));
    assert!(client.execute(elsewhere).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused_in_words() {
    let behind = Server::start(Store::new());
    let client = Client::builder().resp3().over(behind.connector().connect().unwrap()).await.unwrap();
    let proxy = Server::start(client);
    let mut peer = proxy.connect();
    let transaction =
        "would take in the commands of others over a shared connection: send the transaction as one pipeline";
    let subscription = "cannot be passed on: the messages would not come to the connection that asked";
    for (command, reason) in [
        ("MULTI", transaction),
        ("WATCH k", transaction),
        ("SUBSCRIBE a", subscription),
        ("PSUBSCRIBE a*", subscription),
    ] {
        let name = command.split(' ').next().unwrap();
        peer.asks(format!("{command}\r\n"), format!("-ERR {name} {reason}\r\n")).await;
    }
    for command in ["SYNC", "PSYNC ? -1"] {
        let refused = "-ERR the client sends only commands that are answered with one reply\r\n";
        peer.asks(format!("{command}\r\n"), refused).await;
    }
    peer.asks("SET k v\r\n", "+OK\r\n").await;
}

#[tokio::test]
async fn the_commands_of_the_connection_are_the_proxys_own() {
    let (stream, mut server) = tokio::io::duplex(1024);
    let client = Client::over(stream, ClientCodec::resp());
    let proxy = Server::of(|listener| kvstore::serve(listener, client).authenticate(Password::new("front")));
    let mut peer = proxy.connect();
    peer.asks("AUTH front\r\nPING\r\nECHO e\r\nSELECT 1\r\nSELECT 0\r\n", "+OK\r\n+PONG\r\n$1\r\ne\r\n+OK\r\n+OK\r\n")
        .await;
    peer.asks("CLIENT SETNAME front\r\nCLIENT GETNAME\r\n", "+OK\r\n$5\r\nfront\r\n").await;
    peer.asks("QUIT\r\n", "+OK\r\n").await;
    // The server behind has heard nothing of all that.
    drop(proxy.connect());
    server.shutdown().await.unwrap();
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"");
}

#[tokio::test]
async fn a_command_about_the_connection_is_not_passed_on_where_it_comes_through() {
    let behind = Server::start(Store::new());
    let client = Client::over(behind.connector().connect().unwrap(), ClientCodec::resp());
    let session = Session::new(7, Peer::Memory, Peer::Memory, mailbox(1).0);
    let rename = Command::new("CLIENT").with_args(["SETNAME", "front"]);
    let refused = client.execute(rename.clone().with_session(|own| *own = session.clone())).await.unwrap_err();
    let reason = "ERR CLIENT cannot be passed on: it would be about the connection that is shared";
    assert_eq!(refused.to_string(), reason);
    // A service in this process shares no connection.
    let local = Client::local(words());
    assert_eq!(
        local.execute(rename.clone().with_session(|own| *own = session)).await.unwrap(),
        "CLIENT SETNAME front".into()
    );
    // The program itself may.
    assert_eq!(client.execute(rename).await.unwrap(), Response::ok());
}

#[tokio::test(start_paused = true)]
async fn a_command_that_blocks_holds_up_every_connection_of_the_proxy() {
    let (service, mut script) = mock();
    let behind = Server::start(service);
    let proxy = Server::start(Client::over(behind.connector().connect().unwrap(), ClientCodec::resp()));
    let (mut blocked, mut other) = (proxy.connect(), proxy.connect());
    blocked.sends("BLPOP list 0\r\n").await;
    let call = script.expect("BLPOP").await;
    other.sends("GET k\r\n").await;
    script.assert_quiet().await;
    call.answer("item");
    script.expect("GET").await.answer("value");
    other.gets("$5\r\nvalue\r\n").await;
}

#[tokio::test]
async fn what_the_server_behind_pushes_is_the_clients_and_goes_to_no_connection() {
    let service = service_fn(async |command: Command| {
        if let Some(push) = command.push() {
            push.send(Response::Push(vec!["invalidate".into()])).await.ok();
        }
        Ok::<_, Infallible>(Response::ok())
    });
    let behind = Server::start(service);
    let client = Client::builder().resp3().over(behind.connector().connect().unwrap()).await.unwrap();
    let mut pushes = client.pushes();
    let proxy = Server::start(client);
    let mut peer = proxy.connect();
    peer.sends("HELLO 3\r\n").await;
    peer.reads_until("*0\r\n").await;
    peer.asks("SET k v\r\n", "+OK\r\n").await;
    assert_eq!(pushes.next().await, Some(Pushed::Message(vec!["invalidate".into()])));
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
