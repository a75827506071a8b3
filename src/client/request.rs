//! [`Request`]: what a caller hands to the task of the connection, and the way back for the answer.

use std::{
    slice,
    task::{Context, Poll},
};

use kvstore_protocol::{Body, Command, Response};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{ClientError, sharing::Expected};

/// Commands that are sent in one piece, and who waits for their answers.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) commands: Commands,
    pub(super) reply: ReplySender,
    /// How the commands are answered.
    pub(super) expected: Expected,
    /// The room that the request takes until it is answered, whether or not anybody still waits.
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

    /// The same with a value that was taken of the command and is still whole.
    pub(super) fn with_body(self, body: Option<Body>) -> Self {
        match (self, body) {
            (Self::One(command), Some(body)) => Self::One(command.with_body(body)),
            (commands, _) => commands,
        }
    }
}

pub(super) type CallResult = Result<Response, ClientError>;
pub(super) type PipelineResult = Result<Vec<Response>, ClientError>;

/// The way back. A caller who is gone hears nothing, which is no error.
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
    /// Takes the next answer; the last one goes to the caller with those before it.
    pub(super) fn put(self, answer: Response, is_last: bool) -> Option<Self> {
        match self {
            Self::One(caller) => {
                let _ = caller.send(Ok(answer));
                None
            }
            Self::Many(caller, mut answers) => {
                // Nobody collects what nobody reads.
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

    /// Whether nobody waits any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::One(caller) => caller.is_closed(),
            Self::Many(caller, _) => caller.is_closed(),
        }
    }

    /// The same, and who asks is woken when it comes to be so.
    pub(super) fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Asked first: polling takes from the task's budget, which is too small for very many that are gone.
        if self.is_abandoned() {
            return Poll::Ready(());
        }
        match self {
            Self::One(caller) => caller.poll_closed(cx),
            Self::Many(caller, _) => caller.poll_closed(cx),
        }
    }
}
