//! The memory of the buffers of connections, as the server counts it.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::BytesMut;
use kvstore::{
    protocol::{Codec, Command, Output, ProtocolError, Response},
    server::{ConnectionEvent, ListenOptions, PipeListener, Serve, ServerStatus, pipe, upgrade},
    store::Store,
};
use tower::{limit::ConcurrencyLimit, service_fn};

use crate::support::{Client, Server, mock, request, settle, words};

const MIB: usize = 1024 * 1024;

/// The status of a server, known after the first connection.
#[derive(Clone, Default)]
struct Status(Arc<OnceLock<ServerStatus>>);

impl Status {
    /// Learns the status from the first connection.
    fn observe(&self, serve: Serve) -> Serve {
        let status = self.0.clone();
        serve.observe(move |event| {
            if let ConnectionEvent::Opened { session } = event {
                let _ = status.set(session.extensions().get::<ServerStatus>().expect("every session has it").clone());
            }
        })
    }

    /// The counted memory, once everything has come to rest.
    async fn memory(&self) -> usize {
        settle().await;
        self.0.get().expect("a connection was opened").buffer_memory()
    }
}

fn server(build: impl FnOnce(PipeListener) -> Serve) -> (Server, Status) {
    let status = Status::default();
    (Server::of(|listener| status.observe(build(listener))), status)
}

fn echo() -> (Server, Status) {
    server(|listener| kvstore::serve(listener, words()).output_buffer(4 * MIB))
}

