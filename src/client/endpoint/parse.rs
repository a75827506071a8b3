//! From a text to an [`Endpoint`].

use std::{
    ffi::OsString,
    net::{Ipv6Addr, SocketAddr},
    os::unix::ffi::OsStringExt,
    str::FromStr,
};

use super::{
    Address, Endpoint, EndpointError,
    url::{Url, decode, decode_parameter, split_port},
};
use crate::client::handshake::Secret;

/// The default port of RESP.
const RESP_PORT: u16 = 6379;

/// The default port of the native protocol.
const NATIVE_PORT: u16 = 6555;

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let is_url = text.contains("://") || text.starts_with("unix:") || text.starts_with("redis+unix:");
        match is_url {
            true => from_url(text.trim()),
            false => host_and_port(text).map(Self::at),
        }
    }
}

/// Parses `host`, `host:port` or `[address]:port`.
fn host_and_port(text: &str) -> Result<Address, EndpointError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Address::Resolved(vec![address]));
    }
    if text.contains(['@', '/']) {
        return Err(EndpointError::new("an address with more than a host and a port is written as", "redis://…"));
    }
    let (host, port) = split_port(text);
    if host.is_empty() {
        return Err(EndpointError::new("the address has no host", ""));
    }
    let host = parse_host(host).map_err(|_| EndpointError::new("the host of the address is invalid", host))?;
    let port = port.map_or(Ok(RESP_PORT), |port| {
        parse_port(port).ok_or(EndpointError::new("the port of the address is no port", port))
    })?;
    Ok(Address::Host(host, port))
}

fn from_url(text: &str) -> Result<Endpoint, EndpointError> {
    // Errors of the syntax do not show the text: the password may be anywhere in it.
    let url = Url::split(text).ok_or(EndpointError::new("the URL cannot be read", "invalid scheme"))?;
    let scheme = url.scheme.to_ascii_lowercase();
    let rest = [Some(url.path), url.query, url.fragment];
    if !scheme.ends_with("unix") && rest.into_iter().flatten().any(|part| part.contains('@')) {
        // Most likely the password has a character that ended the authority.
        return Err(EndpointError::new("what is no letter or digit in the user or the password is written as", "%xx"));
    }
    let mut endpoint = match &*scheme {
        "redis" => redis(&url)?,
        "rediss" if cfg!(feature = "tls") => Endpoint { is_tls: Some(true), ..redis(&url)? },
        "kv" => native(&url)?,
        "unix" | "redis+unix" => unix(&url)?,
        "rediss" => return Err(EndpointError::new("TLS needs the feature tls of this crate", "rediss")),
        other => return Err(EndpointError::new("the scheme of the URL is not known", other)),
    };
    if url.fragment.is_some() {
        return Err(EndpointError::new("the URL has a fragment", "#"));
    }
    endpoint.set_parameters(&url)?;
    Ok(endpoint)
}

fn redis(url: &Url<'_>) -> Result<Endpoint, EndpointError> {
    let address = tcp(url, RESP_PORT)?;
    let mut endpoint = Endpoint { is_tls: Some(false), is_native: Some(false), ..Endpoint::at(address) };
    endpoint.set_credentials(url)?;
    if let Some(database) = url.path.strip_prefix('/').filter(|database| !database.is_empty()) {
        endpoint.set_database(database)?;
    }
    Ok(endpoint)
}

fn native(url: &Url<'_>) -> Result<Endpoint, EndpointError> {
    let has_more = !matches!(url.path, "" | "/") || url.query.is_some();
    if has_more || !url.user.is_empty() || url.password.is_some() {
        return Err(EndpointError::new(
            "the native protocol has neither users nor databases: say no more than",
            "kv://host:port",
        ));
    }
    let address = tcp(url, NATIVE_PORT)?;
    Ok(Endpoint { is_tls: Some(false), is_native: Some(true), ..Endpoint::at(address) })
}

fn unix(url: &Url<'_>) -> Result<Endpoint, EndpointError> {
    if !url.host.is_empty() || !url.user.is_empty() || url.password.is_some() || url.port.is_some() {
        return Err(EndpointError::new("the URL of a Unix socket has a path and no host", ""));
    }
    let path = decode(url.path).ok_or(EndpointError::new("the path of the URL is wrongly escaped", url.path))?;
    if !path.starts_with(b"/") {
        return Err(EndpointError::new("the path of a Unix socket starts with a slash", url.path));
    }
    Ok(Endpoint::unix(OsString::from_vec(path)))
}

