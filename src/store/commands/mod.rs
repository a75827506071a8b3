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

use kvstore_protocol::NameMap;

pub use command::catalog;

use super::spec::Spec;

/// The commands of one file.
#[derive(Debug)]
struct Family {
    /// The group that Redis puts them in.
    group: &'static str,
    specs: &'static [Spec],
}

/// All commands.
static FAMILIES: &[Family] = &[
    Family { group: "string", specs: strings::get::SPECS },
    Family { group: "string", specs: strings::set::SPECS },
    Family { group: "string", specs: strings::ranges::SPECS },
    Family { group: "string", specs: counters::SPECS },
    Family { group: "generic", specs: keys::SPECS },
    Family { group: "generic", specs: expiry::SPECS },
    Family { group: "generic", specs: keyspace::SPECS },
    Family { group: "server", specs: server::SPECS },
    Family { group: "server", specs: command::SPECS },
    Family { group: "server", specs: config::SPECS },
    Family { group: "server", specs: info::SPECS },
];

/// The specs of all commands, by name.
pub(super) fn specs() -> NameMap<&'static Spec> {
    FAMILIES.iter().flat_map(|family| family.specs).map(|spec| (spec.name, spec)).collect()
}
