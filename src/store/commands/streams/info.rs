//! XINFO: what is known of a stream, its groups and their consumers.

use kvstore_protocol::{CommandError, Packed, Response, parse_integer};

use super::{no_group::no_group, range::ENTRY, reply::id_text, reply::push_entry};
use crate::store::{
    args::Args,
    call::Call,
    spec::{Answer, Spec},
    value::{
        Stream, StreamId,
        stream::{Consumer, Entry, Group, Log},
    },
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::family(
    "XINFO",
    &[
        Spec::new("STREAM", stream),
        Spec::new("GROUPS", groups),
        Spec::new("CONSUMERS", consumers),
        Spec::help(&[
            "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "CONSUMERS <key> <groupname>",
            "    Show consumers of <groupname>.",
            "GROUPS <key>",
            "    Show the stream consumer groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Show information about the stream.",
        ]),
    ],
)];

const NO_KEY: CommandError = CommandError::new("ERR", "no such key");

/// How many entries are shown of each kind, if that is not given.
const DEFAULT_COUNT: usize = 10;

/// Names with what belongs to them.
type Facts = Vec<(Response, Response)>;

fn map<const N: usize>(facts: [(&str, Response); N]) -> Facts {
    facts.into_iter().map(|(name, fact)| (name.into(), fact)).collect()
}

/// `XINFO STREAM key [FULL [COUNT count]]`: the stream, and with FULL its groups and what is pending.
fn stream(call: &mut Call<'_>) -> Answer {
    // That there is no stream is told before what is wrong with the options.
    let (full, work) = match call.find::<Stream>(0)? {
        None => (None, 0),
        Some(log) => {
            let full = parse_full(&call.args())?;
            (full, full.map_or(0, |most| work_of_full(log, most)))
        }
    };
    call.afford_elements(work)?;
    if let Some(most) = full {
        let length = call.find::<Stream>(0)?.map_or(0, |log| log.len());
        call.afford_part(0, (most, length), ENTRY)?;
    }
    let none = call.bounded(Packed::array());
    let log = call.get::<Stream>(0)?.ok_or(NO_KEY)?;
    let mut facts = counters(log);
    match full {
        None => {
            let groups = ("groups".into(), log.groups().len().into());
            facts.extend([groups, ("first-entry".into(), end(log, false)), ("last-entry".into(), end(log, true))]);
        }
        Some(most) => {
            let groups = log.groups().iter().map(|group| Response::Map(full_group(log, group, most, &none))).collect();
            facts.extend([
                ("entries".into(), entries(log, most, none.clone())),
                ("groups".into(), Response::Array(groups)),
            ]);
        }
    }
    Ok(Response::Map(facts))
}

/// About how many elements FULL visits. What is pending is shown for its group, and for its consumer.
fn work_of_full(log: &Log, most: usize) -> usize {
    let of_group = |group: &Group| {
        let consumers = group.consumer_count();
        let pending = group.pending_count();
        pending.min(most).saturating_add(pending.min(most.saturating_mul(consumers))).saturating_add(consumers)
    };
    let parts = log.groups().iter().map(|group| of_group(group).saturating_add(1));
    parts.fold(log.len().min(most), usize::saturating_add).saturating_mul(ENTRY)
}

/// The most entries of each kind that FULL shows; `None` without FULL.
fn parse_full(args: &Args<'_>) -> Result<Option<usize>, CommandError> {
    let syntax = || {
        let asked = args.bytes(0);
        let asked = String::from_utf8_lossy(&asked[..asked.len().min(128)]);
        CommandError::err(format!("unknown subcommand or wrong number of arguments for '{asked}'. Try XINFO HELP."))
    };
    match args.len() {
        2 => Ok(None),
        3 if args.is(2, "FULL") => Ok(Some(DEFAULT_COUNT)),
        5 if args.is(2, "FULL") && args.is(3, "COUNT") => {
            let count = parse_integer(args.bytes(4)).ok_or(CommandError::NOT_AN_INTEGER)?;
            Ok(Some(match count {
                ..0 => DEFAULT_COUNT,
                0 => usize::MAX,
                count => count as usize,
            }))
        }
        _ => Err(syntax()),
    }
}

