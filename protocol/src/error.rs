//! The two kinds of trouble: [`CommandError`] is an answer, [`ProtocolError`] ends the stream.

use std::{borrow::Cow, fmt};

/// A command that is refused: the peer reads `-CODE text` and stays connected.
///
/// ```
/// use kvstore_protocol::CommandError;
///
/// assert_eq!(CommandError::new("NOTFOUND", "nobody has that number").to_string(), "NOTFOUND nobody has that number");
/// assert_eq!(CommandError::err("syntax error").to_string(), "ERR syntax error");
/// let full = CommandError::with_code("FULL", format!("{} seats are taken", 7));
/// assert_eq!(full.to_string(), "FULL 7 seats are taken");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    code: &'static str,
    text: Cow<'static, str>,
}

impl CommandError {
    /// A refusal with a code of its own, in capitals by custom.
    pub const fn new(code: &'static str, text: &'static str) -> Self {
        Self { code, text: Cow::Borrowed(text) }
    }

    /// The same with a text that is made when it is needed.
    pub fn with_code(code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }

    /// A refusal with the general code, `ERR`.
    pub fn err(text: impl Into<Cow<'static, str>>) -> Self {
        Self::with_code("ERR", text)
    }

    /// `ERR value is not an integer or out of range`
    pub const NOT_AN_INTEGER: Self = Self::new("ERR", "value is not an integer or out of range");

    /// `ERR value is not a valid float`
    pub const NOT_A_FLOAT: Self = Self::new("ERR", "value is not a valid float");

    /// `ERR syntax error`
    pub const SYNTAX: Self = Self::new("ERR", "syntax error");

    /// `ERR a streamed value stands alone`: what stands where one of several responses cannot be streamed.
    pub const STREAMED_INSIDE: Self = Self::new("ERR", "a streamed value stands alone");

    /// `ERR a connection is handed over by an answer of its own`: the same for a [`Handover`](crate::Handover).
    pub const HANDOVER_INSIDE: Self = Self::new("ERR", "a connection is handed over by an answer of its own");

    /// `ERR unknown command …`, with the first arguments, as Redis words it.
    pub fn unknown_command(command: &crate::Command) -> Self {
        // Redis cuts the name and the arguments after 128 bytes.
        let shown = |word: &[u8]| String::from_utf8_lossy(&word[..word.len().min(128)]).into_owned();
        let mut args = String::new();
        for arg in command.args() {
            if args.len() >= 128 {
                break;
            }
            let room = 128 - args.len();
            args += &format!("'{}' ", String::from_utf8_lossy(&arg[..arg.len().min(room)]));
        }
        Self::err(format!("unknown command '{}', with args beginning with: {args}", shown(command.name())))
    }

    /// `ERR wrong number of arguments for '…' command`, the name in lower case.
    pub fn wrong_arity(name: &str) -> Self {
        Self::err(format!("wrong number of arguments for '{}' command", name.to_lowercase()))
    }

    /// `ERR unknown subcommand '…'. Try … HELP.`, for a command whose first argument names no sub-command of it.
    pub fn unknown_subcommand(name: &str, asked: &[u8]) -> Self {
        // Redis cuts what was asked for after 128 bytes.
        let asked = String::from_utf8_lossy(&asked[..asked.len().min(128)]);
        Self::err(format!("unknown subcommand '{asked}'. Try {} HELP.", name.to_uppercase()))
    }

    /// The code in front of the text.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text behind the code.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

impl std::error::Error for CommandError {}

/// A stream that cannot be trusted any more: the peer is told, then disconnected. The texts are Redis's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The count behind `*` is not a number as [`parse_integer`](crate::parse_integer) reads it, or over the limit.
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The line of a multibulk count does not end within 64 KiB.
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// An element of a multibulk request does not start with `$`.
    #[error("Protocol error: expected '$', got '{}'", Shown(*.0))]
    ExpectedBulk(u8),
    /// The length behind `$` is not a number as [`parse_integer`](crate::parse_integer) reads it, negative, or over the
    /// limit.
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// The line of a bulk length does not end within 64 KiB.
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// A bulk, or the line of a length, does not end with CR LF.
    #[error("Protocol error: expected CRLF")]
    ExpectedCrlf,
    /// More arguments than a client may send before it is authenticated.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client may send before it is authenticated.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An inline command that does not end within its limit.
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// Quotes of an inline command that do not match.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// A line without a word, where a command was due.
    #[error("Protocol error: a command has a name")]
    EmptyCommand,
    /// A whole command over the limit.
    #[error("Protocol error: request exceeds the query buffer limit")]
    TooBigRequest,
    /// The client speaks another protocol, which is named: HTTP, SMTP, SSH, TLS without a TLS listener, …
    #[error("Protocol error: this port speaks RESP, not {0}")]
    ForeignProtocol(&'static str),
    /// A byte that no request starts with.
    #[error("Protocol error: unexpected byte 0x{0:02x} at the start of a request")]
    UnexpectedByte(u8),
    /// A native message with a number that names no command.
    #[error("Unknown command {0}")]
    UnknownNative(u16),
    /// A text of a native message that is not UTF-8.
    #[error("Value is not UTF-8")]
    NotUtf8,
    /// A reply that is not in the form of the protocol.
    #[error("invalid reply: {0}")]
    InvalidReply(&'static str),
    /// A text of a codec's own, from [`ProtocolError::new`].
    #[error("{0}")]
    Other(Cow<'static, str>),
}

impl ProtocolError {
    /// An error of another [`Codec`](crate::Codec), with the text that it sends as the reason.
    ///
    /// ```
    /// use kvstore_protocol::ProtocolError;
    ///
    /// assert_eq!(ProtocolError::new("bad checksum").to_string(), "bad checksum");
    /// let error = ProtocolError::new(format!("version {} is not supported", 9));
    /// assert_eq!(error.to_string(), "version 9 is not supported");
    /// ```
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Other(text.into())
    }
}

/// A byte in an error text: as it is when it can be read.
struct Shown(u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // An error is one line.
            b'\r' | b'\n' => f.write_str(" "),
            printable @ b' '..=b'~' => write!(f, "{}", char::from(printable)),
            other => write!(f, "{}", other.escape_ascii()),
        }
    }
}

/// What ends a framed stream: trouble with its bytes, or with the transport under it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes are not in the form of the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The protocol has no form for a command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Reading or writing failed, or the stream ended inside of a message.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
