//! The libraries against the answers of Redis, and against those who mean ill.

use kvstore_lua::{Interpreter, Limits, Reason, Run, libraries};

use crate::support::{Outcome, run_in};

/// The script that runs calls, as `tests/compat/libraries` runs it in servers.
const ANSWERS: &str = include_str!("libraries/answers.lua");

/// Random calls, and what Redis and Valkey answer to them.
const TRANSCRIPT: &str = include_str!("libraries/transcript.txt");

#[test]
fn random_calls_are_answered_as_redis_answers_them() {
    let mut lua = Interpreter::new(Limits::new()).expect("enough memory");
    libraries::open_all(&mut lua.run(&mut ())).expect("enough memory");
    let rows = TRANSCRIPT.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<_> = rows.map(|line| line.split_once('\t').expect("a call and its answer")).collect();
    assert!(rows.len() > 1000, "the transcript is there");
    let answers = rows.iter().map(|(call, _)| answer_to(&mut lua.run(&mut ()), call));
    let differing: Vec<_> = rows.iter().zip(answers).filter(|((_, expected), answer)| expected != answer).collect();
    assert!(
        differing.is_empty(),
        "{} of {} differ: {:#?}",
        differing.len(),
        rows.len(),
        &differing[..differing.len().min(10)]
    );
}

/// What the script shows for one call.
fn answer_to(run: &mut Run<'_>, call: &str) -> String {
    run.new_table(1, 0).expect("room");
    run.push_bytes(call.as_bytes()).expect("room");
    run.set_index(-2, 1).expect("room");
    run.set_global(b"ARGV").expect("room");
    run.load(ANSWERS.as_bytes(), "@answers").expect("it compiles");
    run.call(0, 1).expect("it runs");
    run.get_index(-1, 1).expect("a table of answers");
    String::from_utf8_lossy(run.bytes(-1).expect("a text")).into_owned()
}

/// Runs a script with the libraries, as protected as in a server.
fn run(limits: Limits, source: &str) -> Outcome {
    let mut lua = Interpreter::new(limits).expect("enough memory");
    run_in(opened(&mut lua), source.as_bytes())
}

fn opened(lua: &mut Interpreter) -> &mut Interpreter {
    let mut host = ();
    let mut run = lua.run(&mut host);
    libraries::open_all(&mut run).expect("enough memory");
    run.protect_globals().expect("enough memory");
    drop(run);
    lua
}

#[track_caller]
fn returns(source: &str, expected: &str) {
    assert_eq!(run(Limits::new().steps(100_000_000), source), Outcome::Text(expected.to_owned()), "{source}");
}

#[test]
fn numbers_of_json_have_no_needless_point() {
    returns("return cjson.encode({101, 1.5, -0.1, 1e15, 2^53})", "[101,1.5,-0.1,1e+15,9.007199254741e+15]");
}

#[test]
fn errors_are_strings_that_say_where_the_script_is() {
    for (call, error) in [
        ("cjson.decode(nil)", "user_script:1: bad argument #1 to 'decode' (string expected, got nil)"),
        ("cjson.encode()", "user_script:1: bad argument #1 to 'encode' (expected 1 argument)"),
        ("cjson.encode(pcall)", "user_script:1: Cannot serialise function: type not supported"),
        ("cjson.decode('x')", "user_script:1: Expected value but found invalid token at character 1"),
        ("cmsgpack.unpack('\\204')", "user_script:1: Missing bytes in input."),
        ("struct.pack('z')", "user_script:1: bad argument #1 to 'pack' (invalid format option 'z')"),
        ("bit.bnot('x')", "user_script:1: bad argument #1 to 'bnot' (number expected, got string)"),
    ] {
        returns(
            &format!("local ok, why = pcall(function() local _ = {call} end) return type(why) .. ' ' .. why"),
            &format!("string {error}"),
        );
    }
}

#[test]
fn libraries_cannot_be_changed() {
    for library in ["cjson", "cmsgpack", "struct", "bit"] {
        returns(&format!("return tostring(pcall(function() {library}.x = 1 end))"), "false");
    }
}

