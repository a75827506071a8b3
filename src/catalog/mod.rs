//! Descriptions of commands: arity, keys, flags, documentation.
//!
//! A service describes its commands in a [`Catalog`], which answers `COMMAND` and its sub-commands. A
//! [`Router`](crate::routing::Router) has a catalog of its handlers, the store one of its commands.
//!
//! ```
//! use kvstore::catalog::{Arity, Catalog, CommandInfo, Flags, KeyRange};
//! use kvstore::protocol::Command;
//!
//! let get = CommandInfo::new("GET", Arity::exactly(2)).flags(Flags::READ | Flags::FAST).keys(KeyRange::FIRST);
//! let catalog = Catalog::new([get.summary("Returns the string of a key.")]);
//! assert_eq!(catalog.count(), 1);
//! assert_eq!(catalog.keys_of(&Command::new("GET").arg("k"))?, [b"k"]);
//! # Ok::<(), kvstore::protocol::CommandError>(())
//! ```

mod answers;

use std::{borrow::Cow, fmt};

pub use kvstore_protocol::catalog::{Arity, Flags};
use kvstore_protocol::{Command, CommandError, Response};

pub(crate) use answers::INVALID_COMMAND;

/// The positions of the keys among the words of a command. The name is word 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    first: usize,
    last: isize,
    step: usize,
}

impl KeyRange {
    /// No keys.
    pub const NONE: Self = Self::new(0, 0, 0);
    /// One key, the first argument.
    pub const FIRST: Self = Self::new(1, 1, 1);
    /// Two keys, the first two arguments.
    pub const FIRST_TWO: Self = Self::new(1, 2, 1);
    /// Every argument is a key.
    pub const ALL: Self = Self::new(1, -1, 1);
    /// Every second argument is a key, starting with the first.
    pub const PAIRS: Self = Self::new(1, -1, 2);

    /// Creates a range from word `first` to word `last`, with a key every `step` words. A negative `last` counts from
    /// the end: -1 is the last word.
    pub const fn new(first: usize, last: isize, step: usize) -> Self {
        Self { first, last, step }
    }

    /// Returns up to how many words a command has at most one key, its first argument.
    pub(crate) const fn single_up_to(self) -> usize {
        match (self.first, self.last) {
            (1, 1) => usize::MAX,
            (1, -1) => 1 + self.step,
            _ => 0,
        }
    }

    /// Whether there are no keys.
    pub const fn is_none(self) -> bool {
        self.first == 0
    }

    /// Returns the same keys after a name with `more` additional words.
    pub(crate) fn behind(self, more: usize) -> Self {
        match self {
            Self { first: 0, .. } => self,
            Self { last: ..0, .. } => Self { first: self.first + more, ..self },
            _ => Self { first: self.first + more, last: self.last + more as isize, ..self },
        }
    }

    /// Returns these keys and more from word `at` on: `words` of them, or all up to the end. Returns the keys unchanged
    /// if the positions are not evenly spaced, which a range cannot express.
    pub(crate) fn and_at(self, at: usize, words: Option<usize>) -> Self {
        let last = words.map_or(-1, |words| (at + words) as isize - 1);
        if self.is_none() {
            return Self::new(at, last, 1);
        }
        let gap = at.saturating_sub_signed(self.last);
        let is_even = self.first as isize == self.last || gap == self.step;
        if self.last > 0 && is_even && (gap == 1 || words == Some(1)) { Self::new(self.first, last, gap) } else { self }
    }

    /// Returns the keys of a command.
    pub fn of(self, command: &Command) -> impl Iterator<Item = &[u8]> {
        let last = if self.last < 0 { command.len().saturating_add_signed(self.last) } else { self.last as usize };
        let words = command.words().take(if self.is_none() { 0 } else { last + 1 });
        words.skip(self.first).step_by(self.step.max(1))
    }
}

/// The description of a command: its arity, keys, flags and documentation.
#[derive(Clone, Debug)]
pub struct CommandInfo {
    name: Cow<'static, str>,
    arity: Arity,
    keys: KeyRange,
    flags: Flags,
    group: Cow<'static, str>,
    summary: Cow<'static, str>,
    since: Cow<'static, str>,
    subs: Vec<CommandInfo>,
}

impl CommandInfo {
    /// Creates a description without keys, flags and documentation. The group is `module`, as in Redis for commands
    /// that are not built in.
    pub fn new(name: impl Into<Cow<'static, str>>, arity: Arity) -> Self {
        Self {
            name: name.into(),
            arity,
            keys: KeyRange::NONE,
            flags: Flags::PLAIN,
            group: "module".into(),
            summary: "".into(),
            since: "".into(),
            subs: Vec::new(),
        }
    }

    /// Sets the positions of the keys.
    #[must_use]
    pub fn keys(self, keys: KeyRange) -> Self {
        Self { keys, ..self }
    }

    /// Sets the flags.
    #[must_use]
    pub fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// Sets the group: `string`, `generic`, ….
    #[must_use]
    pub fn group(self, group: impl Into<Cow<'static, str>>) -> Self {
        Self { group: group.into(), ..self }
    }

    /// Sets the summary, one sentence.
    #[must_use]
    pub fn summary(self, summary: impl Into<Cow<'static, str>>) -> Self {
        Self { summary: summary.into(), ..self }
    }

    /// Sets the first version that has the command.
    #[must_use]
    pub fn since(self, version: impl Into<Cow<'static, str>>) -> Self {
        Self { since: version.into(), ..self }
    }

    /// Sets the sub-commands.
    #[must_use]
    pub fn subs(self, subs: impl IntoIterator<Item = CommandInfo>) -> Self {
        Self { subs: subs.into_iter().collect(), ..self }
    }

    pub(crate) fn arity(&self) -> Arity {
        self.arity
    }

    pub(crate) fn summary_text(&self) -> &str {
        &self.summary
    }

    /// Returns the description under another name, whose last of `words` words is `name`. Arity and keys were counted
    /// without these words.
    pub(crate) fn named(self, name: &str, words: usize) -> Self {
        let (arity, keys) = (self.arity.behind(words), self.keys.behind(words - 1));
        Self { name: name.to_owned().into(), arity, keys, ..self }
    }

    pub(crate) fn add_sub(&mut self, sub: CommandInfo) {
        self.subs.push(sub);
    }

    pub(crate) fn with_subs_of(self, other: &mut Self) -> Self {
        Self { subs: std::mem::take(&mut other.subs), ..self }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sub-command called `name`, without regard to case.
    fn sub(&self, name: &[u8]) -> Option<&Self> {
        self.subs.iter().find(|sub| sub.is(name))
    }

    fn is(&self, name: &[u8]) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(name)
    }
}

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

    /// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`: returns the names.
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
    /// If the command is unknown, has no keys, or has the wrong number of words.
    pub fn keys_of<'a>(&self, command: &'a Command) -> Result<Vec<&'a [u8]>, CommandError> {
        Ok(answers::described(self, command)?.keys.of(command).collect())
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
