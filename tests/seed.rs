//! The scenario that the project began with: a server on a random port, PING, then GET, SET and CLEAR.

use std::net::SocketAddr;

use kvstore::client::{self, Client};
use tokio::net::TcpListener;

async fn start_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(kvstore::run(listener));
    address
}

/// A client of either protocol.
async fn clients() -> [Client; 2] {
    let address = start_server().await;
    let resp = client::create(address).await.expect("the server listens");
    [resp, Client::connect(format!("kv://{address}")).await.expect("the server listens")]
}

#[tokio::test]
async fn ping_answers_pong() {
    for client in clients().await {
        assert_eq!(client.ping(String::from("")).await.unwrap(), "PONG");
    }
}

#[tokio::test]
async fn ping_with_a_value_answers_the_value() {
    for client in clients().await {
        assert_eq!(client.ping(String::from("Value")).await.unwrap(), "Value");
    }
}

#[tokio::test]
async fn a_value_is_there_from_set_to_clear() {
    for client in clients().await {
        assert_eq!(client.get("key").await.unwrap(), None);
        client.set("key", "value").await.unwrap();
        assert_eq!(client.get("key").await.unwrap().unwrap(), "value");
        assert_eq!(client.clear("key").await.unwrap().unwrap(), "value");
        assert_eq!(client.get("key").await.unwrap(), None);
        assert_eq!(client.clear("key").await.unwrap(), None);
    }
}

#[tokio::test]
async fn both_protocols_meet_in_one_store() {
    let [resp, native] = clients().await;
    resp.set("key", "value").await.unwrap();
    assert_eq!(native.get("key").await.unwrap().unwrap(), "value");
    native.set("key", "other").await.unwrap();
    assert_eq!(resp.get("key").await.unwrap().unwrap(), "other");
}
