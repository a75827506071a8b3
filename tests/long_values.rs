//! Long values over TCP, whose pages may be lent to the socket: what arrives is the value as it was when it was asked for.

use std::iter::repeat_with;

use kvstore::store::Store;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::Client;

/// More often than a value is copied before it is lent.
const OFTEN: usize = 20;

async fn serve() -> impl AsyncFn() -> Client<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    async move || {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Little, so that a long answer fills it and the server's side too.
        socket.set_recv_buffer_size(16 * 1024).expect("a size");
        Client::new(socket.connect(address).await.expect("the server listens"))
    }
}

/// Bytes of which no two parts are alike.
fn value(seed: u64, length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    repeat_with(|| random.u8(..)).take(length).collect()
}

fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

fn set(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("*3\r\n$3\r\nSET\r\n{}", text(key)).as_bytes(), &bulk(value)].concat()
}

fn get(key: &str) -> String {
    format!("*2\r\n$3\r\nGET\r\n{}", text(key))
}

fn text(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A connection that has asked for a value and not read it, though some of it has been sent.
async fn ask_and_wait(connect: &impl AsyncFn() -> Client<TcpStream>, key: &str) -> Client<TcpStream> {
    let mut reader = connect().await;
    reader.sends(get(key)).await;
    reader.io.readable().await.expect("the connection holds");
    reader
}

#[tokio::test]
async fn a_value_that_goes_away_before_it_is_read_arrives_as_it_was() {
    let connect = serve().await;
    let mut writer = connect().await;
    for length in [100_000, 1 << 20, 5_000_001] {
        let first = value(1, length);
        writer.asks(set("key", &first), "+OK\r\n").await;
        for _ in 0..OFTEN {
            writer.asks(get("key"), bulk(&first)).await;
        }
        let mut reader = ask_and_wait(&connect, "key").await;
        writer.asks(set("key", b"short"), "+OK\r\n").await;
        // What comes now gets the memory of what has gone.
        for number in 0..4 {
            writer.asks(set(&number.to_string(), &value(2, length)), "+OK\r\n").await;
        }
        reader.gets(bulk(&first)).await;
        writer.asks("FLUSHALL\r\n", "+OK\r\n").await;
    }
}

#[tokio::test]
async fn a_value_that_changes_before_it_is_read_arrives_as_it_was() {
    let connect = serve().await;
    let mut writer = connect().await;
    let first = value(1, 1 << 20);
    writer.asks(set("key", &first), "+OK\r\n").await;
    for _ in 0..OFTEN {
        writer.asks(get("key"), bulk(&first)).await;
    }
    let mut reader = ask_and_wait(&connect, "key").await;
    writer.asks("SETRANGE key 3 changed\r\n", ":1048576\r\n").await;
    writer.asks("APPEND key end\r\n", ":1048579\r\n").await;
    reader.gets(bulk(&first)).await;

    let mut changed = [&first[..], b"end"].concat();
    changed[3..10].copy_from_slice(b"changed");
    for _ in 0..OFTEN {
        writer.asks(get("key"), bulk(&changed)).await;
    }
}

#[tokio::test]
async fn values_of_any_length_arrive_whole_through_a_socket_that_is_often_full() {
    let connect = serve().await;
    let mut client = connect().await;
    let lengths = [65_536, 10, 70_001, 300_000, 0, 131_072, 20_000, 1 << 20, 65_400];
    let values: Vec<_> = lengths.iter().zip(1..).map(|(length, seed)| value(seed, *length)).collect();
    for (index, value) in values.iter().enumerate() {
        client.asks(set(&index.to_string(), value), "+OK\r\n").await;
    }
    for _ in 0..OFTEN {
        let requests: String = (0..values.len()).map(|index| get(&index.to_string())).collect();
        let answers: Vec<u8> = values.iter().flat_map(|value| bulk(value)).collect();
        client.sends(&requests).await;
        for piece in answers.chunks(7_777) {
            client.gets(piece).await;
        }
    }
}

#[tokio::test]
async fn a_part_of_a_long_value_arrives_as_that_part() {
    let connect = serve().await;
    let mut client = connect().await;
    let whole = value(1, 400_000);
    client.asks(set("key", &whole), "+OK\r\n").await;
    for _ in 0..OFTEN {
        client.asks("GETRANGE key 1 399998\r\n", bulk(&whole[1..399_999])).await;
        client.asks("GETRANGE key 100000 200000\r\n", bulk(&whole[100_000..=200_000])).await;
        client.asks("GETRANGE key 5000 5003\r\n", bulk(&whole[5000..=5003])).await;
    }
}
