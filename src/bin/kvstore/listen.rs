//! The addresses that the program listens on.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UnixListener, lookup_host};

/// Why the program does not listen.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CannotListen(pub(crate) String);

/// Binds a TCP listener to an address or a host name: `*` is all addresses of IPv4, `::*` all of IPv6. Returns `None` for one with
/// a `-` in front that does not exist here.
///
/// # Errors
/// With the address in the message, when none of its addresses can be listened on.
pub(crate) async fn bind(address: &str, port: u16, backlog: i32) -> Result<Option<TcpListener>, CannotListen> {
    let (name, is_optional) = address.strip_prefix('-').map_or((address, false), |name| (name, true));
    let name = match name {
        "*" => "0.0.0.0",
        "::*" => "::",
        name => name,
    };
    match bind_first(name, port, backlog).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if is_optional && is_missing(&error) => {
            tracing::info!(address, %error, "an optional address does not exist here");
            Ok(None)
        }
        Err(error) => Err(CannotListen(format!("cannot listen on {name}:{port}: {error}"))),
    }
}

/// Whether an address does not exist on this machine, or the protocol does not.
fn is_missing(error: &io::Error) -> bool {
    let no_protocol = [libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT, libc::EPFNOSUPPORT, libc::ESOCKTNOSUPPORT];
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error().is_some_and(|code| no_protocol.contains(&code))
}

/// Binds the first address of a name that can be bound.
async fn bind_first(address: &str, port: u16, backlog: i32) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((address, port)).await? {
        match listen(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Listens on an address. A burst of connects that exceeds the backlog makes some clients wait for a second.
fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // So that `::` and `0.0.0.0` can be listened on at the same time.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    TcpListener::from_std(socket.into())
}

/// The file of a Unix socket that is listened on.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// The device and the number of the file.
    id: (u64, u64),
}

/// Removes the file, unless another program has put its own in the place.
impl Drop for SocketFile {
    fn drop(&mut self) {
        if id_of(&self.path).is_ok_and(|id| id == self.id) {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Binds a Unix socket, with these permissions if there are some. Replaces the socket of a server that no longer runs, and nothing
/// else.
///
/// # Errors
/// With the path in the message, when it cannot be listened on.
pub(crate) fn bind_unix(path: &Path, permissions: Option<u32>) -> Result<(UnixListener, SocketFile), CannotListen> {
    let bound = listen_unix(path, permissions);
    bound.map_err(|error| CannotListen(format!("cannot listen on {}: {error}", path.display())))
}

fn listen_unix(path: &Path, permissions: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    if let Ok(file) = fs::symlink_metadata(path) {
        if !file.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file is no socket, and is not replaced"));
        }
        if UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            fs::remove_file(path)?;
        }
    }
    let listener = UnixListener::bind(path)?;
    if let Some(mode) = permissions {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok((listener, SocketFile { path: path.to_owned(), id: id_of(path)? }))
}