#[test]
fn tables_of_any_size_come_back() {
    let source = "
        for _, n in ipairs({1, 2, 31, 32, 33, 63, 64, 65, 66, 127, 1000, 5000}) do
            local array, map = {}, {}
            for i = 1, n do array[i] = i map['k' .. i] = {i, tostring(i)} end
            for _, copy in ipairs({
                {cjson.decode(cjson.encode(array)), cjson.decode(cjson.encode(map))},
                {cmsgpack.unpack(cmsgpack.pack(array, map))},
            }) do
                assert(#copy[1] == n)
                local count = 0
                for key, value in pairs(copy[2]) do
                    assert(#value == 2 and key == 'k' .. value[1] and value[2] == tostring(value[1]))
                    count = count + 1
                end
                assert(count == n)
                for i = 1, n do assert(copy[1][i] == i and copy[2]['k' .. i]) end
            end
        end
        return 'done'";
    returns(source, "done");
}

#[test]
fn of_equal_keys_the_last_one_stays() {
    returns("local t = cjson.decode('{\"a\":1,\"b\":2,\"a\":3}') return t.a .. t.b", "32");
    returns("local t = cmsgpack.unpack('\\131\\161a\\1\\161b\\2\\161a\\3') return t.a .. t.b", "32");
}

#[test]
fn settings_end_with_the_run_that_made_them() {
    let mut lua = Interpreter::new(Limits::new()).expect("enough memory");
    let lua = opened(&mut lua);
    let deep = b"return cjson.encode({{1}})";
    let set = b"cjson.encode_max_depth(1) return tostring(pcall(cjson.encode, {{1}}))";
    assert_eq!(run_in(lua, set), Outcome::Text("false".to_owned()));
    assert_eq!(run_in(lua, deep), Outcome::Text("[[1]]".to_owned()));
}

#[test]
fn new_libraries_have_settings_of_their_own() {
    let source = "local json = cjson.new() json.encode_number_precision(3) json.encode_invalid_numbers('null')
        return json.encode({1/3, 1/0}) .. cjson.encode({1/3})";
    returns(source, "[0.333,null][0.33333333333333]");
}

/// CVE-2024-31449: `tohex` wrote before its buffer for the smallest integer.
#[test]
fn tohex_takes_the_smallest_integer() {
    returns("return bit.tohex(0x1234abcd, -2147483648)", "1234ABCD");
    returns(
        "return bit.tohex(65535, -2147483648 + 1) .. bit.tohex(65535, 2147483647) .. bit.tohex(1, 0)",
        "0000FFFF0000ffff",
    );
}

/// CVE-2022-24834: lengths of strings that grow as they are encoded overflowed.
#[test]
fn what_grows_as_it_is_encoded_is_bounded_by_memory() {
    for encode in ["cjson.encode", "cmsgpack.pack"] {
        // Each byte becomes six; a table has the string many times.
        let source = format!(
            "local s = string.rep('\\1', 6 * 1024 * 1024) local t = {{}} for i = 1, 20 do t[i] = s end return #{encode}(t)"
        );
        assert_eq!(run(Limits::new(), &source), Outcome::Ended(Reason::Memory), "{encode}");
    }
    let source = "local s = string.rep('ab', 16 * 1024 * 1024) return #struct.pack('ssss', s, s, s, s)";
    assert_eq!(run(Limits::new(), source), Outcome::Ended(Reason::Memory));
}

#[test]
fn lengths_that_lie_are_refused() {
    for (call, error) in [
        ("cmsgpack.unpack('\\219\\255\\255\\255\\255abc')", "Missing bytes in input."),
        ("cmsgpack.unpack('\\221\\255\\255\\255\\255\\1')", "Missing bytes in input."),
        ("cmsgpack.unpack('\\223\\255\\255\\255\\255\\1\\1')", "Missing bytes in input."),
        ("cmsgpack.unpack('\\129\\192\\193')", "Bad data format in input."),
        ("struct.unpack('c2147483647', 'abc')", "bad argument #2 to 'unpack' (data string too short)"),
        (
            "struct.unpack('Lc0', '\\255\\255\\255\\255\\255\\255\\255\\127abc')",
            "bad argument #2 to 'unpack' (data string too short)",
        ),
        ("struct.pack('i99999999999', 1)", "integral size overflow"),
        ("struct.pack('i33', 1)", "integral size 33 is larger than limit of 32"),
    ] {
        returns(
            &format!("local _, why = pcall(function() local _ = {call} end) return why"),
            &format!("user_script:1: {error}"),
        );
    }
}

#[test]
fn nesting_is_bounded_by_slots_and_not_by_the_stack_of_the_thread() {
    let source = "local json = cjson.new() json.decode_max_depth(1e9) json.encode_max_depth(1e9)
        local _, why = pcall(json.decode, string.rep('[', 1e6)) return string.match(why, '^Found too many nested data structures')";
    returns(source, "Found too many nested data structures");
    returns(
        "local _, why = pcall(cmsgpack.unpack, string.rep('\\145', 1e6)) return string.match(why, '^stack overflow')",
        "stack overflow",
    );
    let source = "local json = cjson.new() json.encode_max_depth(1e9) local t = {} for i = 1, 1e5 do t = {t} end
        local _, why = pcall(json.encode, t) return string.match(why, '^Cannot serialise, excessive nesting')";
    returns(source, "Cannot serialise, excessive nesting");
}

#[test]
fn one_long_call_takes_steps_and_is_stopped() {
    for (prepare, call) in [
        ("local text = '[' .. string.rep('1,', 1000000) .. '1]'", "cjson.decode(text)"),
        ("local s = string.rep('x', 1000000) local t = {s, s, s, s, s, s, s, s}", "cjson.encode(t)"),
        ("local s = string.rep('x', 1000000) local t = {s, s, s, s, s, s, s, s}", "cmsgpack.pack(t)"),
        ("local data = '\\221\\0\\15\\66\\64' .. string.rep('\\1', 1000000)", "cmsgpack.unpack(data)"),
    ] {
        let limits = Limits::new().steps(100_000);
        assert_eq!(run(limits, &format!("{prepare} return 'done'")), Outcome::Text("done".to_owned()), "{call}");
        assert_eq!(run(limits, &format!("{prepare} {call} return 'done'")), Outcome::Ended(Reason::Budget), "{call}");
    }
}
