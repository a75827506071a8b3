//! [`ClientCodec`]: the client's side of both protocols.

use bytes::BytesMut;

use crate::{Command, CommandError, Limits, Output, ProtocolError, Response, native, resp};

/// Commands to bytes and bytes to responses: the reverse of [`ServerCodec`](crate::ServerCodec).
///
/// A codec without IO. Responses come in the order of their commands; a RESP3 server sends
/// [`Response::Push`] between them.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{ClientCodec, Command, Output, Response};
///
/// let mut codec = ClientCodec::resp();
/// let mut output = Output::default();
/// codec.encode(&Command::ping(), &mut output)?;
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
    /// RESP2 and RESP3: which of them it is, is seen from each reply.
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
    /// When the protocol has no form for the command. Nothing is appended then.
    pub fn encode(&mut self, command: &Command, output: &mut Output) -> Result<(), CommandError> {
        match &self.0 {
            Side::Resp(_) => resp::encode_command(command, output),
            Side::Native(_) => drop(native::encode_command(command, output)?),
        }
        Ok(())
    }

    /// Takes one whole response off the front of `input`, if there is one.
    ///
    /// # Errors
    /// When the bytes cannot be the protocol's. The stream ends there: the codec is not called again.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Response>, ProtocolError> {
        match &mut self.0 {
            Side::Resp(decoder) => decoder.decode(input),
            Side::Native(decoder) => decoder.decode(input),
        }
    }

    /// How many bytes are missing at least until [`decode`](Self::decode) can answer otherwise; a hint for how much to read.
    pub fn missing(&self) -> usize {
        match &self.0 {
            Side::Resp(decoder) => decoder.missing(),
            Side::Native(decoder) => decoder.missing(),
        }
    }

    /// Whether nothing was taken of a response that is not complete: with no input left, the stream may end here.
    pub fn is_idle(&self) -> bool {
        match &self.0 {
            Side::Resp(decoder) => decoder.is_idle(),
            Side::Native(_) => true,
        }
    }

    /// The bounds of a response from now on.
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
    use crate::{Codec, ServerCodec};

    #[test]
    fn a_server_reads_what_a_client_writes_and_the_reverse() {
        for mut client in [ClientCodec::resp(), ClientCodec::native()] {
            let (mut server, mut output) = (ServerCodec::default(), Output::default());
            client.encode(&Command::get("key"), &mut output).unwrap();
            let mut input = BytesMut::from(output.chunk());
            let (command, tag) = server.decode(&mut input).unwrap().unwrap();
            assert_eq!(command, Command::get("key"));
            output.advance(output.remaining());
            server.encode("value".into(), tag, &mut output);
            input.extend_from_slice(output.chunk());
            assert_eq!(client.decode(&mut input), Ok(Some("value".into())));
            assert!(client.is_idle() && input.is_empty());
        }
    }
}
