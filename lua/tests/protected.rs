//! What scripts must not change or reach, and the faults of Lua that are public.

use kvstore_lua::Limits;

use crate::support::{Outcome, interpreter, returns, run, run_in};

#[track_caller]
fn fails(source: &str, expected: &str) {
    match run(source) {
        Outcome::Error(error) => assert!(error.contains(expected), "{source}: {error}"),
        outcome => panic!("{source}: {outcome:?}"),
    }
}

const READONLY: &str = "Attempt to modify a readonly table";

#[test]
fn absent_globals_are_refused_in_the_words_of_redis() {
    let Outcome::Error(error) = run("return nothing") else { panic!("there is no such global") };
    assert_eq!(error, "user_script:1: Script attempted to access nonexistent global variable 'nothing'");
    for name in ["print", "dofile", "loadfile", "require", "module", "package", "io", "debug", "jit"] {
        fails(&format!("return {name}"), "nonexistent global variable");
    }
}

#[test]
fn globals_are_readonly_in_every_way() {
    for write in [
        "x = 1",
        "function f() end",
        "_G.x = 1",
        "tostring = 1",
        "rawset(_G, 'x', 1)",
        "table.insert(_G, 1)",
        "setmetatable(_G, {})",
        "setmetatable(_G, nil)",
        "getmetatable(_G).__index = nil",
        "rawset(getmetatable(_G), '__index', nil)",
        "setmetatable(getmetatable(_G), {})",
        "getfenv().x = 1",
        "getfenv(0).x = 1",
        "getfenv(tostring).x = 1",
        "coroutine.wrap(function() x = 1 end)()",
        "loadstring('x = 1')()",
        "for i = 1, 1 do rawset(getfenv(1), 1, 1) end",
    ] {
        fails(write, READONLY);
    }
}

#[test]
fn libraries_are_readonly_in_every_way() {
    for library in ["string", "table", "math", "coroutine", "os"] {
        fails(&format!("{library}.x = 1"), READONLY);
        fails(&format!("rawset({library}, 'x', 1)"), READONLY);
        fails(&format!("setmetatable({library}, {{}})"), READONLY);
        fails(&format!("table.insert({library}, 1)"), READONLY);
    }
    fails("table.sort(setmetatable(string, nil))", READONLY);
    fails("table.remove(string)  string[1] = 1", READONLY);
}

#[test]
fn cve_2025_46818_metatables_of_basic_types_are_shared_and_readonly() {
    fails("getmetatable('').__index = function() return 'taken' end", READONLY);
    fails("getmetatable('').__add = 1", READONLY);
    fails("rawset(getmetatable(''), '__index', {})", READONLY);
    fails("setmetatable(getmetatable(''), {})", READONLY);
    fails("setmetatable('', {})", "table expected");
    for value in ["1", "nil", "true", "print_not_there and 1 or function() end"] {
        returns(
            &format!("return tostring(pcall(getmetatable, ({value})) and getmetatable(({value})))")
                .replace("print_not_there", "false"),
            "nil",
        );
    }
}

#[test]
fn cve_2025_49844_the_name_of_a_chunk_outlives_the_parser() {
    // The name ends at the zero, so that the argument of `load` does not hold it; the parser does, while the reader
    // collects garbage and makes other strings of its size.
    let source = "for i = 1, 300 do
            local function name() return '@' .. ('n'):rep(1000) .. i end
            local parts = 0
            local f = load(function()
                parts = parts + 1
                collectgarbage()
                local _ = ('other'):rep(201) .. i
                if parts < 4 then return 'local a' .. parts .. ' = ' .. parts .. ' ' end
                if parts == 4 then return 'error(\"x\")' end
            end, name() .. '\\0 cut off')
            local _, message = pcall(f)
            assert(message:find('n' .. i .. ':1: x', 1, true), message)
        end return 'whole'";
    returns(source, "whole");
}

#[test]
fn cve_2025_46817_unpack_of_any_range_is_refused_or_right() {
    for range in
        ["0, 2^31 - 1", "-2^31, 2^31 - 1", "-2^31 + 1, 2^31 - 1", "1, 2^31 - 1", "-2^31, -1", "-2^31, 0", "1, 8001"]
    {
        fails(&format!("return unpack({{}}, {range})"), "too many results to unpack");
    }
    returns("return select('#', unpack({}, 2^31 - 1, -2^31))", "0");
    returns("return select('#', unpack({}, -2^31, -2^31))", "1");
    returns("return select('#', unpack({ 1 }, 2^31 - 1, 2^31 - 1))", "1");
    returns("return (select(3, unpack({ 'a', 'b', 'c' })))", "c");
    returns("local t = {} t[-2^31] = 'least' return rawget(t, -2^31) .. tostring(t[2^31 - 1])", "leastnil");
}

#[test]
fn cve_2025_46819_delimiters_of_any_length_are_read_within_their_bounds() {
    returns("return #[==[a]=]b]==]", "5");
    returns("return [[\nfirst line]]", "first line");
    returns("return 'x' --[=[ ]] ]=]", "x");
    let mut lua = interpreter(Limits::new().memory(256 << 20));
    for count in [0, 1, 2, 255, 65_536, 3_000_000] {
        let equals = "=".repeat(count);
        let source = format!("local a = [{equals}[inside]{equals}] return a");
        assert_eq!(run_in(&mut lua, source.as_bytes()), Outcome::Text("inside".to_owned()), "{count}");
        let source = format!("return [{equals}[inside]{equals}=]");
        assert!(matches!(run_in(&mut lua, source.as_bytes()), Outcome::Error(_)), "{count}");
        let source = format!("return [{equals}x");
        assert!(matches!(run_in(&mut lua, source.as_bytes()), Outcome::Error(_)), "{count}");
    }
}

