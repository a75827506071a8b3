//! [`Codec`]: a protocol, as the transport of a server uses it.

use bytes::BytesMut;

use crate::{Command, Limits, Output, Protocol, ProtocolError, RequestBatch, Response, catalog::CommandId};

/// The length over which the last argument of the command with this name is streamed; `None` for never.
pub type StreamOver<'a> = &'a dyn Fn(&[u8]) -> Option<usize>;

/// The server's side of a protocol: decodes commands and encodes responses.
///
/// A codec does no IO. The transport reads into a buffer and calls [`decode`](Codec::decode) until it returns `None`. Each
/// command comes with a tag of the codec's own type, which the transport returns with the response.
///
/// # A protocol of one's own
/// Two methods are enough, and the transport needs no change: `Serve::listen_with` takes a function that makes a codec for
/// each connection, beside listeners of other protocols and over the same service.
///
/// 1. `decode` looks for a whole message at the front of the buffer. If the message is not complete, it takes nothing and
///    returns `None`; it is called again when more bytes have arrived. Otherwise it takes the message, and returns the command
///    that it means, with the name and the arguments that the service knows. Invalid bytes are a [`ProtocolError`], which may
///    have a text of the codec's own ([`ProtocolError::new`]). The tag holds what the codec needs to encode the response.
/// 2. `encode` encodes exactly one message for every response, of any kind: a service does not know which protocol is spoken.
///    [`Response::Silent`] alone is no message. The text of a [`Response::Error`] starts with a code. A kind that the protocol
///    has no form for is encoded as an error, and never left out, since the client waits for a message.
/// 3. A codec bounds the size of messages, by the [`Limits`] that it is given or by its own: `decode` returns an error as soon
///    as a message announces more, or has more. Clients that have not authenticated get small limits.
/// 4. The other methods have defaults. A protocol with messages that mean nothing to a service, such as a keep-alive, answers
///    them with [`answer`](Codec::answer). A protocol with messages out of turn has an
///    [`encode_push`](Codec::encode_push). A protocol with long values can stream them, out with
///    [`begin_streamed`](Codec::begin_streamed) and in with [`decode_head`](Codec::decode_head); otherwise such values are held
///    whole, within the limits.
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
///     fn encode(&mut self, response: &Response, (): (), output: &mut Output) {
///         output.bytes().extend_from_slice(format!("{response}\n").as_bytes());
///     }
/// }
/// ```
pub trait Codec {
    /// What the codec needs to encode the response to a command.
    type Tag: Send;

