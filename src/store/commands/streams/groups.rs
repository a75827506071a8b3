//! XGROUP: the groups of a stream, and their consumers.

use kvstore_protocol::{CommandError, Response, parse_integer};

use super::{
    ids::{parse_any, parse_strict},
    no_group::no_group,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        Stream,
        stream::{Counters, Log},
    },
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::family(
    "XGROUP",
    &[
        Spec::new("CREATE", create),
        Spec::new("SETID", set_id),
        Spec::new("DESTROY", destroy),
        Spec::new("CREATECONSUMER", create_consumer),
        Spec::new("DELCONSUMER", delete_consumer),
        Spec::help(&[
            "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "CREATE <key> <groupname> <id|$> [option]",
            "    Create a new consumer group. Options are:",
            "    * MKSTREAM",
            "      Create the empty stream if it does not exist.",
            "    * ENTRIESREAD entries_read",
            "      Set the group's entries_read counter (internal use).",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Create a new consumer in the specified group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove the specified consumer.",
            "DESTROY <key> <groupname>",
            "    Remove the specified group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the current group ID and entries_read counter.",
        ]),
    ],
)];

const NO_KEY: CommandError = CommandError::new(
    "ERR",
    "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an \
     empty stream automatically.",
);
const BUSY: CommandError = CommandError::new("BUSYGROUP", "Consumer Group name already exists");

/// The options of CREATE and SETID.
#[derive(Debug, Default)]
struct GroupOptions {
    makes_stream: bool,
    entries_read: Option<i64>,
}

impl GroupOptions {
    fn parse(args: &Args<'_>, may_make_stream: bool) -> Result<Self, CommandError> {
        const NEGATIVE: CommandError = CommandError::new("ERR", "value for ENTRIESREAD must be positive or -1");
        let (mut parsed, mut options) = (Self::default(), args.options(4));
        loop {
            if may_make_stream && options.keyword("MKSTREAM") {
                parsed.makes_stream = true;
            } else if options.keyword("ENTRIESREAD") {
                let read = options.value().map_err(|_| syntax(args))?;
                parsed.entries_read = match parse_integer(read).ok_or(CommandError::NOT_AN_INTEGER)? {
                    -1 => None,
                    ..-1 => return Err(NEGATIVE),
                    read => Some(read),
                };
            } else {
                options.finish().map_err(|_| syntax(args))?;
                return Ok(parsed);
            }
        }
    }

    /// The number of entries that were read, which is no more than were ever added.
    fn entries_read(&self, counters: &Counters) -> Option<i64> {
        self.entries_read.map(|read| read.min(counters.added as i64))
    }
}

fn syntax(args: &Args<'_>) -> CommandError {
    let asked = args.bytes(0);
    let asked = String::from_utf8_lossy(&asked[..asked.len().min(128)]);
    CommandError::err(format!("unknown subcommand or wrong number of arguments for '{asked}'. Try XGROUP HELP."))
}

/// `XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]`: creates a group, which is given what is behind the
/// identifier.
fn create(call: &mut Call<'_>) -> Answer {
    let (args, options) = (call.args(), GroupOptions::parse(&call.args(), true)?);
    let log = call.find::<Stream>(0)?;
    if log.is_none() && !options.makes_stream {
        return Err(NO_KEY);
    }
    let counters = log.map(Log::counters).copied().unwrap_or_default();
    let id = if args.bytes(3) == b"$" { counters.last } else { parse_strict(args.bytes(3))? };
    let entries_read = options.entries_read(&counters);
    let mut stream = call.edit_or_create::<Stream>(0, Event::XGROUP_CREATE)?;
    if stream.update(|log| log.create_group(args.bytes(2), id, entries_read)) { Ok(Response::ok()) } else { Err(BUSY) }
}

/// `XGROUP SETID key group id | $ [ENTRIESREAD entries-read]`: sets what a group was given last.
fn set_id(call: &mut Call<'_>) -> Answer {
    let (args, options) = (call.args(), GroupOptions::parse(&call.args(), false)?);
    let number = find_group(call)?;
    let Some(mut stream) = call.edit::<Stream>(0, Event::XGROUP_SETID)? else { return Err(NO_KEY) };
    let counters = *stream.counters();
    let id = if args.bytes(3) == b"$" { counters.last } else { parse_any(args.bytes(3), 0)? };
    let entries_read = options.entries_read(&counters);
    stream.update(|log| log.edit_group(number, |group| (group.last_id, group.entries_read) = (id, entries_read)));
    Ok(Response::ok())
}

