//! The client against literal bytes, over a pipe in memory.

use std::{
    io,
    pin::pin,
    task::{Context, Waker},
};

use kvstore::{
    client::{Client, ClientError},
    protocol::{ClientCodec, Command, ProtocolError, Response},
    server,
    store::Store,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex},
    join,
    net::UnixListener,
};

const GET_K: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// The test's end of the pipe: it plays the server.
struct Peer(DuplexStream);

impl Peer {
    async fn gets(&mut self, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        self.0.read_exact(&mut bytes).await.expect("the client writes");
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    async fn sends(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the client reads");
    }

    async fn answers(&mut self, request: &[u8], reply: &[u8]) {
        self.gets(request).await;
        self.sends(reply).await;
    }

    async fn gets_the_end(&mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.expect("the client closes");
        assert_eq!(rest.escape_ascii().to_string(), "");
    }
}

fn with_room(room: usize, codec: ClientCodec) -> (Client, Peer) {
    let (client, server) = duplex(room);
    (Client::over(client, codec), Peer(server))
}

fn resp() -> (Client, Peer) {
    with_room(1024, ClientCodec::resp())
}

fn native() -> (Client, Peer) {
    with_room(1024, ClientCodec::native())
}

/// Lets a call do what it can at once, and drops it.
fn start_and_drop<T>(call: impl Future<Output = T>) {
    let first = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending(), "the call waits for the server");
}

