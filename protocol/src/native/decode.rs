//! [`RequestDecoder`]: native requests to commands.

use std::{ops::Range, str, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{CLEAR, GET, HEADER, PING, SET};
use crate::{Command, Limits, ProtocolError, Word};

/// What the encoding of a response depends on: the command that was requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `GET`: a missing value is an error.
    Get,
    /// `SET`: the response is this key.
    Set(Bytes),
    /// `CLEAR`: a missing value is an empty string.
    Clear,
    /// `PING`: the response is the text.
    Ping,
}

/// Decodes the requests of a native client, in whatever pieces they arrive.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{Command, native::{RequestDecoder, Tag}};
///
/// let mut input = BytesMut::from(&b"\0\0\0\0\0\0\x03key"[..]);
/// let (command, tag) = RequestDecoder::default().decode(&mut input)?.expect("a whole request");
/// assert_eq!((command, tag), (Command::new("GET").arg("key"), Tag::Get));
/// # Ok::<(), kvstore_protocol::ProtocolError>(())
/// ```
#[derive(Debug, Default)]
pub struct RequestDecoder {
    limits: Limits,
    missing: usize,
}

impl RequestDecoder {
    /// Sets the limits of the requests that follow.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The least number of bytes that must arrive before [`decode`](Self::decode) can return something else.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Takes one whole request off the front of `input`, if there is one.
    ///
    /// # Errors
    /// When the bytes are not a request, or the request is over the limits. The decoder cannot be used after that.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, Tag)>, ProtocolError> {
        if let Some(other) = input.first().filter(|first| **first != HEADER) {
            return Err(ProtocolError::UnexpectedByte(*other));
        }
        let Some([_, high, low]) = input.first_chunk().copied() else { return Ok(self.wait_for(1)) };
        let number = u16::from_be_bytes([high, low]);
        let (name, count) = match number {
            GET => ("GET", 1),
            SET => ("SET", 2),
            CLEAR => ("GETDEL", 1),
            PING => ("PING", 1),
            other => return Err(ProtocolError::UnknownNative(other)),
        };
        let mut words = vec![Word::external(0..name.len())];
        let mut key = 0..0;
        let mut at = 3;
        for index in 0..count {
            let Some(string) = self.decode_string(input, at)? else { return Ok(None) };
            at = string.end;
            if index == 0 {
                key = string.clone();
            }
            words.push(Word::within(string));
        }
        let frame = input.split_to(at).freeze();
        for word in &words[1..] {
            // Checked when all of the request has arrived, so that each byte is checked once.
            str::from_utf8(&frame[word.range()]).map_err(|_| ProtocolError::NotUtf8)?;
        }
        let tag = match number {
            GET => Tag::Get,
            SET => Tag::Set(frame.slice(key.clone())),
            CLEAR => Tag::Clear,
            _ => Tag::Ping,
        };
        if tag == Tag::Ping && key.is_empty() {
            words.pop();
        }
        Ok(Some((Command::from_frame_and_external(frame, Arc::from(name.as_bytes()), &words), tag)))
    }

    /// Where the string is whose length is at `at`.
    fn decode_string(&mut self, input: &[u8], at: usize) -> Result<Option<Range<usize>>, ProtocolError> {
        let Some(length) = input.get(at..).and_then(<[u8]>::first_chunk) else { return Ok(self.wait_for(1)) };
        let start = at + 4;
        let length = u32::from_be_bytes(*length) as usize;
        if length > self.limits.bulk() {
            return Err(match self.limits.is_authenticated() {
                true => ProtocolError::InvalidBulkLength,
                false => ProtocolError::UnauthenticatedBulkLength,
            });
        }
        let end = start + length;
        if end > self.limits.request() {
            return Err(ProtocolError::TooBigRequest);
        }
        if end > input.len() {
            return Ok(self.wait_for(end - input.len()));
        }
        Ok(Some(start..end))
    }

    fn wait_for<T>(&mut self, bytes: usize) -> Option<T> {
        self.missing = bytes;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_commands_have_their_names_and_tags() {
        let bytes = b"\0\0\x01\0\0\0\x01k\0\0\0\x02vv\0\0\x02\0\0\0\x01k\0\0\x03\0\0\0\0\0\0\x03\0\0\0\x02hi";
        let (mut decoder, mut input) = (RequestDecoder::default(), BytesMut::new());
        let mut decoded = Vec::new();
        for byte in bytes {
            input.extend_from_slice(&[*byte]);
            decoded.extend(decoder.decode(&mut input).unwrap());
        }
        assert_eq!(
            decoded,
            [
                (Command::new("SET").arg("k").arg("vv"), Tag::Set(Bytes::from_static(b"k"))),
                (Command::new("GETDEL").arg("k"), Tag::Clear),
                (Command::new("PING"), Tag::Ping),
                (Command::new("PING").arg("hi"), Tag::Ping),
            ]
        );
    }

    #[test]
    fn a_malformed_request_ends_the_stream() {
        for (bytes, error) in [
            (&b"\0\0\x09"[..], ProtocolError::UnknownNative(9)),
            (b"\0\0\0\xff\xff\xff\xff", ProtocolError::InvalidBulkLength),
            (b"\0\0\0\0\0\0\x01\xff", ProtocolError::NotUtf8),
            (b"*", ProtocolError::UnexpectedByte(b'*')),
        ] {
            assert_eq!(RequestDecoder::default().decode(&mut BytesMut::from(bytes)), Err(error));
        }
    }
}
