//! COMMAND: what the rows of the commands say about them.

use kvstore_protocol::{Command, CommandError, Response};

use super::{FAMILIES, Family, connection};
use crate::store::{
    Shared,
    args::Args,
    context::Context,
    glob::Pattern,
    spec::{ADMIN, Answer, Arity, DANGEROUS, FAST, PLAIN, READ, Run, Spec, WRITE},
};

pub(super) const SPECS: &[Spec] = &[COMMAND];

/// `COMMAND`: every command, with what INFO tells of it.
const COMMAND: Spec = Spec::family_or(
    "COMMAND",
    &[
        Spec::over_store("COUNT", Arity::exactly(2), PLAIN, count).about("Counts the commands.", "2.8.13"),
        Spec::over_store("LIST", Arity::at_least(2), PLAIN, list).about("Returns the names of the commands.", "7.0.0"),
        Spec::over_store("INFO", Arity::at_least(2), PLAIN, info)
            .about("Tells arity, flags and keys of commands.", "2.8.13"),
        Spec::over_store("DOCS", Arity::at_least(2), PLAIN, docs).about("Tells what commands are for.", "7.0.0"),
        Spec::over_store("GETKEYS", Arity::at_least(3), PLAIN, getkeys)
            .about("Returns the keys in a command.", "2.8.13"),
        Spec::over_store("GETKEYSANDFLAGS", Arity::at_least(3), PLAIN, getkeysandflags)
            .about("Returns the keys in a command, and how they are used.", "7.0.0"),
        Spec::help(&[
            "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "(no subcommand)",
            "    Return details about all Redis commands.",
            "COUNT",
            "    Return the total number of commands in this Redis server.",
            "LIST",
            "    Return a list of all commands in this Redis server.",
            "INFO [<command-name> ...]",
            "    Return details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "DOCS [<command-name> ...]",
            "    Return documentation details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "GETKEYS <full-command>",
            "    Return the keys from a full Redis command.",
            "GETKEYSANDFLAGS <full-command>",
            "    Return the keys and the access flags from a full Redis command.",
        ]),
    ],
    PLAIN,
    all,
)
.about("Tells of every command.", "2.8.13");

/// A row, and where it stands.
#[derive(Clone, Copy, Debug)]
struct Listed {
    group: &'static str,
    /// The command that it is a sub-command of.
    parent: Option<&'static str>,
    spec: &'static Spec,
}

static CONNECTION: Family = Family { group: "connection", specs: connection::SPECS };

/// Every command that a client can send, those of the transport included.
fn listed() -> impl Iterator<Item = Listed> {
    let families = FAMILIES.iter().chain([&CONNECTION]);
    families.flat_map(|Family { group, specs }| specs.iter().map(|spec| Listed { group, parent: None, spec }))
}

impl Listed {
    /// `get`, or `object|encoding` for a sub-command.
    fn find(name: &[u8]) -> Option<Self> {
        let (name, sub) = match name.iter().position(|byte| *byte == b'|') {
            Some(bar) => (&name[..bar], Some(&name[bar + 1..])),
            None => (name, None),
        };
        let command = listed().find(|listed| listed.spec.name.as_bytes().eq_ignore_ascii_case(name))?;
        let Some(sub) = sub else { return Some(command) };
        command.subs().find(|listed| listed.spec.name.as_bytes().eq_ignore_ascii_case(sub))
    }

    fn subs(self) -> impl Iterator<Item = Self> {
        let parent = Some(self.spec.name);
        self.spec.subs.iter().map(move |spec| Self { parent, spec, ..self })
    }

    fn name(self) -> String {
        let name = self.spec.name.to_lowercase();
        self.parent.map_or(name.clone(), |parent| format!("{}|{name}", parent.to_lowercase()))
    }

    fn info(self) -> Response {
        let Spec { arity, keys, flags, .. } = self.spec;
        let status = |name: &'static str| Response::simple(name);
        Response::Array(vec![
            self.name().into(),
            arity.as_redis().into(),
            Response::Set(flags.names().map(status).collect()),
            keys.first.into(),
            (keys.last as i64).into(),
            keys.step.into(),
            Response::Set(self.categories().into_iter().map(|name| Response::simple(format!("@{name}"))).collect()),
            Response::Array(Vec::new()),
            Response::Array(self.key_specs()),
            Response::Array(self.subs().map(Self::info).collect()),
        ])
    }

