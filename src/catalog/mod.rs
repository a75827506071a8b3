//! Descriptions of commands: arity, keys, flags, documentation.
//!
//! A service describes its commands in a [`Catalog`], which answers `COMMAND` and its sub-commands. A
//! [`Router`](crate::routing::Router) has a catalog of its handlers, the store one of its commands.
//!
//! ```
//! use kvstore::catalog::{Arity, Catalog, CommandInfo, Flags, KeySpec};
//! use kvstore::protocol::Command;
//!
//! let get = CommandInfo::new("GET", Arity::exactly(2)).flags(Flags::READ | Flags::FAST).keys([KeySpec::reads(1)]);
//! let catalog = Catalog::new([get.summary("Returns the string of a key.")]);
//! assert_eq!(catalog.count(), 1);
//! assert_eq!(catalog.keys_of(&Command::new("GET").arg("k"))?, [b"k"]);
//! # Ok::<(), kvstore::protocol::CommandError>(())
//! ```

mod answers;
mod docs;
mod info;

use std::fmt;

pub use kvstore_protocol::catalog::{Arity, Flags, KeyFlags, KeySpec};
use kvstore_protocol::{Command, CommandError, Response};

pub(crate) use answers::INVALID_COMMAND;
pub use info::CommandInfo;

/// A list of commands that answers `COMMAND`.
#[derive(Clone, Default)]
pub struct Catalog {
    commands: Vec<CommandInfo>,
}

impl Catalog {
    /// Creates a catalog of these commands, in this order.
    pub fn new(commands: impl IntoIterator<Item = CommandInfo>) -> Self {
        Self { commands: commands.into_iter().collect() }
    }

    /// `COMMAND COUNT`: returns the number of commands.
    pub fn count(&self) -> usize {
        self.commands.len()
    }

    /// Returns the commands, in their order.
    pub fn commands(&self) -> &[CommandInfo] {
        &self.commands
    }

    /// `COMMAND`: returns the descriptions of all commands.
    pub fn all(&self) -> Response {
        answers::all(self)
    }

    /// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`: returns the names, including those of
    /// sub-commands.
    ///
    /// # Errors
    /// `ERR syntax error`
    pub fn list(&self, filter: &[&[u8]]) -> Result<Response, CommandError> {
        answers::list(self, filter)
    }

    /// `COMMAND INFO [name …]`: returns the descriptions of these commands, or of all; null for an unknown name.
    pub fn info<'a>(&self, names: impl ExactSizeIterator<Item = &'a [u8]>) -> Response {
        answers::info(self, names)
    }

    /// `COMMAND DOCS [name …]`: returns the documentation of these commands, or of all.
    pub fn docs<'a>(&self, names: impl ExactSizeIterator<Item = &'a [u8]>) -> Response {
        answers::docs(self, names)
    }

    /// `COMMAND GETKEYS name [argument …]`: returns the keys of a command.
    ///
    /// # Errors
    /// If the command is unknown, has no keys, has the wrong number of words, or an invalid number of keys.
    pub fn keys_of<'a>(&self, command: &'a Command) -> Result<Vec<&'a [u8]>, CommandError> {
        answers::keys(self, command)
    }

    /// `COMMAND GETKEYSANDFLAGS name [argument …]`: returns the keys of a command, each with how it is accessed.
    ///
    /// # Errors
    /// Those of [`keys_of`](Self::keys_of).
    pub fn keys_and_flags_of(&self, command: &Command) -> Result<Response, CommandError> {
        answers::keys_and_flags(self, command)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.commands.iter().map(CommandInfo::name)).finish()
    }
}
