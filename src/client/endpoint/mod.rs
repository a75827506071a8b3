//! [`Endpoint`]: the address of a server, and the settings that its URL has for the client.

mod error;
mod parse;
mod url;

use std::{net::SocketAddr, path::PathBuf};

pub use self::error::EndpointError;
use super::handshake::Secret;

/// The address of a server.
///
/// | text | meaning |
/// |---|---|
/// | `host`, `host:port`, `[::1]:port` | TCP, RESP unless the builder says otherwise; the default port is 6379 |
/// | `redis://[[user]:password@]host[:port][/database]` | RESP over TCP, with credentials and a database |
/// | `rediss://…` | the same over TLS, with the feature `tls` |
/// | `unix:/path`, `unix:///path`, `redis+unix:///path`, each with `?db=1` | RESP over a Unix socket |
/// | `kv://host[:port]` | the native protocol over TCP; the default port is 6555 |
///
/// RESP URLs take the parameters `?protocol=resp3` (or `resp2`), `?name=…` for the name of the connection and, for Unix
/// sockets, `?user=…` and `?password=…`. Percent-encoding (`%xx`) writes any byte in a user, a password or a path.
///
/// Neither `Debug` nor an error shows the password.
///
/// ```
/// use kvstore::client::Endpoint;
///
/// let endpoint: Endpoint = "redis://ann:s%40cret@localhost/3".parse()?;
/// assert!(!format!("{endpoint:?}").contains("cret"));
/// let error = "redis://localhost/three".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.to_string(), "the database of the URL is no number: three");
/// # Ok::<(), kvstore::client::EndpointError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) address: Address,
    /// `None` leaves it to the settings of the builder, here and in the fields below.
    pub(super) is_tls: Option<bool>,
    pub(super) is_native: Option<bool>,
    pub(super) is_resp3: Option<bool>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: Option<usize>,
    pub(super) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A host and a port. The host is resolved at each connect.
    Host(String, u16),
    /// Addresses to try in their order, until one accepts.
    Resolved(Vec<SocketAddr>),
    Unix(PathBuf),
}

#[cfg(feature = "tls")]
impl Address {
    /// The name that the certificate of the server has.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Host(host, _) => host.clone(),
            Self::Resolved(addresses) => addresses.first().map(|address| address.ip().to_string()).unwrap_or_default(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl Endpoint {
    /// RESP over the Unix socket at `path`.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { is_tls: Some(false), ..Self::at(Address::Unix(path.into())) }
    }

    pub(super) fn at(address: Address) -> Self {
        Self {
            address,
            is_tls: None,
            is_native: None,
            is_resp3: None,
            user: None,
            password: None,
            database: None,
            name: None,
        }
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &str) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::at(Address::Resolved(vec![address]))
    }
}

/// A host and a port.
impl From<(&str, u16)> for Endpoint {
    fn from((host, port): (&str, u16)) -> Self {
        Self::at(Address::Host(host.to_owned(), port))
    }
}
