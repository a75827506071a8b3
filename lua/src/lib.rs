//! Lua 5.1 for scripts that nobody vouches for.
//!
//! It is Lua 5.1.5, patched and built from source with the C compiler alone, behind a small face without handles:
//!
//! - a run can be stopped from another thread, or after a number of steps, wherever it is, and no `pcall` keeps it;
//! - what scripts hold is bounded, and so is how deep they recurse; to run into a bound is an error of the script;
//! - tables can be made read-only, which holds for `rawset`, `setmetatable` and functions in C too;
//! - there is no bytecode, no file, no process, and nothing that a script leaves behind changes the next one.
//!
//! `README.md` lists the patches. Names in C are its own, so that it can be linked beside another Lua.
//!
//! # Examples
//! ```
//! use kvstore_lua::{Host, Interpreter, Limits, Native, Raise, Stack};
//!
//! struct Greeter;
//!
//! impl Host for Greeter {
//!     fn call(&mut self, _number: u32, stack: &mut Stack<'_>) -> Result<usize, Raise> {
//!         let Some(name) = stack.bytes(1) else { return Err(Raise::argument(1, "a name is expected")) };
//!         let greeting = [b"hello ", name].concat();
//!         stack.push_bytes(&greeting)?;
//!         Ok(1)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut lua = Interpreter::new(Limits::new()).ok_or("not enough memory")?;
//! let mut host = Greeter;
//! let mut run = lua.run(&mut host);
//! run.push_native(Native::Host(0))?;
//! run.set_global(b"greet")?;
//! run.protect_globals()?;
//! run.load(b"return greet('world')", "@user_script")?;
//! run.call(0, 1)?;
//! assert_eq!(run.bytes(-1), Some(&b"hello world"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! - [`Interpreter`] has the state of Lua; a [`Run`] of it compiles and calls.
//! - [`Stack`] is what native functions read and write; [`Native`] is a function that scripts can call, and [`Host`]
//!   answers those that depend on the run.
//! - [`Raise`] is an error that native code raises, [`Failure`] a call that failed.
//! - `raw` calls the shim in C, `shim.c`, which includes the sources of Lua in `lua-5.1.5/`.

mod error;
mod interpreter;
mod raw;
mod stack;

pub mod libraries;

pub use error::{Failure, Raise, Reason};
pub use interpreter::{Host, Interpreter, Interrupt, Limits, Reference, Run};
pub use stack::{Kind, Native, Stack};
