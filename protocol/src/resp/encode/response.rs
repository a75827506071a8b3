//! Responses to bytes, in RESP2 or RESP3.

use bytes::BufMut;

use super::{bulk, number, packed::encode_packed};
use crate::{ByteString, CommandError, Output, Protocol, Response, double};

/// Appends `response` in the given version of the protocol. A kind that only RESP3 has is converted for RESP2, as
/// [`Response`] says.
///
/// ```
/// use kvstore_protocol::{Output, Protocol, Response, resp::encode_response};
///
/// let map = Response::Map(vec![("proto".into(), 3.into())]);
/// let mut output = Output::default();
/// encode_response(&map, Protocol::Resp2, &mut output);
/// assert_eq!(&output.bytes()[..], b"*2\r\n$5\r\nproto\r\n:3\r\n");
/// output.bytes().clear();
/// encode_response(&map, Protocol::Resp3, &mut output);
/// assert_eq!(&output.bytes()[..], b"%1\r\n$5\r\nproto\r\n:3\r\n");
/// ```
#[inline]
pub fn encode_response(response: &Response, protocol: Protocol, output: &mut Output) {
    let is_resp3 = protocol == Protocol::Resp3;
    match response {
        Response::Bulk(bytes) => bulk(bytes, output),
        // By far the most common status.
        Response::Simple(text) if **text == *b"OK" => output.bytes().put_slice(b"+OK\r\n"),
        // One for each command of a transaction.
        Response::Simple(text) if **text == *b"QUEUED" => output.bytes().put_slice(b"+QUEUED\r\n"),
        Response::Simple(text) => line(b'+', text, output),
        Response::Integer(integer) => number(b':', *integer, output.bytes()),
        Response::Null => output.bytes().put_slice(if is_resp3 { b"_\r\n" } else { b"$-1\r\n" }),
        Response::Error(text) => line(b'-', text, output),
        other => encode_rare(other, protocol, is_resp3, output),
    }
}

fn encode_rare(response: &Response, protocol: Protocol, is_resp3: bool, output: &mut Output) {
    let either = |resp3: u8, resp2: u8| if is_resp3 { resp3 } else { resp2 };
    match response {
        Response::NullArray => output.bytes().put_slice(if is_resp3 { b"_\r\n" } else { b"*-1\r\n" }),
        Response::Array(items) => list(b'*', items, protocol, output),
        Response::Set(items) => list(either(b'~', b'*'), items, protocol, output),
        Response::Push(items) => list(either(b'>', b'*'), items, protocol, output),
        Response::Map(pairs) => {
            let count = if is_resp3 { pairs.len() } else { pairs.len() * 2 };
            number(either(b'%', b'*'), count as i64, output.bytes());
            for (key, value) in pairs {
                encode_item(key, protocol, output);
                encode_item(value, protocol, output);
                output.split_when_large();
            }
        }
        Response::Packed(packed) => encode_packed(packed, is_resp3, output),
        Response::PackedPush(message) => message.encode(is_resp3, output),
        Response::Double(value) if is_resp3 => line(b',', &(&*double::format_double(*value)).into(), output),
        Response::Double(value) => bulk(&(&*double::format_double(*value)).into(), output),
        Response::Boolean(flag) if is_resp3 => output.bytes().put_slice(if *flag { b"#t\r\n" } else { b"#f\r\n" }),
        Response::Boolean(flag) => number(b':', i64::from(*flag), output.bytes()),
        Response::BigNumber(digits) if is_resp3 => line(b'(', digits, output),
        Response::Verbatim(format, text) if is_resp3 => {
            number(b'=', text.len() as i64 + 4, output.bytes());
            output.bytes().put_slice(format);
            output.bytes().put_u8(b':');
            output.append(text);
            output.bytes().put_slice(b"\r\n");
        }
        Response::BigNumber(text) | Response::Verbatim(_, text) => bulk(text, output),
        Response::Silent => {}
        Response::Messages(messages) => {
            for message in messages {
                encode_response(message, protocol, output);
                output.split_when_large();
            }
        }
        Response::Close(last) => encode_response(last, protocol, output),
        Response::Streamed(_) => encode_response(&CommandError::STREAMED_INSIDE.into(), protocol, output),
        Response::Upgrade(_) => encode_response(&CommandError::UPGRADE_INSIDE.into(), protocol, output),
        Response::Bulk(_) | Response::Simple(_) | Response::Integer(_) | Response::Null | Response::Error(_) => {
            encode_response(response, protocol, output);
        }
    }
}

fn list(kind: u8, items: &[Response], protocol: Protocol, output: &mut Output) {
    number(kind, items.len() as i64, output.bytes());
    for item in items {
        encode_item(item, protocol, output);
        output.split_when_large();
    }
}

