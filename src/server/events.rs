//! [`ConnectionEvent`]: events on connections that no layer sees.

use std::{io, sync::Arc};

use kvstore_protocol::{Command, ProtocolError, Response, Session};

use super::CutReason;

/// An event on a connection, for [`Serve::observe`](super::Serve::observe).
///
/// The arguments of AUTH and HELLO … AUTH contain passwords. Do not log them.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionEvent<'a> {
    /// A client connected.
    Opened {
        /// The session of the connection.
        session: &'a Session,
    },
    /// The [connection layer](super::ConnectionLayer) answered a command.
    Answered {
        /// The command, with its session before the call.
        command: &'a Command,
        /// The response.
        answer: &'a Response,
    },
    /// A command was refused because the client has not authenticated, or because it is subscribed and speaks RESP2. No
    /// layer saw it.
    Refused {
        /// The command.
        command: &'a Command,
        /// The error response.
        answer: &'a Response,
    },
    /// The client sent bytes that violate the protocol. Its connection is closed.
    ProtocolError {
        /// The session of the connection.
        session: &'a Session,
        /// The error.
        error: &'a ProtocolError,
    },
    /// A connection ended.
    Closed {
        /// The last session of the connection.
        session: &'a Session,
        /// Why it ended.
        reason: CloseReason<'a>,
    },
}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CloseReason<'a> {
    /// The connection was closed gracefully, by the client, a command or a shutdown. All commands that were called are
    /// answered. Also behind a [`ProtocolError`](ConnectionEvent::ProtocolError), which was told before.
    Finished,
    /// Reading or writing failed.
    Lost(&'a io::Error),
    /// CLIENT KILL or a [`ConnectedClient`](super::ConnectedClient) closed the connection.
    Killed,
    /// The client went over a limit of the server, or the server ended.
    Cut(CutReason),
}

/// The function that is called with each event.
pub(super) type Observe = Arc<dyn Fn(ConnectionEvent<'_>) + Send + Sync>;
