//! A protocol that the framework does not know, served beside RESP: one command a line, one answer a line. Only what
//! `kvstore` makes public is used, and the transport is the same.

use std::{convert::Infallible, future::ready, time::Duration};

use bytes::BytesMut;
use kvstore::{
    middleware::timeout::TimeoutLayer,
    protocol::{Body, Codec, Command, Limits, Output, ProtocolError, Response},
    server::{ListenOptions, Listener, Password, pipe},
};
use tokio::io::AsyncReadExt;
use tower::{Layer, Service, service_fn};

use crate::support::{Client, mock, settle};

/// A client writes `get key` and reads `value ...`, `none`, `ok`, `number n`, `refused CODE text`, one line each.
struct Lines {
    limits: Limits,
}

impl Default for Lines {
    fn default() -> Self {
        Self { limits: Limits::unauthenticated() }
    }
}

impl Codec for Lines {
    /// The name, which an answer repeats.
    type Tag = String;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, String)>, ProtocolError> {
        loop {
            let end = input.iter().position(|byte| *byte == b'\n');
            if end.unwrap_or(input.len()) > self.limits.inline() {
                return Err(ProtocolError::TooBigInline);
            }
            let Some(end) = end else { return Ok(None) };
            let line = input.split_to(end + 1);
            let line = std::str::from_utf8(&line)
                .map_err(|error| ProtocolError::new(format!("byte {} of the line is not text", error.valid_up_to())))?;
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            return Ok(Some((Command::new(name).with_args(words), name.to_owned())));
        }
    }

    fn answer(&mut self, _: &Command, name: &String) -> Option<Response> {
        (name == "version").then(|| Response::simple("lines 1"))
    }

    fn encode(&mut self, response: &Response, name: String, output: &mut Output) {
        let answer = match response {
            Response::Silent => return,
            Response::Error(text) => format!("refused {}", String::from_utf8_lossy(text)),
            Response::Simple(text) => String::from_utf8_lossy(text).to_lowercase(),
            Response::Null | Response::NullArray => "none".to_owned(),
            Response::Integer(number) => format!("number {number}"),
            Response::Bulk(value) => format!("value {}", value.escape_ascii()),
            other => format!("{other}"),
        };
        output.bytes().extend_from_slice(format!("{name}: {answer}\n").as_bytes());
    }

    fn encode_error(&mut self, error: &ProtocolError, output: &mut Output) {
        output.bytes().extend_from_slice(format!("broken: {error}\n").as_bytes());
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }
}

/// Serves one service in both protocols, and connects a client of each.
fn both<S>(service: S) -> (Client, Client)
where
    S: Service<Command, Response = Response, Error: Into<tower::BoxError>, Future: Send> + Clone + Send + 'static,
{
    let ((resp, resp_listener), (lines, lines_listener)) = (pipe(), pipe());
    let serve = kvstore::serve(resp_listener, service)
        .listen_with(lines_listener, ListenOptions::new().codec(Lines::default))
        .max_in_flight(4);
    tokio::spawn(serve.into_future());
    (
        Client::new(resp.connect().expect("the server listens")),
        Client::new(lines.connect().expect("the server listens")),
    )
}

#[tokio::test(start_paused = true)]
async fn one_service_answers_in_both_protocols() {
    let (mut resp, mut lines) = both(kvstore::store::Store::default());
    lines.asks("set k hello\nget k\nGET missing\n", "set: ok\nget: value hello\nGET: none\n").await;
    resp.asks("GET k\r\nINCR n\r\n", "$5\r\nhello\r\n:1\r\n").await;
    lines
        .asks("incr n\n\nincr k\n", "incr: number 2\nincr: refused ERR value is not an integer or out of range\n")
        .await;
    lines.asks("mget k missing\n", "mget: [\"hello\", (nil)]\n").await;
}

