//! [`Listener`]: a source of connections. TCP and Unix sockets.

use std::{future::Future, io, sync::Arc, time::Duration};

use kvstore_protocol::{Extensions, Peer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    time::sleep,
};

use super::SocketOptions;

/// A source of connections.
///
/// Accepting does not fail: a listener logs its errors (a connection that was reset before it was accepted, no file descriptor
/// left) and tries again, so that the server goes on.
pub trait Listener: Send + 'static {
    /// The byte stream of a connection.
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection, and sets the socket options where they apply.
    ///
    /// # Cancel safety
    /// This method is cancel safe: no connection is lost when the future is dropped.
    fn accept(&mut self, options: &SocketOptions) -> impl Future<Output = Accepted<Self::Io>> + Send;

    /// The address of the listener.
    fn local(&self) -> Peer;
}

/// An accepted connection: its byte stream, and what the listener knows about the peer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted<Io> {
    /// The byte stream.
    pub io: Io,
    /// The address of the peer.
    pub peer: Peer,
    /// The address that the peer has connected to, if it is not that of the listener.
    pub(super) local: Option<Peer>,
    /// The number of the file descriptor, for CLIENT LIST; -1 if there is none.
    pub(super) descriptor: i32,
    pub(super) tls_identity: Option<Arc<str>>,
    /// The users that the peer is known as.
    pub(super) known_as: Vec<String>,
    pub(super) facts: Extensions,
}

impl<Io> Accepted<Io> {
    /// Creates a connection from a byte stream and the address of the peer.
    pub fn new(io: Io, peer: Peer) -> Self {
        let facts = Extensions::default();
        Self { io, peer, local: None, descriptor: -1, tls_identity: None, known_as: Vec::new(), facts }
    }

    /// Replaces the byte stream, for a listener that wraps another one, such as TLS over TCP.
    pub fn map<T>(self, map: impl FnOnce(Io) -> T) -> Accepted<T> {
        let Self { io, peer, local, descriptor, tls_identity, known_as, facts } = self;
        Accepted { io: map(io), peer, local, descriptor, tls_identity, known_as, facts }
    }

    /// Sets the address that the peer has connected to, where it is not that of the listener, such as `0.0.0.0`.
    #[must_use]
    pub fn local(self, local: Peer) -> Self {
        Self { local: Some(local), ..self }
    }

    /// Sets the number of the file descriptor that CLIENT LIST shows.
    #[must_use]
    pub fn descriptor(self, descriptor: i32) -> Self {
        Self { descriptor, ..self }
    }

    /// Sets the identity in the TLS certificate of the peer, for
    /// [`Session::tls_identity`](kvstore_protocol::Session::tls_identity).
    #[must_use]
    pub fn tls_identity(self, identity: impl AsRef<str>) -> Self {
        Self { tls_identity: Some(identity.as_ref().into()), ..self }
    }

    /// Sets the users that the peer is known as, such as those that its TLS certificate names. It is authenticated as the first of
    /// them that [`Authenticate::identify`](super::Authenticate::identify) knows.
    #[must_use]
    pub fn known_as<N: Into<String>>(self, users: impl IntoIterator<Item = N>) -> Self {
        Self { known_as: users.into_iter().map(Into::into).collect(), ..self }
    }

    /// Adds a value about the peer. It is an [extension](kvstore_protocol::Session::extensions) of the session until
    /// the connection is closed.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, fact: T) -> Self {
        self.facts.insert(fact);
        self
    }
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self, options: &SocketOptions) -> Accepted<TcpStream> {
        let (stream, address) = accept_again(self, async |listener| TcpListener::accept(listener).await).await;
        if let Err(error) = set_options(&stream, options) {
            tracing::debug!(%error, peer = %address, "socket options were not set");
        }
        // A listener on `0.0.0.0` accepts connections to many addresses.
        let is_unspecified = self.local_addr().is_ok_and(|local| local.ip().is_unspecified());
        let local = is_unspecified.then(|| stream.local_addr().ok()).flatten();
        let accepted = described(stream, Peer::Tcp(address));
        match local {
            Some(local) => accepted.local(Peer::Tcp(local)),
            None => accepted,
        }
    }

    fn local(&self) -> Peer {
        self.local_addr().map_or(Peer::Memory, Peer::Tcp)
    }
}

impl Listener for UnixListener {
    type Io = UnixStream;

    async fn accept(&mut self, _: &SocketOptions) -> Accepted<UnixStream> {
        let (stream, _) = accept_again(self, async |listener| UnixListener::accept(listener).await).await;
        // Clients of a Unix socket have no address. Like Redis, the path of the server socket is shown instead.
        described(stream, self.local())
    }

    fn local(&self) -> Peer {
        let address = self.local_addr().ok();
        Peer::Unix(address.and_then(|address| address.as_pathname().map(Into::into)).unwrap_or_default())
    }
}

#[cfg(unix)]
fn described<Io: std::os::fd::AsRawFd>(io: Io, peer: Peer) -> Accepted<Io> {
    let descriptor = io.as_raw_fd();
    Accepted::new(io, peer).descriptor(descriptor)
}

#[cfg(not(unix))]
fn described<Io>(io: Io, peer: Peer) -> Accepted<Io> {
    Accepted::new(io, peer)
}

/// Accepts until it succeeds. Errors of a single connection are skipped. After other errors, such as a lack of file
/// descriptors, it waits before the next attempt, longer each time.
async fn accept_again<L, T>(listener: &L, accept: impl AsyncFn(&L) -> io::Result<T>) -> T {
    let mut pause = Duration::from_millis(10);
    loop {
        match accept(listener).await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, ?pause, "cannot accept connections");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn set_options(stream: &TcpStream, options: &SocketOptions) -> io::Result<()> {
    stream.set_nodelay(options.nodelay)?;
    match options.keepalive {
        None => Ok(()),
        Some(silence) => {
            // Like Redis: three probes, at intervals of a third of the time.
            let probe = (silence / 3).max(Duration::from_secs(1));
            let keepalive = socket2::TcpKeepalive::new().with_time(silence).with_interval(probe).with_retries(3);
            socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accepting_goes_on_after_errors_and_pauses_when_resources_are_short() {
        let tries = Cell::new(0);
        let start = Instant::now();
        let accepted = accept_again(&tries, async |tries: &Cell<u32>| {
            tries.set(tries.get() + 1);
            match tries.get() {
                1..=3 => Err(io::ErrorKind::ConnectionAborted.into()),
                // EMFILE: no file descriptor is left.
                4..=6 => Err(io::Error::from_raw_os_error(24)),
                _ => Ok("a connection"),
            }
        });
        assert_eq!(accepted.await, "a connection");
        assert_eq!(start.elapsed().as_millis(), 10 + 20 + 40);
    }
}
