//! [`Endpoint`]: where a server is, and what its URL says about the client.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    str::{self, FromStr},
};

use ::url::{Host, Url};

use super::handshake::Secret;

/// The port of a RESP server that is not said.
const RESP_PORT: u16 = 6379;

/// The port of the native protocol that is not said.
const NATIVE_PORT: u16 = 6555;

/// The place of a server.
///
/// | text | what it is |
/// |---|---|
/// | `host`, `host:port`, `[::1]:port` | TCP; RESP unless the settings say otherwise; port 6379 unless it is said |
/// | `redis://[[user]:password@]host[:port][/database]` | RESP over TCP, with what the client says first |
/// | `unix:/path`, `unix:///path`, `redis+unix:///path`, each with `?db=1` | RESP over a Unix socket |
/// | `kv://host[:port]` | the native protocol over TCP; port 6555 unless it is said |
///
/// RESP URLs may say `?protocol=resp3` (or `resp2`), `?name=…` for the name of the connection and, those of Unix
/// sockets, `?user=…` and `?password=…`. Users, passwords and paths may have any byte in them as `%xx`.
///
/// Neither `Debug` nor an error ever shows the password.
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
    pub(super) place: Place,
    /// Nothing where the text leaves it to the settings.
    pub(super) is_native: Option<bool>,
    pub(super) is_resp3: Option<bool>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: Option<usize>,
    pub(super) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Looked up each time it is connected to.
    Tcp(String, u16),
    /// The first that accepts.
    Addresses(Vec<SocketAddr>),
    Unix(PathBuf),
}

impl Endpoint {
    /// The Unix socket at `path`, and RESP.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::Unix(path.into()))
    }

    pub(super) fn at(place: Place) -> Self {
        Self { place, is_native: None, is_resp3: None, user: None, password: None, database: None, name: None }
    }

    fn from_url(url: &Url) -> Result<Self, EndpointError> {
        let rest = [Some(url.path()), url.query(), url.fragment()];
        if !url.scheme().ends_with("unix") && rest.into_iter().flatten().any(|part| part.contains('@')) {
            // Most likely it is the password that goes on to there.
            return Err(EndpointError::new(
                "what is no letter or digit in the user or the password is written as",
                "%xx",
            ));
        }
        let mut endpoint = match url.scheme() {
            "redis" => Self::of_redis(url)?,
            "kv" => Self::of_native(url)?,
            "unix" | "redis+unix" => Self::of_unix(url)?,
            "rediss" => return Err(EndpointError::new("TLS is not built in: connect a stream of your own", "rediss")),
            other => return Err(EndpointError::new("the scheme of the URL is not known", other)),
        };
        if url.fragment().is_some() {
            return Err(EndpointError::new("the URL has a fragment", "#"));
        }
        endpoint.read_query(url)?;
        Ok(endpoint)
    }

    fn of_redis(url: &Url) -> Result<Self, EndpointError> {
        let mut endpoint = Self { is_native: Some(false), ..Self::at(tcp(url, RESP_PORT)?) };
        endpoint.set_credentials(url)?;
        if let Some(database) = url.path().strip_prefix('/').filter(|database| !database.is_empty()) {
            endpoint.set_database(database)?;
        }
        Ok(endpoint)
    }

    fn of_native(url: &Url) -> Result<Self, EndpointError> {
        let has_more = !matches!(url.path(), "" | "/") || url.query().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::new(
                "the native protocol has neither users nor databases: say no more than",
                "kv://host:port",
            ));
        }
        Ok(Self { is_native: Some(true), ..Self::at(tcp(url, NATIVE_PORT)?) })
    }

    fn of_unix(url: &Url) -> Result<Self, EndpointError> {
        if url.host_str().is_some_and(|host| !host.is_empty()) {
            return Err(EndpointError::new("the URL of a Unix socket has a path and no host", ""));
        }
        let path =
            decode(url.path()).ok_or(EndpointError::new("the path of the URL is wrongly escaped", url.path()))?;
        if !path.starts_with(b"/") {
            return Err(EndpointError::new("the path of a Unix socket starts with a slash", url.path()));
        }
        Ok(Self::unix(path_of(path)))
    }

    fn set_credentials(&mut self, url: &Url) -> Result<(), EndpointError> {
        let not_utf8 = || EndpointError::new("the user of the URL is wrongly escaped", "");
        if !url.username().is_empty() {
            let user = decode(url.username()).ok_or_else(not_utf8)?;
            self.user = Some(String::from_utf8(user).map_err(|_| not_utf8())?);
        }
        if let Some(password) = url.password() {
            let wrong = EndpointError::new("the password of the URL is wrongly escaped", "");
            self.password = Some(Secret(decode(password).ok_or(wrong)?));
        } else if self.user.is_some() {
            return Err(EndpointError::new(
                "the URL has a user and no password; a password alone is written",
                ":password@",
            ));
        }
        Ok(())
    }

    fn read_query(&mut self, url: &Url) -> Result<(), EndpointError> {
        let is_unix = matches!(self.place, Place::Unix(_));
        for (key, value) in url.query_pairs() {
            match &*key {
                "db" => self.set_database(&value)?,
                "protocol" => {
                    self.is_resp3 = Some(match &*value {
                        "resp2" | "2" => false,
                        "resp3" | "3" => true,
                        other => {
                            return Err(EndpointError::new(
                                "the protocol of the URL is neither resp2 nor resp3",
                                other,
                            ));
                        }
                    });
                }
                "name" => self.name = Some(value.into_owned()),
                "user" if is_unix => self.user = Some(value.into_owned()),
                "password" if is_unix => self.password = Some(Secret(value.into_owned().into_bytes())),
                other => return Err(EndpointError::new("the URL has a parameter that is not known", other)),
            }
        }
        Ok(())
    }

    fn set_database(&mut self, text: &str) -> Result<(), EndpointError> {
        let database = text.parse().map_err(|_| EndpointError::new("the database of the URL is no number", text))?;
        self.database = Some(database);
        Ok(())
    }
}

