//! Bytes in, bytes out.

use kvstore::{protocol::Limits, server::Password};

use crate::support::{Server, mock, request, words};

#[tokio::test(start_paused = true)]
async fn a_pipeline_is_answered_in_order() {
    let mut client = Server::start(words()).connect();
    client.sends("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n").await;
    client.gets("+PONG\r\n$5\r\nGET a\r\n$2\r\nhi\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_cut_anywhere_is_the_same_pipeline() {
    let server = Server::start(words());
    let pipeline = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*0\r\n\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n\r\n\r\nECHO \"x y\"\r\n";
    for cut in 0..=pipeline.len() {
        let mut client = server.connect();
        client.sends(&pipeline[..cut]).await;
        crate::support::settle().await;
        client.sends(&pipeline[cut..]).await;
        client.gets("$5\r\nGET a\r\n+PONG\r\n$10\r\nSET k \r\n\r\n\r\n$3\r\nx y\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_may_come_byte_by_byte() {
    let mut client = Server::start(words()).connect();
    for byte in b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n" {
        client.sends([*byte]).await;
        crate::support::settle().await;
    }
    client.gets("$5\r\nGET a\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_typed_line_is_a_command() {
    let mut client = Server::start(words()).connect();
    client.asks("get  'a b' \"\\x41\"\r\n", "$9\r\nget a b A\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_value_larger_than_every_buffer_goes_through() {
    let mut client = Server::start(words()).connect();
    let value = "v".repeat(3_000_000);
    let answer = tokio::spawn(async move {
        client.sends(request(&["SET", "k", &value])).await;
        client
    });
    let mut client = answer.await.expect("it is taken");
    let answer = client.reads_bulk().await;
    assert_eq!(answer.len(), "SET k ".len() + 3_000_000);
    client.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_no_more_gets_its_answers() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\nGET b\r\n").await;
    client.half_closes().await;
    script.next().await.answer("1");
    script.next().await.answer("2");
    client.gets("$1\r\n1\r\n$1\r\n2\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn half_a_request_at_the_end_is_dropped() {
    let mut client = Server::start(words()).connect();
    client.sends("PING\r\n*2\r\n$3\r\nGET\r\n$1\r\n").await;
    client.half_closes().await;
    client.gets("+PONG\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_protocol_error_is_told_after_the_answers_before_it() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("GET a\r\n*1\r\nfoo\r\nGET b\r\n").await;
    let call = script.next().await;
    assert!(client.hears_nothing().await);
    call.answer("1");
    client.gets("$1\r\n1\r\n-ERR Protocol error: expected '$', got 'f'\r\n").await;
    assert!(client.is_closed().await);
    script.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_request_is_told_and_closed() {
    let server = Server::start(words());
    for (bytes, text) in [
        ("*x\r\n", "invalid multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*-9223372036854775809\r\nPING\r\n", "invalid multibulk length"),
        ("*99999999999999999999999999\r\n", "invalid multibulk length"),
        ("*+1\r\n", "invalid multibulk length"),
        ("*1\r\n$99999999999999999999999999\r\n", "invalid bulk length"),
        ("*1\r\n$04\r\nPING\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
        ("*1\r\n$4\r\nPINGxx", "expected CRLF"),
        ("PING \"\r\n", "unbalanced quotes in request"),
    ] {
        let mut client = server.connect();
        client.asks(bytes, format!("-ERR Protocol error: {text}\r\n")).await;
        assert!(client.is_closed().await, "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_without_an_end_is_refused() {
    let mut client = Server::start(words()).connect();
    client.sends("a".repeat(65 * 1024)).await;
    client.gets("-ERR Protocol error: too big inline request\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_length_without_an_end_is_refused() {
    let server = Server::start(words());
    for (start, text) in [("*", "too big mbulk count string"), ("*1\r\n$", "too big bulk count string")] {
        let mut client = server.connect();
        client.sends(format!("{start}{}", "9".repeat(65 * 1024))).await;
        client.gets(format!("-ERR Protocol error: {text}\r\n")).await;
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_lf_ends_an_inline_command() {
    let mut client = Server::start(words()).connect();
    client.asks("PING\n\n\nGET a\nPING\r\n", "+PONG\r\n$5\r\nGET a\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn an_inline_command_of_high_bytes_is_an_unknown_command() {
    let mut client = Server::start(kvstore::store::Store::new()).connect();
    client.sends(b"\xc3\xa4 x\r\nPING\r\n").await;
    client.gets("-ERR unknown command '\u{e4}', with args beginning with: 'x' \r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_repeats_an_argument_is_one_line() {
    let mut client = Server::start(kvstore::store::Store::new()).connect();
    client.sends(b"*4\r\n$6\r\nEXPIRE\r\n$1\r\nk\r\n$1\r\n1\r\n$9\r\na\r\n+OK\r\nb\r\n").await;
    client.gets("-ERR Unsupported option a  +OK  b\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn limits_are_settings() {
    let limits = Limits::default().max_bulk(8).max_args(3);
    let server = Server::of(|listener| kvstore::serve(listener, words()).limits(limits));
    server.connect().asks("*1\r\n$9\r\n", "-ERR Protocol error: invalid bulk length\r\n").await;
    server.connect().asks("*4\r\n", "-ERR Protocol error: invalid multibulk length\r\n").await;
    server.connect().asks(request(&["SET", "k", "12345678"]), "$14\r\nSET k 12345678\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn little_is_allowed_before_authentication() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")));
    server.connect().asks("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n").await;
    server.connect().asks("*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n").await;
    let mut client = server.connect();
    client.sends("AUTH secret\r\n").await;
    client.sends(request(&["GET", &"k".repeat(20_000)])).await;
    client.gets("+OK\r\n$20004\r\nGET kk").await;
}

#[tokio::test(start_paused = true)]
async fn the_body_of_an_http_request_is_never_run() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("POST / HTTP/1.1\r\nHost: localhost:6379\r\nContent-Length: 13\r\n\r\nSET key value\r\n").await;
    client.gets("-ERR Protocol error: this port speaks RESP, not HTTP\r\n").await;
    assert!(client.is_closed().await);
    script.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_of_another_protocol_is_refused_before_its_body() {
    for (opening, protocol) in [
        ("Host: localhost:6379\r\n", "HTTP"),
        ("POST / HTTP/1.1\n\n", "HTTP"),
        ("GET / HTTP/1.1\n\n", "HTTP"),
        ("EHLO mail\r\nMAIL FROM:<a@b>\r\nDATA\r\n", "SMTP"),
        ("MAIL FROM:<a@b>\n", "SMTP"),
        ("RCPT TO:<a@b>\n", "SMTP"),
        ("DATA\n", "SMTP"),
        ("SSH-2.0-client\r\n", "SSH"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 50000 6379\r\n", "the PROXY protocol"),
        ("\r\n\r\n\0\r\nQUIT\n", "the PROXY protocol"),
    ] {
        let (service, mut script) = mock();
        let mut client = Server::start(service).connect();
        client.sends(format!("{opening}SET key value\r\n")).await;
        client.gets(format!("-ERR Protocol error: this port speaks RESP, not {protocol}\r\n")).await;
        assert!(client.is_closed().await, "{opening}");
        script.assert_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tls_hello_is_told_and_closed() {
    let mut client = Server::start(words()).connect();
    client.asks(b"\x16\x03\x01\x02\x00\x01", "-ERR Protocol error: this port speaks RESP, not TLS\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn after_hello_3_answers_are_in_resp3() {
    let nothing = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(kvstore::protocol::Response::Null));
    let mut client = Server::start(nothing).connect();
    client.asks("GET a\r\n", "$-1\r\n").await;
    client.sends("HELLO 3\r\nGET a\r\n").await;
    client.gets("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n").await;
    client.gets("$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n").await;
    client.gets("_\r\n").await;
    client.asks("HELLO 2\r\nGET a\r\n", "*14\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    client.gets("$-1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_native_protocol_is_served_on_the_same_port() {
    let server = Server::start(kvstore::store::Store::new());
    let mut native = server.connect();
    native.asks(b"\0\0\x03\0\0\0\0", b"\0\0\0\0\0\x04PONG").await;
    native.asks(b"\0\0\x01\0\0\0\x01k\0\0\0\x01v", b"\0\0\0\0\0\x01k").await;
    server.connect().asks("GET k\r\n", "$1\r\nv\r\n").await;
    native.asks(b"\0\0\0\0\0\0\x01x", b"\0\x01\0\0\0\x0dKey not found").await;
}

#[tokio::test(start_paused = true)]
async fn a_native_message_that_cannot_be_one_is_told_and_closed() {
    let mut client = Server::start(words()).connect();
    client.asks(b"\0\0\x09", b"\0\x01\0\0\0\x11Unknown command 9").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_native_client_must_authenticate_too() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")));
    let mut client = server.connect();
    client.asks(b"\0\0\0\0\0\0\x01x", b"\0\x01\0\0\0\x1fNOAUTH Authentication required.").await;
}
