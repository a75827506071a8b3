//! [`ClientCodec`]: RESP and the native protocol on the side of the client.

use bytes::BytesMut;

use crate::{Command, CommandError, Limits, Output, ProtocolError, Response, native, resp};

/// Encodes commands and decodes responses: the counterpart of [`ServerCodec`](crate::ServerCodec).
///
/// The codec does no IO. Responses come in the order of their commands; a RESP3 server sends
/// [`Response::Push`] between them.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{ClientCodec, Command, Output, Response};
///
/// let mut codec = ClientCodec::resp();
/// let mut output = Output::default();
/// codec.encode(&Command::new("PING"), &mut output)?;
/// assert_eq!(&output.bytes()[..], b"*1\r\n$4\r\nPING\r\n");
/// assert_eq!(codec.decode(&mut BytesMut::from("+PONG\r\n")), Ok(Some(Response::simple("PONG"))));
/// # Ok::<(), kvstore_protocol::CommandError>(())
/// ```
#[derive(Debug)]
pub struct ClientCodec(Side);

#[derive(Debug)]
enum Side {
    Resp(resp::ReplyDecoder),
    Native(native::ReplyDecoder),
}

impl ClientCodec {
    /// RESP2 and RESP3. The version need not be known: each reply tells its type.
    pub fn resp() -> Self {
        Self(Side::Resp(resp::ReplyDecoder::default()))
    }

    /// The native protocol.
    pub fn native() -> Self {
        Self(Side::Native(native::ReplyDecoder::default()))
    }

    /// Appends `command` to `output`.
    ///
    /// # Errors
    /// When the protocol cannot express the command, or its last argument is [streamed](Command::streamed_len), which is
    /// for [`begin_streamed`](Self::begin_streamed). Nothing is appended then.
    pub fn encode(&mut self, command: &Command, output: &mut Output) -> Result<(), CommandError> {
        if command.streamed_len().is_some() {
            return Err(CommandError::err("a value that comes in pieces cannot be sent whole"));
        }
        match &self.0 {
            Side::Resp(_) => resp::encode_command(command, output),
            Side::Native(_) => drop(native::encode_command(command, output)?),
        }
        Ok(())
    }

    /// Appends `command` up to the bytes of its last argument, which is [streamed](Command::streamed_len).
    ///
    /// The caller appends all of these bytes, then calls [`end_streamed`](Self::end_streamed). Nothing else may be appended
    /// in between.
    ///
    /// ```
    /// use kvstore_protocol::{Body, ClientCodec, Command, Output};
    ///
    /// let mut codec = ClientCodec::resp();
    /// let mut output = Output::default();
    /// codec.begin_streamed(&Command::new("ECHO").with_body(Body::new(2, &b"hi"[..])), &mut output)?;
    /// output.bytes().extend_from_slice(b"hi"); // as the body is read
    /// codec.end_streamed(&mut output);
    /// assert_eq!(&output.bytes()[..], b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n");
    /// # Ok::<(), kvstore_protocol::CommandError>(())
    /// ```
    ///
    /// # Errors
    /// When the command has no such argument, or the protocol cannot express it. Nothing is appended then.
    pub fn begin_streamed(&mut self, command: &Command, output: &mut Output) -> Result<(), CommandError> {
        let length =
            command.streamed_len().ok_or(CommandError::err("the command has no value that comes in pieces"))?;
        match &self.0 {
            Side::Resp(_) if resp::encode_command_head(command, length, output) => Ok(()),
            Side::Resp(_) => Err(CommandError::err("the value is too long to be sent")),
            Side::Native(_) => Err(CommandError::err("the native protocol has no values that come in pieces")),
        }
    }

    /// Appends what the protocol has behind the bytes of a streamed argument.
    pub fn end_streamed(&mut self, output: &mut Output) {
        match &self.0 {
            Side::Resp(_) => resp::encode_bulk_end(output),
            Side::Native(_) => {}
        }
    }

    /// Takes the start of a bulk of more than `over` bytes off the front of `input`, and returns the length of the bulk. Its
    /// bytes are the new front of `input`. The caller takes all of them off itself before it calls the codec again.
    ///
    /// Called before [`decode`](Self::decode), which returns whole replies. Returns `None`, and takes nothing of a reply,
    /// when the next reply is not such a bulk, is unfinished, or is over the limits. The native protocol has no such
    /// replies.
    pub fn decode_head(&mut self, input: &mut BytesMut, over: usize) -> Option<u64> {
        match &mut self.0 {
            Side::Resp(decoder) => decoder.decode_head(input, over),
            Side::Native(_) => None,
        }
    }

    /// Takes one whole response off the front of `input`, if there is one.
    ///
    /// # Errors
    /// When the bytes are not in the form of the protocol. The codec cannot be used after that.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Response>, ProtocolError> {
        match &mut self.0 {
            Side::Resp(decoder) => decoder.decode(input),
            Side::Native(decoder) => decoder.decode(input),
        }
    }

    /// The least number of bytes that must arrive before [`decode`](Self::decode) can return something else: an estimate of how
    /// much to read.
    pub fn missing(&self) -> usize {
        match &self.0 {
            Side::Resp(decoder) => decoder.missing(),
            Side::Native(decoder) => decoder.missing(),
        }
    }

    /// Whether no response is partly decoded. If no input is left either, the stream ends between two responses.
    pub fn is_idle(&self) -> bool {
        match &self.0 {
            Side::Resp(decoder) => decoder.is_idle(),
            Side::Native(_) => true,
        }
    }

    /// Sets the limits of the responses that follow.
    pub fn set_limits(&mut self, limits: Limits) {
        match &mut self.0 {
            Side::Resp(decoder) => decoder.set_limits(limits),
            Side::Native(decoder) => decoder.set_limits(limits),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;
    use crate::{Body, Codec, ServerCodec};

    #[test]
    fn a_value_in_pieces_is_never_sent_as_if_it_were_not_there() {
        let streamed = |name| Command::new(name).with_body(Body::new(5, &b"value"[..]));
        for mut codec in [ClientCodec::resp(), ClientCodec::native()] {
            let mut output = Output::default();
            assert!(codec.encode(&streamed("PING"), &mut output).is_err());
            assert!(codec.begin_streamed(&Command::new("PING"), &mut output).is_err());
            assert!(!output.has_remaining());
        }
        let endless = Command::new("PING").with_body(Body::new(u64::MAX, &b""[..]));
        let mut output = Output::default();
        assert!(ClientCodec::resp().begin_streamed(&endless, &mut output).is_err() && !output.has_remaining());
    }

    #[test]
    fn a_server_reads_what_a_client_writes_and_the_reverse() {
        for mut client in [ClientCodec::resp(), ClientCodec::native()] {
            let (mut server, mut output) = (ServerCodec::default(), Output::default());
            client.encode(&Command::new("GET").arg("key"), &mut output).unwrap();
            let mut input = BytesMut::from(output.chunk());
            let (command, tag) = server.decode(&mut input).unwrap().unwrap();
            assert_eq!(command, Command::new("GET").arg("key"));
            output.advance(output.remaining());
            server.encode(&"value".into(), tag, &mut output);
            input.extend_from_slice(output.chunk());
            assert_eq!(client.decode(&mut input), Ok(Some("value".into())));
            assert!(client.is_idle() && input.is_empty());
        }
    }
}
