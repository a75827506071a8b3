//! [`ConnectionEvent`]: what happens to connections where no layer sees it.

use std::{io, sync::Arc};

use kvstore_protocol::{Command, ProtocolError, Response, Session};

/// Something that happened on a connection, for [`Serve::observe`](super::Serve::observe).
///
/// The arguments of commands may hold passwords: those of AUTH and of HELLO … AUTH should not be written anywhere.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionEvent<'a> {
    /// A client has connected.
    Opened {
        /// The session of the connection.
        session: &'a Session,
    },
    /// The [connection layer](super::ConnectionLayer) has answered a command.
    Answered {
        /// The command, with its session as it was before.
        command: &'a Command,
        /// Its answer.
        answer: &'a Response,
    },
    /// A command was refused, because the client has not authenticated. No layer has seen it.
    Refused {
        /// The command.
        command: &'a Command,
        /// The refusal.
        answer: &'a Response,
    },
    /// The client sent bytes that are not in the form of the protocol. Its connection is closed.
    ProtocolError {
        /// The session of the connection.
        session: &'a Session,
        /// What is wrong with the bytes.
        error: &'a ProtocolError,
    },
    /// A connection has ended.
    Closed {
        /// The session of the connection, as it was last.
        session: &'a Session,
        /// Why it ended.
        reason: CloseReason<'a>,
    },
}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CloseReason<'a> {
    /// In order: the client, a command or a shutdown closed it, and everything that was called is answered. Also behind a
    /// [`ProtocolError`](ConnectionEvent::ProtocolError), which was told before.
    Finished,
    /// Its stream failed.
    Lost(&'a io::Error),
    /// CLIENT KILL, a handle or the end of the server closed it.
    Killed,
    /// The client broke a limit of the server, which is named.
    Cut(&'static str),
}

/// A function that is told of each event.
pub(super) type Observe = Arc<dyn Fn(ConnectionEvent<'_>) + Send + Sync>;
