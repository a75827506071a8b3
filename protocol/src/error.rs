//! [`CommandError`], which is sent as the answer to a command, and [`ProtocolError`], which ends the stream.

use std::{borrow::Cow, fmt};

use crate::catalog::{Flags, KnownCommand};

/// The error of one command: the client receives `-CODE text` and stays connected.
///
/// ```
/// use kvstore_protocol::CommandError;
///
/// assert_eq!(CommandError::new("NOTFOUND", "no such user").to_string(), "NOTFOUND no such user");
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
    /// An error with a code, which is in capitals by convention.
    pub const fn new(code: &'static str, text: &'static str) -> Self {
        Self { code, text: Cow::Borrowed(text) }
    }

    /// An error with a code and a text that is made at run time.
    pub fn with_code(code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }

    /// An error with the general code, `ERR`.
    pub fn err(text: impl Into<Cow<'static, str>>) -> Self {
        Self::with_code("ERR", text)
    }

    /// `ERR value is not an integer or out of range`
    pub const NOT_AN_INTEGER: Self = Self::new("ERR", "value is not an integer or out of range");

    /// `WRONGTYPE Operation against a key holding the wrong kind of value`
    pub const WRONG_TYPE: Self = Self::new("WRONGTYPE", "Operation against a key holding the wrong kind of value");

    /// `ERR value is not a valid float`
    pub const NOT_A_FLOAT: Self = Self::new("ERR", "value is not a valid float");

    /// `ERR syntax error`
    pub const SYNTAX: Self = Self::new("ERR", "syntax error");

    /// `ERR Command not allowed inside a transaction`
    pub const NOT_IN_TRANSACTION: Self = Self::new("ERR", "Command not allowed inside a transaction");

    /// `LOADING Redis is loading the dataset in memory`
    pub const LOADING: Self = Self::new("LOADING", "Redis is loading the dataset in memory");

    /// `UNBLOCKED client unblocked via CLIENT UNBLOCK`
    pub const UNBLOCKED: Self = Self::new("UNBLOCKED", "client unblocked via CLIENT UNBLOCK");

    /// `ERR the command did not come from a connection`: the answer to one that needs a connection, and was called in this process.
    pub const NO_CONNECTION: Self = Self::new("ERR", "the command did not come from a connection");

    /// `ERR a streamed value stands alone`: sent in place of a streamed value inside of another response.
    pub const STREAMED_INSIDE: Self = Self::new("ERR", "a streamed value stands alone");

    /// `ERR an upgrade stands alone`: sent in place of an [`Upgrade`](crate::Upgrade) inside of another response.
    pub const UPGRADE_INSIDE: Self = Self::new("ERR", "an upgrade stands alone");

    /// `ERR unknown command …`, with the first arguments, as Redis words it.
    ///
    /// A command of the connection with sub-commands, CLIENT, is known to every server: its first argument is unknown.
    pub fn unknown_command(command: &crate::Command) -> Self {
        let is_client = |known: &KnownCommand| known.flags().has(Flags::CONNECTION) && !known.subcommands().is_empty();
        if let (true, Some(asked)) = (command.known().is_some_and(is_client), command.arg_at(0)) {
            return Self::unknown_subcommand("CLIENT", asked);
        }
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

    /// `ERR wrong number of arguments for '…' command`, with the name in lower case.
    pub fn wrong_arity(name: &str) -> Self {
        Self::err(format!("wrong number of arguments for '{}' command", name.to_lowercase()))
    }

    /// `ERR unknown subcommand '…'. Try … HELP.`, for a first argument that is not a sub-command of `name`.
    pub fn unknown_subcommand(name: &str, asked: &[u8]) -> Self {
        // Redis cuts what was asked for after 128 bytes.
        let asked = String::from_utf8_lossy(&asked[..asked.len().min(128)]);
        Self::err(format!("unknown subcommand '{asked}'. Try {} HELP.", name.to_uppercase()))
    }

    /// The code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text, without the code.
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

/// Bytes that are not in the form of the protocol, or over a limit of it.
///
/// Where the next message starts is unknown after such an error, so the transport sends its text and closes the connection.
/// The texts are those of Redis where Redis has the same error.
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
    /// A client sent more arguments than it may before it is authenticated.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// A client sent a longer argument than it may before it is authenticated.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An inline command does not end within its limit.
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// The quotes of an inline command do not match.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// A text without words was parsed as a command.
    #[error("Protocol error: a command has a name")]
    EmptyCommand,
    /// The whole request is over the limit.
    #[error("Protocol error: request exceeds the query buffer limit")]
    TooBigRequest,
    /// The client speaks another protocol, which is named: HTTP, SMTP, SSH, TLS without a TLS listener, …
    #[error("Protocol error: this port speaks RESP, not {0}")]
    ForeignProtocol(&'static str),
    /// No request starts with this byte.
    #[error("Protocol error: unexpected byte 0x{0:02x} at the start of a request")]
    UnexpectedByte(u8),
    /// The number of a native request is not that of a command.
    #[error("Unknown command {0}")]
    UnknownNative(u16),
    /// A string of a native message is not UTF-8.
    #[error("Value is not UTF-8")]
    NotUtf8,
    /// A reply is not in the form of the protocol.
    #[error("invalid reply: {0}")]
    InvalidReply(&'static str),
    /// Another error, with a text from [`ProtocolError::new`].
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

/// A byte in the text of an error, escaped when it is not printable.
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

/// Why a stream of frames ended: its bytes, or the transport under it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes are not in the form of the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The protocol cannot express the command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Reading or writing failed, or the stream ended inside of a message.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
