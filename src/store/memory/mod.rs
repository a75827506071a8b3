//! How entries and the elements of large collections lie in memory.
//!
//! - `table` a hash table of handles; `hasher` the hash
//! - `slab` records of bytes, each named by a handle; `arena` what is too long for a record
//! - `directory` vectors that grow in bounded steps
//! - `prefetch` the processor's prefetch instruction

mod arena;
mod directory;
mod hasher;
mod prefetch;
mod slab;
mod table;

pub(super) use arena::Arena;
pub(super) use hasher::Hasher;
pub(super) use prefetch::{prefetch, prefetch_bytes};
pub(super) use slab::{GRANULE, MAX_GRANULES, Relocated, Slab};
pub(super) use table::{Matcher, Position, Records, Table};
