use std::fmt;

use kvstore_protocol::{Command, CommandError, NameMap, nested::Inspect};

/// How many bytes of a word are repeated to the client.
const BYTES: usize = 64;

/// Which commands are refused.
pub(super) enum DenyRule {
    Names(NameList),
    AllBut(NameList),
    If(Box<dyn Fn(&Command) -> bool + Send + Sync>),
}

/// Names of commands, and of sub-commands.
#[derive(Debug)]
pub(super) struct NameList(NameMap<ListedCommand>);

/// What a list says of one command.
#[derive(Debug, Default)]
struct ListedCommand {
    whole: bool,
    subcommands: NameMap<()>,
}

impl DenyRule {
    #[inline]
    pub(super) fn denies(&self, command: &Command) -> bool {
        match self {
            Self::Names(list) => list.has(command),
            Self::AllBut(list) => !list.has(command),
            Self::If(denies) => denies(command),
        }
    }

    /// The answer to a denied command.
    #[cold]
    pub(super) fn refusal(&self, command: &Command) -> CommandError {
        let name = shown(command.name());
        let subcommand = self.names_subcommands_of(command).then(|| command.arg_at(0)).flatten();
        let subcommand = subcommand.map_or(String::new(), |word| format!("|{}", shown(word)));
        CommandError::with_code("NOPERM", format!("this server does not run the '{name}{subcommand}' command"))
    }

    /// Whether a sub-command is refused, and not the whole command.
    fn names_subcommands_of(&self, command: &Command) -> bool {
        match self {
            Self::Names(NameList(names)) | Self::AllBut(NameList(names)) => {
                names.get(command.name()).is_some_and(|listed| !listed.whole)
            }
            Self::If(_) => false,
        }
    }
}

impl Inspect for DenyRule {
    fn inspect(&self, nested: &Command) -> Result<(), CommandError> {
        if self.denies(nested) { Err(self.refusal(nested)) } else { Ok(()) }
    }
}

impl fmt::Debug for DenyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names(list) => f.debug_tuple("Names").field(list).finish(),
            Self::AllBut(list) => f.debug_tuple("AllBut").field(list).finish(),
            Self::If(_) => f.write_str("If"),
        }
    }
}

impl NameList {
    pub(super) fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut list = Self(NameMap::default());
        names.into_iter().for_each(|name| list.insert(name.as_ref()));
        list
    }

    fn insert(&mut self, name: &str) {
        let mut words = name.split_ascii_whitespace();
        let (command, subcommand) = (words.next().expect("a command has a name"), words.next());
        assert!(words.next().is_none(), "a name is a command, or a command and a sub-command");
        let mut listed = self.0.insert(command, ListedCommand::default()).unwrap_or_default();
        match subcommand {
            None => listed.whole = true,
            Some(subcommand) => drop(listed.subcommands.insert(subcommand, ())),
        }
        self.0.insert(command, listed);
    }

    #[inline]
    fn has(&self, command: &Command) -> bool {
        self.0.get(command.name()).is_some_and(|listed| listed.has(command.arg_at(0)))
    }
}

impl ListedCommand {
    #[inline]
    fn has(&self, subcommand: Option<&[u8]>) -> bool {
        self.whole || subcommand.is_some_and(|name| self.subcommands.get(name).is_some())
    }
}

/// A word of a client for an error text: in lower case, escaped, truncated.
fn shown(word: &[u8]) -> String {
    let cut = if word.len() > BYTES { "…" } else { "" };
    format!("{}{cut}", word[..word.len().min(BYTES)].to_ascii_lowercase().escape_ascii())
}
