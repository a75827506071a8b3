//! The responses of COMMAND, in the format of Redis.

use kvstore_protocol::{
    Command, CommandError, Pattern, Response,
    catalog::{BeginSearch, FindKeys, KeyRange, key_words},
};

use super::{Catalog, CommandInfo, Flags, KeyFlags, KeySpec, docs};

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
        let info = self.info;
        let specs = info.key_specs();
        let range = KeyRange::of(&specs);
        let movable = if range.is_movable() { Flags::MOVABLE_KEYS } else { Flags::PLAIN };
        let categories = info.categories().map(|name| format!("@{name}"));
        Response::Array(vec![
            self.name().into(),
            info.arity.as_redis().into(),
            statuses(info.flags.and(movable).names().map(str::to_owned)),
            range.first().into(),
            (range.last() as i64).into(),
            range.step().into(),
            statuses(categories),
            Response::Set(info.tips.iter().map(|tip| (&**tip).into()).collect()),
            Response::Set(specs.iter().map(key_spec).collect()),
            self.sub_infos(),
        ])
    }

    /// Redis has an empty set for a command without sub-commands.
    fn sub_infos(self) -> Response {
        match self.info.subs.is_empty() {
            true => Response::Set(Vec::new()),
            false => Response::array(self.subs().map(Self::info)),
        }
    }

    fn docs(self) -> (Response, Response) {
        let mut docs = docs::of(self.info);
        if !self.info.subs.is_empty() {
            docs.push(("subcommands", Response::Map(self.subs().map(Self::docs).collect())));
        }
        (self.name().into(), map(docs))
    }
}

fn key_spec(spec: &KeySpec) -> Response {
    map([
        ("flags", key_flags(spec.flags())),
        ("begin_search", begin_search(spec.begin_search())),
        ("find_keys", find_keys(spec.find_keys())),
    ])
}

fn begin_search(begin: BeginSearch) -> Response {
    match begin {
        BeginSearch::Index(index) => kind("index", &[("index", index as i64)]),
        BeginSearch::Keyword { keyword, from } => {
            let spec = map([("keyword", keyword.into()), ("startfrom", (from as i64).into())]);
            map([("type", "keyword".into()), ("spec", spec)])
        }
        _ => kind("unknown", &[]),
    }
}

fn find_keys(find: FindKeys) -> Response {
    let number = |number: usize| number as i64;
    match find {
        FindKeys::Range { last, step, limit } => {
            kind("range", &[("lastkey", last as i64), ("keystep", number(step)), ("limit", number(limit))])
        }
        FindKeys::Count { at, first, step } => {
            kind("keynum", &[("keynumidx", number(at)), ("firstkey", number(first)), ("keystep", number(step))])
        }
        _ => kind("unknown", &[]),
    }
}

/// A part of a key spec, with its numbers.
fn kind(name: &'static str, numbers: &[(&'static str, i64)]) -> Response {
    map([("type", name.into()), ("spec", map(numbers.iter().map(|(name, number)| (*name, (*number).into()))))])
}

fn key_flags(flags: KeyFlags) -> Response {
    statuses(flags.names().map(str::to_owned))
}

pub(super) fn statuses(names: impl Iterator<Item = String>) -> Response {
    Response::Set(names.map(Response::simple).collect())
}

pub(super) fn map(pairs: impl IntoIterator<Item = (&'static str, Response)>) -> Response {
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
            Box::new(|listed| listed.info.categories().any(|name| is(category, name)))
        }
        [by, kind, pattern] if is(by, "FILTERBY") && is(kind, "PATTERN") => {
            lower = pattern.to_ascii_lowercase();
            let pattern = Pattern::new(&*lower);
            Box::new(move |listed| pattern.matches(listed.name().as_bytes()))
        }
        _ => return Err(CommandError::SYNTAX),
    };
    let with_subs = listed(catalog).flat_map(|command| [command].into_iter().chain(command.subs()));
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
fn described<'a>(catalog: &'a Catalog, command: &Command) -> Result<&'a CommandInfo, CommandError> {
    let unknown = || CommandError::err(INVALID_COMMAND);
    let no_keys = || CommandError::err("The command has no key arguments");
    let found = listed(catalog).find(|listed| listed.info.is(command.name())).ok_or_else(unknown)?.info;
    let named = command.arg_at(0).and_then(|name| found.sub(name));
    let info = named.unwrap_or(found);
    // A command with sub-commands takes no other arguments.
    if named.is_none() && !found.subs.is_empty() && command.len() > 1 {
        return Err(unknown());
    }
    if info.keys.iter().all(|keys| keys.flags().has(KeyFlags::NOT_KEY)) {
        return Err(no_keys());
    }
    if !info.arity.admits(command.len()) {
        return Err(CommandError::err("Invalid number of arguments specified for command"));
    }
    Ok(info)
}

/// Returns the keys of a command, each with how it is accessed.
fn found<'a>(catalog: &Catalog, command: &'a Command) -> Result<Vec<(&'a [u8], KeyFlags)>, CommandError> {
    let info = described(catalog, command)?;
    let specs = info.key_specs();
    let words = key_words(&specs, command);
    let keys: Vec<_> = words.filter_map(|(word, flags)| Some((command.arg_at(word - 1)?, flags))).collect();
    if keys.is_empty() && !info.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(CommandError::err("Invalid arguments specified for command"));
    }
    Ok(keys)
}

