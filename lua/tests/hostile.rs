//! Scripts that would run for ever, or take all memory: each ends once it is told to, whatever it does.

use std::io::Write as _;
use std::sync::mpsc;
use std::thread;

use kvstore_lua::{Host, Interpreter, Interrupt, Limits, Native, Raise, Reason, Stack};

use crate::support::{Outcome, guard, interpreter, run_in};

/// Scripts that never end by themselves within any time that a test may take. Each calls `started()` first.
const ENDLESS: &[(&str, &str)] = &[
    ("while", "while true do end"),
    ("while with a condition", "local x = 0 while x ~= 1 do x = 2 end"),
    ("repeat", "repeat until false"),
    ("repeat with a comparison", "local i = 0 repeat i = i + 1 until i < 0"),
    ("for", "for i = 1, math.huge do end"),
    ("for downwards", "for i = 1, 0, -1e-300 do end"),
    ("for with a step of zero", "for i = 1, 0, 0 do end for i = 0, 1, 0 do end"),
    ("for in", "for _ in function() return true end do end"),
    ("pairs over a table that is refilled", "local t = { 1 } while true do for k in pairs(t) do t[k] = 1 end end"),
    ("tail call", "local function f() return f() end f()"),
    ("mutual tail calls", "local f, g function f() return g() end function g() return f() end f()"),
    ("recursion in pcall", "local function f() pcall(f) return f() end f()"),
    ("pcall loop", "while true do pcall(function() while true do end end) end"),
    ("pcall of pcall", "local function f() while true do pcall(pcall, pcall, error) end end pcall(f) f()"),
    ("pcall that swallows everything", "repeat local ok = pcall(function() repeat until false end) until ok"),
    ("xpcall loop", "while true do xpcall(function() while true do end end, function() end) end"),
    ("error handler that loops", "xpcall(error, function() while true do end end)"),
    ("error handler that errs", "while true do xpcall(error, function() error('again') end) end"),
    ("error handler that calls xpcall", "local function h() xpcall(error, h) end while true do xpcall(error, h) end"),
    ("coroutine", "coroutine.wrap(function() while true do end end)()"),
    (
        "coroutine that yields",
        "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end",
    ),
    (
        "coroutines without end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    ),
    ("coroutine in coroutine", "local function f() return coroutine.wrap(f)() end while true do pcall(f) end"),
    (
        "pcall around a coroutine",
        "while true do pcall(coroutine.wrap(function() while true do pcall(error) end end)) end",
    ),
    ("abandoned coroutines", "while true do coroutine.wrap(function() coroutine.yield() end)() end"),
    (
        "__index",
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(function() return t[1] end) end",
    ),
    ("__index that loops", "return setmetatable({}, { __index = function() while true do end end }).x"),
    ("__newindex", "local m = {} m.__newindex = function(t, k, v) while true do end end setmetatable({}, m).x = 1"),
    ("__call", "local t = setmetatable({}, { __call = function(self) return self() end }) t()"),
    ("__eq", "local m = { __eq = function() while true do end end } return setmetatable({}, m) == setmetatable({}, m)"),
    ("__lt", "local m = { __lt = function() while true do end end } return setmetatable({}, m) < setmetatable({}, m)"),
    ("__le", "local m = { __le = function() while true do end end } return setmetatable({}, m) <= setmetatable({}, m)"),
    ("__concat", "local t = setmetatable({}, { __concat = function() while true do end end }) return t .. 'x'"),
    ("__add", "local t = setmetatable({}, { __add = function() while true do end end }) return t + 1"),
    ("__unm", "local t = setmetatable({}, { __unm = function() while true do end end }) return -t"),
    ("__len", "local p = newproxy(true) getmetatable(p).__len = function() while true do end end return #p"),
    ("__tostring", "return tostring(setmetatable({}, { __tostring = function() while true do end end }))"),
    ("__gc", "while true do local p = newproxy(true) getmetatable(p).__gc = function() while true do end end end"),
    ("__mode", "while true do local t = setmetatable({}, { __mode = 'kv' }) for i = 1, 100 do t[{}] = {} end end"),
    ("string.rep", "while true do local s = ('x'):rep(1e6) end"),
    ("string.rep of much", "while true do pcall(string.rep, ('x'):rep(1000), 1e4) end"),
    ("string.rep beyond memory", "while true do pcall(string.rep, 'x', 2^31 - 1) end"),
    ("string.find, backtracking", "return ('a'):rep(50000):find(('.-'):rep(100) .. 'b')"),
    ("string.find, greedy", "return ('a'):rep(50000):find(('a*'):rep(100) .. 'b')"),
    ("string.find, optional", "return ('a'):rep(60):find(('a?'):rep(60) .. 'b')"),
    ("string.find, captures", "return ('a'):rep(50000):find(('(a-)'):rep(30) .. 'b')"),
    ("string.find, back references", "return ('a'):rep(50000):find('(.*)(.*)(.*)%1%2%3b')"),
    ("string.find, balance", "local s = ('('):rep(100000) while true do s:find('%b()') end"),
    (
        "string.find, a long class",
        "local p = '[' .. ('b'):rep(100000) .. ']*x' while true do ('b'):rep(100000):find(p) end",
    ),
    ("string.find, frontier", "local s = ('a'):rep(100000) while true do s:find('%f[b]') end"),
    ("string.find, plain", "local s = ('a'):rep(200000) while true do s:find(('a'):rep(100000) .. 'b', 1, true) end"),
    ("string.match", "while true do ('x'):rep(1000):match('.-.-.-.-.-y') end"),
    ("string.gmatch", "for _ in ('a'):rep(50000):gmatch(('.-'):rep(50) .. 'b') do end"),
    ("string.gmatch without end", "while true do for _ in ('a'):rep(1000):gmatch('') do end end"),
    ("string.gsub", "return ('a'):rep(50000):gsub(('.-'):rep(50) .. 'b', '')"),
    ("string.gsub with a function", "return ('a'):gsub('', function() while true do end end)"),
    (
        "string.gsub with a table",
        "return ('a'):gsub('a', setmetatable({}, { __index = function() while true do end end }))",
    ),
    ("string.gsub that grows", "while true do pcall(string.gsub, ('a'):rep(1e5), 'a', ('b'):rep(1e5)) end"),
    (
        "string.format",
        "local s = ('x'):rep(1e4) while true do string.format(('%s'):rep(50), unpack((function() local t = {} for i = 1, 50 do t[i] = s end return t end)())) end",
    ),
    (
        "string.format, widths",
        "while true do string.format(('%99.99f'):rep(100), unpack((function() local t = {} for i = 1, 100 do t[i] = 1e308 end return t end)())) end",
    ),
    ("string.format, quoted", "local s = ('\\0'):rep(1e5) while true do string.format('%q', s) end"),
    ("string.reverse", "local s = ('x'):rep(1e6) while true do s:reverse() end"),
    ("string.upper and lower", "local s = ('x'):rep(1e6) while true do s:upper():lower() end"),
    ("string.byte and char", "local s = ('x'):rep(5000) while true do string.char(s:byte(1, -1)) end"),
    ("string.sub", "local s = ('x'):rep(1e6) while true do for i = 1, 100 do s:sub(i) end end"),
    ("string comparison", "local a, b = ('x'):rep(1e6) .. 'a', ('x'):rep(1e6) .. 'b' while a < b do end"),
    ("concatenation", "local s = ('x'):rep(1e5) while true do local t = s .. s .. s .. s end"),
    (
        "table.concat",
        "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(100) end while true do table.concat(t, 'yy') end",
    ),
    ("table.concat of nothing", "local t = {} for i = 1, 100000 do t[i] = '' end while true do table.concat(t) end"),
    (
        "table.sort, hostile comparison",
        "local t = {} for i = 1, 1000 do t[i] = i end while true do pcall(table.sort, t, function() return true end) end",
    ),
    ("table.sort, looping comparison", "table.sort({ 1, 2, 3 }, function() while true do end end)"),
    (
        "table.sort, growing table",
        "local t = { 1, 2, 3 } while true do pcall(table.sort, t, function(a, b) t[#t % 1000 + 1] = 1 return a < b end) end",
    ),
    (
        "table.sort of much",
        "local t = {} for i = 1, 1e5 do t[i] = -i end while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end",
    ),
    ("table.insert in front", "local t = {} while true do table.insert(t, 1, 1) if #t > 50000 then t = {} end end"),
    ("table.insert far below", "while true do pcall(table.insert, {}, -2^31, 1) end"),
    (
        "table.remove in front",
        "local t = {} while true do for i = 1, 50000 do t[i] = i end while #t > 0 do table.remove(t, 1) end end",
    ),
    ("table.foreach", "table.foreach({ 1 }, function() while true do end end)"),
    ("table.foreachi", "table.foreachi({ 1 }, function() while true do end end)"),
    ("table.maxn", "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.maxn(t) end"),
    ("unpack", "local t = {} for i = 1, 7000 do t[i] = i end while true do select('#', unpack(t)) end"),
    ("loadstring", "local s = ('local x = 1 '):rep(150) while true do loadstring(s) end"),
    ("loadstring of a comment", "local s = '--' .. ('x'):rep(1e6) while true do loadstring(s) end"),
    ("loadstring of a long string", "local s = 'return [[' .. ('x'):rep(1e6) .. ']]' while true do loadstring(s) end"),
    ("loadstring of spaces", "local s = (' '):rep(1e6) while true do loadstring(s) end"),
    (
        "loadstring of a chain of or",
        "local s = 'return ' .. ('a or '):rep(100000) .. 'a' while true do loadstring(s) end",
    ),
    ("load", "load(function() return ' ' end)"),
    ("load that loops", "load(function() while true do end end)"),
    ("load in pcall", "while true do pcall(load, function() while true do end end) end"),
    ("collectgarbage", "local t = {} for i = 1, 10000 do t[i] = {} end while true do collectgarbage() end"),
    ("collectgarbage step", "while true do collectgarbage('step', 1e9) end"),
    (
        "garbage without collection",
        "collectgarbage('stop') while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) end",
    ),
    (
        "next over an emptied table",
        "local t = {} for i = 1, 1e5 do t[i] = 1 end for i = 1, 1e5 do t[i] = nil end while true do next(t) end",
    ),
    ("length of a table made for it", "local t = {} for i = 0, 30 do t[2^i] = 1 end while true do local n = #t end"),
    ("getfenv", "while true do pcall(getfenv, 2^31 - 1) end"),
    ("tostring", "while true do tostring({}) tostring(1e300) end"),
    ("math", "while true do math.fmod(1e308, 1e-308) math.random(10) end"),
];

/// Scripts that need more memory than there is, and end by themselves.
const GREEDY: &[(&str, &str)] = &[
    ("a string that doubles", "local s = 'x' while true do s = s .. s end"),
    ("string.rep", "return ('x'):rep(2^31 - 1)"),
    ("string.rep of string.rep", "return ('x'):rep(1e6):rep(1e6)"),
    ("a table", "local t = {} for i = 1, math.huge do t[i] = i end"),
    ("a table of names", "local t = {} for i = 1, math.huge do t['x' .. i] = i end"),
    ("a table of tables", "local t = {} while true do t = { t } end"),
    ("a table from the end", "local t = {} for i = 1e9, 1, -1 do t[i] = i end"),
    ("functions", "local t = {} while true do t[#t + 1] = function() return t end end"),
    ("coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end"),
    (
        "suspended coroutines",
        "local t = {} while true do local c = coroutine.wrap(function() coroutine.yield(('x'):rep(1000)) end) c() t[#t + 1] = c end",
    ),
    ("proxies", "local t = {} while true do t[#t + 1] = newproxy(true) end"),
    ("gsub", "return ('a'):rep(1e4):gsub('a', ('b'):rep(1e5))"),
    ("concat", "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1e5) end return table.concat(t)"),
    (
        "format",
        "local s = ('x'):rep(1e6) return string.format(('%s'):rep(20), s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s)",
    ),
    ("compiled source", "local t = {} while true do t[#t + 1] = loadstring('return ' .. #t) or ('x'):rep(1e8) end"),
    ("source of a reader", "load(function() return 'local x = 1;' end) return ('x'):rep(1e8)"),
    (
        "a name of a reader",
        "load(function() return 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' end) return ('x'):rep(1e8)",
    ),
    ("upvalues", "local function f(t) return function() return t end end local t while true do t = f(t) end"),
    ("gmatch", "local t = {} for w in ('x'):rep(1e6):gmatch('.-') do t[#t + 1] = t[#t] and t[#t] .. 'yy' or 'y' end"),
    ("varargs", "local function f(...) return 1 + f(1, ...) end return f()"),
];

/// Scripts that recurse, and end by themselves with an error.
const DEEP: &[(&str, &str, &str)] = &[
    ("calls", "local function f() return 1 + f() end return f()", "stack overflow"),
    (
        "many locals",
        "local function f(a, b, c, d, e) local g, h, i = 1, 2, 3 return 1 + f(a, b, c, d, e) end return f()",
        "stack overflow",
    ),
    ("pcall", "local function f() return assert(pcall(f)) end return f()", "C stack overflow"),
    ("gsub", "local function f() return (('x'):gsub('x', f)) end return f()", "C stack overflow"),
    ("sort", "local function f() table.sort({ 1, 2, 3 }, f) end return f()", "C stack overflow"),
    ("load", "local function f() return assert(load(f)) end return f()", "C stack overflow"),
    ("coroutines", "local function f() return coroutine.wrap(f)() end return f()", "C stack overflow"),
    (
        "metamethods",
        "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) return t.x",
        "C stack overflow",
    ),
    (
        "tostring",
        "local t = {} setmetatable(t, { __tostring = function(x) return tostring(x) end }) return tostring(t)",
        "C stack overflow",
    ),
    (
        "__index chain",
        "local t = {} for i = 1, 200 do t = setmetatable({}, { __index = t }) end return t.x",
        "loop in gettable",
    ),
    (
        "__newindex chain",
        "local t = {} for i = 1, 200 do t = setmetatable({}, { __newindex = t }) end t.x = 1",
        "loop in settable",
    ),
    (
        "memory in a coroutine",
        "coroutine.wrap(function() local s = 'x' while true do s = s .. s end end)()",
        "not enough memory",
    ),
    (
        "parentheses",
        "return assert(loadstring('return ' .. ('('):rep(100000) .. '1' .. (')'):rep(100000)))",
        "too many syntax levels",
    ),
    ("nested tables", "return assert(loadstring('return ' .. ('{'):rep(100000)))", "too many syntax levels"),
    ("nested functions", "return assert(loadstring(('function f() '):rep(100000)))", "too many syntax levels"),
    ("nested blocks", "return assert(loadstring(('do '):rep(100000)))", "too many syntax levels"),
    ("operators", "return assert(loadstring('return ' .. ('- '):rep(100000) .. '1'))", "too many syntax levels"),
    (
        "concatenations in source",
        "return assert(loadstring('return ' .. ('a..'):rep(100000) .. 'a'))",
        "too many syntax levels",
    ),
    ("names of an assignment", "return assert(loadstring(('a,'):rep(10000) .. 'a = 1'))", "variables in assignment"),
    ("pattern of options", "return ('a'):rep(10000):find(('a?'):rep(10000))", "pattern too complex"),
    ("pattern of repetitions", "return ('a'):rep(10000):find(('a-'):rep(10000) .. 'b')", "pattern too complex"),
    ("captures", "return ('a'):rep(100):find(('(a)'):rep(100))", "too many captures"),
    ("results", "local t = {} for i = 1, 10000 do t[i] = i end return unpack(t)", "too many results to unpack"),
    ("bytes", "return ('x'):rep(10000):byte(1, -1)", "string slice too long"),
    (
        "arguments of a coroutine",
        "local function f(n, ...) if n == 0 then return coroutine.wrap(function() end)(...) end return f(n - 1, n, ...) end return f(9000)",
        "too many arguments to resume",
    ),
    ("errors in handlers", "local _, e = xpcall(error, function() error('x') end) error(e)", "error in error handling"),
    (
        "overflow in a handler",
        "local function f() return f() + 1 end local _, e = xpcall(f, f) error(e)",
        "error in error handling",
    ),
];

const MEMORY: usize = 8 << 20;

/// What `started` tells, and from which checkpoint on the host stops the run.
struct Watch {
    started: mpsc::Sender<()>,
    checkpoints: usize,
}

impl Host for Watch {
    fn call(&mut self, _number: u32, _stack: &mut Stack<'_>) -> Result<usize, Raise> {
        self.started.send(()).map(|()| 0).map_err(|_| Raise::new("nobody waits"))
    }

    fn checkpoint(&mut self) -> bool {
        self.checkpoints = self.checkpoints.saturating_sub(1);
        self.checkpoints > 0
    }
}

/// Runs a script until it ends. Returns why it did.
fn ends(lua: &mut Interpreter, source: &str, watch: &mut Watch) -> Option<Reason> {
    let mut run = lua.run(watch);
    run.push_native(Native::Host(0)).expect("room");
    run.set_global(b"started").expect("room");
    run.load(format!("started() {source}").as_bytes(), "@user_script").expect("it compiles");
    run.call(0, 0).err().map(|failure| failure.reason)
}

fn watch(checkpoints: usize) -> (Watch, mpsc::Receiver<()>) {
    let (started, receiver) = mpsc::channel();
    (Watch { started, checkpoints }, receiver)
}

/// That the next script runs as if there had been none before.
fn is_as_before(lua: &mut Interpreter, name: &str) {
    let outcome = run_in(lua, b"local t = {} for i = 1, 100 do t[i] = ('x'):rep(i) end return #table.concat(t)");
    assert_eq!(outcome, crate::support::Outcome::Text("5050".to_owned()), "after {name}");
}

#[test]
fn an_endless_script_ends_when_its_steps_are_used_up() {
    for (name, source) in ENDLESS {
        let _guard = guard();
        let mut lua = interpreter(Limits::new().memory(MEMORY).steps(300_000));
        let (mut watch, _started) = watch(usize::MAX);
        assert_eq!(ends(&mut lua, source, &mut watch), Some(Reason::Budget), "{name}");
        is_as_before(&mut lua, name);
    }
}

#[test]
fn an_endless_script_ends_when_its_host_says_so() {
    for (name, source) in ENDLESS {
        let _guard = guard();
        let mut lua = interpreter(Limits::new().memory(MEMORY));
        let (mut watch, _started) = watch(5);
        assert_eq!(ends(&mut lua, source, &mut watch), Some(Reason::Stopped), "{name}");
        is_as_before(&mut lua, name);
    }
}

#[test]
fn a_host_is_asked_while_a_native_function_runs_but_not_while_it_runs_itself() {
    struct Asked(usize);
    impl Host for Asked {
        fn call(&mut self, _number: u32, stack: &mut Stack<'_>) -> Result<usize, Raise> {
            (0..100).try_for_each(|_| stack.step(1000))?;
            assert_eq!(self.0, 0);
            Ok(0)
        }

        fn checkpoint(&mut self) -> bool {
            self.0 += 1;
            self.0 < 3
        }
    }
    fn endless(stack: &mut Stack<'_>) -> Result<usize, Raise> {
        loop {
            stack.step(1000)?;
        }
    }
    let mut lua = interpreter(Limits::new());
    let mut host = Asked(0);
    let mut run = lua.run(&mut host);
    run.push_native(Native::Host(0)).expect("room");
    run.call(0, 0).expect("it ends");
    run.push_native(Native::Function(endless)).expect("room");
    assert_eq!(run.call(0, 0).expect_err("it never ends").reason, Reason::Stopped);
    drop(run);
    assert_eq!(host.0, 3);
}

#[test]
fn many_arguments_are_many_steps() {
    let mut lua = interpreter(Limits::new().steps(30_000));
    let source = b"local function f(...) return 1 + f(..., ...) end return f(unpack({}, 1, 200))";
    assert_eq!(run_in(&mut lua, source), crate::support::Outcome::Ended(Reason::Budget));
}

#[test]
fn elements_end_at_the_first_nil_and_fields_are_seen() {
    let mut lua = interpreter(Limits::new());
    for (source, expected) in [
        ("return {}", (0, false)),
        ("return {1, 2, nil, 4}", (2, false)),
        ("return {1, 2, x = 1}", (2, true)),
        ("local t = {} t[1e6] = 1 t[1] = 1 return t", (1, true)),
        ("return 1", (0, false)),
    ] {
        let mut host = ();
        let mut run = lua.run(&mut host);
        run.load(source.as_bytes(), "@user_script").and_then(|()| run.call(0, 1)).expect("it runs");
        assert_eq!(run.elements(-1), expected, "{source}");
    }
}

#[test]
fn a_run_that_is_stopped_is_told_with_the_line_where_it_was() {
    for (source, line) in [
        ("while true do end", 1),
        ("pcall(error, 'x')\nwhile true do\nend", 2),
        ("\n\nwhile true do pcall(function() while true do end end) end", 3),
        ("coroutine.wrap(function()\nwhile true do end end)()", 2),
        ("local text = string.rep('a', 3000)\nwhile true do\ntext:find('a-a-a-a-b') end", 3),
    ] {
        let _guard = guard();
        let mut lua = interpreter(Limits::new());
        let (mut watch, _started) = watch(3);
        let mut run = lua.run(&mut watch);
        run.load(source.as_bytes(), "@user_script").expect("it compiles");
        let failure = run.call(0, 0).expect_err("it never ends");
        assert_eq!(failure.reason, Reason::Stopped, "{source}");
        assert_eq!((failure.source.as_deref(), failure.line), (Some("@user_script"), Some(line)), "{source}");
    }
}

#[test]
fn a_script_whose_memory_ends_is_told_with_the_line_where_it_was() {
    let mut lua = interpreter(Limits::new().memory(MEMORY));
    let mut host = ();
    let mut run = lua.run(&mut host);
    let source = b"pcall(error, 'x')\nlocal t = {}\nwhile true do t[#t + 1] = {} end";
    run.load(source, "@user_script").expect("it compiles");
    let failure = run.call(0, 0).expect_err("it takes too much");
    assert_eq!((failure.reason, failure.line), (Reason::Memory, Some(3)));
}

#[test]
fn an_endless_script_ends_when_another_thread_stops_it() {
    for (name, source) in ENDLESS {
        let _guard = guard();
        let mut lua = interpreter(Limits::new().memory(MEMORY));
        let (mut watch, started) = watch(usize::MAX);
        let interrupt: Interrupt = lua.interrupt();
        let stopper = thread::spawn(move || {
            started.recv().expect("it starts");
            interrupt.stop();
        });
        assert_eq!(ends(&mut lua, source, &mut watch), Some(Reason::Stopped), "{name}");
        stopper.join().expect("it stops the run");
        lua.interrupt().clear();
        is_as_before(&mut lua, name);
    }
}

/// How long it takes: `cargo test -p kvstore-lua -- --ignored --nocapture stopping`.
#[test]
#[ignore = "it measures, and checks nothing"]
fn stopping_takes() {
    let mut all = Vec::new();
    for (name, source) in ENDLESS {
        let _guard = guard();
        let mut lua = interpreter(Limits::new().memory(64 << 20));
        let (mut watch, started) = watch(usize::MAX);
        let interrupt: Interrupt = lua.interrupt();
        let stopper = thread::spawn(move || {
            started.recv().expect("it starts");
            thread::sleep(std::time::Duration::from_millis(100));
            interrupt.stop();
            std::time::Instant::now()
        });
        ends(&mut lua, source, &mut watch);
        let ended = std::time::Instant::now();
        all.push((ended.duration_since(stopper.join().expect("it stops the run")), name));
        lua.interrupt().clear();
    }
    all.sort();
    for (time, name) in all.iter().rev().take(12) {
        let _ = writeln!(std::io::stderr(), "{time:>12.1?}  {name}");
    }
}

#[test]
fn a_greedy_script_gets_an_error_and_no_more_than_the_bound() {
    for (name, source) in GREEDY {
        let _guard = guard();
        let mut lua = interpreter(Limits::new().memory(MEMORY).steps(100_000_000));
        let (mut watch, _started) = watch(usize::MAX);
        let reason = ends(&mut lua, source, &mut watch);
        assert_eq!(reason, Some(Reason::Memory), "{name}");
        assert!(lua.memory_used() <= MEMORY, "{name}: {}", lua.memory_used());
        is_as_before(&mut lua, name);
        lua.collect();
        assert!(lua.memory_used() < 200_000, "{name} leaves {}", lua.memory_used());
    }
}

#[test]
fn a_greedy_script_can_catch_the_error_and_go_on() {
    for (name, source) in GREEDY {
        let _guard = guard();
        let mut lua = interpreter(Limits::new().memory(MEMORY).steps(200_000_000));
        let source = format!(
            "local f = loadstring([==[{source}]==]) setfenv(f, setmetatable({{}}, {{ __index = _G }}))
            local ok, e = pcall(f) return tostring(ok) .. ' ' .. tostring(e)"
        );
        let outcome = run_in(&mut lua, source.as_bytes());
        let crate::support::Outcome::Text(text) = outcome else { panic!("{name}: {outcome:?}") };
        assert!(text.ends_with("not enough memory"), "{name}: {text}");
    }
}

#[test]
fn a_script_that_recurses_gets_an_error() {
    // With less stack than any thread has that is not told how much to have.
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(recurse).expect("a thread");
    thread.join().expect("it ends");
}

fn recurse() {
    for (name, source, expected) in DEEP {
        let _guard = guard();
        let mut lua = interpreter(Limits::new().memory(64 << 20).steps(100_000_000));
        match run_in(&mut lua, source.as_bytes()) {
            crate::support::Outcome::Error(error) => assert!(error.contains(expected), "{name}: {error}"),
            outcome => panic!("{name}: {outcome:?}"),
        }
        is_as_before(&mut lua, name);
    }
}

#[test]
fn a_stop_of_a_run_does_not_stop_the_next() {
    let mut lua = interpreter(Limits::new());
    let interrupt = lua.interrupt();
    interrupt.stop();
    assert_eq!(run_in(&mut lua, b"return 1"), crate::support::Outcome::Ended(Reason::Stopped));
    is_as_before(&mut lua, "a stop");
    interrupt.stop();
    interrupt.clear();
    is_as_before(&mut lua, "a stop that was cleared");
}

#[test]
fn the_bound_of_memory_can_be_changed() {
    let mut lua = interpreter(Limits::new().memory(64 << 20));
    let script = b"local s = ('x'):rep(5e6) return #s";
    let whole = crate::support::Outcome::Text("5000000".to_owned());
    assert_eq!(run_in(&mut lua, script), whole);
    lua.set_limits(Limits::new().memory(1 << 20));
    assert_eq!(run_in(&mut lua, script), crate::support::Outcome::Ended(Reason::Memory));
    is_as_before(&mut lua, "the bound was lowered");
    lua.set_limits(Limits::new().memory(1));
    assert_eq!(run_in(&mut lua, script), crate::support::Outcome::Ended(Reason::Memory));
    lua.set_limits(Limits::new().memory(64 << 20));
    assert_eq!(run_in(&mut lua, script), whole);
    assert!(Interpreter::new(Limits::new().memory(10_000)).is_none());
}

#[test]
fn long_rounds_and_long_functions_are_many_steps() {
    let work = "x = x + 1 ".repeat(1600);
    for source in [
        format!("local x = 0 for i = 1, 10000 do {work} end return x"),
        format!("local function f(x) {work} return x end local x = 0 for i = 1, 10000 do x = f(x) end return x"),
    ] {
        let within = |steps| run_in(&mut interpreter(Limits::new().steps(steps)), source.as_bytes());
        assert_eq!(within(900_000), Outcome::Ended(Reason::Budget));
        assert_eq!(within(1_500_000), Outcome::Text("16000000".to_owned()));
    }
}

#[test]
fn strings_that_are_read_as_numbers_are_many_steps() {
    let text = "local s = (' '):rep(1048576) .. '1'";
    for work in [
        "while true do local n = -s end",
        "while true do local n = s + s end",
        "while true do for i = s, 1 do end end",
        "while true do math.floor(s) end",
        "while true do tonumber(s) end",
        "while true do tonumber(s, 10) end",
        "while true do pcall(function() return (s .. 'x') + 1 end) end",
    ] {
        let source = format!("{text} {work}");
        let outcome = run_in(&mut interpreter(Limits::new().steps(20_000_000)), source.as_bytes());
        assert_eq!(outcome, Outcome::Ended(Reason::Budget), "{work}");
    }
    let enough = format!("{text} for _ = 1, 100 do local n = -s end return 1");
    assert_eq!(
        run_in(&mut interpreter(Limits::new().steps(1_000_000)), enough.as_bytes()),
        Outcome::Ended(Reason::Budget)
    );
    assert_eq!(
        run_in(&mut interpreter(Limits::new().steps(40_000_000)), enough.as_bytes()),
        Outcome::Text("1".to_owned())
    );
    let numbers = "local x, s = 1.5 for i = 1, 10000 do s = x .. x end return s";
    assert_eq!(
        run_in(&mut interpreter(Limits::new().steps(100_000)), numbers.as_bytes()),
        Outcome::Ended(Reason::Budget)
    );
}

#[test]
fn a_run_has_a_bound_of_its_own() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let mut run = lua.run_within(1000, &mut host);
    run.load(b"while true do end", "@user_script").expect("it compiles");
    assert_eq!(run.call(0, 0).expect_err("it has no end").reason, Reason::Budget);
    drop(run);
    assert_eq!(run_in(&mut lua, b"for i = 1, 2000 do end return 1"), Outcome::Text("1".to_owned()));
}

#[test]
fn the_same_script_takes_the_same_steps() {
    let enough = |steps| {
        let mut lua = interpreter(Limits::new().steps(steps));
        run_in(&mut lua, b"local n = 0 for i = 1, 20000 do n = n + #tostring(i) end return n")
            != crate::support::Outcome::Ended(Reason::Budget)
    };
    let (mut low, mut high) = (0, 1_000_000);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if enough(middle) { high = middle } else { low = middle }
    }
    assert!(!enough(low) && enough(high) && enough(high + 1));
    assert!(high > 40_000, "{high} steps for 20000 rounds and as many calls");
}
