//! The fast path: finds whole requests at the front of the input without taking them off.
//!
//! Everything that is not a whole, plain request within the limits is `None` here, and read again by the decoder.

use crate::{Limits, RequestBatch};

/// The most digits of a length. Longer ones are left to the decoder.
const DIGITS: usize = 9;

/// Adds the words of the next request to `batch`. Returns where it ends.
#[inline(always)]
pub(super) fn find_request(input: &[u8], batch: &mut RequestBatch, limits: &Limits) -> Option<usize> {
    let start = batch.bytes();
    let (count, at) = find_length(b'*', input, start)?;
    if count == 0 || count > limits.args() {
        return None;
    }
    let mut end = at;
    for _ in 0..count {
        end = find_word(input, end, batch, limits)?;
    }
    (end - start <= limits.request()).then_some(end)
}

/// Adds the next word to `batch`. Returns where the next one starts.
#[inline(always)]
fn find_word(input: &[u8], at: usize, batch: &mut RequestBatch, limits: &Limits) -> Option<usize> {
    let (length, start) = find_length(b'$', input, at)?;
    if length > limits.bulk() {
        return None;
    }
    let behind = input.get(start.checked_add(length)?..)?;
    if behind.first_chunk() != Some(b"\r\n") {
        return None;
    }
    batch.push_word(start..start + length);
    Some(start + length + 2)
}

/// The length behind `kind`, and where the next line starts.
#[inline(always)]
fn find_length(kind: u8, input: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = input.get(at..)?;
    let word = u32::from_le_bytes(*line.first_chunk()?);
    let digit = |byte: u32| usize::from(((word >> (8 * byte)) as u8).wrapping_sub(b'0'));
    // Nearly all lengths have one digit or two.
    if word & 0xffff_00ff == u32::from_le_bytes([kind, 0, b'\r', b'\n']) && digit(1) < 10 {
        return Some((digit(1), at + 4));
    }
    if word as u8 != kind {
        return None;
    }
    if (word >> 24) as u8 == b'\r' && line.get(4) == Some(&b'\n') && (1..10).contains(&digit(1)) && digit(2) < 10 {
        return Some((digit(1) * 10 + digit(2), at + 5));
    }
    find_long_length(input, at)
}

#[inline(never)]
fn find_long_length(input: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = &input[at + 1..];
    let (mut number, mut digits) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = line.get(digits) {
        if digits == DIGITS {
            return None;
        }
        number = number * 10 + usize::from(digit - b'0');
        digits += 1;
    }
    let is_length = line.first() != Some(&b'0') && digits > 0 && line[digits..].starts_with(b"\r\n");
    is_length.then_some((number, at + digits + 3))
}
