//! What clients cost in memory, at the default settings: bounds that hold under attack. And what a stream costs.
//!
//! One test in a binary of its own, since it counts what the whole process allocates.

#[expect(unsafe_code, reason = "an allocator that counts")]
mod counting {
    use std::{
        alloc::{GlobalAlloc, Layout, System},
        sync::atomic::{AtomicUsize, Ordering},
    };

    static HELD: AtomicUsize = AtomicUsize::new(0);

    struct Counting;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    /// How many bytes the process holds.
    pub(crate) fn held() -> usize {
        HELD.load(Ordering::Relaxed)
    }

    // SAFETY: every call goes to the system's allocator as it came.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            HELD.fetch_add(layout.size(), Ordering::Relaxed);
            // SAFETY: as the caller promised.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            HELD.fetch_sub(layout.size(), Ordering::Relaxed);
            // SAFETY: as the caller promised.
            unsafe { System.dealloc(memory, layout) }
        }
    }
}

use std::{
    convert::Infallible,
    future::{IntoFuture, ready},
    time::Duration,
};

use kvstore::{
    protocol::{Command, Response},
    pubsub::{PubSub, PubSubLayer},
    server::{Password, PipeConnector, Serve, pipe},
    store::Store,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::{sleep, timeout},
};
use tower::{Layer, service_fn};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[test]
fn clients_cost_no_more_than_the_settings_allow() {
    let figures = [
        ("an idle connection", run(an_idle_connection()), 25 * KIB / 10),
        // With its two mebibytes of requests, in a buffer that has doubled.
        ("a client that does not read", run(a_client_that_does_not_read()), 64 * MIB + 5 * MIB),
        ("200 announcements of 512 MiB", run(announcements(b"*2\r\n$3\r\nSET\r\n$536870912\r\n")), 64 * MIB),
        (
            "200 announcements of many words",
            run(announcements(b"*2147483647\r\n$3\r\nSET\r\n$536870912\r\n")),
            64 * MIB,
        ),
        ("200 clients that flood before authentication", run(a_flood_before_authentication(b"GET a\r\n")), 16 * MIB),
        ("200 large requests before authentication", run(a_flood_before_authentication(b"*9\r\n$16384\r\n")), 16 * MIB),
        ("a client that sends ahead of a slow service", run(a_client_that_sends_ahead()), MIB),
        ("100,000 channels of one connection", run(many_channels()), 16 * MIB),
        ("a subscriber that does not read", run(a_subscriber_that_does_not_read()), 34 * MIB),
        // Redis 8.2 takes 31.4 bytes for each of these entries, and Valkey 9.1 takes 148 for one that is pending.
        ("a stream", a_stream(false), ENTRIES * 31),
        ("a stream whose entries are pending", a_stream(true), ENTRIES * (31 + 148)),
    ];
    for (what, held, _) in &figures {
        println!("{what}: {held} bytes");
    }
    for (what, held, bound) in figures {
        assert!(held <= bound, "{what}: {held} bytes are held, not at most {bound}");
    }
}

fn run(figure: impl Future<Output = usize>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(figure)
}

fn start(build: impl FnOnce(kvstore::server::PipeListener) -> Serve) -> PipeConnector {
    let (connector, listener) = pipe();
    tokio::spawn(build(listener).into_future());
    connector
}

fn answers_of(bytes: usize) -> impl Fn(Command) -> std::future::Ready<Result<Response, Infallible>> + Clone {
    move |_| ready(Ok(Response::from(vec![b'x'; bytes])))
}

/// Waits until nothing moves any more: time stands until then.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Clients whose pipes hold next to nothing, so that what is held is the server's.
async fn connect(connector: &PipeConnector, count: usize) -> Vec<DuplexStream> {
    let clients = (0..count).map(|_| connector.connect_with_room(64).expect("the server listens")).collect();
    settle().await;
    clients
}

/// Sends as much of `bytes`, over and over, as the server takes.
async fn flood(client: &mut DuplexStream, bytes: &[u8], limit: usize) {
    let chunk = bytes.repeat(limit.min(64 * KIB) / bytes.len() + 1);
    let flood = async {
        for _ in 0..limit / chunk.len() + 1 {
            if client.write_all(&chunk).await.is_err() {
                break;
            }
        }
    };
    let _ = timeout(Duration::from_secs(1), flood).await;
}

/// The number of entries of a stream.
const ENTRIES: usize = 100_000;

