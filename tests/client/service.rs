//! The client under tower's layers, and services in this process behind it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use kvstore::{
    client::{Client, ClientError},
    protocol::{Command, CommandError, Packed, Response},
    store::Store,
};
use tokio::io::duplex;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::{
    Service, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PendingRequests},
    retry::{Policy, RetryLayer},
};

use super::{GET_K, Peer, backend, command};
use crate::support::{Hand, Server, mock, settle, words};

async fn with_room_for(commands: usize) -> (Client, Peer) {
    let (stream, server) = duplex(1024);
    let client = Client::builder().max_in_flight(commands).over(stream).await;
    (client.expect("there is no handshake"), Peer(server))
}

#[tokio::test(start_paused = true)]
async fn readiness_is_room_for_one_command() {
    let (client, mut server) = with_room_for(1).await;
    let (mut first, mut second) = (client.clone(), client);
    assert_ready_ok!(task::spawn(()).enter(|cx, _| Service::poll_ready(&mut first, cx)));
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| Service::poll_ready(&mut second, cx)));
    let answer = tokio::spawn(Service::call(&mut first, Command::new("GET").arg("k")));
    server.gets(GET_K).await;
    assert_pending!(waiting.enter(|cx, _| Service::poll_ready(&mut second, cx)));
    server.sends(b"$1\r\nv\r\n").await;
    assert_eq!(answer.await.unwrap().unwrap(), Response::from("v"));
    settle().await;
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.enter(|cx, _| Service::poll_ready(&mut second, cx)));
}

#[tokio::test]
async fn room_that_was_promised_goes_back_with_its_instance_and_not_to_clones() {
    let (client, _server) = with_room_for(1).await;
    let (mut first, mut second) = (client.clone(), client);
    let mut waiting = task::spawn(());
    let ready = |client: &mut Client, task: &mut task::Spawn<()>| task.enter(|cx, _| Service::poll_ready(client, cx));
    assert_ready_ok!(ready(&mut first, &mut waiting));
    assert_ready_ok!(ready(&mut first, &mut waiting));
    assert_pending!(ready(&mut first.clone(), &mut waiting));
    assert_pending!(ready(&mut second, &mut waiting));
    drop(first);
    assert!(waiting.is_woken());
    assert_ready_ok!(ready(&mut second, &mut waiting));
}

#[tokio::test]
async fn a_client_that_is_closed_is_never_ready_again() {
    let (client, _server) = with_room_for(1).await;
    let mut other = client.clone();
    let mut task = task::spawn(());
    assert_ready_ok!(task.enter(|cx, _| Service::poll_ready(&mut other, cx)));
    client.close().await;
    let error = assert_ready_err!(task.enter(|cx, _| Service::poll_ready(&mut other, cx)));
    assert!(matches!(error, ClientError::Closed(_)), "{error:?}");
}

#[tokio::test]
async fn a_call_that_nobody_asked_readiness_for_waits_by_itself() {
    let server = Server::start(words());
    let client = Client::builder().max_in_flight(1).over(server.connector().connect().unwrap()).await.unwrap();
    let calls = (0..10).map(|number| Service::call(&mut client.clone(), Command::new("N").arg(number)));
    for (number, call) in calls.map(tokio::spawn).collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), Response::from(format!("N {number}")));
    }
}

#[tokio::test]
async fn balance_uses_several_servers() {
    let counts = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let servers = counts.clone().map(|count| {
        Server::start(tower::service_fn(move |_: Command| {
            count.fetch_add(1, Ordering::Relaxed);
            ready(Ok::<_, Infallible>(Response::ok()))
        }))
    });
    let clients = servers.each_ref().map(|server| {
        let connector = server.connector();
        let client = Client::builder().connect_lazily_with(move || ready(connector.connect())).unwrap();
        PendingRequests::new(client, CompleteOnResponse::default())
    });
    let mut balance = Balance::new(ServiceList::new(clients));
    for _ in 0..100 {
        let answer = balance.ready().await.unwrap().call(Command::new("GET").arg("k")).await;
        assert_eq!(answer.unwrap(), Response::ok());
    }
    let counts = counts.map(|count| count.load(Ordering::Relaxed));
    assert!(counts[0] + counts[1] == 100 && counts[0] > 0 && counts[1] > 0, "{counts:?}");
}

/// Sends again what may be sent twice, and what was not sent.
#[derive(Clone)]
struct Again(usize);

