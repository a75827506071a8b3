//! What a call of a short script costs: `cargo bench -p kvstore-lua`.

use divan::{Bencher, black_box};
use kvstore_lua::{Host, Interpreter, Limits, Native, Raise, Reference, Run, Stack};

fn main() {
    divan::main();
}

/// Answers as a store would: every call with the same bulk.
struct Store;

impl Host for Store {
    fn call(&mut self, _number: u32, stack: &mut Stack<'_>) -> Result<usize, Raise> {
        for i in 1..=stack.len() {
            black_box(stack.bytes(i));
        }
        stack.push_bytes(b"the value of the key")?;
        Ok(1)
    }
}

/// An interpreter with `redis.call`, and a script that it has compiled.
fn prepared(source: &str) -> (Interpreter, Reference) {
    let mut lua = Interpreter::new(Limits::new()).expect("enough memory");
    let mut host = Store;
    let mut run = lua.run(&mut host);
    run.new_table(0, 1).expect("room");
    run.push_native(Native::Host(0)).expect("room");
    run.set_field(-2, b"call").expect("a table");
    run.set_global(b"redis").expect("room");
    run.protect_globals().expect("room");
    run.load(source.as_bytes(), "@user_script").expect("it compiles");
    let script = run.reference().expect("room");
    drop(run);
    (lua, script)
}

fn set_list(run: &mut Run<'_>, name: &[u8], values: &[&[u8]]) -> Result<(), Raise> {
    run.new_table(values.len(), 0)?;
    for (n, value) in (1..).zip(values) {
        run.push_bytes(value)?;
        run.set_index(-2, n)?;
    }
    run.set_global(name)
}

/// One EVALSHA: KEYS, ARGV, the call, its result.
fn evaluate(lua: &mut Interpreter, script: &Reference) {
    let mut host = Store;
    let mut run = lua.run(&mut host);
    set_list(&mut run, b"KEYS", &[b"key:000001"]).expect("room");
    set_list(&mut run, b"ARGV", &[b"10", b"60"]).expect("room");
    run.push_reference(script).expect("room");
    run.call(0, 1).expect("it runs");
    black_box(run.bytes(-1));
}

#[divan::bench]
fn one_line_get(bencher: Bencher<'_, '_>) {
    let (mut lua, script) = prepared("return redis.call('GET', KEYS[1])");
    bencher.bench_local(|| evaluate(&mut lua, &script));
}

#[divan::bench]
fn rate_limiter(bencher: Bencher<'_, '_>) {
    let source = "local current = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
        if current >= tonumber(ARGV[1]) then return 0 end
        redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], ARGV[2])
        return tostring(current + 1)";
    let (mut lua, script) = prepared(source);
    bencher.bench_local(|| evaluate(&mut lua, &script));
}

#[divan::bench]
fn nothing(bencher: Bencher<'_, '_>) {
    let (mut lua, script) = prepared("return 'x'");
    bencher.bench_local(|| evaluate(&mut lua, &script));
}

#[divan::bench]
fn empty_run(bencher: Bencher<'_, '_>) {
    let (mut lua, _script) = prepared("return 'x'");
    bencher.bench_local(|| {
        let mut host = Store;
        black_box(&lua.run(&mut host));
    });
}

#[divan::bench]
fn loop_of_10_000(bencher: Bencher<'_, '_>) {
    let (mut lua, script) = prepared("local n = 0 for i = 1, 10000 do n = (n + i * 3) % 7 end return tostring(n)");
    bencher.bench_local(|| evaluate(&mut lua, &script));
}
