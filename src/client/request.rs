//! [`Request`]: the commands that a caller sends to the task of the connection, with the sender for their answers.

use std::{
    slice,
    task::{Context, Poll},
};

use kvstore_protocol::{Body, Command, Response};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{ClientError, sharing::Expected};

/// Commands that are sent together.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) commands: Commands,
    pub(super) reply: ReplySender,
    /// How the commands are answered.
    pub(super) expected: Expected,
    /// Held until the request is answered, even if the caller no longer waits.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
pub(super) enum Commands {
    One(Command),
    Many(Vec<Command>),
}

impl Commands {
    pub(super) fn as_slice(&self) -> &[Command] {
        match self {
            Self::One(command) => slice::from_ref(command),
            Self::Many(commands) => commands,
        }
    }

    /// Puts back a body that was taken from the command and is not read yet.
    pub(super) fn with_body(self, body: Option<Body>) -> Self {
        match (self, body) {
            (Self::One(command), Some(body)) => Self::One(command.with_body(body)),
            (commands, _) => commands,
        }
    }
}

pub(super) type CallResult = Result<Response, ClientError>;
pub(super) type PipelineResult = Result<Vec<Response>, ClientError>;

/// The sender for the answers. It ignores a caller that no longer waits.
#[derive(Debug)]
pub(super) enum ReplySender {
    One(oneshot::Sender<CallResult>),
    Many(oneshot::Sender<PipelineResult>, Vec<Response>),
}

impl Request {
    pub(super) fn one(
        command: Command,
        expected: Expected,
        permit: Option<OwnedSemaphorePermit>,
    ) -> (Self, oneshot::Receiver<CallResult>) {
        let (sender, receiver) = oneshot::channel();
        (Self { commands: Commands::One(command), reply: ReplySender::One(sender), expected, permit }, receiver)
    }

    pub(super) fn many(
        commands: Vec<Command>,
        permit: OwnedSemaphorePermit,
    ) -> (Self, oneshot::Receiver<PipelineResult>) {
        let (sender, receiver) = oneshot::channel();
        let reply = ReplySender::Many(sender, Vec::new());
        (Self { commands: Commands::Many(commands), reply, expected: Expected::Reply, permit: Some(permit) }, receiver)
    }
}

impl ReplySender {
    /// Adds the next answer. The last one sends all of them to the caller.
    pub(super) fn put(self, answer: Response, is_last: bool) -> Option<Self> {
        match self {
            Self::One(caller) => {
                let _ = caller.send(Ok(answer));
                None
            }
            Self::Many(caller, mut answers) => {
                // Answers are not collected for a caller that no longer waits.
                if !caller.is_closed() {
                    answers.push(answer);
                }
                if !is_last {
                    return Some(Self::Many(caller, answers));
                }
                let _ = caller.send(Ok(answers));
                None
            }
        }
    }

    pub(super) fn fail(self, error: ClientError) {
        match self {
            Self::One(caller) => drop(caller.send(Err(error))),
            Self::Many(caller, _) => drop(caller.send(Err(error))),
        }
    }

    /// Whether the caller no longer waits.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::One(caller) => caller.is_closed(),
            Self::Many(caller, _) => caller.is_closed(),
        }
    }

    /// Ready when the caller no longer waits.
    pub(super) fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Checked first: polling uses up the task's budget, which very many abandoned requests would exhaust.
        if self.is_abandoned() {
            return Poll::Ready(());
        }
        match self {
            Self::One(caller) => caller.poll_closed(cx),
            Self::Many(caller, _) => caller.poll_closed(cx),
        }
    }
}