#[tokio::test(start_paused = true)]
async fn lines_in_any_pieces_are_the_same_lines() {
    let (_resp, mut lines) = both(kvstore::store::Store::default());
    for byte in b"set k v\nget k\n" {
        lines.sends([*byte]).await;
        settle().await;
    }
    lines.gets("set: ok\nget: value v\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_a_connection_work_in_it() {
    let (mut resp, mut lines) = both(kvstore::store::Store::default());
    lines.asks("ping\nselect 3\nset k v\nclient id\n", "ping: pong\nselect: ok\nset: ok\nclient: number 2\n").await;
    resp.asks("SELECT 3\r\nGET k\r\n", "+OK\r\n$1\r\nv\r\n").await;
    lines.asks("quit\n", "quit: ok\n").await;
    assert!(lines.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn layers_errors_and_panics_are_answers_in_it() {
    let service = service_fn(|command: Command| async move {
        match command.name() {
            b"never" => std::future::pending().await,
            b"fails" => Err(tower::BoxError::from("the disk is full")),
            b"panics" => panic!("a bug"),
            name => Ok(Response::from(name)),
        }
    });
    let (_resp, mut lines) = both(TimeoutLayer::new(Duration::from_secs(1)).layer(service));
    lines.sends("never\nfails\npanics\nname\n").await;
    lines.gets("never: refused TIMEOUT the command took too long\n").await;
    lines.gets("fails: refused ERR internal error\npanics: refused ERR internal error\nname: value name\n").await;
}

#[tokio::test(start_paused = true)]
async fn answers_keep_their_order_and_messages_are_dropped() {
    let (service, mut script) = mock();
    let (_resp, mut lines) = both(service);
    lines.sends("a\nb\n").await;
    let (a, b) = (script.expect("a").await, script.expect("b").await);
    let push = a.command().push().expect("it came from a connection");
    push.try_send(Response::simple("a message")).expect("there is room");
    b.answer("2");
    settle().await;
    a.answer("1");
    lines.gets("a: value 1\nb: value 2\n").await;
    push.send(Response::simple("another")).await.expect("the connection holds");
    assert!(lines.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn what_the_codec_answers_keeps_its_place_and_reaches_no_service() {
    let (service, mut script) = mock();
    let (_resp, mut lines) = both(service);
    lines.sends("a\nversion\nb\n").await;
    let (a, b) = (script.expect("a").await, script.expect("b").await);
    b.answer("2");
    assert!(lines.hears_nothing().await);
    a.answer("1");
    lines.gets("a: value 1\nversion: lines 1\nb: value 2\n").await;
    script.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_codec_answers_needs_no_authentication() {
    let (lines, listener) = pipe();
    let serve = kvstore::server::Serve::new(crate::support::words())
        .listen_with(listener, ListenOptions::new().codec(Lines::default));
    tokio::spawn(serve.authenticate(Password::new("secret")).into_future());
    let mut client = Client::new(lines.connect().expect("the server listens"));
    client.asks("version\nget k\n", "version: lines 1\nget: refused NOAUTH Authentication required.\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_streamed_value_is_collected() {
    let service = service_fn(|_| ready(Ok::<_, Infallible>(Body::new(5, tokio::io::repeat(b'x')).into())));
    let (mut resp, mut lines) = both(service);
    lines.asks("get k\n", "get: value xxxxx\n").await;
    resp.asks("GET k\r\n", "$5\r\nxxxxx\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_line_ends_the_stream_with_a_reason() {
    let ((lines, listener), service) = (pipe(), crate::support::words());
    let serve = kvstore::server::Serve::new(service).listen_with(listener, ListenOptions::new().codec(Lines::default));
    tokio::spawn(serve.authenticate(Password::new("secret")).into_future());
    let mut client = Client::new(lines.connect().expect("the server listens"));
    client
        .asks(
            "get k\nauth secret\nget k\n",
            "get: refused NOAUTH Authentication required.\nauth: ok\nget: value get k\n",
        )
        .await;
    client.asks(b"get \xff\n", "broken: byte 4 of the line is not text\n").await;
    assert!(client.is_closed().await);
    // Before it is known who sends them, lines are short.
    let mut client = Client::new(lines.connect().expect("the server listens"));
    client.asks("x".repeat(17_000), "broken: Protocol error: too big inline request\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_leaves_this_protocol_too() {
    let service = service_fn(|_| {
        ready(Ok::<_, Infallible>(kvstore::server::upgrade_after(Response::ok(), |mut stream| async move {
            let mut rest = String::new();
            stream.read_to_string(&mut rest).await.expect("text");
            tokio::io::AsyncWriteExt::write_all(&mut stream, rest.as_bytes()).await.expect("the peer reads");
        })))
    });
    let (lines, listener) = pipe();
    let local = listener.local();
    assert!(local.is_local());
    let serve = kvstore::server::Serve::new(service)
        .listen_with(listener, ListenOptions::new().codec(Lines::default))
        .exclusive(["raw"]);
    tokio::spawn(serve.into_future());
    let mut client = Client::new(lines.connect().expect("the server listens"));
    client.sends("raw\nnot a line").await;
    client.half_closes().await;
    client.gets("raw: ok\nnot a line").await;
    assert!(client.is_closed().await);
}

#[test]
fn a_codec_needs_no_transport() {
    let (mut codec, mut output) = (Lines::default(), Output::default());
    let mut input = BytesMut::from("get k\nge");
    let (command, tag) = codec.decode(&mut input).expect("a line").expect("a whole one");
    assert_eq!((command, &*tag), (Command::new("get").arg("k"), "get"));
    assert!(codec.decode(&mut input).expect("no error yet").is_none());
    codec.encode(&Response::from("v"), tag, &mut output);
    assert_eq!(&output.bytes()[..], b"get: value v\n");
}
