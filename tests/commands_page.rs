//! `COMMANDS.md`: the page of all commands, written from the catalog.

use std::{collections::BTreeSet, env, fs};

use kvstore::{
    protocol::{
        Response,
        catalog::{CommandDocs, KnownCommand, commands},
    },
    store,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/COMMANDS.md");

const INTRODUCTION: &str = "\
# Commands

The commands that the server answers. `help` in redis-cli shows the same, from `COMMAND DOCS`. *Since* is the version of
Redis or Valkey that introduced a command. There is no cluster mode: the commands of the group *cluster* answer that.

This page is written from the catalog in `protocol/src/catalog/`, by `UPDATE_COMMANDS=1 cargo test --test main commands_page`.
";

#[test]
fn the_page_lists_what_the_catalog_has() {
    let page = page();
    if env::var_os("UPDATE_COMMANDS").is_some() {
        fs::write(PAGE, &page).expect("the page can be written");
    }
    let written = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(written == page, "COMMANDS.md is stale: run the test with UPDATE_COMMANDS=1");
}

fn page() -> String {
    let (present, missing): (Vec<_>, Vec<_>) = all().partition(|known| names().contains(&listed_name(known)));
    let groups: BTreeSet<_> = present.iter().map(|known| known.group_name()).collect();
    let sections = groups.into_iter().map(|group| section(group, &present));
    let missing: Vec<_> = missing.iter().map(|known| format!("`{}`", known.full_name())).collect();
    let missing = format!("\n## Not there yet\n\n{}\n", missing.join(", "));
    [INTRODUCTION.to_owned()].into_iter().chain(sections).chain([missing]).collect()
}

/// All commands of the catalog, with their sub-commands behind them.
fn all() -> impl Iterator<Item = &'static KnownCommand> {
    commands().iter().flat_map(|known| [known].into_iter().chain(known.subcommands()))
}

/// The names of the commands of the server, as `COMMAND LIST` has them.
fn names() -> BTreeSet<String> {
    let Ok(Response::Array(names)) = store::catalog().list(&[]) else { panic!("an array") };
    names.iter().filter_map(|name| String::from_utf8(name.as_bytes()?.to_vec()).ok()).collect()
}

fn listed_name(known: &KnownCommand) -> String {
    known.full_name().to_lowercase().replace(' ', "|")
}

fn section(group: &str, present: &[&'static KnownCommand]) -> String {
    let of_group = present.iter().filter(|known| known.group_name() == group);
    let rows: String = of_group.filter_map(|known| known.docs()).map(row).collect();
    format!("\n## {group}\n\n| Command | Summary | Since | Complexity |\n|---|---|---|---|\n{rows}")
}

fn row(docs: &CommandDocs) -> String {
    let usage = docs.usage().replace('|', "\\|");
    format!("| `{usage}` | {} | {} | {} |\n", docs.summary(), docs.since(), docs.complexity())
}
