//! Payloads of FUNCTION DUMP and FUNCTION RESTORE: libraries as in an RDB file, with the footer of DUMP.

use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::libraries::Libraries;
use crate::store::rdb::{self, LibrariesError};

/// The payload of all libraries.
pub(in crate::store) fn dump(libraries: &Libraries) -> Vec<u8> {
    rdb::dump_libraries(libraries.all().map(|library| &library.source[..]))
}

/// The sources of the libraries of a payload.
///
/// # Errors
/// If it is not valid.
pub(in crate::store) fn restore(payload: &[u8]) -> Result<Vec<Bytes>, CommandError> {
    rdb::restore_libraries(payload).map_err(|error| {
        CommandError::err(match error {
            LibrariesError::Footer => "DUMP payload version or checksum are wrong",
            LibrariesError::PreRelease => "Pre-GA function format not supported",
            LibrariesError::Other => "given type is not a function",
            LibrariesError::Source => "failed loading the given functions payload",
        })
    })
}
