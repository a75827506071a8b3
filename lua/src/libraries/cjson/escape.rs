//! The escapes of strings.

/// The bytes that end a stretch of plain ones: a quote, a backslash, and the end of the text.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    special[0] = true;
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special
};

/// How many bytes at the begin of `text` stand for themselves.
pub(super) fn plain(text: &[u8]) -> usize {
    text.iter().position(|byte| SPECIAL[usize::from(*byte)]).unwrap_or(text.len())
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
