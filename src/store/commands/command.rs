//! COMMAND: the descriptions of the commands.

use std::sync::LazyLock;

use kvstore_protocol::{Command, Response};

use crate::{
    catalog::{Catalog, CommandInfo},
    server,
    store::{
        args::Args,
        call::Call,
        command_table::{Row, rows},
        spec::{Answer, Spec},
    },
};

pub(super) const SPECS: &[Spec] = &[COMMAND];

/// `COMMAND`: every command, as COMMAND INFO describes it.
const COMMAND: Spec = Spec::new("COMMAND", all).with_subs(&[
    Spec::new("COUNT", count),
    Spec::new("LIST", list),
    Spec::new("INFO", info),
    Spec::new("DOCS", docs),
    Spec::new("GETKEYS", getkeys),
    Spec::new("GETKEYSANDFLAGS", getkeysandflags),
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
]);

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
    let mut commands: Vec<_> = rows().map(Row::info).collect();
    for command in server::connection_commands() {
        // CLIENT has sub-commands of both.
        match commands.iter_mut().find(|known| known.name() == command.name()) {
            Some(known) => known.add_subs_of(command),
            None => commands.push(command),
        }
    }
    Catalog::new(commands)
});

impl Row {
    /// Describes the command by its row in the catalog of the protocol.
    fn info(&self) -> CommandInfo {
        CommandInfo::from(self.known).subs(self.subs().iter().map(Self::info))
    }
}

fn all(_: &mut Call<'_>) -> Answer {
    Ok(CATALOG.all())
}

/// `COMMAND COUNT`: the number of commands.
fn count(_: &mut Call<'_>) -> Answer {
    Ok(CATALOG.count().into())
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`: their names.
fn list(call: &mut Call<'_>) -> Answer {
    CATALOG.list(&call.args().from(1).collect::<Vec<_>>())
}

/// `COMMAND INFO [name …]`: arity, flags, keys, categories; nil for an unknown command.
fn info(call: &mut Call<'_>) -> Answer {
    Ok(CATALOG.info(call.args().from(1)))
}

/// `COMMAND DOCS [name …]`: summary, version, group, complexity and arguments.
fn docs(call: &mut Call<'_>) -> Answer {
    Ok(CATALOG.docs(call.args().from(1)))
}

/// `COMMAND GETKEYS name [argument …]`: the keys of a command.
fn getkeys(call: &mut Call<'_>) -> Answer {
    Ok(Response::array(CATALOG.keys_of(&inner_command(&call.args()))?))
}

/// `COMMAND GETKEYSANDFLAGS name [argument …]`: the same, each with how it is accessed.
fn getkeysandflags(call: &mut Call<'_>) -> Answer {
    CATALOG.keys_and_flags_of(&inner_command(&call.args()))
}

/// The command that the arguments are.
fn inner_command(args: &Args<'_>) -> Command {
    Command::new(args.bytes(1)).with_args(args.from(2))
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use kvstore_protocol::catalog::{KeyFlags, KeySpec};

    use super::*;
    use crate::{catalog::Flags, store::testing::TestStore};

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

    /// The rows, including those of sub-commands, each with the name of its command.
    fn all_rows() -> impl Iterator<Item = (&'static str, &'static Row)> {
        rows().flat_map(|row| [row].into_iter().chain(row.subs()).map(|sub| (row.spec.name, sub)))
    }

    #[test]
    fn no_two_commands_share_a_name() {
        let mut names: Vec<_> = CATALOG.commands().iter().map(CommandInfo::name).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_command_either_reads_or_writes_its_keys() {
        let is_key = |spec: &KeySpec| !spec.flags().has(KeyFlags::NOT_KEY);
        // A script may do both.
        let excepted = ["watch", "eval", "evalsha", "fcall"];
        for (_, row) in all_rows().filter(|(_, row)| row.known.key_specs().iter().any(is_key)) {
            if excepted.contains(&&*row.name) {
                continue;
            }
            assert!(row.flags().has(Flags::READ) != row.flags().has(Flags::WRITE), "{}", row.name);
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
            ("COMMAND GETKEYS MIGRATE h 1 k 0 1", "-ERR Invalid command specified"),
            ("COMMAND GETKEYS XREAD STREAMS a 0", "[\"a\"]"),
            ("COMMAND GETKEYS NOSUCH x", "-ERR Invalid command specified"),
            ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"),
            ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command"),
        ]);
    }

    #[test]
    fn docs_have_what_the_catalog_of_the_protocol_has() {
        let setnx = "{\"setnx\": {\"summary\": \"Sets the string of a key only if the key is missing.\", \"since\": \"1.0.0\", \
                     \"group\": \"string\", \"complexity\": \"O(1)\", \"doc_flags\": {+deprecated}, \
                     \"deprecated_since\": \"2.6.12\", \"replaced_by\": \"`SET` with `NX`\", \"arguments\": \
                     [{\"name\": \"key\", \"type\": \"key\", \"display_text\": \"key\", \"key_spec_index\": :0}, \
                     {\"name\": \"value\", \"type\": \"string\", \"display_text\": \"value\"}]}}";
        TestStore::new().check([("COMMAND DOCS setnx nosuch", setnx)]);
    }

    #[test]
    fn every_command_has_docs() {
        for (_, row) in all_rows() {
            assert!(row.known.docs().is_some(), "{}", row.name);
        }
    }

    proptest! {
        #[test]
        fn no_arguments_make_a_command_panic(command in any::<Index>(), args in prop::collection::vec(word(), 0..6)) {
            let rows: Vec<_> = all_rows().collect();
            let (name, row) = *command.get(&rows);
            let store = TestStore::new();
            store.check([("MSET a 12 b text", "+OK"), ("EXPIRE a 10", ":1")]);
            let sub = (name != row.spec.name).then_some(row.spec.name);
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
