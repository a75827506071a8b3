//! COMMAND: the descriptions of the commands.

use std::sync::LazyLock;

use kvstore_protocol::{
    Command, Response,
    catalog::{CommandId, KnownCommand},
};

use super::FAMILIES;
use crate::{
    catalog::{Catalog, CommandInfo},
    server,
    store::{
        args::Args,
        context::Context,
        spec::{Answer, Arity, PLAIN, Spec},
        state::StoreState,
    },
};

pub(super) const SPECS: &[Spec] = &[COMMAND];

/// `COMMAND`: every command, as COMMAND INFO describes it.
const COMMAND: Spec = Spec::family_or(
    "COMMAND",
    &[
        Spec::over_store("COUNT", Arity::exactly(2), PLAIN, count).about("Returns the number of commands.", "2.8.13"),
        Spec::over_store("LIST", Arity::at_least(2), PLAIN, list).about("Returns the names of the commands.", "7.0.0"),
        Spec::over_store("INFO", Arity::at_least(2), PLAIN, info)
            .about("Returns arity, flags and keys of commands.", "2.8.13"),
        Spec::over_store("DOCS", Arity::at_least(2), PLAIN, docs)
            .about("Returns the documentation of commands.", "7.0.0"),
        Spec::over_store("GETKEYS", Arity::at_least(3), PLAIN, getkeys)
            .about("Extracts the keys of a command.", "2.8.13"),
        Spec::over_store("GETKEYSANDFLAGS", Arity::at_least(3), PLAIN, getkeysandflags)
            .about("Extracts the keys of a command, and how it accesses them.", "7.0.0"),
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
.about("Returns arity, flags and keys of all commands.", "2.8.13");

/// Returns the catalog of every command that a client of a store can send, including the commands of the connection.
///
/// ```
/// let catalog = kvstore::store::catalog();
/// assert!(catalog.commands().iter().any(|command| command.name() == "GETDEL"));
/// ```
pub fn catalog() -> &'static Catalog {
    &CATALOG
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let specs = FAMILIES.iter().flat_map(|family| family.specs.iter().map(|spec| (spec, family.group)));
    let known = specs.filter_map(|(spec, group)| Some(spec.info(CommandId::of(spec.name.as_bytes()).known()?, group)));
    Catalog::new(known.chain(server::connection_commands()))
});

impl Spec {
    /// Describes the command by its row in the catalog of the protocol.
    fn info(&'static self, known: &'static KnownCommand, group: &'static str) -> CommandInfo {
        let subs = self.subs.iter().filter_map(|sub| Some(sub.info(known.subcommand(sub.name.as_bytes())?, group)));
        CommandInfo::from(known).group(group).summary(self.summary).since(self.since).subs(subs)
    }
}

fn all(_: &Context<'_>, _: &Args<'_>, _: &StoreState) -> Answer {
    Ok(CATALOG.all())
}

