use std::sync::LazyLock;

use kvstore_protocol::{Command, NameMap};

use super::{
    text::{Redacted, RedactedArguments},
    well_known::{KEYS_OF_OTHERS, well_known},
};

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
    /// All but the keys. The positions of keys are known for the commands that [`Redact::hide_values`] shows. For any
    /// other command the first argument is taken as the key.
    Values,
    /// The argument at this index, counted from 0, and all after it.
    From(usize),
}

/// Which arguments are shown.
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

    /// Sets the rule for one command. It replaces an earlier rule for it.
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

    /// Shows the keys of well-known commands for strings and keys (GET, SET, MSET, DEL, EXPIRE …), and hides all other
    /// arguments of these and of all other commands. Rules of [`Redact::hide`] take precedence, whether they are set
    /// before or after.
    #[must_use]
    pub fn hide_values(mut self) -> Self {
        for (name, visible) in super::well_known::all() {
            if self.rules.get(name.as_bytes()).is_none() {
                self.rules.insert(name, visible);
            }
        }
        Self { others: Visible::First(0), ..self }
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
