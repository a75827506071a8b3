//! Scripts as clients see them.

use std::{sync::atomic::Ordering, time::Duration};

use kvstore_protocol::{Command, Protocol, Response};

use super::sha::Sha;
use crate::store::{
    Fsync, Record,
    disk::simulated::SimulatedDisk,
    journal::Settings,
    testing::{START, TestStore},
};

/// EVAL of a source, with words behind it.
fn eval(source: &str, rest: &[&str]) -> Command {
    let numkeys = if rest.is_empty() { &["0"][..] } else { &[] };
    Command::new("EVAL").arg(source).with_args(numkeys.iter().chain(rest))
}

/// The answer to EVAL without keys.
fn answer(store: &TestStore, source: &str) -> String {
    store.answer_to(eval(source, &[])).to_string()
}

#[track_caller]
fn check(store: &TestStore, cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(answer(store, source), *expected, "{source}");
    }
}

/// The end of the error of a script, which says where it is.
fn at(source: &str, line: u32) -> String {
    format!(" script: {}, on @user_script:{line}.", Sha::of(source.as_bytes()))
}

/// The memory of the interpreter of scripts.
fn memory_of_scripts(store: &TestStore) -> usize {
    let info = store.answer_to(Command::new("INFO").arg("memory")).to_string();
    let (_, behind) = info.split_once("used_memory_vm_eval:").expect("the field");
    behind.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
}

/// A script that answers 1, with a constant of so many bytes.
fn large_script(name: usize, bytes: usize) -> String {
    format!("local s = '{name}{}' return 1", "x".repeat(bytes))
}

/// Needs two megabytes.
const GREEDY: &str = "local t = {} for i = 1, 20 do t[i] = string.rep('x', 100000) .. i end return #t";

const NO_MEMORY: &str = "-ERR Error compiling script (new function): not enough memory";

#[test]
fn values_of_lua_are_converted_to_replies() {
    check(
        &TestStore::new(),
        &[
            ("return 'hello'", "\"hello\""),
            ("return 3.99", ":3"),
            ("return -3.99", ":-3"),
            ("return 1/0", ":-9223372036854775808"),
            ("return 2^53", ":9007199254740992"),
            ("return true", ":1"),
            ("return false", "(nil)"),
            ("return nil", "(nil)"),
            ("return", "(nil)"),
            ("return {1, 2, {3, 'Hello', true}}", "[:1, :2, [:3, \"Hello\", :1]]"),
            ("return {1, nil, 3}", "[:1]"),
            ("return {}", "[]"),
            ("return {ok = 'fine'}", "+fine"),
            ("return {err = 'My Err'}", "-My Err"),
            ("return {double = 3.5}", "3.5"),
            ("return {big_number = '123'}", "(123"),
            ("return {map = {a = 1}}", "{\"a\": :1}"),
            ("return {set = {a = true}}", "{\"a\"}"),
            ("return redis.status_reply('TEST')", "+TEST"),
            ("return redis.error_reply('TEST')", "-ERR TEST"),
            ("return redis.error_reply('MY error')", "-MY error"),
            ("return redis.error_reply(1)", "-ERR wrong number or type of arguments"),
            ("return redis.sha1hex('')", "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\""),
            ("return redis.REDIS_VERSION_NUM", ":459268"),
            ("return server.call('echo', 'x')", "\"x\""),
            ("return {type(rawget(_G, 'setfenv')), type(rawget(_G, 'newproxy'))}", "[\"nil\", \"nil\"]"),
            ("return cjson.encode({1, cjson.null})", "\"[1,null]\""),
            ("return cmsgpack.unpack(cmsgpack.pack({1, 'x'}))", "[:1, \"x\"]"),
            ("return {struct.unpack('>I2', struct.pack('>I2', 258)), bit.band(7, 12)}", "[:258, :4]"),
        ],
    );
}

#[test]
fn much_garbage_goes_with_the_interpreter() {
    let store = TestStore::new();
    let memory = || memory_of_scripts(&store);
    check(&store, &[("return #string.rep('x', 1000000)", ":1000000")]);
    assert_ne!(memory(), 0);
    check(&store, &[("return #string.rep('x', 50000000)", ":50000000")]);
    assert_eq!(memory(), 0);
    check(&store, &[("return #string.rep('x', 1000000)", ":1000000")]);
}

#[test]
fn scripts_that_are_compiled_leave_memory_to_others() {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    for name in 0..60 {
        check(&store, &[(&large_script(name, 100_000), ":1")]);
    }
    check(&store, &[(GREEDY, ":20"), (GREEDY, ":20")]);
    check(&store, &[(&large_script(0, 3_000_000), NO_MEMORY), (GREEDY, ":20")]);
}

#[test]
fn a_script_that_was_loaded_stays_whether_it_can_be_compiled_or_not() {
    let store = TestStore::new();
    let load = |source: &str| {
        let sha = store.answer_to(Command::new("SCRIPT").arg("LOAD").arg(source)).to_string();
        sha.trim_matches('"').to_owned()
    };
    let run = |sha: &str| store.answer(&format!("EVALSHA {sha} 0")).to_string();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    let loaded: Vec<_> = (0..60).map(|name| load(&large_script(name, 100_000))).collect();
    let large = load(&large_script(0, 1_700_000));
    for sha in &loaded {
        assert_eq!(run(sha), ":1");
    }
    // There is no room for it beside those that are compiled.
    assert_eq!(run(&large), ":1");
    check(&store, &[(GREEDY, ":20")]);
    store.check([("CONFIG SET lua-memory-limit 1mb", "+OK")]);
    for _ in 0..2 {
        assert_eq!(run(&large), NO_MEMORY);
        assert_eq!(run(&loaded[0]), ":1");
    }
    store.check([(&*format!("SCRIPT EXISTS {} {large}", loaded.join(" ")), &*format!("[{}]", [":1"; 61].join(", ")))]);
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    assert_eq!(run(&large), ":1");
}

#[test]
fn a_script_that_was_loaded_is_loaded_again_by_a_store_with_less_memory() {
    let source = large_script(0, 1_000_000);
    let load = Command::new("SCRIPT").with_args(["LOAD", &source]);
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 512kb", "+OK")]);
    assert_eq!(store.answer_to(load.clone()).to_string(), NO_MEMORY);
    assert_eq!(store.store().apply(&Record::new(Duration::from_millis(START), vec![(0, load)])), Ok(()));
    let sha = Sha::of(source.as_bytes());
    store.check([
        (&*format!("EVALSHA {sha} 0"), NO_MEMORY),
        ("CONFIG SET lua-memory-limit 8mb", "+OK"),
        (&format!("EVALSHA {sha} 0"), ":1"),
    ]);
}

