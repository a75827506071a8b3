//! Arguments, checked as functions in C check them, and with the same errors.

use std::borrow::Cow;

use crate::{Kind, Raise, Stack};

/// A string, or a number as text.
pub(super) fn string<'a>(stack: &Stack<'_>, argument: i32) -> Result<Cow<'a, [u8]>, Raise> {
    match stack.argument_bytes(argument) {
        Some(bytes) => Ok(Cow::Borrowed(bytes)),
        None => match stack.to_bytes(argument) {
            Some(text) => Ok(Cow::Owned(text.into_owned())),
            None => Err(wrong_type(stack, argument, "string")),
        },
    }
}

/// A string up to its first zero, as C takes it.
pub(super) fn c_string<'a>(stack: &Stack<'_>, argument: i32) -> Result<Cow<'a, [u8]>, Raise> {
    let end = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Ok(match string(stack, argument)? {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end(bytes)]),
        Cow::Owned(text) => Cow::Owned(text),
    })
}

/// A number, or a string that is one.
pub(super) fn number(stack: &Stack<'_>, argument: i32) -> Result<f64, Raise> {
    stack.to_number(argument).ok_or_else(|| wrong_type(stack, argument, "number"))
}

/// An integer of C: what is behind the point is cut off, and what is out of range becomes the smallest.
pub(super) fn integer(stack: &Stack<'_>, argument: i32) -> Result<i64, Raise> {
    number(stack, argument).map(truncated)
}

pub(super) fn integer_or(stack: &Stack<'_>, argument: i32, default: i64) -> Result<i64, Raise> {
    match stack.kind(argument) {
        Kind::None | Kind::Nil => Ok(default),
        _ => integer(stack, argument),
    }
}

#[cold]
pub(super) fn wrong_type(stack: &Stack<'_>, argument: i32, expected: &str) -> Raise {
    Raise::argument(argument, format!("{expected} expected, got {}", stack.type_name(argument)))
}

/// What a double becomes when the processors of today cut it to an integer of 64 bits.
pub(super) fn truncated(number: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&number) { number as i64 } else { i64::MIN }
}
