//! What other servers have written: RDB files, append-only files, and the commands that a replica receives.
//!
//! - `apply` runs keys and commands of another server; `stream` finds the commands in bytes
//! - [`Import`] loads files, which `files` finds and `input` reads; [`Export`] writes an RDB file
//! - [`Tally`] counts what was loaded, and what could not be

mod apply;
mod export;
mod files;
mod import;
mod input;
mod stream;
mod tally;

pub(super) use apply::is_refusal;
pub use export::Export;
pub use import::{Import, ImportError};
pub(super) use stream::{CommandStream, Streamed};
pub use tally::Tally;
