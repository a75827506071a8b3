//! Decoding. The tables that are open are kept in a list, not on the stack of the thread.

use super::super::arguments::string;
use super::{
    lexer::{Lexer, Token},
    settings::Settings,
};
use crate::{Raise, Stack};

/// So many values and bytes are read between looks at whether the run is to be stopped.
const WORK: usize = 4096;

/// So many elements, or half as many pairs, are kept on the stack until their table is made: with them, its size is known.
const KEPT: i32 = 64;

/// So deep Redis comes at most, where each table has a slot.
const DEEPEST: usize = 7998;

/// Nothing is kept while more than half of the slots of a function are in use.
const KEPT_BELOW: i32 = 4000;

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
    let lexer = Lexer::new(&text, settings.decode_invalid_numbers);
    let max_depth = DEEPEST.min(settings.decode_max_depth as usize);
    let mut decoder = Decoder { stack, max_depth, lexer, looked: 0, open: Vec::new() };
    decoder.document()?;
    Ok(1)
}

/// A table that is not complete.
#[derive(Clone, Copy, Debug)]
enum Open {
    /// Its elements are on the stack, to be made a table at its end.
    Elements(i32),
    /// Its keys and values are.
    Pairs(i32),
    /// The table is on the stack; its next index.
    Array(i32),
    /// The table is on the stack, and a key.
    Object,
}

struct Decoder<'a, 'b, 'text> {
    stack: &'a mut Stack<'b>,
    max_depth: usize,
    lexer: Lexer<'text>,
    /// Where the run was last asked whether it is to be stopped.
    looked: usize,
    open: Vec<Open>,
}

impl Decoder<'_, '_, '_> {
    /// Pushes the one value of the text.
    fn document(&mut self) -> Result<(), Raise> {
        let mut token = self.lexer.next(self.stack);
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
        match self.lexer.next(self.stack) {
            Token::End => Ok(()),
            token => Err(self.expected("the end", token)),
        }
    }

    /// Pushes a value, or a table that is not complete: then the token of its first element is returned.
    fn value(&mut self, token: Token) -> Result<Option<Token>, Raise> {
        match token {
            Token::String => self.stack.push_bytes(self.lexer.plain())?,
            Token::Unescaped => self.stack.push_bytes(self.lexer.unescaped())?,
            Token::Number => self.stack.push_number(self.lexer.number())?,
            Token::True | Token::False => self.stack.push_boolean(token == Token::True)?,
            Token::Null => self.stack.push_light(0)?,
            Token::ObjectBegin => return self.begin_object(),
            Token::ArrayBegin => return self.begin_array(),
            token => return Err(self.expected("value", token)),
        }
        Ok(None)
    }

    fn begin_object(&mut self) -> Result<Option<Token>, Raise> {
        self.begin(3)?;
        let token = self.lexer.next(self.stack);
        if let Token::ObjectEnd = token {
            self.stack.new_table(0, 0)?;
            return Ok(None);
        }
        self.open(Open::Pairs(0), Open::Object)?;
        self.key(token).map(Some)
    }

    fn begin_array(&mut self) -> Result<Option<Token>, Raise> {
        self.begin(2)?;
        let token = self.lexer.next(self.stack);
        if let Token::ArrayEnd = token {
            self.stack.new_table(0, 0)?;
            return Ok(None);
        }
        self.open(Open::Elements(0), Open::Array(1))?;
        Ok(Some(token))
    }

    fn begin(&mut self, slots: usize) -> Result<(), Raise> {
        let depth = self.open.len() + 1;
        if depth > self.max_depth || self.stack.reserve(slots).is_err() {
            let position = self.lexer.position();
            let text = format!("Found too many nested data structures ({depth}) at character {position}");
            return Err(Raise::here(text));
        }
        Ok(())
    }

    fn open(&mut self, kept: Open, table: Open) -> Result<(), Raise> {
        if self.stack.len() < KEPT_BELOW {
            self.open.push(kept);
            return Ok(());
        }
        self.open.push(table);
        self.stack.new_table(0, 0)
    }

    /// Pushes a key, and returns the token of its value.
    fn key(&mut self, token: Token) -> Result<Token, Raise> {
        match token {
            Token::String => self.stack.push_bytes(self.lexer.plain())?,
            Token::Unescaped => self.stack.push_bytes(self.lexer.unescaped())?,
            token => return Err(self.expected("object key string", token)),
        }
        match self.lexer.next(self.stack) {
            Token::Colon => Ok(self.lexer.next(self.stack)),
            token => Err(self.expected("colon", token)),
        }
    }

    /// Puts the topmost value into its table, and each table that ends into the one around it. The token of the next value, or
    /// `None` if there is none.
    fn store(&mut self) -> Result<Option<Token>, Raise> {
        if self.lexer.position() - self.looked > WORK * BYTES_OF_A_VALUE {
            self.stack.step(WORK)?;
            self.looked = self.lexer.position();
        }
        while let Some(open) = self.open.pop() {
            let next = match open {
                Open::Elements(_) | Open::Array(_) => self.after_element(open)?,
                Open::Pairs(_) | Open::Object => self.after_pair(open)?,
            };
            if next.is_some() {
                return Ok(next);
            }
        }
        Ok(None)
    }

    /// Puts the topmost value into an array. `None` if that is complete.
    fn after_element(&mut self, open: Open) -> Result<Option<Token>, Raise> {
        let open = match open {
            Open::Array(index) => {
                self.stack.append(index)?;
                Open::Array(index.wrapping_add(1))
            }
            Open::Elements(count) if count + 1 == KEPT => {
                self.stack.make_array(KEPT)?;
                Open::Array(KEPT + 1)
            }
            Open::Elements(count) => Open::Elements(count + 1),
            open => open,
        };
        match (self.lexer.next(self.stack), open) {
            (Token::Comma, open) => {
                self.open.push(open);
                Ok(Some(self.lexer.next(self.stack)))
            }
            (Token::ArrayEnd, Open::Elements(count)) => self.stack.make_array(count).map(|()| None),
            (Token::ArrayEnd, _) => Ok(None),
            (token, _) => Err(self.expected("comma or array end", token)),
        }
    }

    /// Puts the topmost value and its key into an object. `None` if that is complete.
    fn after_pair(&mut self, open: Open) -> Result<Option<Token>, Raise> {
        let open = match open {
            Open::Object => {
                self.stack.set(-3)?;
                Open::Object
            }
            Open::Pairs(count) if count + 1 == KEPT / 2 => {
                self.stack.make_map(KEPT / 2)?;
                Open::Object
            }
            Open::Pairs(count) => Open::Pairs(count + 1),
            open => open,
        };
        match (self.lexer.next(self.stack), open) {
            (Token::Comma, open) => {
                self.open.push(open);
                let token = self.lexer.next(self.stack);
                self.key(token).map(Some)
            }
            (Token::ObjectEnd, Open::Pairs(count)) => self.stack.make_map(count).map(|()| None),
            (Token::ObjectEnd, _) => Ok(None),
            (token, _) => Err(self.expected("comma or object end", token)),
        }
    }

    #[cold]
    fn expected(&mut self, what: &str, found: Token) -> Raise {
        self.lexer.expected(what, found)
    }
}
