//! Compiling, calling, and values both ways.

use kvstore_lua::{Host, Interpreter, Kind, Limits, Native, Raise, Reason, Stack};

use crate::support::{Outcome, interpreter, returns, run, run_in};

#[test]
fn a_script_gets_arguments_and_gives_results() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let mut run = lua.run(&mut host);
    run.load(b"local a, b = ... return b .. a, #b, a == nil", "@user_script").expect("it compiles");
    run.push_number(1.5).expect("room");
    run.push_bytes(b"a\0b").expect("room");
    run.call(2, 3).expect("it runs");
    assert_eq!(run.bytes(1), Some(&b"a\0b1.5"[..]));
    assert_eq!(run.number(2), Some(3.0));
    assert!(!run.boolean(3));
    assert_eq!(run.len(), 3);
}

#[test]
fn a_compiled_script_is_kept_and_called_again() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let mut run = lua.run(&mut host);
    run.load(b"setfenv(1, { x = 1 }) return x", "@user_script").expect("it compiles");
    let script = run.reference().expect("room");
    for _ in 0..3 {
        run.push_reference(&script).expect("room");
        run.call(0, 1).expect("its environment is not the one that an earlier run has set");
        assert_eq!(run.number(-1), Some(1.0));
    }
    drop(run);
    let mut other = interpreter(Limits::new());
    assert!(other.run(&mut host).push_reference(&script).is_err());
}

#[test]
fn the_size_of_code_is_about_what_it_takes() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let text = "x".repeat(100_000);
    let nested = format!("local {text} = 1 return function() return function() return '{text}', {text} end end");
    for (source, least) in [
        ("return 1".to_owned(), 100),
        ("f()".repeat(10_000), 16 * 10_000),
        (format!("return '{text}'"), text.len()),
        (nested, 4 * text.len()),
    ] {
        lua.collect();
        let before = lua.memory_used();
        let mut run = lua.run(&mut host);
        run.load(source.as_bytes(), "@user_script").expect("it compiles");
        let size = run.code_size(-1);
        let kept = run.reference().expect("room");
        drop(run);
        lua.collect();
        let took = lua.memory_used() - before;
        let shown = &source[..source.len().min(20)];
        assert!((least..2 * least + 1000).contains(&size), "{size} for {shown}");
        assert!(took <= size + 300 && size <= 5 * took, "{size} of {took} for {shown}");
        drop(kept);
    }
    let mut run = lua.run(&mut host);
    run.push_native(Native::Host(0)).expect("room");
    run.push_number(1.0).expect("room");
    assert_eq!([-1, -2, 9].map(|slot| run.code_size(slot)), [0, 0, 0]);
}

#[test]
fn an_error_is_told_with_its_place() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let mut run = lua.run(&mut host);
    run.load(b"local x = 1\nlocal y = x.a.b", "@user_script").expect("it compiles");
    let failure = run.call(0, 1).expect_err("there is no x.a.b");
    assert_eq!(failure.reason, Reason::Error);
    assert_eq!((failure.source.as_deref(), failure.line), (Some("@user_script"), Some(2)));
    assert_eq!(run.bytes(-1), Some(&b"user_script:2: attempt to index local 'x' (a number value)"[..]));
}

#[test]
fn source_that_does_not_compile_is_an_error_on_the_stack() {
    let Outcome::Error(message) = run("return (") else { panic!("it does not compile") };
    assert_eq!(message, "user_script:1: unexpected symbol near '<eof>'");
}

#[test]
fn nested_tables_are_built_and_read_back() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let mut run = lua.run(&mut host);
    run.load(b"local t = ... t.extra = #t t[3] = { ok = 'fine' } return t", "@user_script").expect("it compiles");
    run.new_table(2, 0).expect("room");
    for (n, text) in [(1, "a"), (2, "b")] {
        run.push_bytes(text.as_bytes()).expect("room");
        run.set_index(-2, n).expect("a table");
    }
    run.call(1, 1).expect("it runs");
    let mut found = Vec::new();
    let mut position = 0;
    while run.next_entry(1, &mut position).expect("a table") {
        found.push((run.to_bytes(-2).expect("a name").into_owned(), run.kind(-1)));
        run.pop(2);
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("1", Kind::String), ("2", Kind::String), ("3", Kind::Table), ("extra", Kind::Number)];
    assert_eq!(found, expected.map(|(name, kind)| (name.as_bytes().to_vec(), kind)));
    assert_eq!(run.get_index(1, 3), Ok(Kind::Table));
    assert_eq!(run.get_field(-1, b"ok"), Ok(Kind::String));
    assert_eq!(run.bytes(-1), Some(&b"fine"[..]));
    assert_eq!(run.get_field(-2, b"none"), Ok(Kind::Nil));
}