/// `XGROUP DESTROY key group`: removes a group. Answers whether there was one.
fn destroy(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let log = call.find::<Stream>(0)?;
    let pending = log.and_then(|log| Some(log.groups()[log.find_group(args.bytes(2))?].pending_count()));
    call.afford_elements(pending.unwrap_or(0))?;
    let Some(mut stream) = call.edit::<Stream>(0, Event::XGROUP_DESTROY)? else { return Err(NO_KEY) };
    Ok(stream.update(|log| log.remove_group(args.bytes(2))).into())
}

/// `XGROUP CREATECONSUMER key group consumer`: creates a consumer. Answers whether there was none.
fn create_consumer(call: &mut Call<'_>) -> Answer {
    let (number, name, now) = (find_group(call)?, call.args().bytes(3), call.now());
    let Some(mut stream) = call.edit::<Stream>(0, Event::XGROUP_CREATECONSUMER)? else { return Err(NO_KEY) };
    Ok(stream.update(|log| log.edit_group(number, |group| group.create_consumer(name, now))).into())
}

/// `XGROUP DELCONSUMER key group consumer`: removes a consumer. Answers how many entries were pending for it.
fn delete_consumer(call: &mut Call<'_>) -> Answer {
    let (number, name) = (find_group(call)?, call.args().bytes(3));
    let work = call.find::<Stream>(0)?.map_or(0, |log| log.groups()[number].work_of_removal(name));
    call.afford_elements(work)?;
    let Some(mut stream) = call.edit::<Stream>(0, Event::XGROUP_DELCONSUMER)? else { return Err(NO_KEY) };
    let pending = stream.update(|log| log.edit_group(number, |group| group.remove_consumer(name)));
    Ok(pending.unwrap_or(0).into())
}

