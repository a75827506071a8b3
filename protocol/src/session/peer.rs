//! [`Peer`] and [`Protocol`]: who is at the other end of a connection, and what it speaks.

use std::{fmt, net::SocketAddr, path::PathBuf};

/// The other end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// A client in this process.
    #[default]
    Memory,
    /// An address of a TCP connection.
    Tcp(SocketAddr),
    /// A Unix socket: the path that the server listens on.
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
