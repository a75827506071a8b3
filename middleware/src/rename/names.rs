use kvstore_protocol::{Command, CommandError, NameMap, nested::Inspect};

/// The meanings of names.
#[derive(Clone, Debug)]
pub(super) struct Names {
    meanings: NameMap<Meaning>,
    keeps_old: bool,
}

#[derive(Clone, Debug)]
enum Meaning {
    /// An old name that is not the new name of another command.
    Old,
    /// A new name, for the command with this old name.
    New(Box<[u8]>),
}

impl Names {
    pub(super) fn new<O: AsRef<[u8]>, N: AsRef<[u8]>>(names: impl IntoIterator<Item = (O, N)>) -> Self {
        let mut meanings = NameMap::default();
        for (old, new) in names {
            let (old, new) = (old.as_ref(), new.as_ref());
            assert!(!old.is_empty(), "a command has a name");
            if meanings.get(old).is_none() {
                meanings.insert(old, Meaning::Old);
            }
            if !new.is_empty() {
                let before = meanings.insert(new, Meaning::New(old.into()));
                assert!(!matches!(before, Some(Meaning::New(_))), "a name stands for one command");
            }
        }
        Self { meanings, keeps_old: false }
    }

    pub(super) fn alias(self) -> Self {
        Self { keeps_old: true, ..self }
    }

    /// Returns the command under the name that the service knows.
    #[inline]
    pub(super) fn resolve(&self, command: Command) -> Result<Command, CommandError> {
        match self.meanings.get(command.name()) {
            None => Ok(command),
            Some(meaning) => self.resolve_known(command, meaning),
        }
    }

    #[cold]
    fn resolve_known(&self, command: Command, meaning: &Meaning) -> Result<Command, CommandError> {
        match meaning {
            Meaning::New(old) => Ok(command.renamed(old)),
            Meaning::Old if self.keeps_old => Ok(command),
            Meaning::Old => Err(CommandError::unknown_command(&command)),
        }
    }
}

/// A nested command cannot be renamed, so it is refused if its name means another command.
impl Inspect for Names {
    fn inspect(&self, nested: &Command) -> Result<(), CommandError> {
        match self.meanings.get(nested.name()) {
            None => Ok(()),
            Some(Meaning::Old) if self.keeps_old => Ok(()),
            Some(_) => Err(CommandError::unknown_command(nested)),
        }
    }
}
