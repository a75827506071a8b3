//! Connections with much to do, and one with little.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kvstore::protocol::{Command, Response};

use crate::support::{Server, settle};

#[tokio::test(start_paused = true)]
async fn a_command_does_not_wait_for_all_who_have_much_to_do() {
    const BUSY: usize = 100;
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let server = Server::start(tower::service_fn(move |_: Command| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, Infallible>(Response::ok()))
    }));
    let mut clients: Vec<_> = (0..BUSY).map(|_| server.connect_with_room(1 << 20)).collect();
    let mut other = server.connect();
    other.asks("A\r\n", "+OK\r\n").await;
    for client in &mut clients {
        client.sends("A\r\n".repeat(20_000)).await;
    }
    let mut most = 0;
    for _ in 0..10 {
        let before = called.load(Ordering::Relaxed);
        other.asks("A\r\n", "+OK\r\n").await;
        most = most.max(called.load(Ordering::Relaxed) - before);
    }
    // With a turn for each of them it would be over 100,000.
    assert!(most < 20_000, "{most} commands were called before one");
    settle().await;
    for client in &mut clients {
        assert_eq!(client.reads("+OK\r\n".len() * 20_000).await.len(), "+OK\r\n".len() * 20_000);
    }
    assert_eq!(called.load(Ordering::Relaxed), BUSY * 20_000 + 11);
}

#[tokio::test(start_paused = true)]
async fn busy_clients_that_leave_hold_nobody_up() {
    let server = Server::start(crate::support::words());
    for _ in 0..50 {
        let mut client = server.connect_with_room(1 << 16);
        client.sends("A\r\n".repeat(5_000)).await;
    }
    let mut last = server.connect_with_room(1 << 20);
    last.sends("A\r\n".repeat(20_000)).await;
    assert_eq!(last.reads("$1\r\nA\r\n".len() * 20_000).await.len(), "$1\r\nA\r\n".len() * 20_000);
}
