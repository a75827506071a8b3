//! Small collections in one run of bytes.
//!
//! The elements lie one after another, each encoded as an entry of Redis's listpack, so that DUMP and RESTORE copy them as they
//! are. An integer takes 2 to 10 bytes, a short string two bytes over its own. What is in front of the entries differs:
//!
//! - [`PackedRef`] reads, and [`Packed`] edits, a collection: the number of elements, then their entries.
//! - [`Chunk`] is a part of a long list, with free room at both ends.
//! - [`Entries`] is what all of them read: elements by [`Position`] or index, in both directions, and the search for one.
//! - [`Cursor`] is a place among entries, which goes on element by element: a node of a stream is read with it.
//! - [`EditEntries`] is what `Packed` and `Chunk` share: inserting, replacing and removing elements.
//! - `stored` what a packed collection becomes in an entry
//! - [`IntSetRef`] and [`IntSet`] are sets of integers, as Redis's intset.
//!
//! An element has exactly one encoding: a string that is the text of an integer is always stored as the integer. Equal
//! elements therefore have equal bytes.

mod buffer;
mod chunk;
mod cursor;
mod edit;
mod element;
mod encoded;
mod entries;
mod entry;
mod int_set;
mod owned;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use chunk::Chunk;
pub(crate) use cursor::Cursor;
pub(crate) use edit::EditEntries;
pub(crate) use element::Element;
pub(crate) use encoded::Encoded;
pub(crate) use entries::{Entries, Position};
pub(crate) use int_set::{IntSet, IntSetRef};
pub(crate) use owned::{Packed, PackedRef};
