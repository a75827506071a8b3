//! [`Response`]: the answer to a command, for RESP2, RESP3 or any other protocol.

use std::fmt;

use bytes::Bytes;

use crate::{Body, ByteString, CommandError, Packed, PackedPush, Streamed, Upgrade, double};

/// The answer to one command.
///
/// Every command has exactly one. The kinds are those of RESP3, and a codec converts them for a peer that speaks RESP2: a
/// map becomes a flat array, a double a bulk, and so on. The last five are for commands that need them: no message, several
/// messages, the last message of the connection, a streamed value, an upgrade to another protocol. They must not be inside
/// of another response: there the first three become null, and the last two an error.
///
/// ```
/// use kvstore_protocol::Response;
///
/// assert_eq!(Response::from("value").to_string(), "\"value\"");
/// assert_eq!(Response::error("ERR", "syntax error").to_string(), "-ERR syntax error");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Response {
    /// A short status, such as `OK`. Line breaks in it are written as spaces.
    Simple(ByteString),
    /// An error, its code first. Line breaks in it are written as spaces.
    Error(ByteString),
    /// An integer.
    Integer(i64),
    /// A string of bytes.
    Bulk(ByteString),
    /// No value: `$-1` in RESP2.
    Null,
    /// No value in place of an array: `*-1` in RESP2.
    NullArray,
    /// Several responses.
    Array(Vec<Response>),
    /// Pairs of keys and values. A flat array in RESP2.
    Map(Vec<(Response, Response)>),
    /// Several responses without order. An array in RESP2.
    Set(Vec<Response>),
    /// An array, a set or a map of many elements, which are encoded already. It equals the one that is not packed.
    Packed(Box<Packed>),
    /// A double. A bulk in RESP2.
    Double(f64),
    /// True or false. 1 or 0 in RESP2.
    Boolean(bool),
    /// The digits of an integer of any size. A bulk in RESP2.
    BigNumber(ByteString),
    /// A text and the three letters of its format, such as `txt` or `mkd`. A bulk in RESP2.
    Verbatim([u8; 3], ByteString),
    /// A message out of turn, such as one that was published. An array in RESP2.
    Push(Vec<Response>),
    /// A message out of turn that is encoded already, for many connections. It equals the one that is not packed.
    PackedPush(PackedPush),
    /// No message at all.
    Silent,
    /// Several messages in a row.
    Messages(Vec<Response>),
    /// This message, after which the connection is closed.
    Close(Box<Response>),
    /// A string of bytes that is sent as it is read, and is never in memory as a whole.
    Streamed(Streamed),
    /// No more messages: the connection is upgraded to another protocol.
    Upgrade(Upgrade),
}

impl Response {
    /// `OK`.
    #[inline]
    pub fn ok() -> Self {
        Self::simple("OK")
    }

    /// A status.
    #[inline]
    pub fn simple(text: impl Into<ByteString>) -> Self {
        Self::Simple(text.into())
    }

    /// An error: `code`, a space, `text`.
    pub fn error(code: &str, text: &str) -> Self {
        Self::Error(format!("{code} {text}").into())
    }

    /// A string of bytes.
    #[inline]
    pub fn bulk(bytes: impl Into<ByteString>) -> Self {
        Self::Bulk(bytes.into())
    }

