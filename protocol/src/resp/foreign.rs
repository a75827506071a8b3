//! Clients of other protocols, told by their first bytes or by a line that only they send.
//!
//! A web page or a mail client can be made to talk to this port. Its request is refused before its body, which somebody
//! else may have written, is read as commands. Redis does the same for `POST` and `Host:`.

use super::inline::ends_word;
use crate::ProtocolError;

/// The first bytes of protocols that do not send lines. The PROXY protocol has two empty lines in front of these.
const OPENINGS: [(&[u8], &str); 2] = [(b"\x16\x03", "TLS"), (b"\0\r\nQUIT\n", PROXY)];

/// The versions that end the request lines of HTTP and its kin.
const VERSIONS: [(&[u8], &str); 3] = [(b"HTTP/", HTTP), (b"RTSP/", "RTSP"), (b"SIP/", "SIP")];

const HTTP: &str = "HTTP";
const PROXY: &str = "the PROXY protocol";
const SMTP: &str = "SMTP";

/// Checks how an inline command starts. False when more bytes are needed to say.
///
/// # Errors
/// When another protocol starts like this, and when no command does.
pub(super) fn check_opening(input: &[u8]) -> Result<bool, ProtocolError> {
    for (opening, protocol) in OPENINGS {
        if input.starts_with(opening) {
            return Err(ProtocolError::ForeignProtocol(protocol));
        }
        if opening.starts_with(input) {
            return Ok(false);
        }
    }
    if input.first() == Some(&0) { Err(ProtocolError::UnexpectedByte(0)) } else { Ok(true) }
}

/// Checks the line of an inline command by its first three words.
///
/// # Errors
/// When it belongs to another protocol.
pub(super) fn check_line(line: &[u8]) -> Result<(), ProtocolError> {
    let mut words = line.split(|byte| ends_word(*byte)).filter(|word| !word.is_empty());
    let words = [(); 3].map(|()| words.next().unwrap_or_default());
    match find_protocol(words) {
        Some(protocol) => Err(ProtocolError::ForeignProtocol(protocol)),
        None => Ok(()),
    }
}

fn find_protocol([first, second, third]: [&[u8]; 3]) -> Option<&'static str> {
    let is = |name: &[u8]| first.eq_ignore_ascii_case(name);
    if is(b"POST") || starts_with(first, b"Host:") {
        return Some(HTTP);
    }
    if is(b"EHLO") || is(b"HELO") || is(b"LHLO") || is(b"DATA") && second.is_empty() {
        return Some(SMTP);
    }
    if is(b"MAIL") && starts_with(second, b"FROM:") || is(b"RCPT") && starts_with(second, b"TO:") {
        return Some(SMTP);
    }
    if first == b"PROXY" && matches!(second, b"TCP4" | b"TCP6" | b"UNKNOWN") {
        return Some(PROXY);
    }
    if first.starts_with(b"SSH-") {
        return Some("SSH");
    }
    let version = VERSIONS.iter().find(|(version, _)| third.starts_with(version));
    version.filter(|_| is(b"CONNECT") || is_target(second)).map(|(_, protocol)| *protocol)
}

/// Whether a word is what a request of HTTP asks for: a path, an asterisk or an address. A key is rarely any of these.
fn is_target(word: &[u8]) -> bool {
    matches!(word.first(), Some(b'/' | b'*'))
        || memchr::memmem::find(word, b"://").is_some()
        || starts_with(word, b"sip:")
        || starts_with(word, b"sips:")
}

/// Whether a word starts with `start`, without regard to case.
fn starts_with(word: &[u8], start: &[u8]) -> bool {
    word.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_only_other_protocols_send_are_refused() {
        for (line, protocol) in [
            ("GET / HTTP/1.1", "HTTP"),
            ("POST", "HTTP"),
            ("post /x HTTP/1.1", "HTTP"),
            ("PUT / HTTP/1.1", "HTTP"),
            ("PROPFIND / HTTP/1.1", "HTTP"),
            ("SET http://host/x HTTP/1.1", "HTTP"),
            ("PRI * HTTP/2.0", "HTTP"),
            ("CONNECT host:1 HTTP/1.1", "HTTP"),
            ("Host: localhost", "HTTP"),
            ("host:localhost", "HTTP"),
            ("OPTIONS rtsp://host/stream RTSP/1.0", "RTSP"),
            ("INVITE sip:ada@host SIP/2.0", "SIP"),
            ("EHLO host", "SMTP"),
            ("helo host", "SMTP"),
            ("LHLO host", "SMTP"),
            ("MAIL FROM:<a@b>", "SMTP"),
            ("mail from: a@b", "SMTP"),
            ("RCPT TO:<a@b>", "SMTP"),
            ("DATA", "SMTP"),
            ("SSH-2.0-OpenSSH_9.6", "SSH"),
            ("PROXY TCP4 127.0.0.1 127.0.0.1 50000 6379", "the PROXY protocol"),
            ("PROXY UNKNOWN", "the PROXY protocol"),
        ] {
            assert_eq!(check_line(line.as_bytes()), Err(ProtocolError::ForeignProtocol(protocol)), "{line}");
        }
    }

    #[test]
    fn commands_that_look_like_them_are_commands() {
        for line in [
            "",
            "GET key",
            "GET /",
            "SET key HTTP/1.1",
            "SET k v EX 1",
            "SET POST Host:",
            "HELLO 3",
            "MAIL key",
            "DATA key",
            "PROXY on",
            "GET SSH-2.0",
        ] {
            assert_eq!(check_line(line.as_bytes()), Ok(()), "{line}");
        }
    }

    #[test]
    fn an_opening_is_told_as_soon_as_it_is_there() {
        for (opening, protocol) in OPENINGS {
            for end in 1..opening.len() {
                assert_eq!(check_opening(&opening[..end]), Ok(false));
            }
            assert_eq!(check_opening(opening), Err(ProtocolError::ForeignProtocol(protocol)));
        }
        assert_eq!(check_opening(b"\0\0"), Err(ProtocolError::UnexpectedByte(0)));
        assert_eq!(check_opening(b"\x16\x02"), Ok(true));
    }
}
