//! [`Spec`]: the description of a command, next to its function.

use std::fmt;

use kvstore_protocol::{Command, CommandError, Response, catalog::find_subcommand};

use super::{StoreState, args::Args, context::Context, database::Database, databases::KeyRef, slots::Slots};
use crate::catalog::KeyRange;
pub(crate) use crate::catalog::{Arity, Flags};

/// The name of a command, its arity, its keys, its flags, and its function.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) arity: Arity,
    pub(crate) keys: Keys,
    #[cfg_attr(not(test), expect(dead_code, reason = "COMMAND answers by the catalog of the protocol"))]
    pub(crate) flags: Flags,
    pub(crate) run: CommandFn,
    /// The sub-commands, if the first argument names one.
    pub(crate) subs: &'static [Spec],
    /// The summary of COMMAND DOCS, and the version of Redis that introduced the command.
    pub(crate) summary: &'static str,
    pub(crate) since: &'static str,
}

/// The result of a command: a response, or an error that is sent as one.
pub(crate) type Answer = Result<Response, CommandError>;

/// A function over the slots of the keys.
pub(crate) type SlotsFn = fn(&Context<'_>, &Args<'_>, &mut Slots<'_>) -> Answer;

/// A function over the selected database.
pub(crate) type DatabaseFn = fn(&Context<'_>, &Args<'_>, &Database) -> Answer;

/// A function over the whole store.
pub(crate) type StoreFn = fn(&Context<'_>, &Args<'_>, &StoreState) -> Answer;

/// The function of a command, by what it works on.
#[derive(Clone, Copy)]
pub(crate) enum CommandFn {
    Slots(SlotsFn),
    Database(DatabaseFn),
    Store(StoreFn),
    /// The first argument names a sub-command.
    Subcommands,
    /// Answers with these lines.
    Help(&'static [&'static str]),
}

impl Spec {
    /// A command over the slots of its keys.
    pub(crate) const fn new(name: &'static str, arity: Arity, keys: Keys, flags: Flags, run: SlotsFn) -> Self {
        Self::row(name, arity, keys, flags, CommandFn::Slots(run))
    }

    /// A command over the selected database.
    pub(crate) const fn over_database(name: &'static str, arity: Arity, flags: Flags, run: DatabaseFn) -> Self {
        Self::row(name, arity, Keys::NONE, flags, CommandFn::Database(run))
    }

    /// A command over the store itself.
    pub(crate) const fn over_store(name: &'static str, arity: Arity, flags: Flags, run: StoreFn) -> Self {
        Self::row(name, arity, Keys::NONE, flags, CommandFn::Store(run))
    }

    /// A command whose first argument names a sub-command.
    pub(crate) const fn family(name: &'static str, subs: &'static [Spec]) -> Self {
        Self { subs, ..Self::row(name, Arity::at_least(2), Keys::NONE, PLAIN, CommandFn::Subcommands) }
    }

    /// The same, if the name alone is a command too.
    pub(crate) const fn family_or(name: &'static str, subs: &'static [Spec], flags: Flags, run: StoreFn) -> Self {
        Self { subs, ..Self::over_store(name, Arity::at_least(1), flags, run) }
    }

