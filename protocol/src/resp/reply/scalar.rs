//! Values on one line: lengths, numbers, booleans.

use std::str;

use crate::{ProtocolError, parse_integer};

pub(super) const STREAMED: ProtocolError = ProtocolError::InvalidReply("streamed replies are not supported");

/// Reads a length as strictly as those of requests. An integer may have a plus.
pub(super) fn length(line: &[u8]) -> Result<i64, ProtocolError> {
    if line == b"?" {
        return Err(STREAMED);
    }
    parse_integer(line).ok_or(ProtocolError::InvalidReply("invalid number"))
}

pub(super) fn integer(line: &[u8]) -> Result<i64, ProtocolError> {
    parse(line).ok_or(ProtocolError::InvalidReply("invalid number"))
}

pub(super) fn double(line: &[u8]) -> Result<f64, ProtocolError> {
    parse(line).ok_or(ProtocolError::InvalidReply("invalid double"))
}

fn parse<T: str::FromStr>(line: &[u8]) -> Option<T> {
    str::from_utf8(line).ok()?.parse().ok()
}

pub(super) fn boolean(line: &[u8]) -> Result<bool, ProtocolError> {
    match line {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(ProtocolError::InvalidReply("invalid boolean")),
    }
}

pub(super) fn is_big_number(line: &[u8]) -> bool {
    let digits = line.strip_prefix(b"-").or_else(|| line.strip_prefix(b"+")).unwrap_or(line);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