fn tcp(url: &Url, default_port: u16) -> Result<Place, EndpointError> {
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) if !host.to_string().is_empty() => host.to_string(),
        _ => return Err(EndpointError::new("the URL has no host", "")),
    };
    Ok(Place::Tcp(host, url.port().unwrap_or(default_port)))
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let is_url = text.contains("://") || text.starts_with("unix:") || text.starts_with("redis+unix:");
        if !is_url {
            return plain(text).map(Self::at);
        }
        let url = Url::parse(text).map_err(|error| {
            // The text itself may have the password anywhere, since it is not understood.
            EndpointError::new("the URL cannot be read", &error.to_string())
        })?;
        Self::from_url(&url)
    }
}

/// `host`, `host:port` or `[address]:port`.
fn plain(text: &str) -> Result<Place, EndpointError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Place::Addresses(vec![address]));
    }
    if text.contains(['@', '/']) {
        return Err(EndpointError::new("an address with more than a host and a port is written as", "redis://…"));
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(EndpointError::new("the address has no host", ""));
    }
    let port = match port {
        None => RESP_PORT,
        Some(port) => port.parse().map_err(|_| EndpointError::new("the port of the address is no port", port))?,
    };
    Ok(Place::Tcp(host.to_owned(), port))
}

/// What stands behind `%xx`; nothing when such an escape is not one.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (digit(bytes.next()?)? << 4 | digit(bytes.next()?)?) as u8
            }
            other => other,
        });
    }
    Some(decoded)
}

fn path_of(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
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
        Self::at(Place::Addresses(vec![address]))
    }
}

/// A host and a port.
impl From<(&str, u16)> for Endpoint {
    fn from((host, port): (&str, u16)) -> Self {
        Self::at(Place::Tcp(host.to_owned(), port))
    }
}

/// A text that says no [`Endpoint`]. It shows the part that is wrong, and never a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError {
    what: &'static str,
    part: String,
}

impl EndpointError {
    fn new(what: &'static str, part: &str) -> Self {
        Self { what, part: part.chars().take(64).collect() }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if self.part.is_empty() { Ok(()) } else { write!(f, ": {}", self.part.escape_debug()) }
    }
}