/// A stream of entries of two fields, which may all be pending.
fn a_stream(are_pending: bool) -> usize {
    let store = Store::builder().threads(1).build();
    let add = |key: &str, id: usize| {
        let words = ["name".to_owned(), format!("value-{id:06}"), "count".to_owned(), (100_000 + id).to_string()];
        let id = format!("{}-0", 1_700_000_000_000 + id);
        store.execute(&Command::new("XADD").arg(key).arg(id).with_args(words))
    };
    add("warm", 0);
    let before = counting::held();
    (0..ENTRIES).for_each(|id| assert!(!add("stream", id).is_error()));
    if are_pending {
        store.execute(&Command::new("XGROUP").with_args(["CREATE", "stream", "group", "0"]));
        let read = Command::new("XREADGROUP").with_args(["GROUP", "group", "consumer", "STREAMS", "stream", ">"]);
        assert!(!store.execute(&read).is_error());
    }
    counting::held() - before
}

async fn an_idle_connection() -> usize {
    const COUNT: usize = 5000;
    let connector = start(|listener| kvstore::serve(listener, service_fn(answers_of(100))));
    let warm_up = connect(&connector, 1).await;
    let before = counting::held();
    let mut clients = connect(&connector, COUNT).await;
    for client in &mut clients {
        client.write_all(b"GET a\r\n").await.expect("the connection holds");
        client.read_exact(&mut [0; 108]).await.expect("an answer");
    }
    settle().await;
    let held = counting::held() - before;
    drop(warm_up);
    held / COUNT
}

async fn a_client_that_does_not_read() -> usize {
    let connector = start(|listener| kvstore::serve(listener, service_fn(answers_of(1000))));
    let before = counting::held();
    let mut clients = connect(&connector, 1).await;
    flood(&mut clients[0], b"GET a\r\n", 2 * MIB).await;
    counting::held() - before
}

async fn announcements(announcement: &[u8]) -> usize {
    let connector = start(|listener| kvstore::serve(listener, service_fn(answers_of(1))));
    let before = counting::held();
    let mut clients = connect(&connector, 200).await;
    for client in &mut clients {
        client.write_all(announcement).await.expect("the connection holds");
        client.write_all(&[b'v'; 1000]).await.expect("the connection holds");
    }
    settle().await;
    counting::held() - before
}

async fn a_flood_before_authentication(bytes: &[u8]) -> usize {
    let build = |listener| kvstore::serve(listener, service_fn(answers_of(1))).authenticate(Password::new("secret"));
    let connector = start(build);
    let before = counting::held();
    let mut clients = connect(&connector, 200).await;
    for client in &mut clients {
        if bytes.starts_with(b"*") {
            let _ = timeout(Duration::from_millis(100), client.write_all(bytes)).await;
            for _ in 0..3 {
                let _ = timeout(Duration::from_millis(10), client.write_all(&[b'v'; 16 * KIB])).await;
                let _ = timeout(Duration::from_millis(10), client.write_all(b"\r\n$16384\r\n")).await;
            }
        } else {
            let _ = timeout(Duration::from_millis(100), client.write_all(&bytes.repeat(20_000))).await;
        }
    }
    settle().await;
    counting::held() - before
}

async fn a_client_that_sends_ahead() -> usize {
    let never = service_fn(|_: Command| std::future::pending::<Result<Response, Infallible>>());
    let connector = start(|listener| kvstore::serve(listener, never));
    let before = counting::held();
    let mut clients = connect(&connector, 1).await;
    flood(&mut clients[0], b"GET a\r\n", 10 * MIB).await;
    counting::held() - before
}

/// A server in front of which clients subscribe.
fn publishing(hub: &PubSub) -> PipeConnector {
    let service = PubSubLayer::new(hub.clone()).layer(service_fn(answers_of(1)));
    start(|listener| kvstore::serve(listener, service))
}

async fn many_channels() -> usize {
    const COUNT: usize = 100_000;
    let hub = PubSub::new();
    let connector = publishing(&hub);
    let before = counting::held();
    let mut clients = connect(&connector, 1).await;
    for channel in 0..COUNT {
        clients[0]
            .write_all(format!("SUBSCRIBE channel:{channel:08}\r\n").as_bytes())
            .await
            .expect("the connection holds");
        let confirmation = format!("*3\r\n$9\r\nsubscribe\r\n$16\r\nchannel:{channel:08}\r\n:{}\r\n", channel + 1);
        clients[0].read_exact(&mut vec![0; confirmation.len()]).await.expect("a confirmation");
    }
    settle().await;
    assert_eq!(hub.channels(), COUNT);
    counting::held() - before
}

async fn a_subscriber_that_does_not_read() -> usize {
    let hub = PubSub::new();
    let connector = publishing(&hub);
    let mut clients = connect(&connector, 1).await;
    clients[0].write_all(b"SUBSCRIBE a\r\n").await.expect("the connection holds");
    settle().await;
    let (before, mut most) = (counting::held(), 0);
    for _ in 0..100_000 {
        hub.publish("a", [b'x'; 1000]);
        tokio::task::yield_now().await;
        most = most.max(counting::held().saturating_sub(before));
    }
    settle().await;
    assert_eq!(hub.subscribers(), 0);
    most
}