#[test]
fn scripts_that_were_checked_leave_memory_to_others() {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    for name in 0..20 {
        let load = Command::new("SCRIPT").with_args(["LOAD", &large_script(name, 1_700_000)]);
        let answer = store.answer_to(load).to_string();
        assert_eq!(answer.len(), 42, "{answer}");
    }
}

#[test]
fn a_run_without_memory_is_not_repeated_and_leaves_a_new_interpreter() {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    check(&store, &[("return 1", ":1")]);
    for number in 1..4 {
        let source = "redis.call('INCR', 'n') local t = {} while true do t[#t + 1] = {} end";
        let refused = answer(&store, source);
        assert!(refused.starts_with("-ERR not enough memory"), "{refused}");
        assert_eq!(memory_of_scripts(&store), 0);
        store.check([("GET n", &*format!("\"{number}\""))]);
    }
    let long = "x".repeat(5_000_000);
    assert_eq!(store.answer_to(eval("return #ARGV[1]", &["0", &long])).to_string(), "-ERR not enough memory");
    assert_eq!(memory_of_scripts(&store), 0);
    check(&store, &[("return 1", ":1")]);
}

#[test]
fn sources_of_eval_are_bounded_in_bytes() {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    for name in 0..20 {
        check(&store, &[(&format!("return 1 --{name}{}", "x".repeat(100_000)), ":1")]);
    }
    let info = |field: &str| {
        let info = store.answer("INFO").to_string();
        let (_, behind) = info.split_once(field).expect("the field");
        behind.chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    assert_eq!((info("number_of_cached_scripts:"), info("evicted_scripts:")), ("5".to_owned(), "15".to_owned()));
}

#[test]
fn replies_are_converted_to_values_of_lua() {
    let store = TestStore::new();
    store.check([("SET k 5", "+OK"), ("RPUSH l a b", ":2"), ("ZADD z 1.5 m", ":1"), ("HSET h f v", ":1")]);
    check(
        &store,
        &[
            ("return type(redis.call('get', 'missing'))", "\"boolean\""),
            ("return redis.call('get', 'k') + 1", ":6"),
            ("return redis.call('set', 'k', 6).ok", "\"OK\""),
            ("return redis.call('incr', 'k') * 2", ":14"),
            ("return #redis.call('lrange', 'l', 0, -1)", ":2"),
            ("return redis.call('zrange', 'z', 0, -1, 'withscores')", "[\"m\", \"1.5\"]"),
            ("return redis.call('hgetall', 'h')", "[\"f\", \"v\"]"),
            ("redis.setresp(3) return redis.call('hgetall', 'h').map.f", "\"v\""),
            ("redis.setresp(3) return redis.call('zscore', 'z', 'm').double == 1.5", "true"),
            ("redis.setresp(3) return type(redis.call('get', 'missing'))", "\"nil\""),
            ("redis.setresp(3) return redis.call('zrange', 'z', 0, -1, 'withscores')[1][1]", "\"m\""),
            ("redis.call('set', 'n', 1.5) return redis.call('get', 'n')", "\"1.5\""),
            ("redis.call('set', 'n', 10) return redis.call('get', 'n')", "\"10\""),
        ],
    );
}

#[test]
fn keys_and_arguments_are_bytes() {
    let store = TestStore::new();
    let command = Command::new("EVAL").with_args(["return {KEYS[1], ARGV[1], #ARGV[2], KEYS[2]}", "1", "k", "v"]);
    let response = store.answer_to(command.arg(&b"\x00\xff\r\n"[..]));
    assert_eq!(response.to_string(), "[\"k\", \"v\", :4]");
    store.check([
        ("EVAL x", "-ERR wrong number of arguments for 'eval' command"),
        ("EVAL return a", "-ERR value is not an integer or out of range"),
        ("EVAL return -1", "-ERR Number of keys can't be negative"),
        ("EVAL return 2 a", "-ERR Number of keys can't be greater than number of args"),
    ]);
}

#[test]
fn a_script_is_found_by_its_hash_in_any_case() {
    let store = TestStore::new();
    const MISSING: &str = "-NOSCRIPT No matching script. Please use EVAL.";
    let sha = Sha::of(b"return 1").to_string();
    let by_hash = |sha: &str| format!("EVALSHA {sha} 0");
    store.check([
        (&*by_hash(&sha), MISSING),
        ("EVALSHA x 0", MISSING),
        (&*format!("SCRIPT SHOW {sha}"), "-NOSCRIPT No matching script."),
    ]);
    check(&store, &[("return 1", ":1")]);
    let load = Command::new("SCRIPT").with_args(["LOAD", "return 2"]);
    let loaded = store.answer_to(load).to_string();
    let other = loaded.trim_matches('"');
    store.check([
        (&*by_hash(&sha), ":1"),
        (&*by_hash(&sha.to_uppercase()), ":1"),
        (&*by_hash(other), ":2"),
        (&*format!("EVALSHA_RO {other} 0"), ":2"),
        (&*format!("SCRIPT EXISTS {sha} {other} {} x", "0".repeat(40)), "[:1, :1, :0, :0]"),
        (&*format!("SCRIPT SHOW {other}"), "\"return 2\""),
        ("SCRIPT FLUSH", "+OK"),
        (&*by_hash(&sha), MISSING),
        ("SCRIPT FLUSH ASYNC", "+OK"),
        ("SCRIPT FLUSH FOO", "-ERR SCRIPT FLUSH only support SYNC|ASYNC option"),
        ("SCRIPT EXISTS", "-ERR wrong number of arguments for 'script|exists' command"),
        ("SCRIPT KILL", "-NOTBUSY No scripts in execution right now."),
        ("SCRIPT DEBUG no", "+OK"),
        ("SCRIPT DEBUG YES", "-ERR There is no debugger of scripts"),
        ("SCRIPT DEBUG x", "-ERR Use SCRIPT DEBUG YES/SYNC/NO"),
    ]);
    check(&store, &[("return 1", ":1")]);
}

#[test]
fn an_error_says_in_which_script_and_line() {
    let store = TestStore::new();
    store.check([("SET k v", "+OK")]);
    for (source, line, text) in [
        ("return redis.call('incr', 'k')", 1, "ERR value is not an integer or out of range"),
        (
            "\nreturn redis.call('lpush', 'k', 'a')",
            2,
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("return redis.call('nosuch')", 1, "ERR Unknown Redis command called from script"),
        ("return redis.call('get')", 1, "ERR Wrong number of args calling Redis command from script"),
        ("return redis.call('get', {})", 1, "ERR Lua redis lib command arguments must be strings or integers"),
        ("return redis.call()", 1, "ERR Please specify at least one argument for this redis lib call"),
        ("return redis.call('eval', 'return 1', 0)", 1, "ERR This Redis command is not allowed from script"),
        ("return redis.call('client', 'id')", 1, "ERR This Redis command is not allowed from script"),
        ("error(true)", 1, "ERR true"),
        ("return redis.call('multi')", 1, "ERR This Redis command is not allowed from script"),
        // Those that the server does not have too.
        ("return redis.call('acl', 'whoami')", 1, "ERR This Redis command is not allowed from script"),
        ("return redis.call('debug', 'object', 'k')", 1, "ERR This Redis command is not allowed from script"),
        ("return redis.call('failover')", 1, "ERR This Redis command is not allowed from script"),
        ("return redis.call('module', 'list')", 1, "ERR This Redis command is not allowed from script"),
        ("return redis.call('acl')", 1, "ERR Wrong number of args calling Redis command from script"),
        ("return redis.call('psync')", 1, "ERR Wrong number of args calling Redis command from script"),
        ("return redis.call('sync')", 1, "ERR This Redis command is not allowed from script"),
        ("return redis.call('client', 'nosuch')", 1, "ERR Unknown Redis command called from script"),
        ("return redis.call('config', 'nosuch')", 1, "ERR Unknown Redis command called from script"),
        ("return redis.acl_check_cmd()", 1, "ERR Please specify at least one argument for this redis lib call"),
        ("return redis.acl_check_cmd('nosuch')", 1, "ERR Invalid command passed to redis.acl_check_cmd()"),
        ("return redis.acl_check_cmd('config', 'nosuch')", 1, "ERR Invalid command passed to redis.acl_check_cmd()"),
        ("error('boom')", 1, "ERR user_script:1: boom"),
        ("error({err = 'MY error'})", 1, "MY error"),
        ("error({err = 1})", 1, "1"),
        ("return redis.setresp(4)", 1, "ERR RESP version must be 2 or 3."),
        ("return nothing", 1, "ERR user_script:1: Script attempted to access nonexistent global variable 'nothing'"),
        ("x = 1", 1, "ERR user_script:1: Attempt to modify a readonly table"),
    ] {
        assert_eq!(answer(&store, source), format!("-{text}{}", at(source, line)), "{source}");
    }
    check(
        &store,
        &[
            // The number of arguments does not matter.
            ("return redis.acl_check_cmd('set')", ":1"),
            ("return redis.acl_check_cmd('config')", ":1"),
            ("return redis.acl_check_cmd('get', 'a', 'b', 'c')", ":1"),
            ("return redis.pcall('incr', 'k')", "-ERR value is not an integer or out of range"),
            ("return redis.pcall('incr', 'k').err", "\"ERR value is not an integer or out of range\""),
            (
                "local ok, e = pcall(redis.call, 'incr', 'k') return e",
                "\"ERR value is not an integer or out of range\"",
            ),
        ],
    );
    assert!(answer(&store, "return (").starts_with("-ERR Error compiling script (new function): user_script:1: "));
    store.check([(&*format!("SCRIPT EXISTS {}", Sha::of(b"return (")), "[:0]")]);
}

#[test]
fn a_script_that_reads_writes_nothing() {
    let store = TestStore::new();
    let write = "return redis.call('set', 'k', 'v')";
    let refused = format!("-ERR Write commands are not allowed from read-only scripts.{}", at(write, 1));
    let read_only = Command::new("EVAL_RO").with_args([write, "0"]);
    assert_eq!(store.answer_to(read_only).to_string(), refused);
    // Also by a sub-command.
    let group =
        Command::new("EVAL_RO").with_args(["return redis.call('xgroup', 'create', 'k', 'g', '0', 'mkstream')", "0"]);
    let shown = store.answer_to(group).to_string();
    assert!(shown.starts_with("-ERR Write commands are not allowed from read-only scripts."), "{shown}");
    let marked = format!("#!lua flags=no-writes\n{write}");
    assert_eq!(
        answer(&store, &marked),
        format!("-ERR Write commands are not allowed from read-only scripts.{}", at(&marked, 2))
    );
    let unmarked = Command::new("EVAL_RO").with_args([&*format!("#!lua\n{write}"), "0"]);
    assert_eq!(
        store.answer_to(unmarked).to_string(),
        "-ERR Can not execute a script with write flag using *_ro command."
    );
    store.check([("EXISTS k", ":0")]);
}

#[test]
fn select_in_a_script_is_for_the_script_alone() {
    let store = TestStore::new();
    let mut client = store.client();
    client.check([("SET k zero", "+OK")]);
    let script =
        "redis.call('get', 'k') redis.call('select', 3) redis.call('set', 'k', 'three') return redis.call('get', 'k')";
    assert_eq!(client.answer_to(eval(script, &[])).to_string(), "\"three\"");
    client.check([("GET k", "\"zero\""), ("MOVE k 3", ":0")]);
    check(&store, &[("redis.call('flushall') return redis.call('dbsize')", ":0")]);
    client.check([("GET k", "(nil)")]);
    assert_eq!(
        answer(&store, "redis.call('select', 99)"),
        format!("-ERR DB index is out of range{}", at("redis.call('select', 99)", 1))
    );
}

#[test]
fn commands_that_wait_do_not_wait_in_a_script() {
    check(
        &TestStore::new(),
        &[
            ("return redis.call('blpop', 'l', 0)", "(nil)"),
            ("redis.call('rpush', 'l', 'a') return redis.call('blpop', 'l', 0)", "[\"l\", \"a\"]"),
            ("return redis.call('wait', 1, 0)", ":0"),
            ("return redis.call('waitaof', 0, 1, 0)", "[:0, :0]"),
            (
                "return redis.pcall('waitaof', 1, 0, 0)",
                "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            ),
        ],
    );
}

#[test]
fn scripts_run_in_transactions() {
    let store = TestStore::new();
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("SET k 1", "+QUEUED")]);
    for source in ["return redis.call('incr', 'k')", "redis.call('select', 2) return redis.call('set', 'k', 9)"] {
        assert_eq!(client.answer_to(eval(source, &[])).to_string(), "+QUEUED");
    }
    client.check([("GET k", "+QUEUED"), ("EXEC", "[+OK, :2, +OK, \"2\"]")]);
}

#[test]
fn time_stands_still_and_chance_repeats() {
    let store = TestStore::new();
    check(
        &store,
        &[(
            "local t = redis.call('time') for i = 1, 1000 do local x = redis.call('time') if x[2] ~= t[2] then return 0 end end return 1",
            ":1",
        )],
    );
}

#[test]
fn each_run_draws_other_random_numbers_unless_it_seeds_them() {
    let store = TestStore::new();
    let draw = "return tostring(math.random())";
    assert_ne!(answer(&store, draw), answer(&store, draw));
    let seeded = "math.randomseed(7) return tostring(math.random())";
    assert_eq!(answer(&store, seeded), answer(&store, seeded));
}

#[test]
fn a_call_may_have_as_many_arguments_as_a_table_unpacks() {
    let push = "local a = {} for i = 1, 7999 do a[i] = 1 end return redis.call('rpush', 'l', unpack(a))";
    check(&TestStore::new(), &[(push, ":7999")]);
}

#[test]
fn names_of_a_table_are_found_in_the_order_of_redis() {
    let names = "local t = {} for i, name in ipairs({'name', 'id', 'x', 'y', 'timestamp', 'opts', 'data'}) do t[name] = i end \
        local found = {} for name in pairs(t) do found[#found + 1] = name end return table.concat(found, ' ')";
    check(&TestStore::new(), &[(names, "\"y x name id timestamp data opts\"")]);
}

#[test]
fn a_set_that_a_script_does_not_sort_is_in_order() {
    let store = TestStore::new();
    store.check([("SADD s b aa a aaa", ":4")]);
    check(
        &store,
        &[
            ("return redis.call('sort', 's', 'by', 'nosort')", r#"["a", "aa", "aaa", "b"]"#),
            ("return redis.call('sort', 's', 'by', 'nosort', 'limit', 1, 2)", r#"["aa", "aaa"]"#),
        ],
    );
    store.check([("SORT s BY nosort", r#"["b", "aa", "a", "aaa"]"#)]);
}

#[test]
fn a_script_that_takes_long_goes_on_where_no_connection_waits() {
    let store = TestStore::new();
    let long = eval("for i = 1, 3000000 do end redis.call('set', 'k', 'v') return redis.call('get', 'k')", &[]);
    assert!(store.postpones(&long));
    let answer = tokio_test::block_on(tower::ServiceExt::oneshot(store.store().clone(), long));
    assert_eq!(answer.expect("it does not fail").to_string(), "\"v\"");
    assert!(!store.postpones(&eval("return redis.call('get', 'k')", &[])));
}

#[test]
fn a_library_or_a_reply_that_takes_long_keeps_no_connection_waiting() {
    let store = TestStore::new();
    for source in [
        "cjson.encode_sparse_array(true, 0, 0) return #cjson.encode({[3e6] = 1})",
        "local t = {1} for i = 1, 18 do t = {t, t} end return t",
        "local function f(...) return 1 + f(..., ...) end return f(unpack({}, 1, 200))",
    ] {
        assert!(store.postpones(&eval(source, &[])), "{source}");
    }
}

#[test]
fn a_reply_is_bounded_by_the_memory_of_scripts() {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    let too_large = "-ERR the reply of the script is too large";
    check(
        &store,
        &[
            ("local t = {1} for i = 1, 40 do t = {t, t} end return t", too_large),
            ("local s = string.rep('x', 1e6) return {s, s, s, s}", too_large),
            ("local s = string.rep('x', 1e6) return {{ok = s}, {ok = s}, {ok = s}, {ok = s}}", too_large),
            ("redis.setresp(3) local t = 1.5 for i = 1, 40 do t = {map = {[1] = t, [2] = t}} end return t", too_large),
            ("return {1, {2}}", "[:1, [:2]]"),
        ],
    );
}

#[test]
fn what_a_weak_table_loses_while_it_is_converted_is_a_null() {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    // The large string makes garbage be collected while the table is converted.
    let weak = "local keep, t = {}, setmetatable({}, {__mode = 'v'}) for i = 1, 3 do keep[i] = {i} t[i] = keep[i] end \
        keep[1][1] = string.rep('x', 16e5) local garbage = string.rep('g', 1e6) return t";
    let shown = store.answer_to(eval(weak, &[])).to_string();
    assert!(shown.ends_with("x\"], (nil), (nil)]"), "{}", &shown[shown.len().saturating_sub(100)..]);
}

#[test]
fn a_script_may_keep_to_the_keys_that_it_declares() {
    let undeclared = "-ERR Script attempted to access a key that it did not declare";
    for (first_line, setting) in [("#!lua flags=declared-keys\n", "no"), ("", "yes")] {
        let (store, told) = TestStore::observed_with_threads(4);
        store.check([("SET k v", "+OK"), ("SET other v", "+OK")]);
        store.check([(&*format!("CONFIG SET script-declared-keys {setting}"), "+OK")]);
        told.take();
        let run = |code: &str| store.answer_to(eval(&format!("{first_line}{code}"), &["2", "k", "l"])).to_string();
        for call in [
            "'get', 'other'",
            "'rename', 'k', 'other'",
            "'mget', 'k', 'l', 'other'",
            "'dbsize'",
            "'keys', '*'",
            "'randomkey'",
            "'flushall'",
            "'move', 'k', 1",
            "'copy', 'k', 'l', 'db', 1",
            "'sort', 'l', 'by', 'other*'",
            "'blmove', 'k', 'other', 'left', 'left', 0",
        ] {
            assert_eq!(run(&format!("return redis.pcall({call})")), undeclared, "{call}");
        }
        assert_eq!(run("redis.call('select', 1) return redis.pcall('get', 'k')"), undeclared);
        assert!(told.take().is_empty());
        let source = "redis.call('rpush', KEYS[2], 'a', 'b') redis.call('ping') redis.call('time') \
            redis.call('del', 'k') return redis.call('lrange', 'l', 0, -1)";
        assert_eq!(run(source), r#"["a", "b"]"#);
        assert_eq!(told.take().len(), 1);
        store.check([("GET other", "\"v\""), ("EXISTS k", ":0")]);
    }
}

#[test]
fn a_function_may_keep_to_its_keys_too() {
    let store = TestStore::new();
    let library = "#!lua name=l\nredis.register_function{function_name = 'f', flags = {'declared-keys'}, \
        callback = function(keys, args) return redis.pcall('get', args[1]) end}";
    assert_eq!(store.answer_to(Command::new("FUNCTION").with_args(["LOAD", library])).to_string(), "\"l\"");
    store.check([
        ("SET a 1", "+OK"),
        ("FCALL f 1 a a", "\"1\""),
        ("FCALL f 1 b a", "-ERR Script attempted to access a key that it did not declare"),
    ]);
    assert!(store.answer("FUNCTION LIST").to_string().contains("declared-keys"));
}

#[test]
fn functions_are_called_by_name() {
    let store = TestStore::new();
    let code = "#!lua name=mylib\n\
        local calls = 0\n\
        redis.register_function('f', function(keys, args) calls = calls + 1 return {keys[1], args[1], calls} end)\n\
        redis.register_function{function_name = 'r', callback = function() return redis.call('get', 'k') end, flags = {'no-writes'}}\n";
    let load = |words: &[&str]| store.answer_to(Command::new("FUNCTION").with_args(words)).to_string();
    assert_eq!(load(&["LOAD", code]), "\"mylib\"");
    assert_eq!(load(&["LOAD", code]), "-ERR Library 'mylib' already exists");
    store.check([
        ("FCALL f 1 k a", "[\"k\", \"a\", :1]"),
        ("FCALL f 1 k a", "[\"k\", \"a\", :2]"),
        ("FCALL r 0", "(nil)"),
        ("FCALL_RO r 0", "(nil)"),
        ("FCALL_RO f 0", "-ERR Can not execute a script with write flag using *_ro command."),
        ("FCALL R 0", "(nil)"),
        ("FCALL g 0", "-ERR Function not found"),
        ("FCALL f a", "-ERR Bad number of keys provided"),
        ("FUNCTION STATS", r#"{"running_script": (nil), "engines": {"LUA": {"libraries_count": :1, "functions_count": :2}}}"#),
        (
            "FUNCTION LIST",
            r#"[{"library_name": "mylib", "engine": "LUA", "functions": [{"name": "f", "description": (nil), "flags": {}}, {"name": "r", "description": (nil), "flags": {+no-writes}}]}]"#,
        ),
        ("FUNCTION LIST LIBRARYNAME x*", "[]"),
        ("FUNCTION LIST LIBRARYNAME", "-ERR library name argument was not given"),
        ("FUNCTION LIST FOO", "-ERR Unknown argument FOO"),
        ("FUNCTION DELETE x", "-ERR Library not found"),
    ]);
    assert_eq!(load(&["LOAD", "REPLACE", code]), "\"mylib\"");
    store.check([("FCALL f 1 k a", "[\"k\", \"a\", :1]")]);
    let dumped = store.answer("FUNCTION DUMP");
    let payload = dumped.as_bytes().expect("a payload").to_vec();
    let restore = || Command::new("FUNCTION").arg("RESTORE").arg(payload.clone());
    assert_eq!(store.answer_to(restore()).to_string(), "-ERR Library mylib already exists");
    store.check([("FUNCTION FLUSH", "+OK"), ("FCALL f 1 k a", "-ERR Function not found"), ("FUNCTION LIST", "[]")]);
    assert_eq!(store.answer_to(restore()).to_string(), "+OK");
    assert_eq!(store.answer_to(restore().arg("REPLACE")).to_string(), "+OK");
    store.check([
        ("FCALL f 1 k a", "[\"k\", \"a\", :1]"),
        ("FUNCTION DELETE mylib", "+OK"),
        ("FUNCTION RESTORE x", "-ERR DUMP payload version or checksum are wrong"),
        ("FUNCTION KILL", "-NOTBUSY No scripts in execution right now."),
        (
            "FUNCTION RESTORE x FLUSH y",
            "-ERR unknown subcommand or wrong number of arguments for 'RESTORE'. Try FUNCTION HELP.",
        ),
        (
            "FUNCTION flush SYNC y",
            "-ERR unknown subcommand or wrong number of arguments for 'flush'. Try FUNCTION HELP.",
        ),
        ("FUNCTION FLUSH FOO", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option"),
        ("FUNCTION FOO", "-ERR unknown subcommand 'FOO'. Try FUNCTION HELP."),
    ]);
}

#[test]
fn a_library_that_is_not_valid_is_refused() {
    let store = TestStore::new();
    for (code, expected) in [
        ("return 1", "ERR Missing library metadata"),
        ("#!bad name=x\n", "ERR Engine 'bad' not found"),
        ("#!lua name=x\n", "ERR No functions registered"),
        (
            "#!lua name=x\nredis.register_function('f', 1)",
            "second argument to redis.register_function must be a function",
        ),
        ("#!lua name=x\nredis.register_function('a b', function() end)", "Function names can only contain letters"),
        ("#!lua name=x\nredis.register_function{callback = function() end}", "must get a function name argument"),
        (
            "#!lua name=x\nredis.register_function{function_name = 'f', callback = function() end, flags = {'x'}}",
            "unknown flag given",
        ),
        ("#!lua name=x\nredis.call('ping')", "Script attempted to access nonexistent global variable 'call'"),
        ("#!lua name=x\nmath.random()", "Script attempted to access nonexistent global variable 'math'"),
        (
            "#!lua name=x\nlocal t = getmetatable(_G)",
            "Script attempted to access nonexistent global variable 'getmetatable'",
        ),
        ("#!lua name=x\ny = 1", "Attempt to modify a readonly table"),
        ("#!lua name=x\nredis.y = 1", "Attempt to modify a readonly table"),
        ("#!lua name=x\nreturn (", "ERR Error compiling function: user_function:2:"),
    ] {
        let answer = store.answer_to(Command::new("FUNCTION").with_args(["LOAD", code])).to_string();
        assert!(answer.starts_with('-') && answer.contains(expected), "{code}: {answer}");
    }
    store.check([("FUNCTION LIST", "[]")]);
}

#[test]
fn libraries_take_memory_until_they_are_flushed() {
    let store = TestStore::new();
    let memory = || {
        let info = store.answer("INFO memory").to_string();
        let (_, behind) = info.split_once("used_memory_vm_functions:").expect("the field");
        behind.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>().expect("a number")
    };
    for way in ["SYNC", "ASYNC"] {
        let mut before = memory();
        for number in 0..20 {
            let code = format!("#!lua name=l{number}\nredis.register_function('f{number}', function() return 1 end)");
            assert!(!store.answer_to(Command::new("FUNCTION").with_args(["LOAD", &code])).is_error());
            assert!(memory() > before, "{number}");
            before = memory();
        }
        store.check([("FCALL f19 0", ":1"), ("FUNCTION DELETE l3", "+OK"), ("FCALL f3 0", "-ERR Function not found")]);
        store.check([(&*format!("FUNCTION FLUSH {way}"), "+OK")]);
        assert_eq!(memory(), 0);
    }
}

#[test]
fn a_library_is_refused_if_there_is_no_memory_for_it_beside_the_others() {
    let large = |name: &str| {
        format!(
            "#!lua name={name}\nlocal kept = {{}} for i = 1, 10000 do kept[i] = ('{name}'):rep(40) .. i end \
             redis.register_function('{name}', function() return #kept end)"
        )
    };
    let load = |store: &TestStore, name: &str| {
        store.answer_to(Command::new("FUNCTION").with_args(["LOAD", "REPLACE", &large(name)])).to_string()
    };
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 3mb", "+OK")]);
    let names = ["a", "b", "c", "d", "e"];
    let loaded: Vec<_> = names.iter().filter(|name| load(&store, name) == format!("\"{name}\"")).collect();
    assert!((1..5).contains(&loaded.len()), "{loaded:?}");
    assert!(load(&store, "e").contains("not enough memory"));
    assert_eq!(load(&store, "a"), "\"a\"");
    for name in &loaded {
        store.check([(&*format!("FCALL {name} 0"), ":10000")]);
    }
    assert_eq!(store.answer("FUNCTION LIST").to_string().matches("library_name").count(), loaded.len());
    // What was accepted is accepted by a store with less memory, and runs when that has more.
    let replayed = TestStore::new();
    replayed.check([("CONFIG SET lua-memory-limit 512kb", "+OK")]);
    let command = Command::new("FUNCTION").with_args(["LOAD", &large("a")]);
    assert_eq!(replayed.store().apply(&Record::new(Duration::from_millis(START), vec![(0, command)])), Ok(()));
    assert!(replayed.answer("FCALL a 0").to_string().contains("not enough memory"));
    replayed.check([("CONFIG SET lua-memory-limit 3mb", "+OK"), ("FCALL a 0", ":10000")]);
}

#[test]
fn commands_of_scripts_are_in_the_slow_log() {
    let store = TestStore::new();
    store.check([("CONFIG SET slowlog-log-slower-than 0", "+OK"), ("SLOWLOG RESET", "+OK")]);
    answer(&store, "return redis.call('SET', 'a', 1)");
    let logged = store.answer("SLOWLOG GET").to_string();
    let words = logged.find(r#"["SET", "a", "1"]"#).expect("the command of the script");
    assert!(logged.find("EVAL").is_some_and(|eval| eval < words), "{logged}");
    store.check([("CONFIG SET slowlog-log-slower-than -1", "+OK"), ("SLOWLOG RESET", "+OK")]);
    answer(&store, "return redis.call('SET', 'a', 1)");
    store.check([("SLOWLOG LEN", ":0")]);
}

#[test]
fn functions_of_other_libraries_run_when_one_has_kept_all_memory() {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    let load = |code: &str| store.answer_to(Command::new("FUNCTION").with_args(["LOAD", code])).to_string();
    let greedy = "#!lua name=Greedy\nlocal kept = {} redis.register_function('greedy', function() \
                  while true do kept[#kept + 1] = {} end end)";
    assert_eq!(load(greedy), "\"Greedy\"");
    assert_eq!(
        load("#!lua name=other\nredis.register_function('other', function() return ('x'):rep(1e6) end)"),
        "\"other\""
    );
    for _ in 0..2 {
        assert!(store.answer("FCALL greedy 0").to_string().starts_with("-ERR not enough memory"));
        assert_eq!(store.answer("FCALL other 0").as_bytes().map(<[u8]>::len), Some(1_000_000));
    }
    let listed = store.answer("FUNCTION LIST LIBRARYNAME gREEDY*").to_string();
    assert!(listed.contains("Greedy") && !listed.contains("other"), "{listed}");
}

#[test]
fn a_library_is_refused_for_the_steps_that_it_takes_and_not_for_the_time() {
    let store = TestStore::new();
    let load = |code: &str| {
        let code = format!("#!lua name=l\nredis.register_function('f', function() return 1 end) {code}");
        store.answer_to(Command::new("FUNCTION").with_args(["LOAD", &code])).to_string()
    };
    const TIMEOUT: &str = "-ERR Error registering functions: ERR FUNCTION LOAD timeout";
    assert_eq!(load("while true do end"), TIMEOUT);
    assert_eq!(load("for i = 1, 51000000 do end"), TIMEOUT);
    assert_eq!(load("local function f() return f() end f()"), TIMEOUT);
    assert_eq!(load("local s = (' '):rep(2 ^ 20) .. '1' while true do local number = -s end"), TIMEOUT);
    // About a second of work.
    let work = "x = x + 1 ".repeat(160);
    assert_eq!(load(&format!("local x = 0 for i = 1, 2000000 do {work} end")), "\"l\"");
    store.check([("FCALL f 0", ":1")]);
}

#[test]
fn a_function_sees_what_scripts_see_and_its_library_what_registers_it() {
    let store = TestStore::new();
    let load = |code: &str| store.answer_to(Command::new("FUNCTION").with_args(["LOAD", "REPLACE", code])).to_string();
    let code = "#!lua name=l\n\
        local lib = redis\n\
        redis.register_function('f', function() return tostring(math.floor(1.5)) .. redis.sha1hex('') end)\n\
        redis.register_function('g', function() return redis.register_function('h', redis.log) end)\n\
        redis.register_function('k', function() lib.math = math end)\n\
        redis.register_function('m', function() lib.register_function('h', lib.log) end)\n\
        server.register_function('n', function() return nonexistent end)\n";
    assert_eq!(load(code), "\"l\"");
    let failing = "#!lua name=o\nredis.register_function('o', redis.log) redis.call()";
    let used = load("#!lua name=p\nredis.register_function('p', redis.log)");
    assert_eq!(used, "\"p\"");
    for (called, expected) in [
        ("f", "1da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("g", "attempt to call field 'register_function' (a nil value)"),
        ("k", "Attempt to modify a readonly table"),
        ("m", "redis.register_function can only be called on FUNCTION LOAD command"),
        ("n", "Script attempted to access nonexistent global variable 'nonexistent'"),
    ] {
        // A library that fails to load changes nothing.
        assert!(load(failing).contains("nonexistent global variable 'call'"));
        let answer = store.answer(&format!("FCALL {called} 0")).to_string();
        assert!(answer.contains(expected), "{called}: {answer}");
    }
}

#[test]
fn a_flush_gives_the_memory_of_functions_back() {
    let store = TestStore::new();
    let code = "#!lua name=l\nredis.register_function('f', function() return 1 end)";
    assert!(!store.answer_to(Command::new("FUNCTION").with_args(["LOAD", code])).is_error());
    store.check([("FCALL f 0", ":1")]);
    let memory = || store.answer("INFO memory").to_string();
    assert!(!memory().contains("used_memory_vm_functions:0"));
    store.check([("FUNCTION FLUSH", "+OK")]);
    assert!(memory().contains("used_memory_vm_functions:0"));
}

#[test]
fn functions_may_move_between_the_libraries_that_a_restore_replaces() {
    let library =
        |name: &str, function: &str| format!("#!lua name={name}\nredis.register_function('{function}', redis.log)");
    let load = |store: &TestStore, code: &str| {
        assert!(!store.answer_to(Command::new("FUNCTION").with_args(["LOAD", code])).is_error());
    };
    let (one, other) = (TestStore::new(), TestStore::new());
    load(&one, &library("a", "f"));
    load(&one, &library("b", "g"));
    load(&other, &library("a", "g"));
    load(&other, &library("b", "f"));
    let payload = one.answer("FUNCTION DUMP").as_bytes().expect("a payload").to_vec();
    let restore = Command::new("FUNCTION").arg("RESTORE").arg(payload).arg("REPLACE");
    assert_eq!(other.answer_to(restore).to_string(), "+OK");
    assert_eq!(other.answer("FUNCTION LIST"), one.answer("FUNCTION LIST"));
}

#[test]
fn a_reply_in_resp3_is_one_if_the_script_asks_for_it() {
    let store = TestStore::new();
    let mut client = store.client();
    client.set_protocol(Protocol::Resp3);
    client.check([("HSET h f v", ":1")]);
    let answer = client.answer_to(eval("return redis.call('hgetall', 'h')", &[]));
    assert_eq!(answer, Response::array(["f", "v"]));
}

/// Scripts that lock the rest of the shards in the middle, beside transactions and commands that lock many in their order.
#[test]
fn scripts_that_need_more_shards_and_others_do_not_wait_for_each_other() {
    const ROUNDS: usize = 200;
    let store = TestStore::with_threads(4);
    let grow = "redis.call('incr', KEYS[1]) redis.call('select', ARGV[1]) return redis.call('incr', KEYS[1])";
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let mut client = store.client();
                for round in 0..ROUNDS {
                    let (key, database) = (format!("n:{}", round % 3), (thread + round) % 3);
                    client.select(database);
                    match thread {
                        0 | 1 => {
                            let other = ((database + 1) % 3).to_string();
                            assert!(!client.answer_to(eval(grow, &["1", &key, &other])).is_error());
                        }
                        2 => {
                            client.check([("MULTI", "+OK"), ("SWAPDB 0 2", "+QUEUED"), ("DBSIZE", "+QUEUED")]);
                            assert!(!client.answer("EXEC").is_error());
                        }
                        _ => client.check([("MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7", "+OK")]),
                    }
                }
            });
        }
        scope.spawn(|| (0..ROUNDS).for_each(|_| store.store().handle.at_rest(|| ())));
    });
    let total = (0..3).map(|database| {
        let mut client = store.client();
        client.select(database);
        let values = client.answer("MGET n:0 n:1 n:2").to_string();
        values.split('"').filter_map(|part| part.parse::<usize>().ok()).sum::<usize>()
    });
    assert_eq!(total.sum::<usize>(), 4 * ROUNDS);
}

#[test]
fn an_error_of_a_library_is_that_of_redis() {
    let store = TestStore::new();
    let load = |code: &str| store.answer_to(Command::new("FUNCTION").with_args(["LOAD", code])).to_string();
    assert_eq!(load("#!lua name=l\nredis.register_function('f', function() end)"), "\"l\"");
    for (code, expected) in [
        ("#!lua name=l\nreturn (", "ERR Library 'l' already exists"),
        ("#!bad name=l\nreturn (", "ERR Engine 'bad' not found"),
        (
            "#!lua name=m\nredis.register_function('g', 1)",
            "ERR Error registering functions: ERR second argument to redis.register_function must be a function",
        ),
        (
            "#!lua name=m\nredis.register_function{flags = {'x'}}",
            "ERR Error registering functions: ERR unknown flag given",
        ),
        (
            "#!lua name=m\nlocal x = nil x.y = 1",
            "ERR Error registering functions: ERR user_function:2: attempt to index local 'x' (a nil value)",
        ),
    ] {
        assert_eq!(load(code), format!("-{expected}"), "{code}");
    }
}

#[test]
fn what_the_end_of_the_server_seals_is_no_damage() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::No), 1).expect("a new disk");
    let handle = &store.store().handle;
    handle.on_damage.set(|| {}).expect("it is set once");
    handle.scripts.running.abandon();
    let stopped = store.answer_to(eval("redis.call('set', 'k', 'v') while true do end", &[])).to_string();
    assert!(stopped.starts_with("-ERR Script killed by user"), "{stopped}");
    store.remove_expired();
    assert!(store.answer("GET k").to_string().starts_with("-MISCONF"));
    assert!(!handle.is_damage_told.load(Ordering::Relaxed));
    drop(store);
    let store = TestStore::durable(&disk, Settings::new(Fsync::No), 1).expect("what was written");
    store.check([("GET k", "(nil)")]);
}

#[test]
fn the_arguments_of_commands_are_bounded_before_they_are_copied() {
    const TOO_LARGE: &str = "-ERR The arguments of the command take more memory than lua-memory-limit allows";
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 8mb", "+OK"), ("SET k v", "+OK")]);
    let words = "local s = string.rep('x', 1e6) local t = {} for i = 1, 3000 do t[i] = s end";
    for call in ["redis.pcall('ECHO', unpack(t))", "redis.pcall('MSET', unpack(t))", "redis.acl_check_cmd(unpack(t))"] {
        let answer = answer(&store, &format!("{words} return {call}"));
        assert!(answer.starts_with(TOO_LARGE), "{call}: {answer}");
    }
    let logged = answer(&store, &format!("{words} redis.log(redis.LOG_DEBUG, unpack(t))"));
    assert!(logged.starts_with("-ERR not enough memory"), "{logged}");
    store.check([("GET k", "\"v\""), ("CONFIG SET lua-memory-limit 4gb", "+OK")]);
    // More than a command may have, whatever the limit is.
    let answer = answer(&store, &format!("{words} return redis.pcall('ECHO', unpack(t))"));
    assert!(answer.starts_with(TOO_LARGE), "{answer}");
    store.check([("GET k", "\"v\"")]);
}

/// What a command of a script is refused with whose reply is too large.
const LARGE_REPLY: &str = "-ERR the reply takes more memory than lua-memory-limit allows";

/// A script that names a field sixty times: one value is small for it, and sixty are too large.
const SIXTY: &str = "local t = {} for i = 1, 60 do t[i] = 'f' end";

/// Values of a long text in a store with little memory for scripts.
fn with_large_values() -> TestStore {
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 4mb", "+OK")]);
    let text = "x".repeat(100_000);
    store.check([
        (&*format!("HSET hash f {text}"), ":1"),
        (&format!("SADD set {text}"), ":1"),
        (&format!("ZADD sorted 1 {text}"), ":1"),
        ("XADD s 1 a 1", "\"1-0\""),
        (&format!("XADD s 2 a {text}"), "\"2-0\""),
        ("XGROUP CREATE s g 0", "+OK"),
        (&format!("XGROUP CREATECONSUMER s g {text}"), ":1"),
    ]);
    // So that the consumer has 60 pending entries, and each element of a list the same weight.
    for id in 3..60 {
        store.answer(&format!("XADD s {id} a 1"));
    }
    store.answer(&format!("XREADGROUP GROUP g {text} STREAMS s >"));
    store.answer(&format!("RPUSH list {}", ["ash"; 60].join(" ")));
    store.answer(&format!("RPUSH texts {}", [&*text; 60].join(" ")));
    store
}

#[test]
fn the_replies_of_commands_are_bounded_while_they_are_built() {
    let store = with_large_values();
    for call in [
        "'HMGET', 'hash', unpack(t)",
        "'HGETEX', 'hash', 'FIELDS', 60, unpack(t)",
        "'HRANDFIELD', 'hash', -100000000, 'WITHVALUES'",
        "'SRANDMEMBER', 'set', -100000000",
        "'ZRANDMEMBER', 'sorted', -100000000, 'WITHSCORES'",
        "'SORT', 'list', 'ALPHA', 'BY', 'h*->f'",
        "'SORT', 'list', 'BY', 'nosort', 'GET', 'h*->f'",
        "'LRANGE', 'texts', 0, -1",
        "'DUMP', 'texts'",
        "'XPENDING', 's', 'g', '-', '+', 100",
        "'XINFO', 'STREAM', 's', 'FULL', 'COUNT', 0",
        "'XCLAIM', 's', 'g', 'c', 0, unpack(ids)",
    ] {
        let source = format!("{SIXTY} local ids = {{}} for i = 1, 60 do ids[i] = 2 end return redis.pcall({call})");
        let answer = answer(&store, &source);
        assert!(answer.starts_with(LARGE_REPLY), "{call}: {}", &answer[..answer.len().min(200)]);
    }
    // Each of them is small, and all together are not.
    let names = "local t = {'STREAMS'} for i = 1, 60 do t[i + 1] = 's' t[i + 61] = '1-0' end";
    let answer_of_many = answer(&store, &format!("{names} return redis.pcall('XREAD', unpack(t))"));
    assert!(answer_of_many.starts_with(LARGE_REPLY), "{}", &answer_of_many[..200]);
    check(
        &store,
        &[
            (
                &format!(
                    "{SIXTY} redis.pcall('HMGET', 'hash', unpack(t)) return #redis.call('HMGET', 'hash', 'f', 'f')"
                ),
                ":2",
            ),
            ("return #redis.call('LRANGE', 'texts', 0, 10)", ":11"),
        ],
    );
}

#[test]
fn commands_that_change_something_are_refused_before_they_do_if_their_reply_is_too_large() {
    let store = with_large_values();
    let big = "x".repeat(5_000_000);
    for words in [&["SET", "big"][..], &["RPUSH", "big list"], &["SADD", "big set"], &["ZADD", "big sorted", "1"]] {
        assert!(!store.answer_to(Command::new(words[0]).with_args(&words[1..]).arg(&*big)).is_error());
    }
    store.check([("XGROUP CREATE s h 0", "+OK"), ("EXPIRE hash 1000", ":1")]);
    let pair = format!("a {}", "x".repeat(100_000));
    store.answer(&format!("XADD s 100 {}", [&*pair; 60].join(" ")));
    for (call, kept) in [
        (
            "'XREADGROUP', 'GROUP', 'h', 'c', 'NOACK', 'STREAMS', 's', '>'",
            ("XINFO GROUPS s", r#""last-delivered-id": "0-0""#),
        ),
        ("'LPOP', 'texts', 60", ("LLEN texts", ":60")),
        ("'HGETEX', 'hash', 'EX', 9, 'FIELDS', 60, unpack(t)", ("HTTL hash FIELDS 1 f", "[:-1]")),
        ("'GETDEL', 'big'", ("STRLEN big", ":5000000")),
        ("'GETSET', 'big', 1", ("STRLEN big", ":5000000")),
        ("'SET', 'big', 1, 'GET'", ("STRLEN big", ":5000000")),
        ("'LPOP', 'big list'", ("DBSIZE", ":10")),
        ("'SPOP', 'big set'", ("DBSIZE", ":10")),
        ("'ZPOPMIN', 'big sorted'", ("DBSIZE", ":10")),
    ] {
        let answer = answer(&store, &format!("{SIXTY} return redis.pcall({call})"));
        assert!(answer.starts_with(LARGE_REPLY), "{call}: {}", &answer[..answer.len().min(200)]);
        let found = store.answer(kept.0).to_string();
        assert!(found.contains(kept.1), "{call}: {found}");
    }
}

#[test]
fn what_a_script_writes_is_bounded_where_it_is_recorded() {
    let source = "for i = 1, 100 do redis.call('SET', 'k', string.rep('x', 1e5)) redis.call('INCR', 'n') end";
    let (store, told) = TestStore::observed();
    store.check([("CONFIG SET lua-memory-limit 512kb", "+OK")]);
    let refused = answer(&store, source);
    assert!(
        refused.starts_with("-ERR what the script has written so far takes more memory than lua-memory-limit allows"),
        "{refused}"
    );
    store.check([("GET n", "\"20\"")]);
    let replayed = TestStore::new();
    told.take().iter().for_each(|(record, _)| assert_eq!(replayed.store().apply(record), Ok(())));
    replayed.check([("GET n", "\"20\""), ("STRLEN k", ":100000")]);
    // Nothing is kept for a record that nobody gets.
    let store = TestStore::new();
    store.check([("CONFIG SET lua-memory-limit 512kb", "+OK")]);
    assert_eq!(answer(&store, source), "(nil)");
    store.check([("GET n", "\"100\"")]);
    // Nor for clients that watch other keys, however many changes there are.
    let mut watching = store.client();
    watching.check([("WATCH other", "+OK")]);
    assert_eq!(answer(&store, "for i = 1, 30000 do redis.call('INCR', 'n') end"), "(nil)");
    watching.check([("MULTI", "+OK"), ("GET n", "+QUEUED"), ("EXEC", "[\"30100\"]"), ("WATCH n", "+OK")]);
    assert_eq!(answer(&store, "for i = 1, 30000 do redis.call('INCR', 'n') end"), "(nil)");
    watching.check([("MULTI", "+OK"), ("GET n", "+QUEUED"), ("EXEC", "(nil)")]);
}

#[test]
fn replies_of_many_elements_are_converted_whatever_form_they_have() {
    let store = TestStore::new();
    store.check([("HSET h a 1 b 2", ":2"), ("ZADD z 1.5 m", ":1"), ("SADD s x", ":1"), ("SET v w", "+OK")]);
    check(
        &store,
        &[
            ("return redis.call('HGETALL', 'h')", r#"["a", "1", "b", "2"]"#),
            ("return redis.call('ZRANGE', 'z', 0, -1, 'WITHSCORES')", r#"["m", "1.5"]"#),
            ("return redis.call('SMEMBERS', 's')", r#"["x"]"#),
            ("return redis.call('MGET', 'v', 'none', 'v')", r#"["w", (nil), "w"]"#),
            ("redis.setresp(3) return redis.call('HGETALL', 'h').map.b", "\"2\""),
            ("redis.setresp(3) return redis.call('ZRANGE', 'z', 0, -1, 'WITHSCORES')[1][2].double * 2", ":3"),
            ("redis.setresp(3) return redis.call('SMEMBERS', 's').set.x and 1", ":1"),
            ("redis.setresp(3) return #redis.call('MGET', 'v', 'v')", ":2"),
        ],
    );
}
