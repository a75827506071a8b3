//! [`ClientError`]: why a call has no answer, and [`Refusal`]: the answer that is an error.

use std::{fmt, io, str};

use kvstore_protocol::{ByteString, CommandError, ProtocolError, Response};

/// Why a call did not give what it is for.
///
/// After [`Io`](Self::Io) and [`Protocol`](Self::Protocol) the connection is gone, and every further call answers
/// [`Closed`](Self::Closed); after the others the client is as good as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Reading or writing failed, or the stream ended inside of a reply.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server sent what is no reply.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The server answered with an error.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The server closed the connection, or the client did after an earlier error.
    #[error("the connection is closed")]
    Closed,
    /// The command cannot be sent: the protocol has no form for it, or it is one that is not answered with one reply.
    #[error(transparent)]
    Unsupported(CommandError),
    /// The server answered with a kind of reply that the call cannot have.
    #[error("unexpected reply: {0}")]
    Unexpected(Response),
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