impl Policy<Command, Response, ClientError> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, command: &mut Command, result: &mut Result<Response, ClientError>) -> Option<Ready<()>> {
        let is_safe = match result {
            Err(ClientError::Lost(_)) => command.is("GET"),
            Err(ClientError::Closed(_)) => true,
            _ => false,
        };
        self.0 = self.0.checked_sub(usize::from(is_safe))?;
        is_safe.then(|| ready(()))
    }

    fn clone_request(&mut self, command: &Command) -> Option<Command> {
        Some(command.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn retry_sends_again_what_the_policy_allows() {
    let (connector, mut backend) = backend();
    let client = Client::builder().connect_with(move || ready(connector.connect())).await.unwrap();
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(Again(3))).service(client);
    let mut server = backend.accept().await;
    let serve = async {
        server.gets(GET_K).await;
        drop(server);
        let mut server = backend.accept().await;
        server.answers(GET_K, b"$1\r\nv\r\n").await;
        server.gets(super::bytes_of("INCR k")).await;
    };
    let (answers, ()) = tokio::join!(
        async {
            let service = service.ready().await.unwrap();
            [service.call(Command::new("GET").arg("k")).await, service.call(command("INCR k")).await]
        },
        serve
    );
    let [get, incr] = answers;
    assert_eq!(get.unwrap(), Response::from("v"));
    assert!(matches!(incr, Err(ClientError::Lost(_))), "{incr:?}");
}

#[tokio::test(start_paused = true)]
async fn towers_own_layers_go_round_a_client() {
    let (client, mut server) = with_room_for(10).await;
    let service = ServiceBuilder::new().concurrency_limit(5).timeout(Duration::from_secs(1)).service(client.clone());
    assert!(service.oneshot(Command::new("GET").arg("k")).await.unwrap_err().is::<tower::timeout::error::Elapsed>());
    let (answer, ()) = tokio::join!(client.get("k"), server.answers(GET_K.repeat(2), b"$1\r\na\r\n$1\r\nb\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "b");
}

#[tokio::test]
async fn a_service_in_this_process_is_called_on_the_instance_that_was_ready() {
    let mut polls = 0;
    let service = Hand {
        ready: move |cx: &mut std::task::Context<'_>| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 3 { Poll::Pending } else { Poll::Ready(Ok::<_, Infallible>(())) }
        },
        call: move |_: Command| ready(Ok(Response::from(polls))),
    };
    let client = Client::local(service);
    assert_eq!(client.execute(command("ANY")).await.unwrap(), Response::from(0));
    assert_eq!(client.execute(command("ANY")).await.unwrap(), Response::from(0));
}

#[tokio::test]
async fn a_packed_answer_in_this_process_is_the_one_that_comes_from_a_server() {
    let client = Client::local(tower::service_fn(|_: Command| {
        let mut values = Packed::array();
        values.push(b"value");
        values.push_null();
        ready(Ok::<_, Infallible>(Response::from(values)))
    }));
    assert!(matches!(client.execute(command("ANY")).await.unwrap(), Response::Array(_)));
    assert_eq!(client.mget(["a", "b"]).await.unwrap(), [Some("value".into()), None]);
}

#[tokio::test]
async fn what_goes_wrong_in_this_process_is_answered_as_a_server_would() {
    let client = Client::local(tower::service_fn(|command: Command| async move {
        match command.name() {
            b"PANIC" => panic!("on purpose"),
            b"REFUSE" => Err(tower::BoxError::from(CommandError::SYNTAX)),
            b"FAIL" => Err("a detail".into()),
            b"QUIET" => Ok(Response::Close(Response::ok().into())),
            _ => Ok(Response::ok()),
        }
    }));
    for (name, answer) in [
        ("PANIC", Response::error("ERR", "internal error")),
        ("REFUSE", Response::error("ERR", "syntax error")),
        ("FAIL", Response::error("ERR", "internal error")),
        ("QUIET", Response::ok()),
        ("OTHER", Response::ok()),
    ] {
        assert_eq!(client.execute(command(name)).await.unwrap(), answer, "{name}");
    }
    for panics_early in [true, false] {
        let client = Client::local(Hand {
            ready: move |_: &mut std::task::Context<'_>| match panics_early {
                true => panic!("on purpose"),
                false => Poll::Ready(Ok::<_, Infallible>(())),
            },
            call: |_: Command| -> Ready<Result<Response, Infallible>> { panic!("on purpose") },
        });
        assert_eq!(client.execute(command("ANY")).await.unwrap(), Response::error("ERR", "internal error"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_command_in_this_process_is_dropped() {
    let (service, mut script) = mock();
    // A service need not be `Sync`.
    let client = Client::local(service).with_deadline(Duration::from_secs(1));
    let (answer, mut call) = tokio::join!(client.get("k"), script.next());
    assert!(matches!(answer, Err(ClientError::TimedOut)));
    call.dropped().await;
}

#[tokio::test]
async fn a_client_is_what_other_services_take() {
    fn is_shared<T: Clone + Send + Sync + Unpin + 'static>(_: &T) {}
    let mut client = Client::local(Store::new());
    is_shared(&client);
    assert_ready!(task::spawn(()).enter(|cx, _| Service::poll_ready(&mut client, cx))).unwrap();
    assert_eq!(client.oneshot(command("PING")).await.unwrap(), Response::simple("PONG"));
}
