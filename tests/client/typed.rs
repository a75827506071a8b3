//! The typed calls, the same over a pipe, a socket, a Unix socket, and with none of them.

#![expect(clippy::unwrap_used, reason = "several tests share the functions that make the calls")]

use std::{collections::BTreeSet, future::IntoFuture, path::Path, time::Duration};

use kvstore::{
    client::{Client, ClientError, SetOptions, TimeToLive},
    protocol::{ClientCodec, Command, Response},
    server,
    store::Store,
};
use tokio::net::{TcpListener, UnixListener};

/// Every typed call, against an empty store.
async fn all_calls_do_what_they_say(client: &Client) {
    strings(client).await;
    conditions_and_times(client).await;
    keys(client).await;
    errors(client).await;
}

async fn strings(client: &Client) {
    assert_eq!(client.ping("").await.unwrap(), "PONG");
    assert_eq!(client.ping("hi").await.unwrap(), "hi");
    assert_eq!(client.echo(b"\xff").await.unwrap(), &b"\xff"[..]);
    assert_eq!(client.get("key").await.unwrap(), None);
    client.set("key", "value").await.unwrap();
    assert_eq!(client.get("key").await.unwrap().unwrap(), "value");
    assert_eq!(client.append("key", "!").await.unwrap(), 6);
    assert_eq!(client.strlen("key").await.unwrap(), 6);
    assert_eq!(client.clear("key").await.unwrap().unwrap(), "value!");
    assert_eq!(client.clear("key").await.unwrap(), None);
    assert_eq!(client.incr("count").await.unwrap(), 1);
    assert_eq!(client.incr_by("count", -5).await.unwrap(), -4);
    client.mset([("a", "1"), ("b", "")]).await.unwrap();
    assert_eq!(client.mget(["a", "none", "b"]).await.unwrap(), [Some("1".into()), None, Some("".into())]);
}

async fn conditions_and_times(client: &Client) {
    let options = SetOptions::new();
    assert!(!client.set_with("fresh", "1", options.if_present()).await.unwrap());
    assert!(client.set_with("fresh", "1", options.if_missing().expires_in(Duration::from_secs(100))).await.unwrap());
    assert!(!client.set_with("fresh", "2", options.if_missing()).await.unwrap());
    let is_about = |ttl| matches!(ttl, TimeToLive::Left(left) if (99..=100).contains(&left.as_secs()));
    assert!(is_about(client.ttl("fresh").await.unwrap()));
    assert_eq!(client.replace("fresh", "2", options.keeps_expiry()).await.unwrap().unwrap(), "1");
    assert!(is_about(client.ttl("fresh").await.unwrap()));
    assert!(client.persist("fresh").await.unwrap());
    assert_eq!(client.ttl("fresh").await.unwrap(), TimeToLive::Forever);
    assert!(client.expire("fresh", Duration::from_secs(100)).await.unwrap());
    assert!(is_about(client.ttl("fresh").await.unwrap()));
    assert!(!client.expire("none", Duration::from_secs(1)).await.unwrap());
    assert_eq!(client.ttl("none").await.unwrap(), TimeToLive::Missing);
    assert_eq!(client.replace("first", "1", options).await.unwrap(), None);
}

async fn keys(client: &Client) {
    client.mset((0..250).map(|number| (format!("key:{number}"), number))).await.unwrap();
    let (mut scan, mut keys) = (client.scan("key:*"), BTreeSet::new());
    while let Some(key) = scan.next().await.unwrap() {
        keys.insert(String::from_utf8(key.into()).unwrap());
    }
    assert_eq!(keys, (0..250).map(|number| format!("key:{number}")).collect());
    assert_eq!(client.exists(["key:1", "key:1", "none"]).await.unwrap(), 2);
    assert_eq!(client.del((0..300).map(|number| format!("key:{number}"))).await.unwrap(), 250);
    assert_eq!(client.scan("key:*").next().await.unwrap(), None);
}

async fn errors(client: &Client) {
    client.set("text", "abc").await.unwrap();
    let Err(ClientError::Refused(refusal)) = client.incr("text").await else { panic!("it is no number") };
    assert_eq!(refusal.to_string(), "ERR value is not an integer or out of range");
    assert_eq!(client.execute(Command::new("NONE")).await.unwrap().error_code(), Some("ERR"));
    let too_short = SetOptions::new().expires_in(Duration::ZERO);
    assert!(matches!(client.set_with("text", "", too_short).await, Err(ClientError::Refused(_))));
    let select = client.execute(Command::new("SELECT").arg(1)).await.unwrap_err();
    assert_eq!(select.to_string(), "ERR SELECT would change the connection for all who share it: set it in the client");
    assert_eq!(client.execute(Command::new("STRLEN").arg("text")).await.unwrap(), Response::from(3));
}

#[tokio::test]
async fn over_a_pipe() {
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    all_calls_do_what_they_say(&Client::over(connector.connect().unwrap(), ClientCodec::resp())).await;
}

#[tokio::test]
async fn over_a_pipe_in_resp3() {
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    let client = Client::builder().resp3().over(connector.connect().unwrap()).await.unwrap();
    all_calls_do_what_they_say(&client).await;
}

#[tokio::test]
async fn over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    all_calls_do_what_they_say(&Client::connect(address).await.unwrap()).await;
    all_calls_do_what_they_say(&Client::connect(format!("redis://{address}/7")).await.unwrap()).await;
    let host = Client::connect(("localhost", address.port())).await.unwrap();
    assert_eq!(host.ping("").await.unwrap(), "PONG");
}

#[tokio::test]
async fn over_a_unix_socket() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    let client = Client::connect(format!("unix:{}?db=1", path.display())).await.unwrap();
    all_calls_do_what_they_say(&client).await;
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn without_a_connection() {
    all_calls_do_what_they_say(&Client::local(Store::new())).await;
}

#[tokio::test]
async fn through_a_proxy() {
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, Client::local(Store::new())).into_future());
    all_calls_do_what_they_say(&Client::over(connector.connect().unwrap(), ClientCodec::resp())).await;
}
