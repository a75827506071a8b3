//! A file of settings: [`toml`](super::toml) or a [redis.conf](super::redis_conf).

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use clap::Command;

use super::{
    flags,
    given::{Given, Source},
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

/// Reads the settings of a file. What is wrong is added to `problems`.
pub(super) fn read(path: &Path, command: &Command, problems: &mut Vec<String>) -> Vec<Given> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(format!("cannot read {}: {error}", path.display()));
            return Vec::new();
        }
    };
    let entries = toml::read(path, &text, problems);
    entries.into_iter().filter_map(|entry| given(entry, command, problems)).collect()
}

fn given(entry: Entry, command: &Command, problems: &mut Vec<String>) -> Option<Given> {
    let Entry { name, values, path, line } = entry;
    let source = Source::File { path, line };
    match flags::find(command, &name).filter(|arg| arg.get_action().takes_values()).and_then(|arg| arg.get_long()) {
        Some(flag) if flag != "config" => {
            Some(Given { flag: flag.to_owned(), values: values.into_iter().map(OsString::from).collect(), source })
        }
        _ => {
            problems.push(format!("{source}: there is no setting `{name}`{}", nearest(&name, command)));
            None
        }
    }
}

/// The setting that may have been meant.
fn nearest(name: &str, command: &Command) -> String {
    let known = command.get_arguments().filter(|arg| arg.get_action().takes_values()).flat_map(flags::names);
    let rated = known.map(|known| (strsim::jaro_winkler(name, known), known));
    match rated.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((likeness, known)) if likeness > 0.8 => format!("; `{known}` is one"),
        _ => String::new(),
    }
}
