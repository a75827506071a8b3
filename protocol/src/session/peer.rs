//! [`Peer`] and [`Protocol`]: the address and the protocol of a connection.

use std::{fmt, net::SocketAddr, path::PathBuf};

/// The address of one end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// An in-memory connection in this process.
    #[default]
    Memory,
    /// A TCP connection.
    Tcp(SocketAddr),
    /// A Unix socket, with the path of the server socket.
    Unix(PathBuf),
}

impl Peer {
    /// Whether the peer is on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Memory | Self::Unix(_) => true,
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
        }
    }
}

/// Formats the address as Redis does: `127.0.0.1:6379`, `/run/kvstore.sock:0` for a Unix socket. In memory it is
/// `memory:0`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:0"),
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{}:0", path.display()),
        }
    }
}

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// RESP2: the RESP of Redis before version 6, which every RESP connection starts with.
    #[default]
    Resp2,
    /// RESP3, which `HELLO 3` selects.
    Resp3,
    /// The binary protocol of this project.
    Native,
    /// Another protocol.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_unix_sockets_are_local() {
        assert!(Peer::Tcp("127.0.0.1:1".parse().unwrap()).is_local());
        assert!(Peer::Tcp("[::ffff:127.0.0.1]:1".parse().unwrap()).is_local());
        assert!(!Peer::Tcp("192.0.2.1:1".parse().unwrap()).is_local());
        assert!(Peer::Unix("/tmp/s".into()).is_local());
    }
}
