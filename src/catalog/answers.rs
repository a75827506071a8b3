//! The responses of COMMAND, in the format of Redis.

use kvstore_protocol::{Command, CommandError, Pattern, Response};

use super::{Catalog, CommandInfo, Flags};

/// The error of `COMMAND GETKEYS` for an unknown command.
pub(crate) const INVALID_COMMAND: &str = "Invalid command specified";

/// A command, with its parent if it is a sub-command.
#[derive(Clone, Copy)]
struct Listed<'a> {
    parent: Option<&'a CommandInfo>,
    info: &'a CommandInfo,
}

fn listed(catalog: &Catalog) -> impl Iterator<Item = Listed<'_>> {
    catalog.commands.iter().map(|info| Listed { parent: None, info })
}

/// Finds a command by its name: `get`, or `object|encoding` for a sub-command.
fn find<'a>(catalog: &'a Catalog, name: &[u8]) -> Option<Listed<'a>> {
    let (name, sub) = match name.iter().position(|byte| *byte == b'|') {
        Some(bar) => (&name[..bar], Some(&name[bar + 1..])),
        None => (name, None),
    };
    let command = listed(catalog).find(|listed| listed.info.is(name))?;
    let Some(sub) = sub else { return Some(command) };
    command.sub(sub)
}

impl<'a> Listed<'a> {
    fn subs(self) -> impl Iterator<Item = Self> + use<'a> {
        self.info.subs.iter().map(move |info| Self { parent: Some(self.info), info })
    }

    fn sub(self, name: &[u8]) -> Option<Self> {
        Some(Self { parent: Some(self.info), info: self.info.sub(name)? })
    }

    fn name(self) -> String {
        let name = self.info.name.to_lowercase();
        self.parent.map_or(name.clone(), |parent| format!("{}|{name}", parent.name.to_lowercase()))
    }

    fn info(self) -> Response {
        let CommandInfo { arity, keys, flags, .. } = self.info;
        let status = |name: &'static str| Response::simple(name);
        Response::Array(vec![
            self.name().into(),
            arity.as_redis().into(),
            Response::Set(flags.names().map(status).collect()),
            keys.first.into(),
            (keys.last as i64).into(),
            keys.step.into(),
            Response::Set(self.categories().map(|name| Response::simple(format!("@{name}"))).collect()),
            Response::Array(Vec::new()),
            Response::Array(self.key_specs()),
            Response::Array(self.subs().map(Self::info).collect()),
        ])
    }

    /// Returns the ACL categories.
    fn categories(self) -> impl Iterator<Item = &'a str> {
        let flags = self.info.flags;
        let kind = match &*self.info.group {
            "generic" => Some("keyspace"),
            "server" | "module" => None,
            group => Some(group),
        };
        let speed = if flags.has(Flags::FAST) { "fast" } else { "slow" };
        let flagged = [
            (Flags::WRITE, "write"),
            (Flags::READ, "read"),
            (Flags::ADMIN, "admin"),
            (Flags::ADMIN.and(Flags::DANGEROUS), "dangerous"),
        ];
        let flagged = flagged.into_iter().filter(move |(flag, _)| flags.has(*flag)).map(|(_, name)| name);
        kind.into_iter().chain(flagged).chain([speed])
    }

    fn key_specs(self) -> Vec<Response> {
        let CommandInfo { keys, flags, .. } = self.info;
        if keys.is_none() {
            return Vec::new();
        }
        // Redis counts the last key from the first one, but a negative number from the end.
        let last = if keys.last < 0 { keys.last as i64 } else { keys.last as i64 - keys.first as i64 };
        let range = [("lastkey", last.into()), ("keystep", keys.step.into()), ("limit", 0.into())];
        vec![map([
            ("flags", Response::Set(vec![Response::simple(access(*flags))])),
            ("begin_search", map([("type", "index".into()), ("spec", map([("index", keys.first.into())]))])),
            ("find_keys", map([("type", "range".into()), ("spec", map(range))])),
        ])]
    }

    fn docs(self) -> (Response, Response) {
        let CommandInfo { summary, since, group, .. } = self.info;
        let lines = [("summary", summary), ("since", since), ("group", group)];
        // Empty lines are left out.
        let lines = lines.into_iter().filter(|(_, text)| !text.is_empty());
        let mut docs: Vec<_> = lines.map(|(name, text)| (name, Response::from(&**text))).collect();
        if !self.info.subs.is_empty() {
            docs.push(("subcommands", Response::Map(self.subs().map(Self::docs).collect())));
        }
        (self.name().into(), map(docs))
    }
}