#[test]
fn slots_that_are_not_there_read_as_nothing() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let mut run = lua.run(&mut host);
    for i in [0, 1, -1, 7, i32::MAX, i32::MIN] {
        assert_eq!(run.kind(i), Kind::None);
        assert_eq!((run.bytes(i), run.number(i), run.boolean(i), run.raw_len(i)), (None, None, false, 0));
        assert!(run.get_index(i, 1).is_err() && run.set_index(i, 1).is_err() && run.set(i).is_err());
        assert!(run.next_entry(i, &mut 0).is_err() && !run.metatable(i));
        run.remove(i);
        run.insert(i);
        run.replace(i);
    }
    run.pop(3);
    run.truncate(5);
    assert!(run.is_empty());
}

#[test]
fn arguments_beyond_the_slots_are_refused() {
    let mut lua = interpreter(Limits::new());
    let mut host = ();
    let mut run = lua.run(&mut host);
    let mut pushed = 0;
    let refused = loop {
        match run.push_nil() {
            Ok(()) => pushed += 1,
            Err(raise) => break raise,
        }
        assert!(pushed < 10_000);
    };
    assert_eq!(refused, Raise::here("stack overflow"));
    assert!(run.call(pushed, 1).is_err());
}

struct Recorder(Calls);

/// The numbers that the host was called with, and the first argument of each call.
type Calls = Vec<(u32, Vec<u8>)>;

impl Host for Recorder {
    fn call(&mut self, number: u32, stack: &mut Stack<'_>) -> Result<usize, Raise> {
        let text = stack.to_bytes(1).ok_or_else(|| Raise::argument(1, "a string is expected"))?.into_owned();
        self.0.push((number, text.clone()));
        match text.as_slice() {
            b"plain" => Err(Raise::new("plain")),
            b"here" => Err(Raise::here("here")),
            b"table" => {
                stack.new_table(0, 1)?;
                stack.push_bytes(b"told")?;
                stack.set_field(-2, b"err")?;
                Err(Raise::Value)
            }
            b"panic" => panic!("the host panics"),
            _ => {
                stack.push_number(text.len() as f64)?;
                stack.push_boolean(true)?;
                Ok(2)
            }
        }
    }
}

fn with_recorder(source: &str) -> (Result<String, String>, Calls) {
    let mut lua = Interpreter::new(Limits::new()).expect("enough memory");
    let mut host = Recorder(Vec::new());
    let mut run = lua.run(&mut host);
    run.push_native(Native::Host(7)).expect("room");
    run.set_global(b"ask").expect("room");
    run.load(source.as_bytes(), "@user_script").expect("it compiles");
    let result = run.call(0, 1);
    let text = String::from_utf8_lossy(&run.to_bytes(-1).unwrap_or_default()).into_owned();
    drop(run);
    (result.map(|()| text.clone()).map_err(|_| text), host.0)
}

#[test]
fn the_host_is_called_with_the_arguments() {
    let (result, calls) = with_recorder("local n, ok = ask('abc') return n .. tostring(ok) .. select('#', ask('x'))");
    assert_eq!(result, Ok("3true2".to_owned()));
    assert_eq!(calls, [(7, b"abc".to_vec()), (7, b"x".to_vec())]);
}

#[test]
fn what_the_host_raises_is_caught_by_pcall() {
    let source = "local _, a = pcall(ask, 'plain') local _, b = pcall(function() ask('here') end)
        local _, c = pcall(ask, 'table') local _, d = pcall(function() ask({}) end)
        return table.concat({ a, b, c, d }, '|')";
    let expected = "plain|user_script:1: here|told|user_script:2: bad argument #1 to 'ask' (a string is expected)";
    assert_eq!(with_recorder(source).0, Ok(expected.to_owned()));
}

#[test]
#[should_panic(expected = "the host panics")]
fn a_panic_of_the_host_goes_through_every_pcall() {
    let _ = with_recorder("pcall(pcall, function() while true do pcall(ask, 'panic') end end)");
}

#[test]
fn numbers_are_told_as_lua_tells_them() {
    returns("return 3.7", "3.7");
    returns("return 1e15", "1e+15");
    returns("return 100000000000000", "1e+14");
    returns("return 2^53", "9.007199254741e+15");
    returns("return tostring(1/0) .. tostring(-1/0)", "inf-inf");
}

#[test]
fn random_numbers_are_those_of_redis_in_each_run() {
    let mut lua = interpreter(Limits::new());
    for _ in 0..2 {
        let outcome = run_in(&mut lua, b"return math.random(1000000) .. ' ' .. math.random(1000000)");
        assert_eq!(outcome, Outcome::Text("170829 749902".to_owned()));
    }
    returns(
        "math.randomseed(10) local a = math.random() math.randomseed(10) return tostring(a == math.random())",
        "true",
    );
}
