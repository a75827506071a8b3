//! Inline commands: words on a line, quoted as in Redis (`sdssplitargs`).

use std::str::FromStr;

use bytes::Bytes;

use crate::{Command, ProtocolError, Word};

/// The words of a line. Words with quotes are rewritten into a buffer of their own.
pub(super) struct Split {
    words: Vec<Word>,
    rewritten: Vec<u8>,
}

impl Split {
    pub(super) fn into_command(self, frame: Bytes, limit: usize) -> Result<Option<Command>, ProtocolError> {
        if self.words.is_empty() {
            return Ok(None);
        }
        if self.words.len() > limit {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        Ok(Some(Command::from_frame_and_external(frame, self.rewritten.into(), &self.words)))
    }
}

/// Parses a command as it is typed in `redis-cli`: words between spaces, and quotes round a word with spaces in it.
///
/// ```
/// use kvstore_protocol::Command;
///
/// let command: Command = r#"SET greeting "hello, \"Ada\"" EX 10"#.parse()?;
/// assert_eq!(command, Command::new("SET").arg("greeting").arg("hello, \"Ada\"").arg("EX").arg(10));
/// assert!("".parse::<Command>().is_err());
/// # Ok::<(), kvstore_protocol::ProtocolError>(())
/// ```
impl FromStr for Command {
    type Err = ProtocolError;

    fn from_str(line: &str) -> Result<Self, ProtocolError> {
        let split = split(line.as_bytes())?;
        split.into_command(Bytes::copy_from_slice(line.as_bytes()), usize::MAX)?.ok_or(ProtocolError::EmptyCommand)
    }
}

/// Splits a line without its CR LF into words.
pub(super) fn split(line: &[u8]) -> Result<Split, ProtocolError> {
    let mut split = Split { words: Vec::new(), rewritten: Vec::new() };
    let mut at = 0;
    while let Some(start) = line[at..].iter().position(|byte| !is_space(*byte)).map(|found| at + found) {
        let end = line[start..].iter().position(|byte| ends_word(*byte)).map_or(line.len(), |found| start + found);
        if memchr::memchr2(b'"', b'\'', &line[start..end]).is_some() {
            let from = split.rewritten.len();
            at = unquote(line, start, &mut split.rewritten)?;
            split.words.push(Word::external(from..split.rewritten.len()));
        } else {
            split.words.push(Word::within(start..end));
            at = end;
        }
    }
    Ok(split)
}

/// Appends the word that starts at `start` to `word`, without its quotes and escapes. Returns where it ends.
fn unquote(line: &[u8], start: usize, word: &mut Vec<u8>) -> Result<usize, ProtocolError> {
    let mut at = start;
    let mut quote = None;
    while let Some(byte) = line.get(at).copied() {
        let rest = &line[at..];
        let (taken, meant) = match (quote, byte) {
            (None, byte) if ends_word(byte) => return Ok(at),
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                at += 1;
                continue;
            }
            (Some(open), byte) if open == byte => {
                // A closing quote is followed by a space, or by nothing at all.
                let end = at + 1;
                return if line.get(end).is_none_or(|next| is_space(*next)) { Ok(end) } else { Err(UNBALANCED) };
            }
            (Some(b'"'), b'\\') => escape(rest),
            (Some(b'\''), b'\\') if rest.get(1) == Some(&b'\'') => (2, b'\''),
            (_, byte) => (1, byte),
        };
        word.push(meant);
        at += taken;
    }
    if quote.is_some() { Err(UNBALANCED) } else { Ok(at) }
}

const UNBALANCED: ProtocolError = ProtocolError::UnbalancedQuotes;

/// The escape at the start of `rest`: how many bytes it takes, and the byte that it stands for.
fn escape(rest: &[u8]) -> (usize, u8) {
    match rest {
        [_, b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            (4, hex(*high) << 4 | hex(*low))
        }
        [_, b'n', ..] => (2, b'\n'),
        [_, b'r', ..] => (2, b'\r'),
        [_, b't', ..] => (2, b'\t'),
        [_, b'b', ..] => (2, 8),
        [_, b'a', ..] => (2, 7),
        [_, other, ..] => (2, *other),
        _ => (1, b'\\'),
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

/// Whether the byte may stand between words.
fn is_space(byte: u8) -> bool {
    ends_word(byte) || matches!(byte, 0x0b | 0x0c)
}

/// Whether the byte ends a word. As in Redis, fewer bytes do than may stand in front of one.
pub(super) fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let command = split(line.as_bytes())?.into_command(Bytes::copy_from_slice(line.as_bytes()), 100)?;
        Ok(command.map_or(Vec::new(), |command| command.words().map(<[u8]>::to_vec).collect()))
    }

    #[test]
    fn quotes_and_escapes_are_those_of_redis() {
        for (line, expected) in [
            ("  set  k\tv ", &[&b"set"[..], b"k", b"v"][..]),
            (r#""a b" 'c d'"#, &[b"a b", b"c d"]),
            (r#""\x41\n\r\t\b\a\"\q\\""#, &[b"A\n\r\t\x08\x07\"q\\"]),
            (r"'it\'s \n'", &[b"it's \\n"]),
            (r#"a"b c""#, &[b"ab c"]),
            (r#""""#, &[b""]),
            (r"no\escape", &[br"no\escape"]),
            ("\x0ba\x0bb \x0c\"c\"\x0bd", &[b"a\x0bb", b"c", b"d"]),
            ("", &[]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn quotes_must_match_and_end_a_word() {
        for line in [r#""a"#, "'a", r#""a"b"#, "'a'b", r#""a\""#] {
            assert_eq!(words(line), Err(ProtocolError::UnbalancedQuotes), "{line}");
        }
    }
}
