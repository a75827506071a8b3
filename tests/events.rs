//! What happens to a connection while a command is pending: its peer leaves, somebody kills it, messages come.

use std::{
    convert::Infallible,
    future::{IntoFuture, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kvstore::{
    protocol::{
        Command, Peer, Push, Response,
        mailbox::{Order, SendError},
    },
    server::Serve,
};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, service_fn};

use crate::{
    in_flight::Once,
    support::{Call, Client, Server, mock, settle, words_of},
};

fn push_of(call: &Call) -> Push {
    call.command().push().expect("it came from a connection")
}

fn message(text: &str) -> Response {
    Response::Push(vec!["message".into(), text.into()])
}

/// What a RESP2 client reads of a message.
fn told(text: &str) -> String {
    format!("*2\r\n$7\r\nmessage\r\n${}\r\n{text}\r\n", text.len())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_takes_its_pending_command_with_it() {
    let (service, mut script) = mock();
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    let io = tokio_test::io::Builder::new().read(b"GET a\r\n").read_error(reset).build();
    let _running = tokio::spawn(Serve::new(service).listen(Once(Some(io), Peer::Memory)).into_future());
    script.next().await.dropped().await;
}

#[tokio::test]
async fn a_peer_that_resets_takes_its_pending_command_with_it() {
    let (service, mut script) = mock();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let _running = tokio::spawn(kvstore::serve(listener, service).into_future());
    let stream = TcpStream::connect(address).await.expect("the server listens");
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("an open socket");
    let mut client = Client::new(stream);
    client.sends("GET a\r\n").await;
    let mut call = script.next().await;
    drop(client);
    call.dropped().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_no_more_keeps_its_pending_command() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\n").await;
    let call = script.next().await;
    client.half_closes().await;
    assert!(client.hears_nothing().await);
    assert!(!call.is_dropped());
    call.answer("1");
    client.gets("$1\r\n1\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_a_pending_command() {
    let (service, mut script) = mock();
    let server = Server::start(service);
    let mut client = server.connect();
    client.sends("GET a\r\n").await;
    let mut call = script.next().await;
    server.connect().asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    call.dropped().await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn input_that_comes_while_a_command_is_pending_is_kept() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\n").await;
    let call = script.next().await;
    client.sends("PI").await;
    settle().await;
    client.sends("NG\r\n").await;
    settle().await;
    call.answer("1");
    client.gets("$1\r\n1\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn of_a_waiting_pipeline_no_more_is_read_than_the_buffer_holds() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).input_buffer(4096));
    let mut client = server.connect_with_room(1024);
    client.sends("GET a\r\n").await;
    let call = script.next().await;
    let flood = tokio::time::timeout(std::time::Duration::from_secs(1), client.sends(vec![b'x'; 1 << 20])).await;
    assert!(flood.is_err(), "everything was read");
    call.answer("1");
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_to_an_idle_connection() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\n").await;
    let call = script.next().await;
    let push = push_of(&call);
    call.answer("1");
    client.gets("$1\r\n1\r\n").await;
    settle().await;
    push.try_send(message("hello")).expect("there is room");
    client.gets(told("hello")).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_of_an_earlier_command_comes_while_another_is_pending() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\nGET b\r\n").await;
    let call = script.next().await;
    let push = push_of(&call);
    call.answer("1");
    let pending = script.next().await;
    settle().await;
    push.try_send(message("hello")).expect("there is room");
    client.gets(format!("$1\r\n1\r\n{}", told("hello"))).await;
    pending.answer("2");
    client.gets("$1\r\n2\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_on_the_side_of_the_answer_that_its_sender_chose() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\nPING\r\n").await;
    let call = script.next().await;
    push_of(&call).try_send(message("behind")).expect("there is room");
    push_of(&call).before_answer().try_send(message("before")).expect("there is room");
    client.gets(told("before")).await;
    assert!(client.hears_nothing().await);
    call.answer("1");
    client.gets(format!("$1\r\n1\r\n{}+PONG\r\n", told("behind"))).await;
}

#[tokio::test(start_paused = true)]
async fn messages_from_inside_a_call_go_round_its_answer() {
    let service = tower::service_fn(|command: Command| {
        let push = command.push().expect("it came from a connection");
        push.try_send(message("behind")).expect("there is room");
        push.before_answer().try_send(message("before")).expect("there is room");
        std::future::ready(Ok::<_, std::convert::Infallible>(words_of(&command)))
    });
    let mut client = Server::start(service).connect();
    let both = |name| format!("{}$1\r\n{name}\r\n{}", told("before"), told("behind"));
    client.asks("A\r\nB\r\n", both("A") + &both("B")).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_does_not_overtake_the_answers_before_its_command() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).max_in_flight(2)).connect();
    client.sends("A\r\nB\r\n").await;
    let (a, b) = (script.expect("A").await, script.expect("B").await);
    push_of(&b).before_answer().try_send(message("before")).expect("there is room");
    assert!(client.hears_nothing().await);
    a.answer("a");
    client.gets(format!("$1\r\na\r\n{}", told("before"))).await;
    b.answer("b");
    client.gets("$1\r\nb\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_message_is_a_push_to_a_resp3_client() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("HELLO 3\r\nGET a\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    push_of(&script.next().await).before_answer().try_send(message("hi")).expect("there is room");
    client.gets(">2\r\n$7\r\nmessage\r\n$2\r\nhi\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn no_more_messages_wait_than_allowed() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).push_queue(2)).connect();
    client.sends("A\r\n").await;
    let call = script.next().await;
    let push = push_of(&call);
    push.try_send(message("1")).expect("there is room");
    push.try_send(message("2")).expect("there is room");
    assert!(matches!(push.try_send(message("3")), Err(SendError::Full(_))));
    let waiting = tokio::spawn(async move { push.send(message("4")).await });
    settle().await;
    assert!(!waiting.is_finished());
    call.answer("a");
    client.gets(format!("$1\r\na\r\n{}{}{}", told("1"), told("2"), told("4"))).await;
    waiting.await.expect("no panic").expect("it is sent");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_sent_no_more_than_the_output_holds() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).push_queue(8).output_buffer(4096));
    let mut client = server.connect_with_room(64);
    client.sends("A\r\n").await;
    let call = script.next().await;
    let push = push_of(&call).before_answer();
    let mut sent = 0;
    for _ in 0..1000 {
        sent += usize::from(push.try_send(message(&"x".repeat(100))).is_ok());
        settle().await;
    }
    assert!((30..60).contains(&sent), "{sent} messages were taken");
    call.answer("a");
    for _ in 0..sent {
        client.gets(told(&"x".repeat(100))).await;
    }
    client.gets("$1\r\na\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn of_large_messages_one_at_most_is_beyond_what_the_output_holds() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).output_buffer(250_000));
    let mut client = server.connect_with_room(4096);
    client.sends("A\r\n").await;
    let call = script.next().await;
    let push = push_of(&call).before_answer();
    let large = "x".repeat(100_000);
    (0..20).for_each(|_| push.try_send(message(&large)).expect("there is room"));
    let mut other = server.connect();
    other.sends("CLIENT LIST\r\n").await;
    let list = other.reads_bulk().await;
    let field = list.split(' ').find_map(|field| field.strip_prefix("omem=")).expect("the field is there");
    let output: usize = field.parse().expect("a number");
    assert!((250_000..=351_000).contains(&output), "{output} bytes wait");
    call.answer("a");
    for _ in 0..20 {
        client.gets(told(&large)).await;
    }
    client.gets("$1\r\na\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_wait_for_room_go_round_their_answer_all_the_same() {
    let long = "x".repeat(1000);
    let texts = [long.clone(), long.clone(), long];
    let sent = texts.clone();
    let service = tower::service_fn(move |command: Command| {
        let push = command.push().expect("it came from a connection");
        for text in &sent {
            push.try_send(message(text)).expect("there is room");
            push.clone().before_answer().try_send(message(text)).expect("there is room");
        }
        let answer = words_of(&command);
        let answer = if command.is("B") { Response::Close(answer.into()) } else { answer };
        std::future::ready(Ok::<_, std::convert::Infallible>(answer))
    });
    let server = Server::of(|listener| kvstore::serve(listener, service).output_buffer(1500));
    let mut client = server.connect_with_room(64);
    client.sends("A\r\nB\r\n").await;
    let messages: String = texts.iter().map(|text| told(text)).collect();
    client.gets(format!("{messages}$1\r\nA\r\n{messages}")).await;
    client.gets(format!("{messages}$1\r\nB\r\n{messages}")).await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_handle_knows_that_its_connection_is_gone() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("A\r\n").await;
    let call = script.next().await;
    let push = push_of(&call);
    call.answer("a");
    client.gets("$1\r\na\r\n").await;
    assert!(push.is_open());
    drop(client);
    settle().await;
    assert!(!push.is_open());
    assert!(matches!(push.send(message("1")).await, Err(SendError::Closed(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_from_another_thread_is_lost() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).push_queue(4)).connect();
    client.sends("A\r\n").await;
    let call = script.next().await;
    for _ in 0..4 {
        let push = push_of(&call);
        tokio::spawn(async move {
            for _ in 0..1000 {
                push.send(message("hello")).await.expect("the connection holds");
            }
        });
    }
    call.answer("a");
    client.gets(format!("$1\r\na\r\n{}", told("hello").repeat(4000))).await;
}

/// A service whose TAIL streams so many numbered messages to its connection, each so large, from a task of its own, and
/// answers at once; and whose LAST waits with its answer until all messages before it are sent.
fn tailing(
    sent: Arc<AtomicUsize>,
    count: usize,
    size: usize,
) -> impl Service<Command, Response = Response, Error = std::convert::Infallible, Future: Send> + Clone + Send {
    tower::service_fn(move |command: Command| {
        let push = command.push().expect("it came from a connection");
        let push = if command.is("LAST") { push.before_answer() } else { push };
        let sent = sent.clone();
        // The handler is a plain function: what goes on is a task that keeps the handle.
        let sending = tokio::spawn(async move {
            for index in 0..count {
                if push.send(message(&format!("{index:0size$}"))).await.is_err() {
                    return;
                }
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
        async move {
            if command.is("LAST") {
                sending.await.expect("no panic");
            }
            Ok(words_of(&command))
        }
    })
}

fn numbered(range: std::ops::Range<usize>, size: usize) -> String {
    range.map(|index| told(&format!("{index:0size$}"))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_messages_waits_for_the_client_that_reads_it() {
    const SIZE: usize = 10_000;
    let sent = Arc::new(AtomicUsize::new(0));
    let service = tailing(sent.clone(), 1000, SIZE);
    let server = Server::of(|listener| kvstore::serve(listener, service).push_queue(8).output_buffer(100_000));
    let mut client = server.connect_with_room(1000);
    client.sends("TAIL\r\n").await;
    client.gets("$4\r\nTAIL\r\n").await;
    for read in 0..1000 {
        settle().await;
        // What the queue holds, what the output holds, and one that was large.
        let ahead = sent.load(Ordering::Relaxed) - read;
        assert!(ahead <= 8 + 10 + 2, "{ahead} messages were sent ahead");
        client.gets(numbered(read..read + 1, SIZE)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_large_messages_is_bounded_by_their_bytes() {
    const SIZE: usize = 50_000;
    let sent = Arc::new(AtomicUsize::new(0));
    let service = tailing(sent.clone(), 100, SIZE);
    let server = Server::of(|listener| kvstore::serve(listener, service).push_buffer(225_000).output_buffer(100_000));
    let mut client = server.connect_with_room(1000);
    client.sends("TAIL\r\n").await;
    client.gets("$4\r\nTAIL\r\n").await;
    settle().await;
    let ahead = sent.load(Ordering::Relaxed);
    assert!((4..=8).contains(&ahead), "{ahead} messages were sent ahead");
    client.gets(numbered(0..100, SIZE)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_messages_may_go_before_its_answer() {
    let sent = Arc::new(AtomicUsize::new(0));
    let service = tailing(sent.clone(), 100, 10);
    let server = Server::of(|listener| kvstore::serve(listener, service).push_queue(4).output_buffer(500));
    let mut client = server.connect_with_room(64);
    client.sends("LAST\r\nPING\r\n").await;
    settle().await;
    assert!(sent.load(Ordering::Relaxed) < 50);
    client.gets(numbered(0..100, 10)).await;
    client.gets("$4\r\nLAST\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_messages_ends_with_its_connection() {
    let (service, mut script) = mock();
    let mut client = Server::of(|listener| kvstore::serve(listener, service).push_queue(4)).connect_with_room(64);
    client.sends("A\r\n").await;
    let call = script.next().await;
    let push = push_of(&call);
    call.answer("a");
    client.gets("$1\r\na\r\n").await;
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = push.send(message("hello")).await {
                return error;
            }
        }
    });
    client.gets(told("hello").repeat(10)).await;
    assert!(!sending.is_finished());
    drop(client);
    assert!(matches!(sending.await, Ok(SendError::Closed(_))));
}

/// Answers with the command's own words. `NOTE` sends a message too, and `END` this order, before they are answered.
fn ordering(
    order: Order,
) -> impl Service<Command, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(move |command: Command| {
        if command.is("NOTE") {
            let push = command.push().expect("it came from a connection");
            push.try_send(message("hello")).expect("there is room");
        }
        if command.is("END") {
            command.session().mailbox().expect("it came from a connection").order(order);
        }
        ready(Ok::<_, Infallible>(words_of(&command)))
    })
}

#[tokio::test(start_paused = true)]
async fn an_order_that_comes_while_answers_are_made_is_obeyed() {
    for order in [Order::Stop, Order::Kill] {
        for (requests, answers) in [
            ("END\r\n", "$3\r\nEND\r\n".to_owned()),
            // The first message has woken the connection, and what comes behind it does not.
            ("NOTE\r\nEND\r\n", format!("$4\r\nNOTE\r\n{}$3\r\nEND\r\n", told("hello"))),
        ] {
            let mut client = Server::start(ordering(order)).connect();
            client.asks("PING\r\n", "+PONG\r\n").await;
            client.asks(requests, answers).await;
            assert!(client.is_closed().await);
        }
    }
}
