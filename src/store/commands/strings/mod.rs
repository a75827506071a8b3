//! Strings.
//!
//! - `get` commands that read strings, `set` those that store them
//! - `ranges` commands on a part of a string, `lcs` on two of them
//! - `conditional` commands that remove a string on a condition, `increx` one that increments a number within bounds
//! - `expiry_option` options that set an expiry, `comparison` those that compare

mod comparison;
pub(super) mod conditional;
mod expiry_option;
pub(super) mod get;
pub(super) mod increx;
pub(super) mod lcs;
pub(super) mod ranges;
pub(super) mod set;
