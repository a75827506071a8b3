//! The target of the libraries of Lua.

use std::cell::RefCell;

use kvstore_lua::{Interpreter, Limits, Reason, Reference, libraries};

use crate::LONGEST;

/// Reads `data` in each way that a library has. What was read can be written, and that read again; JSON stays as long as it is.
const SCRIPT: &[u8] = br"
local data = ...
local read, value = pcall(cjson.decode, data)
if read then
  local text = cjson.encode(value)
  assert(#cjson.encode(cjson.decode(text)) == #text, text)
end
local unpacked = { pcall(cmsgpack.unpack, data) }
if unpacked[1] then
  for index = 2, table.maxn(unpacked) do
    cmsgpack.unpack(cmsgpack.pack(unpacked[index]))
  end
  pcall(cmsgpack.unpack_limit, data, 2, 1)
end
local format, rest = string.match(data, '^([^|]*)|(.*)$')
if format then
  pcall(struct.size, format)
  pcall(struct.pack, format, 1, rest, -1, rest, 0.5)
  pcall(struct.unpack, format, rest, 2)
  local fields = { pcall(struct.unpack, format, rest) }
  if fields[1] and table.maxn(fields) < 100 then
    pcall(struct.pack, format, unpack(fields, 2, table.maxn(fields)))
  end
end
";

thread_local! {
    /// An interpreter with the script.
    static LUA: RefCell<(Interpreter, Reference)> = RefCell::new(interpreter());
}

fn interpreter() -> (Interpreter, Reference) {
    let mut lua = Interpreter::new(Limits::new().memory(32 << 20).steps(50_000_000)).expect("enough memory");
    let mut host = ();
    let mut run = lua.run(&mut host);
    libraries::open_all(&mut run).expect("enough memory");
    run.protect_globals().expect("enough memory");
    run.load(SCRIPT, "@libraries").expect("it compiles");
    let script = run.reference().expect("enough memory");
    drop(run);
    (lua, script)
}

/// Bytes for each function that reads them: `cjson.decode`, `cmsgpack.unpack`, and `struct.unpack` with a format that ends at
/// the first `|`. Numbers that JSON does not have are not written, and memory may be used up; nothing else may fail.
pub fn libraries(data: &[u8]) {
    LUA.with_borrow_mut(|(lua, script)| {
        let mut host = ();
        let mut run = lua.run(&mut host);
        run.push_reference(script).expect("it is kept");
        run.push_bytes(&data[..data.len().min(LONGEST)]).expect("there is room");
        let Err(failure) = run.call(1, 0) else { return };
        if failure.reason == Reason::Memory {
            return;
        }
        let error = run.bytes(-1).map(|text| text.escape_ascii().to_string()).unwrap_or_default();
        assert!(error.contains("must not be NaN or Inf"), "{failure}: {error}");
    });
}
