//! [`parse_integer`]: integers as text, as Redis reads them.

/// Parses an integer of 64 bits as strictly as Redis (`string2ll`): no sign but `-`, no blanks, no zeros in front.
///
/// ```
/// use kvstore_protocol::parse_integer;
///
/// assert_eq!(parse_integer(b"-12"), Some(-12));
/// assert_eq!(parse_integer(b"+12"), None);
/// assert_eq!(parse_integer(b"012"), None);
/// ```
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] if digits.len() == text.len() => Some(0),
        [b'1'..=b'9', ..] if text.len() <= 20 => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_strictly() {
        for (text, number) in [("0", Some(0)), ("-1", Some(-1)), ("9223372036854775807", Some(i64::MAX))] {
            assert_eq!(parse_integer(text.as_bytes()), number);
        }
        assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
        for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "9223372036854775808", "a"] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }
}