pub(super) fn keys<'a>(catalog: &Catalog, command: &'a Command) -> Result<Vec<&'a [u8]>, CommandError> {
    Ok(found(catalog, command)?.into_iter().map(|(key, _)| key).collect())
}

pub(super) fn keys_and_flags(catalog: &Catalog, command: &Command) -> Result<Response, CommandError> {
    let keys = found(catalog, command)?.into_iter();
    Ok(Response::array(keys.map(|(key, flags)| Response::Array(vec![key.into(), key_flags(flags)]))))
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::catalog::{KnownCommand, commands};
    use proptest::prelude::*;

    use super::*;

    /// A catalog of all commands of Redis.
    fn redis() -> Catalog {
        fn described(known: &'static KnownCommand) -> CommandInfo {
            CommandInfo::from(known).subs(known.subcommands().iter().map(described))
        }
        Catalog::new(commands().iter().map(described))
    }

    fn command(line: &str) -> Command {
        let mut words = line.split(' ');
        Command::new(words.next().unwrap_or_default()).with_args(words)
    }

    /// The type and the numbers of a part of a key spec, in a word.
    fn parts(name: &str) -> Vec<String> {
        let Response::Array(mut fields) = redis().info([name.as_bytes()].into_iter()) else { panic!("an array") };
        let Some(Response::Array(fields)) = fields.pop() else { panic!("a description") };
        let Response::Set(specs) = &fields[8] else { panic!("a set") };
        let shown = specs.iter().map(Response::to_string);
        shown.map(|spec| spec.replace(['{', '}', '"', ':', '+', ','], "")).collect()
    }

    #[test]
    fn key_specs_of_every_kind_are_described() {
        assert_eq!(
            parts("xread"),
            ["flags RO access begin_search type keyword spec keyword STREAMS startfrom 1 \
              find_keys type range spec lastkey -1 keystep 1 limit 2"]
        );
        assert_eq!(
            parts("migrate")[1].split(" find_keys").next(),
            Some("flags RW access delete incomplete begin_search type keyword spec keyword KEYS startfrom -2")
        );
        assert_eq!(
            parts("msetex"),
            ["flags OW update begin_search type index spec index 1 \
              find_keys type keynum spec keynumidx 0 firstkey 1 keystep 2"]
        );
        assert_eq!(parts("sort")[1], "flags RO access begin_search type unknown spec  find_keys type unknown spec ");
        assert_eq!(parts("ping"), Vec::<String>::new());
    }

    #[test]
    fn the_first_fields_describe_the_keys_as_a_range() {
        for (name, expected) in [
            ("get", "movable: false 1 1 1"),
            ("mset", "movable: false 1 -1 2"),
            ("blpop", "movable: false 1 -2 1"),
            ("bitop", "movable: false 2 -1 1"),
            ("sdiffstore", "movable: false 1 -1 1"),
            ("zunionstore", "movable: true 1 1 1"),
            ("sort", "movable: true 1 1 1"),
            ("migrate", "movable: true 3 3 1"),
            ("eval", "movable: true 0 0 0"),
            ("object|encoding", "movable: false 2 2 1"),
            ("ping", "movable: false 0 0 0"),
        ] {
            let Response::Array(fields) = redis().info([name.as_bytes()].into_iter()) else { panic!("an array") };
            let Response::Array(fields) = &fields[0] else { panic!("a description") };
            let is_movable = fields[2].to_string().contains("movablekeys");
            let range: Vec<_> = fields[3..6].iter().map(|field| field.to_string().replace(':', "")).collect();
            assert_eq!(format!("movable: {is_movable} {}", range.join(" ")), expected, "{name}");
        }
    }

    #[test]
    fn keys_that_cannot_be_found_are_an_error() {
        let keys = |line: &str| match redis().keys_of(&command(line)) {
            Ok(keys) => format!("{} keys", keys.len()),
            Err(error) => error.to_string(),
        };
        assert_eq!(keys("ZUNIONSTORE to 3 a b"), "ERR Invalid arguments specified for command");
        assert_eq!(keys("LMPOP 9223372036854775807 a LEFT"), "ERR Invalid arguments specified for command");
        // A script may have no keys.
        assert_eq!(keys("EVAL script 0"), "0 keys");
        assert_eq!(keys("EVAL script x"), "0 keys");
        assert_eq!(keys("SPUBLISH a b"), "ERR The command has no key arguments");
    }

    proptest! {
        #[test]
        fn no_arguments_make_getkeys_panic(
            name in prop::sample::select(commands().iter().map(KnownCommand::name).collect::<Vec<_>>()),
            words in prop::collection::vec(prop_oneof!["[0-9]{1,20}", "STORE|KEYS|GET|STREAMS|USAGE", ".{0,4}"], 0..10),
        ) {
            let command = Command::new(name).with_args(words);
            if let (Ok(keys), Ok(Response::Array(flagged))) = (redis().keys_of(&command), redis().keys_and_flags_of(&command)) {
                prop_assert_eq!(keys.len(), flagged.len());
            }
        }
    }
}
