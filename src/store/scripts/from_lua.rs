//! The answer to a script: what it has returned.
//!
//! It is encoded at once, for the client alone: so it takes no more memory than what is sent, and the thread of the connection has
//! nothing to convert and little to drop.

use std::mem;

use kvstore_lua::{Kind, Raise, Stack};
use kvstore_protocol::{Packed, Protocol, Response};

use super::to_lua::is_counted;

/// How deep tables may be in each other.
const MAX_DEPTH: usize = 500;

/// So many bytes are as much work as a step of the script.
const BYTES_OF_A_STEP: usize = 64;

/// What an element takes besides its bytes, about.
const LINE: usize = 8;

/// The memory is asked for in pieces of so many bytes.
const PIECE: usize = 64 << 10;

/// Converts values of Lua.
struct Converter<'n> {
    /// The version of RESP that the script speaks, and that of the client.
    script: Protocol,
    client: Protocol,
    size: usize,
    /// The size that memory was asked for.
    granted: usize,
    /// Whether the last error is one of a command, which is counted.
    is_counted: bool,
    /// Counts an error inside of the reply.
    note_error: &'n dyn Fn(&Response),
}

/// What the reply is that a table stands for.
enum Form {
    /// An error, a status, a number or a text.
    Single(Response),
    /// The elements from 1 on, up to the first that is nil.
    Array(usize),
    /// So many keys and their values, in the table that is on top of this one.
    Map(usize),
    /// So many members, which are the keys of the table that is on top of this one.
    Set(usize),
}

/// Pops the value on top, and converts it to the answer of a script that speaks one version of RESP, for a client that speaks another.
/// Returns also whether it is an error of a command, which is counted. Calls `note_error` for those inside of it that are not.
///
/// # Errors
/// If the memory of the interpreter is too little for it, or the script is stopped.
pub(super) fn pop_response(
    stack: &mut Stack<'_>,
    script: Protocol,
    client: Protocol,
    note_error: &dyn Fn(&Response),
) -> Result<(Response, bool), Raise> {
    let mut converter = Converter { script, client, size: 0, granted: LINE, is_counted: false, note_error };
    let (response, used) = match stack.kind(-1) {
        Kind::Table => converter.table(stack)?,
        _ => (converter.single(stack)?, 1),
    };
    stack.pop(used);
    let is_counted = converter.is_counted && response.is_error();
    Ok((response, is_counted))
}

