use bytes::{Buf, BytesMut};

use super::ReplyDecoder;
use crate::{ByteString, Limits, ProtocolError, Response};

fn decode(bytes: &[u8]) -> Result<Option<Response>, ProtocolError> {
    ReplyDecoder::default().decode(&mut BytesMut::from(bytes))
}

#[test]
fn every_type_has_its_response() {
    let text = || ByteString::from("a");
    for (bytes, response) in [
        ("+OK\r\n", Response::ok()),
        ("-ERR no\r\n", Response::error("ERR", "no")),
        ("!6\r\nERR \r\n\r\n", Response::Error("ERR \r\n".into())),
        (":-9223372036854775808\r\n", Response::Integer(i64::MIN)),
        (":+7\r\n", Response::Integer(7)),
        ("$0\r\n\r\n", Response::from("")),
        ("$-1\r\n", Response::Null),
        ("*-1\r\n", Response::NullArray),
        ("_\r\n", Response::Null),
        ("*0\r\n", Response::Array(vec![])),
        ("*2\r\n*1\r\n:1\r\n*-1\r\n", Response::Array(vec![Response::array([1]), Response::NullArray])),
        ("~1\r\n+a\r\n", Response::Set(vec![Response::Simple(text())])),
        (">1\r\n+a\r\n", Response::Push(vec![Response::Simple(text())])),
        ("%1\r\n+a\r\n%0\r\n", Response::Map(vec![(Response::Simple(text()), Response::Map(vec![]))])),
        (",1.5e3\r\n", Response::Double(1500.0)),
        (",-inf\r\n", Response::Double(f64::NEG_INFINITY)),
        ("#f\r\n", Response::Boolean(false)),
        ("(-12345678901234567890123\r\n", Response::BigNumber("-12345678901234567890123".into())),
        ("=5\r\ntxt:a\r\n", Response::Verbatim(*b"txt", text())),
        ("|1\r\n+ttl\r\n*1\r\n:1\r\n|0\r\n:2\r\n", Response::Integer(2)),
        ("*1\r\n|1\r\n+a\r\n+b\r\n:2\r\n", Response::array([2])),
    ] {
        assert_eq!(decode(bytes.as_bytes()), Ok(Some(response)), "{bytes:?}");
    }
    assert!(matches!(decode(b",nan\r\n"), Ok(Some(Response::Double(number))) if number.is_nan()));
}

#[test]
fn a_malformed_reply_ends_the_stream() {
    for (bytes, text) in [
        ("?\r\n", "unknown type"),
        ("+O\rK\r\n", "expected CRLF"),
        ("+OK\n", "expected CRLF"),
        (":1x\r\n", "invalid number"),
        (":\r\n", "invalid number"),
        (":9223372036854775808\r\n", "invalid number"),
        (":000000000000000000000000000000001", "too long line"),
        ("$-2\r\n", "negative length"),
        ("$-9223372036854775809\r\n", "invalid number"),
        ("$+1\r\na\r\n", "invalid number"),
        ("$01\r\na\r\n", "invalid number"),
        ("*-0\r\n", "invalid number"),
        ("*\r\n", "invalid number"),
        ("$600000000\r\n", "text over the limit"),
        ("$1\r\nab\r", "expected CRLF"),
        ("=3\r\ntxt\r\n", "verbatim text without a format"),
        ("=5\r\ntxt-a\r\n", "verbatim text without a format"),
        ("%-1\r\n", "negative length"),
        ("*9223372036854775807\r\n", "too many elements"),
        ("%9223372036854775807\r\n", "too many elements"),
        ("_1\r\n", "a null with a value"),
        ("#x\r\n", "invalid boolean"),
        (",\r\n", "invalid double"),
        ("(1.5\r\n", "invalid big number"),
        ("*1\r\n>0\r\n", "a push inside of another reply"),
        ("$?\r\n", "streamed replies are not supported"),
        ("*?\r\n", "streamed replies are not supported"),
        (";0\r\n", "streamed replies are not supported"),
    ] {
        assert_eq!(decode(bytes.as_bytes()), Err(ProtocolError::InvalidReply(text)), "{bytes:?}");
    }
}

