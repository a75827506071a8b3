//! Decoding. The tables that are open are kept in a list, not on the stack of the thread.

use super::super::{arguments::string, output::Output};
use super::{escape, number, settings::Settings};
use crate::{Raise, Stack};

/// So many values and bytes are read between looks at whether the run is to be stopped.
const WORK: usize = 4096;

/// So many bytes are as much work as a value.
const BYTES_OF_A_VALUE: usize = 16;

/// `decode(text)`
pub(super) fn decode(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    if stack.len() != 1 {
        return Err(Raise::argument(1, "expected 1 argument"));
    }
    let text = string(stack, 1)?;
    if let [0, _, ..] | [_, 0, ..] = &text[..] {
        return Err(Raise::here("JSON parser does not support UTF-16 or UTF-32"));
    }
    let settings = Settings::of(stack);
    let mut decoder =
        Decoder { stack, settings, text: &text, position: 0, token: 0, looked: 0, string: None, open: Vec::new() };
    decoder.document()?;
    Ok(1)
}

/// A table that is not complete.
#[derive(Clone, Copy, Debug)]
enum Open {
    Array {
        index: i32,
    },
    /// The key is on the stack.
    Object,
}

#[derive(Clone, Copy, Debug)]
enum Token<'text> {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Colon,
    Comma,
    /// A string without escapes.
    String(&'text [u8]),
    /// A string that is in the buffer.
    Unescaped,
    Number(f64),
    Boolean(bool),
    Null,
    End,
    Invalid(&'static str),
}

impl Token<'_> {
    /// What an error says was found.
    fn name(&self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::String(_) | Self::Unescaped => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::End => "T_END",
            Self::Invalid(why) => why,
        }
    }
}

struct Decoder<'a, 'b, 'text> {
    stack: &'a mut Stack<'b>,
    settings: Settings,
    /// A zero in it is its end, as in C.
    text: &'text [u8],
    position: usize,
    /// Where the token begins that was read last, or where it is wrong.
    token: usize,
    /// Where the run was last asked whether it is to be stopped.
    looked: usize,
    /// The last string that has escapes.
    string: Option<Output>,
    open: Vec<Open>,
}

impl<'text> Decoder<'_, '_, 'text> {
    /// Pushes the one value of the text.
    fn document(&mut self) -> Result<(), Raise> {
        let mut token = self.next()?;
        loop {
            let first = self.value(token)?;
            token = match first {
                Some(first) => first,
                None => match self.store()? {
                    Some(next) => next,
                    None => break,
                },
            };
        }
        match self.next()? {
            Token::End => Ok(()),
            token => Err(self.expected("the end", token)),
        }
    }

    /// Pushes a value, or a table that is not complete: then the token of its first element is returned.
    fn value(&mut self, token: Token<'text>) -> Result<Option<Token<'text>>, Raise> {
        match token {
            Token::String(bytes) => self.stack.push_bytes(bytes)?,
            Token::Unescaped => self.push_unescaped()?,
            Token::Number(number) => self.stack.push_number(number)?,
            Token::Boolean(value) => self.stack.push_boolean(value)?,
            Token::Null => self.stack.push_light(0)?,
            Token::ObjectBegin => return self.begin_object(),
            Token::ArrayBegin => return self.begin_array(),
            token => return Err(self.expected("value", token)),
        }
        Ok(None)
    }

    fn begin_object(&mut self) -> Result<Option<Token<'text>>, Raise> {
        self.begin(3)?;
        let token = self.next()?;
        if let Token::ObjectEnd = token {
            return Ok(None);
        }
        self.open.push(Open::Object);
        self.key(token).map(Some)
    }