impl Converter<'_> {
    /// Converts a value that is no table.
    fn single(&mut self, stack: &mut Stack<'_>) -> Result<Response, Raise> {
        self.count(stack, stack.raw_len(-1))?;
        Ok(match stack.kind(-1) {
            Kind::String => Response::bulk(stack.bytes(-1).unwrap_or_default()),
            Kind::Number => Response::Integer(truncated(stack.number(-1).unwrap_or_default())),
            Kind::Boolean => match (stack.boolean(-1), self.script) {
                (flag, Protocol::Resp3) => Response::Boolean(flag),
                (true, _) => Response::Integer(1),
                (false, _) => Response::Null,
            },
            _ => Response::Null,
        })
    }

    /// Converts a table. Returns how many values it takes on the stack.
    fn table(&mut self, stack: &mut Stack<'_>) -> Result<(Response, i32), Raise> {
        Ok(match self.form(stack, 0)? {
            Form::Single(response) => (response, 1),
            Form::Array(len) => {
                let mut packed = Packed::array();
                self.elements(stack, 1, len, &mut packed)?;
                (packed.into(), 1)
            }
            Form::Map(pairs) => {
                let mut packed = Packed::map();
                self.pairs(stack, 1, pairs, &mut packed)?;
                (packed.into(), 2)
            }
            Form::Set(len) => {
                let mut packed = Packed::set();
                self.members(stack, 1, len, &mut packed)?;
                (packed.into(), 2)
            }
        })
    }

    /// Pops the value on top, and adds what it is converted to.
    fn item(&mut self, stack: &mut Stack<'_>, depth: usize, packed: &mut Packed) -> Result<(), Raise> {
        let mut used = 1;
        match stack.kind(-1) {
            Kind::String => {
                self.count(stack, stack.raw_len(-1))?;
                packed.push(stack.bytes(-1).unwrap_or_default());
            }
            Kind::Table => match self.form(stack, depth)? {
                Form::Single(response) => {
                    if response.is_error() && !mem::take(&mut self.is_counted) {
                        (self.note_error)(&response);
                    }
                    packed.push_in(&response, self.client);
                }
                Form::Array(len) => packed.try_push_array(len, |items| self.elements(stack, depth + 1, len, items))?,
                Form::Map(len) => {
                    used = 2;
                    let client = self.client;
                    packed.try_push_map_in(client, len, |items| self.pairs(stack, depth + 1, len, items))?;
                }
                Form::Set(len) => {
                    used = 2;
                    let client = self.client;
                    packed.try_push_set_in(client, len, |items| self.members(stack, depth + 1, len, items))?;
                }
            },
            _ => packed.push_in(&self.single(stack)?, self.client),
        }
        stack.pop(used);
        Ok(())
    }

    /// What the table on top stands for. That of a map or a set is pushed.
    fn form(&mut self, stack: &mut Stack<'_>, depth: usize) -> Result<Form, Raise> {
        self.count(stack, 0)?;
        if depth >= MAX_DEPTH {
            // In Redis, this error stands in the place of what is too deep.
            return Ok(Form::Single(Response::error("ERR", "reached lua stack limit")));
        }
        let (len, has_fields) = stack.elements(-1);
        stack.step(len / BYTES_OF_A_STEP)?;
        match has_fields {
            true => Ok(self.form_by_fields(stack)?.unwrap_or(Form::Array(len))),
            false => Ok(Form::Array(len)),
        }
    }

    fn form_by_fields(&mut self, stack: &mut Stack<'_>) -> Result<Option<Form>, Raise> {
        if let Some(text) = self.text_field(stack, b"err")? {
            self.is_counted = is_counted(stack);
            return Ok(Some(Form::Single(Response::Error(text.into()))));
        }
        if let Some(text) = self.text_field(stack, b"ok")? {
            return Ok(Some(Form::Single(Response::Simple(text.into()))));
        }
        if stack.get_field(-1, b"double")? == Kind::Number {
            let double = stack.number(-1).unwrap_or_default();
            stack.pop(1);
            return Ok(Some(Form::Single(Response::Double(double))));
        }
        stack.pop(1);
        for (name, form) in [(&b"map"[..], Form::Map as fn(usize) -> Form), (b"set", Form::Set)] {
            if stack.get_field(-1, name)? == Kind::Table {
                let len = stack.count_entries(-1);
                stack.step(len / BYTES_OF_A_STEP)?;
                return Ok(Some(form(len)));
            }
            stack.pop(1);
        }
        if let Some(text) = self.text_field(stack, b"big_number")? {
            return Ok(Some(Form::Single(Response::BigNumber(one_line(text).into()))));
        }
        let verbatim = match stack.get_field(-1, b"verbatim_string")? {
            Kind::Table => self.verbatim(stack)?,
            _ => None,
        };
        stack.pop(1);
        Ok(verbatim.map(Form::Single))
    }

    fn verbatim(&mut self, stack: &mut Stack<'_>) -> Result<Option<Response>, Raise> {
        let Some(text) = self.text_field(stack, b"string")? else { return Ok(None) };
        let Some(format) = self.text_field(stack, b"format")? else { return Ok(None) };
        let mut letters = *b"   ";
        letters.iter_mut().zip(format).for_each(|(letter, given)| *letter = given);
        Ok(Some(Response::Verbatim(letters, text.into())))
    }

    /// Adds so many elements of the table on top. What a weak table has lost meanwhile is a null.
    fn elements(&mut self, stack: &mut Stack<'_>, depth: usize, len: usize, packed: &mut Packed) -> Result<(), Raise> {
        for index in 1..=len {
            stack.get_index(-1, index as i32)?;
            self.item(stack, depth, packed)?;
        }
        Ok(())
    }

    fn pairs(&mut self, stack: &mut Stack<'_>, depth: usize, pairs: usize, packed: &mut Packed) -> Result<(), Raise> {
        let mut position = 0;
        for _ in 0..pairs {
            self.entry(stack, &mut position)?;
            stack.push_copy(-2)?;
            self.item(stack, depth, packed)?;
            self.item(stack, depth, packed)?;
            stack.pop(1);
        }
        Ok(())
    }

    fn members(&mut self, stack: &mut Stack<'_>, depth: usize, len: usize, packed: &mut Packed) -> Result<(), Raise> {
        let mut position = 0;
        for _ in 0..len {
            self.entry(stack, &mut position)?;
            stack.pop(1);
            self.item(stack, depth, packed)?;
        }
        Ok(())
    }

    /// Pushes the next key and its value; nils if a weak table has lost some meanwhile.
    fn entry(&mut self, stack: &mut Stack<'_>, position: &mut usize) -> Result<(), Raise> {
        if !stack.next_entry(-1, position)? {
            stack.push_nil()?;
            stack.push_nil()?;
        }
        Ok(())
    }

    /// The text in a field of the table on top.
    fn text_field(&mut self, stack: &mut Stack<'_>, name: &[u8]) -> Result<Option<Vec<u8>>, Raise> {
        let is_text = stack.get_field(-1, name)? == Kind::String;
        if is_text {
            self.count(stack, stack.raw_len(-1))?;
        }
        let text = if is_text { stack.bytes(-1).map(<[u8]>::to_vec) } else { None };
        stack.pop(1);
        Ok(text)
    }

    /// Counts the bytes of an element: as steps of the script, and as memory that it may not take.
    fn count(&mut self, stack: &mut Stack<'_>, bytes: usize) -> Result<(), Raise> {
        stack.step(1 + bytes / BYTES_OF_A_STEP)?;
        self.size += bytes + LINE;
        if self.size <= self.granted {
            return Ok(());
        }
        self.granted = self.size + PIECE;
        stack.within(self.granted).map_err(|_| Raise::new("the reply of the script is too large"))
    }
}

/// The integer part of a number. What does not fit is the least integer, as the processor has it and Redis therefore too.
fn truncated(number: f64) -> i64 {
    let limit = (1_u64 << 63) as f64;
    if (-limit..limit).contains(&number) { number as i64 } else { i64::MIN }
}

fn one_line(mut text: Vec<u8>) -> Vec<u8> {
    text.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
    text
}
