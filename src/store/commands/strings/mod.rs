//! Strings.
//!
//! - `get` commands that read strings, `set` those that store them
//! - `ranges` commands on a part of a string
//! - `expiry_option` options that SET and GETEX share

mod expiry_option;
pub(super) mod get;
pub(super) mod ranges;
pub(super) mod set;

/// The longest string, and the longest argument of a command: 512 MiB.
pub(super) const MAX_LENGTH: usize = 512 * 1024 * 1024;