fn counters(log: &Log) -> Facts {
    let counters = log.counters();
    map([
        ("length", log.len().into()),
        ("radix-tree-keys", log.node_count().into()),
        // There is no such tree: this is the number that one with a key would have.
        ("radix-tree-nodes", (log.node_count() + 1).into()),
        ("last-generated-id", id_text(counters.last)),
        ("max-deleted-entry-id", id_text(counters.max_deleted)),
        ("entries-added", counters.added.into()),
        ("recorded-first-entry-id", id_text(counters.first)),
    ])
}

/// The first entry or the last one.
fn end(log: &Log, is_last: bool) -> Response {
    let mut found = Response::Null;
    let visit = |entry: Entry<'_>| {
        let mut pairs = Packed::array();
        entry.for_each(|field, value| {
            pairs.push(&field.text());
            pairs.push(&value.text());
        });
        found = Response::Array(vec![id_text(entry.id()), pairs.into()]);
        false
    };
    match is_last {
        true => log.visit_back(StreamId::MIN, StreamId::MAX, visit),
        false => log.visit(StreamId::MIN, StreamId::MAX, visit),
    }
    found
}

fn entries(log: &Log, most: usize, mut entries: Packed) -> Response {
    log.visit(StreamId::MIN, StreamId::MAX, |entry| {
        push_entry(&mut entries, entry);
        entries.len() < most
    });
    entries.into()
}

