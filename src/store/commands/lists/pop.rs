//! Commands that remove elements from an end: LPOP, RPOP, LMPOP, and BLPOP, BRPOP, BLMPOP, which wait for one.

use kvstore_protocol::{Command, CommandError, Packed, Response, parse_integer};

use super::{super::timeout::parse_timeout, bulk, parse_end, popped};
use crate::store::{
    args::Args,
    call::{Call, LONG_WORK},
    spec::{Answer, Spec},
    value::{Element, End, Kind, List, ListRef},
    waiting::{Awaited, Wait},
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("LPOP", lpop),
    Spec::new("RPOP", rpop),
    Spec::new("LMPOP", lmpop),
    Spec::new("BLPOP", blpop),
    Spec::new("BRPOP", brpop),
    Spec::new("BLMPOP", blmpop),
];

/// `LPOP key [count]`: removes elements from the head, and answers them.
fn lpop(call: &mut Call<'_>) -> Answer {
    pop(call, End::Head)
}

/// `RPOP key [count]`: removes elements from the tail, and answers them, the last one first.
fn rpop(call: &mut Call<'_>) -> Answer {
    pop(call, End::Tail)
}

fn pop(call: &mut Call<'_>, end: End) -> Answer {
    let args = call.args();
    match args.len() {
        1 => Ok(pop_one(call, 0, end)?.unwrap_or(Response::Null)),
        2 => {
            let count = parse_count(&args)?;
            Ok(pop_many(call, 0, end, count)?.map_or(Response::NullArray, Response::from))
        }
        _ => Err(CommandError::wrong_arity(call.name())),
    }
}

fn parse_count(args: &Args<'_>) -> Result<usize, CommandError> {
    const NOT_POSITIVE: CommandError = CommandError::new("ERR", "value is out of range, must be positive");
    let count = parse_integer(args.bytes(1)).ok_or(NOT_POSITIVE)?;
    usize::try_from(count).map_err(|_| NOT_POSITIVE)
}

/// Removes the element at an end of the list of a key; `None` if there is no list.
fn pop_one(call: &mut Call<'_>, key: usize, end: End) -> Result<Option<Response>, CommandError> {
    let limit = call.thresholds().chunk();
    let Some(mut list) = call.edit::<List>(key, popped(end))? else { return Ok(None) };
    let copy = list.as_ref().end(end).map(|element| match element {
        Element::Bytes(bytes) if bytes.len() >= LONG_WORK => Err(bytes.len()),
        element => Ok(bulk(element)),
    });
    let element = match copy {
        Some(Err(length)) => {
            list.afford_answer(length)?;
            list.as_ref().end(end).map(bulk)
        }
        copy => copy.and_then(Result::ok),
    };
    list.update(|list| {
        list.remove(end, 1, limit);
        element.is_some()
    });
    Ok(element)
}

/// Removes up to `count` elements from an end of the list of a key; `None` if there is no list.
fn pop_many(call: &mut Call<'_>, key: usize, end: End, count: usize) -> Result<Option<Packed>, CommandError> {
    let limit = call.thresholds().chunk();
    let Some(length) = call.find::<List>(key)?.map(ListRef::len) else { return Ok(None) };
    let (count, mut elements) = (count.min(length), Packed::array());
    call.afford_part(key, (count, length), 1)?;
    let Some(mut list) = call.edit::<List>(key, popped(end))? else { return Ok(None) };
    let range = if end == End::Head { 0..count } else { length - count..length };
    list.as_ref().visit(range, end, |element| {
        elements.push(&element.text());
        true
    });
    list.update(|list| {
        list.remove(end, count, limit);
        count
    });
    Ok(Some(elements))
}

/// `LMPOP numkeys key [key …] LEFT | RIGHT [COUNT count]`: removes elements from the first of the lists that there is.
fn lmpop(call: &mut Call<'_>) -> Answer {
    let (end, count) = parse_lmpop(&call.args(), 0)?;
    Ok(pop_first(call, end, count)?.unwrap_or(Response::NullArray))
}

/// Removes up to `count` elements from the first of the lists that there is; `None` if there is none.
fn pop_first(call: &mut Call<'_>, end: End, count: usize) -> Result<Option<Response>, CommandError> {
    for key in 0..call.keys() {
        if let Some(elements) = pop_many(call, key, end, count)? {
            let name = call.key_name(key);
            call.record(|| Command::new(pop_name(end)).arg(name).arg(count));
            return Ok(Some(Response::Array(vec![name.into(), elements.into()])));
        }
    }
    Ok(None)
}

/// The command that removes elements from an end.
fn pop_name(end: End) -> &'static str {
    if end == End::Head { "LPOP" } else { "RPOP" }
}

/// `BLPOP key [key …] timeout`: removes the first element of the first of the lists that there is, and waits for one if there is
/// none.
fn blpop(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, End::Head)
}

/// `BRPOP key [key …] timeout`: the same for the last element.
fn brpop(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, End::Tail)
}

