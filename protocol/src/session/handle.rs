//! [`SessionHandle`]: changes the session of a connection.

use std::fmt;

use super::Session;
use crate::mailbox::Mailbox;

/// A handle that changes the session of the connection that a command came from.
///
/// A command carries a snapshot of its session. Changes through this handle apply to the commands that are called after
/// the response, including the next one in the same pipeline if one command is in flight at a time. On a server with
/// [several commands in flight](https://docs.rs/kvstore), add a command that changes its session to the exclusive
/// commands.
///
/// ```
/// use kvstore_protocol::{Command, Peer, Session, mailbox::mailbox};
///
/// /// `LOGIN token`: a custom command that authenticates the client.
/// fn login(command: &Command) {
///     let Some(session) = command.session_handle() else { return };
///     session.update(|session| session.set_user(Some("ada".into())));
/// }
///
/// let (mailbox, mut inbox) = mailbox(1);
/// let mut session = Session::new(1, Peer::Memory, Peer::Memory, mailbox);
/// login(&Command::new("LOGIN").arg("token").in_session(session.clone().into(), 1));
/// // The transport does this before it calls the next command.
/// inbox.take().changes.into_iter().for_each(|change| change(&mut session));
/// assert_eq!(session.user(), Some("ada"));
/// ```
#[derive(Clone)]
pub struct SessionHandle(Mailbox);

/// Which responses the client gets, as set by CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// All responses.
    On,
    /// No responses.
    Off,
    /// All except that of the command that sets this mode, and the next one.
    Skip,
    /// All, as when the connection was opened; but a reply that is still to be skipped is skipped: RESET.
    Initial,
}

impl SessionHandle {
    pub(crate) fn new(mailbox: Mailbox) -> Self {
        Self(mailbox)
    }

    /// Changes the session. Does nothing when the connection is closed.
    pub fn update(&self, change: impl FnOnce(&mut Session) + Send + 'static) {
        self.0.change_session(change);
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle").finish_non_exhaustive()
    }
}
