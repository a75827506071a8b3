//! Sources of scripts: whatever they are, they end within their steps and their memory, and change nothing for the next.

use std::cell::RefCell;

use kvstore_lua::{Host, Interpreter, Kind, Limits, Native, Raise, Stack};

const MEMORY: usize = 1 << 20;
const STEPS: u64 = 5_000;

/// What a run tells of the globals, and that the libraries work.
const CHECK: &[u8] = b"local names, seen = {}, {}
    local function walk(t, path)
        if seen[t] then return end
        seen[t] = true
        for k, v in pairs(t) do
            names[#names + 1] = path .. tostring(k) .. ':' .. type(v)
            if type(v) == 'table' then walk(v, path .. tostring(k) .. '.') end
        end
    end
    walk(_G, '') walk(getmetatable(_G), 'meta.') walk(getmetatable(''), 'string meta.')
    table.sort(names)
    local text = table.concat(names, ' ') .. math.random() .. tostring(getfenv(0) == _G) .. ('x'):rep(3):upper()
    return text .. (('abc'):gsub('b', { b = 'd' })) .. string.format('%5.1f', 2.25) .. collectgarbage('setpause', 200)";

struct Check {
    lua: Interpreter,
    expected: Vec<u8>,
    used: usize,
    inputs: u32,
}

thread_local! {
    /// One interpreter for all inputs, so that what one leaves is found by the next.
    static CHECKED: RefCell<Check> = RefCell::new(Check::new());
}

/// A script, as bytes or as a line of tokens: it ends, takes no more memory than it may, and leaves nothing behind. With
/// the second bit of the first byte it has so little memory, and so few steps, that it ends anywhere.
pub fn scripts(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let source = if mode & 1 == 0 { rest.to_vec() } else { tokens(rest) };
    CHECKED.with_borrow_mut(|check| {
        if mode & 2 != 0 {
            let memory = check.lua.memory_used() + usize::from(mode >> 2) * 512;
            check.lua.set_limits(Limits::new().memory(memory.min(MEMORY)).steps(u64::from(mode >> 2) * 32));
        }
        check.run(&source);
        check.lua.set_limits(Limits::new().memory(MEMORY).steps(STEPS));
    });
}

impl Check {
    fn new() -> Self {
        let mut lua = Interpreter::new(Limits::new().memory(MEMORY).steps(STEPS)).expect("enough memory");
        let mut host = Echo;
        let mut run = lua.run(&mut host);
        for (number, name) in [(0, "call"), (1, "raise")] {
            run.push_native(Native::Host(number)).expect("room");
            run.set_global(name.as_bytes()).expect("room");
        }
        run.protect_globals().expect("room");
        drop(run);
        let mut check = Self { lua, expected: Vec::new(), used: 0, inputs: 0 };
        check.expected = check.globals();
        check.lua.collect();
        check.used = check.lua.memory_used();
        check
    }

    fn run(&mut self, source: &[u8]) {
        let mut host = Echo;
        let mut run = self.lua.run(&mut host);
        if run.load(source, "@script").is_ok() {
            let pushed = run.push_bytes(b"an argument").and_then(|()| run.push_bytes(b"10"));
            if pushed.is_ok() {
                let _ = run.call(2, 3);
            }
        }
        assert!(run.len() <= 3, "{run:?}");
        drop(run);
        assert!(self.lua.memory_used() <= MEMORY);
        self.inputs += 1;
        if self.inputs.is_multiple_of(64) {
            assert_eq!(self.globals(), self.expected);
            self.lua.collect();
            assert!(self.lua.memory_used() <= self.used + 4096, "{} after {}", self.lua.memory_used(), self.used);
        }
    }

    fn globals(&mut self) -> Vec<u8> {
        self.lua.set_limits(Limits::new().memory(MEMORY));
        let mut host = Echo;
        let mut run = self.lua.run(&mut host);
        run.load(CHECK, "@check").and_then(|()| run.call(0, 1)).expect("nothing hinders it");
        let text = run.bytes(-1).expect("a string").to_vec();
        drop(run);
        self.lua.set_limits(Limits::new().memory(MEMORY).steps(STEPS));
        text
    }
}

/// Gives arguments back, whatever they are, by way of all that native code does with values.
struct Echo;

impl Host for Echo {
    fn call(&mut self, number: u32, stack: &mut Stack<'_>) -> Result<usize, Raise> {
        let arguments = stack.len();
        if number == 1 {
            return Err(if arguments > 0 { Raise::Value } else { Raise::argument(1, "a value is expected") });
        }
        stack.new_table(0, 0)?;
        for i in 1..=arguments {
            if stack.kind(i) == Kind::Table {
                let (mut position, mut count) = (0, 0);
                while stack.next_entry(i, &mut position)? {
                    stack.step(1)?;
                    stack.set(arguments + 1)?;
                    count += 1;
                }
                stack.push_number(f64::from(count))?;
            } else {
                let text = stack.to_bytes(i).map(|bytes| bytes.into_owned()).unwrap_or_default();
                stack.push_bytes(&text)?;
            }
            stack.set_index(arguments + 1, i)?;
        }
        Ok(1)
    }
}

/// A source of one token for each byte: noise that often compiles.
fn tokens(bytes: &[u8]) -> Vec<u8> {
    let mut source = Vec::new();
    for byte in bytes {
        source.extend_from_slice(TOKENS[usize::from(*byte) % TOKENS.len()].as_bytes());
        source.push(b' ');
    }
    source
}

const TOKENS: &[&str] = &[
    "local",
    "=",
    "a",
    "b",
    "c",
    "t",
    "f",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ";",
    ".",
    ":",
    "..",
    "...",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "#",
    "==",
    "~=",
    "<",
    "<=",
    ">",
    ">=",
    "and",
    "or",
    "not",
    "nil",
    "true",
    "false",
    "0",
    "1",
    "2",
    "-1",
    "1e308",
    "2^31",
    "0x7fffffff",
    "'x'",
    "'%d'",
    "'(.-)'",
    "'[a-z]*'",
    "''",
    "\"\\0\"",
    "[[long]]",
    "[==[x]==]",
    "--x\n",
    "--[[x]]",
    "if",
    "then",
    "else",
    "elseif",
    "end",
    "while",
    "do",
    "repeat",
    "until",
    "for",
    "in",
    "break",
    "return",
    "function",
    "function f(...)",
    "local a, b = ...",
    "local t = {}",
    "do end",
    "end)",
    "pairs(t)",
    "ipairs(t)",
    "next",
    "pcall(",
    "xpcall(",
    "error(",
    "assert(",
    "select('#',",
    "select(",
    "tostring(",
    "tonumber(",
    "type(",
    "unpack(",
    "setmetatable({}, ",
    "getmetatable(",
    "rawset(t,",
    "rawget(t,",
    "setfenv(1,",
    "getfenv()",
    "loadstring(",
    "load(",
    "coroutine.wrap(",
    "coroutine.yield(",
    "coroutine.create(",
    "coroutine.resume(",
    "string.rep(",
    "string.format(",
    "string.find(",
    "string.gsub(",
    "string.gmatch(",
    "string.sub(",
    "string.byte(",
    "string.char(",
    "table.concat(",
    "table.insert(t,",
    "table.remove(t",
    "table.sort(t,",
    "table.maxn(t)",
    "math.random(",
    "math.floor(",
    "newproxy(true)",
    "collectgarbage()",
    "collectgarbage('stop')",
    "call(",
    "raise(",
    "__index =",
    "__newindex =",
    "__call =",
    "__gc =",
    "__mode = 'kv'",
    "__concat =",
    "__eq =",
    "__lt =",
    "__tostring =",
    "_G",
    "string",
    "t[a] =",
    "t.a",
    "t[#t + 1] =",
    "for i = 1, 10 do",
    "for k, v in pairs(t) do",
    "while true do",
    "repeat",
    "if a then",
    "function()",
    "function(x)",
    "local function g(...)",
    "return f(",
    "return ...",
    ":rep(100)",
    ":upper()",
    "('x')",
];
