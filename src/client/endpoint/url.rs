//! [`Url`]: a URL in its parts.
//!
//! The split is that of RFC 3986, appendix B. Unlike a validating parser it takes every character in a user, a password
//! or a path, since passwords are often pasted as they are.

/// The parts of a URL, not decoded yet.
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    pub(super) user: &'a str,
    pub(super) password: Option<&'a str>,
    /// An IPv6 address is in brackets.
    pub(super) host: &'a str,
    pub(super) port: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// Splits a URL; `None` when it has no valid scheme.
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let (text, fragment) = cut(text, '#');
        let (text, query) = cut(text, '?');
        let (scheme, rest) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme))?;
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        // The last `@` ends the credentials: a password may have some that are not encoded.
        let (credentials, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = cut(credentials, ':');
        // An empty password is none.
        let password = password.filter(|password| !password.is_empty());
        let (host, port) = split_port(host);
        Some(Self { scheme, user, password, host, port, path, query, fragment })
    }

    /// The parameters of the query, not decoded yet.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

/// Splits `host:port` or `[address]:port`. A `host` without a port has none, and neither has `host:` in a URL.
pub(super) fn split_port(text: &str) -> (&str, Option<&str>) {
    // The colons of an address in brackets separate no port.
    let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    match text[end..].find(':') {
        Some(colon) => (&text[..end + colon], Some(&text[end + colon + 1..])),
        None => (text, None),
    }
}

/// Replaces each `%xx` by its byte; `None` when two digits do not follow a percent sign.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
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

/// Decodes the value of a parameter, in which a `+` is a space.
pub(super) fn decode_parameter(text: &str) -> Option<Vec<u8>> {
    decode(&text.replace('+', " "))
}

fn cut(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
}
