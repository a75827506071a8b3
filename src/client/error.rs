//! [`ClientError`]: why a call has no answer, [`ConnectionError`]: why there is no connection, and [`Refusal`]: the
//! answer that is an error.

use std::{convert::Infallible, error::Error, fmt, io, str, sync::Arc, time::Duration};

use kvstore_protocol::{ByteString, CommandError, ProtocolError, Response};

use super::EndpointError;

/// Why a call did not give what it is for.
///
/// As the error of a service it is answered by a server's transport with what its [`source`](Error::source) says:
/// `-UNAVAILABLE …` where there is no connection, `-TIMEOUT …` after the deadline, the reason of the refusal for a
/// command that cannot be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection broke with the command under way. It may have been executed or not; it was sent once at most, and
    /// is not sent again.
    Lost(ConnectionError),
    /// There is no connection. The command was not sent.
    Closed(ConnectionError),
    /// The deadline passed. The command may have been executed or not, or may still be; its answer will be skipped.
    TimedOut,
    /// The server answered with an error.
    Refused(Refusal),
    /// The command cannot be sent: the protocol has no form for it, it would change the connection for others, or it is
    /// one that is not answered with one reply. Nothing was sent.
    Unsupported(CommandError),
    /// The server answered with a kind of reply that the call cannot have.
    Unexpected(Response),
    /// What was said to be a server's place is none.
    Endpoint(EndpointError),
}

/// What the client of a proxy reads when the server behind is gone.
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
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The cause is in the text already: this is what a server answers.
            Self::Lost(_) | Self::Closed(_) => Some(&UNAVAILABLE),
            Self::TimedOut => Some(&LATE),
            Self::Unsupported(reason) => Some(reason),
            Self::Endpoint(error) => Some(error),
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

/// For an [`Endpoint`](super::Endpoint) that is given as it is.
impl From<Infallible> for ClientError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Why there is no connection, or why one ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Connecting, reading or writing failed, or the stream ended inside of a reply.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// The server sent what is no reply, or a reply that nobody asked for.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The server refused a command with which the connection begins.
    #[error("the server refused {command}: {refusal}")]
    Handshake {
        /// The name of the command.
        command: &'static str,
        /// What the server said. The password is not in it.
        refusal: Refusal,
    },
    /// The server said why it ends the connection.
    #[error("the server ended the connection: {0}")]
    Refused(Refusal),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Ended,
    /// No connection was made within so much time.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// The client was [closed](super::Client::close).
    #[error("the client is closed")]
    Closed,
    /// The task of the connection is gone: it panicked, or its runtime was shut down.
    #[error("the task of the connection is gone")]
    Stopped,
}

impl ConnectionError {
    /// The error that was made an [`io::Error`], or any other as it is.
    pub(super) fn within(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::from)
    }
}

/// As what connects says it, and who reads a reply that breaks off.
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

/// The error reply of a server.
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
    /// A refusal as a server words it, its code included.
    pub fn new(text: impl Into<ByteString>) -> Self {
        Self(text.into())
    }

    /// The code: the first word, where it is in capitals as codes are. The errors of the native protocol may have none.
    pub fn code(&self) -> Option<&str> {
        let word = self.0.split(|byte| *byte == b' ').next().filter(|word| !word.is_empty())?;
        let is_code = word.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-'));
        str::from_utf8(word).ok().filter(|_| is_code)
    }

    /// The whole text, its code included.
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
