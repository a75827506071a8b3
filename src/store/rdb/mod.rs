//! Values in the serialization of Redis: what RDB files are made of, and the payloads of DUMP and RESTORE.
//!
//! A value is written as the types of RDB version 11, which Redis 7.2 and Valkey 7.2 introduced; with the same encoding in
//! memory, the bytes are the same. A hash whose fields expire is written as Redis 7.4 does, or as Valkey 9. Values of all types since
//! version 1 are read, except modules. What is read comes from outside: lengths are checked before anything is allocated, and a value that is not
//! consistent is refused.
//!
//! - [`write`] and [`read`] a value in a file; [`skip`] one
//! - [`dump`] and [`restore`] whole payloads; `payload` what is behind the value in one
//! - [`AnyType`] a value of any type as it is stored, [`Object`] one that was read; `tag` the numbers of the types
//! - `libraries` the functions of FUNCTION DUMP
//! - [`RdbFormat`] is that of Redis, or that of Valkey
//! - `file` whole files, read by a [`FileDecoder`] and written by a [`FileEncoder`]
//! - `write` writes values, `stream_parts` streams, `read` reads them; `length` is the encoding of lengths, `lzf` the compression of strings

mod file;
mod format;
mod length;
mod libraries;
mod lzf;
mod object;
mod payload;
mod read;
mod stream_parts;
mod tag;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use file::{Decoded, FileDecoder, FileEncoder, FileError, FileKey, skip};
pub use format::RdbFormat;
pub(crate) use length::{Head, take};
pub(crate) use libraries::{LibrariesError, dump_libraries, restore_libraries};
pub(crate) use object::{AnyRef, AnyType, Object};
pub(crate) use payload::{Parts, RestoreError, dump, read, restore, seal_object, write};
