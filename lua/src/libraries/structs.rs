//! `struct`: packs values into the bytes of a structure of C, and reads them from it.
//!
//! | option | is |
//! |---|---|
//! | `>`, `<` | big or little endian, from here on |
//! | `!n` | aligned to `n` bytes at most, 8 without a number, from here on |
//! | `x` | a byte of padding |
//! | `b` `h` `l` | signed integers of 1, 2 and 8 bytes; unsigned `B` `H` `L`, and `T` of 8 |
//! | `in` `In` | integers of `n` bytes, 4 without a number, 32 at most |
//! | `f` `d` | floats of 4 and 8 bytes |
//! | `cn` | `n` bytes; `c0` the whole string, or as many as the number before says |
//! | `s` | a string that ends with a zero |

use std::borrow::Cow;

use super::{
    Function,
    arguments::{c_string, integer_or, number, string, truncated},
    output::Output,
    push_functions,
};
use crate::{Raise, Stack};

/// Integers may have so many bytes.
const LARGEST_INTEGER: usize = 32;

const FUNCTIONS: [(&str, Function); 3] = [("pack", pack), ("unpack", unpack), ("size", size)];

/// Sets the global table `struct`.
///
/// # Errors
/// When memory is used up.
pub fn open(stack: &mut Stack<'_>) -> Result<(), Raise> {
    push_functions(stack, &FUNCTIONS)?;
    stack.set_global(b"struct")
}

/// `pack(format, value …)`
fn pack(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let format = c_string(stack, 1)?;
    // A value that is missing reads this.
    stack.push_nil()?;
    let mut format = Format::new(&format);
    let mut packer = Packer { stack, argument: 1, bytes: Output::new() };
    while let Some(option) = format.next() {
        let size = format.size(option)?;
        let padding = format.padding(packer.bytes.len(), option, size);
        packer.append(&[0; LARGEST_INTEGER][..padding])?;
        packer.value(&mut format, option, size)?;
    }
    let Packer { stack, bytes, .. } = packer;
    stack.push_bytes(bytes.as_slice())?;
    Ok(1)
}

struct Packer<'a, 'b> {
    stack: &'a mut Stack<'b>,
    /// The last argument that was packed.
    argument: i32,
    bytes: Output,
}

impl Packer<'_, '_> {
    fn value(&mut self, format: &mut Format<'_>, option: u8, size: usize) -> Result<(), Raise> {
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let bytes = unsigned(self.number()?).to_le_bytes();
                let mut wide = [0; LARGEST_INTEGER];
                wide[..bytes.len()].copy_from_slice(&bytes);
                self.ordered(format, &mut wide[..size])
            }
            b'f' => {
                let mut bytes = (self.number()? as f32).to_le_bytes();
                self.ordered(format, &mut bytes)
            }
            b'd' => {
                let mut bytes = self.number()?.to_le_bytes();
                self.ordered(format, &mut bytes)
            }
            b'x' => self.append(&[0]),
            b'c' | b's' => self.string(option, size),
            _ => format.control(option),
        }
    }

    fn number(&mut self) -> Result<f64, Raise> {
        self.argument += 1;
        number(self.stack, self.argument)
    }

    /// Appends bytes that are little endian in the order of the format.
    fn ordered(&mut self, format: &Format<'_>, bytes: &mut [u8]) -> Result<(), Raise> {
        if format.big {
            bytes.reverse();
        }
        self.append(bytes)
    }

    fn string(&mut self, option: u8, size: usize) -> Result<(), Raise> {
        self.argument += 1;
        let string = string(self.stack, self.argument)?;
        let size = if size == 0 { string.len() } else { size };
        // The argument behind it is named, as in Redis.
        let part = string.get(..size).ok_or_else(|| Raise::argument(self.argument + 1, "string too short"))?;
        self.append(part)?;
        if option == b's' { self.append(&[0]) } else { Ok(()) }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Raise> {
        self.bytes.append(self.stack, bytes)
    }
}

/// `unpack(format, data [, position])`: the values, and the position behind them.
fn unpack(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let format = c_string(stack, 1)?;
    let data = string(stack, 2)?;
    let start = integer_or(stack, 3, 1)?;
    if start == 0 {
        return Err(Raise::argument(3, "offset must be 1 or greater"));
    }
    let mut format = Format::new(&format);
    // A negative position is one far behind the data.
    let mut unpacker = Unpacker { stack, data, position: start.cast_unsigned() - 1, results: 0 };
    while let Some(option) = format.next() {
        let size = format.size(option)?;
        let padding = format.padding(unpacker.position as usize, option, size);
        unpacker.position = unpacker.position.wrapping_add(padding as u64);
        unpacker.value(&mut format, option, size)?;
    }
    let Unpacker { stack, position, results, .. } = unpacker;
    stack.push_number(position.wrapping_add(1).cast_signed() as f64)?;
    Ok(results + 1)
}

struct Unpacker<'a, 'b, 'data> {
    stack: &'a mut Stack<'b>,
    data: Cow<'data, [u8]>,
    position: u64,
    results: usize,
}

