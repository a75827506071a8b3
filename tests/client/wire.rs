//! The client against literal bytes, over a pipe in memory.

use std::io;

use kvstore::{
    client::{Client, ClientError, ConnectionError},
    protocol::{ClientCodec, Command, Limits, ProtocolError, Response},
    server,
    store::Store,
};
use tokio::{
    io::{BufStream, duplex},
    join,
};

use super::{GET_K, PING, Peer, command, resp, start_and_drop, with_room};

fn native() -> (Client, Peer) {
    with_room(1024, ClientCodec::native())
}

#[tokio::test]
async fn typed_calls_are_resp_commands() {
    let (client, mut server) = resp();
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
    let (client, mut server) = resp();
    for reply in [&b"$-1\r\n"[..], b"_\r\n"] {
        let (answer, ()) = join!(client.get("k"), server.answers(GET_K, reply));
        assert_eq!(answer.unwrap(), None);
    }
}

#[tokio::test]
async fn typed_calls_are_native_commands() {
    let (client, mut server) = native();
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
    let (client, mut server) = native();
    let not_found = b"\0\x01\0\0\0\x0dKey not found";
    let (answer, ()) = join!(client.get("k"), server.answers(b"\0\0\0\0\0\0\x01k", not_found));
    assert_eq!(answer.unwrap(), None);
    let (answer, ()) = join!(client.clear("k"), server.answers(b"\0\0\x02\0\0\0\x01k", b"\0\0\0\0\0\0"));
    assert_eq!(answer.unwrap(), None);
}

