//! Identifiers of entries, as commands have them.

use kvstore_protocol::{CommandError, parse_integer};

use crate::store::{args::Args, value::StreamId};

const INVALID: CommandError = CommandError::new("ERR", "Invalid stream ID specified as stream command argument");
const INVALID_START: CommandError = CommandError::new("ERR", "invalid start ID for the interval");
const INVALID_END: CommandError = CommandError::new("ERR", "invalid end ID for the interval");

/// The longest text of an identifier that is read.
const MAX_TEXT: usize = 127;

/// The identifier that an entry is added with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewId {
    /// `*`: by the time.
    Auto,
    /// `ms-*`: with the next sequence number.
    AutoSequence(u64),
    Given(StreamId),
}

impl NewId {
    pub(super) fn parse(text: &[u8]) -> Result<Self, CommandError> {
        match text {
            b"*" => Ok(Self::Auto),
            [ms @ .., b'-', b'*'] if text.len() <= MAX_TEXT => parse_part(ms).map(Self::AutoSequence).ok_or(INVALID),
            text => parse_strict(text).map(Self::Given),
        }
    }
}

/// Parses an identifier. Without a sequence number it has the number 0.
pub(super) fn parse_strict(text: &[u8]) -> Result<StreamId, CommandError> {
    parse(text, 0).ok_or(INVALID)
}

/// The same, for `-` and `+` too, which are the least and the greatest identifier.
pub(super) fn parse_any(text: &[u8], missing: u64) -> Result<StreamId, CommandError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => parse(text, missing).ok_or(INVALID),
    }
}

/// The identifiers from an argument on.
pub(super) fn parse_all(args: &Args<'_>, from: usize) -> Result<Vec<StreamId>, CommandError> {
    args.from(from).map(parse_strict).collect()
}

/// The start of an interval. Behind `(` it does not belong to it.
pub(super) fn parse_start(text: &[u8]) -> Result<StreamId, CommandError> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => parse_strict(id)?.next().ok_or(INVALID_START),
        text => parse_any(text, 0),
    }
}

/// The end of an interval. Without a sequence number it is that of the last entry of its millisecond.
pub(super) fn parse_end(text: &[u8]) -> Result<StreamId, CommandError> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => parse(id, u64::MAX).ok_or(INVALID)?.prev().ok_or(INVALID_END),
        text => parse_any(text, u64::MAX),
    }
}

fn parse(text: &[u8], missing: u64) -> Option<StreamId> {
    if text.len() > MAX_TEXT {
        return None;
    }
    match text.iter().position(|byte| *byte == b'-') {
        Some(at) => Some(StreamId::new(parse_part(&text[..at])?, parse_part(&text[at + 1..])?)),
        None => Some(StreamId::new(parse_part(text)?, missing)),
    }
}

/// Parses a number as Redis does: strictly, and what is no integer then as the C library does.
fn parse_part(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_integer(text) {
        return u64::try_from(number).ok();
    }
    let text = text.trim_ascii_start();
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let are_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number: u64 = std::str::from_utf8(digits).ok().filter(|_| are_digits)?.parse().ok()?;
    Some(if is_negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_parsed_as_redis_does() {
        for (text, expected) in [
            ("5", Some((5, 0))),
            ("5-3", Some((5, 3))),
            ("0-0", Some((0, 0))),
            ("18446744073709551615-18446744073709551615", Some((u64::MAX, u64::MAX))),
            ("007-+1", Some((7, 1))),
            (" 1-2", Some((1, 2))),
            ("18446744073709551616", None),
            ("", None),
            ("-", None),
            ("+", None),
            ("-1", None),
            ("1-", None),
            ("1-2-3", None),
            ("1-x", None),
            ("1 -2", None),
            ("*", None),
        ] {
            assert_eq!(parse_strict(text.as_bytes()).ok(), expected.map(|(ms, seq)| StreamId::new(ms, seq)), "{text}");
        }
        assert!(parse_strict(&[b'0'; 127]).is_ok() && parse_strict(&[b'0'; 128]).is_err());
    }

    #[test]
    fn an_interval_has_open_and_closed_ends() {
        assert_eq!(parse_start(b"-"), Ok(StreamId::MIN));
        assert_eq!(parse_start(b"(5-1"), Ok(StreamId::new(5, 2)));
        assert_eq!(parse_end(b"+"), Ok(StreamId::MAX));
        assert_eq!(parse_end(b"5"), Ok(StreamId::new(5, u64::MAX)));
        assert_eq!(parse_end(b"(5-0"), Ok(StreamId::new(4, u64::MAX)));
        assert_eq!(parse_end(b"(0-0"), Err(INVALID_END));
        assert_eq!(parse_start(b"(18446744073709551615-18446744073709551615"), Err(INVALID_START));
        assert_eq!((parse_start(b"("), parse_start(b"(-")), (Err(INVALID), Err(INVALID)));
    }

    #[test]
    fn a_new_identifier_may_leave_its_parts_open() {
        assert_eq!(NewId::parse(b"*"), Ok(NewId::Auto));
        assert_eq!(NewId::parse(b"7-*"), Ok(NewId::AutoSequence(7)));
        assert_eq!(NewId::parse(b"7"), Ok(NewId::Given(StreamId::new(7, 0))));
        assert_eq!(
            (NewId::parse(b"-*"), NewId::parse(b"*-*"), NewId::parse(b"+")),
            (Err(INVALID), Err(INVALID), Err(INVALID))
        );
    }
}
