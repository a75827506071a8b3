//! Files of other servers: what is in them is imported, and what is exported is the same.
//!
//! `tests/compat/fixtures` has written the files, with keys of every type and encoding, and what the servers have answered.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use kvstore::{
    protocol::{Command, Response, Session},
    store::{Export, Fsync, Import, ImportError, RdbFormat, Store, Tally},
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

/// A scratch directory, which is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kvstore-moving-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    /// Writes a file.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a scratch file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn import(store: &Store, path: impl Into<PathBuf>) -> Result<Tally, ImportError> {
    Import::new(path).run(store, |_| {})
}

fn answer(store: &Store, database: usize, command: Command) -> Response {
    let mut session = Session::default();
    session.set_database(database);
    store.execute(&command.in_session(session.into(), 1)).unpacked()
}

/// An answer as a list of its words.
fn words(store: &Store, database: usize, command: Command) -> Vec<Vec<u8>> {
    match answer(store, database, command) {
        Response::Map(pairs) => pairs.iter().flat_map(|(key, value)| [word(key), word(value)]).collect(),
        Response::Array(items) | Response::Set(items) => items.iter().map(word).collect(),
        other => vec![word(&other)],
    }
}

fn word(response: &Response) -> Vec<u8> {
    match response.as_bytes() {
        Some(bytes) => bytes.to_vec(),
        None => response.to_string().trim_start_matches([':', ',']).as_bytes().to_vec(),
    }
}

/// The words of an answer in arrays and maps.
fn flat(response: &Response) -> Vec<Vec<u8>> {
    match response.clone().unpacked() {
        Response::Map(pairs) => pairs.iter().flat_map(|(key, value)| [flat(key), flat(value)].concat()).collect(),
        Response::Array(items) => items.iter().flat_map(flat).collect(),
        other => vec![word(&other)],
    }
}

/// The entries of a stream, and for each group its name and what is pending: the identifier, the consumer, and how often it was delivered.
fn stream(store: &Store, database: usize, key: &[u8]) -> Vec<Vec<u8>> {
    let mut found = flat(&answer(store, database, Command::new("XRANGE").arg(key).with_args(["-", "+"])));
    let groups = flat(&answer(store, database, Command::new("XINFO").arg("GROUPS").arg(key)));
    for facts in groups.chunks(12) {
        let range = Command::new("XPENDING").arg(key).arg(&facts[1]).with_args(["-", "+", "1000"]);
        found.push(facts[1].clone());
        for pending in flat(&answer(store, database, range)).chunks(4) {
            found.extend([&pending[0], &pending[1], &pending[3]].map(Clone::clone));
        }
    }
    found
}

/// The keys of a store, as `contents.txt` has them: a line for each, with its database, type, expiry and value.
fn contents(store: &Store) -> String {
    let mut lines = Vec::new();
    for database in 0..store.databases() {
        let mut keys = words(store, database, Command::new("KEYS").arg("*"));
        keys.sort();
        for key in keys {
            let ask = |name: &str| Command::new(name).arg(&key[..]);
            let kind = words(store, database, ask("TYPE")).concat();
            let expiry = words(store, database, ask("PEXPIRETIME")).concat();
            let whole = |name: &str| ask(name).with_args(["0", "-1"]);
            let mut value = match &kind[..] {
                b"string" => words(store, database, ask("GET")),
                b"list" => words(store, database, whole("LRANGE")),
                b"set" => words(store, database, ask("SMEMBERS")),
                b"hash" => words(store, database, ask("HGETALL")),
                b"zset" => words(store, database, whole("ZRANGE").arg("WITHSCORES")),
                b"stream" => stream(store, database, &key),
                other => panic!("{}", other.escape_ascii()),
            };
            match &kind[..] {
                b"set" => value.sort(),
                b"hash" => {
                    let mut pairs: Vec<_> = value.chunks(2).map(<[_]>::to_vec).collect();
                    pairs.sort();
                    value = pairs.concat();
                }
                _ => {}
            }
            let value = value.iter().map(|word| match word.is_empty() {
                true => "''".to_owned(),
                false => word.escape_ascii().to_string(),
            });
            let head = [database.to_string(), key.escape_ascii().to_string(), kind.escape_ascii().to_string()];
            let line: Vec<_> = head.into_iter().chain([expiry.escape_ascii().to_string()]).chain(value).collect();
            lines.push(line.join(" ") + "\n");
        }
    }
    lines.concat()
}