#[tokio::test]
async fn a_native_error_is_a_refusal_without_a_code() {
    let (client, mut server) = native();
    let not_utf8 = b"\0\x01\0\0\0\x12Value is not UTF-8";
    let (answer, ()) = join!(client.get("k"), server.answers(b"\0\0\0\0\0\0\x01k", not_utf8));
    let Err(ClientError::Refused(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!((refusal.code(), refusal.to_string().as_str()), (None, "Value is not UTF-8"));
}

#[tokio::test]
async fn what_the_native_protocol_cannot_say_is_not_sent() {
    let (client, mut server) = native();
    let answer = client.execute(Command::new("INCR").arg("k")).await;
    assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    let answer = client.set("k", b"\xff").await;
    assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    let (answer, ()) = join!(client.ping("a"), server.answers(b"\0\0\x03\0\0\0\x01a", b"\0\0\0\0\0\x01a"));
    assert_eq!(answer.unwrap(), "a");
}

#[tokio::test]
async fn what_is_not_answered_with_one_reply_is_not_sent() {
    let (client, mut server) = resp();
    for command in [
        Command::new("subscribe").arg("news"),
        Command::new("MONITOR"),
        Command::new("CLIENT").with_args(["reply", "OFF"]),
    ] {
        let answer = client.execute(command).await;
        assert!(matches!(answer, Err(ClientError::Unsupported(_))), "{answer:?}");
    }
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn an_error_reply_is_a_refusal_and_the_client_goes_on() {
    let (client, mut server) = resp();
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"-WRONGTYPE not a string\r\n"));
    let Err(ClientError::Refused(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!((refusal.code(), refusal.to_string().as_str()), (Some("WRONGTYPE"), "WRONGTYPE not a string"));
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$1\r\nv\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_call_gives_an_error_reply_as_it_is() {
    let (client, mut server) = resp();
    let (answer, ()) = join!(client.execute(Command::new("GET").arg("k")), server.answers(GET_K, b"-ERR no\r\n"));
    assert_eq!(answer.unwrap(), Response::error("ERR", "no"));
}

#[tokio::test]
async fn a_reply_of_another_kind_is_an_error_and_the_client_goes_on() {
    let (client, mut server) = resp();
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"*1\r\n:1\r\n"));
    assert_eq!(answer.unwrap_err().to_string(), "unexpected reply: [:1]");
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$-1\r\n"));
    assert_eq!(answer.unwrap(), None);
}

#[tokio::test]
async fn commands_and_replies_pass_byte_by_byte() {
    let (client, mut server) = with_room(1, ClientCodec::resp());
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b">1\r\n+x\r\n$5\r\nvalue\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "value");
    let (client, mut server) = with_room(1, ClientCodec::native());
    let (answer, ()) = join!(client.get("k"), server.answers(b"\0\0\0\0\0\0\x01k", b"\0\0\0\0\0\x05value"));
    assert_eq!(answer.unwrap().unwrap(), "value");
}

#[tokio::test]
async fn a_reply_may_be_cut_anywhere_and_its_call_dropped_there() {
    let reply = b">2\r\n+a\r\n:1\r\n*2\r\n$3\r\nold\r\n|1\r\n+a\r\n+b\r\n$-1\r\n";
    for cut in 0..reply.len() {
        let (client, mut server) = resp();
        tokio::select! {
            _ = client.execute(command("KEYS *")) => panic!("it is not answered"),
            () = server.answers(b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n", &reply[..cut]) => {}
        }
        server.sends(&reply[cut..]).await;
        let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$3\r\nnew\r\n"));
        assert_eq!(answer.unwrap().unwrap(), "new", "cut at {cut}");
    }
}

#[tokio::test]
async fn a_command_dropped_before_it_is_sent_never_is() {
    let (client, mut server) = resp();
    for _ in 0..5000 {
        start_and_drop(client.get("k"));
        tokio::task::yield_now().await;
    }
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_command_dropped_half_sent_is_completed() {
    let (client, mut server) = with_room(7, ClientCodec::resp());
    tokio::select! {
        _ = client.get("k") => panic!("it is not answered"),
        () = server.gets(&GET_K[..3]) => {}
    }
    let (answer, ()) = join!(client.ping(""), async {
        server.answers(&GET_K[3..], b"$3\r\nold\r\n").await;
        server.answers(PING, b"+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn pushed_messages_answer_nothing() {
    let (client, mut server) = resp();
    let reply = b">2\r\n+invalidate\r\n*1\r\n+a\r\n$1\r\nv\r\n>2\r\n+invalidate\r\n*1\r\n+b\r\n";
    for _ in 0..2 {
        let (answer, ()) = join!(client.get("k"), server.answers(GET_K, reply));
        assert_eq!(answer.unwrap().unwrap(), "v");
    }
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_ends_the_connection() {
    let (client, mut server) = resp();
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$1\r\nv\r\n$1\r\nw\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "v");
    server.gets_the_end().await;
    let answer = client.get("k").await;
    assert!(
        matches!(answer, Err(ClientError::Closed(ConnectionError::Protocol(ProtocolError::InvalidReply(_))))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn bytes_that_are_no_reply_end_the_connection_and_fail_what_is_under_way() {
    for (pair, request) in [(resp(), GET_K), (native(), b"\0\0\0\0\0\0\x01k")] {
        let (client, mut server) = pair;
        let (first, second, ()) = join!(client.get("k"), client.get("k"), server.answers(request, b"\x07"));
        for answer in [first, second] {
            assert!(matches!(answer, Err(ClientError::Lost(ConnectionError::Protocol(_)))), "{answer:?}");
        }
        server.gets(request).await;
        server.gets_the_end().await;
        assert!(matches!(client.get("k").await, Err(ClientError::Closed(ConnectionError::Protocol(_)))));
    }
}

#[tokio::test]
async fn a_reply_over_the_limits_ends_the_connection() {
    let (stream, server) = duplex(1024);
    let client = Client::builder().limits(Limits::default().max_bulk(10)).over(stream).await.unwrap();
    let mut server = Peer(server);
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$11\r\n"));
    let error = answer.unwrap_err();
    assert!(error.to_string().ends_with("invalid reply: text over the limit"), "{error}");
    server.gets_the_end().await;
}

#[tokio::test]
async fn a_server_that_closes_between_replies_is_told_from_one_that_closes_inside_of_one() {
    let (client, server) = resp();
    drop(server);
    let answer = client.get("k").await;
    assert!(matches!(answer, Err(ClientError::Closed(_))), "nobody read a byte of the command: {answer:?}");
    for (reply, is_whole) in [(&b""[..], true), (b"$1\r\n", false), (b"*2\r\n:1\r\n", false), (b"+O", false)] {
        let (client, mut server) = resp();
        let (answer, ()) = join!(client.get("k"), async {
            server.answers(GET_K, reply).await;
            drop(server);
        });
        match answer {
            Err(ClientError::Lost(ConnectionError::Ended)) => assert!(is_whole),
            Err(ClientError::Lost(ConnectionError::Io(error))) => {
                assert!(!is_whole && error.kind() == io::ErrorKind::UnexpectedEof);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(client.get("k").await, Err(ClientError::Closed(_))));
    }
}

#[tokio::test]
async fn the_last_words_of_a_server_are_heard() {
    let (client, mut server) = with_room(64, ClientCodec::resp());
    server.sends(b"-ERR max number of clients reached\r\n").await;
    drop(server);
    let error = client.set("k", "v".repeat(1000)).await.unwrap_err();
    assert!(matches!(error, ClientError::Closed(ConnectionError::Refused(_))), "{error:?}");
    assert!(error.to_string().ends_with("ERR max number of clients reached"), "{error}");
}

#[tokio::test]
async fn an_answer_may_come_before_the_whole_command_is_read() {
    let (client, mut server) = with_room(64, ClientCodec::resp());
    let value = "v".repeat(1000);
    let set = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\n{value}\r\n");
    let (answer, ()) = join!(client.set("k", &value), server.answers(&set.as_bytes()[..10], b"-ERR too long\r\n"));
    assert!(matches!(answer, Err(ClientError::Refused(_))), "{answer:?}");
    let (answer, ()) = join!(client.ping(""), async {
        server.gets(&set.as_bytes()[10..]).await;
        server.answers(PING, b"+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_stream_that_holds_back_what_is_written_is_flushed() {
    let (client, server) = duplex(1024);
    let (client, mut server) = (Client::over(BufStream::new(client), ClientCodec::resp()), Peer(server));
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$1\r\nv\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_large_value_goes_there_and_back() {
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    let client = Client::over(connector.connect().unwrap(), ClientCodec::resp());
    let value = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect::<Vec<_>>();
    client.set("k", &value).await.unwrap();
    assert!(client.get("k").await.unwrap().unwrap() == value);
}

#[tokio::test]
async fn the_connection_ends_with_its_last_handle_and_no_sooner() {
    let (client, mut server) = resp();
    let other = client.clone();
    drop(client);
    let (answer, ()) = join!(other.get("k"), server.answers(GET_K, b"$1\r\nv\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "v");
    let call = tokio::spawn(other.execute(Command::new("GET").arg("k")));
    server.gets(GET_K).await;
    drop(other);
    server.sends(b"$1\r\nw\r\n").await;
    assert_eq!(call.await.unwrap().unwrap(), "w".into());
    server.gets_the_end().await;
}

#[tokio::test]
async fn what_was_begun_is_sent_whole_before_the_end() {
    let (client, mut server) = with_room(7, ClientCodec::resp());
    tokio::select! {
        _ = client.get("k") => panic!("it is not answered"),
        () = server.gets(&GET_K[..3]) => {}
    }
    drop(client);
    server.gets(&GET_K[3..]).await;
    server.gets_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_holds_the_last_command_for_some_time_only() {
    let (client, mut server) = with_room(7, ClientCodec::resp());
    tokio::select! {
        _ = client.get("k") => panic!("it is not answered"),
        () = crate::support::settle() => {}
    }
    drop(client);
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    server.gets(&GET_K[..7]).await;
    server.gets_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_behind_a_full_pipe_is_answered_also_without_a_handle() {
    let (client, mut server) = with_room(7, ClientCodec::resp());
    let value = "v".repeat(100_000);
    let set = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n{value}\r\n");
    tokio::select! {
        _ = client.set("k", &value) => panic!("it is not answered"),
        () = crate::support::settle() => {}
    }
    let call = tokio::spawn(client.execute(Command::new("GET").arg("k")));
    crate::support::settle().await;
    drop(client);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    server.answers(set, b"+OK\r\n").await;
    server.answers(GET_K, b"$1\r\nv\r\n").await;
    assert_eq!(call.await.unwrap().unwrap(), "v".into());
    server.gets_the_end().await;
}

#[tokio::test]
async fn closing_waits_for_the_answers_and_lets_nobody_in() {
    let (client, mut server) = resp();
    let (other, late) = (client.clone(), client.clone());
    let call = tokio::spawn(other.execute(Command::new("GET").arg("k")));
    server.gets(GET_K).await;
    let closing = tokio::spawn(client.close());
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert!(matches!(late.get("k").await, Err(ClientError::Closed(ConnectionError::Closed))));
    assert!(!closing.is_finished());
    server.sends(b"$1\r\nv\r\n").await;
    assert_eq!(call.await.unwrap().unwrap(), "v".into());
    closing.await.unwrap();
    server.gets_the_end().await;
    assert!(matches!(late.get("k").await, Err(ClientError::Closed(ConnectionError::Closed))));
}
