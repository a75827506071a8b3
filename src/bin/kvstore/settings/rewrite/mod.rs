//! CONFIG REWRITE: writes what has changed to the file of the settings.

mod redis_conf;
mod toml;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use clap::Command;

use super::{file::Format, flags};

/// The file that the settings came from, and what they were when it was read or written last.
#[derive(Debug)]
pub(crate) struct Rewriter {
    path: PathBuf,
    command: Command,
    known: Mutex<Vec<(String, String)>>,
}

/// A setting with a new value.
#[derive(Debug)]
struct Change<'a> {
    /// The name of the flag.
    flag: &'a str,
    /// The name that CONFIG has for it.
    name: &'a str,
    value: &'a str,
}

impl Rewriter {
    /// `path` is the file, and `parameters` are those that CONFIG GET shows after the start.
    pub(crate) fn new(path: PathBuf, parameters: Vec<(String, String)>) -> Self {
        Self { path, command: flags::command(), known: Mutex::new(parameters) }
    }

    /// Writes the parameters that have changed to the file. The rest of it stays as it is.
    ///
    /// # Errors
    /// If the file cannot be read or written. It is as it was then.
    pub(crate) fn rewrite(&self, parameters: &[(String, String)]) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = parameters.iter().filter(|parameter| !known.contains(parameter));
        let changes: Vec<_> = changed.filter_map(|(name, value)| self.change(name, value)).collect();
        if !changes.is_empty() {
            let text = fs::read_to_string(&self.path)?;
            replace_file(&self.path, &rewritten(&self.path, &text, &self.command, &changes)?)?;
        }
        *known = parameters.to_vec();
        Ok(())
    }

    fn change<'a>(&'a self, name: &'a str, value: &'a str) -> Option<Change<'a>> {
        let flag = flags::find(&self.command, name)?.get_long()?;
        Some(Change { flag, name, value })
    }
}

fn rewritten(path: &Path, text: &str, command: &Command, changes: &[Change<'_>]) -> io::Result<String> {
    match Format::of(path, text) {
        Format::RedisConf => Ok(redis_conf::rewritten(text, command, changes)),
        Format::Toml => toml::rewritten(text, command, changes).map_err(io::Error::other),
    }
}

/// Replaces a file as a whole: after a crash it is the old one or the new one.
fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    // Not the link to it.
    let path = fs::canonicalize(path)?;
    let mut name = path.clone().into_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = write_new(&temporary, &path, text).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        fs::remove_file(&temporary).ok();
    }
    written?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Writes a new file with the permissions of another.
fn write_new(path: &Path, like: &Path, text: &str) -> io::Result<()> {
    // It may have a password in it.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(fs::metadata(like)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_what_has_changed_since_the_last_time_is_written() {
        let path = std::env::temp_dir().join(format!("kvstore-rewrite-{}.conf", std::process::id()));
        fs::write(&path, "# mine\ntimeout 5m\n").unwrap();
        let rewriter = Rewriter::new(path.clone(), pairs(&[("timeout", "300"), ("maxclients", "7"), ("uptime", "1")]));
        let text_after = |parameters: &[(&str, &str)]| {
            rewriter.rewrite(&pairs(parameters)).unwrap();
            fs::read_to_string(&path).unwrap()
        };
        assert_eq!(text_after(&[("timeout", "300"), ("maxclients", "7"), ("uptime", "2")]), "# mine\ntimeout 5m\n");
        assert_eq!(text_after(&[("timeout", "1"), ("maxclients", "7")]), "# mine\ntimeout 1\n");
        assert_eq!(text_after(&[("timeout", "300"), ("maxclients", "7")]), "# mine\ntimeout 300\n");
        fs::remove_file(&path).unwrap();
        let error = rewriter.rewrite(&pairs(&[("timeout", "1")])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
