//! [`SessionHandle`]: how a command changes the session of its connection.

use std::fmt;

use super::Session;
use crate::mailbox::Mailbox;

/// Changes the session of the connection that a command came from.
///
/// A command carries a snapshot of its session. What a handler or a layer changes through this handle holds for the commands
/// that are called after the answer: for the next command of the same pipeline too, where the transport calls one at a time. A
/// server with [several in flight](https://docs.rs/kvstore) calls a command that changes its session by itself when its name is
/// among the exclusive ones.
///
/// ```
/// use kvstore_protocol::{Command, Peer, Session, mailbox::mailbox};
///
/// /// `LOGIN token`: a command of one's own that authenticates.
/// fn login(command: &Command) {
///     let Some(session) = command.session_handle() else { return };
///     session.update(|session| session.set_user(Some("ada".into())));
/// }
///
/// let (mailbox, mut inbox) = mailbox(1);
/// let mut session = Session::new(1, Peer::Memory, Peer::Memory, mailbox);
/// login(&Command::new("LOGIN").arg("token").in_session(session.clone().into(), 1));
/// // What the transport does, before it calls the next command.
/// inbox.take().changes.into_iter().for_each(|change| change(&mut session));
/// assert_eq!(session.user(), Some("ada"));
/// ```
#[derive(Clone)]
pub struct SessionHandle(Mailbox);

/// Which replies a client wants to read: CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// All.
    On,
    /// None.
    Off,
    /// All but that of the command that asks for it, and the next.
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
