//! [`KnownCommand`]: a row of the catalog.

use super::{
    Arity, CommandDocs, Flags, KeyFlags, KeyRange, KeySpec, categories_of_flags, category_of_group, index,
    table::COMMANDS,
};
use crate::{Command, CommandError};

/// A row of the catalog: the description of a command of Redis or Valkey.
#[derive(Debug)]
pub struct KnownCommand {
    name: &'static str,
    full_name: &'static str,
    group: &'static str,
    arity: Arity,
    flags: Flags,
    keys: &'static [KeySpec],
    tips: &'static [&'static str],
    categories: Option<&'static [&'static str]>,
    subcommands: &'static [KnownCommand],
}

/// The ID of a command in the catalog; [`UNKNOWN`](Self::UNKNOWN) for a command that is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CommandId(u16);

/// The flags of the commands by ID. Stored separately, since several layers read them for every command.
static FLAGS: [Flags; CommandId::LIMIT] = flags();

const fn flags() -> [Flags; CommandId::LIMIT] {
    let (mut flags, mut index) = ([Flags::PLAIN; CommandId::LIMIT], 0);
    while index < COMMANDS.len() {
        flags[index + 1] = COMMANDS[index].flags;
        index += 1;
    }
    flags
}

/// Returns the commands of the catalog, in the order of their IDs.
pub fn commands() -> &'static [KnownCommand] {
    &COMMANDS
}

impl CommandId {
    /// A command that is not in the catalog.
    pub const UNKNOWN: Self = Self(0);

    /// The upper bound of all IDs. An array of this length can be indexed by [`index`](Self::index) without a bounds
    /// check.
    pub const LIMIT: usize = 1 << Self::BITS;

    /// The number of bits of an ID.
    pub(crate) const BITS: u32 = 10;

    /// Returns the ID of the command called `name`, without regard to case.
    pub fn of(name: &[u8]) -> Self {
        Self(index::number_of(name))
    }

    /// Returns the ID of the command whose name is the first `len` bytes of `input`. Faster than [`of`](Self::of) if
    /// more bytes follow.
    #[inline]
    pub(crate) fn at(input: &[u8], len: usize) -> Self {
        Self(index::number_at(input, len))
    }

    /// Returns the row of the command, if it is in the catalog.
    #[inline]
    pub fn known(self) -> Option<&'static KnownCommand> {
        COMMANDS.get(self.index().wrapping_sub(1))
    }

    /// Returns the flags of the command; none if it is not in the catalog.
    #[inline]
    pub fn flags(self) -> Flags {
        FLAGS[self.index()]
    }

    /// Returns the ID as an index for arrays. It is less than [`LIMIT`](Self::LIMIT).
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize % Self::LIMIT
    }

    #[inline]
    pub(crate) const fn from_index(index: usize) -> Self {
        Self(index as u16)
    }
}

impl KnownCommand {
    pub(super) const fn new(full_name: &'static str, group: &'static str, arity: Arity, flags: Flags) -> Self {
        let name = last_word(full_name);
        Self { name, full_name, group, arity, flags, keys: &[], tips: &[], categories: None, subcommands: &[] }
    }

    pub(super) const fn keys(self, keys: &'static [KeySpec]) -> Self {
        let movable = if KeyRange::of(keys).is_movable() { Flags::MOVABLE_KEYS } else { Flags::PLAIN };
        Self { keys, flags: self.flags.and(movable), ..self }
    }

