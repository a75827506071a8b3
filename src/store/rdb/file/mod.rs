//! RDB files: what Redis and Valkey save, and send to a replica.
//!
//! ```text
//! "REDIS" version of 4 digits, or "VALKEY" version of 3 digits
//! code | what belongs to it …      see `layout`
//! FF | checksum of all in front of it (8)
//! ```
//!
//! A file is read as it comes in, from a disk or a socket: no more of it is in memory than one value. Versions 6 to 12 are those of
//! Redis, 80 is that of Valkey 9. A file is written as version 10, which Redis 7.0 introduced, if no field of a hash expires.
//!
//! - [`FileDecoder`] reads, [`FileEncoder`] writes
//! - `layout` what belongs to each code, `walk` finds where it ends

mod decode;
mod encode;
mod layout;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use decode::{Decoded, FileDecoder, FileError, FileKey};
pub(crate) use encode::FileEncoder;

/// Skips a type and a value at the front of bytes, which need not be valid; `None` if it is not known where it ends.
pub(crate) fn skip(bytes: &mut &[u8]) -> Option<()> {
    let (layout::Code::Key(_), parts) = layout::find(*bytes.first()?, false)? else { return None };
    let end = walk::Walk::new(parts, 1).find_end(bytes).ok()?;
    *bytes = bytes.get(end..)?;
    Some(())
}