#[test]
fn cve_2024_46981_nothing_is_called_when_garbage_is_collected() {
    let source = "local called = 0
        for i = 1, 100 do local p = newproxy(true) getmetatable(p).__gc = function() called = called + 1 end end
        collectgarbage() collectgarbage()
        return called";
    returns(source, "0");
}

#[test]
fn bytecode_is_made_and_never_loaded() {
    returns("return string.dump(function() end):sub(2, 5)", "LuaQ");
    fails("return string.dump(type)", "unable to dump given function");
    returns("local up = 1 return loadstring(string.dump(function(a) return a, up, 'x', 1.5, nil, true end))", "nil");
    fails("loadstring(string.dump(function() return 1 end))()", "attempt to call a nil value");
    for source in ["\x1bLua\x51\0\x01\x04\x08\x04\x08\0", "\x1bLuaQ", "\x1b"] {
        let mut lua = interpreter(Limits::new());
        let Outcome::Error(error) = run_in(&mut lua, source.as_bytes()) else { panic!("it is no source") };
        assert!(error.starts_with("user_script:1: unexpected symbol near 'char(27)'"), "{error}");
    }
    returns("return select(2, loadstring('\\27Lua'))", "[string \"\x1bLua\"]:1: unexpected symbol near 'char(27)'");
}

#[test]
fn what_a_script_sets_for_itself_is_gone_in_the_next() {
    let mut lua = interpreter(Limits::new());
    fails("setfenv(0, {})", "'setfenv' cannot change environment of given object");
    fails("setfenv(tostring, {})", "'setfenv' cannot change environment of given object");
    let left = "collectgarbage('stop') collectgarbage('setpause', 100000) collectgarbage('setstepmul', 1)
        math.randomseed(7) math.random()
        coroutine.wrap(function() setfenv(0, {}) coroutine.yield() end)()
        return 'left'";
    assert_eq!(run_in(&mut lua, left.as_bytes()), Outcome::Text("left".to_owned()));
    let found = "local n = collectgarbage('setpause', 200) .. ' ' .. collectgarbage('setstepmul', 200)
        return n .. ' ' .. math.random(1000000) .. ' ' .. tostring(getfenv(0) == _G)";
    assert_eq!(run_in(&mut lua, found.as_bytes()), Outcome::Text("200 200 170829 true".to_owned()));
    let garbage = b"for i = 1, 200000 do local t = { i } end return collectgarbage('count') < 4000";
    assert_eq!(run_in(&mut lua, garbage), Outcome::Text("true".to_owned()));
}

#[test]
fn many_runs_leave_no_more_memory_than_one() {
    let mut lua = interpreter(Limits::new());
    let script = b"local t = {} for i = 1, 1000 do t[i] = { tostring(i) .. math.random() } end return #t";
    run_in(&mut lua, script);
    lua.collect();
    let before = lua.memory_used();
    for _ in 0..200 {
        run_in(&mut lua, script);
    }
    assert!(lua.memory_used() < 4 << 20, "{} bytes of garbage wait", lua.memory_used());
    lua.collect();
    assert!(lua.memory_used() <= before + 4096, "{} before, {} after", before, lua.memory_used());
}

#[test]
fn what_scripts_expect_of_lua_is_there() {
    returns("return _VERSION", "Lua 5.1");
    returns("return type(os.clock())", "number");
    returns("return tostring(rawget(os, 'time')) .. tostring(rawget(os, 'execute'))", "nilnil");
    returns(
        "return string.format('%5.2f|%-5s|%05d|%x|%q|%s', 3.14159, 'ab', 42, 255, 'a\\nb', 'end')",
        " 3.14|ab   |00042|ff|\"a\\\nb\"|end",
    );
    returns("return ('key=value'):match('(%w+)=(%w+)')", "key");
    returns("return (('hello world'):gsub('o', { o = '0' }))", "hell0 w0rld");
    returns(
        "local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return table.concat(t, ',')",
        "3,2,1",
    );
    returns("return tostring(tonumber('0x10')) .. tonumber('077') .. tonumber('zz', 36)", "16771295");
    returns("local function f(...) return arg.n end return f(1, 2, 3)", "3");
    returns("return table.getn({ 1, 2 }) .. math.mod(5, 3)", "22");
    returns("local s = 0 for _, v in ipairs({ 1, 2, nil, 4 }) do s = s + v end return s", "3");
    returns("return #('x'):rep(1000) .. ('ab'):rep(3) .. ('x'):rep(0) .. ('x'):rep(-1) .. (''):rep(1e9)", "1000ababab");
    returns("return #('abc'):rep(100000) .. ('abc'):rep(100000):sub(-4)", "300000cabc");
    returns("return #(('x'):rep(70000)):rep(3)", "210000");
    returns(
        "return tostring('a' < 'b') .. tostring('a\\0b' < 'a\\0c') .. tostring('a' < 'a\\0') .. tostring('Z' < 'a')",
        "truetruetruetrue",
    );
    returns(
        "local c = coroutine.create(function(a) local b = coroutine.yield(a + 1) error('x' .. b) end)
        local _, one = coroutine.resume(c, 1) local _, two = coroutine.resume(c, 'y')
        return one .. two .. coroutine.status(c)",
        "2user_script:1: xydead",
    );
    returns("local p = newproxy(true) getmetatable(p).__index = function(_, k) return k .. '!' end return p.x", "x!");
    returns("return select(2, xpcall(function() error({ err = 'told' }) end, function(e) return e.err end))", "told");
    returns("return ('x'):rep(200):find(('x?'):rep(150)) .. ''", "1");
}
