//! `--check`: what is set, from where, and what is wrong.

use std::fmt::Write;

use super::{Settings, Sources, given::Given, obstacles::obstacles};

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
