//! Packing.

use super::super::{arguments::truncated, output::Output};
use crate::{Kind, Raise, Stack};

/// A table that is nested deeper is packed as nil, so one that contains itself has an end.
const DEEPEST: usize = 16;

/// Redis keeps each argument and each result on the stack, of which a function has 8,000 slots.
const MOST_ARGUMENTS: i32 = 4000;

/// `pack(value …)`: the values, one behind the other.
pub(super) fn pack(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let arguments = stack.len();
    if arguments == 0 {
        return Err(Raise::argument(0, "MessagePack pack needs input."));
    }
    if arguments > MOST_ARGUMENTS {
        return Err(Raise::argument(0, "Too many arguments for MessagePack pack."));
    }
    let mut packer = Packer { stack, bytes: Output::new() };
    for argument in 1..=arguments {
        packer.stack.push_copy(argument)?;
        packer.value(0)?;
        packer.stack.pop(1);
    }
    let Packer { stack, bytes } = packer;
    stack.push_bytes(bytes.as_slice())?;
    Ok(1)
}

struct Packer<'a, 'b> {
    stack: &'a mut Stack<'b>,
    bytes: Output,
}

impl Packer<'_, '_> {
    /// Packs the topmost value.
    fn value(&mut self, depth: usize) -> Result<(), Raise> {
        // The longest but strings.
        self.bytes.reserve(self.stack, 16)?;
        match self.stack.kind(-1) {
            Kind::String => return self.string(-1),
            Kind::Boolean => self.bytes.push(if self.stack.boolean(-1) { 0xc3 } else { 0xc2 }),
            Kind::Number => self.number(self.stack.number(-1).unwrap_or_default()),
            Kind::Table if depth < DEEPEST => return self.table(depth + 1),
            _ => self.bytes.push(0xc0),
        }
        Ok(())
    }

    fn string(&mut self, index: i32) -> Result<(), Raise> {
        self.bytes.reserve(self.stack, 8 + self.stack.raw_len(index))?;
        let bytes = self.stack.bytes(index).unwrap_or_default();
        let output = &mut self.bytes;
        match bytes.len() {
            length @ ..32 => output.push(0xa0 | length as u8),
            length @ ..0x100 => output.extend(&[0xd9, length as u8]),
            length => push_length(output, length, 0xda, 0xdb)?,
        }
        output.extend(bytes);
        Ok(())
    }

    fn number(&mut self, number: f64) {
        let integer = truncated(number);
        if integer as f64 == number {
            return self.integer(integer);
        }
        let single = number as f32;
        if f64::from(single) == number {
            self.tagged(0xca, single.to_be_bytes());
        } else {
            self.tagged(0xcb, number.to_be_bytes());
        }
    }

    fn integer(&mut self, number: i64) {
        match number {
            -32..=0x7f => self.bytes.push(number as u8),
            0x80..=0xff => self.tagged(0xcc, [number as u8]),
            0x100..=0xffff => self.tagged(0xcd, (number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.tagged(0xce, (number as u32).to_be_bytes()),
            0x1_0000_0000.. => self.tagged(0xcf, number.to_be_bytes()),
            -0x80..=-33 => self.tagged(0xd0, [number as u8]),
            -0x8000..=-0x81 => self.tagged(0xd1, (number as u16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => self.tagged(0xd2, (number as u32).to_be_bytes()),
            ..=-0x8000_0001 => self.tagged(0xd3, number.to_be_bytes()),
        }
    }

    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.bytes.push(tag);
        self.bytes.extend(&bytes);
    }

    /// A table whose keys are 1 to their count is an array, also an empty one.
    fn table(&mut self, depth: usize) -> Result<(), Raise> {
        let keys = self.stack.index_keys(-1).filter(|keys| !keys.has_huge);
        match keys {
            Some(keys) if keys.largest as usize == keys.count => self.array(keys.largest, depth),
            _ => self.map(depth),
        }
    }

    fn array(&mut self, length: i32, depth: usize) -> Result<(), Raise> {
        match length {
            0..16 => self.bytes.push(0x90 | length as u8),
            _ => push_length(&mut self.bytes, length as usize, 0xdc, 0xdd)?,
        }
        for index in 1..=length {
            self.stack.get_index(-1, index)?;
            self.value(depth)?;
            self.stack.pop(1);
        }
        Ok(())
    }

    fn map(&mut self, depth: usize) -> Result<(), Raise> {
        match self.stack.count_entries(-1) {
            length @ ..16 => self.bytes.push(0x80 | length as u8),
            length => push_length(&mut self.bytes, length, 0xde, 0xdf)?,
        }
        let mut position = 0;
        while self.stack.next_entry(-1, &mut position)? {
            if self.stack.kind(-2) == Kind::String {
                self.string(-2)?;
            } else {
                self.stack.push_copy(-2)?;
                self.value(depth)?;
                self.stack.pop(1);
            }
            self.value(depth)?;
            self.stack.pop(2);
        }
        Ok(())
    }
}

/// A length of two bytes or of four.
fn push_length(output: &mut Output, length: usize, short: u8, long: u8) -> Result<(), Raise> {
    if let Ok(length) = u16::try_from(length) {
        output.push(short);
        output.extend(&length.to_be_bytes());
        return Ok(());
    }
    let length = u32::try_from(length).map_err(|_| Raise::Memory)?;
    output.push(long);
    output.extend(&length.to_be_bytes());
    Ok(())
}