/// `COMMAND COUNT`: the number of commands.
fn count(_: &Context<'_>, _: &Args<'_>, _: &StoreState) -> Answer {
    Ok(CATALOG.count().into())
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`: their names.
fn list(_: &Context<'_>, args: &Args<'_>, _: &StoreState) -> Answer {
    CATALOG.list(&args.from(1).collect::<Vec<_>>())
}

/// `COMMAND INFO [name …]`: arity, flags, keys, categories; nil for an unknown command.
fn info(_: &Context<'_>, args: &Args<'_>, _: &StoreState) -> Answer {
    Ok(CATALOG.info(args.from(1)))
}

/// `COMMAND DOCS [name …]`: summary, version and group.
fn docs(_: &Context<'_>, args: &Args<'_>, _: &StoreState) -> Answer {
    Ok(CATALOG.docs(args.from(1)))
}

/// `COMMAND GETKEYS name [argument …]`: the keys of a command.
fn getkeys(_: &Context<'_>, args: &Args<'_>, _: &StoreState) -> Answer {
    Ok(Response::array(CATALOG.keys_of(&inner_command(args))?))
}

/// `COMMAND GETKEYSANDFLAGS name [argument …]`: the same, each with how it is accessed.
fn getkeysandflags(_: &Context<'_>, args: &Args<'_>, _: &StoreState) -> Answer {
    CATALOG.keys_and_flags_of(&inner_command(args))
}

/// The command that the arguments are.
fn inner_command(args: &Args<'_>) -> Command {
    Command::new(args.bytes(1)).with_args(args.from(2))
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::store::{
        spec::{DENY_OOM, FAST, READ, WRITE},
        testing::TestStore,
    };

    #[test]
    fn info_has_arity_flags_keys_and_tips() {
        TestStore::new().check([(
            "COMMAND INFO mget nosuch",
            "[[\"mget\", :-2, {+readonly, +fast}, :1, :-1, :1, {+@string, +@read, +@fast}, \
             {\"request_policy:multi_shard\"}, {{\"flags\": {+RO, +access}, \"begin_search\": {\"type\": \"index\", \
             \"spec\": {\"index\": :1}}, \"find_keys\": {\"type\": \"range\", \"spec\": {\"lastkey\": :-1, \
             \"keystep\": :1, \"limit\": :0}}}}, {}], (nil)]",
        )]);
    }

    #[test]
    fn the_list_has_every_command_and_those_of_the_connection() {
        let store = TestStore::new();
        let (Response::Array(names), Response::Array(all)) = (store.answer("COMMAND LIST"), store.answer("COMMAND"))
        else {
            panic!("arrays")
        };
        for name in ["get", "ping", "client", "client|id", "command", "object|encoding"] {
            assert!(names.contains(&name.into()), "{name}");
        }
        let commands = names.iter().filter(|name| name.as_bytes().is_some_and(|name| !name.contains(&b'|')));
        assert_eq!(store.answer("COMMAND COUNT"), commands.count().into());
        assert_eq!(store.answer("COMMAND COUNT"), all.len().into());
    }

    /// The specs, including those of sub-commands, each with the name of its command.
    fn specs() -> impl Iterator<Item = (&'static str, &'static Spec)> {
        let specs = FAMILIES.iter().flat_map(|family| family.specs);
        specs.flat_map(|spec| [spec].into_iter().chain(spec.subs).map(|spec| (spec.name, spec)))
    }

    #[test]
    fn no_two_commands_share_a_name() {
        let mut names: Vec<_> = CATALOG.commands().iter().map(CommandInfo::name).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_spec_agrees_with_the_catalog_of_the_protocol() {
        for (name, spec) in FAMILIES
            .iter()
            .flat_map(|family| family.specs)
            .flat_map(|spec| [spec].into_iter().chain(spec.subs).map(move |sub| (spec.name, sub)))
        {
            let command = Command::new(name).known().unwrap_or_else(|| panic!("{name} is in the catalog"));
            let known = if name == spec.name { Some(command) } else { command.subcommand(spec.name.as_bytes()) };
            let known = known.unwrap_or_else(|| panic!("{name} {} is in the catalog", spec.name));
            assert_eq!(spec.arity.as_redis(), known.arity().as_redis(), "{name} {}", spec.name);
            for flag in [READ, WRITE, DENY_OOM, FAST] {
                assert_eq!(spec.flags.has(flag), known.flags().has(flag), "{flag:?} of {name} {}", spec.name);
            }
            let words = spec.arity.least().max(8).min(spec.arity.most());
            let sub = (name != spec.name).then_some(spec.name);
            let call = Command::new(name)
                .with_args(sub)
                .with_args((1..words).skip(sub.iter().count()).map(|word| word.to_string()));
            let keys: Vec<_> = spec.keys.range.of(&call).collect();
            assert_eq!(keys, command.keys_of(&call).collect::<Vec<_>>(), "{name} {}", spec.name);
        }
    }

    #[test]
    fn every_command_either_reads_or_writes_its_keys() {
        for (_, spec) in specs().filter(|(_, spec)| !spec.keys.range.is_none()) {
            assert!(spec.flags.has(READ) != spec.flags.has(WRITE), "{}", spec.name);
        }
    }

    #[test]
    fn the_list_can_be_filtered() {
        TestStore::new().check([
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
        TestStore::new().check([
            ("COMMAND GETKEYS MSET a 1 b 2", "[\"a\", \"b\"]"),
            ("COMMAND GETKEYS OBJECT ENCODING k", "[\"k\"]"),
            ("COMMAND GETKEYSANDFLAGS COPY a b DB 3", "[[\"a\", {+RO, +access}], [\"b\", {+OW, +update}]]"),
            ("COMMAND GETKEYSANDFLAGS SET a b", "[[\"a\", {+OW, +update}]]"),
            ("COMMAND GETKEYSANDFLAGS SET a b EX 1 GET", "[[\"a\", {+RW, +access, +update}]]"),
            ("COMMAND GETKEYSANDFLAGS DEL a", "[[\"a\", {+RM, +delete}]]"),
            ("COMMAND GETKEYS OBJECT FOO k", "-ERR Invalid command specified"),
            ("COMMAND GETKEYS PING x", "-ERR The command has no key arguments"),
            // Known to the catalog of the protocol, and not to the store.
            ("COMMAND GETKEYS XREAD STREAMS a 0", "-ERR Invalid command specified"),
            ("COMMAND INFO xread", "[(nil)]"),
            ("COMMAND GETKEYS NOSUCH x", "-ERR Invalid command specified"),
            ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"),
            ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command"),
        ]);
    }

    #[test]
    fn docs_have_summary_version_and_group() {
        let docs =
            "{\"get\": {\"summary\": \"Returns the string of a key.\", \"since\": \"1.0.0\", \"group\": \"string\"}}";
        TestStore::new().check([("COMMAND DOCS get nosuch", docs)]);
    }

    #[test]
    fn every_command_has_a_summary_and_a_version() {
        for (_, spec) in specs() {
            assert!(!spec.summary.is_empty() && !spec.since.is_empty(), "{}", spec.name);
        }
    }

    proptest! {
        #[test]
        fn no_arguments_make_a_command_panic(command in any::<Index>(), args in prop::collection::vec(word(), 0..6)) {
            let specs: Vec<_> = specs().collect();
            let (name, spec) = *command.get(&specs);
            let store = TestStore::new();
            store.check([("MSET a 12 b text", "+OK"), ("EXPIRE a 10", ":1")]);
            let sub = (name != spec.name).then_some(spec.name);
            store.answer_to(Command::new(name).with_args(sub).with_args(args));
        }
    }

    /// Words that mean something to some command, numbers, and arbitrary bytes.
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