/// Appends a response inside of another. It is exactly one, since their number was appended already: a kind that is no
/// message or several becomes null.
#[inline]
pub(crate) fn encode_item(item: &Response, protocol: Protocol, output: &mut Output) {
    match item {
        Response::Silent | Response::Messages(_) | Response::Close(_) => {
            encode_response(&Response::Null, protocol, output);
        }
        // A client takes a push out of turn wherever it stands.
        Response::Push(items) => list(b'*', items, protocol, output),
        Response::PackedPush(message) => message.encode(false, output),
        item => encode_response(item, protocol, output),
    }
}

/// Appends a text on one line. A line break in it becomes a space, or the peer would take the rest for another reply.
#[inline]
fn line(kind: u8, text: &ByteString, output: &mut Output) {
    let output = output.bytes();
    output.reserve(text.len() + 3);
    output.put_u8(kind);
    let start = output.len();
    output.put_slice(text);
    if memchr::memchr2(b'\r', b'\n', text).is_some() {
        for byte in &mut output[start..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }
    output.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;
    use crate::{Body, Upgrade};

    fn encoded(response: &Response, protocol: Protocol) -> String {
        let mut output = Output::default();
        encode_response(response, protocol, &mut output);
        String::from_utf8(output.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_large_list_goes_out_in_parts() {
        let items = || vec![Response::bulk("x".repeat(7000)); 1000];
        let pairs = items().into_iter().map(|item| (Response::Integer(1), item)).collect();
        for response in [Response::Array(items()), Response::Map(pairs)] {
            let (mut output, mut written) = (Output::default(), Vec::new());
            encode_response(&response, Protocol::Resp3, &mut output);
            while output.has_remaining() {
                let length = output.chunk().len();
                assert!(length < 300 * 1024, "a part of {length} bytes");
                written.extend_from_slice(output.chunk());
                output.advance(length);
            }
            let item = format!("$7000\r\n{}\r\n", "x".repeat(7000));
            let expected = match response {
                Response::Map(_) => format!("%1000\r\n{}", format!(":1\r\n{item}").repeat(1000)),
                _ => format!("*1000\r\n{}", item.repeat(1000)),
            };
            assert!(written == expected.as_bytes());
        }
    }

    #[test]
    fn a_response_inside_of_another_is_exactly_one() {
        let nested = Response::Array(vec![
            Response::Silent,
            Response::Messages(vec![Response::ok(), Response::ok()]),
            Response::Close(Response::ok().into()),
            Response::Push(vec![1.into()]),
        ]);
        assert_eq!(encoded(&nested, Protocol::Resp3), "*4\r\n_\r\n_\r\n_\r\n*1\r\n:1\r\n");
        let map = Response::Map(vec![(Response::Silent, nested)]);
        assert_eq!(encoded(&map, Protocol::Resp2), "*2\r\n$-1\r\n*4\r\n$-1\r\n$-1\r\n$-1\r\n*1\r\n:1\r\n");
    }

    #[test]
    fn what_cannot_stand_inside_of_another_is_an_error_there() {
        let streamed = Response::from(Body::new(5, &b"value"[..]));
        let nested = Response::Array(vec![1.into(), streamed, Response::Upgrade(Upgrade::new(())), 2.into()]);
        let expected = "*4\r\n:1\r\n-ERR a streamed value stands alone\r\n\
                        -ERR an upgrade stands alone\r\n:2\r\n";
        assert_eq!(encoded(&nested, Protocol::Resp2), expected);
    }

    #[test]
    fn every_kind_has_its_form_in_both_versions() {
        let text = || ByteString::from("a");
        for (response, resp2, resp3) in [
            (Response::ok(), "+OK\r\n", "+OK\r\n"),
            (Response::error("ERR", "a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
            (Response::Integer(i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
            (Response::bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (Response::Null, "$-1\r\n", "_\r\n"),
            (Response::NullArray, "*-1\r\n", "_\r\n"),
            (Response::array([1, 2]), "*2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"),
            (Response::Set(vec![Response::Null]), "*1\r\n$-1\r\n", "~1\r\n_\r\n"),
            (Response::Map(vec![(1.into(), 2.into())]), "*2\r\n:1\r\n:2\r\n", "%1\r\n:1\r\n:2\r\n"),
            (Response::Push(vec![1.into()]), "*1\r\n:1\r\n", ">1\r\n:1\r\n"),
            (Response::Double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (Response::Double(f64::INFINITY), "$3\r\ninf\r\n", ",inf\r\n"),
            (Response::Boolean(true), ":1\r\n", "#t\r\n"),
            (Response::BigNumber(text()), "$1\r\na\r\n", "(a\r\n"),
            (Response::Verbatim(*b"txt", text()), "$1\r\na\r\n", "=5\r\ntxt:a\r\n"),
            (Response::Silent, "", ""),
            (Response::Messages(vec![Response::ok(), 1.into()]), "+OK\r\n:1\r\n", "+OK\r\n:1\r\n"),
            (Response::Close(Response::ok().into()), "+OK\r\n", "+OK\r\n"),
        ] {
            assert_eq!(encoded(&response, Protocol::Resp2), resp2);
            assert_eq!(encoded(&response, Protocol::Resp3), resp3);
        }
    }
}
