//! [`ServerCodec`]: RESP and the native protocol on one port.

use bytes::BytesMut;

use crate::{
    Codec, Command, Limits, Output, Protocol, ProtocolError, RequestBatch, Response, StreamOver, catalog::CommandId,
    native, resp,
};

/// A codec that detects whether the client speaks RESP or the native protocol.
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
    decoder: Decoder,
}

#[derive(Debug, Default)]
enum Decoder {
    #[default]
    Undetected,
    Resp(resp::RequestDecoder, Protocol),
    Native(native::RequestDecoder),
}

/// What [`ServerCodec`] stores of a request to encode its response.
#[derive(Debug)]
pub enum Tag {
    /// A RESP request. The response does not depend on it.
    Resp,
    /// A native request, which determines the format of the response. Boxed, so that the tag takes one word.
    Native(Box<native::Tag>),
}

impl ServerCodec {
    /// Creates a codec with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, decoder: Decoder::Undetected }
    }

    fn detect(&mut self, first: u8) {
        self.decoder = if first == native::HEADER {
            Decoder::Native(native::RequestDecoder::default())
        } else {
            Decoder::Resp(resp::RequestDecoder::default(), Protocol::Resp2)
        };
        self.set_limits(self.limits);
    }
}

impl Codec for ServerCodec {
    type Tag = Tag;

    /// Only for RESP. Native requests are rare, and their strings must be validated.
    #[inline]
    fn decode_batch(
        &mut self,
        input: &[u8],
        batch: &mut RequestBatch,
        mut take: impl FnMut(&[u8], CommandId, Tag) -> bool,
    ) {
        if let Decoder::Resp(decoder, _) = &self.decoder {
            decoder.decode_batch(input, batch, |name, id| take(name, id, Tag::Resp));
        }
    }

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, Tag)>, ProtocolError> {
        if let (Decoder::Undetected, Some(first)) = (&self.decoder, input.first()) {
            self.detect(*first);
        }
        match &mut self.decoder {
            Decoder::Undetected => Ok(None),
            Decoder::Resp(decoder, _) => Ok(decoder.decode(input)?.map(|command| (command, Tag::Resp))),
            Decoder::Native(decoder) => {
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

    /// Only for RESP. The string of a native response must be validated before its length is written.
    fn begin_streamed(&mut self, length: u64, tag: &Tag, output: &mut Output) -> bool {
        matches!(tag, Tag::Resp) && resp::encode_bulk_head(length, output)
    }

    fn end_streamed(&mut self, _: Tag, output: &mut Output) {
        resp::encode_bulk_end(output);
    }

    fn decode_head(&mut self, input: &mut BytesMut, over: StreamOver<'_>) -> Option<(Command, Tag, u64)> {
        let Decoder::Resp(decoder, _) = &mut self.decoder else { return None };
        decoder.decode_head(input, over).map(|(command, length)| (command, Tag::Resp, length))
    }

    /// The native protocol has no push messages. They are dropped.
    fn encode_push(&mut self, message: Response, output: &mut Output) {
        if !matches!(self.decoder, Decoder::Native(_)) {
            resp::encode_response(&message, self.protocol(), output);
        }
    }

    fn encode_error(&mut self, error: &ProtocolError, output: &mut Output) {
        match &self.decoder {
            Decoder::Native(_) => native::encode_error(error, output),
            _ => resp::encode_response(&Response::error("ERR", &error.to_string()), self.protocol(), output),
        }
    }

    fn missing(&self) -> usize {
        match &self.decoder {
            Decoder::Undetected => 1,
            Decoder::Resp(decoder, _) => decoder.missing(),
            Decoder::Native(decoder) => decoder.missing(),
        }
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        match &mut self.decoder {
            Decoder::Undetected => {}
            Decoder::Resp(decoder, _) => decoder.set_limits(limits),
            Decoder::Native(decoder) => decoder.set_limits(limits),
        }
    }

    fn set_protocol(&mut self, asked: Protocol) {
        if let Decoder::Resp(_, protocol) = &mut self.decoder {
            *protocol = asked;
        }
    }

    #[inline]
    fn protocol(&self) -> Protocol {
        match &self.decoder {
            Decoder::Undetected => Protocol::Resp2,
            Decoder::Resp(_, protocol) => *protocol,
            Decoder::Native(_) => Protocol::Native,
        }
    }
}