fn pop_or_wait(call: &mut Call<'_>, end: End) -> Answer {
    let args = call.args();
    let timeout = parse_timeout(args.bytes(args.len() - 1))?;
    for key in 0..call.keys() {
        if let Some(element) = pop_one(call, key, end)? {
            let name = call.key_name(key);
            call.record(|| Command::new(pop_name(end)).arg(name));
            return Ok(Response::Array(vec![name.into(), element]));
        }
    }
    call.wait(WAIT.for_at_most(timeout), Response::NullArray)
}

/// `BLMPOP timeout numkeys key [key …] LEFT | RIGHT [COUNT count]`: LMPOP, which waits if there is no list.
fn blmpop(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let timeout = parse_timeout(args.bytes(0))?;
    let (end, count) = parse_lmpop(&args, 1)?;
    match pop_first(call, end, count)? {
        Some(answer) => Ok(answer),
        None => call.wait(WAIT.for_at_most(timeout), Response::NullArray),
    }
}

const WAIT: Wait = Wait::new(Awaited::Any(Kind::List.type_name()), Response::NullArray);

/// Parses the arguments of LMPOP, of which `numkeys` is number `start`.
fn parse_lmpop(args: &Args<'_>, start: usize) -> Result<(End, usize), CommandError> {
    const NO_KEYS: CommandError = CommandError::new("ERR", "numkeys should be greater than 0");
    const NO_COUNT: CommandError = CommandError::new("ERR", "count should be greater than 0");
    let positive = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok()).filter(|n| *n > 0);
    let keys = positive(args.integer(start).ok()).ok_or(NO_KEYS)?;
    if keys > args.len() - start - 2 {
        return Err(CommandError::SYNTAX);
    }
    let end = parse_end(args.bytes(start + keys + 1))?;
    let mut options = args.options(start + keys + 2);
    let mut count = 1;
    if options.keyword("COUNT") {
        let number = options.value()?;
        count = positive(parse_integer(number)).ok_or(NO_COUNT)?;
    }
    options.finish()?;
    Ok((end, count))
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn elements_are_popped_from_their_end() {
        TestStore::new().check([
            ("RPUSH l 1 2 3 4 5 6", ":6"),
            ("LPOP l", "\"1\""),
            ("RPOP l", "\"6\""),
            ("RPOP l 2", r#"["5", "4"]"#),
            ("LPOP l 0", "[]"),
            ("LPOP l 9223372036854775807", r#"["2", "3"]"#),
            ("EXISTS l", ":0"),
        ]);
    }

    #[test]
    fn a_missing_list_is_null_and_with_a_count_a_null_array() {
        let store = TestStore::new();
        store.check([("LPOP l", "(nil)"), ("LPOP l 0", "(nil)"), ("LMPOP 1 l LEFT", "(nil)")]);
        assert!(matches!(store.answer("RPOP l"), kvstore_protocol::Response::Null));
        assert!(matches!(store.answer("RPOP l 2"), kvstore_protocol::Response::NullArray));
        assert!(matches!(store.answer("LMPOP 2 l m RIGHT"), kvstore_protocol::Response::NullArray));
    }

    #[test]
    fn a_count_is_not_negative() {
        const NOT_POSITIVE: &str = "-ERR value is out of range, must be positive";
        TestStore::new().check([
            ("RPUSH l 1", ":1"),
            ("LPOP l -1", NOT_POSITIVE),
            ("LPOP l x", NOT_POSITIVE),
            ("RPOP none -1", NOT_POSITIVE),
            ("LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command"),
            ("LLEN l", ":1"),
        ]);
    }

    #[test]
    fn lmpop_takes_the_first_list_that_exists() {
        TestStore::new().check([
            ("RPUSH b 1 2 3", ":3"),
            ("LMPOP 2 a b RIGHT COUNT 2", r#"["b", ["3", "2"]]"#),
            ("LMPOP 2 a b LEFT COUNT 9", r#"["b", ["1"]]"#),
            ("EXISTS b", ":0"),
            ("SET s v", "+OK"),
            ("LMPOP 2 a s LEFT", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }

    #[test]
    fn lmpop_refuses_bad_arguments() {
        const SYNTAX: &str = "-ERR syntax error";
        TestStore::new().check([
            ("LMPOP 0 a LEFT", "-ERR numkeys should be greater than 0"),
            ("LMPOP x a LEFT", "-ERR numkeys should be greater than 0"),
            ("LMPOP -1 a LEFT", "-ERR numkeys should be greater than 0"),
            ("LMPOP 2 a LEFT", SYNTAX),
            ("LMPOP 9223372036854775807 a LEFT", SYNTAX),
            ("LMPOP 1 a UP", SYNTAX),
            ("LMPOP 1 a LEFT COUNT", SYNTAX),
            ("LMPOP 1 a LEFT COUNT 1 COUNT 1", SYNTAX),
            ("LMPOP 1 a LEFT COUNT 0", "-ERR count should be greater than 0"),
            ("LMPOP 1 a LEFT COUNT x", "-ERR count should be greater than 0"),
        ]);
    }
}
