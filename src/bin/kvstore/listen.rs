//! The addresses that the program listens on.

use std::{io, net::SocketAddr, os::unix::net::UnixStream, path::Path};

use tokio::net::{TcpListener, TcpSocket, UnixListener, lookup_host};

/// The length of the queue of connections that are not accepted yet. The kernel has a limit of its own
/// (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Binds a TCP listener to an address or a host name.
///
/// # Errors
/// With the address in the message, when none of its addresses can be listened on.
pub(crate) async fn bind(address: &str, port: u16) -> io::Result<TcpListener> {
    let listener = bind_first(address, port).await;
    listener.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}:{port}: {error}")))
}

/// Binds the first address of a name that can be bound.
async fn bind_first(address: &str, port: u16) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((address, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A burst of connects that exceeds the backlog makes some clients wait for a second, so it is longer than tokio's default.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Binds a Unix socket. Replaces the socket file of a server that no longer runs.
///
/// # Errors
/// With the path in the message, when it cannot be listened on.
pub(crate) fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if path.exists() && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path);
    listener.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display())))
}
