//! [`PackedPush`]: a push message that is encoded once and sent to many.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Limits, Output, Response,
    output::SHARED,
    resp::{ReplyDecoder, encode},
};

/// A push message whose elements are encoded already. Clones share them, so that a message to many subscribers is encoded
/// once.
///
/// It equals the [`Response::Push`] with the same elements, and is an array in RESP2.
///
/// ```
/// use kvstore_protocol::{Output, PackedPush, Protocol, Response, resp::encode_response};
///
/// let message = Response::from(PackedPush::new(&[b"message", b"news", b"hello"]));
/// assert_eq!(message, Response::Push(vec!["message".into(), "news".into(), "hello".into()]));
///
/// let mut output = Output::default();
/// encode_response(&message, Protocol::Resp2, &mut output);
/// assert_eq!(&output.bytes()[..], b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
/// ```
#[derive(Clone)]
pub struct PackedPush(
    /// The whole message, in RESP3.
    Bytes,
);

/// The most bytes of the line of an integer.
const LINE: usize = 24;

impl PackedPush {
    /// A message of strings.
    pub fn new(strings: &[&[u8]]) -> Self {
        // Exactly enough, so that what is frozen needs no second allocation.
        let mut bytes = BytesMut::with_capacity(size(strings));
        append(strings, None, &mut bytes);
        Self(bytes.freeze())
    }

    /// A message of strings and an integer, as a subscription is confirmed. It is encoded at the end of `buffer`, whose memory
    /// it then shares with other messages. So many small messages take few allocations.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use kvstore_protocol::{PackedPush, Response};
    ///
    /// let mut buffer = BytesMut::new();
    /// let confirmation = PackedPush::with_integer(&[b"subscribe", b"news"], 1, &mut buffer);
    /// assert_eq!(Response::from(confirmation).to_string(), r#">["subscribe", "news", :1]"#);
    /// ```
    pub fn with_integer(strings: &[&[u8]], integer: i64, buffer: &mut BytesMut) -> Self {
        buffer.reserve(size(strings) + LINE);
        append(strings, Some(integer), buffer);
        Self(buffer.split().freeze())
    }

    /// A message of strings, and a list of strings at its end, as a cache is told which keys to forget.
    ///
    /// ```
    /// use kvstore_protocol::{PackedPush, Response};
    ///
    /// let message = PackedPush::with_list(&[b"invalidate"], &[b"a", b"b"]);
    /// assert_eq!(Response::from(message).to_string(), r#">["invalidate", ["a", "b"]]"#);
    /// ```
    pub fn with_list(strings: &[&[u8]], list: &[&[u8]]) -> Self {
        let mut bytes = BytesMut::with_capacity(size(strings) + size(list));
        encode::number(b'>', strings.len() as i64 + 1, &mut bytes);
        append_strings(strings, &mut bytes);
        encode::number(b'*', list.len() as i64, &mut bytes);
        append_strings(list, &mut bytes);
        Self(bytes.freeze())
    }

    /// The size of the encoded message, in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Appends the message: as a push, or as an array.
    #[inline]
    pub(crate) fn encode(&self, is_push: bool, output: &mut Output) {
        output.bytes().put_u8(if is_push { b'>' } else { b'*' });
        // Without its first byte, which is the kind.
        match self.0.len() {
            ..=SHARED => output.bytes().extend_from_slice(&self.0[1..]),
            _ => output.share(self.0.slice(1..)),
        }
    }

    /// The message with a [`Response`] for each element.
    pub(crate) fn unpack(&self) -> Response {
        let mut decoder = ReplyDecoder::default();
        decoder.set_limits(Limits::default().max_args(usize::MAX).max_bulk(usize::MAX).max_request(usize::MAX));
        match decoder.decode(&mut BytesMut::from(&self.0[..])) {
            Ok(Some(message)) => message,
            _ => Response::Push(Vec::new()),
        }
    }
}

/// The size of a message of strings.
fn size(strings: &[&[u8]]) -> usize {
    let line = |number: usize| "$\r\n".len() + number.checked_ilog10().unwrap_or(0) as usize + 1;
    let sizes = strings.iter().map(|string| line(string.len()) + string.len() + "\r\n".len());
    line(strings.len()) + sizes.sum::<usize>()
}

fn append(strings: &[&[u8]], integer: Option<i64>, bytes: &mut BytesMut) {
    let len = strings.len() + usize::from(integer.is_some());
    encode::number(b'>', len as i64, bytes);
    append_strings(strings, bytes);
    if let Some(integer) = integer {
        encode::number(b':', integer, bytes);
    }
}

fn append_strings(strings: &[&[u8]], bytes: &mut BytesMut) {
    for string in strings {
        encode::number(b'$', string.len() as i64, bytes);
        bytes.extend_from_slice(string);
        bytes.extend_from_slice(b"\r\n");
    }
}

impl From<PackedPush> for Response {
    fn from(message: PackedPush) -> Self {
        Self::PackedPush(message)
    }
}

impl PartialEq for PackedPush {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for PackedPush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PackedPush").field(&self.unpack()).finish()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;
    use crate::{Protocol, resp::encode_response};

    fn encoded(response: &Response, protocol: Protocol) -> Vec<u8> {
        let mut output = Output::default();
        encode_response(response, protocol, &mut output);
        output.copy_to_bytes(output.remaining()).to_vec()
    }

    #[test]
    fn a_packed_message_is_encoded_like_one_that_is_not() {
        let long = vec![b'x'; 3 * SHARED];
        for payload in [&b""[..], b"hello", &vec![b'x'; SHARED - 40], &long] {
            let packed = Response::from(PackedPush::new(&[b"message", b"c", payload]));
            let push = Response::Push(vec!["message".into(), "c".into(), payload.into()]);
            assert_eq!(packed, push);
            for protocol in [Protocol::Resp2, Protocol::Resp3] {
                assert_eq!(encoded(&packed, protocol), encoded(&push, protocol));
                let (packed, push) = (Response::Array(vec![packed.clone()]), Response::Array(vec![push.clone()]));
                assert_eq!(encoded(&packed, protocol), encoded(&push, protocol));
            }
        }
    }

    #[test]
    fn the_size_of_strings_is_exact() {
        for length in [0, 9, 10, 99, 100, 1000] {
            let strings: [&[u8]; 3] = [b"message", b"c", &vec![b'x'; length]];
            assert_eq!(PackedPush::new(&strings).size(), size(&strings));
        }
        let many = vec![&b""[..]; 12];
        assert_eq!(PackedPush::new(&many).size(), size(&many));
    }

    #[test]
    fn a_long_message_is_not_copied_for_each_subscriber() {
        let message = PackedPush::new(&[b"message", b"c", &vec![b'x'; 2 * SHARED]]);
        let mut output = Output::default();
        encode_response(&message.clone().into(), Protocol::Resp3, &mut output);
        assert!(output.chunks().any(|chunk| chunk.as_ptr() == message.0[1..].as_ptr()));
    }
}