#[track_caller]
fn check_contents(store: &Store, expected: &str) {
    let (found, expected): (Vec<_>, Vec<_>) = {
        let found = contents(store);
        let owned = |text: &str| text.lines().map(str::to_owned).collect();
        (owned(&found), owned(expected))
    };
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn expected_contents() -> String {
    fs::read_to_string(fixture("contents.txt")).expect("the fixtures are there")
}

/// The same, and the hashes whose fields expire, which Redis 7.0 does not have.
fn expected_contents_with_expiring_fields() -> String {
    let table = format!("0 hash:expiring:table hash -1 a {} b 2", "x".repeat(65));
    let hashes = format!("\n0 hash:expiring hash -1 a 1 b 2\n{table}\n0 hash:table ");
    expected_contents().replace("\n0 hash:table ", &hashes)
}

/// Checks that one field of each of these hashes expires, and the other does not.
#[track_caller]
fn check_expiring_fields(store: &Store) {
    for key in ["hash:expiring", "hash:expiring:table"] {
        let command = Command::new("HPEXPIRETIME").with_args([key, "FIELDS", "2", "a", "b"]);
        let [expires, never] = &words(store, 0, command)[..] else { panic!("two fields") };
        assert!(expires.len() == 13 && never == b"-1", "{key}");
    }
}

fn skipped(tally: &Tally) -> BTreeMap<String, u64> {
    tally.skipped().map(|(kind, count)| (kind.to_owned(), count)).collect()
}

#[test]
fn files_of_other_servers_have_what_these_tell() {
    for (name, expiring) in [("redis-7.0.rdb", 0), ("redis-8.2.rdb", 2), ("valkey-9.1.rdb", 2)] {
        let store = Store::new();
        let tally = import(&store, fixture(name)).unwrap();
        if expiring > 0 {
            check_contents(&store, &expected_contents_with_expiring_fields());
            check_expiring_fields(&store);
        } else {
            check_contents(&store, &expected_contents());
        }
        assert_eq!((skipped(&tally), tally.libraries()), (BTreeMap::new(), 1), "{name}");
        assert_eq!(answer(&store, 0, Command::new("FCALL").with_args(["f", "0"])), Response::from(1), "{name}");
        let keys: BTreeMap<_, _> = tally.keys().collect();
        let counts =
            [("hash", 2 + expiring), ("list", 3), ("set", 5), ("sorted set", 2), ("stream", 1), ("string", 10)];
        assert_eq!(keys, counts.into(), "{name}");
        let len = fixture(name).metadata().unwrap().len();
        assert_eq!(tally.progress(), (len, len));
    }
}

#[test]
fn a_directory_of_append_only_files_is_loaded_in_order() {
    let manifest = fixture("appendonlydir/appendonly.aof.manifest");
    for path in [fixture("appendonlydir"), manifest] {
        let store = Store::new();
        let tally = import(&store, path).unwrap();
        let expected = expected_contents()
            .replace("0 list list -1 a", "0 list list -1 x a")
            .replace("0 text string -1 hello", "0 text string -1 appended")
            .replace("9 text string", "9 counter string -1 2\n9 text string");
        check_contents(&store, &expected);
        assert_eq!((tally.failed().count(), tally.incomplete()), (0, 0));
    }
}

#[test]
fn an_append_only_file_may_begin_as_an_rdb_file() {
    let part = |name: &str| fs::read(fixture("appendonlydir").join(name)).unwrap();
    let whole = [part("appendonly.aof.1.base.rdb"), part("appendonly.aof.1.incr.aof")].concat();
    let scratch = Scratch::new("preamble");
    let store = Store::new();
    import(&store, scratch.file("appendonly.aof", &whole)).unwrap();
    assert_eq!(words(&store, 9, Command::new("GET").arg("counter")), [b"2"]);
    assert_eq!(words(&store, 0, Command::new("GET").arg("large")), [b"70000"]);
}

#[test]
fn an_incomplete_end_of_the_last_append_only_file_is_left_out_and_counted() {
    let scratch = Scratch::new("incomplete");
    const WHOLE: &str = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    const OPEN: &str = "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n1\r\n";
    for end in ["*3\r\n$3\r\nSET\r\n$1\r\nb", "*", OPEN, "#TS:17"] {
        let store = Store::new();
        let tally = import(&store, scratch.file("a.aof", format!("{WHOLE}{end}").as_bytes())).unwrap();
        assert_eq!((tally.incomplete(), tally.commands()), (end.len() as u64, 1), "{end:?}");
        assert_eq!(words(&store, 0, Command::new("KEYS").arg("*")), [b"a"]);
    }
    // In another file than the last one it is damage.
    scratch.file("a.aof", format!("{WHOLE}{OPEN}").as_bytes());
    scratch.file("b.aof", WHOLE.as_bytes());
    let manifest = scratch.file("x.manifest", b"file a.aof seq 1 type i\nfile b.aof seq 2 type i\n");
    let error = import(&Store::new(), manifest).unwrap_err();
    assert!(error.to_string().contains("a.aof: at byte 27: the file has an incomplete end"), "{error}");
}

#[test]
fn a_command_that_a_store_does_not_have_is_named() {
    let scratch = Scratch::new("unknown");
    let file = scratch.file("a.aof", b"*2\r\n$7\r\nTS.INCR\r\n$1\r\ns\r\n*2\r\n$8\r\nJSON.SET\r\n$1\r\nj\r\n");
    let tally = import(&Store::new(), file).unwrap();
    let expected = [("command JSON.SET".to_owned(), 1), ("command TS.INCR".to_owned(), 1)];
    assert_eq!(skipped(&tally), expected.into());
}

#[test]
fn fields_that_redis_8_sets_are_set_with_their_expiry() {
    let scratch = Scratch::new("hsetex");
    let commands = [
        "HSET h f 1",
        "HSETEX h KEEPTTL FIELDS 1 f 1.5",
        "HSETEX h FXX FIELDS 1 f 2",
        "HSETEX h FIELDS 2 g 3 KEEPTTL 4",
        "HSETEX h PXAT 1 FIELDS 1 gone 1",
        "HSETEX h PXAT 4102444800000 FIELDS 1 i 5",
        "HPEXPIREAT h 4102444800001 FIELDS 1 g",
        "HSET gone f 1",
        "HPEXPIREAT gone 1 FIELDS 1 f",
    ];
    let frame = |line: &str| {
        let words: String = line.split(' ').map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        format!("*{}\r\n{words}", line.split(' ').count())
    };
    let store = Store::new();
    let tally = import(&store, scratch.file("a.aof", commands.map(frame).concat().as_bytes())).unwrap();
    assert_eq!((skipped(&tally), tally.failed().count()), (BTreeMap::new(), 0));
    let hash = words(&store, 0, Command::new("HGETALL").arg("h"));
    assert_eq!(hash, ["i", "5", "g", "3", "f", "2", "KEEPTTL", "4"].map(|word| word.as_bytes().to_vec()));
    let expiries = Command::new("HPEXPIRETIME").with_args(["h", "FIELDS", "4", "f", "g", "i", "gone"]);
    assert_eq!(
        words(&store, 0, expiries),
        ["-1", "4102444800001", "4102444800000", "-2"].map(|word| word.as_bytes().to_vec())
    );
    assert_eq!(words(&store, 0, Command::new("EXISTS").arg("gone")), [b"0"]);
}

#[test]
fn a_torn_file_is_told_with_its_place_and_what_was_loaded() {
    let scratch = Scratch::new("torn");
    let file = fs::read(fixture("valkey-9.1.rdb")).unwrap();
    for len in (0..file.len()).step_by(37).chain([file.len() - 1]) {
        let path = scratch.file("torn.rdb", &file[..len]);
        let store = Store::new();
        let loaded = import(&store, &path);
        if len < 6 {
            // Too short to be known as an RDB file.
            assert!(loaded.is_err() || len == 0);
            continue;
        }
        let error = loaded.unwrap_err();
        assert!(error.offset() <= len as u64);
        assert!(error.to_string().contains("the file ends too early"), "{error}");
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
        let keys: u64 = error.tally().keys().map(|(_, count)| count).sum();
        assert_eq!(contents(&store).lines().count() as u64, keys);
    }
}

#[test]
fn a_file_with_a_flipped_bit_is_refused_at_its_end_at_the_latest() {
    let scratch = Scratch::new("rot");
    let file = fs::read(fixture("redis-8.2.rdb")).unwrap();
    for at in (0..file.len()).step_by(13) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let error = import(&Store::new(), scratch.file("rot.rdb", &damaged)).unwrap_err();
        assert!(error.offset() <= file.len() as u64, "{at}: {error}");
    }
    let mut damaged = file.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let error = import(&Store::new(), scratch.file("rot.rdb", &damaged)).unwrap_err();
    let loaded = "libraries of functions, 25 keys and 0 commands were loaded before";
    let end = format!("at byte {}: the checksum is wrong; {loaded}", file.len() - 9);
    assert!(error.to_string().ends_with(&end), "{error}");
}

