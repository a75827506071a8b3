//! [`Session`]: the connection and the user that a command came from.

mod extensions;
mod handle;
mod peer;
mod subscriptions;
mod transaction;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

pub use extensions::Extensions;
pub use handle::{ReplyMode, SessionHandle};
pub use peer::{Peer, Protocol};
pub use subscriptions::{Subscribed, Subscriptions};
pub use transaction::Transaction;

use crate::{ByteString, mailbox::Mailbox};

/// The state of the connection that a command came from, at the time when the command is called.
///
/// It is an immutable snapshot, which layers and handlers read without locks. A command such as AUTH or SELECT changes
/// the session of its connection through [`Command::session_handle`](crate::Command::session_handle). The commands
/// after it carry a new snapshot.
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
    transaction: Option<Transaction>,
    subscriptions: Option<Subscriptions>,
    /// The reply mode that was set and not yet taken by the transport.
    reply_mode: Option<ReplyMode>,
}

impl Session {
    /// Creates the session of a connection. `mailbox` receives its messages, orders and session changes.
    pub fn new(id: u64, peer: Peer, local: Peer, mailbox: Mailbox) -> Self {
        Self { id, peer, local, mailbox: Some(mailbox), ..Self::default() }
    }

    /// Returns the session of a command that did not come from a connection.
    pub(crate) fn none() -> &'static Self {
        static NONE: LazyLock<Session> = LazyLock::new(Session::default);
        &NONE
    }

    /// Returns the ID of the connection in its server, counted from 1; 0 if there is no connection.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the address of the client.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Returns the address of the listener.
    pub fn local(&self) -> &Peer {
        &self.local
    }

    /// Returns the identity in the TLS certificate of the client.
    pub fn tls_identity(&self) -> Option<&str> {
        self.tls_identity.as_deref()
    }

    /// Sets the identity in the TLS certificate of the client.
    pub fn set_tls_identity(&mut self, identity: Option<Arc<str>>) {
        self.tls_identity = identity;
    }

    /// Returns the user of the client; `None` before it has authenticated.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Sets the user.
    pub fn set_user(&mut self, user: Option<Arc<str>>) {
        self.user = user;
    }

    /// Returns the selected database.
    #[inline]
    pub fn database(&self) -> usize {
        self.database
    }

    /// Selects a database.
    pub fn set_database(&mut self, database: usize) {
        self.database = database;
    }

    /// Returns the protocol of the connection.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sets the protocol.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Returns the name that the client gave the connection; empty by default.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Sets the name of the connection.
    pub fn set_name(&mut self, name: ByteString) {
        self.name = name;
    }

    /// Returns the name and the version of the client library, as the client sent them.
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

    /// Returns the values that layers, handlers, the listener and the authenticator stored in the session.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Returns the same values, for changes.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Adds values that are kept until the connection is closed: what a listener knows about the peer.
    pub fn add_facts(&mut self, facts: Extensions) {
        self.extensions.extend(facts.lasting());
    }

    /// Returns the state of MULTI on the connection; `None` if MULTI was not called since it was opened or reset.
    #[inline]
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// Sets the state of MULTI on the connection.
    pub fn set_transaction(&mut self, transaction: Transaction) {
        self.transaction = Some(transaction);
    }

    /// Whether the connection is between MULTI and EXEC or DISCARD.
    #[inline]
    pub fn is_in_transaction(&self) -> bool {
        self.transaction.as_ref().is_some_and(Transaction::is_open)
    }

    /// Returns the subscriptions of the connection; `None` if it did not subscribe since it was opened or reset.
    #[inline]
    pub fn subscriptions(&self) -> Option<&Subscriptions> {
        self.subscriptions.as_ref()
    }

    /// Sets the subscriptions of the connection.
    pub fn set_subscriptions(&mut self, subscriptions: Subscriptions) {
        self.subscriptions = Some(subscriptions);
    }

    /// Whether the connection is subscribed to a channel, a pattern or a shard channel.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.as_ref().is_some_and(Subscriptions::is_any)
    }

    /// Sets which responses the client gets, as CLIENT REPLY does. It applies to the response of the command that sets
    /// it, too.
    pub fn set_reply_mode(&mut self, mode: ReplyMode) {
        self.reply_mode = Some(mode);
    }

    /// Takes the reply mode that was set since the last call: for transports.
    pub fn take_reply_mode(&mut self) -> Option<ReplyMode> {
        self.reply_mode.take()
    }

    /// Resets the user, the database, the protocol, the name, the transaction, the subscriptions and the extensions, as RESET
    /// does. Keeps the connection and the [lasting](Extensions::insert_lasting) extensions.
    ///
    /// The subscriptions end at once, also if this is a copy of the connection's session.
    pub fn reset(&mut self) {
        self.end();
        let Self { id, peer, local, tls_identity, library, mailbox, extensions, .. } = std::mem::take(self);
        *self = Self { id, peer, local, tls_identity, library, mailbox, extensions, ..Self::default() };
    }

    /// Ends the subscriptions, and removes the extensions that are not lasting. The transport calls it before it sends the last
    /// answer of a connection.
    pub fn end(&mut self) {
        if let Some(subscriptions) = self.subscriptions.take() {
            subscriptions.end();
        }
        self.extensions.reset();
    }

    /// Returns the mailbox of the connection; `None` if there is no connection.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.as_ref()
    }

    /// Removes the mailbox, so that nothing reaches the connection.
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
        let transaction = Transaction::new();
        session.set_transaction(transaction.clone());
        assert!(transaction.begin() && session.is_in_transaction());
        session.reset();
        assert!(session.transaction().is_none() && !session.is_in_transaction());
        assert_eq!(
            (session.id(), session.database(), session.user(), session.extensions().get::<u8>()),
            (7, 0, None, None)
        );
        assert!(session.mailbox().is_some());
    }
}
