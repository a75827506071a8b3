//! [`Remote`]: the callers' side of a connection to a server.

use std::sync::Arc;

use kvstore_protocol::{ClientCodec, Command, CommandError, Output};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::{
    ClientError,
    call::arrived,
    pushes::PushHub,
    queue::{DriverMessage, Permits},
    request::{CallResult, PipelineResult, Request},
    sharing::{self, Expected},
};

/// The state that all handles of a connection share.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) requests: mpsc::UnboundedSender<DriverMessage>,
    pub(super) permits: Permits,
    pub(super) max_in_flight: u32,
    pub(super) hub: Arc<PushHub>,
    /// Whether there is a connection, for a client that is ready only when connected.
    pub(super) connected: Option<watch::Receiver<bool>>,
    pub(super) is_native: bool,
    pub(super) is_resp3: bool,
    pub(super) database: usize,
}

impl Remote {
    /// How the command is answered when it is sent by itself.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(super) fn check(&self, command: &Command) -> Result<Expected, CommandError> {
        self.check_form(command)?;
        sharing::single(command, self.is_resp3)
    }

    /// Checks the commands of a pipeline.
    pub(super) fn check_all(&self, commands: &[Command]) -> Result<(), CommandError> {
        commands.iter().try_for_each(|command| self.check_form(command))?;
        sharing::pipeline(commands)
    }

    fn check_form(&self, command: &Command) -> Result<(), CommandError> {
        let session = command.session();
        // A command of this program is for the client's database. One that came over a connection, or whose session has a
        // database, is for the database of that session.
        if (session.id() != 0 || session.database() != 0) && session.database() != self.database {
            return Err(CommandError::err(format!(
                "the server behind is connected to with database {}, and not {}",
                self.database,
                session.database()
            )));
        }
        if self.is_native {
            let (mut codec, mut output) = (ClientCodec::native(), Output::default());
            match command.streamed_len() {
                None => codec.encode(command, &mut output)?,
                Some(_) => codec.begin_streamed(command, &mut output)?,
            }
        }
        Ok(())
    }

    /// Hands a command to the driver.
    ///
    /// # Errors
    /// When the client is closed.
    pub(super) fn send(
        &self,
        command: Command,
        expected: Expected,
        permit: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<CallResult>, ClientError> {
        let (request, answer) = Request::one(command, expected, Some(permit));
        self.requests.send(DriverMessage::Request(request)).map_err(|_| self.permits.error())?;
        Ok(answer)
    }

    /// Waits for the permits of a pipeline, and for its answers.
    ///
    /// # Errors
    /// Those of [`Pipeline::send`](super::Pipeline::send).
    pub(super) async fn send_all(&self, commands: Vec<Command>) -> PipelineResult {
        self.check_all(&commands).map_err(ClientError::Unsupported)?;
        let count = u32::try_from(commands.len()).unwrap_or(u32::MAX).min(self.max_in_flight);
        let permit =
            self.permits.semaphore.clone().acquire_many_owned(count).await.map_err(|_| self.permits.error())?;
        let (request, answers) = Request::many(commands, permit);
        self.requests.send(DriverMessage::Request(request)).map_err(|_| self.permits.error())?;
        arrived(answers.await)
    }
}
