//! [`ConnectionCall`]: one call of a connection command.

use std::{future::Future, pin::Pin, sync::Arc};

use kvstore_protocol::{Command, CommandError, Response, Session};

use crate::server::ServerStatus;

/// One call of a connection command.
///
/// The functions of these commands are synchronous and work on a copy of the session. Changes are recorded, and
/// [applied](Self::commit) to the connection after the call.
pub(crate) struct ConnectionCall<'a> {
    command: &'a Command,
    session: Arc<Session>,
    changes: Vec<Change>,
}

type Change = Box<dyn Fn(&mut Session) + Send>;

/// The result of a call.
pub(crate) enum Outcome {
    Answered(Response),
    /// The command waits, for example for an authenticator.
    Pending(Pending),
}

/// The pending response of a command that waits.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Response> + Send>>;

/// An outcome, or an error response.
pub(super) type Answered = Result<Outcome, CommandError>;

impl<R: Into<Response>> From<R> for Outcome {
    fn from(response: R) -> Self {
        Self::Answered(response.into())
    }
}

impl<'a> ConnectionCall<'a> {
    pub(super) fn new(command: &'a Command) -> Self {
        Self { command, session: command.shared_session(), changes: Vec::new() }
    }

    pub(super) fn command(&self) -> &'a Command {
        self.command
    }

    /// Returns the session, with the changes of this call.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn shared_session(&self) -> Arc<Session> {
        self.session.clone()
    }

    /// Returns the server that the command came through.
    ///
    /// # Errors
    /// When the command did not come from a connection, but was called in this process.
    pub(super) fn server(&self) -> Result<&'a ServerStatus, CommandError> {
        let server = self.command.session().extensions().get::<ServerStatus>();
        server.ok_or(CommandError::NO_CONNECTION)
    }

    /// Changes the session of this call, and records the change.
    pub(super) fn update(&mut self, change: impl Fn(&mut Session) + Send + 'static) {
        change(Arc::make_mut(&mut self.session));
        self.changes.push(Box::new(change));
    }

    /// Applies the recorded changes to the connection, for the commands after this one. Returns the changed session.
    pub(super) fn commit(self) -> Arc<Session> {
        let Self { command, session, changes } = self;
        if let Some(handle) = command.session_handle().filter(|_| !changes.is_empty()) {
            handle.update(move |session| changes.iter().for_each(|change| change(session)));
        }
        session
    }
}
