//! The documentation of the commands: a row for each, in the file of its group.
//!
//! It is read for `COMMAND DOCS`, and never on the path of a command. Versions, deprecations and the names of arguments
//! are those of Redis and Valkey, the summaries are our own. To document a command, add a row.

mod argument;
mod bitmap;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod names;
mod pubsub;
mod scripting;
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod syntax;
mod transactions;

use super::KnownCommand;

pub use argument::{Argument, ArgumentType};

/// The documentation of a command: what `COMMAND DOCS` tells of it.
///
/// ```
/// use kvstore_protocol::catalog::CommandId;
///
/// let known = CommandId::of(b"GETRANGE").known().expect("a command of Redis");
/// let docs = known.docs().expect("all commands are documented");
/// assert_eq!((docs.since(), docs.usage().as_str()), ("2.4.0", "GETRANGE key start end"));
/// ```
#[derive(Debug)]
pub struct CommandDocs {
    name: &'static str,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
    syntax: &'static str,
    deprecated: Option<Deprecation>,
    is_internal: bool,
}

#[derive(Debug)]
struct Deprecation {
    since: &'static str,
    replaced_by: &'static str,
}

/// The complexity of a command whose sub-commands differ in it.
const DEPENDS: &str = "that of the sub-command";

/// A row: the name, the first version that has the command, its complexity, and the summary.
const fn row(name: &'static str, since: &'static str, complexity: &'static str, summary: &'static str) -> CommandDocs {
    CommandDocs { name, since, complexity, summary, syntax: "", deprecated: None, is_internal: false }
}

/// The row of the sub-command HELP.
const fn help(name: &'static str, since: &'static str) -> CommandDocs {
    row(name, since, "O(1)", "Describes the sub-commands.")
}

impl CommandDocs {
    /// Sets the [syntax] of the arguments.
    const fn takes(self, syntax: &'static str) -> Self {
        Self { syntax, ..self }
    }

    const fn deprecated(self, since: &'static str, replaced_by: &'static str) -> Self {
        Self { deprecated: Some(Deprecation { since, replaced_by }), ..self }
    }

    const fn internal(self) -> Self {
        Self { is_internal: true, ..self }
    }

    /// Finds the documentation of a command.
    pub(super) fn of(command: &KnownCommand) -> Option<&'static Self> {
        rows(command.group_name()).iter().find(|row| row.name == command.full_name())
    }

    /// Returns the summary, in a sentence or two.
    pub const fn summary(&self) -> &'static str {
        self.summary
    }

    /// Returns the first version of Redis or Valkey that has the command.
    pub const fn since(&self) -> &'static str {
        self.since
    }

    /// Returns the time complexity; empty if there is none to tell.
    pub const fn complexity(&self) -> &'static str {
        self.complexity
    }

    /// Returns the version that deprecated the command.
    pub fn deprecated_since(&self) -> Option<&'static str> {
        self.deprecated.as_ref().map(|deprecation| deprecation.since)
    }

    /// Returns what to use in place of a deprecated command.
    pub fn replaced_by(&self) -> Option<&'static str> {
        self.deprecated.as_ref().map(|deprecation| deprecation.replaced_by)
    }

    /// Whether the command is not for clients: servers send it to each other, or it is for debugging.
    pub const fn is_internal(&self) -> bool {
        self.is_internal
    }

    /// Returns the arguments. They are parsed by every call.
    pub fn arguments(&self) -> Vec<Argument> {
        syntax::parse(self.syntax)
    }

    /// Returns the name and the arguments as the manual of Redis shows them: `SINTERCARD numkeys key [key ...] [LIMIT
    /// limit]`.
    pub fn usage(&self) -> String {
        let arguments = self.arguments();
        arguments.iter().fold(self.name.to_owned(), |usage, argument| format!("{usage} {argument}"))
    }
}

/// Returns the rows of a group.
fn rows(group: &str) -> &'static [CommandDocs] {
    match group {
        "bitmap" => bitmap::ROWS,
        "cluster" => cluster::ROWS,
        "connection" => connection::ROWS,
        "generic" => generic::ROWS,
        "geo" => geo::ROWS,
        "hash" => hash::ROWS,
        "hyperloglog" => hyperloglog::ROWS,
        "list" => list::ROWS,
        "pubsub" => pubsub::ROWS,
        "scripting" => scripting::ROWS,
        "server" => server::ROWS,
        "set" => set::ROWS,
        "sorted-set" => sorted_set::ROWS,
        "stream" => stream::ROWS,
        "string" => string::ROWS,
        "transactions" => transactions::ROWS,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CommandId, commands};

    /// All commands and sub-commands of the catalog.
    fn all() -> impl Iterator<Item = &'static KnownCommand> {
        commands().iter().flat_map(|known| [known].into_iter().chain(known.subcommands()))
    }

    #[test]
    fn every_command_is_documented() {
        for known in all() {
            let docs = known.docs().unwrap_or_else(|| panic!("no documentation of {}", known.full_name()));
            assert!(docs.summary.ends_with('.') && !docs.since.is_empty(), "{}", docs.name);
        }
    }

    #[test]
    fn every_row_documents_a_command_and_no_two_rows_the_same() {
        let groups: std::collections::BTreeSet<_> = commands().iter().map(KnownCommand::group_name).collect();
        assert_eq!(groups.into_iter().map(|group| rows(group).len()).sum::<usize>(), all().count());
    }

    #[test]
    fn every_syntax_is_one_and_names_the_keys_of_the_command() {
        for known in all() {
            let docs = known.docs().expect("all commands are documented");
            assert!(syntax::is_valid(docs.syntax), "{}: {}", docs.name, docs.syntax);
            let arguments = docs.arguments();
            let specs: Vec<_> = flat(&arguments).filter_map(|argument| argument.key_spec).collect();
            let are_keys = !known.key_specs().is_empty();
            let are_named = specs.first() == Some(&0) && specs.iter().all(|spec| *spec < known.key_specs().len());
            assert!(are_keys == are_named || is_channel(known), "{}: {}", docs.name, docs.syntax);
        }
    }

    /// The channels of a shard are found like keys, and are none.
    fn is_channel(known: &KnownCommand) -> bool {
        known.group_name() == "pubsub"
    }

    fn flat(arguments: &[Argument]) -> Box<dyn Iterator<Item = &Argument> + '_> {
        Box::new(arguments.iter().flat_map(|argument| [argument].into_iter().chain(flat(&argument.arguments))))
    }

    #[test]
    fn a_usage_reads_as_in_the_manual_of_redis() {
        let usage = |name: &[u8]| Some(CommandId::of(name).known()?.docs()?.usage());
        for expected in [
            "GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
            "LINSERT key <BEFORE | AFTER> pivot element",
            "MSET key value [key value ...]",
            "SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] \
             [STORE destination]",
            "XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> \
             field value [field value ...]",
            "MIGRATE host port <key | \"\"> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username \
             password] [KEYS key [key ...]]",
            "ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        ] {
            let name = expected.split(' ').next().unwrap_or_default();
            assert_eq!(usage(name.as_bytes()), Some(expected.to_owned()));
        }
    }
}