#[test]
fn a_store_with_keys_is_refused_unless_they_are_to_be_replaced() {
    let store = Store::new();
    store.execute(&Command::new("SET").with_args(["text", "mine"]));
    store.execute(&Command::new("SET").with_args(["other", "mine"]));
    let error = import(&store, fixture("redis-7.0.rdb")).unwrap_err();
    assert!(error.to_string().ends_with("which are not to be replaced; nothing was loaded"), "{error}");
    assert_eq!(words(&store, 0, Command::new("GET").arg("text")), [b"mine"]);
    Import::new(fixture("redis-7.0.rdb")).replace(true).run(&store, |_| {}).unwrap();
    assert_eq!(words(&store, 0, Command::new("MGET").with_args(["text", "other"])), [&b"hello"[..], b"mine"]);
}

#[test]
fn a_file_needs_its_databases() {
    let error = import(&Store::builder().databases(4).build(), fixture("redis-7.0.rdb")).unwrap_err();
    assert!(error.to_string().contains("DB index is out of range"), "{error}");
}

#[test]
fn what_is_no_file_of_a_server_is_refused() {
    let scratch = Scratch::new("no-file");
    for (bytes, reason) in [
        (&b"hello"[..], "it is neither an RDB file nor an append-only file"),
        (b"REDIS0099xx", "version 99 of RDB files is not known"),
        (b"*1\r\n$x\r\n", "at byte 0"),
    ] {
        let error = import(&Store::new(), scratch.file("file", bytes)).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let error = import(&Store::new(), &scratch.0).unwrap_err();
    assert!(error.to_string().contains("it has no manifest"), "{error}");
    assert!(import(&Store::new(), scratch.0.join("missing")).is_err());
}

#[test]
fn what_is_exported_is_imported_again() {
    let scratch = Scratch::new("export");
    let (one, other) = (Store::new(), Store::new());
    import(&one, fixture("valkey-9.1.rdb")).unwrap();
    let path = scratch.0.join("export.rdb");
    fs::write(&path, "is replaced").unwrap();
    let tally = Export::new(&path).run(&one, |_| {}).unwrap();
    assert_eq!(tally.progress(), (25, 25));
    assert!(fs::read(&path).unwrap().starts_with(b"REDIS0012"));
    assert_eq!(tally.libraries(), 1);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    import(&other, &path).unwrap();
    check_contents(&other, &expected_contents_with_expiring_fields());
    check_expiring_fields(&other);
    let libraries = |store| answer(store, 0, Command::new("FUNCTION").with_args(["LIST", "WITHCODE"]));
    assert_eq!(libraries(&other), libraries(&one));
    // Without fields that expire, Redis 7.0 loads it.
    other.execute(&Command::new("DEL").with_args(["hash:expiring", "hash:expiring:table"]));
    Export::new(&path).run(&other, |_| {}).unwrap();
    assert!(fs::read(&path).unwrap().starts_with(b"REDIS0010"));
    assert!(Export::new(scratch.0.join("missing/export.rdb")).run(&one, |_| {}).is_err());
}

#[test]
fn the_format_of_valkey_is_imported_again_and_is_that_of_redis_if_no_field_expires() {
    let scratch = Scratch::new("valkey");
    let (one, other) = (Store::new(), Store::new());
    import(&one, fixture("redis-8.2.rdb")).unwrap();
    let path = scratch.0.join("export.rdb");
    let export = |store: &Store| {
        Export::new(&path).format(RdbFormat::Valkey).run(store, |_| {}).unwrap();
        fs::read(&path).unwrap()
    };
    assert!(export(&one).starts_with(b"VALKEY080"));
    assert_eq!(import(&other, &path).unwrap().libraries(), 1);
    check_contents(&other, &expected_contents_with_expiring_fields());
    check_expiring_fields(&other);
    // Valkey loads it before version 9 then.
    other.execute(&Command::new("DEL").with_args(["hash:expiring", "hash:expiring:table"]));
    assert!(export(&other).starts_with(b"REDIS0010"));
}

/// A file with a library of this source in front of a key.
fn file_with_library(source: &str) -> Vec<u8> {
    // A length up to 63 is one byte.
    let length = u8::try_from(source.len()).ok().filter(|length| *length < 64).expect("it is short");
    let library = [b"\xF5", &[length][..], source.as_bytes()].concat();
    [&b"REDIS0010"[..], &library, b"\xFE\0\0\x01k\x01v\xFF\0\0\0\0\0\0\0\0"].concat()
}

#[test]
fn a_library_that_cannot_be_loaded_is_an_error_in_front_of_the_keys() {
    let scratch = Scratch::new("library");
    for (source, reason) in [
        ("#!lua name=l", "Invalid library metadata"),
        ("#!js name=l\nx", "Engine 'js' not found"),
        ("#!lua name=l\nreturn 1", "No functions registered"),
        ("#!lua name=l\nx x", "Error compiling function"),
    ] {
        let store = Store::new();
        let error = import(&store, scratch.file("bad.rdb", &file_with_library(source))).unwrap_err().to_string();
        let expected = format!("a function library cannot be loaded: {reason}");
        assert!(error.contains(&expected) && error.ends_with("; nothing was loaded"), "{error}");
        assert_eq!(answer(&store, 0, Command::new("DBSIZE")), Response::from(0));
    }
}

#[test]
fn a_library_that_exists_is_replaced_if_keys_are() {
    let scratch = Scratch::new("libraries");
    const ONE: &str = "#!lua name=l\nredis.register_function('f',redis.log)";
    let other = ONE.replace("'f'", "'g'");
    let path = scratch.file("one.rdb", &file_with_library(&other));
    let store = Store::new();
    assert!(!answer(&store, 0, Command::new("FUNCTION").with_args(["LOAD", ONE])).is_error());
    let error = import(&store, &path).unwrap_err().to_string();
    assert!(error.contains("a function library cannot be loaded: Library 'l' already exists"), "{error}");
    Import::new(&path).replace(true).run(&store, |_| {}).unwrap();
    let listed = answer(&store, 0, Command::new("FUNCTION").with_args(["LIST", "WITHCODE"])).to_string();
    assert!(listed.contains("(\\'g\\'") && !listed.contains("(\\'f\\'"), "{listed}");
}

#[test]
fn an_append_only_file_has_its_libraries_as_commands() {
    let scratch = Scratch::new("function-load");
    let frame = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        format!("*{}\r\n{}", words.len(), words.concat())
    };
    let library = |name: &str| format!("#!lua name={name}\nredis.register_function('{name}', redis.log)");
    let file = [
        frame(&["FUNCTION", "LOAD", &library("a")]),
        frame(&["FUNCTION", "LOAD", "REPLACE", &library("a")]),
        frame(&["FUNCTION", "LOAD", &library("b")]),
        frame(&["FUNCTION", "DELETE", "a"]),
    ];
    let store = Store::new();
    let tally = import(&store, scratch.file("a.aof", file.concat().as_bytes())).unwrap();
    assert_eq!((tally.commands(), tally.failed().count()), (4, 0));
    let listed = answer(&store, 0, Command::new("FUNCTION").arg("LIST")).to_string();
    assert!(listed.contains("\"b\"") && !listed.contains("\"a\""), "{listed}");
}

