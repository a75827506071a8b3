//! [`Pipeline`]: commands that are sent together.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use kvstore_protocol::{Command, Response};

use super::{Client, ClientError, call::CallDeadline, client::Target, request::PipelineResult};

/// Commands that are sent together, with no other caller's command between them.
///
/// A pipeline saves round trips. It is not a transaction: commands of other connections may be executed in between, and an
/// error reply does not stop it. For a transaction, add all of it from MULTI to EXEC, over a connection.
///
/// It takes a permit for each command, or all permits when it has more commands.
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

    /// Sends all commands, and waits for all answers, in the order of the commands. An error reply is a [`Response::Error`]
    /// in its place. The deadline is for the whole pipeline.
    ///
    /// # Errors
    /// Those of [`call`](Client::execute), for the whole pipeline: [`ClientError::Unsupported`] when one of the commands cannot be
    /// sent, and then none is; [`ClientError::Lost`] when the connection was lost before the last answer.
    ///
    /// # Cancel safety
    /// As for a call. Once the first byte is sent, all commands are.
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
