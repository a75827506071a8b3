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

use kvstore_protocol::{Command, catalog::CommandId};

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

/// The specs of all commands, by their numbers in the catalog of the protocol.
pub(super) struct CommandTable([Option<&'static Spec>; CommandId::LIMIT]);

impl CommandTable {
    pub(super) fn new() -> Self {
        let mut rows = [None; CommandId::LIMIT];
        for spec in FAMILIES.iter().flat_map(|family| family.specs) {
            let id = CommandId::of(spec.name.as_bytes());
            assert_ne!(id, CommandId::UNKNOWN, "{} has a row in the catalog", spec.name);
            rows[id.index()] = Some(spec);
        }
        Self(rows)
    }

    /// The spec of a command.
    #[inline]
    pub(super) fn find(&self, command: &Command) -> Option<&'static Spec> {
        self.0[command.id().index()]
    }
}
