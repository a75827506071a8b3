//! The commands of the store: reading [`FAMILIES`] is reading the feature list.

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

/// Commands of one kind.
#[derive(Debug)]
struct Family {
    /// What Redis calls the kind.
    group: &'static str,
    specs: &'static [Spec],
}

/// Every command, family by family.
static FAMILIES: &[Family] = &[
    Family { group: "string", specs: strings::SPECS },
    Family { group: "string", specs: counters::SPECS },
    Family { group: "generic", specs: keys::SPECS },
    Family { group: "generic", specs: expiry::SPECS },
    Family { group: "generic", specs: keyspace::SPECS },
    Family { group: "server", specs: server::SPECS },
    Family { group: "server", specs: command::SPECS },
    Family { group: "server", specs: config::SPECS },
    Family { group: "server", specs: info::SPECS },
];

/// The rows by the numbers that the commands have in the catalog of the protocol.
pub(super) struct Table([Option<&'static Spec>; CommandId::LIMIT]);

impl Table {
    pub(super) fn new() -> Self {
        let mut rows = [None; CommandId::LIMIT];
        for spec in FAMILIES.iter().flat_map(|family| family.specs) {
            let id = CommandId::of(spec.name.as_bytes());
            assert_ne!(id, CommandId::UNKNOWN, "{} has a row in the catalog", spec.name);
            rows[id.index()] = Some(spec);
        }
        Self(rows)
    }

    /// The row of a command.
    #[inline]
    pub(super) fn find(&self, command: &Command) -> Option<&'static Spec> {
        self.0[command.id().index()]
    }
}