    fn begin_array(&mut self) -> Result<Option<Token<'text>>, Raise> {
        self.begin(2)?;
        let token = self.next()?;
        if let Token::ArrayEnd = token {
            return Ok(None);
        }
        self.open.push(Open::Array { index: 1 });
        Ok(Some(token))
    }

    fn begin(&mut self, slots: usize) -> Result<(), Raise> {
        let depth = self.open.len() + 1;
        if depth > self.settings.decode_max_depth as usize || self.stack.reserve(slots).is_err() {
            let position = self.position;
            let text = format!("Found too many nested data structures ({depth}) at character {position}");
            return Err(Raise::here(text));
        }
        self.stack.new_table(0, 0)
    }

    /// Pushes a key, and returns the token of its value.
    fn key(&mut self, token: Token<'text>) -> Result<Token<'text>, Raise> {
        match token {
            Token::String(bytes) => self.stack.push_bytes(bytes)?,
            Token::Unescaped => self.push_unescaped()?,
            token => return Err(self.expected("object key string", token)),
        }
        match self.next()? {
            Token::Colon => self.next(),
            token => Err(self.expected("colon", token)),
        }
    }

    /// Puts the topmost value into its table, and each table that ends into the one around it. The token of the next value, or
    /// `None` if there is none.
    fn store(&mut self) -> Result<Option<Token<'text>>, Raise> {
        if self.position - self.looked > WORK * BYTES_OF_A_VALUE {
            self.stack.step(WORK)?;
            self.looked = self.position;
        }
        while let Some(open) = self.open.last_mut() {
            match open {
                Open::Array { index } => {
                    self.stack.set_index(-2, *index)?;
                    *index = index.wrapping_add(1);
                    match self.next()? {
                        Token::Comma => return Ok(Some(self.next()?)),
                        Token::ArrayEnd => {}
                        token => return Err(self.expected("comma or array end", token)),
                    }
                }
                Open::Object => {
                    self.stack.set(-3)?;
                    match self.next()? {
                        Token::Comma => {
                            let token = self.next()?;
                            return self.key(token).map(Some);
                        }
                        Token::ObjectEnd => {}
                        token => return Err(self.expected("comma or object end", token)),
                    }
                }
            }
            self.open.pop();
        }
        Ok(None)
    }

    fn push_unescaped(&mut self) -> Result<(), Raise> {
        let bytes = self.string.as_ref().map_or(&b""[..], Output::as_slice);
        self.stack.push_bytes(bytes)
    }

    #[cold]
    fn expected(&self, what: &str, found: Token<'_>) -> Raise {
        Raise::here(format!("Expected {what} but found {} at character {}", found.name(), self.token + 1))
    }

    fn byte(&self, position: usize) -> u8 {
        self.text.get(position).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Result<Token<'text>, Raise> {
        while let b' ' | b'\t' | b'\n' | b'\r' = self.byte(self.position) {
            self.position += 1;
        }
        self.token = self.position;
        let single = match self.byte(self.position) {
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => return Ok(self.number()),
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return Ok(Token::End),
            _ => return Ok(self.word()),
        };
        self.position += 1;
        Ok(single)
    }

    /// `true`, `false`, `null`, or a number that JSON does not have.
    fn word(&mut self) -> Token<'text> {
        let rest = &self.text[self.position..];
        let (token, length) = if rest.starts_with(b"true") {
            (Token::Boolean(true), 4)
        } else if rest.starts_with(b"false") {
            (Token::Boolean(false), 5)
        } else if rest.starts_with(b"null") {
            (Token::Null, 4)
        } else if self.settings.decode_invalid_numbers && number::is_invalid(rest) {
            return self.any_number();
        } else {
            return Token::Invalid("invalid token");
        };
        self.position += length;
        token
    }

    fn number(&mut self) -> Token<'text> {
        if !self.settings.decode_invalid_numbers && number::is_invalid(&self.text[self.position..]) {
            return Token::Invalid("invalid number");
        }
        self.any_number()
    }

    fn any_number(&mut self) -> Token<'text> {
        match number::read(&self.text[self.position..]) {
            Some((number, length)) => {
                self.position += length;
                Token::Number(number)
            }
            None => Token::Invalid("invalid number"),
        }
    }

    /// A string from its quote on.
    fn string(&mut self) -> Result<Token<'text>, Raise> {
        let start = self.position + 1;
        let plain = escape::plain(&self.text[start..]);
        match self.byte(start + plain) {
            b'"' => {
                self.position = start + plain + 1;
                Ok(Token::String(&self.text[start..start + plain]))
            }
            b'\\' => self.unescape(start),
            _ => Ok(self.invalid(start + plain, END_OF_STRING)),
        }
    }

    /// A string with escapes is put together in the buffer.
    fn unescape(&mut self, start: usize) -> Result<Token<'text>, Raise> {
        let mut string = self.string.take().unwrap_or_else(Output::new);
        string.clear();
        let mut position = start;
        loop {
            let rest = &self.text[position..];
            let plain = escape::plain(rest);
            string.append(self.stack, &rest[..plain])?;
            position += plain;
            match self.byte(position) {
                b'"' => break,
                b'\\' => match escape::read(&self.text[position..]) {
                    Ok((character, length)) => {
                        string.append(self.stack, character.encode_utf8(&mut [0; 4]).as_bytes())?;
                        position += length;
                    }
                    Err(why) => return Ok(self.invalid(position, why)),
                },
                _ => return Ok(self.invalid(position, END_OF_STRING)),
            }
        }
        self.position = position + 1;
        self.string = Some(string);
        Ok(Token::Unescaped)
    }

    fn invalid(&mut self, position: usize, why: &'static str) -> Token<'text> {
        self.token = position;
        Token::Invalid(why)
    }
}

const END_OF_STRING: &str = "unexpected end of string";