    /// The sub-command that describes the others.
    pub(crate) const fn help(lines: &'static [&'static str]) -> Self {
        let row = Self::row("HELP", Arity::exactly(2), Keys::NONE, PLAIN, CommandFn::Help(lines));
        row.about("Describes the sub-commands.", "5.0.0")
    }

    /// The same command with a summary, and the version of Redis that introduced it.
    pub(crate) const fn about(self, summary: &'static str, since: &'static str) -> Self {
        Self { summary, since, ..self }
    }

    const fn row(name: &'static str, arity: Arity, keys: Keys, flags: Flags, run: CommandFn) -> Self {
        Self { name, arity, keys, flags, run, subs: &[], summary: "", since: "" }
    }

    /// The spec for a command: this one, or one of its sub-commands.
    ///
    /// # Errors
    /// If there is no such sub-command, or the arity is wrong.
    #[inline]
    pub(crate) fn resolve(&'static self, command: &Command) -> Result<&'static Self, CommandError> {
        if self.subs.is_empty() && self.arity.admits(command.len()) { Ok(self) } else { self.resolve_sub(command) }
    }

    #[cold]
    fn resolve_sub(&'static self, command: &Command) -> Result<&'static Self, CommandError> {
        if self.subs.is_empty() || command.len() == 1 {
            return if self.arity.admits(command.len()) { Ok(self) } else { Err(CommandError::wrong_arity(self.name)) };
        }
        let sub = find_subcommand(command, self.subs, |sub| sub.name)?;
        let name = || format!("{}|{}", self.name, sub.name);
        if sub.arity.admits(command.len()) { Ok(sub) } else { Err(CommandError::wrong_arity(&name())) }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The database of the key at an index: `None` for the selected one.
type DatabaseOf = fn(&Args<'_>, usize) -> Result<Option<usize>, CommandError>;

/// Where the keys of a command are among its words, and in which databases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) range: KeyRange,
    /// The databases of the keys, if not all are in the selected one.
    database: Option<DatabaseOf>,
    /// The most words with which a command surely has one key at most: its first argument, in the selected database.
    single_up_to: usize,
}

impl Keys {
    /// No keys.
    pub(crate) const NONE: Self = Self::of_range(KeyRange::NONE);
    /// One key, the first argument.
    pub(crate) const FIRST: Self = Self::of_range(KeyRange::FIRST);
    /// Two keys, the first two arguments.
    pub(crate) const FIRST_TWO: Self = Self::of_range(KeyRange::FIRST_TWO);
    /// Every argument is a key.
    pub(crate) const ALL: Self = Self::of_range(KeyRange::ALL);
    /// Every second argument is a key, from the first on.
    pub(crate) const PAIRS: Self = Self::of_range(KeyRange::PAIRS);

    const fn of_range(range: KeyRange) -> Self {
        Self { range, database: None, single_up_to: range.single_up_to() }
    }

    /// Every `step`th word from `first` to `last`.
    pub(crate) const fn range(first: usize, last: isize, step: usize) -> Self {
        Self::of_range(KeyRange::new(first, last, step))
    }

    /// The same keys, some of them in another database.
    pub(crate) const fn in_database(
        self,
        database: fn(&Args<'_>, usize) -> Result<Option<usize>, CommandError>,
    ) -> Self {
        Self { database: Some(database), single_up_to: 0, ..self }
    }

    /// Whether a command of so many words has one key at most: its first argument, in the selected database.
    #[inline]
    pub(crate) fn is_single(self, words: usize) -> bool {
        words <= self.single_up_to
    }

    /// The keys of a command.
    pub(crate) fn of<'a>(self, command: &'a Command, database: usize) -> impl Iterator<Item = KeyRef<'a>> {
        self.range.of(command).map(move |name| KeyRef { database, name })
    }

    /// Whether all keys are in the selected database.
    #[inline]
    pub(crate) fn are_selected(self) -> bool {
        self.database.is_none()
    }

    /// The keys of a command, each with its database.
    pub(crate) fn located<'a>(self, args: &Args<'a>, selected: usize) -> Result<Vec<KeyRef<'a>>, CommandError> {
        let mut keys: Vec<KeyRef<'a>> = self.of(args.command(), selected).collect();
        if let Some(database) = self.database {
            for (index, key) in keys.iter_mut().enumerate() {
                key.database = database(args, index)?.unwrap_or(selected);
            }
        }
        Ok(keys)
    }
}

/// Reads keys.
pub(crate) const READ: Flags = Flags::READ;
/// Writes keys.
pub(crate) const WRITE: Flags = Flags::WRITE;
/// Takes constant or logarithmic time.
pub(crate) const FAST: Flags = Flags::FAST;
/// May increase the memory usage.
pub(crate) const DENY_OOM: Flags = Flags::DENY_OOM;
/// For administrators.
pub(crate) const ADMIN: Flags = Flags::ADMIN;
/// Slow, or affects all clients.
pub(crate) const DANGEROUS: Flags = Flags::DANGEROUS;
/// Neither reads nor writes keys.
pub(crate) const PLAIN: Flags = Flags::PLAIN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_single_when_its_first_argument_is_its_only_key() {
        for (keys, least) in [(Keys::FIRST, 2), (Keys::FIRST_TWO, 3), (Keys::ALL, 2), (Keys::PAIRS, 3)] {
            for words in least..8 {
                let command = Command::new("NAME").with_args((1..words).map(|word| word.to_string()));
                let names: Vec<_> = keys.of(&command, 0).map(|key| key.name).collect();
                assert_eq!(keys.is_single(words), names == [b"1"], "{keys:?} of {words} words");
            }
        }
        assert!(!Keys::NONE.is_single(2) && !Keys::range(2, 2, 1).is_single(3));
        assert!(!Keys::range(1, -2, 1).is_single(3));
        assert!(!Keys::FIRST.in_database(|_, _| Ok(None)).is_single(2));
    }
}
