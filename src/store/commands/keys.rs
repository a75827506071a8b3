//! Commands on keys of any type: DEL, EXISTS, TYPE, RENAME, COPY, OBJECT.

use kvstore_protocol::{CommandError, Options, Response};

use smallvec::smallvec;

use crate::store::{
    args::Args,
    call::{Call, OwnedEntry},
    change::Event,
    spec::{Answer, KeyWords, Spec},
};

pub(super) const SPECS: &[Spec] = &[DEL, UNLINK, EXISTS, TOUCH, TYPE, RENAME, RENAMENX, COPY, MOVE, OBJECT];

const NO_SUCH_KEY: CommandError = CommandError::new("ERR", "no such key");

/// `DEL key [key …]`: removes the keys. Answers how many existed.
const DEL: Spec = Spec::new("DEL", del);

/// `UNLINK key [key …]`: the same.
const UNLINK: Spec = Spec::new("UNLINK", del);

fn del(call: &mut Call<'_>) -> Answer {
    Ok((0..call.keys()).filter(|key| call.remove(*key, Event::DEL)).count().into())
}

/// `EXISTS key [key …]`: how many of the keys exist. A key that is named twice counts twice.
const EXISTS: Spec = Spec::new("EXISTS", exists);

fn exists(call: &mut Call<'_>) -> Answer {
    Ok((0..call.keys()).filter(|key| call.peek(*key).is_some()).count().into())
}

/// `TOUCH key [key …]`: sets the time of the last access. Answers how many of the keys exist.
const TOUCH: Spec = Spec::new("TOUCH", touch);

fn touch(call: &mut Call<'_>) -> Answer {
    Ok((0..call.keys()).filter(|key| call.read(*key).is_some()).count().into())
}

/// `TYPE key`: the name of the type; `none` if the key is missing.
const TYPE: Spec = Spec::new("TYPE", type_of);

fn type_of(call: &mut Call<'_>) -> Answer {
    Ok(Response::simple(call.peek(0).map_or("none", |entry| entry.type_name())))
}

/// `RENAME key newkey`: renames the key, which keeps its expiry. An existing `newkey` is replaced.
const RENAME: Spec = Spec::new("RENAME", rename);

fn rename(call: &mut Call<'_>) -> Answer {
    if !call.exists(0) {
        return Err(NO_SUCH_KEY);
    }
    if !call.are_same(0, 1) {
        call.move_entry(0, 1, (Event::RENAME_FROM, Event::RENAME_TO));
    }
    Ok(Response::ok())
}

/// `RENAMENX key newkey`: the same, but only if `newkey` is missing. Answers whether it was done.
const RENAMENX: Spec = Spec::new("RENAMENX", renamenx);

fn renamenx(call: &mut Call<'_>) -> Answer {
    if !call.exists(0) {
        return Err(NO_SUCH_KEY);
    }
    let is_free = !call.exists(1);
    if is_free {
        call.move_entry(0, 1, (Event::RENAME_FROM, Event::RENAME_TO));
    }
    Ok(is_free.into())
}

/// `COPY source destination [DB index] [REPLACE]`: copies the value and its expiry. Answers whether it was done.
const COPY: Spec = Spec::new("COPY", copy).with_keys(copy_keys);

fn copy(call: &mut Call<'_>) -> Answer {
    let CopyOptions { replace, .. } = CopyOptions::parse(&call.args())?;
    if call.are_same(0, 1) {
        return Err(CommandError::err("source and destination objects are the same"));
    }
    let length = call.entry(0).map_or(0, |entry| entry.copied());
    call.afford(length)?;
    let Some(copied) = call.read(0).map(OwnedEntry::from) else { return Ok(false.into()) };
    if !replace && call.exists(1) {
        return Ok(false.into());
    }
    call.put_entry(1, copied, Event::COPY_TO);
    Ok(true.into())
}

/// The destination may be in another database.
fn copy_keys(args: &Args<'_>, selected: usize) -> Result<KeyWords, CommandError> {
    // What follows DB is checked by the command: an index that is out of range is refused first.
    let destination = CopyOptions::read(args)?.0.database.unwrap_or(selected);
    Ok(smallvec![(1, selected), (2, destination)])
}

#[derive(Debug, Default)]
struct CopyOptions {
    database: Option<usize>,
    replace: bool,
}

impl CopyOptions {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let (copy, rest) = Self::read(args)?;
        rest.finish()?;
        Ok(copy)
    }

    /// Returns the options, and the words that are none.
    fn read<'a>(args: &Args<'a>) -> Result<(Self, Options<'a>), CommandError> {
        let (mut copy, mut options) = (Self::default(), args.options(2));
        loop {
            if options.keyword("REPLACE") {
                copy.replace = true;
            } else if options.keyword("DB") {
                copy.database = Some(database(options.integer()?)?);
            } else {
                return Ok((copy, options));
            }
        }
    }
}

/// `MOVE key db`: moves a key to another database, unless it exists there. Answers whether it was done.
const MOVE: Spec = Spec::new("MOVE", move_key).with_keys(move_keys);