    /// Several responses.
    pub fn array<R: Into<Response>>(items: impl IntoIterator<Item = R>) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }

    /// Whether the response is an error.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Error(_) => true,
            Self::Close(last) => last.is_error(),
            _ => false,
        }
    }

    /// The code of an error: its first word.
    pub fn error_code(&self) -> Option<&str> {
        match self {
            Self::Error(text) => std::str::from_utf8(text.split(u8::is_ascii_whitespace).next()?).ok(),
            Self::Close(last) => last.error_code(),
            _ => None,
        }
    }

    /// The response with a [`Response`] for each element that is [packed](Response::Packed), also inside of others.
    ///
    /// ```
    /// use kvstore_protocol::{Packed, Response};
    ///
    /// let mut keys = Packed::array();
    /// keys.push(b"key");
    /// let Response::Array(keys) = Response::from(keys).unpacked() else { unreachable!() };
    /// assert_eq!(keys, ["key".into()]);
    /// ```
    #[must_use]
    pub fn unpacked(mut self) -> Self {
        self.unpack();
        self
    }

    fn unpack(&mut self) {
        match self {
            Self::Packed(packed) => *self = packed.unpack(),
            Self::PackedPush(message) => *self = message.unpack(),
            Self::Array(items) | Self::Set(items) | Self::Push(items) | Self::Messages(items) => {
                items.iter_mut().for_each(Self::unpack);
            }
            Self::Map(pairs) => pairs.iter_mut().for_each(|(key, value)| {
                key.unpack();
                value.unpack();
            }),
            Self::Close(last) => last.unpack(),
            _ => {}
        }
    }

    /// About how many bytes the response takes in memory. A streamed value does not count.
    pub fn size(&self) -> usize {
        let inside: usize = match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) | Self::Messages(items) => {
                items.iter().map(Self::size).sum()
            }
            Self::Map(pairs) => pairs.iter().map(|(key, value)| key.size() + value.size()).sum(),
            Self::Close(last) => last.size(),
            Self::Packed(packed) => packed.size(),
            Self::PackedPush(message) => message.size(),
            other => other.as_bytes().map_or(0, <[u8]>::len),
        };
        size_of::<Self>() + inside
    }

    /// The bytes of a simple string, an error, a bulk, a big number or a verbatim text.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text)
            | Self::Error(text)
            | Self::Bulk(text)
            | Self::BigNumber(text)
            | Self::Verbatim(_, text) => Some(text),
            _ => None,
        }
    }
}

/// A packed collection equals the one that is not packed.
impl PartialEq for Response {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Simple(left), Self::Simple(right))
            | (Self::Error(left), Self::Error(right))
            | (Self::Bulk(left), Self::Bulk(right))
            | (Self::BigNumber(left), Self::BigNumber(right)) => left == right,
            (Self::Verbatim(format, left), Self::Verbatim(other, right)) => format == other && left == right,
            (Self::Integer(left), Self::Integer(right)) => left == right,
            (Self::Double(left), Self::Double(right)) => left == right,
            (Self::Boolean(left), Self::Boolean(right)) => left == right,
            (Self::Array(left), Self::Array(right))
            | (Self::Set(left), Self::Set(right))
            | (Self::Push(left), Self::Push(right))
            | (Self::Messages(left), Self::Messages(right)) => left == right,
            (Self::Map(left), Self::Map(right)) => left == right,
            (Self::Packed(left), Self::Packed(right)) => left == right,
            (Self::Packed(packed), other) | (other, Self::Packed(packed)) => packed.unpack() == *other,
            (Self::PackedPush(left), Self::PackedPush(right)) => left == right,
            (Self::PackedPush(packed), other) | (other, Self::PackedPush(packed)) => packed.unpack() == *other,
            (Self::Close(left), Self::Close(right)) => left == right,
            (Self::Streamed(left), Self::Streamed(right)) => left == right,
            (Self::Upgrade(left), Self::Upgrade(right)) => left == right,
            (Self::Null, Self::Null) | (Self::NullArray, Self::NullArray) | (Self::Silent, Self::Silent) => true,
            _ => false,
        }
    }
}

impl From<&str> for Response {
    fn from(text: &str) -> Self {
        Self::bulk(text)
    }
}

impl From<String> for Response {
    fn from(text: String) -> Self {
        Self::bulk(text)
    }
}

impl From<&[u8]> for Response {
    fn from(bytes: &[u8]) -> Self {
        Self::bulk(bytes)
    }
}

impl From<Bytes> for Response {
    fn from(bytes: Bytes) -> Self {
        Self::bulk(bytes)
    }
}

