//! `bit`: operations on the bits of numbers.
//!
//! A number stands for its integer part modulo 2^32, and a result is signed: `bit.bnot(0)` is -1.

use super::{Function, arguments::wrong_type, push_functions};
use crate::{Raise, Stack};

const FUNCTIONS: [(&str, Function); 12] = [
    ("tobit", tobit),
    ("bnot", bnot),
    ("band", band),
    ("bor", bor),
    ("bxor", bxor),
    ("lshift", lshift),
    ("rshift", rshift),
    ("arshift", arshift),
    ("rol", rol),
    ("ror", ror),
    ("bswap", bswap),
    ("tohex", tohex),
];

/// Sets the global table `bit`.
///
/// # Errors
/// When memory is used up.
pub fn open(stack: &mut Stack<'_>) -> Result<(), Raise> {
    push_functions(stack, &FUNCTIONS)?;
    stack.set_global(b"bit")
}

fn tobit(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let bits = bits(stack, 1)?;
    answer(stack, bits)
}

fn bnot(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let bits = bits(stack, 1)?;
    answer(stack, !bits)
}

fn band(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    fold(stack, |one, other| one & other)
}

fn bor(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    fold(stack, |one, other| one | other)
}

fn bxor(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    fold(stack, |one, other| one ^ other)
}

fn lshift(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    shift(stack, |bits, by| bits << by)
}

fn rshift(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    shift(stack, |bits, by| bits >> by)
}

fn arshift(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    shift(stack, |bits, by| (bits.cast_signed() >> by).cast_unsigned())
}

fn rol(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    shift(stack, u32::rotate_left)
}

fn ror(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    shift(stack, u32::rotate_right)
}

fn bswap(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let bits = bits(stack, 1)?;
    answer(stack, bits.swap_bytes())
}

/// `tohex(x [, digits])`: the lowest digits, in capitals if `digits` is negative.
fn tohex(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let number = bits(stack, 1)?;
    let digits = if stack.len() < 2 { 8 } else { bits(stack, 2)?.cast_signed() };
    let alphabet = if digits < 0 { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    // The smallest integer has no positive counterpart: its magnitude is unsigned.
    let count = digits.unsigned_abs().min(8) as usize;
    let mut text = [0; 8];
    for (place, digit) in text[..count].iter_mut().rev().enumerate() {
        *digit = alphabet[(number >> (4 * place)) as usize & 15];
    }
    stack.push_bytes(&text[..count])?;
    Ok(1)
}

fn bits(stack: &Stack<'_>, argument: i32) -> Result<u32, Raise> {
    // Behind this addition the integer part, modulo 2^32, is in the low bits of the double, rounded to the nearest.
    const ALIGN: f64 = 6_755_399_441_055_744.0;
    let number = stack.to_number(argument).ok_or_else(|| wrong_type(stack, argument, "number"))?;
    Ok((number + ALIGN).to_bits() as u32)
}

fn answer(stack: &mut Stack<'_>, bits: u32) -> Result<usize, Raise> {
    stack.push_number(bits.cast_signed().into())?;
    Ok(1)
}

/// The last argument is looked at first but for the first one: so the error of several is Redis's.
fn fold(stack: &mut Stack<'_>, operation: fn(u32, u32) -> u32) -> Result<usize, Raise> {
    let mut result = bits(stack, 1)?;
    for argument in (2..=stack.len()).rev() {
        result = operation(result, bits(stack, argument)?);
    }
    answer(stack, result)
}

/// Only the five lowest bits of the distance count.
fn shift(stack: &mut Stack<'_>, operation: fn(u32, u32) -> u32) -> Result<usize, Raise> {
    let number = bits(stack, 1)?;
    let by = bits(stack, 2)? & 31;
    answer(stack, operation(number, by))
}