fn move_key(call: &mut Call<'_>) -> Answer {
    if call.are_same(0, 1) {
        return Err(CommandError::err("source and destination objects are the same"));
    }
    let is_moved = call.exists(0) && !call.exists(1);
    if is_moved {
        call.move_entry(0, 1, (Event::MOVE_FROM, Event::MOVE_TO));
    }
    Ok(is_moved.into())
}

/// The key in the selected database, and in the other one.
fn move_keys(args: &Args<'_>, selected: usize) -> Result<KeyWords, CommandError> {
    Ok(smallvec![(1, selected), (1, database(args.integer(1)?)?)])
}

/// The index of a database. Whether it exists is checked when the keys are located.
fn database(number: i64) -> Result<usize, CommandError> {
    if i32::try_from(number).is_err() {
        return Err(CommandError::err("value is out of range, value must between -2147483648 and 2147483647"));
    }
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// `OBJECT ENCODING | FREQ | IDLETIME | REFCOUNT key`: internals of a value.
const OBJECT: Spec = Spec::family("OBJECT", OBJECT_SPECS);

const OBJECT_SPECS: &[Spec] = &[
    Spec::new("ENCODING", encoding),
    Spec::new("FREQ", freq),
    Spec::new("IDLETIME", idletime),
    Spec::new("REFCOUNT", refcount),
    Spec::help(&[
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
    ]),
];

fn encoding(call: &mut Call<'_>) -> Answer {
    Ok(call.peek(0).map(|entry| entry.encoding()).into())
}

fn freq(call: &mut Call<'_>) -> Answer {
    if call.peek(0).is_none() {
        return Ok(Response::Null);
    }
    Err(CommandError::err(
        "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between \
         policies at runtime LRU and LFU data will take some time to adjust.",
    ))
}

fn idletime(call: &mut Call<'_>) -> Answer {
    let lru_clock = call.lru_clock();
    Ok(call.peek(0).map(|entry| i64::from(lru_clock.saturating_sub(entry.accessed()))).into())
}

fn refcount(call: &mut Call<'_>) -> Answer {
    Ok(call.peek(0).map(|_| 1).into())
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::{TestStore, command};

    const NO_SUCH_KEY: &str = "-ERR no such key";

    #[test]
    fn keys_are_counted_as_often_as_they_are_named_and_removed_once() {
        TestStore::new().check([
            ("MSET a 1 b 2", "+OK"),
            ("EXISTS a a b missing", ":3"),
            ("TOUCH a a b missing", ":3"),
            ("DEL a a missing", ":1"),
            ("UNLINK a b", ":1"),
            ("DBSIZE", ":0"),
        ]);
    }

    #[test]
    fn type_names_the_type() {
        TestStore::new().check([("TYPE k", "+none"), ("SET k v", "+OK"), ("TYPE k", "+string")]);
    }

    #[test]
    fn rename_keeps_value_and_expiry_and_replaces_a_key() {
        TestStore::new().check([
            ("RENAME a b", NO_SUCH_KEY),
            ("MSET a 1 b 2", "+OK"),
            ("EXPIRE a 10", ":1"),
            ("RENAME a b", "+OK"),
            ("EXISTS a", ":0"),
            ("GET b", "\"1\""),
            ("TTL b", ":10"),
            ("SET a 3", "+OK"),
            ("RENAME a b", "+OK"),
            ("TTL b", ":-1"),
            ("RENAME b b", "+OK"),
            ("GET b", "\"3\""),
        ]);
    }

    #[test]
    fn renamenx_replaces_nothing() {
        TestStore::new().check([
            ("RENAMENX a b", NO_SUCH_KEY),
            ("MSET a 1 b 2", "+OK"),
            ("RENAMENX a b", ":0"),
            ("RENAMENX a a", ":0"),
            ("RENAMENX a c", ":1"),
            ("MGET a b c", "[(nil), \"2\", \"1\"]"),
        ]);
    }

    #[test]
    fn copy_copies_value_and_expiry_between_databases() {
        let mut store = TestStore::new();
        store.check([
            ("COPY a b", ":0"),
            ("SET a 1 EX 10", "+OK"),
            ("COPY a b", ":1"),
            ("TTL b", ":10"),
            ("SET a 2", "+OK"),
            ("COPY a b", ":0"),
            ("COPY a b REPLACE", ":1"),
            ("TTL b", ":-1"),
            ("COPY a a DB 3", ":1"),
        ]);
        store.select(3);
        store.check([("GET a", "\"2\""), ("COPY a b DB 0", ":0"), ("COPY a c DB 0", ":1"), ("DBSIZE", ":1")]);
    }

    #[test]
    fn copy_refuses_invalid_arguments() {
        TestStore::new().check([
            ("COPY a a", "-ERR source and destination objects are the same"),
            ("COPY a a DB 0", "-ERR source and destination objects are the same"),
            ("COPY a b DB 16", "-ERR DB index is out of range"),
            ("COPY a b DB -1", "-ERR DB index is out of range"),
            ("COPY a b DB -1 FOO", "-ERR DB index is out of range"),
            ("COPY a b DB 1 FOO", "-ERR syntax error"),
            ("COPY a b DB x", "-ERR value is not an integer or out of range"),
            ("COPY a b DB 99999999999", "-ERR value is out of range, value must between -2147483648 and 2147483647"),
            ("COPY a b DB", "-ERR syntax error"),
            ("COPY a b FOO", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn object_names_the_encoding() {
        TestStore::new().check([
            ("OBJECT ENCODING k", "(nil)"),
            ("SET k 10", "+OK"),
            ("OBJECT ENCODING k", "\"int\""),
            ("APPEND k 1", ":3"),
            ("OBJECT encoding k", "\"raw\""),
            ("RENAME k l", "+OK"),
            ("OBJECT ENCODING l", "\"raw\""),
            ("INCR l", ":102"),
            ("OBJECT ENCODING l", "\"int\""),
            ("SETRANGE new 0 1", ":1"),
            ("OBJECT ENCODING new", "\"raw\""),
            ("SET new text", "+OK"),
            ("OBJECT ENCODING new", "\"embstr\""),
            ("OBJECT REFCOUNT new", ":1"),
        ]);
    }

    #[test]
    fn every_type_is_named_copied_moved_and_renamed() {
        let mut store = TestStore::new();
        for (line, type_name, read, answer) in [
            ("HSET k f v", "hash", "HGETALL", r#"{"f": "v"}"#),
            ("SADD k 1 2", "set", "SMEMBERS", r#"{"1", "2"}"#),
            ("ZADD k 1 a 2 b", "zset", "ZMSCORE k a b", "[1, 2]"),
        ] {
            let read = |key: &str| if read.contains(' ') { read.replace('k', key) } else { format!("{read} {key}") };
            store.select(0);
            store.answer("FLUSHALL");
            store.answer(line);
            store.check([
                ("TYPE k", &*format!("+{type_name}")),
                ("RANDOMKEY", "\"k\""),
                ("OBJECT REFCOUNT k", ":1"),
                ("OBJECT IDLETIME k", ":0"),
                ("COPY k l", ":1"),
                (&*read("l"), answer),
                ("RENAME l m", "+OK"),
                (&*read("m"), answer),
                ("MOVE m 1", ":1"),
                ("TOUCH k m", ":1"),
                ("GET k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ]);
            store.select(1);
            store.check([(&*read("m"), answer), ("UNLINK m", ":1"), ("DBSIZE", ":0")]);
        }
    }

    #[test]
    fn a_copy_and_its_original_are_changed_apart() {
        let store = TestStore::new();
        for number in 0..300 {
            store.answer(&format!("SADD s member:{number}"));
        }
        store.check([
            ("COPY s t", ":1"),
            ("SREM s member:1 member:2", ":2"),
            ("SADD t new", ":1"),
            ("SCARD s", ":298"),
            ("SCARD t", ":301"),
            ("SISMEMBER t member:1", ":1"),
            ("SISMEMBER s new", ":0"),
        ]);
    }

    #[test]
    fn a_large_collection_is_copied_where_no_connection_waits() {
        let store = TestStore::new();
        store.answer_to(
            Command::new("SADD").arg("large").with_args((0..100_000).map(|number| format!("a member:{number}"))),
        );
        store.check([("SADD small a", ":1")]);
        let is_postponed = |line| store.postpones(&command(line));
        assert!(is_postponed("COPY large other") && !is_postponed("COPY small other"));
        store.check([("EXISTS other", ":1"), ("SMEMBERS other", "{\"a\"}")]);
    }

    #[test]
    fn object_idletime_counts_from_the_last_access() {
        let store = TestStore::new();
        store.check([("SET k v", "+OK"), ("OBJECT IDLETIME k", ":0")]);
        store.pass(5001);
        store.remove_expired();
        store.check([
            ("TTL k", ":-1"),
            ("EXISTS k", ":1"),
            ("OBJECT IDLETIME k", ":5"),
            ("TOUCH k", ":1"),
            ("OBJECT IDLETIME k", ":0"),
        ]);
    }

    #[test]
    fn object_refuses_unknown_subcommands() {
        let store = TestStore::new();
        store.check([
            ("OBJECT", "-ERR wrong number of arguments for 'object' command"),
            ("OBJECT FOO k", "-ERR unknown subcommand 'FOO'. Try OBJECT HELP."),
            ("OBJECT ENCODING", "-ERR wrong number of arguments for 'object|encoding' command"),
            ("OBJECT FREQ k", "(nil)"),
            ("SET k v", "+OK"),
        ]);
        let freq = store.answer("OBJECT FREQ k").to_string();
        assert!(freq.starts_with("-ERR An LFU maxmemory policy is not selected, access frequency not tracked."));
        assert!(store.answer("OBJECT HELP").to_string().ends_with("+HELP, +    Print this help.]"));
    }
}