/// The first bytes of a request of two mebibytes, which wait for the rest.
async fn sends_half_a_request(client: &mut Client) {
    let request = request(&["ECHOED", &"x".repeat(2 * MIB)]);
    client.sends(&request[..MIB]).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_not_arrived_whole_counts() {
    let (server, status) = echo();
    let mut client = server.connect();
    client.asks("A\r\n", "$1\r\nA\r\n").await;
    assert_eq!(status.memory().await, 0);
    sends_half_a_request(&mut client).await;
    assert!((MIB..=3 * MIB).contains(&status.memory().await));
    drop(client);
    assert_eq!(status.memory().await, 0);
}

#[tokio::test(start_paused = true)]
async fn replies_that_the_client_does_not_read_count_until_it_does() {
    // Short ones, and long ones that share the memory of their request.
    for (length, count) in [(100, 20_000), (50_000, 40)] {
        let (server, status) = echo();
        let mut client = server.connect_with_room(4096);
        let sent = request(&[&"x".repeat(length)]);
        for _ in 0..count {
            client.sends(&sent).await;
        }
        let unread = length * count;
        assert!((unread * 9 / 10..=unread * 3 / 2).contains(&status.memory().await), "{}", status.memory().await);
        for _ in 0..count {
            client.reads_bulk().await;
        }
        assert_eq!(status.memory().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_count_that_wait_for_their_turn() {
    let (service, mut script) = mock();
    let (server, status) = server(|listener| kvstore::serve(listener, ConcurrencyLimit::new(service, 1)));
    let (mut first, mut second) = (server.connect(), server.connect());
    first.sends("A\r\n").await;
    let call = script.expect("A").await;
    let before = status.memory().await;
    second.sends(request(&["B", &"x".repeat(MIB)])).await;
    assert!((MIB..MIB + 100_000).contains(&(status.memory().await - before)));
    call.answer("a");
    script.expect("B").await.answer("b");
    first.gets("$1\r\na\r\n").await;
    second.gets("$1\r\nb\r\n").await;
    assert_eq!(status.memory().await, 0);
}

#[tokio::test(start_paused = true)]
async fn replies_count_that_wait_for_one_before_them() {
    let (service, mut script) = mock();
    let (server, status) = server(|listener| kvstore::serve(listener, service).max_in_flight(4));
    let mut client = server.connect();
    client.sends("A\r\nB\r\n").await;
    let first = script.expect("A").await;
    script.expect("B").await.answer("x".repeat(MIB).as_str());
    assert!(status.memory().await >= MIB);
    first.answer("a");
    client.gets("$1\r\na\r\n").await;
    client.reads_bulk().await;
    assert_eq!(status.memory().await, 0);
}

#[tokio::test(start_paused = true)]
async fn messages_count_that_wait_for_room() {
    let (server, status) = server(|listener| kvstore::serve(listener, words()).output_buffer(1000));
    let mut client = server.connect_with_room(16);
    client.asks("A\r\n", "$1\r\nA\r\n").await;
    let clients = status.0.get().expect("a connection was opened").clients();
    for _ in 0..10 {
        clients.list()[0].push(Response::Push(vec!["x".repeat(10_000).into()])).expect("there is room");
    }
    assert!((100_000..120_000).contains(&status.memory().await));
    drop(client);
    assert_eq!(status.memory().await, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_connection_however_it_ends() {
    let patience = Duration::from_secs(30);
    let (server, status) = server(|listener| kvstore::serve(listener, words()).slow_sender(30 * 1024, patience));
    let mut other = server.connect();
    // Closed by the server: killed, after an error, as it stopped sending.
    for id in [2, 3, 4] {
        let mut client = server.connect();
        sends_half_a_request(&mut client).await;
        assert!(status.memory().await >= MIB);
        match id {
            2 => other.asks("CLIENT KILL ID 2\r\n", ":1\r\n").await,
            3 => {
                client.sends("x".repeat(MIB + 1000)).await;
                let answer = client.reads_all().await;
                assert!(answer.starts_with(b"-ERR Protocol error"), "{}", answer.escape_ascii());
            }
            _ => tokio::time::sleep(2 * patience).await,
        }
        assert_eq!(status.memory().await, 0, "connection {id}");
    }
    // The end of the server.
    let mut client = server.connect();
    sends_half_a_request(&mut client).await;
    assert!(status.memory().await >= MIB);
    assert_eq!(server.stop().await.expect("it stops").cut, 0);
    assert_eq!(status.memory().await, 0);
}

/// Panics at the second line.
#[derive(Default)]
struct Mine(bool);

impl Codec for Mine {
    type Tag = ();

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, ())>, ProtocolError> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        assert!(!std::mem::replace(&mut self.0, true), "a mine in the codec");
        Ok(Some((Command::new(input.split_to(end + 1)), ())))
    }

    fn encode(&mut self, _: &Response, (): (), _: &mut Output) {}
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_connection_that_panicked() {
    let (status, (connector, listener)) = (Status::default(), pipe());
    let serve = Serve::new(words()).listen_with(listener, ListenOptions::new().codec(Mine::default));
    tokio::spawn(status.observe(serve).into_future());
    let mut client = Client::new(connector.connect().expect("the server listens"));
    client.sends("A\nB").await;
    assert!(status.memory().await > 0);
    client.sends("\n").await;
    assert!(client.is_closed().await);
    assert_eq!(status.memory().await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_upgraded_connection_holds_is_its_handlers() {
    let service = service_fn(async |_: Command| {
        Ok::<_, Infallible>(upgrade(|stream| async {
            let _stream = stream;
            pending().await
        }))
    });
    let (server, status) = server(|listener| kvstore::serve(listener, service).exclusive(["UPGRADE"]));
    let mut client = server.connect();
    client.sends("UPGRA").await;
    assert!(status.memory().await > 0);
    client.sends("DE\r\nthe first words of another protocol").await;
    assert_eq!(status.memory().await, 0);
    drop((client, server.stop().await));
    assert_eq!(status.memory().await, 0);
}

/// The number after `name` in INFO or CLIENT LIST.
fn field(text: &str, name: &str) -> usize {
    let field = text.split([' ', '\r', '\n']).find_map(|field| field.strip_prefix(name));
    field.expect("the field is there").parse().expect("a number")
}

#[tokio::test(start_paused = true)]
async fn info_and_client_list_show_it() {
    let (server, _) = server(|listener| kvstore::serve(listener, Store::new()));
    let (mut client, mut other) = (server.connect(), server.connect());
    let shown = async |client: &mut Client, command: &str| {
        settle().await;
        client.sends(command).await;
        client.reads_bulk().await
    };
    let before = shown(&mut client, "INFO memory\r\n").await;
    assert_eq!(field(&before, "used_memory:"), field(&before, "used_memory_dataset:"));
    assert_eq!(field(&before, "mem_clients_normal:"), 0);

    sends_half_a_request(&mut other).await;
    let during = shown(&mut client, "INFO memory\r\n").await;
    let held = field(&during, "mem_clients_normal:");
    assert!((MIB..=3 * MIB).contains(&held), "{during}");
    assert_eq!(field(&during, "used_memory:"), field(&during, "used_memory_dataset:") + held);
    let line = shown(&mut client, "CLIENT LIST ID 2\r\n").await;
    assert_eq!(field(&line, "qbuf="), MIB);
    assert_eq!((field(&line, "tot-mem="), field(&line, "qbuf-free=")), (held, held - MIB));

    drop(other);
    let after = shown(&mut client, "INFO memory\r\n").await;
    assert_eq!(field(&after, "mem_clients_normal:"), 0);
    assert_eq!(field(&after, "used_memory_peak:"), field(&during, "used_memory:"));
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_while_a_long_request_arrives() {
    let (server, _) = echo();
    let mut client = server.connect_with_room(16 * MIB);
    client.asks(request(&["ECHOED", "x"]), "$8\r\nECHOED x\r\n").await;
    // All of it is ready to be read at once.
    let argument = "x".repeat(64);
    let request = request(&vec![argument.as_str(); 8 * MIB / argument.len()]);
    let turns = Arc::new(AtomicUsize::new(0));
    let other = tokio::spawn({
        let turns = Arc::clone(&turns);
        // Not `yield_now`, which would let the connection run for as long as it has work.
        poll_fn(move |cx| {
            turns.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        })
    });
    client.sends(&request).await;
    client.reads(1).await;
    other.abort();
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= 16, "{turns} turns for {} bytes", request.len());
}
