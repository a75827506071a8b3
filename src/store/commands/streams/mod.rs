//! Streams.
//!
//! - `add` XADD, XSETID; `trim` XTRIM, and the options that XADD shares with it; `delete` XDEL, XDELEX, XACKDEL
//! - `range` XLEN, XRANGE, XREVRANGE; `read` XREAD; `info` XINFO
//! - `groups` XGROUP; `read_group` XREADGROUP; `pending` XACK, XPENDING; `claim` XCLAIM, XAUTOCLAIM
//! - `ids` how identifiers are parsed; `read_options` what XREAD and XREADGROUP share; `no_group` their refusals; `reply` how entries
//!   are answered

pub(super) mod add;
pub(super) mod claim;
pub(super) mod delete;
pub(super) mod groups;
mod ids;
pub(super) mod info;
mod no_group;
pub(super) mod pending;
pub(super) mod range;
pub(super) mod read;
pub(super) mod read_group;
mod read_options;
mod reply;
pub(super) mod trim;