    pub(super) const fn with_tips(self, tips: &'static [&'static str]) -> Self {
        Self { tips, ..self }
    }

    /// Sets the ACL categories that the flags do not tell, if they are not that of the group.
    pub(super) const fn with_categories(self, categories: &'static [&'static str]) -> Self {
        Self { categories: Some(categories), ..self }
    }

    pub(super) const fn subs(self, subcommands: &'static [KnownCommand]) -> Self {
        Self { subcommands, ..self }
    }

    /// Returns the name, in upper case.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the name, behind that of the command if this is a sub-command: `CLIENT ID`.
    pub const fn full_name(&self) -> &'static str {
        self.full_name
    }

    /// Returns the documentation. It is searched for by every call.
    pub fn docs(&self) -> Option<&'static CommandDocs> {
        CommandDocs::of(self)
    }

    /// Returns the group that `COMMAND DOCS` shows: `string`, `generic`, ….
    pub const fn group_name(&self) -> &'static str {
        self.group
    }

    /// Returns the arity.
    pub const fn arity(&self) -> Arity {
        self.arity
    }

    /// Returns the flags.
    #[inline]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// Returns the descriptions of the keys.
    pub const fn key_specs(&self) -> &'static [KeySpec] {
        self.keys
    }

    /// Returns the hints for clients that `COMMAND` shows: `nondeterministic_output`, `request_policy:all_shards`, ….
    pub const fn tips(&self) -> &'static [&'static str] {
        self.tips
    }

    /// Returns the ACL categories: `keyspace`, `read`, `fast`, ….
    pub fn categories(&self) -> impl Iterator<Item = &'static str> {
        self.data_categories().chain(categories_of_flags(self.flags))
    }

    /// Returns the ACL categories that do not follow from the flags: `keyspace`, `string`, ….
    pub fn data_categories(&self) -> impl Iterator<Item = &'static str> {
        let of_group = self.categories.is_none().then(|| category_of_group(self.group)).flatten();
        self.categories.unwrap_or_default().iter().copied().chain(of_group)
    }

    /// Returns the sub-commands.
    pub const fn subcommands(&self) -> &'static [KnownCommand] {
        self.subcommands
    }

    /// Returns the sub-command called `name`, without regard to case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static KnownCommand> {
        self.subcommands.iter().find(|sub| sub.is(name))
    }

    /// Returns this command, or the sub-command that the first argument of `command` names.
    #[inline]
    pub(crate) fn named_in(&'static self, command: &Command) -> &'static Self {
        if self.subcommands.is_empty() {
            return self;
        }
        command.arg_at(0).and_then(|name| self.subcommand(name)).unwrap_or(self)
    }

    /// Returns the positions of the keys in `command`, a call of this command, and how each is accessed. For a command
    /// with sub-commands, these are the keys of the sub-command. Returns none if a number of keys is invalid.
    #[inline]
    pub fn key_words<'a>(&'static self, command: &'a Command) -> impl Iterator<Item = (usize, KeyFlags)> + use<'a> {
        key_words(self.named_in(command).keys, command)
    }

    /// Returns the keys of `command`, a call of this command.
    #[inline]
    pub fn keys_of<'a>(&'static self, command: &'a Command) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let words = found(self.named_in(command).keys, command).flat_map(|spec| spec.words(command));
        words.filter_map(|word| command.arg_at(word - 1))
    }

    /// Returns up to how many words the command surely has at most one key, which is its first argument; 0 if that
    /// depends on the arguments.
    ///
    /// ```
    /// use kvstore_protocol::catalog::CommandId;
    ///
    /// let single_up_to = |name: &str| CommandId::of(name.as_bytes()).known().map(|known| known.single_key_up_to());
    /// assert_eq!(single_up_to("GET"), Some(usize::MAX));
    /// assert_eq!(single_up_to("MSET"), Some(3));
    /// assert_eq!(single_up_to("ZUNION"), Some(0));
    /// ```
    pub const fn single_key_up_to(&self) -> usize {
        let [first, others @ ..] = self.keys else { return 0 };
        let (mut words, mut index) = (first.single_up_to(), 0);
        while index < others.len() {
            let none_up_to = others[index].none_up_to();
            words = if none_up_to < words { none_up_to } else { words };
            index += 1;
        }
        words
    }

    fn is(&self, name: &[u8]) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(name)
    }
}

