//! [`ClientError`]: why a call failed, [`ConnectionError`]: why there is no connection, and [`Refusal`]: an error reply.

use std::{convert::Infallible, error::Error, fmt, io, str, sync::Arc, time::Duration};

use kvstore_protocol::{ByteString, CommandError, ProtocolError, Response};

use super::EndpointError;
#[cfg(feature = "tls")]
use crate::tls::TlsError;

/// Why a call failed.
///
/// A server's transport answers it, as the error of a service, with its [`source`](Error::source): `-UNAVAILABLE …` without a
/// connection, `-TIMEOUT …` after the deadline, the reason for a command that cannot be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection was lost with the command in flight. It may have been executed or not. It is not sent again.
    Lost(ConnectionError),
    /// There is no connection. The command was not sent.
    Closed(ConnectionError),
    /// The deadline passed. The command may have been executed, or may still be; its answer is discarded.
    TimedOut,
    /// The server answered with an error reply.
    Refused(Refusal),
    /// The command cannot be sent: the protocol does not have it, it changes the connection for other callers, or it has no
    /// single reply. Nothing was sent.
    Unsupported(CommandError),
    /// The server answered with an unexpected type of reply.
    Unexpected(Response),
    /// The text is no valid [`Endpoint`](super::Endpoint).
    Endpoint(EndpointError),
    /// A certificate or a key of the [settings](super::ClientBuilder::tls) of TLS cannot be used.
    #[cfg(feature = "tls")]
    Tls(TlsError),
}

/// The answer of a proxy when the server behind it is not reachable.
static UNAVAILABLE: CommandError = CommandError::new("UNAVAILABLE", "the server behind is not reachable");
static LATE: CommandError = CommandError::new("TIMEOUT", "the command took too long");

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(cause) => {
                write!(f, "the connection broke, and the command may have been executed or not: {cause}")
            }
            Self::Closed(cause) => write!(f, "there is no connection, and the command was not sent: {cause}"),
            Self::TimedOut => f.write_str("the command took longer than its deadline"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unsupported(reason) => reason.fmt(f),
            Self::Unexpected(reply) => write!(f, "unexpected reply: {reply}"),
            Self::Endpoint(error) => error.fmt(f),
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // `Display` has the cause already. The source is what a server answers.
            Self::Lost(_) | Self::Closed(_) => Some(&UNAVAILABLE),
            Self::TimedOut => Some(&LATE),
            Self::Unsupported(reason) => Some(reason),
            Self::Endpoint(error) => Some(error),
            #[cfg(feature = "tls")]
            Self::Tls(error) => Some(error),
            Self::Refused(_) | Self::Unexpected(_) => None,
        }
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<EndpointError> for ClientError {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

/// For an argument that is an [`Endpoint`](super::Endpoint) already.
impl From<Infallible> for ClientError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Why there is no connection, or why one ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Connecting, reading or writing failed, or the stream ended within a reply.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// The server sent an invalid reply, or one for which there is no command.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The server refused a command of the handshake.
    #[error("the server refused {command}: {refusal}")]
    Handshake {
        /// The name of the command.
        command: &'static str,
        /// The error reply. It does not contain the password.
        refusal: Refusal,
    },
    /// The server sent an error without a command, which says why it closes the connection.
    #[error("the server ended the connection: {0}")]
    Refused(Refusal),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Ended,
    /// No connection was made within this time.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// The client was [closed](super::Client::close).
    #[error("the client is closed")]
    Closed,
    /// The task of the connection has ended: it panicked, or its runtime was shut down.
    #[error("the task of the connection is gone")]
    Stopped,
}

impl ConnectionError {
    /// The connection error inside of an [`io::Error`], or the error itself.
    pub(super) fn within(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::from)
    }
}

/// For functions that connect, and for readers of a streamed reply.
impl From<ConnectionError> for io::Error {
    fn from(error: ConnectionError) -> Self {
        let kind = match &error {
            ConnectionError::Io(error) => error.kind(),
            ConnectionError::TimedOut(_) => io::ErrorKind::TimedOut,
            ConnectionError::Protocol(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::ConnectionAborted,
        };
        Self::new(kind, error)
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

/// An error reply of a server.
///
/// ```
/// use kvstore::client::Refusal;
///
/// let refusal = Refusal::new("WRONGTYPE Operation against a key holding the wrong kind of value");
/// assert_eq!(refusal.code(), Some("WRONGTYPE"));
/// assert_eq!(Refusal::new("Value is not UTF-8").code(), None);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal(ByteString);

impl Refusal {
    /// An error reply with this text, including its code.
    pub fn new(text: impl Into<ByteString>) -> Self {
        Self(text.into())
    }

    /// The code: the first word, if it is in capitals. Errors of the native protocol may have none.
    pub fn code(&self) -> Option<&str> {
        let word = self.0.split(|byte| *byte == b' ').next().filter(|word| !word.is_empty())?;
        let is_code = word.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-'));
        str::from_utf8(word).ok().filter(|_| is_code)
    }

    /// The whole text, including the code.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(&self.0).finish()
    }
}

impl std::error::Error for Refusal {}
