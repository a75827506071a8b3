//! [`ServerCodec`]: RESP and the native protocol behind one port.

use bytes::BytesMut;

use crate::{
    Codec, Command, Limits, Output, Protocol, ProtocolError, RequestBatch, Response, StreamOver, catalog::CommandId,
    native, resp,
};

/// Speaks what the client speaks: the first byte of a connection decides between RESP and the native protocol.
///
/// A RESP request starts with `*` or with a printable character, a native one with 0x00. A RESP connection starts as
/// RESP2, and changes when [`set_protocol`](Codec::set_protocol) is called.
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

/// What [`ServerCodec`] must know again when the response comes.
#[derive(Debug)]
pub enum Tag {
    /// RESP answers in order and in kind.
    Resp,
    /// A native answer depends on its request. Boxed, so that a tag is a word for everybody else.
    Native(Box<native::Tag>),
}

impl ServerCodec {
    /// A codec with bounds of its own.
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

    /// RESP alone: a native request is rare, and checked word by word.
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

    /// RESP alone: the text of a native answer is checked before its length is written.
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

    /// The native protocol has no messages out of turn: they are dropped.
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
