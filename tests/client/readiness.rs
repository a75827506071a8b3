//! A client as one of several: ready only while it has a connection.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{Ready, ready},
    io,
    task::Poll,
    time::Duration,
};

use kvstore::{
    client::{Client, ClientError, Reconnect},
    protocol::{Command, Response},
};
use tokio::{
    io::{DuplexStream, copy_bidirectional, duplex},
    sync::watch,
    time::timeout,
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{
    Service, ServiceExt,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PendingRequests},
    service_fn,
};

use super::backend;
use crate::support::{Server, settle, words};

fn poll(client: &mut Client, task: &mut task::Spawn<()>) -> Poll<Result<(), ClientError>> {
    task.enter(|cx, _| Service::poll_ready(client, cx))
}

#[tokio::test(start_paused = true)]
async fn readiness_comes_and_goes_with_the_connection() {
    let (connector, mut backend) = backend();
    let builder = Client::builder().ready_when_connected(true);
    let mut client = builder.connect_with(move || ready(connector.connect())).await.unwrap();
    let peer = backend.accept().await;
    let mut task = task::spawn(());
    assert_ready_ok!(poll(&mut client, &mut task));
    drop(peer);
    settle().await;
    let peer = backend.accept().await;
    settle().await;
    assert_ready_ok!(poll(&mut client, &mut task));
    drop((peer, backend));
    settle().await;
    assert_pending!(poll(&mut client, &mut task));
    // Long after calls stopped waiting for it.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!task.is_woken());
    assert_pending!(poll(&mut client, &mut task));
    let answer = client.get("k").await;
    assert!(matches!(answer, Err(ClientError::Closed(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_connection_is_woken_when_it_is_back() {
    let (is_up, server) = switched(Server::start(words()));
    let builder = Client::builder().ready_when_connected(true).max_in_flight(1);
    let mut first = builder.connect_with(server).await.unwrap();
    let mut second = first.clone();
    let mut tasks = [task::spawn(()), task::spawn(())];
    assert_ready_ok!(poll(&mut first, &mut tasks[0]));
    // No room.
    assert_pending!(poll(&mut second, &mut tasks[1]));
    is_up.send_replace(false);
    settle().await;
    // The first one gives up its room: no connection. Which one is first when there is one again, is open.
    assert_pending!(poll(&mut first, &mut tasks[0]));
    assert_pending!(poll(&mut second, &mut tasks[1]));
    is_up.send_replace(true);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(tasks.iter().all(|task| task.is_woken()));
    assert_ready_ok!(poll(&mut second, &mut tasks[1]));
    assert_eq!(Service::call(&mut second, Command::new("GET").arg("k")).await.unwrap(), Response::from("GET k"));
}

#[tokio::test(start_paused = true)]
async fn a_balance_asks_the_other_server_while_one_is_gone() {
    let named = |name: &'static str| {
        switched(Server::start(service_fn(move |_: Command| ready(Ok::<_, Infallible>(Response::simple(name))))))
    };
    let ((left_is_up, left), (right_is_up, right)) = (named("left"), named("right"));
    let patience = Reconnect::default().patience(Duration::from_secs(1));
    let builder = Client::builder().ready_when_connected(true).reconnect(patience);
    let clients = [builder.clone().connect_with(left).await.unwrap(), builder.connect_with(right).await.unwrap()];
    let clients = clients.map(|client| PendingRequests::new(client, CompleteOnResponse::default()));
    let mut balance = Balance::new(ServiceList::new(clients));
    assert_eq!(asks(&mut balance).await, ["left", "right"]);
    left_is_up.send_replace(false);
    settle().await;
    assert_eq!(asks(&mut balance).await, ["right"]);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(asks(&mut balance).await, ["right"]);
    right_is_up.send_replace(false);
    settle().await;
    assert!(timeout(Duration::from_secs(3600), balance.ready()).await.is_err());
    for is_up in [&left_is_up, &right_is_up] {
        is_up.send_replace(true);
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(asks(&mut balance).await, ["left", "right"]);
}

/// Who answers a hundred commands.
async fn asks<S>(balance: &mut S) -> Vec<String>
where
    S: Service<Command, Response = Response, Error: std::fmt::Debug>,
{
    let mut names = BTreeSet::new();
    for _ in 0..100 {
        let ready = balance.ready().await.expect("one of them is ready");
        let answer = ready.call(Command::new("GET").arg("k")).await.expect("it answers");
        names.insert(String::from_utf8_lossy(answer.as_bytes().expect("a name")).into_owned());
    }
    names.into_iter().collect()
}

/// A way to a server that is there or not. When it goes, its connections break.
fn switched(server: Server) -> (watch::Sender<bool>, impl FnMut() -> Ready<io::Result<DuplexStream>> + Send + 'static) {
    let (is_up, switch) = watch::channel(true);
    let connect = move || {
        if !*switch.borrow() {
            return ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        let (near, mut far) = duplex(4096);
        let (behind, mut switch) = (server.connector().connect(), switch.clone());
        tokio::spawn(async move {
            let mut behind = behind?;
            tokio::select! {
                _ = copy_bidirectional(&mut far, &mut behind) => {}
                _ = switch.wait_for(|is_up| !is_up) => {}
            }
            Ok::<_, io::Error>(())
        });
        ready(Ok(near))
    };
    (is_up, connect)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_connects_no_more_is_an_error() {
    let (stream, peer) = duplex(1024);
    let mut client = Client::builder().ready_when_connected(true).over(stream).await.unwrap();
    let mut task = task::spawn(());
    assert_ready_ok!(poll(&mut client, &mut task));
    drop(peer);
    settle().await;
    assert_ready_err!(poll(&mut client, &mut task));

    let never = || ready(Err::<DuplexStream, _>(io::ErrorKind::ConnectionRefused.into()));
    let (mut waiting, mut task) =
        (Client::builder().ready_when_connected(true).connect_lazily_with(never).unwrap(), task);
    assert_pending!(poll(&mut waiting, &mut task));
    waiting.clone().close().await;
    assert!(task.is_woken());
    assert_ready_err!(poll(&mut waiting, &mut task));
}
