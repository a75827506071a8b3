//! Requests whose last argument is streamed: called before it has come, and never held whole.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use kvstore::{
    middleware::timeout::TimeoutLayer,
    protocol::{Command, Limits, Response},
    server::{CutReason, Password, Serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tower::{Layer, Service, service_fn};

use crate::support::{Call, Client, Server, mock, settle};

/// A server whose PUT streams what is longer than 10 bytes.
fn streaming<S>(service: S) -> Server
where
    S: Service<Command, Response = Response, Error: Into<tower::BoxError>, Future: Send> + Clone + Send + 'static,
{
    streaming_with(service, |serve| serve)
}

fn streaming_with<S>(service: S, build: impl FnOnce(Serve) -> Serve) -> Server
where
    S: Service<Command, Response = Response, Error: Into<tower::BoxError>, Future: Send> + Clone + Send + 'static,
{
    Server::of(|listener| build(kvstore::serve(listener, service).stream_in(["PUT"], 10)))
}

/// Answers PUT with its key, and the length and the last byte of its value.
async fn put(command: Command) -> Result<Response, tower::BoxError> {
    let Some(mut body) = command.body().filter(|_| command.is("PUT")) else {
        return Ok(Response::simple("other"));
    };
    let (mut length, mut last, mut piece) = (0, 0, [0; 1000]);
    loop {
        match body.read(&mut piece).await? {
            0 => break,
            read => (length, last) = (length + read, piece[read - 1]),
        }
    }
    let key = command.arg_at(0).unwrap_or_default().escape_ascii();
    Ok(Response::simple(format!("{key} {length} {}", last.escape_ascii())))
}

fn head(length: usize) -> String {
    format!("*3\r\n$3\r\nPUT\r\n$3\r\nkey\r\n${length}\r\n")
}

/// Sends as much of `count` bytes as the server takes, and says how many those are.
async fn floods(client: &mut Client, count: usize) -> usize {
    let mut sent = 0;
    let flood = async {
        while sent < count {
            match client.io.write(&[b'x'; 4096][..(count - sent).min(4096)]).await {
                Ok(written) => sent += written,
                Err(_) => break,
            }
        }
    };
    let _ = timeout(Duration::from_secs(1), flood).await;
    sent
}

#[tokio::test(start_paused = true)]
async fn a_value_in_any_pieces_is_the_same_value_and_what_follows_is_in_step() {
    let request = format!(
        "PING\r\n{}{}\r\nPING\r\nput k \"long enough value\"\r\n{}y\r\nPING\r\n",
        head(11),
        "v".repeat(11),
        head(1)
    );
    for step in [1, 2, 3, 7, 40, 1000] {
        let mut client = streaming(service_fn(put)).connect();
        for piece in request.as_bytes().chunks(step) {
            client.sends(piece).await;
            settle().await;
        }
        client.gets("+PONG\r\n+key 11 v\r\n+PONG\r\n+k 17 e\r\n+key 1 y\r\n+PONG\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_is_called_before_its_value_has_come() {
    let (service, mut script) = mock();
    let mut client = streaming(service).connect();
    client.sends(format!("{}01234", head(11))).await;
    let call = script.expect("PUT").await;
    assert_eq!((call.command().args().len(), call.command().streamed_len()), (1, Some(11)));
    let mut body = call.command().body().expect("the value");
    let mut piece = [0; 5];
    body.read_exact(&mut piece).await.expect("the value");
    assert_eq!(&piece, b"01234");
    client.sends("56789X\r\n").await;
    assert_eq!(body.read_to_bytes(100).await.expect("the value"), "56789X");
    call.answer("done");
    client.gets("$4\r\ndone\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn only_long_values_of_named_commands_are_streamed() {
    let (service, mut script) = mock();
    let mut client = streaming(service).connect();
    for words in
        ["*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20\r\n", "*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$10\r\n", "*3\r\n$3\r\nPUT\r\n$20\r\n"]
    {
        client.sends(words).await;
        script.assert_quiet().await;
        let length: usize = words.trim_end().rsplit_once('$').expect("a length").1.parse().expect("a number");
        client.sends("x".repeat(length)).await;
        client.sends("\r\n").await;
        if words.ends_with("PUT\r\n$20\r\n") {
            client.sends("$1\r\nv\r\n").await;
        }
        let call = script.next().await;
        assert_eq!((call.command().args().len(), call.command().streamed_len()), (2, None));
        call.answer("ok");
        client.gets("$2\r\nok\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_of_the_connection_is_never_streamed_to_the_service() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).stream_in(["ECHO"], 4));
    let mut client = server.connect();
    client.sends("*2\r\n$4\r\nECHO\r\n$11\r\n01234").await;
    script.assert_quiet().await;
    client.asks("56789x\r\n", "$11\r\n0123456789x\r\n").await;
    script.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_ask_for_streams_has_none() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends(format!("{}01234", head(11))).await;
    script.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_does_not_read_stops_the_client() {
    let (service, mut script) = mock();
    let mut client = streaming(service).connect_with_room(1000);
    client.sends(head(10 << 20)).await;
    let call = script.expect("PUT").await;
    let sent = floods(&mut client, 10 << 20).await;
    assert!(sent <= 200_000, "{sent} bytes were taken");
    let mut body = call.command().body().expect("the value");
    let reading = tokio::spawn(async move {
        let (mut read, mut piece) = (0, vec![0; 100_000]);
        while let count @ 1.. = body.read(&mut piece).await.expect("the value") {
            read += count;
        }
        read
    });
    client.sends(vec![b'x'; (10 << 20) - sent]).await;
    client.sends("\r\nPING\r\n").await;
    assert_eq!(reading.await.expect("no panic"), 10 << 20);
    call.answer("done");
    client.gets("$4\r\ndone\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_streamed_command_is_exclusive() {
    let (service, mut script) = mock();
    let server = streaming_with(service, |serve| serve.max_in_flight(8));
    let mut client = server.connect();
    client.sends(format!("A\r\n{}01234", head(11))).await;
    let a = script.expect("A").await;
    script.assert_quiet().await;
    a.answer("a");
    client.gets("$1\r\na\r\n").await;
    let put = script.expect("PUT").await;
    client.sends("567890\r\nB\r\n").await;
    script.assert_quiet().await;
    put.answer("put");
    script.expect("B").await.answer("b");
    client.gets("$3\r\nput\r\n$1\r\nb\r\n").await;
}

async fn answered_early(call: Call, client: &mut Client) {
    call.answer("early");
    client.gets("$5\r\nearly\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_leaves_unread_is_thrown_away() {
    let (service, mut script) = mock();
    let mut client = streaming(service).connect_with_room(1000);
    client.sends(format!("{}some", head(1 << 20))).await;
    let call = script.expect("PUT").await;
    // Held, and read no more: the answer is what counts.
    let _body = call.command().body();
    answered_early(call, &mut client).await;
    client.sends(vec![b'x'; (1 << 20) - 4]).await;
    client.asks("\r\nPING\r\n", "+PONG\r\n").await;
    // Dropped, and answered after all of it has come.
    client.sends(head(1 << 20)).await;
    let call = script.expect("PUT").await;
    drop(call.command().body());
    client.sends(vec![b'x'; 1 << 20]).await;
    client.sends("\r\n").await;
    answered_early(call, &mut client).await;
    client.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_reads_is_ended_by_its_timeout() {
    let (service, mut script) = mock();
    let limited = TimeoutLayer::new(Duration::from_secs(5)).layer(service);
    let mut client = streaming(limited).connect_with_room(1000);
    client.sends(head(1 << 20)).await;
    let _call = script.expect("PUT").await;
    let sent = floods(&mut client, 1 << 20).await;
    assert!(sent < 1 << 20);
    client.gets("-TIMEOUT the command took too long\r\n").await;
    client.sends(vec![b'x'; (1 << 20) - sent]).await;
    client.asks("\r\nPING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_away_in_the_middle_is_an_error_for_the_reader() {
    for is_half_closed in [true, false] {
        let (service, mut script) = mock();
        let mut client = streaming(service).connect();
        client.sends(format!("PING\r\n{}01234", head(11))).await;
        let call = script.expect("PUT").await;
        let body = call.command().body().expect("the value");
        client.gets("+PONG\r\n").await;
        match is_half_closed {
            true => client.half_closes().await,
            false => drop(std::mem::replace(&mut client, Client::new(tokio::io::duplex(1).0))),
        }
        let error = body.read_to_bytes(100).await.expect_err("the value ends early");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        if is_half_closed {
            call.answer("nobody reads this");
            assert!(client.is_closed().await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_before_a_value_that_ends_early_still_come() {
    let (service, mut script) = mock();
    let mut client = streaming(service).connect();
    client.sends(format!("A\r\n{}01234", head(11))).await;
    let a = script.expect("A").await;
    client.half_closes().await;
    settle().await;
    a.answer("a");
    client.gets("$1\r\na\r\n").await;
    let call = script.expect("PUT").await;
    let error = call.command().body().expect("the value").read_to_bytes(100).await.expect_err("it ends early");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    call.answer("nobody reads this");
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_does_not_end_where_it_should_ends_the_stream() {
    let mut client = streaming(service_fn(put)).connect();
    client.sends(head(11)).await;
    settle().await;
    client.sends("01234567890XY").await;
    client.gets("+key 11 0\r\n-ERR Protocol error: expected CRLF\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn the_bounds_of_requests_hold_for_streams() {
    let limits = Limits::default().max_bulk(1000).max_request(500);
    for (length, error) in [
        (1001, "-ERR Protocol error: invalid bulk length\r\n"),
        (600, "-ERR Protocol error: request exceeds the query buffer limit\r\n"),
    ] {
        let mut client = streaming_with(service_fn(put), |serve| serve.limits(limits)).connect();
        client.asks(head(length), error).await;
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_authenticated_streams_nothing() {
    let (service, mut script) = mock();
    let server = streaming_with(service, |serve| serve.authenticate(Password::new("secret")));
    let mut client = server.connect();
    client.sends(format!("{}01234", head(11))).await;
    assert!(client.hears_nothing().await);
    client.asks("567890\r\n", "-NOAUTH Authentication required.\r\n").await;
    script.assert_quiet().await;
    client.sends(format!("AUTH secret\r\n{}01234", head(11))).await;
    client.gets("+OK\r\n").await;
    script.expect("PUT").await;
}

#[tokio::test(start_paused = true)]
async fn the_native_protocol_takes_values_whole() {
    let (service, mut script) = mock();
    let server = Server::of(|listener| kvstore::serve(listener, service).stream_in(["SET"], 1));
    let mut client = server.connect();
    client.sends(b"\0\0\x01\0\0\0\x01k\0\0\0\x05val").await;
    script.assert_quiet().await;
    client.sends("ue").await;
    assert_eq!(*script.next().await.command(), Command::new("SET").arg("k").arg("value"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_its_value_too_slowly_is_cut_off() {
    let (service, mut script) = mock();
    let server = streaming_with(service, |serve| serve.slow_sender(100, Duration::from_secs(10)));
    let mut client = server.connect();
    client.sends(head(1000)).await;
    let mut call = script.expect("PUT").await;
    let mut body = call.command().body().expect("the value");
    tokio::spawn(async move { while let Ok(1..) = body.read(&mut [0; 10]).await {} });
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        client.sends([b'x'; 100]).await;
    }
    assert!(client.hears_nothing().await);
    assert!(timeout(Duration::from_secs(30), call.dropped()).await.is_ok());
    client.gets(format!("-ERR this connection is closed: {}\r\n", CutReason::SlowSender)).await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_the_handler_is_not_too_slow() {
    let (service, mut script) = mock();
    let server = streaming_with(service, |serve| serve.slow_sender(100, Duration::from_secs(10)));
    let mut client = server.connect_with_room(1000);
    client.sends(head(1 << 20)).await;
    let call = script.expect("PUT").await;
    let sent = floods(&mut client, 1 << 20).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    answered_early(call, &mut client).await;
    client.sends(vec![b'x'; (1 << 20) - sent]).await;
    client.asks("\r\nPING\r\n", "+PONG\r\n").await;
    // Nor is one that says nothing between two commands.
    tokio::time::sleep(Duration::from_secs(100)).await;
    client.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_a_value_come_that_its_handler_waits_for() {
    let server = streaming(service_fn(put));
    let mut client = server.connect();
    client.sends(format!("{}01234", head(11))).await;
    settle().await;
    let stopped = server.stop();
    settle().await;
    client.sends("567890\r\nPING\r\n").await;
    client.gets("+key 11 0\r\n").await;
    assert!(client.is_closed().await);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_value_that_nobody_reads() {
    let (service, mut script) = mock();
    let server = streaming(service);
    let mut client = server.connect();
    client.sends(format!("{}01234", head(11))).await;
    answered_early(script.expect("PUT").await, &mut client).await;
    let mut waiting = server.connect();
    waiting.sends(format!("A\r\n{}01234", head(11))).await;
    let a = script.expect("A").await;
    let stopped = server.stop();
    settle().await;
    waiting.half_closes().await;
    settle().await;
    a.answer("a");
    waiting.gets("$1\r\na\r\n").await;
    assert!(client.is_closed().await && waiting.is_closed().await);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
    assert!(script.waiting().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_a_value_on_its_way() {
    let (service, mut script) = mock();
    let server = streaming(service);
    let mut client = server.connect();
    client.sends(format!("{}01234", head(11))).await;
    let call = script.expect("PUT").await;
    let body = call.command().body().expect("the value");
    server.connect().asks("CLIENT KILL ID 1\r\n", ":1\r\n").await;
    assert!(client.is_closed().await);
    assert!(body.read_to_bytes(100).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_value_may_be_answered_with_itself() {
    let echo = service_fn(|command: Command| {
        std::future::ready(Ok::<_, Infallible>(command.body().map_or(Response::Null, Response::from)))
    });
    let mut client = streaming(echo).connect_with_room(1000);
    let value = "x".repeat(1 << 20);
    let request = format!("{}{value}\r\nPING\r\n", head(1 << 20));
    let (mut reader, mut writer) = tokio::io::split(client.io);
    let sending = tokio::spawn(async move { writer.write_all(request.as_bytes()).await });
    let expected = format!("$1048576\r\n{value}\r\n+PONG\r\n");
    let mut got = vec![0; expected.len()];
    timeout(Duration::from_secs(10), reader.read_exact(&mut got)).await.expect("no deadlock").expect("all of it");
    assert!(got == expected.as_bytes());
    sending.await.expect("no panic").expect("all was sent");
    client = Client::new(tokio::io::duplex(1).0);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_streamed_command_shares_its_value() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn({
        let seen = seen.clone();
        move |command: Command| {
            let clone = command.clone();
            let taken = (command.body().is_some(), clone.body().is_some());
            seen.lock().expect("no panic").push(taken);
            std::future::ready(Ok::<_, Infallible>(Response::ok()))
        }
    });
    let mut client = streaming(service).connect();
    client.asks(format!("{}01234567890\r\n", head(11)), "+OK\r\n").await;
    // In one piece it comes whole.
    client.sends(head(11)).await;
    client.gets("+OK\r\n").await;
    assert_eq!(*seen.lock().expect("no panic"), [(true, true), (true, false)]);
}

/// What a handler does with its value, by the first letter of its key: reads it, leaves it, takes a part, sends it back.
async fn as_the_key_says(command: Command) -> Result<Response, tower::BoxError> {
    let key = command.arg_at(0).unwrap_or_default().to_vec();
    let Some(mut body) = command.body() else { return Ok(Response::Null) };
    match key.first() {
        Some(b'r') => Ok(Response::from(body.read_to_bytes(1 << 20).await?)),
        Some(b'p') => {
            let mut part = vec![0; body.len().min(7) as usize];
            body.read_exact(&mut part).await?;
            Ok(Response::from(part))
        }
        Some(b'e') => Ok(Response::from(body)),
        _ => Ok(Response::from(key)),
    }
}

/// A request at random, and its answer.
fn at_random(random: &mut fastrand::Rng) -> (String, String) {
    let length = if random.bool() { random.usize(0..20) } else { random.usize(0..200_000) };
    let value: String = std::iter::repeat_with(|| random.char('a'..'e')).take(length).collect();
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let (key, answer) = match random.u8(0..5) {
        0 => return ("PING\r\n".to_owned(), "+PONG\r\n".to_owned()),
        1 => ("r", bulk(&value)),
        2 => ("p", bulk(&value[..length.min(7)])),
        3 => ("e", bulk(&value)),
        _ => ("leaves it", bulk("leaves it")),
    };
    let name = if random.bool() { "PUT" } else { "SET" };
    (format!("*3\r\n{}{}{}", bulk(name), bulk(key), bulk(&value)), answer)
}

#[tokio::test(start_paused = true)]
async fn whatever_is_streamed_is_answered_as_if_it_were_not() {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..30 {
        let (requests, answers): (Vec<_>, Vec<_>) = (0..10).map(|_| at_random(&mut random)).unzip();
        let (requests, answers) = (requests.concat(), answers.concat());
        let in_flight = random.usize(1..4);
        let server = streaming_with(service_fn(as_the_key_says), |serve| serve.max_in_flight(in_flight));
        let (mut reader, mut writer) = tokio::io::split(server.connect_with_room(random.usize(1..100_000)).io);
        let most = if random.bool() { 100 } else { 100_000 };
        let mut random = random.fork();
        let sending = tokio::spawn(async move {
            let mut rest = requests.as_bytes();
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(random.usize(1..=most).min(rest.len()));
                writer.write_all(piece).await.expect("the server reads");
                rest = later;
                if random.u8(0..4) == 0 {
                    settle().await;
                }
            }
            writer
        });
        let mut got = vec![0; answers.len()];
        timeout(Duration::from_secs(3600), reader.read_exact(&mut got)).await.expect("no deadlock").expect("all of it");
        assert!(got == answers.as_bytes(), "round {round}");
        sending.await.expect("no panic");
    }
}
