//! [`Session`]: who sent a command, and under which circumstances.

use std::{
    any::{Any, TypeId},
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use crate::{ByteString, mailbox::Mailbox};

/// What is known about the connection a command came from, at the time it was decoded.
///
/// A snapshot: it never changes under a command that carries it. Only barrier commands (AUTH, SELECT, HELLO, …) lead to
/// another one, for the commands after them. Readable from every layer and handler, without locks.
///
/// ```
/// use kvstore_protocol::{Command, Session};
///
/// let mut session = Session::default();
/// session.set_database(3);
/// let command = Command::get("key").in_session(session.into(), 1);
/// assert_eq!(command.session().database(), 3);
/// ```
#[derive(Clone, Default)]
pub struct Session {
    id: u64,
    peer: Peer,
    local: Peer,
    identity: Option<Arc<str>>,
    user: Option<Arc<str>>,
    database: usize,
    protocol: Protocol,
    name: ByteString,
    library: (ByteString, ByteString),
    extensions: Vec<(TypeId, Arc<dyn Any + Send + Sync>)>,
    mailbox: Option<Mailbox>,
}

/// The protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// RESP as Redis spoke it before version 6: where a RESP connection starts.
    #[default]
    Resp2,
    /// RESP as `HELLO 3` asks for.
    Resp3,
    /// The binary protocol of this project.
    Native,
    /// Another one.
    Other,
}

/// The other end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// Somebody in this process.
    #[default]
    Memory,
    /// An address of a TCP connection.
    Tcp(SocketAddr),
    /// A Unix socket: the path that the server listens on.
    Unix(PathBuf),
}

impl Peer {
    /// Whether nobody but this machine can be at the other end.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Memory | Self::Unix(_) => true,
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
        }
    }
}

/// `127.0.0.1:6379`, `/run/kvstore.sock:0` (as Redis writes a Unix socket), `memory:0`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:0"),
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{}:0", path.display()),
        }
    }
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

    /// What a TLS certificate said about the peer.
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Sets what a TLS certificate said about the peer.
    pub fn set_identity(&mut self, identity: Option<Arc<str>>) {
        self.identity = identity;
    }

    /// The user that the peer has shown to be.
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

    /// What a layer or a handler left in the session, found by its type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.extensions.iter().find(|(known, _)| *known == id).and_then(|(_, value)| value.downcast_ref())
    }

    /// Leaves a value in the session, in place of an older one of the same type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.remove::<T>();
        self.extensions.push((TypeId::of::<T>(), Arc::new(value)));
    }

    /// Takes a value out of the session.
    pub fn remove<T: Send + Sync + 'static>(&mut self) {
        self.extensions.retain(|(known, _)| *known != TypeId::of::<T>());
    }

    /// Forgets what the client said and did: user, database, protocol, name, extensions. The connection stays.
    ///
    /// The extensions of layers go too, so a layer must not take one for lasting. A server puts what it leaves in each
    /// session itself, its `ServerStatus`, back at RESET.
    pub fn reset(&mut self) {
        let Self { id, peer, local, identity, library, mailbox, .. } = std::mem::take(self);
        *self = Self { id, peer, local, identity, library, mailbox, ..Self::default() };
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
    fn extensions_are_found_by_type_and_replaced() {
        let mut session = Session::default();
        session.insert(1_u8);
        session.insert("text");
        session.insert(2_u8);
        assert_eq!((session.get::<u8>(), session.get::<&str>(), session.get::<u16>()), (Some(&2), Some(&"text"), None));
    }

    #[test]
    fn reset_keeps_the_connection_alone() {
        let (mailbox, _inbox) = crate::mailbox::mailbox(1);
        let mut session = Session::new(7, Peer::Memory, Peer::Memory, mailbox);
        session.set_database(3);
        session.set_user(Some("alice".into()));
        session.insert(1_u8);
        session.reset();
        assert_eq!((session.id(), session.database(), session.user(), session.get::<u8>()), (7, 0, None, None));
        assert!(session.mailbox().is_some());
    }

    #[test]
    fn loopback_and_unix_sockets_are_local() {
        assert!(Peer::Tcp("127.0.0.1:1".parse().unwrap()).is_local());
        assert!(Peer::Tcp("[::ffff:127.0.0.1]:1".parse().unwrap()).is_local());
        assert!(!Peer::Tcp("192.0.2.1:1".parse().unwrap()).is_local());
        assert!(Peer::Unix("/tmp/s".into()).is_local());
    }
}
