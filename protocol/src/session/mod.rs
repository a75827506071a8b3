//! [`Session`]: who sent a command, and under which circumstances.

mod extensions;
mod handle;
mod peer;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

pub use extensions::Extensions;
pub use handle::{ReplyMode, SessionHandle};
pub use peer::{Peer, Protocol};

use crate::{ByteString, mailbox::Mailbox};

/// What is known about the connection that a command came from, at the time at which the command is called.
///
/// A snapshot: it never changes under a command that carries it, and is read from every layer and handler without locks. A
/// command that changes its session, as AUTH and SELECT do, does it through
/// [`Command::session_handle`](crate::Command::session_handle), and the commands after it carry another snapshot.
///
/// ```
/// use kvstore_protocol::{Command, Session};
///
/// let mut session = Session::default();
/// session.set_database(3);
/// let command = Command::new("GET").arg("key").in_session(session.into(), 1);
/// assert_eq!(command.session().database(), 3);
/// ```
#[derive(Clone, Default)]
pub struct Session {
    id: u64,
    peer: Peer,
    local: Peer,
    tls_identity: Option<Arc<str>>,
    user: Option<Arc<str>>,
    database: usize,
    protocol: Protocol,
    name: ByteString,
    library: (ByteString, ByteString),
    extensions: Extensions,
    mailbox: Option<Mailbox>,
    /// What was asked for since the transport looked last.
    reply_mode: Option<ReplyMode>,
}

impl Session {
    /// The session of the connection with the number `id`, whose mail goes to `mailbox`.
    pub fn new(id: u64, peer: Peer, local: Peer, mailbox: Mailbox) -> Self {
        Self { id, peer, local, mailbox: Some(mailbox), ..Self::default() }
    }

    /// The session of a command that came from no connection.
    pub(crate) fn none() -> &'static Self {
        static NONE: LazyLock<Session> = LazyLock::new(Session::default);
        &NONE
    }

    /// The number of the connection in its server, counted from 1; 0 when there is none.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The other end of the connection.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// This end of the connection.
    pub fn local(&self) -> &Peer {
        &self.local
    }

    /// The identity in the TLS certificate of the peer.
    pub fn tls_identity(&self) -> Option<&str> {
        self.tls_identity.as_deref()
    }

    /// Sets the identity in the TLS certificate of the peer.
    pub fn set_tls_identity(&mut self, identity: Option<Arc<str>>) {
        self.tls_identity = identity;
    }

    /// The user as which the client has authenticated; `None` before it has.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Sets the user.
    pub fn set_user(&mut self, user: Option<Arc<str>>) {
        self.user = user;
    }

    /// The selected database.
    #[inline]
    pub fn database(&self) -> usize {
        self.database
    }

    /// Selects a database.
    pub fn set_database(&mut self, database: usize) {
        self.database = database;
    }

    /// The protocol that the connection speaks.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sets the protocol.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// The name that the client gave its connection; empty when it gave none.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Names the connection.
    pub fn set_name(&mut self, name: ByteString) {
        self.name = name;
    }

    /// The name and the version of the library that the client uses, as it says itself.
    pub fn library(&self) -> (&[u8], &[u8]) {
        (&self.library.0, &self.library.1)
    }

    /// Sets the name of the client's library.
    pub fn set_library_name(&mut self, name: ByteString) {
        self.library.0 = name;
    }

    /// Sets the version of the client's library.
    pub fn set_library_version(&mut self, version: ByteString) {
        self.library.1 = version;
    }

    /// The values that layers, handlers, the listener and the authenticator left in the session.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same values, to add to them.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Adds what a listener knows of the peer. It stays as long as the connection.
    pub fn add_facts(&mut self, facts: Extensions) {
        self.extensions.extend(facts.lasting());
    }

    /// Sets which replies the client wants to read: CLIENT REPLY. It holds from the answer of the command on that sets it.
    pub fn set_reply_mode(&mut self, mode: ReplyMode) {
        self.reply_mode = Some(mode);
    }

    /// Takes the reply mode that was set since this was called last: for a transport.
    pub fn take_reply_mode(&mut self) -> Option<ReplyMode> {
        self.reply_mode.take()
    }

    /// Removes what the client said and did: user, database, protocol, name, extensions. The connection stays, and so do the
    /// extensions that [last](Extensions::insert_lasting).
    pub fn reset(&mut self) {
        let Self { id, peer, local, tls_identity, library, mailbox, mut extensions, .. } = std::mem::take(self);
        extensions.reset();
        *self = Self { id, peer, local, tls_identity, library, mailbox, extensions, ..Self::default() };
    }

    /// The way to the connection.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.as_ref()
    }

    /// Cuts the way to the connection.
    pub(crate) fn remove_mailbox(&mut self) {
        self.mailbox = None;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("protocol", &self.protocol)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_keeps_the_connection_alone() {
        let (mailbox, _inbox) = crate::mailbox::mailbox(1);
        let mut session = Session::new(7, Peer::Memory, Peer::Memory, mailbox);
        session.set_database(3);
        session.set_user(Some("alice".into()));
        session.extensions_mut().insert(1_u8);
        session.reset();
        assert_eq!(
            (session.id(), session.database(), session.user(), session.extensions().get::<u8>()),
            (7, 0, None, None)
        );
        assert!(session.mailbox().is_some());
    }
}
