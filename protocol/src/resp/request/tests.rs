use bytes::BytesMut;

use super::RequestDecoder;
use crate::{Command, Limits, ProtocolError};

fn decode_all(bytes: &[u8]) -> Result<Vec<Command>, ProtocolError> {
    let (mut decoder, mut input) = (RequestDecoder::default(), BytesMut::from(bytes));
    let mut commands = Vec::new();
    while let Some(command) = decoder.decode(&mut input)? {
        commands.push(command);
    }
    Ok(commands)
}

#[test]
fn a_request_cut_anywhere_is_the_same_request() {
    let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\nset k \"a b\"\r\n*0\r\n\r\n*1\r\n$4\r\nPING\r\n";
    let whole = decode_all(bytes).unwrap();
    assert_eq!(
        whole,
        [
            Command::new("SET").arg("k").arg("a\r\nbc"),
            Command::new("set").with_args(["k", "a b"]),
            Command::new("PING")
        ]
    );
    let (mut decoder, mut input) = (RequestDecoder::default(), BytesMut::new());
    let mut commands = Vec::new();
    for byte in bytes {
        input.extend_from_slice(&[*byte]);
        commands.extend(decoder.decode(&mut input).unwrap());
    }
    assert_eq!(commands, whole);
}

#[test]
fn a_malformed_request_is_told_in_redis_words() {
    for (bytes, error) in [
        (&b"*1\r\nfoo\r\n"[..], "Protocol error: expected '$', got 'f'"),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n", "Protocol error: expected '$', got '*'"),
        (b"*1\r\n'4\r\n", "Protocol error: expected '$', got '''"),
        (b"*1\r\n\xff4\r\n", "Protocol error: expected '$', got '\\xff'"),
        (b"*1\r\n\r\n", "Protocol error: expected '$', got ' '"),
        (b"set \"\"\"test\"\"\"\r\n", "Protocol error: unbalanced quotes in request"),
        // Redis reads on where these should have ended.
        (b"*1\rX", "Protocol error: expected CRLF"),
        (b"*1\r\n$4\rX", "Protocol error: expected CRLF"),
        (b"*1\r\n$4\r\nPINGXX", "Protocol error: expected CRLF"),
        // Redis waits.
        (b"\0\0", "Protocol error: unexpected byte 0x00 at the start of a request"),
    ] {
        assert_eq!(decode_all(bytes).unwrap_err().to_string(), error, "{}", bytes.escape_ascii());
    }
}

/// What is no length for Redis, whichever number it looks like.
const NOT_LENGTHS: &[&str] = &[
    "",
    "-",
    "+1",
    "-0",
    "00",
    "01",
    "-01",
    " 1",
    "1 ",
    "1 2",
    "x",
    "1x",
    "?",
    "0x1",
    "1.0",
    "\0",
    "1\0",
    "1\n",
    "2147483648",
    "4294967297",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551617",
    "-18446744073709551615",
    "99999999999999999999999999",
    "-99999999999999999999999999",
    "000000000000000000001",
];

#[test]
fn a_length_that_is_none_is_refused_when_its_line_has_ended() {
    for length in NOT_LENGTHS {
        assert_eq!(decode_all(format!("*{length}").as_bytes()), Ok(vec![]), "{length:?}");
        let error = decode_all(format!("*{length}\r\n").as_bytes());
        assert_eq!(error, Err(ProtocolError::InvalidMultibulkLength), "{length:?}");
        assert_eq!(decode_all(format!("*1\r\n${length}").as_bytes()), Ok(vec![]), "{length:?}");
        let error = decode_all(format!("*1\r\n${length}\r\n").as_bytes());
        assert_eq!(error, Err(ProtocolError::InvalidBulkLength), "{length:?}");
    }
    assert_eq!(decode_all(b"*1\r\n$-1\r\n"), Err(ProtocolError::InvalidBulkLength));
    assert_eq!(decode_all(b"*1\r\n$536870913\r\n"), Err(ProtocolError::InvalidBulkLength));
}

#[test]
fn a_length_whose_line_does_not_end_is_refused() {
    for (start, error) in [("*", ProtocolError::TooBigMultibulkCount), ("*1\r\n$", ProtocolError::TooBigBulkCount)] {
        let line = |digits| format!("{start}{}", "9".repeat(digits));
        assert_eq!(decode_all(line(65_535).as_bytes()), Ok(vec![]));
        assert_eq!(decode_all(line(65_536).as_bytes()), Err(error));
    }
}

#[test]
fn a_request_of_nothing_asks_for_nothing() {
    for count in ["0", "-1", "-10", "-2147483649", "-9223372036854775808"] {
        let bytes = format!("*{count}\r\nPING\r\n");
        assert_eq!(decode_all(bytes.as_bytes()), Ok(vec![Command::new("PING")]), "{count}");
    }
}

#[test]
fn an_inline_command_ends_with_lf_or_cr_lf() {
    let commands = decode_all(b"\nPING\n\r\nGET k\r\n\n\n  \nPING\r\r\n").unwrap();
    assert_eq!(commands, [Command::new("PING"), Command::new("GET").arg("k"), Command::new("PING")]);
}

#[test]
fn an_inline_command_may_have_any_bytes() {
    for name in [&b"\x80"[..], b"\xff\xfe", "\u{e4}".as_bytes(), b"\x01\x7f", b"\x16", b"\x16x", b"a\0b"] {
        let line = [name, b" \xff\r\n"].concat();
        let expected = Command::new(name).arg(&b"\xff"[..]);
        assert_eq!(decode_all(&line), Ok(vec![expected]), "{}", line.escape_ascii());
    }
}

