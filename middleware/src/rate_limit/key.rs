//! What commands are counted by.

use std::{
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use kvstore_protocol::{Command, Peer};

/// A key function, with the hash of its key.
type KeyFn = dyn Fn(&Command, &RandomState) -> Option<u64> + Send + Sync;

#[derive(Clone)]
pub(super) enum RateLimitKey {
    All,
    Connection,
    PeerAddress,
    User,
    Function(Arc<KeyFn>),
}

/// The bucket in which a command counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum BucketId {
    /// The bucket of all commands, or of those for whose keys there is no room.
    Shared,
    /// The hash of a key.
    Key(u64),
}

impl RateLimitKey {
    pub(super) fn by<K: Hash>(key: impl Fn(&Command) -> Option<K> + Send + Sync + 'static) -> Self {
        Self::Function(Arc::new(move |command, hasher| key(command).map(|key| hasher.hash_one(key))))
    }

    /// `None` if the command is not limited.
    pub(super) fn bucket_id(&self, command: &Command, hasher: &RandomState) -> Option<BucketId> {
        let key = match self {
            Self::All => return Some(BucketId::Shared),
            Self::Connection => hasher.hash_one(command.session().id()),
            Self::PeerAddress => hasher.hash_one(network(command.session().peer())),
            Self::User => hasher.hash_one(command.session().user()),
            Self::Function(key) => key(command, hasher)?,
        };
        Some(BucketId::Key(key))
    }
}

/// An IPv4 address, or the /64 network of an IPv6 address: a peer that has one of its addresses has 2^64 of them.
fn network(peer: &Peer) -> Option<IpAddr> {
    let Peer::Tcp(address) = peer else { return None };
    Some(match address.ip().to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    })
}

impl fmt::Debug for RateLimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::Connection => "Connection",
            Self::PeerAddress => "PeerAddress",
            Self::User => "User",
            Self::Function(_) => "Function",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network_of(address: &str) -> Option<IpAddr> {
        network(&Peer::Tcp(address.parse().unwrap()))
    }

    #[test]
    fn ports_and_the_lower_half_of_an_address_of_ipv6_do_not_count() {
        assert_eq!(network_of("192.0.2.1:1"), network_of("192.0.2.1:2"));
        assert_eq!(network_of("192.0.2.1:1"), network_of("[::ffff:192.0.2.1]:1"));
        assert_ne!(network_of("192.0.2.1:1"), network_of("192.0.2.2:1"));
        assert_eq!(network_of("[2001:db8::1]:1"), network_of("[2001:db8::ffff:0:0:1]:1"));
        assert_ne!(network_of("[2001:db8:0:1::1]:1"), network_of("[2001:db8:0:2::1]:1"));
        assert_eq!(network(&Peer::Memory), None);
    }
}