fn tcp(url: &Url<'_>, default_port: u16) -> Result<Address, EndpointError> {
    if url.host.is_empty() {
        return Err(EndpointError::new("the URL has no host", ""));
    }
    let unreadable = |why| EndpointError::new("the URL cannot be read", why);
    let host = parse_host(url.host).map_err(unreadable)?;
    let port = match url.port.filter(|port| !port.is_empty()) {
        None => default_port,
        Some(port) => parse_port(port).ok_or_else(|| unreadable("invalid port number"))?,
    };
    Ok(Address::Host(host, port))
}

/// A host name, or the address in the brackets. The error says what it is not.
fn parse_host(text: &str) -> Result<String, &'static str> {
    let Some(bracketed) = text.strip_prefix('[') else {
        let is_valid = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '.' | '_');
        return if text.chars().all(is_valid) { Ok(text.to_owned()) } else { Err("invalid host") };
    };
    let address = bracketed.strip_suffix(']').unwrap_or_default();
    // The zone of a link-local address is for the resolver.
    let (unscoped, _zone) = address.split_once('%').unwrap_or((address, ""));
    unscoped.parse::<Ipv6Addr>().map(|_| address.to_owned()).map_err(|_| "invalid IPv6 address")
}

fn parse_port(text: &str) -> Option<u16> {
    // The standard library takes a sign.
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Endpoint {
    fn set_credentials(&mut self, url: &Url<'_>) -> Result<(), EndpointError> {
        if !url.user.is_empty() {
            self.user = Some(utf8(decode(url.user), "the user of the URL is wrongly escaped")?);
        }
        match url.password {
            Some(password) => self.password = Some(secret(decode(password))?),
            None if self.user.is_none() => {}
            None => {
                return Err(EndpointError::new(
                    "the URL has a user and no password; a password alone is written",
                    ":password@",
                ));
            }
        }
        Ok(())
    }

    fn set_parameters(&mut self, url: &Url<'_>) -> Result<(), EndpointError> {
        let is_unix = matches!(self.address, Address::Unix(_));
        for (key, value) in url.parameters() {
            let decoded = || decode_parameter(value);
            match key {
                "db" => self.set_database(value)?,
                "protocol" => self.set_protocol(value)?,
                "name" => self.name = Some(utf8(decoded(), "the name of the URL is wrongly escaped")?),
                "user" if is_unix => self.user = Some(utf8(decoded(), "the user of the URL is wrongly escaped")?),
                "password" if is_unix => self.password = Some(secret(decoded())?),
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

    fn set_protocol(&mut self, text: &str) -> Result<(), EndpointError> {
        self.is_resp3 = Some(match text {
            "resp2" | "2" => false,
            "resp3" | "3" => true,
            other => return Err(EndpointError::new("the protocol of the URL is neither resp2 nor resp3", other)),
        });
        Ok(())
    }
}

fn utf8(decoded: Option<Vec<u8>>, problem: &'static str) -> Result<String, EndpointError> {
    decoded.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(EndpointError::new(problem, ""))
}

fn secret(decoded: Option<Vec<u8>>) -> Result<Secret, EndpointError> {
    decoded.map(Secret).ok_or(EndpointError::new("the password of the URL is wrongly escaped", ""))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn parse(text: &str) -> Endpoint {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn error(text: &str) -> String {
        text.parse::<Endpoint>().expect_err(text).to_string()
    }

    fn tcp(host: &str, port: u16) -> Address {
        Address::Host(host.to_owned(), port)
    }

    #[test]
    fn plain_addresses_are_resp() {
        for (text, address) in [
            ("localhost:7000", tcp("localhost", 7000)),
            ("localhost", tcp("localhost", 6379)),
            ("[::1]", tcp("::1", 6379)),
            ("127.0.0.1:7000", Address::Resolved(vec!["127.0.0.1:7000".parse().unwrap()])),
            ("[::1]:7000", Address::Resolved(vec!["[::1]:7000".parse().unwrap()])),
        ] {
            let endpoint = parse(text);
            assert_eq!((endpoint.address, endpoint.is_native), (address, None), "{text}");
        }
    }

    #[test]
    fn a_redis_url_says_who_and_where() {
        let endpoint = parse("redis://a%6En:p%40%2f%3A+s@[::1]:7000/3?protocol=resp3&name=worker");
        assert_eq!(endpoint.address, tcp("::1", 7000));
        assert_eq!(endpoint.user.as_deref(), Some("ann"));
        assert_eq!(endpoint.password.map(|password| password.0), Some(b"p@/:+s".to_vec()));
        assert_eq!((endpoint.database, endpoint.is_resp3), (Some(3), Some(true)));
        assert_eq!(endpoint.name.as_deref(), Some("worker"));
        let endpoint = parse("redis://:%ff@host/");
        assert_eq!((endpoint.user, endpoint.database), (None, None));
        assert_eq!(
            (endpoint.address, endpoint.password.map(|password| password.0)),
            (tcp("host", 6379), Some(vec![0xff]))
        );
    }

    #[test]
    fn a_url_says_whether_it_is_over_tls() {
        for (text, is_tls) in [("redis://host", Some(false)), ("unix:/s", Some(false)), ("host:7000", None)] {
            assert_eq!(parse(text).is_tls, is_tls, "{text}");
        }
        #[cfg(feature = "tls")]
        assert_eq!((parse("rediss://host").is_tls, parse("rediss://host/3").database), (Some(true), Some(3)));
        #[cfg(not(feature = "tls"))]
        assert_eq!(error("rediss://host"), "TLS needs the feature tls of this crate: rediss");
    }

    #[test]
    fn a_unix_socket_has_a_path_and_parameters() {
        for text in ["unix:/run/kv%20s.sock?db=1", "unix:///run/kv%20s.sock?db=1", "redis+unix:///run/kv%20s.sock?db=1"]
        {
            let endpoint = parse(text);
            assert_eq!(
                (endpoint.address, endpoint.database),
                (Address::Unix("/run/kv s.sock".into()), Some(1)),
                "{text}"
            );
        }
        let endpoint = parse("unix:/s?user=ann&password=a%26b");
        assert_eq!(endpoint.user.as_deref(), Some("ann"));
        assert_eq!(endpoint.password.map(|password| password.0), Some(b"a&b".to_vec()));
        let endpoint = parse("unix:/s?password=a+b%ff");
        assert_eq!(endpoint.password.map(|password| password.0), Some(b"a b\xff".to_vec()));
    }

    proptest! {
        #[test]
        fn every_password_and_path_can_be_percent_encoded(bytes in vec(any::<u8>(), 1..20)) {
            let encoded: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            for text in [format!("redis://:{encoded}@host"), format!("unix:/s?password={encoded}")] {
                prop_assert_eq!(&parse(&text).password.expect("a password").0, &bytes);
            }
            let path = Endpoint::unix(OsString::from_vec([b"/", &bytes[..]].concat())).address;
            prop_assert_eq!(parse(&format!("unix:/{encoded}")).address, path);
        }

        #[test]
        fn no_text_shows_the_password(before in ".{0,8}", after in "[\\]\\[@:/?#&=%a1 ]{0,12}", tail in ".{0,12}") {
            let text = format!("redis://{before}:s3cret{after}@{tail}");
            if let Err(error) = text.parse::<Endpoint>() {
                prop_assert!(!format!("{error} {error:?}").contains("s3cret"), "{text}: {error}");
            }
        }

        #[test]
        fn every_text_is_an_endpoint_or_an_error(text in "(redis:|unix:|kv:)?/{0,3}\\PC{0,30}") {
            let _ = text.parse::<Endpoint>();
        }
    }

    #[test]
    fn the_native_protocol_has_a_scheme_and_no_more() {
        let endpoint = parse("kv://localhost");
        assert_eq!((endpoint.address, endpoint.is_native), (tcp("localhost", 6555), Some(true)));
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
            ("redis://localhost?timeout=1", "the URL has a parameter that is not known: timeout"),
            ("redis://localhost?protocol=4", "the protocol of the URL is neither resp2 nor resp3: 4"),
            ("redis://localhost#x", "the URL has a fragment: #"),
            ("redis://localhost:+80", "the URL cannot be read: invalid port number"),
            ("redis://[::1]x:80", "the URL cannot be read: invalid IPv6 address"),
            ("redis://local host", "the URL cannot be read: invalid host"),
            ("1://localhost", "the URL cannot be read: invalid scheme"),
            ("unix:/s?password=%f", "the password of the URL is wrongly escaped"),
            ("unix:relative", "the path of a Unix socket starts with a slash: relative"),
            ("unix://host/path", "the URL of a Unix socket has a path and no host"),
            ("localhost:http", "the port of the address is no port: http"),
            ("localhost:70000", "the port of the address is no port: 70000"),
            ("[::1]x", "the host of the address is invalid: [::1]x"),
            ("local host", "the host of the address is invalid: local host"),
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
            "rediss://:s3cret@localhost/x",
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