#[test]
fn another_protocol_is_refused_before_what_follows_its_first_line() {
    for (bytes, protocol) in [
        (&b"GET / HTTP/1.1\r\nSET k v\r\n"[..], "HTTP"),
        (b"POST / HTTP/1.1\nSET k v\n", "HTTP"),
        (b"EHLO host\nSET k v\n", "SMTP"),
        (b"PING \"\" \r\nDATA\r\nSET k v\r\n", "SMTP"),
        (b"SSH-2.0-client\r\n", "SSH"),
        (b"\x16\x03\x01\x02", "TLS"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 6379\r\n", "the PROXY protocol"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "the PROXY protocol"),
    ] {
        let mut decoder = RequestDecoder::default();
        let (mut input, mut commands) = (BytesMut::from(bytes), 0);
        let error = loop {
            match decoder.decode(&mut input) {
                Ok(command) => commands += command.map_or(0, |command| usize::from(!command.is("PING"))),
                Err(error) => break error,
            }
        };
        assert_eq!((error, commands), (ProtocolError::ForeignProtocol(protocol), 0), "{}", bytes.escape_ascii());
    }
}

#[test]
fn an_endless_line_is_refused() {
    let mut decoder = RequestDecoder::default();
    let mut input = BytesMut::from(&[b'a'; 70_000][..]);
    assert_eq!(decoder.decode(&mut input), Err(ProtocolError::TooBigInline));
}

#[test]
fn before_authentication_little_is_allowed() {
    for (bytes, error) in [
        ("*11\r\n", ProtocolError::UnauthenticatedMultibulkLength),
        ("*2147483647\r\n", ProtocolError::UnauthenticatedMultibulkLength),
        ("*2147483648\r\n", ProtocolError::InvalidMultibulkLength),
        ("*1\r\n$16385\r\n", ProtocolError::UnauthenticatedBulkLength),
        ("*1\r\n$536870912\r\n", ProtocolError::UnauthenticatedBulkLength),
        ("*1\r\n$536870913\r\n", ProtocolError::InvalidBulkLength),
    ] {
        let mut decoder = RequestDecoder::default();
        decoder.set_limits(Limits::unauthenticated());
        assert_eq!(decoder.decode(&mut BytesMut::from(bytes)), Err(error));
    }
}

#[test]
fn before_authentication_a_line_may_have_many_words() {
    let mut decoder = RequestDecoder::default();
    decoder.set_limits(Limits::unauthenticated());
    let command = decoder.decode(&mut BytesMut::from("a b c d e f g h i j k l\r\n"));
    assert_eq!(command.map(|command| command.map(|command| command.len())), Ok(Some(12)));
}

#[test]
fn missing_bytes_of_a_long_word_are_known() {
    let mut decoder = RequestDecoder::default();
    assert_eq!(decoder.decode(&mut BytesMut::from("*1\r\n$1000\r\nabc")), Ok(None));
    assert_eq!(decoder.missing(), 999);
}

/// Feeds the decoder byte by byte, takes what it lets pass off the input, and returns both.
fn passed(bytes: &[u8], over: usize) -> Result<(Vec<Command>, Vec<u8>), ProtocolError> {
    let (mut decoder, mut input) = (RequestDecoder::default(), BytesMut::new());
    let (mut commands, mut passed, mut left) = (Vec::new(), Vec::new(), 0);
    for byte in bytes {
        if left > 0 {
            passed.push(*byte);
            left -= 1;
            continue;
        }
        input.extend_from_slice(&[*byte]);
        commands.extend(decoder.decode(&mut input)?);
        if let Some((command, length)) = decoder.decode_head(&mut input, &|name| (name == b"PUT").then_some(over)) {
            assert!(input.is_empty());
            commands.push(command);
            left = length;
        }
    }
    Ok((commands, passed))
}

#[test]
fn a_long_last_word_goes_past_and_what_follows_is_decoded() {
    let bytes =
        b"*1\r\n$3\r\nPUT\r\n*3\r\n$3\r\nPUT\r\n$8\r\nlong key\r\n$5\r\nv\r\n*1\r\n*1\r\n$4\r\nPING\r\nPING\r\n";
    let put = Command::new("PUT").arg("long key");
    let expected = vec![Command::new("PUT"), put, Command::new("PING"), Command::new("PING")];
    assert_eq!(passed(bytes, 4), Ok((expected, b"v\r\n*1".to_vec())));
    // Not over: it comes whole. Nor does the name of a command go past its decoder.
    assert_eq!(passed(bytes, 5).unwrap().0[1], Command::new("PUT").with_args(["long key", "v\r\n*1"]));
    assert_eq!(passed(b"*1\r\n$3\r\nPUT\r\n", 0), Ok((vec![Command::new("PUT")], Vec::new())));
}

#[test]
fn a_word_that_went_past_must_end_with_its_line() {
    for end in [&b"X\n"[..], b"*1\r\n$4\r\nPING\r\n", b"\n\n"] {
        let bytes = [&b"*2\r\n$3\r\nPUT\r\n$5\r\nvalue"[..], end].concat();
        assert_eq!(passed(&bytes, 4), Err(ProtocolError::ExpectedCrlf));
    }
}

#[test]
fn a_request_over_the_limit_is_refused_as_soon_as_it_is_announced() {
    let mut decoder = RequestDecoder::default();
    decoder.set_limits(Limits::default().max_request(100));
    let error = decoder.decode(&mut BytesMut::from("*2\r\n$3\r\nGET\r\n$90\r\n"));
    assert_eq!(error, Err(ProtocolError::TooBigRequest));
}
