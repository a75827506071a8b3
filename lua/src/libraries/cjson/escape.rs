//! The escapes of strings.

/// How many bytes at the begin of `text` stand for themselves: up to a quote, a backslash, or the end.
pub(super) fn plain(text: &[u8]) -> usize {
    memchr::memchr3(b'"', b'\\', 0, text).unwrap_or(text.len())
}

/// What the escape at the begin of `text` stands for, and how long it is.
pub(super) fn read(text: &[u8]) -> Result<(char, usize), &'static str> {
    let character = match text.get(1) {
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        Some(b'b') => '\u{8}',
        Some(b't') => '\t',
        Some(b'n') => '\n',
        Some(b'f') => '\u{c}',
        Some(b'r') => '\r',
        Some(b'u') => return unicode(text).ok_or("invalid unicode escape code"),
        _ => return Err("invalid escape code"),
    };
    Ok((character, 2))
}

/// A unit of UTF-16, or two that are one character.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = unit(text)?;
    match char::from_u32(first) {
        Some(character) => Some((character, 6)),
        None => {
            let second = unit(text.get(6..)?)?;
            let is_pair = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second);
            let character = char::from_u32(0x1_0000 + ((first & 0x3ff) << 10 | second & 0x3ff))?;
            is_pair.then_some((character, 12))
        }
    }
}

/// The four digits of an escape.
fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}
