//! [`CommandInfo`]: the description of one command.

use std::borrow::Cow;

use kvstore_protocol::catalog::{CommandDocs, KnownCommand, categories_of_flags, category_of_group};

use super::{Arity, Flags, KeyFlags, KeySpec};

/// The description of a command: its arity, keys, flags and documentation.
#[derive(Clone, Debug)]
pub struct CommandInfo {
    pub(super) name: Cow<'static, str>,
    pub(super) arity: Arity,
    pub(super) keys: Vec<KeySpec>,
    pub(super) flags: Flags,
    pub(super) group: Cow<'static, str>,
    /// The ACL categories that do not follow from the flags, if they are not that of the group.
    categories: Option<Vec<&'static str>>,
    pub(super) tips: Vec<Cow<'static, str>>,
    pub(super) summary: Cow<'static, str>,
    pub(super) since: Cow<'static, str>,
    /// The documentation of a command of Redis: what is not in the other fields.
    pub(super) docs: Option<&'static CommandDocs>,
    pub(super) subs: Vec<CommandInfo>,
}

impl CommandInfo {
    /// Creates a description without keys, flags and documentation. The group is `module`, as in Redis for commands
    /// that are not built in.
    pub fn new(name: impl Into<Cow<'static, str>>, arity: Arity) -> Self {
        Self {
            name: name.into(),
            arity,
            keys: Vec::new(),
            flags: Flags::PLAIN,
            group: "module".into(),
            categories: None,
            tips: Vec::new(),
            summary: "".into(),
            since: "".into(),
            docs: None,
            subs: Vec::new(),
        }
    }

    /// Sets the descriptions of the keys.
    ///
    /// ```
    /// use kvstore::catalog::{Arity, CommandInfo, KeySpec};
    ///
    /// // `ARCHIVE target key [key …]`
    /// let archive = CommandInfo::new("ARCHIVE", Arity::at_least(3));
    /// let archive = archive.keys([KeySpec::overwrites(1), KeySpec::reads(2).to(-1)]);
    /// ```
    #[must_use]
    pub fn keys(self, keys: impl IntoIterator<Item = KeySpec>) -> Self {
        Self { keys: keys.into_iter().collect(), ..self }
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

    /// Sets the tips: hints for clients and proxies, as `request_policy:all_shards`.
    #[must_use]
    pub fn tips<T: Into<Cow<'static, str>>>(self, tips: impl IntoIterator<Item = T>) -> Self {
        Self { tips: tips.into_iter().map(Into::into).collect(), ..self }
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

    /// Returns the descriptions of the keys. The access that is not described follows from the flags.
    pub(super) fn key_specs(&self) -> Vec<KeySpec> {
        const UNKNOWN: KeyFlags = KeyFlags::all(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE]);
        const READ: KeyFlags = KeyFlags::all(&[KeyFlags::RO, KeyFlags::ACCESS]);
        let flags = if self.flags.has(Flags::READ) { READ } else { UNKNOWN };
        self.keys.iter().map(|keys| keys.or_flags(flags)).collect()
    }

    /// Returns the ACL categories.
    pub(super) fn categories(&self) -> impl Iterator<Item = &'static str> {
        let of_group = self.categories.is_none().then(|| category_of_group(&self.group)).flatten();
        let own = self.categories.iter().flatten().copied();
        own.chain(of_group).chain(categories_of_flags(self.flags))
    }

    /// Returns the description under another name, whose last of `words` words is `name`. Arity and keys were counted
    /// without these words.
    pub(crate) fn named(self, name: &str, words: usize) -> Self {
        let arity = self.arity.behind(words);
        let keys = self.keys.iter().map(|keys| keys.behind(words - 1)).collect();
        Self { name: name.to_owned().into(), arity, keys, ..self }
    }

    pub(crate) fn add_sub(&mut self, sub: CommandInfo) {
        self.subs.push(sub);
    }

    pub(crate) fn add_subs_of(&mut self, other: Self) {
        self.subs.extend(other.subs);
    }

    pub(crate) fn with_subs_of(self, other: &mut Self) -> Self {
        Self { subs: std::mem::take(&mut other.subs), ..self }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sub-command called `name`, without regard to case.
    pub(super) fn sub(&self, name: &[u8]) -> Option<&Self> {
        self.subs.iter().find(|sub| sub.is(name))
    }

    pub(super) fn is(&self, name: &[u8]) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(name)
    }
}

/// Describes a command of Redis, without its sub-commands.
///
/// ```
/// use kvstore::{catalog::CommandInfo, protocol::Command};
///
/// let known = Command::new("GET").known().expect("a command of Redis");
/// let get = CommandInfo::from(known).summary("Returns the page of a key.");
/// assert_eq!(get.name(), "GET");
/// ```
impl From<&'static KnownCommand> for CommandInfo {
    fn from(known: &'static KnownCommand) -> Self {
        let info = Self::new(known.name(), known.arity()).flags(known.flags()).group(known.group_name());
        let info = info.keys(known.key_specs().iter().copied()).tips(known.tips().iter().copied());
        let docs = known.docs();
        let info = info.summary(docs.map_or("", CommandDocs::summary)).since(docs.map_or("", CommandDocs::since));
        Self { categories: Some(known.data_categories().collect()), docs, ..info }
    }
}
