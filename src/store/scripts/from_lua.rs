//! The answer to a script: what it has returned.

use kvstore_lua::{Kind, Raise, Stack};
use kvstore_protocol::{Protocol, Response};

/// How deep tables may be in each other.
const MAX_DEPTH: usize = 500;

/// The most memory of an answer, in bytes: tables may hold each other many times.
const MAX_SIZE: usize = 256 << 20;

/// Converts values of Lua.
struct Converter {
    protocol: Protocol,
    size: usize,
}

/// Pops the value on top, and converts it to the answer of a script that speaks this version of RESP.
///
/// # Errors
/// If it is too large, or the script is stopped.
pub(super) fn pop_response(stack: &mut Stack<'_>, protocol: Protocol) -> Result<Response, Raise> {
    Converter { protocol, size: 0 }.pop(stack, 0)
}

impl Converter {
    fn pop(&mut self, stack: &mut Stack<'_>, depth: usize) -> Result<Response, Raise> {
        self.size += size_of::<Response>();
        let response = match stack.kind(-1) {
            Kind::String => self.bulk(stack.bytes(-1).unwrap_or_default())?,
            Kind::Number => Response::Integer(truncated(stack.number(-1).unwrap_or_default())),
            Kind::Boolean => match (stack.boolean(-1), self.protocol) {
                (flag, Protocol::Resp3) => Response::Boolean(flag),
                (true, _) => Response::Integer(1),
                (false, _) => Response::Null,
            },
            Kind::Table => self.table(stack, depth)?,
            _ => Response::Null,
        };
        stack.pop(1);
        Ok(response)
    }

    fn bulk(&mut self, bytes: &[u8]) -> Result<Response, Raise> {
        self.count(bytes.len())?;
        Ok(Response::bulk(bytes))
    }

    fn count(&mut self, bytes: usize) -> Result<(), Raise> {
        self.size += bytes;
        if self.size > MAX_SIZE { Err(Raise::new("the reply of the script is too large")) } else { Ok(()) }
    }

    /// Converts the table on top, which stays there.
    fn table(&mut self, stack: &mut Stack<'_>, depth: usize) -> Result<Response, Raise> {
        if depth >= MAX_DEPTH {
            // In Redis, this error stands in the place of what is too deep.
            return Ok(Response::error("ERR", "reached lua stack limit"));
        }
        self.count(0)?;
        if let Some(text) = text_field(stack, b"err")? {
            return Ok(Response::Error(text.into()));
        }
        if let Some(text) = text_field(stack, b"ok")? {
            return Ok(Response::Simple(text.into()));
        }
        if stack.get_field(-1, b"double")? == Kind::Number {
            let double = stack.number(-1).unwrap_or_default();
            stack.pop(1);
            return Ok(Response::Double(double));
        }
        stack.pop(1);
        for (name, convert) in [(&b"map"[..], Self::map as Convert), (b"set", Self::set)] {
            if stack.get_field(-1, name)? == Kind::Table {
                let converted = convert(self, stack, depth + 1)?;
                stack.pop(1);
                return Ok(converted);
            }
            stack.pop(1);
        }
        if let Some(text) = text_field(stack, b"big_number")? {
            return Ok(Response::BigNumber(one_line(text).into()));
        }
        if stack.get_field(-1, b"verbatim_string")? == Kind::Table
            && let (Some(text), Some(format)) = (text_field(stack, b"string")?, text_field(stack, b"format")?)
        {
            stack.pop(1);
            let mut letters = *b"   ";
            letters.iter_mut().zip(format).for_each(|(letter, given)| *letter = given);
            return Ok(Response::Verbatim(letters, text.into()));
        }
        stack.pop(1);
        self.array(stack, depth)
    }

    /// The elements from 1 on, up to the first that is nil.
    fn array(&mut self, stack: &mut Stack<'_>, depth: usize) -> Result<Response, Raise> {
        let mut items = Vec::new();
        for index in 1..=i32::MAX {
            stack.step(1)?;
            if stack.get_index(-1, index)? == Kind::Nil {
                stack.pop(1);
                break;
            }
            items.push(self.pop(stack, depth + 1)?);
        }
        Ok(Response::Array(items))
    }

    fn map(&mut self, stack: &mut Stack<'_>, depth: usize) -> Result<Response, Raise> {
        let (mut pairs, mut position) = (Vec::new(), 0);
        while stack.next_entry(-1, &mut position)? {
            stack.step(1)?;
            let value = self.pop(stack, depth)?;
            pairs.push((self.pop(stack, depth)?, value));
        }
        Ok(Response::Map(pairs))
    }

    fn set(&mut self, stack: &mut Stack<'_>, depth: usize) -> Result<Response, Raise> {
        let (mut items, mut position) = (Vec::new(), 0);
        while stack.next_entry(-1, &mut position)? {
            stack.step(1)?;
            // Each member is a key of the table.
            stack.pop(1);
            items.push(self.pop(stack, depth)?);
        }
        Ok(Response::Set(items))
    }
}

type Convert = fn(&mut Converter, &mut Stack<'_>, usize) -> Result<Response, Raise>;

/// The integer part of a number. What does not fit is the least integer, as the processor has it and Redis therefore too.
fn truncated(number: f64) -> i64 {
    let limit = (1_u64 << 63) as f64;
    if (-limit..limit).contains(&number) { number as i64 } else { i64::MIN }
}

/// The text in a field of the table on top.
fn text_field(stack: &mut Stack<'_>, name: &[u8]) -> Result<Option<Vec<u8>>, Raise> {
    let is_text = stack.get_field(-1, name)? == Kind::String;
    let text = if is_text { stack.bytes(-1).map(<[u8]>::to_vec) } else { None };
    stack.pop(1);
    Ok(text)
}

fn one_line(mut text: Vec<u8>) -> Vec<u8> {
    text.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
    text
}
