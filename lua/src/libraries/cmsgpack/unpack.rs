//! Unpacking. What is nested is kept in a list of the tables that are open, not on the stack of the thread.

use super::super::arguments::{integer, integer_or, string};
use crate::{Kind, Raise, Stack};

/// `unpack(bytes)`: all values.
pub(super) fn unpack(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    values(stack, 0, 0)
}

/// `unpack_one(bytes [, offset])`: where the next value is, or -1, and one value.
pub(super) fn unpack_one(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let offset = integer_or(stack, 2, 0)?;
    values(stack, 1, offset)
}

/// `unpack_limit(bytes, limit [, offset])`: where the next value is, or -1, and at most so many values.
pub(super) fn unpack_limit(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let limit = integer(stack, 2)?;
    let offset = integer_or(stack, 3, 0)?;
    values(stack, limit, offset)
}

fn values(stack: &mut Stack<'_>, limit: i64, offset: i64) -> Result<usize, Raise> {
    let bytes = string(stack, 1)?;
    let rest = part(&bytes, limit, offset)?;
    // The others are not needed, and the results may be many.
    stack.truncate(1);
    let base = stack.len();
    let mut unpacker = Unpacker { stack, rest, open: Vec::new(), work: 0 };
    let all = limit == 0 && offset == 0;
    let limit = if all { i64::from(i32::MAX) } else { limit };
    let mut count = 0;
    while !unpacker.rest.is_empty() && count < limit {
        unpacker.value()?;
        count += 1;
    }
    let left = unpacker.rest.len();
    if !all {
        stack.push_number(if left == 0 { -1.0 } else { (bytes.len() - left) as f64 })?;
        stack.insert(base + 1);
    }
    Ok(usize::try_from(stack.len() - base).unwrap_or_default())
}

/// The bytes from `offset` on.
fn part(bytes: &[u8], limit: i64, offset: i64) -> Result<&[u8], Raise> {
    // C prints the low bits.
    let (start, length) = (offset as i32, bytes.len() as i32);
    if offset < 0 || limit < 0 {
        // The length stands where the limit should, as in Redis.
        let text = format!("Invalid request to unpack with offset of {start} and limit of {length}.");
        return Err(Raise::here(text));
    }
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
    rest.ok_or_else(|| Raise::here(format!("Start offset {start} greater than input length {length}.")))
}

/// A table that is not complete.
#[derive(Clone, Copy, Debug)]
enum Open {
    Array {
        next: i32,
        left: u32,
    },
    /// A key, or a value for the key below it, comes next.
    Map {
        key: bool,
        left: u32,
    },
}

/// What was read: a value, or how many elements or pairs of a table follow.
enum Item<'bytes> {
    Nil,
    Boolean(bool),
    Number(f64),
    String(&'bytes [u8]),
    Array(u32),
    Map(u32),
}

/// So many values and bytes are read between looks at whether the run is to be stopped.
const WORK: usize = 4096;

struct Unpacker<'a, 'b, 'bytes> {
    stack: &'a mut Stack<'b>,
    rest: &'bytes [u8],
    open: Vec<Open>,
    work: usize,
}

