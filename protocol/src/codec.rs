//! [`Codec`]: a protocol, as a transport sees it.

use bytes::BytesMut;

use crate::{Command, Limits, Output, Protocol, ProtocolError, Response};

/// A protocol between a client and a server, the server's side: bytes to commands, responses to bytes.
///
/// A codec without IO. A transport reads into a buffer and calls [`decode`](Codec::decode) until it answers `None`; each
/// command comes with a tag of the codec's own kind, which comes back with the response.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{Codec, Command, Output, ProtocolError, Response};
///
/// /// One command a line, one response a line.
/// struct Lines;
///
/// impl Codec for Lines {
///     type Tag = ();
///
///     fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, ())>, ProtocolError> {
///         let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
///         let line = input.split_to(end + 1);
///         Ok(Some((Command::new("LINE").arg(&line[..end]), ())))
///     }
///
///     fn encode(&mut self, response: Response, (): (), output: &mut Output) {
///         output.bytes().extend_from_slice(format!("{response}\n").as_bytes());
///     }
/// }
/// ```
pub trait Codec {
    /// What the codec must know again when the response comes.
    type Tag: Send;

    /// Takes one whole command off the front of `input`, if there is one.
    ///
    /// # Errors
    /// When the bytes cannot be the protocol's. The stream ends there: the codec is not called again.
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, Self::Tag)>, ProtocolError>;

    /// Appends `response` to `output`.
    fn encode(&mut self, response: Response, tag: Self::Tag, output: &mut Output);

    /// Appends a message out of turn. A protocol that has none drops it.
    fn encode_push(&mut self, message: Response, output: &mut Output) {
        let _ = (message, output);
    }

    /// Appends what tells the peer why the stream ends.
    fn encode_error(&mut self, error: &ProtocolError, output: &mut Output) {
        let _ = (error, output);
    }

    /// How many bytes are missing at least until `decode` can answer otherwise; a hint for how much to read.
    fn missing(&self) -> usize {
        1
    }

    /// The bounds from now on.
    fn set_limits(&mut self, limits: Limits) {
        let _ = limits;
    }

    /// Another protocol version from now on; what `HELLO` asks for.
    fn set_protocol(&mut self, protocol: Protocol) {
        let _ = protocol;
    }

    /// The protocol that is spoken, as far as is known.
    fn protocol(&self) -> Protocol {
        Protocol::Other
    }
}
