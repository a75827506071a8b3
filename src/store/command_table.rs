//! [`CommandTable`]: every command that the store executes, by its number in the catalog of the protocol.

use std::sync::LazyLock;

use kvstore_protocol::{
    Command, CommandError, batch,
    catalog::{CommandId, Flags, KeyFlags, KeySpec, KnownCommand, find_subcommand},
};

use super::{commands::FAMILIES, observers::Interests, spec::Spec};

/// A command: its spec, and its row in the catalog.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) spec: &'static Spec,
    pub(crate) known: &'static KnownCommand,
    /// The name as errors show it: `get`, `config|get`.
    pub(crate) name: String,
    /// Whether it may need more memory in the shards of its keys: it writes them, and does more than to remove them.
    pub(super) grows: bool,
    /// Whether it may write.
    writes: bool,
    /// Whether it may change something: it writes, or keeps in a value what it has found there.
    changes: bool,
    /// The numbers of words with which a command has one key alone. Empty if there are none.
    one_key: OneKey,
    subs: Vec<Row>,
}

/// The rows by the numbers of the commands.
#[derive(Debug)]
pub(super) struct CommandTable([Option<&'static Row>; CommandId::LIMIT]);

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let specs = FAMILIES.iter().flat_map(|family| *family);
    specs.map(|spec| Row::new(spec, CommandId::of(spec.name.as_bytes()).known(), None)).collect()
});

/// The rows of all commands.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter()
}

impl CommandTable {
    pub(super) fn new() -> Self {
        let mut rows = [None; CommandId::LIMIT];
        for row in &*ROWS {
            rows[CommandId::of(row.spec.name.as_bytes()).index()] = Some(row);
        }
        Self(rows)
    }

    /// The row of a command.
    #[inline]
    pub(super) fn find(&self, command: &Command) -> Option<&'static Row> {
        self.0[command.id().index()]
    }
}

impl Row {
    fn new(spec: &'static Spec, known: Option<&'static KnownCommand>, parent: Option<&str>) -> Self {
        let known = known.unwrap_or_else(|| panic!("{} has a row in the catalog of the protocol", spec.name));
        let name = match parent {
            None => spec.name.to_lowercase(),
            Some(parent) => format!("{parent}|{}", spec.name.to_lowercase()),
        };
        let subs = spec.subs.iter().map(|sub| Self::new(sub, known.subcommand(sub.name.as_bytes()), Some(&name)));
        let removes = |keys: &KeySpec| keys.flags().has(KeyFlags::DELETE);
        let grows = known.flags().has(Flags::WRITE) && !known.key_specs().iter().all(removes);
        let writes = known.flags().has(Flags::WRITE);
        let changes = writes || spec.caches;
        Self { one_key: one_key(spec, known), grows, writes, changes, subs: subs.collect(), spec, known, name }
    }

    /// The row for a command: this one, or that of one of its sub-commands.
    ///
    /// # Errors
    /// If there is no such sub-command, or the arity is wrong.
    #[inline]
    pub(super) fn resolve(&'static self, command: &Command) -> Result<&'static Self, CommandError> {
        if self.subs.is_empty() && self.known.arity().admits(command.len()) {
            Ok(self)
        } else {
            self.resolve_sub(command)
        }
    }

    #[cold]
    fn resolve_sub(&'static self, command: &Command) -> Result<&'static Self, CommandError> {
        let row = match self.subs.is_empty() || command.len() == 1 {
            true => self,
            false => find_subcommand(command, &self.subs, |sub| sub.spec.name)?,
        };
        if row.known.arity().admits(command.len()) { Ok(row) } else { Err(row.wrong_arity()) }
    }

    /// EXEC says that it has dropped the transaction, even if there was none: so does Redis.
    fn wrong_arity(&self) -> CommandError {
        let refusal = CommandError::wrong_arity(&self.name);
        match self.spec.name {
            "EXEC" => {
                CommandError::with_code("EXECABORT", format!("Transaction discarded because of: {}", refusal.text()))
            }
            _ => refusal,
        }
    }

    /// Whether a command of so many words has one key alone, its first argument in the selected database, and takes no long
    /// time. Such a number is within the arity.
    #[inline(always)]
    pub(super) fn has_one_key(&self, words: usize) -> bool {
        self.one_key.least <= words && words <= self.one_key.most
    }

    /// Whether a command with one key has more to do than that: it may serve clients that wait, or the journal has a say.
    #[inline(always)]
    pub(super) fn is_diverted(&self, interests: Interests) -> bool {
        interests.has(Interests::DIVERTING) && self.is_diverted_by(interests)
    }

    fn is_diverted_by(&self, interests: Interests) -> bool {
        interests.has(Interests::AROUND)
            || (self.changes && interests.has(Interests::DIVERTING_WRITES))
            // A connection holds back its output.
            || (interests.has(Interests::SETTLED) && !batch::is_running())
    }

    /// Whether it may write.
    #[inline]
    pub(super) fn writes(&self) -> bool {
        self.writes
    }

    /// Whether it may change something.
    #[inline]
    pub(super) fn changes(&self) -> bool {
        self.changes
    }

    /// The rows of the sub-commands.
    pub(super) fn subs(&self) -> &[Row] {
        &self.subs
    }

    #[inline]
    pub(crate) fn flags(&self) -> Flags {
        self.known.flags()
    }
}

/// From `least` to `most` words.
#[derive(Clone, Copy, Debug)]
struct OneKey {
    least: usize,
    most: usize,
}

fn one_key(spec: &Spec, known: &KnownCommand) -> OneKey {
    let may_wait = known.flags().has(Flags::BLOCKING);
    let is_short = spec.keeps_to_keys() && spec.locate.is_none() && spec.may_take_long.is_none() && !may_wait;
    let most = if is_short { known.single_key_up_to() } else { 0 };
    OneKey { least: known.arity().least(), most: most.min(known.arity().most()) }
}
