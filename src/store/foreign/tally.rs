//! [`Tally`].

use std::{borrow::Cow, collections::BTreeMap};

/// Counts what was imported or exported, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub(super) keys: BTreeMap<&'static str, u64>,
    pub(super) skipped: BTreeMap<Cow<'static, str>, u64>,
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) libraries: u64,
    pub(super) commands: u64,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) incomplete: u64,
}

impl Tally {
    /// Returns how many keys of each type there were, by the name of the type.
    pub fn keys(&self) -> impl Iterator<Item = (&str, u64)> {
        self.keys.iter().map(|(name, count)| (*name, *count))
    }

    /// Returns what was skipped, because a store has nothing like it: types of values such as `stream`, and commands such as
    /// `command XADD`.
    pub fn skipped(&self) -> impl Iterator<Item = (&str, u64)> {
        self.skipped.iter().map(|(name, count)| (&**name, *count))
    }

    /// Returns the commands that were refused, each with its error.
    pub fn failed(&self) -> impl Iterator<Item = (&str, u64)> {
        self.failed.iter().map(|(name, count)| (&**name, *count))
    }

    /// Returns how many libraries of functions there were in RDB files.
    pub fn libraries(&self) -> u64 {
        self.libraries
    }

    /// Returns how many commands of append-only files were executed.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// Returns how far it is, of how much: the bytes of the files for an import, the keys for an export.
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Returns the bytes at the end of the last append-only file that are no whole command or transaction, and were left out.
    pub fn incomplete(&self) -> u64 {
        self.incomplete
    }

    pub(super) fn count_key(&mut self, type_name: &'static str) {
        *self.keys.entry(type_name).or_default() += 1;
    }

    /// Counts something that is skipped. Whether it is the first of its kind.
    pub(in crate::store) fn skip(&mut self, kind: Cow<'static, str>) -> bool {
        let count = self.skipped.entry(kind).or_default();
        *count += 1;
        *count == 1
    }

    /// Counts a command that failed. Whether it is the first with this error.
    pub(super) fn fail(&mut self, error: String) -> bool {
        let count = self.failed.entry(error).or_default();
        *count += 1;
        *count == 1
    }
}