impl<'bytes> Unpacker<'_, '_, 'bytes> {
    /// Pushes one value.
    fn value(&mut self) -> Result<(), Raise> {
        self.room(1)?;
        loop {
            let is_open = match self.item()? {
                Item::Array(left) => self.begin(left, Open::Array { next: 1, left })?,
                Item::Map(left) => self.begin(left, Open::Map { key: true, left })?,
                scalar => {
                    self.scalar(&scalar)?;
                    false
                }
            };
            if !is_open && !self.store()? {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self, item: &Item<'_>) -> Result<(), Raise> {
        match item {
            Item::Boolean(value) => self.stack.push_boolean(*value),
            Item::Number(number) => self.stack.push_number(*number),
            Item::String(bytes) => {
                self.work += bytes.len() / 16;
                self.stack.push_bytes(bytes)
            }
            Item::Nil | Item::Array(_) | Item::Map(_) => self.stack.push_nil(),
        }
    }

    /// Pushes a table, and opens it if there is something to come.
    fn begin(&mut self, left: u32, open: Open) -> Result<bool, Raise> {
        self.room(3)?;
        self.stack.new_table(0, 0)?;
        if left > 0 {
            self.open.push(open);
        }
        Ok(left > 0)
    }

    fn room(&mut self, slots: usize) -> Result<(), Raise> {
        let text = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
        self.stack.reserve(slots).map_err(|_| Raise::here(text))
    }

    /// Puts the topmost value into the table that is open, and that one, once it is complete, into the one around it. Whether
    /// one is still open.
    fn store(&mut self) -> Result<bool, Raise> {
        self.work += 1;
        if self.work >= WORK {
            self.stack.step(self.work)?;
            self.work = 0;
        }
        while let Some(open) = self.open.last_mut() {
            let left = match open {
                Open::Array { next, left } => {
                    self.stack.set_index(-2, *next)?;
                    *next = next.wrapping_add(1);
                    left
                }
                Open::Map { key: key @ true, .. } => {
                    check_key(self.stack)?;
                    *key = false;
                    return Ok(true);
                }
                Open::Map { key, left } => {
                    self.stack.set(-3)?;
                    *key = true;
                    left
                }
            };
            *left -= 1;
            if *left > 0 {
                return Ok(true);
            }
            self.open.pop();
        }
        Ok(false)
    }

    fn item(&mut self) -> Result<Item<'bytes>, Raise> {
        let [tag] = self.take()?;
        Ok(match tag {
            ..=0x7f => Item::Number(tag.into()),
            0x80..=0x8f => Item::Map((tag & 0xf).into()),
            0x90..=0x9f => Item::Array((tag & 0xf).into()),
            0xa0..=0xbf => self.string((tag & 0x1f).into())?,
            0xc0 => Item::Nil,
            0xc2 | 0xc3 => Item::Boolean(tag == 0xc3),
            0xca => Item::Number(f32::from_be_bytes(self.take()?).into()),
            0xcb => Item::Number(f64::from_be_bytes(self.take()?)),
            0xcc => Item::Number(u8::from_be_bytes(self.take()?).into()),
            0xcd => Item::Number(u16::from_be_bytes(self.take()?).into()),
            0xce => Item::Number(u32::from_be_bytes(self.take()?).into()),
            // An unsigned integer of 64 bits is signed to Lua.
            0xcf | 0xd3 => Item::Number(i64::from_be_bytes(self.take()?) as f64),
            0xd0 => Item::Number(i8::from_be_bytes(self.take()?).into()),
            0xd1 => Item::Number(i16::from_be_bytes(self.take()?).into()),
            0xd2 => Item::Number(i32::from_be_bytes(self.take()?).into()),
            0xd9..=0xdb => {
                let length = match tag {
                    0xd9 => u8::from_be_bytes(self.take()?).into(),
                    0xda => u16::from_be_bytes(self.take()?).into(),
                    _ => u32::from_be_bytes(self.take()?),
                };
                self.string(length)?
            }
            0xdc => Item::Array(u16::from_be_bytes(self.take()?).into()),
            0xdd => Item::Array(u32::from_be_bytes(self.take()?)),
            0xde => Item::Map(u16::from_be_bytes(self.take()?).into()),
            0xdf => Item::Map(u32::from_be_bytes(self.take()?)),
            0xe0.. => Item::Number(tag.cast_signed().into()),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(Raise::here("Bad data format in input.")),
        })
    }

    fn string(&mut self, length: u32) -> Result<Item<'bytes>, Raise> {
        let (bytes, rest) = self.rest.split_at_checked(length as usize).ok_or_else(missing)?;
        self.rest = rest;
        Ok(Item::String(bytes))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Raise> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(missing)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

#[cold]
fn missing() -> Raise {
    Raise::here("Missing bytes in input.")
}

/// Refuses a key that no table can have.
fn check_key(stack: &Stack<'_>) -> Result<(), Raise> {
    match stack.kind(-1) {
        Kind::Nil => Err(Raise::new("table index is nil")),
        Kind::Number if stack.number(-1).is_some_and(f64::is_nan) => Err(Raise::new("table index is NaN")),
        _ => Ok(()),
    }
}
