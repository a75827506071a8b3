//! [`Pipeline`]: commands that are sent in one piece.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use kvstore_protocol::{Command, Response};

use super::{Client, ClientError, call::CallDeadline, client::Target, request::PipelineResult};

/// Commands that are sent together: one after the other in the stream, with no other caller's command between them.
///
/// A pipeline saves round trips. It is no transaction: other connections' commands may be executed in between, and an
/// error reply stops nothing. `MULTI … EXEC` makes it one, which a pipeline may hold whole, over a connection.
///
/// It takes the room of as many calls, or all the room there is.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct Pipeline {
    client: Client,
    commands: Vec<Command>,
}

impl Pipeline {
    pub(super) const fn new(client: Client) -> Self {
        Self { client, commands: Vec::new() }
    }

    /// Adds a command.
    #[expect(clippy::should_implement_trait, reason = "no sum: what is added is sent")]
    pub fn add(mut self, command: Command) -> Self {
        self.commands.push(command);
        self
    }

    /// Sends all of it, and waits for all answers, which come in the order of the commands. An error reply is a
    /// [`Response::Error`] in its place. The time of the deadline is that of the whole.
    ///
    /// # Errors
    /// Those of [`call`](Client::call), for the whole: [`ClientError::Unsupported`] when one of the commands cannot be
    /// sent, and then none is; [`ClientError::Lost`] when the connection broke before the last answer, also when there
    /// were others.
    ///
    /// # Cancel safety
    /// As a call's: commands that were begun to be sent are all sent.
    pub async fn send(self) -> Result<Vec<Response>, ClientError> {
        let mut deadline = CallDeadline::after(self.client.deadline);
        let mut answers = pin!(self.answers());
        poll_fn(|cx| match answers.as_mut().poll(cx) {
            Poll::Pending => deadline.poll_passed(cx).map(|()| Err(ClientError::TimedOut)),
            answered => answered,
        })
        .await
    }

    async fn answers(self) -> PipelineResult {
        let Self { client, commands } = self;
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        match client.target {
            Target::Remote(remote) => remote.send_all(commands).await,
            Target::Local(local) => {
                let mut answers = Vec::with_capacity(commands.len());
                for command in commands {
                    answers.push(local.call(command).await?);
                }
                Ok(answers)
            }
        }
    }
}
