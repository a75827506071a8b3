//! The commands of the store. [`FAMILIES`] lists all of them.

mod command;
mod config;
mod counters;
mod expiry;
mod info;
mod keys;
mod keyspace;
mod server;
mod strings;
mod transactions;

pub use command::catalog;

use super::spec::Spec;

/// All commands, one list for each file.
pub(super) static FAMILIES: &[&[Spec]] = &[
    strings::get::SPECS,
    strings::set::SPECS,
    strings::ranges::SPECS,
    counters::SPECS,
    keys::SPECS,
    expiry::SPECS,
    keyspace::SPECS,
    server::SPECS,
    command::SPECS,
    config::SPECS,
    info::SPECS,
    transactions::SPECS,
];
