//! Broken connections, and those after them. Time is paused.

use std::{
    future::{Ready, ready},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore::{
    client::{Client, ClientError, ConnectionError, Reconnect},
    protocol::{Command, Response},
    server::pipe,
};
use tokio::{io::DuplexStream, join, time::Instant};
use tower::service_fn;

use super::{GET_K, PING, backend, bytes_of, command, connected_lazily};
use crate::support::{Server, settle};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn calls_under_way_fail_at_a_break_and_later_ones_have_the_next_connection() {
    let (client, mut backend) = connected_lazily(Client::builder());
    let mut server = backend.accept().await;
    let (first, second, third, ()) =
        join!(client.execute(command("A")), client.execute(command("B")), client.execute(command("C")), async {
            server.gets(["A", "B", "C"].map(bytes_of).concat()).await;
            // The second answer breaks off in the middle.
            server.sends(b":1\r\n$5\r\nhal").await;
            drop(server);
        });
    assert_eq!(first.unwrap(), Response::from(1));
    for lost in [second, third] {
        assert!(matches!(lost, Err(ClientError::Lost(ConnectionError::Io(_)))), "{lost:?}");
    }
    let mut server = backend.accept().await;
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test(start_paused = true)]
async fn no_command_is_executed_twice_however_connections_break() {
    // Counts what it executes, by number.
    let counts = Arc::new(Mutex::new(vec![0; 2000]));
    let counted = counts.clone();
    let server = Server::start(service_fn(move |command: Command| {
        let number: usize = std::str::from_utf8(command.arg_at(0).unwrap()).unwrap().parse().unwrap();
        counted.lock().unwrap()[number] += 1;
        ready(Ok::<_, std::convert::Infallible>(Response::from(number)))
    }));
    let (connector, mut middles) = pipe();
    let inner = server.connector();
    // Between them, something that breaks off after some bytes.
    tokio::spawn(async move {
        use kvstore::server::{Listener, SocketOptions};
        let mut random = fastrand::Rng::with_seed(7);
        loop {
            let outer = middles.accept(&SocketOptions::default()).await.io;
            break_after(random.usize(1..3000), random.usize(1..500), outer, inner.connect().unwrap()).await;
        }
    });
    let client = Client::builder().connect_with(move || ready(connector.connect_with_room(64))).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..2000_usize {
        let client = client.clone();
        calls.spawn(async move { (number, client.execute(Command::new("N").arg(number)).await) });
    }
    let (mut answered, mut lost) = (0, 0);
    while let Some(done) = calls.join_next().await {
        let (number, answer) = done.unwrap();
        let count = counts.lock().unwrap()[number];
        match answer {
            Ok(answer) => {
                assert_eq!((answer, count), (Response::from(number), 1));
                answered += 1;
            }
            Err(ClientError::Lost(_)) => {
                assert!(count <= 1, "{number} was executed {count} times");
                lost += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(answered > 500 && lost > 10, "{answered} answered, {lost} lost");
}

/// Passes bytes on, so many from the client and so many from the server, and breaks off then.
async fn break_after(requests: usize, replies: usize, outer: DuplexStream, inner: DuplexStream) {
    use tokio::io::{AsyncReadExt, copy, split};
    let ((from_client, mut to_client), (from_server, mut to_server)) = (split(outer), split(inner));
    let (mut requests, mut replies) = (from_client.take(requests as u64), from_server.take(replies as u64));
    tokio::select! {
        _ = copy(&mut requests, &mut to_server) => {}
        _ = copy(&mut replies, &mut to_client) => {}
    }
}

type Refused = Ready<io::Result<DuplexStream>>;

/// A connector that refuses, and notes when it was asked.
fn refusing() -> (impl FnMut() -> Refused + Send, Arc<Mutex<Vec<Instant>>>) {
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let noted = attempts.clone();
    let connect = move || {
        noted.lock().expect("nobody panics").push(Instant::now());
        ready(Err(io::ErrorKind::ConnectionRefused.into()))
    };
    (connect, attempts)
}

#[tokio::test(start_paused = true)]
async fn attempts_come_ever_more_slowly() {
    let (connect, attempts) = refusing();
    let policy = Reconnect::default().first_delay(SECOND).longest_delay(8 * SECOND);
    let client = Client::builder().reconnect(policy).connect_lazily_with(connect).unwrap();
    tokio::time::sleep(60 * SECOND).await;
    let attempts: Vec<_> = attempts.lock().unwrap().clone();
    let pauses: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.len() >= 9, "{pauses:?}");
    for (pause, longest) in pauses.iter().zip([1, 2, 4, 8, 8, 8, 8, 8, 8]) {
        let longest = longest * SECOND;
        // A timer is as fine as a millisecond.
        assert!(longest / 2 <= *pause && *pause <= longest + Duration::from_millis(2), "{pauses:?}");
    }
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_connection_as_long_as_they_have_patience() {
    let (connect, _) = refusing();
    let client =
        Client::builder().reconnect(Reconnect::default().patience(3 * SECOND)).connect_lazily_with(connect).unwrap();
    let start = Instant::now();
    let answer = client.ping("").await;
    let Err(ClientError::Closed(ConnectionError::Io(cause))) = answer else { panic!("{answer:?}") };
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert!(matches!(client.ping("").await, Err(ClientError::Closed(_))));
    assert_eq!(start.elapsed(), 3 * SECOND, "nobody waits again");
}

#[tokio::test(start_paused = true)]
async fn commands_wait_for_the_connection_and_keep_their_order() {
    let (connector, mut backend) = backend();
    let attempts = AtomicUsize::new(0);
    let client = Client::builder()
        .connect_lazily_with(move || {
            let is_late = attempts.fetch_add(1, Ordering::Relaxed) < 3;
            ready(if is_late { Err(io::ErrorKind::ConnectionRefused.into()) } else { connector.connect() })
        })
        .unwrap();
    let (first, second, ()) = join!(client.execute(command("A")), client.execute(command("B")), async {
        let mut server = backend.accept().await;
        server.answers(["A", "B"].map(bytes_of).concat(), b":1\r\n:2\r\n").await;
    });
    assert_eq!((first.unwrap(), second.unwrap()), (Response::from(1), Response::from(2)));
}

#[tokio::test(start_paused = true)]
async fn a_command_of_which_nothing_was_written_goes_to_the_next_connection() {
    let (connector, mut backend) = backend();
    let client = Client::builder().connect_with(move || ready(connector.connect_with_room(GET_K.len()))).await.unwrap();
    let mut server = backend.accept().await;
    let (first, second, ()) = join!(client.get("k"), client.get("k"), async {
        // Only the first one fits into the pipe.
        settle().await;
        drop(server);
        server = backend.accept().await;
        server.answers(GET_K, b"$1\r\nv\r\n").await;
    });
    assert!(matches!(first, Err(ClientError::Lost(_))), "{first:?}");
    assert_eq!(second.unwrap().unwrap(), "v");
}

#[tokio::test(start_paused = true)]
async fn the_handshake_is_made_on_every_connection() {
    let (client, mut backend) = connected_lazily(Client::builder().database(3));
    for _ in 0..3 {
        let mut server = backend.accept().await;
        server.answers(bytes_of("SELECT 3"), b"+OK\r\n").await;
        let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
        assert_eq!(answer.unwrap(), "PONG");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_closes_is_not_asked_all_the_time() {
    let (client, mut backend) = connected_lazily(Client::builder());
    let (start, mut accepted) = (Instant::now(), 0);
    while start.elapsed() < 60 * SECOND {
        drop(tokio::time::timeout(60 * SECOND, backend.accept()).await);
        accepted += 1;
    }
    assert!((8..30).contains(&accepted), "{accepted} connections in a minute");
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn without_reconnecting_the_first_break_is_the_end() {
    let (connector, mut backend) = backend();
    let builder = Client::builder().reconnect(None);
    let client = builder.connect_with(move || ready(connector.connect())).await.unwrap();
    let server = backend.accept().await;
    drop(server);
    settle().await;
    assert!(matches!(client.get("k").await, Err(ClientError::Closed(ConnectionError::Ended))));
}

#[tokio::test(start_paused = true)]
async fn a_client_nobody_wants_stops_connecting() {
    let (connect, attempts) = refusing();
    let client = Client::builder().connect_lazily_with(connect).unwrap();
    let call = client.execute(command("PING"));
    settle().await;
    drop((client, call));
    settle().await;
    let made = attempts.lock().unwrap().len();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(attempts.lock().unwrap().len(), made);
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_calls_that_wait_for_a_connection() {
    let (client, mut backend) = connected_lazily(Client::builder().database(1));
    let call = tokio::spawn(client.execute(command("PING")));
    settle().await;
    let closing = tokio::spawn(client.close());
    let mut server = backend.accept().await;
    server.answers(bytes_of("SELECT 1"), b"+OK\r\n").await;
    server.answers(PING, b"+PONG\r\n").await;
    assert_eq!(call.await.unwrap().unwrap(), Response::simple("PONG"));
    closing.await.unwrap();
    server.gets_the_end().await;
}

#[tokio::test]
async fn a_first_connection_that_fails_is_told_at_once() {
    let (connect, attempts) = refusing();
    let error = Client::builder().connect_with(connect).await.unwrap_err();
    assert!(matches!(error, ClientError::Closed(ConnectionError::Io(_))), "{error:?}");
    assert_eq!(attempts.lock().unwrap().len(), 1);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = kvstore::client::create(address).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_connector_that_panics_leaves_nobody_waiting() {
    let client = Client::builder().connect_lazily_with(|| -> Refused { panic!("the connector fails") }).unwrap();
    let (first, second) = join!(client.ping(""), client.ping(""));
    for answer in [first, second, client.ping("").await] {
        assert!(matches!(answer, Err(ClientError::Closed(_) | ClientError::Lost(_))), "{answer:?}");
    }
}