/// The number of the group that the arguments name.
fn find_group(call: &Call<'_>) -> Result<usize, CommandError> {
    let (key, group) = (call.key_name(0), call.args().bytes(2));
    let log = call.find::<Stream>(0)?.ok_or(NO_KEY)?;
    log.find_group(group).ok_or_else(|| no_group(key, group))
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Response;

    use crate::store::testing::TestStore;

    #[test]
    fn a_group_is_created_once_and_destroyed() {
        const NO_KEY: &str = "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
            MKSTREAM option to create an empty stream automatically.";
        TestStore::new().check([
            ("XGROUP CREATE s g $", NO_KEY),
            ("XGROUP DESTROY s g", NO_KEY),
            ("XGROUP CREATE s g x MKSTREAM", "-ERR Invalid stream ID specified as stream command argument"),
            ("EXISTS s", ":0"),
            ("XGROUP CREATE s g $ MKSTREAM", "+OK"),
            ("XGROUP CREATE s g 0", "-BUSYGROUP Consumer Group name already exists"),
            ("XLEN s", ":0"),
            ("XGROUP CREATE s h 0 ENTRIESREAD -2", "-ERR value for ENTRIESREAD must be positive or -1"),
            (
                "XGROUP CREATE s h 0 FOO",
                "-ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.",
            ),
            (
                "XGROUP SETID s h 0 MKSTREAM",
                "-ERR unknown subcommand or wrong number of arguments for 'SETID'. Try XGROUP HELP.",
            ),
            ("XGROUP SETID s h 0", "-NOGROUP No such consumer group 'h' for key name 's'"),
            ("XGROUP SETID s g - ENTRIESREAD 5", "+OK"),
            ("XGROUP CREATECONSUMER s g c", ":1"),
            ("XGROUP CREATECONSUMER s g c", ":0"),
            ("XGROUP CREATECONSUMER s h c", "-NOGROUP No such consumer group 'h' for key name 's'"),
            ("XGROUP DELCONSUMER s g d", ":0"),
            ("XGROUP DELCONSUMER s g c", ":0"),
            ("XGROUP DESTROY s g", ":1"),
            ("XGROUP DESTROY s g", ":0"),
            ("XGROUP FOO s g", "-ERR unknown subcommand 'FOO'. Try XGROUP HELP."),
            ("SET k v", "+OK"),
            ("XGROUP CREATE k g 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }

    #[test]
    fn no_more_entries_were_read_than_were_added() {
        let store = TestStore::new();
        store.check([("XGROUP CREATE s g $ MKSTREAM ENTRIESREAD 13", "+OK"), ("XADD s 6 a 1", "\"6-0\"")]);
        let check = |read: &str| {
            let shown = store.answer("XINFO GROUPS s").to_string();
            assert!(shown.ends_with(&format!("\"entries-read\": {read}}}]")), "{shown}");
        };
        check(":0, \"lag\": :1");
        store.answer("XREADGROUP GROUP g c STREAMS s >");
        check(":1, \"lag\": :0");
        store.check([("XGROUP SETID s g 6 ENTRIESREAD 100", "+OK")]);
        check(":1, \"lag\": :0");
        store.check([("XADD s 7 a 1", "\"7-0\""), ("XADD s 8 a 1", "\"8-0\""), ("XADD s 9 a 1", "\"9-0\"")]);
        // The counter begins anew where entries were trimmed that the group was not given.
        store.check([("XTRIM s MAXLEN 1", ":3")]);
        store.answer("XREADGROUP GROUP g c STREAMS s >");
        check(":4, \"lag\": :0");
    }

    #[test]
    fn consumers_and_groups_that_were_removed_take_no_memory() {
        let store = TestStore::new();
        store.check([("XGROUP CREATE s g $ MKSTREAM", "+OK")]);
        let memory = || match store.answer("MEMORY USAGE s") {
            Response::Integer(bytes) => bytes,
            other => panic!("{other}"),
        };
        let before = memory();
        let all = |line: &str| (0..2000).for_each(|number| _ = store.answer(&format!("{line}{number}")));
        all("XGROUP CREATECONSUMER s g c");
        assert!(memory() > before + 100_000);
        all("XGROUP DELCONSUMER s g c");
        (0..2000).for_each(|number| _ = store.answer(&format!("XGROUP CREATE s g{number} 0")));
        assert!(memory() > before + 100_000);
        all("XGROUP DESTROY s g");
        assert!(memory() <= before);
    }

    #[test]
    fn what_is_pending_stays_with_its_consumer_when_most_consumers_are_removed() {
        let store = TestStore::new();
        store.check([("XADD s 1 a 1", "\"1-0\""), ("XADD s 2 a 2", "\"2-0\""), ("XGROUP CREATE s g 0", "+OK")]);
        for number in 0..100 {
            store.answer(&format!("XGROUP CREATECONSUMER s g c{number}"));
        }
        store.answer("XREADGROUP GROUP g c99 COUNT 1 STREAMS s >");
        store.answer("XREADGROUP GROUP g c50 COUNT 1 STREAMS s >");
        for number in (0..99).filter(|number| *number != 50) {
            store.answer(&format!("XGROUP DELCONSUMER s g c{number}"));
        }
        store.check([
            ("XPENDING s g", r#"[:2, "1-0", "2-0", [["c50", "1"], ["c99", "1"]]]"#),
            ("XPENDING s g - + 5 c99", r#"[["1-0", "c99", :0, :1]]"#),
            ("XGROUP CREATECONSUMER s g new", ":1"),
            ("XCLAIM s g new 0 1", r#"[["1-0", ["a", "1"]]]"#),
            ("XACK s g 2", ":1"),
            ("XPENDING s g", r#"[:1, "1-0", "1-0", [["new", "1"]]]"#),
            ("XGROUP DELCONSUMER s g new", ":1"),
            ("XPENDING s g", "[:0, (nil), (nil), (nil)]"),
        ]);
    }

    #[test]
    fn a_consumer_takes_what_is_pending_for_it_along() {
        TestStore::new().check([
            ("XADD s 1 a 1", "\"1-0\""),
            ("XADD s 2 a 1", "\"2-0\""),
            ("XGROUP CREATE s g 0", "+OK"),
            ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", r#"[["s", [["1-0", ["a", "1"]]]]]"#),
            ("XREADGROUP GROUP g d COUNT 1 STREAMS s >", r#"[["s", [["2-0", ["a", "1"]]]]]"#),
            ("XGROUP DELCONSUMER s g c", ":1"),
            ("XPENDING s g", r#"[:1, "2-0", "2-0", [["d", "1"]]]"#),
        ]);
    }
}