    /// Decodes one command, and removes it from the front of `input`. Returns `None` when it is not complete.
    ///
    /// # Errors
    /// When the bytes are not in the form of the protocol. The connection is closed: `decode` is not called again.
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, Self::Tag)>, ProtocolError>;

    /// Finds whole commands at the front of `input` and adds them to `batch`. This makes pipelines fast, and is
    /// optional.
    ///
    /// Call `take` after each [`RequestBatch::end_request`], with the name of that command, its ID in the
    /// [catalog](crate::catalog), and its tag. It returns whether to decode another command.
    ///
    /// The transport calls this method first, and [`decode`](Codec::decode) for all other input: incomplete commands
    /// and errors, or everything if this method is not implemented.
    fn decode_batch(
        &mut self,
        input: &[u8],
        batch: &mut RequestBatch,
        take: impl FnMut(&[u8], CommandId, Self::Tag) -> bool,
    ) {
        let _ = (input, batch, take);
    }

    /// Answers a command in place of the service: a handshake, a keep-alive, a request for the protocol version.
    /// Returns `None`, the default, for commands of the service.
    ///
    /// The transport calls this method for every command, in order, whether or not the client has authenticated. The
    /// response is encoded in the order of the requests. Layers do not see the command.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use kvstore_protocol::{Codec, Command, Output, ProtocolError, Response};
    ///
    /// /// A line is a key to get, or `version`.
    /// struct Keys;
    ///
    /// enum Kind {
    ///     Get,
    ///     Version,
    /// }
    ///
    /// impl Codec for Keys {
    ///     type Tag = Kind;
    ///
    ///     fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(Command, Kind)>, ProtocolError> {
    ///         let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    ///         let line = input.split_to(end + 1);
    ///         Ok(Some(match &line[..end] {
    ///             b"" => return Err(ProtocolError::new("an empty line")),
    ///             b"version" => (Command::new("VERSION"), Kind::Version),
    ///             key => (Command::new("GET").arg(key), Kind::Get),
    ///         }))
    ///     }
    ///
    ///     fn answer(&mut self, _: &Command, kind: &Kind) -> Option<Response> {
    ///         matches!(kind, Kind::Version).then(|| Response::simple("1.6"))
    ///     }
    ///
    ///     fn encode(&mut self, response: &Response, _: Kind, output: &mut Output) {
    ///         output.bytes().extend_from_slice(format!("{response}\n").as_bytes());
    ///     }
    /// }
    ///
    /// let mut input = BytesMut::from("a key\nversion\n\n");
    /// let (command, kind) = Keys.decode(&mut input)?.expect("a whole line");
    /// assert_eq!(Keys.answer(&command, &kind), None); // for the service
    /// let (command, kind) = Keys.decode(&mut input)?.expect("a whole line");
    /// assert_eq!(Keys.answer(&command, &kind), Some(Response::simple("1.6")));
    /// assert_eq!(Keys.decode(&mut input).err(), Some(ProtocolError::new("an empty line")));
    /// # Ok::<(), ProtocolError>(())
    /// ```
    #[inline]
    fn answer(&mut self, command: &Command, tag: &Self::Tag) -> Option<Response> {
        let _ = (command, tag);
        None
    }

    /// Appends `response` to `output`.
    fn encode(&mut self, response: &Response, tag: Self::Tag, output: &mut Output);

    /// Appends the header of a streamed value of `length` bytes. Returns false, and appends nothing, if the protocol
    /// does not support that for this request: the value is then encoded as a whole.
    ///
    /// The transport then appends the bytes of the value, and calls [`end_streamed`](Codec::end_streamed).
    fn begin_streamed(&mut self, length: u64, tag: &Self::Tag, output: &mut Output) -> bool {
        let _ = (length, tag, output);
        false
    }

    /// Appends the end of a streamed value.
    fn end_streamed(&mut self, tag: Self::Tag, output: &mut Output) {
        let _ = (tag, output);
    }

    /// Takes a command off the front of `input` whose last argument is incomplete. Returns the command without that
    /// argument, the tag, and the length of the argument in bytes. The bytes of the argument stay in `input`: the
    /// transport takes them off, and then calls `decode` again, which finds what follows the argument in the protocol.
    ///
    /// Called after `decode` returned `None`. `over` returns above which length the last argument of a command is
    /// streamed; take nothing for other commands. Without this method, the transport waits for whole commands.
    fn decode_head(&mut self, input: &mut BytesMut, over: StreamOver<'_>) -> Option<(Command, Self::Tag, u64)> {
        let _ = (input, over);
        None
    }

    /// Appends a push message. A protocol without push messages drops it, which is the default.
    fn encode_push(&mut self, message: Response, output: &mut Output) {
        let _ = (message, output);
    }

    /// Appends the message for a protocol error, after which the connection is closed.
    fn encode_error(&mut self, error: &ProtocolError, output: &mut Output) {
        let _ = (error, output);
    }

    /// How many bytes are missing at least until `decode` can answer otherwise; an estimate of how much to read.
    fn missing(&self) -> usize {
        1
    }

    /// Sets the limits.
    fn set_limits(&mut self, limits: Limits) {
        let _ = limits;
    }

    /// Sets the protocol version, as `HELLO` does.
    fn set_protocol(&mut self, protocol: Protocol) {
        let _ = protocol;
    }

    /// Returns the protocol of the connection, as far as it is known.
    fn protocol(&self) -> Protocol {
        Protocol::Other
    }
}
