//! Strings: what their representation is called.

/// Up to this length Redis keeps a string in one piece with its header.
const EMBEDDED: usize = 44;

/// `int` for the text of an integer, `embstr` for other short strings, `raw` for long ones.
pub(super) fn encoding(bytes: &[u8]) -> &'static str {
    match bytes {
        bytes if is_integer(bytes) => "int",
        bytes if bytes.len() <= EMBEDDED => "embstr",
        _ => "raw",
    }
}

/// Whether the bytes are what an `i64` is written as.
fn is_integer(bytes: &[u8]) -> bool {
    let parsed = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<i64>().ok());
    parsed.is_some_and(|number| itoa::Buffer::new().format(number).as_bytes() == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_those_of_redis() {
        for (bytes, name) in [("10", "int"), ("-1", "int"), ("010", "embstr"), ("+1", "embstr"), ("", "embstr")] {
            assert_eq!(encoding(bytes.as_bytes()), name, "{bytes}");
        }
        assert_eq!(encoding(&[b'x'; 44]), "embstr");
        assert_eq!(encoding(&[b'x'; 45]), "raw");
        assert_eq!(encoding(b"9223372036854775808"), "embstr");
    }
}