impl std::error::Error for EndpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Endpoint {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn error(text: &str) -> String {
        text.parse::<Endpoint>().expect_err(text).to_string()
    }

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp(host.to_owned(), port)
    }

    #[test]
    fn plain_addresses_are_resp() {
        for (text, place) in [
            ("localhost:7000", tcp("localhost", 7000)),
            ("localhost", tcp("localhost", 6379)),
            ("[::1]", tcp("::1", 6379)),
            ("127.0.0.1:7000", Place::Addresses(vec!["127.0.0.1:7000".parse().unwrap()])),
            ("[::1]:7000", Place::Addresses(vec!["[::1]:7000".parse().unwrap()])),
        ] {
            let endpoint = parse(text);
            assert_eq!((endpoint.place, endpoint.is_native), (place, None), "{text}");
        }
    }

    #[test]
    fn a_redis_url_says_who_and_where() {
        let endpoint = parse("redis://a%6En:p%40%2f%3A+s@[::1]:7000/3?protocol=resp3&name=worker");
        assert_eq!(endpoint.place, tcp("::1", 7000));
        assert_eq!(endpoint.user.as_deref(), Some("ann"));
        assert_eq!(endpoint.password.map(|password| password.0), Some(b"p@/:+s".to_vec()));
        assert_eq!((endpoint.database, endpoint.is_resp3), (Some(3), Some(true)));
        assert_eq!(endpoint.name.as_deref(), Some("worker"));
        let endpoint = parse("redis://:%ff@host/");
        assert_eq!((endpoint.user, endpoint.database), (None, None));
        assert_eq!(
            (endpoint.place, endpoint.password.map(|password| password.0)),
            (tcp("host", 6379), Some(vec![0xff]))
        );
    }

    #[test]
    fn a_unix_socket_has_a_path_and_parameters() {
        for text in ["unix:/run/kv%20s.sock?db=1", "unix:///run/kv%20s.sock?db=1", "redis+unix:///run/kv%20s.sock?db=1"]
        {
            let endpoint = parse(text);
            assert_eq!((endpoint.place, endpoint.database), (Place::Unix("/run/kv s.sock".into()), Some(1)), "{text}");
        }
        let endpoint = parse("unix:/s?user=ann&password=a%26b");
        assert_eq!(endpoint.user.as_deref(), Some("ann"));
        assert_eq!(endpoint.password.map(|password| password.0), Some(b"a&b".to_vec()));
    }

    #[test]
    fn the_native_protocol_has_a_scheme_and_no_more() {
        let endpoint = parse("kv://localhost");
        assert_eq!((endpoint.place, endpoint.is_native), (tcp("localhost", 6555), Some(true)));
        for text in ["kv://:secret@localhost", "kv://localhost/1", "kv://localhost?db=1"] {
            assert!(error(text).starts_with("the native protocol has neither users nor databases"), "{text}");
        }
    }

    #[test]
    fn the_part_that_is_wrong_is_said() {
        for (text, said) in [
            ("redis://localhost/three", "the database of the URL is no number: three"),
            ("redis://localhost/-1", "the database of the URL is no number: -1"),
            ("redis://localhost:99999", "the URL cannot be read: invalid port number"),
            ("redis://", "the URL has no host"),
            ("redis:///3", "the URL has no host"),
            ("http://localhost", "the scheme of the URL is not known: http"),
            ("rediss://localhost", "TLS is not built in: connect a stream of your own: rediss"),
            ("redis://localhost?timeout=1", "the URL has a parameter that is not known: timeout"),
            ("redis://localhost?protocol=4", "the protocol of the URL is neither resp2 nor resp3: 4"),
            ("redis://localhost#x", "the URL has a fragment: #"),
            ("unix:relative", "the path of a Unix socket starts with a slash: relative"),
            ("unix://host/path", "the URL of a Unix socket has a path and no host"),
            ("localhost:http", "the port of the address is no port: http"),
            ("localhost:70000", "the port of the address is no port: 70000"),
            ("", "the address has no host"),
            (":7000", "the address has no host"),
        ] {
            assert_eq!(error(text), said, "{text}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        for text in [
            "redis://ann:s3cret@localhost/x",
            "redis://:s3cret@localhost:99999",
            "redis://ann:s3cret%zz@localhost",
            "redis://ann:s3cret@",
            "redis://ann:s3cret/@localhost",
            "redis://ann:s3cret",
            "redis://ann:12/s3cret@localhost",
            "redis://ann:12?s3cret@localhost",
            "redis://ann:1@2?s3cret@localhost",
            "redis://s3cret@localhost",
            "s3cret@localhost:6379",
            ":s3cret@localhost",
            "kv://:s3cret@localhost",
            "rediss://:s3cret@localhost",
            "redis://ann:s3cret@localhost?db=x",
            "unix:/s?password=s3cret&db=x",
            "unix://ann:s3cret@/path?db=x",
        ] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
        let debug = format!("{:?}", parse("redis://ann:s3cret@localhost"));
        assert!(debug.contains("ann") && !debug.contains("s3cret"), "{debug}");
    }
}