#[tokio::test]
async fn typed_calls_are_resp_commands() {
    let (mut client, mut server) = resp();
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
    let (answer, ()) = join!(client.ping("hi"), server.answers(b"*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n", b"$2\r\nhi\r\n"));
    assert_eq!(answer.unwrap(), "hi");
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$2\r\n\xff\n\r\n"));
    assert_eq!(answer.unwrap().unwrap(), &b"\xff\n"[..]);
    let set = b"*3\r\n$3\r\nSET\r\n$1\r\n1\r\n$2\r\n\xff\n\r\n";
    let (answer, ()) = join!(client.set(1, b"\xff\n"), server.answers(set, b"+OK\r\n"));
    answer.unwrap();
    let (answer, ()) = join!(client.clear("k"), server.answers(b"*2\r\n$6\r\nGETDEL\r\n$1\r\nk\r\n", b"$0\r\n\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "");
}

#[tokio::test]
async fn a_missing_value_is_none_in_resp2_and_resp3() {
    let (mut client, mut server) = resp();
    for reply in [&b"$-1\r\n"[..], b"_\r\n"] {
        let (answer, ()) = join!(client.get("k"), server.answers(GET_K, reply));
        assert_eq!(answer.unwrap(), None);
    }
}

#[tokio::test]
async fn typed_calls_are_native_commands() {
    let (mut client, mut server) = native();
    let ping = b"\0\0\x03\0\0\0\0";
    let (answer, ()) = join!(client.ping(""), server.answers(ping, b"\0\0\0\0\0\x04PONG"));
    assert_eq!(answer.unwrap(), "PONG");
    let set = b"\0\0\x01\0\0\0\x01k\0\0\0\x01v";
    let (answer, ()) = join!(client.set("k", "v"), server.answers(set, b"\0\0\0\0\0\x01k"));
    answer.unwrap();
    let get = b"\0\0\0\0\0\0\x01k";
    let (answer, ()) = join!(client.get("k"), server.answers(get, b"\0\0\0\0\0\x01v"));
    assert_eq!(answer.unwrap().unwrap(), "v");
    let clear = b"\0\0\x02\0\0\0\x01k";
    let (answer, ()) = join!(client.clear("k"), server.answers(clear, b"\0\0\0\0\0\x01v"));
    assert_eq!(answer.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_missing_value_is_none_in_the_native_protocol() {
    let (mut client, mut server) = native();
    let not_found = b"\0\x01\0\0\0\x0dKey not found";
    let (answer, ()) = join!(client.get("k"), server.answers(b"\0\0\0\0\0\0\x01k", not_found));
    assert_eq!(answer.unwrap(), None);
    let (answer, ()) = join!(client.clear("k"), server.answers(b"\0\0\x02\0\0\0\x01k", b"\0\0\0\0\0\0"));
    assert_eq!(answer.unwrap(), None);
}

#[tokio::test]
async fn a_native_error_is_a_refusal_without_a_code() {
    let (mut client, mut server) = native();
    let not_utf8 = b"\0\x01\0\0\0\x12Value is not UTF-8";
    let (answer, ()) = join!(client.get("k"), server.answers(b"\0\0\0\0\0\0\x01k", not_utf8));
    let Err(ClientError::Refused(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!((refusal.code(), refusal.to_string().as_str()), (None, "Value is not UTF-8"));
}

#[tokio::test]
async fn what_the_native_protocol_cannot_say_is_not_sent() {
    let (mut client, mut server) = native();
    let answer = client.call(Command::new("INCR").arg("k")).await;
    assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    let answer = client.set("k", b"\xff").await;
    assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    let (answer, ()) = join!(client.ping("a"), server.answers(b"\0\0\x03\0\0\0\x01a", b"\0\0\0\0\0\x01a"));
    assert_eq!(answer.unwrap(), "a");
}

#[tokio::test]
async fn what_is_not_answered_with_one_reply_is_not_sent() {
    let (mut client, mut server) = resp();
    for command in [
        Command::new("subscribe").arg("news"),
        Command::new("MONITOR"),
        Command::new("CLIENT").with_args(["reply", "OFF"]),
    ] {
        let answer = client.call(command).await;
        assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    }
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn an_error_reply_is_a_refusal_and_the_client_goes_on() {
    let (mut client, mut server) = resp();
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"-WRONGTYPE not a string\r\n"));
    let Err(ClientError::Refused(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!((refusal.code(), refusal.to_string().as_str()), (Some("WRONGTYPE"), "WRONGTYPE not a string"));
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$1\r\nv\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_call_gives_an_error_reply_as_it_is() {
    let (mut client, mut server) = resp();
    let (answer, ()) = join!(client.call(Command::get("k")), server.answers(GET_K, b"-ERR no\r\n"));
    assert_eq!(answer.unwrap(), Response::error("ERR", "no"));
}

#[tokio::test]
async fn a_reply_of_another_kind_is_an_error_and_the_client_goes_on() {
    let (mut client, mut server) = resp();
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"*1\r\n:1\r\n"));
    assert_eq!(answer.unwrap_err().to_string(), "unexpected reply: [:1]");
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$-1\r\n"));
    assert_eq!(answer.unwrap(), None);
}

#[tokio::test]
async fn commands_and_replies_pass_byte_by_byte() {
    let (mut client, mut server) = with_room(1, ClientCodec::resp());
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b">1\r\n+x\r\n$5\r\nvalue\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "value");
    let (mut client, mut server) = with_room(1, ClientCodec::native());
    let (answer, ()) = join!(client.get("k"), server.answers(b"\0\0\0\0\0\0\x01k", b"\0\0\0\0\0\x05value"));
    assert_eq!(answer.unwrap().unwrap(), "value");
}

#[tokio::test]
async fn a_reply_may_be_cut_anywhere_and_its_call_dropped_there() {
    let reply = b">2\r\n+a\r\n:1\r\n*2\r\n$3\r\nold\r\n|1\r\n+a\r\n+b\r\n$-1\r\n";
    for cut in 0..reply.len() {
        let (mut client, mut server) = resp();
        server.sends(&reply[..cut]).await;
        start_and_drop(client.call(Command::new("KEYS").arg("*")));
        server.answers(b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n", &reply[cut..]).await;
        let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$3\r\nnew\r\n"));
        assert_eq!(answer.unwrap().unwrap(), "new", "cut at {cut}");
    }
}

#[tokio::test]
async fn the_answer_of_a_dropped_call_is_not_the_next_ones() {
    let (mut client, mut server) = resp();
    start_and_drop(client.get("k"));
    server.answers(GET_K, b"$3\r\nold\r\n").await;
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_command_dropped_half_sent_is_completed_first() {
    let (mut client, mut server) = with_room(7, ClientCodec::resp());
    start_and_drop(client.get("k"));
    let (answer, ()) = join!(client.ping(""), async {
        server.answers(GET_K, b"$3\r\nold\r\n").await;
        server.answers(PING, b"+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn dropped_calls_do_not_pile_up() {
    let (mut client, mut server) = resp();
    for _ in 0..100 {
        start_and_drop(client.get("k"));
    }
    let (answer, ()) = join!(client.ping(""), async {
        server.answers(GET_K, b"$3\r\nold\r\n").await;
        server.answers(PING, b"+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn pushed_messages_answer_nothing() {
    let (mut client, mut server) = resp();
    let reply = b">2\r\n+invalidate\r\n*1\r\n+a\r\n$1\r\nv\r\n>2\r\n+invalidate\r\n*1\r\n+b\r\n";
    for _ in 0..2 {
        let (answer, ()) = join!(client.get("k"), server.answers(GET_K, reply));
        assert_eq!(answer.unwrap().unwrap(), "v");
    }
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_ends_the_connection() {
    let (mut client, mut server) = resp();
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$1\r\nv\r\n$1\r\nw\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "v");
    let answer = client.get("k").await;
    assert!(matches!(answer, Err(ClientError::Protocol(ProtocolError::InvalidReply(_)))), "{answer:?}");
    server.gets_the_end().await;
}

#[tokio::test]
async fn bytes_that_are_no_reply_end_the_connection() {
    for (pair, request) in [(resp(), GET_K), (native(), b"\0\0\0\0\0\0\x01k")] {
        let (mut client, mut server) = pair;
        let (answer, ()) = join!(client.get("k"), server.answers(request, b"\x07"));
        assert!(matches!(answer, Err(ClientError::Protocol(ProtocolError::InvalidReply(_)))), "{answer:?}");
        server.gets_the_end().await;
        assert!(matches!(client.get("k").await, Err(ClientError::Closed)));
    }
}

#[tokio::test]
async fn a_server_that_closes_between_replies_is_told_from_one_that_closes_inside_of_one() {
    let (mut client, server) = resp();
    drop(server);
    assert!(matches!(client.get("k").await, Err(ClientError::Io(_))), "nobody reads the command");
    for (reply, is_whole) in [(&b""[..], true), (b"$1\r\n", false), (b"*2\r\n:1\r\n", false), (b"+O", false)] {
        let (mut client, mut server) = resp();
        let (answer, ()) = join!(client.get("k"), async {
            server.answers(GET_K, reply).await;
            drop(server);
        });
        match answer {
            Err(ClientError::Closed) => assert!(is_whole),
            Err(ClientError::Io(error)) => assert!(!is_whole && error.kind() == io::ErrorKind::UnexpectedEof),
            other => panic!("{other:?}"),
        }
        assert!(matches!(client.get("k").await, Err(ClientError::Closed)));
    }
}

#[tokio::test]
async fn the_last_words_of_a_server_that_reads_no_more_are_heard() {
    let (mut client, mut server) = with_room(64, ClientCodec::resp());
    server.sends(b"-ERR max number of clients reached\r\n").await;
    drop(server);
    let answer = client.set("k", "v".repeat(1000)).await;
    assert_eq!(answer.unwrap_err().to_string(), "ERR max number of clients reached");
    assert!(client.ping("").await.is_err());
    assert!(matches!(client.ping("").await, Err(ClientError::Closed)));
}

#[tokio::test]
async fn an_answer_may_come_before_the_whole_command_is_read() {
    let (mut client, mut server) = with_room(64, ClientCodec::resp());
    let value = "v".repeat(1000);
    server.sends(b"-ERR too long\r\n").await;
    assert!(matches!(client.set("k", &value).await, Err(ClientError::Refused(_))));
    let set = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\n{value}\r\n");
    let (answer, ()) = join!(client.ping(""), async {
        server.gets(set.as_bytes()).await;
        server.answers(PING, b"+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_stream_that_holds_back_what_is_written_is_flushed() {
    let (client, server) = duplex(1024);
    let (mut client, mut server) = (Client::over(BufStream::new(client), ClientCodec::resp()), Peer(server));
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$1\r\nv\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_large_value_goes_there_and_back() {
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    let mut client = Client::over(connector.connect().unwrap(), ClientCodec::resp());
    let value = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect::<Vec<_>>();
    client.set("k", &value).await.unwrap();
    assert!(client.get("k").await.unwrap().unwrap() == value);
    client.call(Command::new("HELLO").arg(3)).await.unwrap();
    assert_eq!(client.get("none").await.unwrap(), None);
}

#[tokio::test]
async fn a_unix_socket_is_as_good_as_any() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    let mut client = Client::connect_unix(&path).await.unwrap();
    assert_eq!(client.ping("").await.unwrap(), "PONG");
    std::fs::remove_file(path).unwrap();
}
