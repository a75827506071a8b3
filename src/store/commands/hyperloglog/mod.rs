//! HyperLogLogs: strings that estimate how many different elements were added.
//!
//! - `elements` PFADD, PFCOUNT and PFMERGE; `debug` PFDEBUG and PFSELFTEST

pub(super) mod debug;
pub(super) mod elements;

use kvstore_protocol::CommandError;

use crate::store::value::hyperloglog::{Corrupted, HyperLogLog};

const NOT_ONE: CommandError = CommandError::new("WRONGTYPE", "Key is not a valid HyperLogLog string value.");

fn corrupted(_: Corrupted) -> CommandError {
    CommandError::new("INVALIDOBJ", "Corrupted HLL object detected")
}

/// The HyperLogLog that a string is.
fn of(string: &[u8]) -> Result<HyperLogLog<'_>, CommandError> {
    HyperLogLog::new(string).ok_or(NOT_ONE)
}
