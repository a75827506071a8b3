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
    let has_nil = memchr::memchr(0xc0, rest).is_some();
    let mut unpacker = Unpacker { stack, rest, open: Vec::new(), has_nil, work: 0 };
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
    /// Its elements, or keys and values, are on the stack, to be made a table at its end.
    Kept { is_map: bool, values: i32, left: i32 },
    /// The table is on the stack.
    Array { next: i32, left: u32 },
    /// The table is on the stack. A key, or a value for the key below it, comes next.
    Map { key: bool, left: u32 },
}

/// So many values are kept on the stack until their table is made.
const KEPT: u32 = 64;

/// So deep Redis comes at most, where each table has two slots.
const DEEPEST: usize = 3999;

/// Nothing is kept while more than half of the slots of a function are in use.
const KEPT_BELOW: i32 = 4000;

/// An array that is announced gets room for no more elements before it has some.
const ANNOUNCED: u32 = 1024;

/// A table whose elements or pairs follow.
#[derive(Clone, Copy, Debug)]
struct Table {
    is_map: bool,
    length: u32,
}

/// So many values and bytes are read between looks at whether the run is to be stopped.
const WORK: usize = 4096;

struct Unpacker<'a, 'b, 'bytes> {
    stack: &'a mut Stack<'b>,
    rest: &'bytes [u8],
    open: Vec<Open>,
    /// Whether there may be nil.
    has_nil: bool,
    work: usize,
}

impl Unpacker<'_, '_, '_> {
    /// Pushes one value.
    fn value(&mut self) -> Result<(), Raise> {
        self.room(1)?;
        loop {
            let is_open = match self.item()? {
                Some(table) => self.begin(table.is_map, table.length)?,
                None => false,
            };
            if !is_open && !self.store()? {
                return Ok(());
            }
        }
    }

    /// Opens a table, or pushes an empty one.
    fn begin(&mut self, is_map: bool, left: u32) -> Result<bool, Raise> {
        self.room(3)?;
        let values = if is_map { left.saturating_mul(2) } else { left };
        match i32::try_from(values) {
            Ok(0) => {
                self.stack.new_table(0, 0)?;
                return Ok(false);
            }
            Ok(values) if values.unsigned_abs() <= KEPT && self.stack.len() < KEPT_BELOW => {
                self.open.push(Open::Kept { is_map, values, left: values });
            }
            _ if is_map => {
                self.stack.new_table(0, 0)?;
                self.open.push(Open::Map { key: true, left });
            }
            _ => {
                // With nil in it, how long an array is depends on how it has grown.
                let room = if self.has_nil { 0 } else { left.min(ANNOUNCED).next_power_of_two() };
                self.stack.new_table(room as usize, 0)?;
                self.open.push(Open::Array { next: 1, left });
            }
        }
        Ok(true)
    }

    fn room(&mut self, slots: usize) -> Result<(), Raise> {
        if self.open.len() > DEEPEST || self.stack.reserve(slots).is_err() {
            let text = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
            return Err(Raise::here(text));
        }
        Ok(())
    }

    /// Puts the topmost value into the table that is open, and that one, once it is complete, into the one around it. Whether
    /// one is still open.
    fn store(&mut self) -> Result<bool, Raise> {
        self.work += 1;
        if self.work >= WORK {
            self.stack.step(self.work)?;
            self.work = 0;
        }
        while let Some(open) = self.open.pop() {
            if let Some(open) = self.stored(open)? {
                self.open.push(open);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts the topmost value into a table. `None` if that is complete.
    fn stored(&mut self, open: Open) -> Result<Option<Open>, Raise> {
        match open {
            Open::Kept { is_map, values, left } => {
                if is_map && left % 2 == 1 {
                    check_key(self.stack)?;
                }
                match left {
                    1 if is_map => self.stack.make_map(values / 2).map(|()| None),
                    1 => self.stack.make_array(values).map(|()| None),
                    _ => Ok(Some(Open::Kept { is_map, values, left: left - 1 })),
                }
            }
            Open::Array { next, left } => {
                self.stack.append(next)?;
                Ok((left > 1).then(|| Open::Array { next: next.wrapping_add(1), left: left - 1 }))
            }
            Open::Map { key: true, left } => Ok(Some(Open::Map { key: false, left })),
            Open::Map { left, .. } => {
                check_key(self.stack)?;
                self.stack.set(-3)?;
                Ok((left > 1).then(|| Open::Map { key: true, left: left - 1 }))
            }
        }
    }

    /// Pushes a value, or reads the head of a table.
    fn item(&mut self) -> Result<Option<Table>, Raise> {
        let [tag] = self.take()?;
        let number = match tag {
            ..=0x7f => tag.into(),
            0xe0.. => tag.cast_signed().into(),
            0xca => f32::from_be_bytes(self.take()?).into(),
            0xcb => f64::from_be_bytes(self.take()?),
            0xcc => u8::from_be_bytes(self.take()?).into(),
            0xcd => u16::from_be_bytes(self.take()?).into(),
            0xce => u32::from_be_bytes(self.take()?).into(),
            // An unsigned integer of 64 bits is signed to Lua.
            0xcf | 0xd3 => i64::from_be_bytes(self.take()?) as f64,
            0xd0 => i8::from_be_bytes(self.take()?).into(),
            0xd1 => i16::from_be_bytes(self.take()?).into(),
            0xd2 => i32::from_be_bytes(self.take()?).into(),
            _ => return self.other(tag),
        };
        self.stack.push_number(number)?;
        Ok(None)
    }

    /// What is no number.
    fn other(&mut self, tag: u8) -> Result<Option<Table>, Raise> {
        let (is_map, length) = match tag {
            0xa0..=0xbf => return self.string((tag & 0x1f).into()),
            0xd9..=0xdb => {
                let length = self.length(tag - 0xd9)?;
                return self.string(length);
            }
            0xc0 => return self.stack.push_nil().map(|()| None),
            0xc2 | 0xc3 => return self.stack.push_boolean(tag == 0xc3).map(|()| None),
            0x80..=0x8f => (true, (tag & 0xf).into()),
            0x90..=0x9f => (false, (tag & 0xf).into()),
            0xdc | 0xdd => (false, self.length(tag - 0xdb)?),
            0xde | 0xdf => (true, self.length(tag - 0xdd)?),
            _ => return Err(Raise::here("Bad data format in input.")),
        };
        Ok(Some(Table { is_map, length }))
    }

    /// A length of 1, 2 or 4 bytes: for a `width` of 0, 1 or 2.
    fn length(&mut self, width: u8) -> Result<u32, Raise> {
        Ok(match width {
            0 => u8::from_be_bytes(self.take()?).into(),
            1 => u16::from_be_bytes(self.take()?).into(),
            _ => u32::from_be_bytes(self.take()?),
        })
    }

    fn string(&mut self, length: u32) -> Result<Option<Table>, Raise> {
        let (bytes, rest) = self.rest.split_at_checked(length as usize).ok_or_else(missing)?;
        self.rest = rest;
        self.work += bytes.len() / 16;
        self.stack.push_bytes(bytes)?;
        Ok(None)
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

/// Refuses a key that no table can have; it is below its value, which was read before it is refused.
fn check_key(stack: &Stack<'_>) -> Result<(), Raise> {
    match stack.kind(-2) {
        Kind::Nil => Err(Raise::new("table index is nil")),
        Kind::Number if stack.number(-2).is_some_and(f64::is_nan) => Err(Raise::new("table index is NaN")),
        _ => Ok(()),
    }
}