impl From<Vec<u8>> for Response {
    fn from(bytes: Vec<u8>) -> Self {
        Self::bulk(bytes)
    }
}

impl From<ByteString> for Response {
    fn from(bytes: ByteString) -> Self {
        Self::Bulk(bytes)
    }
}

impl From<Body> for Response {
    fn from(body: Body) -> Self {
        Self::Streamed(body.into())
    }
}

impl From<i64> for Response {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Response {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u32> for Response {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

/// A number over 2^63 - 1 is a big number.
impl From<u64> for Response {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::BigNumber(number.to_string().into()), Self::Integer)
    }
}

impl From<f64> for Response {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

/// A number over 2^63 - 1 is a big number.
impl From<usize> for Response {
    fn from(count: usize) -> Self {
        Self::from(count as u64)
    }
}

/// 1 or 0, as commands answer: [`Response::Boolean`] is the kind that RESP3 has for it.
impl From<bool> for Response {
    fn from(flag: bool) -> Self {
        Self::Integer(i64::from(flag))
    }
}

/// An array.
impl From<Vec<Response>> for Response {
    fn from(items: Vec<Response>) -> Self {
        Self::Array(items)
    }
}

impl<R: Into<Response>> From<Option<R>> for Response {
    fn from(value: Option<R>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<CommandError> for Response {
    fn from(error: CommandError) -> Self {
        Self::error(error.code(), error.text())
    }
}

impl<R: Into<Response>> From<Result<R, CommandError>> for Response {
    fn from(result: Result<R, CommandError>) -> Self {
        result.map_or_else(Self::from, Into::into)
    }
}

/// One line for people: `-ERR text` for an error, quotes round a bulk, brackets round an array.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => line(f, '+', text),
            Self::Error(text) => line(f, '-', text),
            Self::Integer(number) => write!(f, ":{number}"),
            Self::Bulk(bytes) | Self::Verbatim(_, bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::BigNumber(digits) => write!(f, "({}", digits.escape_ascii()),
            Self::Null | Self::NullArray => f.write_str("(nil)"),
            Self::Double(number) => f.write_str(&double::format_double(*number)),
            Self::Boolean(flag) => write!(f, "{flag}"),
            Self::Array(items) => list(f, "[", items, "]"),
            Self::Set(items) => list(f, "{", items, "}"),
            Self::Push(items) => list(f, ">[", items, "]"),
            Self::Messages(items) => list(f, "(", items, ")"),
            Self::Map(pairs) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Self::Packed(packed) => packed.unpack().fmt(f),
            Self::PackedPush(message) => message.unpack().fmt(f),
            Self::Silent => f.write_str("(silent)"),
            Self::Close(last) => write!(f, "{last} (closed)"),
            Self::Streamed(streamed) => write!(f, "(streamed, {} bytes)", streamed.len()),
            Self::Upgrade(_) => f.write_str("(upgrade)"),
        }
    }
}

/// A text for people to read: it is escaped but for its quotes.
fn line(f: &mut fmt::Formatter<'_>, kind: char, text: &[u8]) -> fmt::Result {
    write!(f, "{kind}")?;
    text.iter().try_for_each(|byte| match byte {
        b'\'' | b'"' => write!(f, "{}", char::from(*byte)),
        other => write!(f, "{}", other.escape_ascii()),
    })
}

fn list(f: &mut fmt::Formatter<'_>, open: &str, items: &[Response], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
    }
    f.write_str(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_small_enough_to_move() {
        assert_eq!(size_of::<Response>(), 88);
    }

    #[test]
    fn the_code_of_an_error_is_its_first_word() {
        assert_eq!(Response::error("WRONGTYPE", "no").error_code(), Some("WRONGTYPE"));
        assert_eq!(Response::Close(Response::error("ERR", "x").into()).error_code(), Some("ERR"));
        // A line break is sent as a space.
        assert_eq!(Response::Error("ERR\r\n-ERR x".into()).error_code(), Some("ERR"));
        assert_eq!(Response::ok().error_code(), None);
    }
}
