//! The journal: the records of all commits on disk, in the order of their numbers.
//!
//! - `format` the bytes of a segment, `payload` those of a record
//! - `segment` reads a segment, `recovery` the whole journal; `writer` appends to it

mod format;
mod payload;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;
mod writer;