    /// The categories of ACL.
    fn categories(self) -> Vec<&'static str> {
        let flags = self.spec.flags;
        let kind = match self.group {
            "generic" => Some("keyspace"),
            "server" => None,
            group => Some(group),
        };
        let speed = if flags.has(FAST) { "fast" } else { "slow" };
        let flagged = [(WRITE, "write"), (READ, "read"), (ADMIN, "admin"), (ADMIN.and(DANGEROUS), "dangerous")];
        let flagged = flagged.into_iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, name)| name);
        kind.into_iter().chain(flagged).chain([speed]).collect()
    }

    fn key_specs(self) -> Vec<Response> {
        let Spec { keys, flags, .. } = self.spec;
        if keys.first == 0 {
            return Vec::new();
        }
        // Redis counts from the first key on, but from the end where it goes to the end.
        let last = if keys.last < 0 { keys.last as i64 } else { keys.last as i64 - keys.first as i64 };
        let range = [("lastkey", last.into()), ("keystep", keys.step.into()), ("limit", 0.into())];
        vec![map([
            ("flags", Response::Set(vec![Response::simple(access(flags.has(WRITE)))])),
            ("begin_search", map([("type", "index".into()), ("spec", map([("index", keys.first.into())]))])),
            ("find_keys", map([("type", "range".into()), ("spec", map(range))])),
        ])]
    }

    fn docs(self) -> (Response, Response) {
        let Spec { summary, since, .. } = *self.spec;
        let lines = [("summary", summary), ("since", since), ("group", self.group)];
        let mut docs = lines.map(|(name, text)| (name, Response::from(text))).to_vec();
        if !self.spec.subs.is_empty() {
            docs.push(("subcommands", Response::Map(self.subs().map(Self::docs).collect())));
        }
        (self.name().into(), map(docs))
    }
}

/// How a command uses its keys: it reads them, or may do both.
fn access(writes: bool) -> &'static str {
    if writes { "RW" } else { "RO" }
}