/// How a command accesses its keys: read-only (`RO`), or read and write (`RW`).
fn access(flags: Flags) -> &'static str {
    if flags.has(Flags::READ) { "RO" } else { "RW" }
}

fn map(pairs: impl IntoIterator<Item = (&'static str, Response)>) -> Response {
    Response::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

pub(super) fn all(catalog: &Catalog) -> Response {
    Response::array(listed(catalog).map(Listed::info))
}

pub(super) fn list(catalog: &Catalog, filter: &[&[u8]]) -> Result<Response, CommandError> {
    let lower;
    let is_meant: Box<dyn Fn(Listed<'_>) -> bool + '_> = match filter {
        [] => Box::new(|_| true),
        [by, kind, _] if is(by, "FILTERBY") && is(kind, "MODULE") => Box::new(|_| false),
        [by, kind, category] if is(by, "FILTERBY") && is(kind, "ACLCAT") => {
            Box::new(|listed| listed.categories().any(|name| is(category, name)))
        }
        [by, kind, pattern] if is(by, "FILTERBY") && is(kind, "PATTERN") => {
            lower = pattern.to_ascii_lowercase();
            let pattern = Pattern::new(&*lower);
            Box::new(move |listed| pattern.matches(listed.name().as_bytes()))
        }
        _ => return Err(CommandError::SYNTAX),
    };
    let with_subs = listed(catalog).flat_map(|command| {
        let subs = command.subs().filter(|_| !filter.is_empty());
        [command].into_iter().chain(subs)
    });
    Ok(Response::array(with_subs.filter(|listed| is_meant(*listed)).map(Listed::name)))
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

pub(super) fn info<'a>(catalog: &Catalog, names: impl ExactSizeIterator<Item = &'a [u8]>) -> Response {
    if names.len() == 0 {
        return all(catalog);
    }
    Response::array(names.map(|name| find(catalog, name).map_or(Response::Null, Listed::info)))
}

pub(super) fn docs<'a>(catalog: &Catalog, names: impl ExactSizeIterator<Item = &'a [u8]>) -> Response {
    Response::Map(match names.len() {
        0 => listed(catalog).map(Listed::docs).collect(),
        _ => names.filter_map(|name| find(catalog, name)).map(Listed::docs).collect(),
    })
}

/// Returns the description of a command that has keys.
pub(super) fn described<'a>(catalog: &'a Catalog, command: &Command) -> Result<&'a CommandInfo, CommandError> {
    let unknown = || CommandError::err(INVALID_COMMAND);
    let no_keys = || CommandError::err("The command has no key arguments");
    let found = listed(catalog).find(|listed| listed.info.is(command.name())).ok_or_else(unknown)?.info;
    let named = command.arg_at(0).and_then(|name| found.sub(name));
    let info = named.unwrap_or(found);
    // A command with sub-commands takes no other arguments.
    if named.is_none() && !found.subs.is_empty() && command.len() > 1 {
        return Err(unknown());
    }
    if info.keys.is_none() {
        return Err(no_keys());
    }
    if !info.arity.admits(command.len()) {
        return Err(CommandError::err("Invalid number of arguments specified for command"));
    }
    Ok(info)
}

pub(super) fn keys_and_flags(catalog: &Catalog, command: &Command) -> Result<Response, CommandError> {
    let info = described(catalog, command)?;
    let flags = || Response::Set(vec![Response::simple(access(info.flags))]);
    Ok(Response::array(info.keys.of(command).map(|key| Response::Array(vec![key.into(), flags()]))))
}
