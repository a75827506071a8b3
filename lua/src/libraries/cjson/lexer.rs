//! The tokens of JSON, with what C reads as a number beyond it.

use super::super::output::Output;
use super::{escape, number};
use crate::{Raise, Stack};

const END_OF_STRING: &str = "unexpected end of string";

/// What was read. It is small, for it is passed on at each step; its contents are in the [`Lexer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Colon,
    Comma,
    /// A string without escapes, which is `plain`.
    String,
    /// A string that is in the buffer.
    Unescaped,
    Number,
    True,
    False,
    Null,
    End,
    /// None; `wrong` says why.
    Invalid,
    /// A string that does not fit into memory.
    Failed,
}

#[derive(Debug)]
pub(super) struct Lexer<'text> {
    /// A zero in it is its end, as in C.
    text: &'text [u8],
    position: usize,
    /// Where the token begins that was read last, or where it is wrong.
    token: usize,
    invalid_numbers: bool,
    plain: &'text [u8],
    number: f64,
    wrong: &'static str,
    failure: Option<Raise>,
    /// The last string that has escapes.
    string: Output,
}

impl<'text> Lexer<'text> {
    /// Numbers that JSON does not have are tokens if `invalid_numbers` is set.
    pub(super) fn new(text: &'text [u8], invalid_numbers: bool) -> Self {
        Self {
            text,
            position: 0,
            token: 0,
            invalid_numbers,
            plain: &[],
            number: 0.0,
            wrong: "",
            failure: None,
            string: Output::default(),
        }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The last [`Token::String`].
    pub(super) fn plain(&self) -> &'text [u8] {
        self.plain
    }

    /// The last [`Token::Unescaped`].
    pub(super) fn unescaped(&self) -> &[u8] {
        self.string.as_slice()
    }

    /// The last [`Token::Number`].
    pub(super) fn number(&self) -> f64 {
        self.number
    }

    fn byte(&self, position: usize) -> u8 {
        self.text.get(position).copied().unwrap_or(0)
    }

    /// Reads a token.
    pub(super) fn next(&mut self, stack: &mut Stack<'_>) -> Token {
        while let b' ' | b'\t' | b'\n' | b'\r' = self.byte(self.position) {
            self.position += 1;
        }
        self.token = self.position;
        let single = match self.byte(self.position) {
            b'"' => return self.quoted(stack),
            b'-' | b'0'..=b'9' => return self.json_number(),
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return Token::End,
            _ => return self.word(),
        };
        self.position += 1;
        single
    }

    /// `true`, `false`, `null`, or a number that JSON does not have.
    fn word(&mut self) -> Token {
        let rest = &self.text[self.position..];
        let (token, length) = if rest.starts_with(b"true") {
            (Token::True, 4)
        } else if rest.starts_with(b"false") {
            (Token::False, 5)
        } else if rest.starts_with(b"null") {
            (Token::Null, 4)
        } else if self.invalid_numbers && number::is_invalid(rest) {
            return self.any_number();
        } else {
            return self.invalid(self.position, "invalid token");
        };
        self.position += length;
        token
    }

    fn json_number(&mut self) -> Token {
        if !self.invalid_numbers && number::is_invalid(&self.text[self.position..]) {
            return self.invalid(self.position, "invalid number");
        }
        self.any_number()
    }

    fn any_number(&mut self) -> Token {
        match number::read(&self.text[self.position..]) {
            Some((number, length)) => {
                self.position += length;
                self.number = number;
                Token::Number
            }
            None => self.invalid(self.position, "invalid number"),
        }
    }

    /// A string from its quote on.
    fn quoted(&mut self, stack: &mut Stack<'_>) -> Token {
        let start = self.position + 1;
        let end = start + escape::plain(&self.text[start..]);
        match self.byte(end) {
            b'"' => {
                self.position = end + 1;
                self.plain = &self.text[start..end];
                Token::String
            }
            b'\\' => match self.unescape(stack, start) {
                Ok(token) => token,
                Err(failure) => {
                    self.failure = Some(failure);
                    Token::Failed
                }
            },
            _ => self.invalid(end, END_OF_STRING),
        }
    }

    /// A string with escapes is put together in the buffer.
    fn unescape(&mut self, stack: &mut Stack<'_>, start: usize) -> Result<Token, Raise> {
        self.string.clear();
        let mut position = start;
        loop {
            let rest = &self.text[position..];
            let plain = escape::plain(rest);
            self.string.append(stack, &rest[..plain])?;
            position += plain;
            match self.byte(position) {
                b'"' => break,
                b'\\' => match escape::read(&self.text[position..]) {
                    Ok((character, length)) => {
                        self.string.append(stack, character.encode_utf8(&mut [0; 4]).as_bytes())?;
                        position += length;
                    }
                    Err(why) => return Ok(self.invalid(position, why)),
                },
                _ => return Ok(self.invalid(position, END_OF_STRING)),
            }
        }
        self.position = position + 1;
        Ok(Token::Unescaped)
    }

    fn invalid(&mut self, position: usize, why: &'static str) -> Token {
        self.token = position;
        self.wrong = why;
        Token::Invalid
    }

    /// The error of a token that is not the right one.
    #[cold]
    pub(super) fn expected(&mut self, what: &str, found: Token) -> Raise {
        let name = match found {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::String | Token::Unescaped => "T_STRING",
            Token::Number => "T_NUMBER",
            Token::True | Token::False => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::End => "T_END",
            Token::Invalid => self.wrong,
            Token::Failed => return self.failure.take().unwrap_or(Raise::Memory),
        };
        Raise::here(format!("Expected {what} but found {name} at character {}", self.token + 1))
    }
}