impl Unpacker<'_, '_, '_> {
    fn value(&mut self, format: &mut Format<'_>, option: u8, size: usize) -> Result<(), Raise> {
        let bytes = part(&self.data, self.position, size as u64)?;
        if self.stack.reserve(2).is_err() {
            return Err(Raise::here("stack overflow (too many results)"));
        }
        match option {
            b'b' | b'h' | b'l' | b'i' => self.stack.push_number(signed(format.integer(bytes), size))?,
            b'B' | b'H' | b'L' | b'I' | b'T' => self.stack.push_number(format.integer(bytes) as f64)?,
            b'f' => self.stack.push_number(f32::from_bits(format.integer(bytes) as u32).into())?,
            b'd' => self.stack.push_number(f64::from_bits(format.integer(bytes)))?,
            b'c' if size == 0 => return self.counted(),
            b'c' => self.stack.push_bytes(bytes)?,
            b's' => return self.terminated(),
            b'x' => {}
            _ => format.control(option)?,
        }
        self.results += usize::from(option.is_ascii_alphabetic() && option != b'x');
        self.position += size as u64;
        Ok(())
    }

    /// `c0`: the result before is how long the string is, and is none.
    fn counted(&mut self) -> Result<(), Raise> {
        let size = if self.results == 0 { None } else { self.stack.to_number(-1) };
        let size = unsigned(size.ok_or_else(|| Raise::here("format 'c0' needs a previous size"))?);
        self.stack.pop(1);
        self.stack.push_bytes(part(&self.data, self.position, size)?)?;
        self.position += size;
        Ok(())
    }

    fn terminated(&mut self) -> Result<(), Raise> {
        let rest = &self.data[self.position as usize..];
        let length = memchr::memchr(0, rest).ok_or_else(|| Raise::here("unfinished string in data"))?;
        self.stack.push_bytes(&rest[..length])?;
        self.results += 1;
        self.position += length as u64 + 1;
        Ok(())
    }
}

/// So many bytes of the data from the position on.
fn part(data: &[u8], position: u64, size: u64) -> Result<&[u8], Raise> {
    let end = position.checked_add(size).filter(|end| *end <= data.len() as u64);
    let end = end.ok_or_else(|| Raise::argument(2, "data string too short"))?;
    Ok(&data[position as usize..end as usize])
}

/// `size(format)`
fn size(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let format = c_string(stack, 1)?;
    let mut format = Format::new(&format);
    let mut position = 0_usize;
    while let Some(option) = format.next() {
        let size = format.size(option)?;
        position += format.padding(position, option, size);
        match option {
            b's' => return Err(Raise::argument(1, "option 's' has no fixed size")),
            b'c' if size == 0 => return Err(Raise::argument(1, "option 'c0' has no fixed size")),
            // A letter that is no option has no size.
            _ if option.is_ascii_alphanumeric() => {}
            _ => format.control(option)?,
        }
        position += size;
    }
    stack.push_number(position as f64)?;
    Ok(1)
}

/// What is left of a format, and what its control options have set.
struct Format<'a> {
    rest: &'a [u8],
    big: bool,
    align: usize,
}

impl<'a> Format<'a> {
    const fn new(format: &'a [u8]) -> Self {
        Self { rest: format, big: cfg!(target_endian = "big"), align: 1 }
    }

    fn next(&mut self) -> Option<u8> {
        let (option, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*option)
    }

    /// The number behind an option.
    fn count(&mut self, default: i32) -> Result<i32, Raise> {
        let Some(b'0'..=b'9') = self.rest.first() else { return Ok(default) };
        let mut count = 0_i32;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let more = count.checked_mul(10).and_then(|count| count.checked_add(i32::from(digit - b'0')));
            count = more.ok_or_else(|| Raise::here("integral size overflow"))?;
            self.rest = rest;
        }
        Ok(count)
    }

    /// How many bytes the value of `option` has; 0 if that depends on the value.
    fn size(&mut self, option: u8) -> Result<usize, Raise> {
        Ok(match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.count(1)?.unsigned_abs() as usize,
            b'i' | b'I' => {
                let size = self.count(4)?.unsigned_abs() as usize;
                if size > LARGEST_INTEGER {
                    let text = format!("integral size {size} is larger than limit of {LARGEST_INTEGER}");
                    return Err(Raise::here(text));
                }
                size
            }
            _ => 0,
        })
    }

    /// How many bytes are left out so that a value of `size` bytes is aligned at `position`.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let align = size.min(self.align);
        (align - (position & (align - 1))) & (align - 1)
    }

    fn control(&mut self, option: u8) -> Result<(), Raise> {
        match option {
            b' ' => {}
            b'>' => self.big = true,
            b'<' => self.big = false,
            b'!' => {
                let align = self.count(8)?;
                if align.count_ones() != 1 {
                    return Err(Raise::here(format!("alignment {align} is not a power of 2")));
                }
                self.align = align.unsigned_abs() as usize;
            }
            _ => {
                return Err(Raise::argument(1, [b"invalid format option '", &[option][..], b"'"].concat()));
            }
        }
        Ok(())
    }

    /// An integer in the order of the format; of more than eight bytes the lowest.
    fn integer(&self, bytes: &[u8]) -> u64 {
        let append = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big { bytes.iter().fold(0, append) } else { bytes.iter().rev().fold(0, append) }
    }
}

/// An integer of `size` bytes as a signed one.
fn signed(number: u64, size: usize) -> f64 {
    let unused = 64_u32.saturating_sub(8 * size as u32);
    if unused == 64 { 0.0 } else { ((number << unused).cast_signed() >> unused) as f64 }
}

/// What a double becomes when the processors of today cut it to an unsigned integer of 64 bits.
fn unsigned(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if number >= HALF { truncated(number - HALF).cast_unsigned() ^ 1 << 63 } else { truncated(number).cast_unsigned() }
}
