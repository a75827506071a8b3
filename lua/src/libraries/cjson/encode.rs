//! Encoding. The tables that are open are kept in a list, not on the stack of the thread.

use super::super::output::Output;
use super::{
    number::Text,
    settings::{InvalidNumbers, Settings},
};
use crate::{Kind, Raise, Stack};

/// The longest text of a number, with quotes and a colon.
const LONGEST_NUMBER: usize = 40;

/// `encode(value)`
pub(super) fn encode(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    if stack.len() != 1 {
        return Err(Raise::argument(1, "expected 1 argument"));
    }
    let settings = Settings::of(stack);
    let mut encoder = Encoder { stack, settings, text: Output::new(), open: Vec::new() };
    encoder.value()?;
    let Encoder { stack, text, .. } = encoder;
    stack.push_bytes(text.as_slice())?;
    Ok(1)
}

/// A table that is not written to its end.
#[derive(Clone, Copy, Debug)]
enum Open {
    /// An element is on the stack.
    Array { index: i32, length: i32 },
    /// A key and its value are on the stack.
    Object { position: usize },
}

struct Encoder<'a, 'b> {
    stack: &'a mut Stack<'b>,
    settings: Settings,
    text: Output,
    open: Vec<Open>,
}

impl Encoder<'_, '_> {
    /// Writes the topmost value, which stays.
    fn value(&mut self) -> Result<(), Raise> {
        loop {
            self.text.reserve(self.stack, LONGEST_NUMBER)?;
            let has_more = match self.stack.kind(-1) {
                Kind::Table => self.begin()?,
                kind => {
                    self.scalar(kind)?;
                    false
                }
            };
            if !has_more && !self.end()? {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self, kind: Kind) -> Result<(), Raise> {
        match kind {
            Kind::String => return self.string(-1),
            Kind::Number => return self.number(-1),
            Kind::Boolean if self.stack.boolean(-1) => self.text.extend(b"true"),
            Kind::Boolean => self.text.extend(b"false"),
            Kind::Nil => self.text.extend(b"null"),
            Kind::LightUserdata if self.stack.light(-1) == Some(0) => self.text.extend(b"null"),
            _ => return Err(self.refused(-1, "type not supported")),
        }
        Ok(())
    }

    /// Opens the topmost table, and pushes its first element, if it has one.
    fn begin(&mut self) -> Result<bool, Raise> {
        let depth = self.open.len() + 1;
        if depth > self.settings.encode_max_depth as usize || self.stack.reserve(3).is_err() {
            return Err(Raise::here(format!("Cannot serialise, excessive nesting ({depth})")));
        }
        let length = self.array_length()?;
        if length > 0 {
            self.text.push(b'[');
            self.open.push(Open::Array { index: 1, length });
            self.stack.get_index(-1, 1)?;
            return Ok(true);
        }
        self.text.push(b'{');
        let mut position = 0;
        if !self.stack.next_entry(-1, &mut position)? {
            self.text.push(b'}');
            return Ok(false);
        }
        self.open.push(Open::Object { position });
        self.key()?;
        Ok(true)
    }

    /// Pops the value that was written, and pushes what comes after it, behind the ends of tables. `false` if that was all.
    fn end(&mut self) -> Result<bool, Raise> {
        while let Some(open) = self.open.last_mut() {
            self.text.reserve(self.stack, 1)?;
            match open {
                Open::Array { index, length } => {
                    self.stack.pop(1);
                    if *index < *length {
                        *index += 1;
                        self.text.push(b',');
                        self.stack.get_index(-1, *index)?;
                        return Ok(true);
                    }
                    self.text.push(b']');
                }
                Open::Object { position } => {
                    self.stack.pop(2);
                    if self.stack.next_entry(-1, position)? {
                        self.text.push(b',');
                        self.key()?;
                        return Ok(true);
                    }
                    self.text.push(b'}');
                }
            }
            self.open.pop();
        }
        Ok(false)
    }

    /// Writes the key below the topmost value.
    fn key(&mut self) -> Result<(), Raise> {
        match self.stack.kind(-2) {
            Kind::String => {
                self.string(-2)?;
                self.text.reserve(self.stack, LONGEST_NUMBER)?;
                self.text.push(b':');
            }
            Kind::Number => {
                self.text.reserve(self.stack, LONGEST_NUMBER)?;
                self.text.push(b'"');
                self.number(-2)?;
                self.text.extend(b"\":");
            }
            _ => return Err(self.refused(-2, "table key must be a number or string")),
        }
        Ok(())
    }

    /// The largest index of the topmost table, if its keys are positive integers and not too sparse; else 0 or less.
    fn array_length(&self) -> Result<i32, Raise> {
        let Some(keys) = self.stack.index_keys(-1) else { return Ok(0) };
        let sparse = self.settings.sparse;
        let dense = i64::try_from(keys.count).unwrap_or(i64::MAX).saturating_mul(sparse.ratio.into());
        let is_sparse = sparse.ratio > 0 && i64::from(keys.largest) > dense && keys.largest > sparse.safe;
        match is_sparse {
            true if sparse.convert => Ok(0),
            true => Err(self.refused(-1, "excessively sparse array")),
            false => Ok(keys.largest),
        }
    }

    /// Writes a number, for which there is room.
    fn number(&mut self, index: i32) -> Result<(), Raise> {
        let number = self.stack.number(index).unwrap_or_default();
        if !number.is_finite() {
            match self.settings.encode_invalid_numbers {
                InvalidNumbers::Refused => return Err(self.refused(index, "must not be NaN or Inf")),
                InvalidNumbers::Null => {
                    self.text.extend(b"null");
                    return Ok(());
                }
                InvalidNumbers::Encoded => {}
            }
        }
        let text = Text::of(number, self.settings.encode_number_precision as usize);
        self.text.extend(text.as_bytes());
        Ok(())
    }

    fn string(&mut self, index: i32) -> Result<(), Raise> {
        self.text.reserve(self.stack, self.stack.raw_len(index).saturating_add(2))?;
        let bytes = self.stack.bytes(index).unwrap_or_default();
        let plain = plain(bytes);
        self.text.push(b'"');
        self.text.extend(&bytes[..plain]);
        if plain < bytes.len() {
            self.escaped(index, plain)?;
        }
        self.text.push(b'"');
        Ok(())
    }

    /// Writes a string from its first escape on, and leaves room for the quote.
    #[cold]
    fn escaped(&mut self, index: i32, start: usize) -> Result<(), Raise> {
        let rest = |bytes: &[u8]| bytes[start..].iter().map(|byte| escape_length(*byte)).sum::<usize>();
        let length = rest(self.stack.bytes(index).unwrap_or_default());
        self.text.reserve(self.stack, length.saturating_add(1))?;
        let mut rest = &self.stack.bytes(index).unwrap_or_default()[start..];
        while let Some(byte) = rest.first() {
            escape(&mut self.text, *byte);
            let plain = plain(&rest[1..]);
            self.text.extend(&rest[1..=plain]);
            rest = &rest[plain + 1..];
        }
        Ok(())
    }

    #[cold]
    fn refused(&self, index: i32, reason: &str) -> Raise {
        Raise::here(format!("Cannot serialise {}: {reason}", self.stack.type_name(index)))
    }
}

/// The bytes that stand in a string with a backslash.
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < 32 {
        escaped[byte] = true;
        byte += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped[b'/' as usize] = true;
    escaped[0x7f] = true;
    escaped
};

/// How many bytes at the begin stand for themselves.
fn plain(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| ESCAPED[usize::from(*byte)]).unwrap_or(bytes.len())
}

/// The letter behind the backslash; `None` for a byte in hexadecimal.
fn short_escape(byte: u8) -> Option<u8> {
    Some(match byte {
        8 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        12 => b'f',
        b'\r' => b'r',
        b'"' | b'\\' | b'/' => byte,
        _ => return None,
    })
}

fn escape_length(byte: u8) -> usize {
    match (ESCAPED[usize::from(byte)], short_escape(byte)) {
        (false, _) => 1,
        (true, Some(_)) => 2,
        (true, None) => 6,
    }
}

fn escape(text: &mut Output, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match short_escape(byte) {
        Some(letter) => text.extend(&[b'\\', letter]),
        None => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            text.extend(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}
