use std::sync::LazyLock;

use kvstore_protocol::{Command, NameMap};

use super::{
    text::{Redacted, RedactedArguments},
    well_known::{KEYS_OF_OTHERS, well_known},
};

/// Rules of what is hidden of which command. Names are compared without regard to case.
#[derive(Clone, Debug)]
pub struct Redact {
    rules: NameMap<Visible>,
    others: Visible,
}

/// What is hidden of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hide {
    /// All arguments.
    All,
    /// All but the keys. Where the keys are is known of the commands that [`Redact::hide_values`] shows; of any other the
    /// first argument is taken for one.
    Values,
    /// The argument at this index, counted from 0, and those behind it.
    From(usize),
}

/// What is left to be seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Visible {
    First(usize),
    /// The keys of pairs.
    EveryOther,
}

/// Commands whose arguments carry passwords.
const SECRET: [&str; 5] = ["AUTH", "HELLO", "ACL", "CONFIG", "MIGRATE"];

impl Redact {
    /// Hides the arguments of AUTH, HELLO, ACL, CONFIG and MIGRATE.
    pub fn new() -> Self {
        let rules = SECRET.into_iter().map(|name| (name, Visible::First(0))).collect();
        Self { rules, others: Visible::First(usize::MAX) }
    }

    /// A rule for one command, in place of what held for it before.
    #[must_use]
    pub fn hide(mut self, name: impl AsRef<[u8]>, hide: Hide) -> Self {
        let visible = match hide {
            Hide::All => Visible::First(0),
            Hide::Values => well_known(name.as_ref()).unwrap_or(KEYS_OF_OTHERS),
            Hide::From(index) => Visible::First(index),
        };
        self.rules.insert(name, visible);
        self
    }

    /// Shows the keys of the well-known commands on strings and on keys in general (GET, SET, MSET, DEL, EXPIRE …), and
    /// hides everything else, all arguments of all other commands among it. Rules for single commands hold nevertheless,
    /// whether they were set before or are set afterwards.
    #[must_use]
    pub fn hide_values(mut self) -> Self {
        for (name, visible) in super::well_known::all() {
            if self.rules.get(name.as_bytes()).is_none() {
                self.rules.insert(name, visible);
            }
        }
        Self { others: Visible::First(0), ..self }
    }

    /// The command as it may be shown: its name in upper case, and what of its arguments is not hidden.
    pub fn show<'a>(&self, command: &'a Command) -> Redacted<'a> {
        Redacted::new(command, self.visible(command))
    }

    /// The arguments alone.
    pub(crate) fn arguments<'a>(&self, command: &'a Command) -> RedactedArguments<'a> {
        RedactedArguments::new(command, self.visible(command))
    }

    /// The rules of those who were given none.
    pub(crate) fn standard() -> &'static Self {
        static STANDARD: LazyLock<Redact> = LazyLock::new(Redact::new);
        &STANDARD
    }

    fn visible(&self, command: &Command) -> Visible {
        *self.rules.get(command.name()).unwrap_or(&self.others)
    }
}

impl Default for Redact {
    fn default() -> Self {
        Self::new()
    }
}

impl Visible {
    pub(super) fn shows(self, index: usize) -> bool {
        match self {
            Self::First(count) => index < count,
            Self::EveryOther => index.is_multiple_of(2),
        }
    }

    pub(super) fn shows_any_from(self, index: usize) -> bool {
        self.shows(index) || self.shows(index + 1)
    }
}
