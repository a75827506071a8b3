//! [`Given`]: a setting that was given a value, and where.

use std::{ffi::OsString, fmt, path::PathBuf};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use super::flags;

/// A setting, with the values that one place gives it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// The name of the flag.
    pub(crate) flag: String,
    pub(crate) values: Vec<OsString>,
    pub(crate) source: Source,
}

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File {
        path: PathBuf,
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    Flag,
}

impl Given {
    /// Reads a setting of the command line or of the environment, if it is given there.
    pub(super) fn from_matches(arg: &Arg, matches: &ArgMatches) -> Option<Self> {
        if !arg.get_action().takes_values() {
            return None;
        }
        let source = match matches.value_source(arg.get_id().as_str())? {
            ValueSource::CommandLine => Source::Flag,
            ValueSource::EnvVariable => Source::Variable(arg.get_env()?.to_string_lossy().into_owned()),
            _ => return None,
        };
        let values = matches.get_raw(arg.get_id().as_str())?.map(OsString::from).collect();
        Some(Self { flag: arg.get_long()?.to_owned(), values, source })
    }

    /// The words of a command line that give it.
    pub(super) fn words(&self) -> impl Iterator<Item = OsString> {
        self.values.iter().map(|value| {
            let mut word = OsString::from(format!("--{}=", self.flag));
            word.push(value);
            word
        })
    }

    /// Checks the values.
    ///
    /// # Errors
    /// With the place and the value in the message.
    pub(super) fn check(&self, command: &Command) -> Result<(), String> {
        let Some(arg) = flags::find(command, &self.flag) else { return Ok(()) };
        let alone = Command::new("kvstore").no_binary_name(true).args_override_self(true).arg(arg.clone().env(None));
        match alone.try_get_matches_from(self.words()) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{}: {}", self.source, in_one_line(&error))),
        }
    }

    /// The values, for people: without secrets.
    pub(crate) fn shown(&self) -> String {
        match flags::is_secret(&self.flag) {
            true => "(hidden)".to_owned(),
            false => self.values.iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(" "),
        }
    }
}

/// What is wrong, without the usage of the program.
pub(super) fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let (what, _) = text.split_once("\n\n").unwrap_or((&text, ""));
    what.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Source {
    /// The higher, the sooner it holds.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::File { .. } => 0,
            Self::Variable(_) => 1,
            Self::Flag => 2,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0 } => write!(f, "{}, which leaves it at the default of Redis", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}
