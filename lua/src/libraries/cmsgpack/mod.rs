//! `cmsgpack`: values as MessagePack.
//!
//! Strings are the `str` of the format; `bin` and `ext` are not read. A number is an integer if it is one of 64 bits, else the
//! shorter of the floats that hold it.

mod pack;
mod unpack;

use super::{Function, push_functions, set_texts};
use crate::{Raise, Stack};

const FUNCTIONS: [(&str, Function); 4] = [
    ("pack", pack::pack),
    ("unpack", unpack::unpack),
    ("unpack_one", unpack::unpack_one),
    ("unpack_limit", unpack::unpack_limit),
];

const TEXTS: [(&str, &str); 4] = [
    ("_NAME", "cmsgpack"),
    ("_VERSION", "lua-cmsgpack 0.4.0"),
    ("_COPYRIGHT", "Copyright (C) 2012, Redis Ltd."),
    ("_DESCRIPTION", "MessagePack C implementation for Lua"),
];

/// Sets the global table `cmsgpack`.
///
/// # Errors
/// When memory is used up.
pub fn open(stack: &mut Stack<'_>) -> Result<(), Raise> {
    push_functions(stack, &FUNCTIONS)?;
    set_texts(stack, &TEXTS)?;
    stack.set_global(b"cmsgpack")
}
