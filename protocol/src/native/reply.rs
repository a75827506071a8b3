//! [`ReplyDecoder`]: native responses to [`Response`]s.

use std::str;

use bytes::{Buf, BytesMut};

use super::{ERROR, HEADER, SUCCESS};
use crate::{ByteString, Limits, ProtocolError, Response};

/// Decodes the responses of a native server, in whatever pieces they arrive.
///
/// A success becomes a [`Response::Bulk`], an error a [`Response::Error`]. `Key not found` is an error too: only the caller
/// knows that it asked for a key.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{Response, native::ReplyDecoder};
///
/// let mut input = BytesMut::from(&b"\0\0\0\0\0\x04PONG"[..]);
/// assert_eq!(ReplyDecoder::default().decode(&mut input), Ok(Some(Response::from("PONG"))));
/// ```
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    limits: Limits,
    missing: usize,
}

impl ReplyDecoder {
    /// Sets the limits of the responses that follow. Only the longest bulk applies.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The least number of bytes that must arrive before [`decode`](Self::decode) can return something else.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Takes one whole response off the front of `input`, if there is one.
    ///
    /// # Errors
    /// When the bytes are not a response, or the response is over the limits. The decoder cannot be used after that.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Response>, ProtocolError> {
        if input.first().is_some_and(|first| *first != HEADER) {
            return Err(ProtocolError::InvalidReply("unexpected first byte"));
        }
        if input.get(1).is_some_and(|status| !matches!(*status, SUCCESS | ERROR)) {
            return Err(ProtocolError::InvalidReply("unknown status"));
        }
        let Some([_, status, length @ ..]) = input.first_chunk::<START>().copied() else { return Ok(self.wait_for(1)) };
        let length = u32::from_be_bytes(length) as usize;
        if length > self.limits.bulk() {
            return Err(ProtocolError::InvalidReply("text over the limit"));
        }
        let Some(text) = input.get(START..START + length) else {
            return Ok(self.wait_for(START + length - input.len()));
        };
        str::from_utf8(text).map_err(|_| ProtocolError::InvalidReply("text is not UTF-8"))?;
        input.advance(START);
        let text = ByteString::take_from(input, length);
        Ok(Some(if status == SUCCESS { Response::Bulk(text) } else { Response::Error(text) }))
    }

    fn wait_for(&mut self, bytes: usize) -> Option<Response> {
        self.missing = bytes;
        None
    }
}

/// Header, status, length.
const START: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_cut_anywhere_is_the_same_response() {
        let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::new());
        let mut decoded = Vec::new();
        for byte in b"\0\0\0\0\0\x01v\0\x01\0\0\0\x0dKey not found\0\0\0\0\0\0" {
            input.extend_from_slice(&[*byte]);
            decoded.extend(decoder.decode(&mut input).unwrap());
        }
        assert_eq!(decoded, [Response::from("v"), Response::Error("Key not found".into()), Response::from("")]);
    }

    #[test]
    fn a_malformed_response_ends_the_stream() {
        for (bytes, text) in [
            (&b"+"[..], "unexpected first byte"),
            (b"\0\x02", "unknown status"),
            (b"\0\0\xff\xff\xff\xff", "text over the limit"),
            (b"\0\0\0\0\0\x01\xff", "text is not UTF-8"),
        ] {
            let error = ReplyDecoder::default().decode(&mut BytesMut::from(bytes));
            assert_eq!(error, Err(ProtocolError::InvalidReply(text)));
        }
    }
}
