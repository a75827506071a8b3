use std::sync::LazyLock;

use kvstore_protocol::{Command, NameMap, catalog::Flags};

use super::text::{Redacted, RedactedArguments};

/// Which arguments of which commands are hidden. Names are compared without regard to case.
#[derive(Clone, Debug)]
pub struct Redact {
    rules: NameMap<Visible>,
    others: Visible,
}

/// Which arguments of a command are hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hide {
    /// All arguments.
    All,
    /// All but the keys, which are where the [catalog](kvstore_protocol::catalog) says. For a command that is not in it, the
    /// first argument is taken as the key.
    Values,
    /// The argument at this index, counted from 0, and all after it.
    From(usize),
}

/// Which arguments are shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Visible {
    First(usize),
    /// The keys, where the catalog says. Of a command that is not in it, so many of the first arguments.
    Keys {
        of_others: usize,
    },
}

impl Redact {
    /// Hides the arguments of AUTH, HELLO, ACL, CONFIG and MIGRATE.
    pub fn new() -> Self {
        Self { rules: NameMap::default(), others: Visible::First(usize::MAX) }
    }

    /// Sets the rule for one command. It replaces an earlier rule for it.
    #[must_use]
    pub fn hide(mut self, name: impl AsRef<[u8]>, hide: Hide) -> Self {
        let visible = match hide {
            Hide::All => Visible::First(0),
            Hide::Values => Visible::Keys { of_others: 1 },
            Hide::From(index) => Visible::First(index),
        };
        self.rules.insert(name, visible);
        self
    }

    /// Shows the keys of the commands that are in the [catalog](kvstore_protocol::catalog), and hides all other arguments of
    /// these and of all other commands. Rules of [`Redact::hide`] take precedence, whether they are set before or after.
    #[must_use]
    pub fn hide_values(self) -> Self {
        Self { others: Visible::Keys { of_others: 0 }, ..self }
    }

    /// Returns the command for display: its name in upper case, and the arguments that are not hidden.
    pub fn show<'a>(&self, command: &'a Command) -> Redacted<'a> {
        Redacted::new(command, self.visible(command))
    }

    /// The arguments, without the name.
    pub(crate) fn arguments<'a>(&self, command: &'a Command) -> RedactedArguments<'a> {
        RedactedArguments::new(command, self.visible(command))
    }

    /// The default rules.
    pub(crate) fn standard() -> &'static Self {
        static STANDARD: LazyLock<Redact> = LazyLock::new(Redact::new);
        &STANDARD
    }

    fn visible(&self, command: &Command) -> Visible {
        match self.rules.get(command.name()) {
            Some(rule) => *rule,
            None if command.flags().has(Flags::SENSITIVE) => Visible::First(0),
            None => self.others,
        }
    }
}

impl Default for Redact {
    fn default() -> Self {
        Self::new()
    }
}

impl Visible {
    /// Whether the argument at `index` of `command` is shown.
    pub(super) fn shows(self, command: &Command, index: usize) -> bool {
        match self {
            Self::First(count) => index < count,
            Self::Keys { of_others } => match command.known() {
                Some(known) => known.key_words(command).any(|(word, _)| word == index + 1),
                None => index < of_others,
            },
        }
    }

    /// Whether any argument of `command` from `index` on is shown.
    pub(super) fn shows_any_from(self, command: &Command, index: usize) -> bool {
        match (self, command.known()) {
            (Self::Keys { .. }, Some(known)) => known.key_words(command).any(|(word, _)| word > index),
            _ => self.shows(command, index),
        }
    }
}
