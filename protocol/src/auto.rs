//! [`ServerCodec`]: RESP and the native protocol on one port.

use bytes::BytesMut;

use crate::{
    Codec, Command, Limits, Output, Protocol, ProtocolError, RequestBatch, Response, StreamOver, catalog::CommandId,
    native, resp,
};

/// Speaks RESP or the native protocol, whichever the client speaks.
///
/// The first byte of a connection decides: a native request starts with 0x00, a RESP request with any other byte. A RESP
/// connection starts with RESP2; [`set_protocol`](Codec::set_protocol) changes the version.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{Codec, Protocol, ServerCodec};
///
/// let mut codec = ServerCodec::default();
/// codec.decode(&mut BytesMut::from(&b"\0\0\x03\0\0\0\0"[..]))?.expect("a whole request");
/// assert_eq!(codec.protocol(), Protocol::Native);
/// # Ok::<(), kvstore_protocol::ProtocolError>(())
/// ```
#[derive(Debug, Default)]
pub struct ServerCodec {
    limits: Limits,
    side: Side,
}

#[derive(Debug, Default)]
enum Side {
    #[default]
    Undecided,
    Resp(resp::RequestDecoder, Protocol),
    Native(native::RequestDecoder),
}

/// What [`ServerCodec`] keeps of a request to encode its response.
#[derive(Debug)]
pub enum Tag {
    /// A RESP response does not depend on the request.
    Resp,
    /// A native response depends on the request. Boxed, so that a RESP tag takes one word.
    Native(Box<native::Tag>),
}

impl ServerCodec {
    /// A codec with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, side: Side::Undecided }
    }

    fn decide(&mut self, first: u8) {
        self.side = if first == native::HEADER {
            Side::Native(native::RequestDecoder::default())
        } else {
            Side::Resp(resp::RequestDecoder::default(), Protocol::Resp2)
        };
        self.set_limits(self.limits);
    }
}

impl Codec for ServerCodec {
    type Tag = Tag;

    /// For RESP alone: native requests are rare, and their strings must be checked.
    #[inline]
    fn decode_batch(
        &mut self,
        input: &[u8],
        batch: &mut RequestBatch,
        mut take: impl FnMut(&[u8], CommandId, Tag) -> bool,
    ) {
        if let Side::Resp(decoder, _) = &self.side {
            decoder.decode_batch(input, batch, |name, id| take(name, id, Tag::Resp));
        }
    }

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, Tag)>, ProtocolError> {
        if let (Side::Undecided, Some(first)) = (&self.side, input.first()) {
            self.decide(*first);
        }
        match &mut self.side {
            Side::Undecided => Ok(None),
            Side::Resp(decoder, _) => Ok(decoder.decode(input)?.map(|command| (command, Tag::Resp))),
            Side::Native(decoder) => {
                Ok(decoder.decode(input)?.map(|(command, tag)| (command, Tag::Native(Box::new(tag)))))
            }
        }
    }

    #[inline]
    fn encode(&mut self, response: &Response, tag: Tag, output: &mut Output) {
        match tag {
            Tag::Resp => resp::encode_response(response, self.protocol(), output),
            Tag::Native(tag) => native::encode_response(response, &tag, output),
        }
    }

    /// For RESP alone: the string of a native response is checked before its length is written.
    fn begin_streamed(&mut self, length: u64, tag: &Tag, output: &mut Output) -> bool {
        matches!(tag, Tag::Resp) && resp::encode_bulk_head(length, output)
    }

    fn end_streamed(&mut self, _: Tag, output: &mut Output) {
        resp::encode_bulk_end(output);
    }

    fn decode_head(&mut self, input: &mut BytesMut, over: StreamOver<'_>) -> Option<(Command, Tag, u64)> {
        let Side::Resp(decoder, _) = &mut self.side else { return None };
        decoder.decode_head(input, over).map(|(command, length)| (command, Tag::Resp, length))
    }

    /// The native protocol has no messages out of turn. They are dropped.
    fn encode_push(&mut self, message: Response, output: &mut Output) {
        if !matches!(self.side, Side::Native(_)) {
            resp::encode_response(&message, self.protocol(), output);
        }
    }

    fn encode_error(&mut self, error: &ProtocolError, output: &mut Output) {
        match &self.side {
            Side::Native(_) => native::encode_error(error, output),
            _ => resp::encode_response(&Response::error("ERR", &error.to_string()), self.protocol(), output),
        }
    }

    fn missing(&self) -> usize {
        match &self.side {
            Side::Undecided => 1,
            Side::Resp(decoder, _) => decoder.missing(),
            Side::Native(decoder) => decoder.missing(),
        }
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        match &mut self.side {
            Side::Undecided => {}
            Side::Resp(decoder, _) => decoder.set_limits(limits),
            Side::Native(decoder) => decoder.set_limits(limits),
        }
    }

    fn set_protocol(&mut self, asked: Protocol) {
        if let Side::Resp(_, protocol) = &mut self.side {
            *protocol = asked;
        }
    }

    #[inline]
    fn protocol(&self) -> Protocol {
        match &self.side {
            Side::Undecided => Protocol::Resp2,
            Side::Resp(_, protocol) => *protocol,
            Side::Native(_) => Protocol::Native,
        }
    }
}