#[test]
fn a_reply_over_the_limits_is_refused_as_soon_as_that_is_known() {
    let mut decoder = ReplyDecoder::default();
    decoder.set_limits(Limits::default().max_request(100).max_args(3));
    let mut error = |bytes: &str| decoder.decode(&mut BytesMut::from(bytes)).unwrap_err().to_string();
    assert_eq!(error("$95\r\n"), "invalid reply: reply over the limit");
    assert_eq!(error("*4\r\n"), "invalid reply: too many elements");
    assert_eq!(error("*2\r\n*1\r\n:1\r\n*1\r\n:1\r\n"), "invalid reply: too many elements");
}

#[test]
fn nesting_is_bounded() {
    assert_eq!(decode("*1\r\n".repeat(128).as_bytes()), Ok(None));
    let deep = decode("*1\r\n".repeat(129).as_bytes());
    assert_eq!(deep, Err(ProtocolError::InvalidReply("nested too deep")));
}

#[test]
fn the_head_of_a_long_bulk_is_taken_and_its_end_found_behind_it() {
    let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::from("$5\r\nhello\r\n$2\r\nhi\r"));
    assert_eq!(decoder.decode_head(&mut input, 4), Some(5));
    assert!(!decoder.is_idle());
    input.advance(5);
    assert_eq!(decoder.decode_head(&mut input, 1), Some(2));
    input.advance(2);
    assert_eq!((decoder.decode(&mut input), decoder.missing(), decoder.is_idle()), (Ok(None), 1, false));
    input.extend_from_slice(b"\n");
    assert_eq!((decoder.decode(&mut input), decoder.is_idle()), (Ok(None), true));
}

#[test]
fn only_a_bulk_by_itself_has_a_head_that_is_taken() {
    for bytes in [
        "$4\r\nhell",
        "$5\r",
        "$-1\r\n",
        "$?\r\n",
        "+hello, world\r\n",
        "=9\r\ntxt:hello\r\n",
        "!5\r\nhello\r\n",
        "$x\r\n",
        "",
    ] {
        let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::from(bytes));
        assert_eq!((decoder.decode_head(&mut input, 4), &input[..]), (None, bytes.as_bytes()));
        assert_eq!(decoder.decode(&mut input), decode(bytes.as_bytes()));
    }
    let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::from("*1\r\n$5\r\nhe"));
    assert_eq!((decoder.decode(&mut input), decoder.decode_head(&mut input, 4)), (Ok(None), None));
    input.extend_from_slice(b"llo\r\n");
    assert_eq!(decoder.decode(&mut input), Ok(Some(Response::array(["hello"]))));
}

#[test]
fn a_head_over_the_limits_is_left_to_be_refused() {
    for limits in [Limits::default().max_bulk(99), Limits::default().max_request(100)] {
        let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::from("$100\r\n"));
        decoder.set_limits(limits);
        assert_eq!(decoder.decode_head(&mut input, 4), None);
        assert!(decoder.decode(&mut input).is_err());
    }
}

#[test]
fn what_follows_a_handed_out_text_must_be_its_end() {
    for wrong in ["x", "\rx", "$1\r\n"] {
        let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::from("$5\r\n"));
        assert_eq!(decoder.decode_head(&mut input, 4), Some(5));
        input.extend_from_slice(wrong.as_bytes());
        assert_eq!(decoder.decode_head(&mut input, 0), None);
        assert_eq!(decoder.decode(&mut input), Err(ProtocolError::InvalidReply("expected CRLF")));
    }
}

#[test]
fn a_long_text_shares_the_input_and_a_short_one_does_not() {
    let mut input = BytesMut::from(format!("$1000\r\n{}\r\n$2\r\nhi\r\n", "x".repeat(1000)).as_bytes());
    let (memory, mut decoder) = (input.as_ptr_range(), ReplyDecoder::default());
    let Ok(Some(Response::Bulk(long))) = decoder.decode(&mut input) else { panic!("a bulk") };
    assert!(memory.contains(&long.as_ptr()));
    let Ok(Some(Response::Bulk(short))) = decoder.decode(&mut input) else { panic!("a bulk") };
    assert!(short.shared().is_none());
}
