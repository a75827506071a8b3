//! What is sent to a connection.

use crate::{Response, Session};

/// A message out of turn, and where it goes among the answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message {
    /// The number of the command that the message belongs to. The message never overtakes the answers to earlier commands.
    pub number: u64,
    /// On which side of that command's answer the message goes.
    pub position: Position,
    /// The message itself.
    pub response: Response,
}

impl Message {
    /// A message that belongs to the command with this number.
    pub fn new(number: u64, position: Position, response: Response) -> Self {
        Self { number, position, response }
    }
}

/// Where a message goes, relative to the answer of the command that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Position {
    /// Behind the previous answer, in front of the command's own.
    BeforeAnswer,
    /// Behind the command's own answer.
    AfterAnswer,
}

/// A change of a session.
pub type Change = Box<dyn FnOnce(&mut Session) + Send>;

/// How a connection is told to end. The later in this list wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Order {
    /// Answers the commands in flight, then closes the connection.
    Stop,
    /// Closes the connection at once.
    Kill,
}

/// Why a message was not sent. Returns the message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection does not read as fast as messages are sent to it.
    #[error("the connection has too many messages waiting")]
    Full(Response),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed(Response),
}
