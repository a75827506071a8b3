//! A file of settings: [`toml`](super::toml) or a [redis.conf](super::redis_conf).

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, Command};

use super::{
    flags,
    given::{Given, Source},
    redis_conf::{self, Meaning},
    toml,
};

/// A line of a file: a name, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) values: Vec<String>,
    pub(super) path: PathBuf,
    pub(super) line: usize,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    RedisConf,
}

impl Format {
    /// The format by the ending of the name, else by the first line that is one.
    pub(super) fn of(path: &Path, text: &str) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => Self::Toml,
            Some("conf") => Self::RedisConf,
            _ => {
                let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
                let (name, rest) = first.and_then(|line| line.split_once([' ', '='])).unwrap_or_default();
                let is_toml =
                    first.is_some_and(|line| line.starts_with(&format!("{name}="))) || rest.trim().starts_with('=');
                if is_toml { Self::Toml } else { Self::RedisConf }
            }
        }
    }
}

/// What a file gives.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) given: Vec<Given>,
    /// The names that have no meaning here.
    pub(super) without_meaning: Vec<String>,
}

/// Reads the settings of a file. What is wrong is added to `problems`.
pub(super) fn read(path: &Path, command: &Command, problems: &mut Vec<String>) -> Contents {
    let mut contents = Contents::default();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(format!("cannot read {}: {error}", path.display()));
            return contents;
        }
    };
    let format = Format::of(path, &text);
    let entries = match format {
        Format::Toml => toml::read(path, &text, problems),
        Format::RedisConf => redis_conf::read(path, &text, problems),
    };
    for entry in entries {
        match (flag(&entry.name, command), format) {
            (Some(flag), _) => contents.given.push(entry.given(flag)),
            (None, Format::RedisConf) => contents.add_foreign(&entry, command, problems),
            (None, Format::Toml) => problems.push(entry.unknown(command)),
        }
    }
    contents
}

impl Contents {
    /// A line of a redis.conf that is no setting here.
    fn add_foreign(&mut self, entry: &Entry, command: &Command, problems: &mut Vec<String>) {
        let value = entry.values.join(" ");
        match redis_conf::meaning(&entry.name, &value) {
            Some(Meaning::None) => self.without_meaning.push(entry.name.clone()),
            Some(Meaning::Refused(reason)) => {
                problems.push(format!("{}: `{} {value}`: {reason}", entry.source(), entry.name));
            }
            None => problems.push(entry.unknown(command)),
        }
    }
}

impl Entry {
    fn source(&self) -> Source {
        Source::File { path: self.path.clone(), line: self.line }
    }

    fn given(self, flag: String) -> Given {
        let source = self.source();
        Given { flag, values: self.values.into_iter().map(OsString::from).collect(), source }
    }

    fn unknown(&self, command: &Command) -> String {
        let Self { name, .. } = self;
        format!("{}: there is no setting `{name}`{}", self.source(), nearest(name, command))
    }
}

/// The flag that a name or an alias is of.
fn flag(name: &str, command: &Command) -> Option<String> {
    settings(command).find(|arg| flags::names(arg).any(|known| known == name))?.get_long().map(str::to_owned)
}

/// What a file can set.
fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.get_action().takes_values() && arg.get_long() != Some("config"))
}

/// The setting that may have been meant.
fn nearest(name: &str, command: &Command) -> String {
    let rated = settings(command).flat_map(flags::names).map(|known| (strsim::jaro_winkler(name, known), known));
    match rated.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((likeness, known)) if likeness > 0.8 => format!("; `{known}` is one"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_from_the_name_or_the_content() {
        let format = |name: &str, text| Format::of(Path::new(name), text);
        assert_eq!([format("a.toml", ""), format("a.conf", "a = 1")], [Format::Toml, Format::RedisConf]);
        assert_eq!([format("a", "# a\nport=1"), format("a", "\nport = 1")], [Format::Toml, Format::Toml]);
        assert_eq!([format("a", "port 1"), format("a", "save 1 = 2")], [Format::RedisConf, Format::RedisConf]);
    }
}