/// Returns what is behind the space in a name of two words.
const fn last_word(name: &'static str) -> &'static str {
    let mut index = 0;
    while index < name.len() {
        if name.as_bytes()[index] == b' ' {
            return name.split_at(index + 1).1;
        }
        index += 1;
    }
    name
}

/// Returns the positions of the keys that `specs` describe in `command`, and how each is accessed. Returns none if a
/// number of keys is invalid.
///
/// ```
/// use kvstore_protocol::{
///     Command,
///     catalog::{KeySpec, key_words},
/// };
///
/// let command = Command::new("ARCHIVE").with_args(["target", "2", "a", "b"]);
/// let specs = [KeySpec::overwrites(1), KeySpec::removes(2).counted()];
/// assert_eq!(key_words(&specs, &command).map(|(word, _)| word).collect::<Vec<_>>(), [1, 3, 4]);
/// ```
#[inline]
pub fn key_words<'a>(specs: &'a [KeySpec], command: &'a Command) -> impl Iterator<Item = (usize, KeyFlags)> + use<'a> {
    found(specs, command).flat_map(|spec| {
        let flags = spec.flags_in(command);
        spec.words(command).map(move |word| (word, flags))
    })
}

/// Returns the descriptions of the keys in `command`; none if a number of keys is invalid.
#[inline]
fn found<'a>(specs: &'a [KeySpec], command: &Command) -> impl Iterator<Item = &'a KeySpec> + use<'a> {
    let is_valid = specs.iter().all(|spec| spec.has_valid_count(command));
    if is_valid { specs } else { &[] }.iter().filter(|spec| spec.has_keys())
}

/// Finds the sub-command in `subcommands` that the first argument of `command` names.
///
/// ```
/// use kvstore_protocol::{Command, catalog::find_subcommand};
///
/// let rows = [("ID", 1), ("KILL", 2)];
/// let command = Command::new("CLIENT").arg("kill");
/// assert_eq!(find_subcommand(&command, &rows, |row| row.0)?.1, 2);
/// # Ok::<(), kvstore_protocol::CommandError>(())
/// ```
///
/// # Errors
/// `ERR wrong number of arguments …` if there is no argument, `ERR unknown subcommand …` if it is not found, in the
/// words of Redis.
pub fn find_subcommand<'a, T>(
    command: &Command,
    subcommands: &'a [T],
    name_of: impl Fn(&T) -> &str,
) -> Result<&'a T, CommandError> {
    let name = || String::from_utf8_lossy(command.name()).into_owned();
    let asked = command.arg_at(0).ok_or_else(|| CommandError::wrong_arity(&name()))?;
    let found = subcommands.iter().find(|sub| name_of(sub).as_bytes().eq_ignore_ascii_case(asked));
    found.ok_or_else(|| CommandError::unknown_subcommand(&name(), asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_found_by_its_name_in_any_case() {
        for (known, number) in COMMANDS.iter().zip(1..) {
            let id = CommandId::of(known.name.to_lowercase().as_bytes());
            assert_eq!((id.index(), id.known().map(KnownCommand::name)), (number, Some(known.name)));
            assert_eq!(id.flags(), known.flags);
            assert!(!known.group.is_empty() && number < CommandId::LIMIT);
        }
        assert_eq!(CommandId::of(b"GREET"), CommandId::UNKNOWN);
        assert!(CommandId::UNKNOWN.known().is_none());
    }

    #[test]
    fn names_are_told_once_and_in_upper_case() {
        let names: std::collections::BTreeSet<_> = COMMANDS.iter().map(KnownCommand::name).collect();
        assert_eq!(names.len(), COMMANDS.len());
        let all = COMMANDS.iter().flat_map(|known| known.subcommands.iter().chain([known]));
        assert!(all.into_iter().all(|known| known.name.to_uppercase() == known.name));
    }

    #[test]
    fn the_keys_of_a_subcommand_are_those_of_the_one_that_is_named() {
        let command = Command::new("OBJECT").with_args(["ENCODING", "k"]);
        assert_eq!(command.known().unwrap().keys_of(&command).collect::<Vec<_>>(), [b"k"]);
        let help = Command::new("OBJECT").arg("HELP");
        assert_eq!(help.known().unwrap().keys_of(&help).count(), 0);
    }
}