fn map(pairs: impl IntoIterator<Item = (&'static str, Response)>) -> Response {
    Response::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

fn all(_: &Context<'_>, _: &Args<'_>, _: &Shared) -> Answer {
    Ok(Response::array(listed().map(Listed::info)))
}

/// `COMMAND COUNT`: how many there are.
fn count(_: &Context<'_>, _: &Args<'_>, _: &Shared) -> Answer {
    Ok(listed().count().into())
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`: their names.
fn list(_: &Context<'_>, args: &Args<'_>, _: &Shared) -> Answer {
    let (value, is_filtered) = (args.bytes(3), args.len() == 4 && args.is(1, "FILTERBY"));
    let lower = value.to_ascii_lowercase();
    let is_meant: Box<dyn Fn(Listed) -> bool> = match args.len() {
        1 => Box::new(|_| true),
        4 if is_filtered && args.is(2, "MODULE") => Box::new(|_| false),
        4 if is_filtered && args.is(2, "ACLCAT") => {
            let is_named = move |name: &&str| name.as_bytes().eq_ignore_ascii_case(value);
            Box::new(move |listed| listed.categories().iter().any(is_named))
        }
        4 if is_filtered && args.is(2, "PATTERN") => {
            let pattern = Pattern::new(&lower);
            Box::new(move |listed| pattern.matches(listed.name().as_bytes()))
        }
        _ => return Err(CommandError::SYNTAX),
    };
    let with_subs = listed().flat_map(|command| [command].into_iter().chain(command.subs().filter(|_| is_filtered)));
    Ok(Response::array(with_subs.filter(|listed| is_meant(*listed)).map(Listed::name)))
}

/// `COMMAND INFO [name …]`: arity, flags, keys, categories; nil for a name that is none.
fn info(context: &Context<'_>, args: &Args<'_>, store: &Shared) -> Answer {
    if args.len() == 1 {
        return all(context, args, store);
    }
    Ok(Response::array(args.from(1).map(|name| Listed::find(name).map_or(Response::Null, Listed::info))))
}

/// `COMMAND DOCS [name …]`: what is known of commands beside that.
fn docs(_: &Context<'_>, args: &Args<'_>, _: &Shared) -> Answer {
    let docs = if args.len() == 1 {
        listed().map(Listed::docs).collect()
    } else {
        args.from(1).filter_map(Listed::find).map(Listed::docs).collect()
    };
    Ok(Response::Map(docs))
}

/// `COMMAND GETKEYS name [argument …]`: the keys of a command.
fn getkeys(_: &Context<'_>, args: &Args<'_>, _: &Shared) -> Answer {
    let (_, keys) = keys_of(args)?;
    Ok(Response::array(keys))
}

/// `COMMAND GETKEYSANDFLAGS name [argument …]`: the same, each with how it is used.
fn getkeysandflags(_: &Context<'_>, args: &Args<'_>, _: &Shared) -> Answer {
    let (spec, keys) = keys_of(args)?;
    let flags = || Response::Set(vec![Response::simple(access(spec.flags.has(WRITE)))]);
    Ok(Response::array(keys.into_iter().map(|key| Response::Array(vec![key, flags()]))))
}

fn keys_of(args: &Args<'_>) -> Result<(&'static Spec, Vec<Response>), CommandError> {
    let unknown = || CommandError::err("Invalid command specified");
    let command = Command::new(args.bytes(1)).with_args(args.from(2));
    let found = Listed::find(command.name()).filter(|_| !command.name().contains(&b'|')).ok_or_else(unknown)?;
    let spec = match found.spec.resolve(&command) {
        Ok(spec) => spec,
        Err(_) if matches!(found.spec.run, Run::Subs) => return Err(unknown()),
        Err(_) if found.spec.keys.first == 0 => return Err(no_keys()),
        Err(_) => return Err(CommandError::err("Invalid number of arguments specified for command")),
    };
    if spec.keys.first == 0 {
        return Err(no_keys());
    }
    let keys = spec.keys.of(&command, 0).map(|key| key.name.into()).collect();
    Ok((spec, keys))
}

fn no_keys() -> CommandError {
    CommandError::err("The command has no key arguments")
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::store::testing::Bench;

    #[test]
    fn info_tells_arity_flags_and_keys() {
        Bench::new().check([(
            "COMMAND INFO mget nosuch",
            "[[\"mget\", :-2, {+readonly, +fast}, :1, :-1, :1, {+@string, +@read, +@fast}, [], [{\"flags\": {+RO}, \
             \"begin_search\": {\"type\": \"index\", \"spec\": {\"index\": :1}}, \"find_keys\": {\"type\": \"range\", \
             \"spec\": {\"lastkey\": :-1, \"keystep\": :1, \"limit\": :0}}}], []], (nil)]",
        )]);
    }

    #[test]
    fn the_list_has_every_command_and_those_of_the_transport() {
        let bench = Bench::new();
        let (Response::Array(names), Response::Array(all)) = (bench.answer("COMMAND LIST"), bench.answer("COMMAND"))
        else {
            panic!("arrays")
        };
        for name in ["get", "ping", "client", "command", "object"] {
            assert!(names.contains(&name.into()), "{name}");
        }
        assert_eq!(bench.answer("COMMAND COUNT"), names.len().into());
        assert_eq!(all.len(), names.len());
    }

    #[test]
    fn no_two_commands_share_a_name() {
        let mut names: Vec<_> = listed().map(Listed::name).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_command_either_reads_or_writes_its_keys() {
        let with_subs = listed().flat_map(|command| [command].into_iter().chain(command.subs()));
        for command in with_subs.filter(|command| command.spec.keys.first > 0) {
            let flags = command.spec.flags;
            assert!(flags.has(READ) != flags.has(WRITE), "{}", command.name());
        }
    }

    #[test]
    fn the_list_can_be_filtered() {
        Bench::new().check([
            ("COMMAND LIST FILTERBY PATTERN GETR*", "[\"getrange\"]"),
            ("COMMAND LIST FILTERBY PATTERN object|e*", "[\"object|encoding\"]"),
            ("COMMAND LIST FILTERBY MODULE x", "[]"),
            ("COMMAND LIST FILTERBY ACLCAT nosuch", "[]"),
            ("COMMAND LIST FILTERBY FOO x", "-ERR syntax error"),
            ("COMMAND LIST FOO", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn keys_are_found_in_a_command() {
        Bench::new().check([
            ("COMMAND GETKEYS MSET a 1 b 2", "[\"a\", \"b\"]"),
            ("COMMAND GETKEYS OBJECT ENCODING k", "[\"k\"]"),
            ("COMMAND GETKEYSANDFLAGS COPY a b DB 3", "[[\"a\", {+RW}], [\"b\", {+RW}]]"),
            ("COMMAND GETKEYS PING x", "-ERR The command has no key arguments"),
            ("COMMAND GETKEYS NOSUCH x", "-ERR Invalid command specified"),
            ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"),
            ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command"),
        ]);
    }

    #[test]
    fn docs_tell_what_a_command_is_for() {
        let docs =
            "{\"get\": {\"summary\": \"Returns the string of a key.\", \"since\": \"1.0.0\", \"group\": \"string\"}}";
        Bench::new().check([("COMMAND DOCS get nosuch", docs)]);
    }

    #[test]
    fn every_command_says_what_it_is_for_and_since_when() {
        for command in listed().flat_map(|command| [command].into_iter().chain(command.subs())) {
            let Spec { summary, since, .. } = command.spec;
            assert!(!summary.is_empty() && !since.is_empty(), "{}", command.name());
        }
    }

    proptest! {
        #[test]
        fn no_arguments_make_a_command_panic(command in any::<Index>(), args in prop::collection::vec(word(), 0..6)) {
            let rows: Vec<_> = listed().flat_map(|command| [command].into_iter().chain(command.subs())).collect();
            let row = command.get(&rows);
            let bench = Bench::new();
            bench.check([("MSET a 12 b text", "+OK"), ("EXPIRE a 10", ":1")]);
            let name = Command::new(row.parent.unwrap_or(row.spec.name));
            bench.answer_to(name.with_args(row.parent.map(|_| row.spec.name)).with_args(args));
        }
    }

    /// What means something to some command.
    fn word() -> impl Strategy<Value = Vec<u8>> {
        let words = "a b missing NX XX GET GT LT EX PX EXAT PXAT KEEPTTL PERSIST MATCH COUNT TYPE DB REPLACE FILTERBY ACLCAT \
                     PATTERN set get|x object|encoding * [a- [^ \\ a*a*b 0 1 -1 15 16 1.5 inf nan 1e4932 1e-4951";
        let words: Vec<_> = words.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let number = prop_oneof![any::<i64>(), Just(i64::MAX), Just(i64::MIN), Just(i64::MAX / 1000), -100..100_i64];
        prop_oneof![
            4 => prop::sample::select(words),
            2 => number.prop_map(|number| number.to_string().into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..12),
        ]
    }
}
