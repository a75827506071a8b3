//! The commands of the store. [`FAMILIES`] lists all of them.

mod bitmaps;
mod cluster;
mod command;
mod config;
mod counters;
mod expiry;
mod field_expiry;
mod geo;
mod hashes;
mod hyperloglog;
mod info;
mod interval;
mod keys;
mod keyspace;
mod latency;
mod lists;
mod memory;
mod numkeys;
mod persistence;
mod pubsub;
mod random;
mod replication;
mod scan_options;
mod scripting;
mod serialization;
mod server;
mod sets;
mod slowlog;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod timeout;
mod tracking;
mod transactions;

pub use command::catalog;
pub use config::{SettableParameter, is_parameter, parse_bytes, settable_parameters};

use super::spec::Spec;

/// All commands, one list for each file.
pub(super) static FAMILIES: &[&[Spec]] = &[
    strings::get::SPECS,
    strings::set::SPECS,
    strings::ranges::SPECS,
    strings::conditional::SPECS,
    strings::lcs::SPECS,
    strings::increx::SPECS,
    bitmaps::bits::SPECS,
    bitmaps::count::SPECS,
    bitmaps::operate::SPECS,
    bitmaps::field::SPECS,
    hyperloglog::elements::SPECS,
    hyperloglog::debug::SPECS,
    counters::SPECS,
    lists::push::SPECS,
    lists::pop::SPECS,
    lists::elements::SPECS,
    lists::range::SPECS,
    lists::transfer::SPECS,
    hashes::SPECS,
    field_expiry::expire::SPECS,
    field_expiry::ttl::SPECS,
    field_expiry::values::SPECS,
    sets::SPECS,
    sorted_sets::add::SPECS,
    sorted_sets::members::SPECS,
    sorted_sets::range::SPECS,
    sorted_sets::pop::SPECS,
    sorted_sets::combine::SPECS,
    streams::add::SPECS,
    streams::delete::SPECS,
    streams::range::SPECS,
    streams::read::SPECS,
    streams::groups::SPECS,
    streams::read_group::SPECS,
    streams::pending::SPECS,
    streams::claim::SPECS,
    streams::info::SPECS,
    streams::trim::SPECS,
    geo::add::SPECS,
    geo::members::SPECS,
    geo::search::SPECS,
    keys::SPECS,
    sort::SPECS,
    expiry::SPECS,
    keyspace::SPECS,
    serialization::SPECS,
    server::SPECS,
    persistence::SPECS,
    command::SPECS,
    config::SPECS,
    info::SPECS,
    latency::SPECS,
    slowlog::SPECS,
    memory::SPECS,
    scripting::eval::SPECS,
    scripting::script::SPECS,
    scripting::function::SPECS,
    transactions::SPECS,
    timeout::SPECS,
    pubsub::SPECS,
    tracking::SPECS,
    replication::SPECS,
    cluster::SPECS,
];
