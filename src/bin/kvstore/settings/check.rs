//! `--check`: what is set, from where, and what is wrong. Nothing is bound, created or changed.

use std::{fmt::Write, fs, net::ToSocketAddrs, os::unix::fs::FileTypeExt, path::Path};

use super::{Flags, Port, Settings, Sources, given::Given};
use crate::tls::Tls;

/// What `--check` prints.
#[derive(Debug)]
pub(crate) struct Report {
    text: String,
    pub(crate) is_well: bool,
}

impl Report {
    pub(super) fn new(sources: Sources) -> Self {
        let mut text = set(&sources);
        let (notices, problems) = match sources.settings() {
            Ok(Settings { flags, notices, .. }) => (notices, obstacles(&flags)),
            Err(problems) => (Vec::new(), problems),
        };
        notices.iter().for_each(|notice| line(&mut text, &format!("note: {notice}")));
        problems.iter().for_each(|problem| line(&mut text, &format!("wrong: {problem}")));
        if problems.is_empty() {
            line(&mut text, "all is well");
        }
        Self { text, is_well: problems.is_empty() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// A line for each setting that is given, and its place; those that another place overrides, too.
fn set(sources: &Sources) -> String {
    let effective: Vec<_> = sources.effective().collect();
    let mut text = String::new();
    for given in &sources.given {
        let holds = effective.iter().any(|other| std::ptr::eq(*other, given));
        let Given { flag, source, .. } = given;
        let overridden = if holds { "" } else { ", overridden" };
        let _ = writeln!(text, "{flag} = {}  ({source}{overridden})", given.shown());
    }
    line(&mut text, "all other settings have their defaults, which --help names");
    text
}

/// What would keep the server from starting on this machine.
fn obstacles(flags: &Flags) -> Vec<String> {
    let mut found = Vec::new();
    let mut wrong = |is_wrong: bool, text: String| {
        if is_wrong {
            found.push(text)
        }
    };
    if let Some(path) = flags.unixsocket() {
        let is_other = fs::symlink_metadata(path).is_ok_and(|file| !file.file_type().is_socket());
        wrong(is_other, format!("unixsocket: {} is no socket, and is not replaced", path.display()));
    }
    if let Some(path) = &flags.import {
        wrong(!path.exists(), format!("import: there is no {}", path.display()));
    }
    let is_directory = |path: &Path| !path.exists() || path.is_dir();
    wrong(!is_directory(&flags.dir), format!("dir: {} is no directory", flags.dir.display()));
    for address in flags.bind.iter().filter(|address| !address.starts_with(['-', '*']) && !address.is_empty()) {
        let is_known = *address == "::*" || (&**address, 0).to_socket_addrs().is_ok();
        wrong(!is_known, format!("bind: {address} is no address, and no name of one"));
    }
    let tls = Tls::new(&flags.tls);
    let listens = matches!(flags.port, Port(Some(_))) || flags.unixsocket().is_some() || !matches!(tls, Ok(None));
    if let Err(problem) = tls {
        wrong(true, problem);
    }
    wrong(!listens, "port, tls-port, unixsocket: there is no address to listen on".to_owned());
    found
}
