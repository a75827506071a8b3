//! [`Snapshots`]: the whole store in a file, as it was at one moment, while commands go on.
//!
//! There is no fork. At the cut all shards are locked for an instant: each begins a new epoch, and the journal a new segment. Then a
//! thread walks over the entries of the old epoch and encodes them, slice by slice, each under the lock of its shard. Whoever changes
//! such an entry first hands over what it was. So the snapshot is exact, and the segment that begins at the cut continues it.
//!
//! When the snapshot is durable, the manifest names it and that segment. Older files are removed after that.
//!
//! A large collection is saved in slices, too. Until it is saved, a command that would change it waits, without a lock.
//!
//! - `save` takes a snapshot, `walk` collects its entries; `images` those that changed meanwhile
//! - `points` when one is taken by itself; `state` how far it is, and what came of the last one
//! - `format` the bytes of the file, `compression` of its blocks, `entry` those of an entry; `writer` writes it, `reader` checks it, `load` loads it;
//!   `salvage` finds what is whole of a damaged one
//! - `switch` ends and begins the journal while the store runs; `revive` begins one in the place of one that has failed
//! - `manifest` which files are the store

mod compression;
mod entry;
mod format;
mod images;
mod load;
mod manifest;
mod points;
mod reader;
mod revive;
mod salvage;
mod save;
mod state;
mod switch;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

pub use compression::Compression;
pub(super) use entry::{value_of, write as write_entry, write_head};
pub(super) use images::{Images, Large, Saving};
pub(super) use load::Loaded;
pub(super) use manifest::{MANIFEST, Manifest, snapshot_number};
pub(super) use points::SavePoints;
pub(super) use salvage::{Lost, LostEntry};
pub(super) use state::{Busy, Place, Purpose, Snapshots};
#[cfg(test)]
pub(super) use tests::{SnapshotByHand, contents, edit_block};
