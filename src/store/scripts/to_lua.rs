//! What a script gets of the answer to a command.

use std::borrow::Borrow;

use kvstore_lua::{Kind, Raise, Stack};
use kvstore_protocol::{Packed, PackedForm, Protocol, Response, format_double};

/// After so many elements the interpreter is asked whether the script goes on.
const STEP: usize = 64;

/// The field of an error that is counted.
const COUNTED: &[u8] = b"ignore_error_stats_update";

/// Pushes a response, as a script sees it that speaks this version of RESP.
///
/// # Errors
/// If there is no memory for it, or the script is stopped.
pub(super) fn push_response(stack: &mut Stack<'_>, response: &Response, protocol: Protocol) -> Result<(), Raise> {
    if protocol == Protocol::Resp3 {
        return push_resp3(stack, response);
    }
    match response {
        Response::Bulk(text) | Response::BigNumber(text) | Response::Verbatim(_, text) => stack.push_bytes(text),
        Response::Integer(integer) => stack.push_number(*integer as f64),
        Response::Simple(text) => push_field(stack, b"ok", text),
        Response::Error(text) => push_error(stack, text),
        Response::Double(double) => stack.push_bytes(format_double(*double).as_bytes()),
        Response::Boolean(flag) => stack.push_number(f64::from(u8::from(*flag))),
        Response::Array(items) | Response::Set(items) | Response::Push(items) => {
            push_items(stack, items.iter(), items.len(), protocol)
        }
        Response::Map(pairs) => {
            let items = pairs.iter().flat_map(|(key, value)| [key, value]);
            push_items(stack, items, 2 * pairs.len(), protocol)
        }
        Response::Packed(packed) => push_packed(stack, packed, protocol),
        Response::Close(last) => push_response(stack, last, protocol),
        _ => stack.push_boolean(false),
    }
}

fn push_resp3(stack: &mut Stack<'_>, response: &Response) -> Result<(), Raise> {
    let protocol = Protocol::Resp3;
    match response {
        Response::Double(double) => {
            stack.new_table(0, 1)?;
            stack.push_number(*double)?;
            stack.set_field(-2, b"double")
        }
        Response::Boolean(flag) => stack.push_boolean(*flag),
        Response::BigNumber(text) => push_field(stack, b"big_number", text),
        Response::Verbatim(format, text) => {
            stack.new_table(0, 1)?;
            stack.new_table(0, 2)?;
            stack.push_bytes(text)?;
            stack.set_field(-2, b"string")?;
            stack.push_bytes(format)?;
            stack.set_field(-2, b"format")?;
            stack.set_field(-2, b"verbatim_string")
        }
        Response::Map(pairs) => push_map(stack, pairs.iter().flat_map(|(key, value)| [key, value]), pairs.len()),
        Response::Set(items) => push_set(stack, items.iter(), items.len()),
        Response::Array(items) | Response::Push(items) => push_items(stack, items.iter(), items.len(), protocol),
        Response::Packed(packed) => push_packed(stack, packed, protocol),
        Response::Bulk(text) => stack.push_bytes(text),
        Response::Integer(integer) => stack.push_number(*integer as f64),
        Response::Simple(text) => push_field(stack, b"ok", text),
        Response::Error(text) => push_error(stack, text),
        Response::Close(last) => push_resp3(stack, last),
        _ => stack.push_nil(),
    }
}

fn push_packed(stack: &mut Stack<'_>, packed: &Packed, protocol: Protocol) -> Result<(), Raise> {
    let elements = packed.elements_for(protocol);
    match packed.form(protocol) {
        PackedForm::Array(len) => push_items(stack, elements, len, protocol),
        PackedForm::Set(len) => push_set(stack, elements, len),
        PackedForm::Map(len) => push_map(stack, elements, len),
    }
}

fn push_items(
    stack: &mut Stack<'_>,
    items: impl Iterator<Item = impl Borrow<Response>>,
    len: usize,
    protocol: Protocol,
) -> Result<(), Raise> {
    stack.new_table(len, 0)?;
    for (index, item) in (1..).zip(items) {
        if (index as usize).is_multiple_of(STEP) {
            stack.step(STEP)?;
        }
        push_response(stack, item.borrow(), protocol)?;
        stack.set_index(-2, index)?;
    }
    Ok(())
}

/// Pushes a set of RESP3.
fn push_set(
    stack: &mut Stack<'_>,
    items: impl Iterator<Item = impl Borrow<Response>>,
    len: usize,
) -> Result<(), Raise> {
    stack.new_table(0, 1)?;
    stack.new_table(0, len)?;
    for item in items {
        stack.step(1)?;
        push_resp3(stack, item.borrow())?;
        stack.push_boolean(true)?;
        stack.set(-3)?;
    }
    stack.set_field(-2, b"set")
}

/// Pushes a map of RESP3, whose keys and values come in turn.
fn push_map(
    stack: &mut Stack<'_>,
    mut items: impl Iterator<Item = impl Borrow<Response>>,
    len: usize,
) -> Result<(), Raise> {
    stack.new_table(0, 1)?;
    stack.new_table(0, len)?;
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        stack.step(1)?;
        push_resp3(stack, key.borrow())?;
        push_resp3(stack, value.borrow())?;
        stack.set(-3)?;
    }
    stack.set_field(-2, b"map")
}

/// Pushes an error as scripts have it: a table with the field `err`.
pub(super) fn push_error(stack: &mut Stack<'_>, text: &[u8]) -> Result<(), Raise> {
    push_field(stack, b"err", text)
}

/// Pushes the error of a command, which is counted: as in Redis, a field says that it is not counted again.
pub(super) fn push_counted_error(stack: &mut Stack<'_>, text: &[u8]) -> Result<(), Raise> {
    push_error(stack, text)?;
    stack.push_boolean(true)?;
    stack.set_field(-2, COUNTED)
}

/// Whether the value on top is an error that is counted.
pub(super) fn is_counted(stack: &mut Stack<'_>) -> bool {
    if stack.kind(-1) != Kind::Table || stack.get_field(-1, COUNTED).is_err() {
        return false;
    }
    let is_counted = stack.boolean(-1);
    stack.pop(1);
    is_counted
}

/// Pushes a table with one field.
pub(super) fn push_field(stack: &mut Stack<'_>, name: &[u8], text: &[u8]) -> Result<(), Raise> {
    stack.new_table(0, 1)?;
    stack.push_bytes(text)?;
    stack.set_field(-2, name)
}
