//! The libraries that Redis adds to Lua's own: [`cjson`], [`cmsgpack`], [`structs`] as `struct`, and [`bit`].
//!
//! They return what those of Redis 7.2 return, raise the same errors, and write tables in the same order. What they build is
//! bounded by the memory of the interpreter, and none of them is recursive, but for the sixteen levels of `cmsgpack.pack`. Settings that a
//! script makes, of cjson, end with its run.

mod arguments;
mod output;

pub mod bit;
pub mod cjson;
pub mod cmsgpack;
pub mod structs;

use crate::{Native, Raise, Stack};

/// Sets the global tables `cjson`, `cmsgpack`, `struct` and `bit`.
///
/// # Errors
/// When memory is used up.
///
/// # Examples
/// ```
/// use kvstore_lua::{Interpreter, Limits, libraries};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut lua = Interpreter::new(Limits::new()).ok_or("not enough memory")?;
/// let mut host = ();
/// let mut run = lua.run(&mut host);
/// libraries::open_all(&mut run)?;
/// run.load(b"return cjson.encode({1, 2, cjson.null, {name='x'}})", "@user_script")?;
/// run.call(0, 1)?;
/// assert_eq!(run.bytes(-1), Some(&b"[1,2,null,{\"name\":\"x\"}]"[..]));
/// # Ok(())
/// # }
/// ```
pub fn open_all(stack: &mut Stack<'_>) -> Result<(), Raise> {
    cjson::open(stack)?;
    cmsgpack::open(stack)?;
    structs::open(stack)?;
    bit::open(stack)
}

/// A function of a library.
type Function = fn(&mut Stack<'_>) -> Result<usize, Raise>;

/// Pushes a table with these functions.
fn push_functions(stack: &mut Stack<'_>, functions: &[(&str, Function)]) -> Result<(), Raise> {
    stack.new_table(0, functions.len())?;
    for (name, function) in functions {
        stack.push_native(Native::Function(*function))?;
        stack.set_field(-2, name.as_bytes())?;
    }
    Ok(())
}

/// Sets texts in the table on the top.
fn set_texts(stack: &mut Stack<'_>, texts: &[(&str, &str)]) -> Result<(), Raise> {
    for (name, text) in texts {
        stack.push_bytes(text.as_bytes())?;
        stack.set_field(-2, name.as_bytes())?;
    }
    Ok(())
}