fn read_and_lag(log: &Log, group: &Group) -> [(&'static str, Response); 2] {
    let lag = log.counters().lag(group.last_id, group.entries_read);
    [("entries-read", group.entries_read.into()), ("lag", lag.into())]
}

fn full_group(log: &Log, group: &Group, most: usize, none: &Packed) -> Facts {
    let mut pending = none.clone();
    for (id, entry) in group.pending_from(StreamId::MIN).take(most) {
        pending.push_array(4, |parts| {
            parts.push(&id.text());
            parts.push(group.consumer(entry.consumer()).name());
            parts.push_integer(entry.delivered as i64);
            parts.push_integer(entry.deliveries as i64);
        });
    }
    let consumers = group
        .consumers()
        .map(|(_, consumer)| Response::Map(full_consumer(group, consumer, most, none.clone())))
        .collect();
    let mut facts = map([("name", group.name().into()), ("last-delivered-id", id_text(group.last_id))]);
    facts.extend(map(read_and_lag(log, group)));
    facts.extend(map([
        ("pel-count", group.pending_count().into()),
        ("pending", pending.into()),
        ("consumers", Response::Array(consumers)),
    ]));
    facts
}

fn full_consumer(group: &Group, consumer: &Consumer, most: usize, mut pending: Packed) -> Facts {
    let entries = consumer.pending_from(StreamId::MIN).filter_map(|id| Some((id, group.pending(id)?)));
    for (id, entry) in entries.take(most) {
        pending.push_array(3, |parts| {
            parts.push(&id.text());
            parts.push_integer(entry.delivered as i64);
            parts.push_integer(entry.deliveries as i64);
        });
    }
    map([
        ("name", consumer.name().into()),
        ("seen-time", (consumer.seen as i64).into()),
        ("active-time", consumer.active.map_or(-1, |active| active as i64).into()),
        ("pel-count", consumer.pending_count().into()),
        ("pending", pending.into()),
    ])
}

/// `XINFO GROUPS key`: the groups.
fn groups(call: &mut Call<'_>) -> Answer {
    let log = call.get::<Stream>(0)?.ok_or(NO_KEY)?;
    let groups = log.groups().iter().map(|group| {
        let mut facts = map([
            ("name", group.name().into()),
            ("consumers", group.consumer_count().into()),
            ("pending", group.pending_count().into()),
            ("last-delivered-id", id_text(group.last_id)),
        ]);
        facts.extend(map(read_and_lag(log, group)));
        Response::Map(facts)
    });
    Ok(Response::Array(groups.collect()))
}

/// `XINFO CONSUMERS key group`: the consumers of a group.
fn consumers(call: &mut Call<'_>) -> Answer {
    let (args, now) = (call.args(), call.now());
    let find = |log: &Log| log.find_group(args.bytes(2));
    let found = call.find::<Stream>(0)?.and_then(|log| Some(log.groups()[find(log)?].consumer_count()));
    call.afford_elements(found.unwrap_or(0).saturating_mul(ENTRY))?;
    let log = call.get::<Stream>(0)?.ok_or(NO_KEY)?;
    let number = find(log).ok_or_else(|| no_group(args.bytes(1), args.bytes(2)))?;
    let consumers = log.groups()[number].consumers().map(|(_, consumer)| {
        Response::Map(map([
            ("name", consumer.name().into()),
            ("pending", consumer.pending_count().into()),
            ("idle", now.saturating_sub(consumer.seen).into()),
            ("inactive", consumer.active.map_or(-1, |active| now.saturating_sub(active) as i64).into()),
        ]))
    });
    Ok(Response::Array(consumers.collect()))
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn a_stream_is_shown_with_its_ends_or_in_full() {
        let store = TestStore::new();
        for id in 1..=3 {
            store.answer(&format!("XADD s {id} a {id}"));
        }
        store.check([
            ("XINFO STREAM none", "-ERR no such key"),
            ("XINFO STREAM none FULL COUNT x", "-ERR no such key"),
            ("SET k v", "+OK"),
            ("XINFO STREAM k FOO", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("XGROUP CREATE s g 0", "+OK"),
            ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", r#"[["s", [["1-0", ["a", "1"]]]]]"#),
            (
                "XINFO STREAM s",
                r#"{"length": :3, "radix-tree-keys": :1, "radix-tree-nodes": :2, "last-generated-id": "3-0", "max-deleted-entry-id": "0-0", "entries-added": :3, "recorded-first-entry-id": "1-0", "groups": :1, "first-entry": ["1-0", ["a", "1"]], "last-entry": ["3-0", ["a", "3"]]}"#,
            ),
            ("XDEL s 3", ":1"),
            (
                "XINFO STREAM s FULL COUNT 1",
                r#"{"length": :2, "radix-tree-keys": :1, "radix-tree-nodes": :2, "last-generated-id": "3-0", "max-deleted-entry-id": "3-0", "entries-added": :3, "recorded-first-entry-id": "1-0", "entries": [["1-0", ["a", "1"]]], "groups": [{"name": "g", "last-delivered-id": "1-0", "entries-read": :1, "lag": (nil), "pel-count": :1, "pending": [["1-0", "c", :1700000000000, :1]], "consumers": [{"name": "c", "seen-time": :1700000000000, "active-time": :1700000000000, "pel-count": :1, "pending": [["1-0", :1700000000000, :1]]}]}]}"#,
            ),
            ("XINFO STREAM s FOO", "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP."),
            ("XINFO STREAM s FULL COUNT x", "-ERR value is not an integer or out of range"),
            ("XINFO STREAM s FULL COUNT", "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP."),
            ("XINFO CONSUMERS s h", "-NOGROUP No such consumer group 'h' for key name 's'"),
        ]);
        store.pass(70);
        store.check([
            ("XREADGROUP GROUP g d STREAMS s 0", r#"[["s", []]]"#),
            (
                "XINFO CONSUMERS s g",
                r#"[{"name": "c", "pending": :1, "idle": :70, "inactive": :70}, {"name": "d", "pending": :0, "idle": :0, "inactive": :-1}]"#,
            ),
        ]);
    }

    #[test]
    fn the_lag_of_a_group_is_known_unless_entries_ahead_were_deleted() {
        let store = TestStore::new();
        for id in 1..=5 {
            store.answer(&format!("XADD s {id} a {id}"));
        }
        let check = |line: &str, read: &str, lag: &str| {
            store.answer(line);
            let shown = store.answer("XINFO GROUPS s").to_string();
            assert!(shown.ends_with(&format!("\"entries-read\": {read}, \"lag\": {lag}}}]")), "{line}: {shown}");
        };
        check("XGROUP CREATE s g 0", "(nil)", ":5");
        check("XREADGROUP GROUP g c COUNT 1 STREAMS s >", ":1", ":4");
        check("XREADGROUP GROUP g c COUNT 2 STREAMS s >", ":3", ":2");
        check("XDEL s 5", ":3", "(nil)");
        check("XREADGROUP GROUP g c STREAMS s >", "(nil)", "(nil)");
        check("XADD s 6 a 6", "(nil)", "(nil)");
        check("XREADGROUP GROUP g c STREAMS s >", ":6", ":0");
        check("XTRIM s MAXLEN 0", ":6", ":0");
        check("XGROUP SETID s g 0", "(nil)", ":0");
        check("XADD s 7 a 7", "(nil)", ":1");
        check("XGROUP SETID s g 0 ENTRIESREAD 3", ":3", ":1");
    }
}
