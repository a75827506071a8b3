//! `cjson`: values as JSON.
//!
//! JSON's null is the light userdata `cjson.null`. A table whose keys are integers from 1 on is an array, others and empty ones
//! are objects. What is malformed in UTF-8 passes through.

mod decode;
mod encode;
mod escape;
mod lexer;
mod number;
mod settings;

use super::{Function, set_texts};
use crate::{Raise, Stack};

use settings::Settings;

/// They share one block of settings.
const FUNCTIONS: [(&str, Function); 10] = [
    ("encode", encode::encode),
    ("decode", decode::decode),
    ("encode_sparse_array", settings::encode_sparse_array),
    ("encode_max_depth", settings::encode_max_depth),
    ("decode_max_depth", settings::decode_max_depth),
    ("encode_number_precision", settings::encode_number_precision),
    ("encode_keep_buffer", settings::encode_keep_buffer),
    ("encode_invalid_numbers", settings::encode_invalid_numbers),
    ("decode_invalid_numbers", settings::decode_invalid_numbers),
    ("new", new),
];

/// Sets the global table `cjson`.
///
/// # Errors
/// When memory is used up.
pub fn open(stack: &mut Stack<'_>) -> Result<(), Raise> {
    push_library(stack)?;
    stack.set_global(b"cjson")
}

/// `new()`: the library once more, with settings of its own.
fn new(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    push_library(stack)?;
    Ok(1)
}

/// In Redis's order, for tables of the same contents are not always gone through in the same order.
fn push_library(stack: &mut Stack<'_>) -> Result<(), Raise> {
    stack.new_table(0, 0)?;
    Settings::push(stack)?;
    for (name, function) in FUNCTIONS {
        stack.push_copy(-1)?;
        stack.push_native_with(function)?;
        stack.set_field(-3, name.as_bytes())?;
    }
    stack.pop(1);
    stack.push_light(0)?;
    stack.set_field(-2, b"null")?;
    set_texts(stack, &[("_NAME", "cjson"), ("_VERSION", "2.1.0")])
}