#[test]
fn a_stream_that_was_trimmed_with_a_limit_is_trimmed() {
    let scratch = Scratch::new("limit");
    let frame = |line: &str| {
        let words: Vec<_> = line.split(' ').map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        format!("*{}\r\n{}", words.len(), words.concat())
    };
    let file = [
        "XADD s 1-1 f v",
        "XADD s MAXLEN = 1 LIMIT 7 2-1 f v",
        "XADD s nomkstream minid = 2 LIMIT 0 3-1 f v",
        "XADD s 4-1 MAXLEN = 1 LIMIT",
        "XTRIM s MAXLEN = 2 LIMIT 9",
    ];
    let store = Store::new();
    let tally = import(&store, scratch.file("a.aof", file.map(frame).concat().as_bytes())).unwrap();
    assert_eq!((tally.commands(), tally.failed().count()), (5, 0));
    let entries = flat(&answer(&store, 0, Command::new("XRANGE").with_args(["s", "-", "+"])));
    let expected = ["3-1", "f", "v", "4-1", "MAXLEN", "=", "1", "LIMIT"];
    assert_eq!(entries, expected.map(|word| word.as_bytes().to_vec()));
}

#[tokio::test]
async fn what_is_imported_is_on_disk_when_the_store_is_closed() {
    let scratch = Scratch::new("durable");
    let open = || Store::builder().durable(scratch.0.join("data"), Fsync::No).open().unwrap();
    let store = open();
    import(&store, fixture("redis-7.0.rdb")).unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = open();
    check_contents(&store, &expected_contents());
    assert_eq!(answer(&store, 0, Command::new("FCALL").with_args(["f", "0"])), Response::from(1));
}

#[test]
fn the_progress_is_told() {
    let scratch = Scratch::new("progress");
    let file = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".repeat(3000);
    let mut told = Vec::new();
    let path = scratch.file("a.aof", file.as_bytes());
    Import::new(path).run(&Store::new(), |tally| told.push(tally.progress())).unwrap();
    let len = file.len() as u64;
    assert_eq!(told, [(len / 3, len), (2 * len / 3, len), (len, len), (len, len)]);
}
