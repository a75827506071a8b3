//! Commands that move an element from one list to another: LMOVE, RPOPLPUSH, and BLMOVE, BRPOPLPUSH, which wait for one.

use kvstore_protocol::{Command, CommandError, Response};

use super::{super::timeout::parse_timeout, bulk, parse_end, popped, pushed};
use crate::store::{
    call::Call,
    spec::{Answer, Spec},
    value::{End, Kind, List, ListRef},
    waiting::{Awaited, Wait},
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("LMOVE", lmove),
    Spec::new("RPOPLPUSH", rpoplpush),
    Spec::new("BLMOVE", blmove),
    Spec::new("BRPOPLPUSH", brpoplpush),
];

/// `LMOVE source destination LEFT | RIGHT LEFT | RIGHT`: moves an element, and answers it. With one key twice it rotates the
/// list.
fn lmove(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let (from, to) = (parse_end(args.bytes(2))?, parse_end(args.bytes(3))?);
    Ok(transfer(call, from, to)?.unwrap_or(Response::Null))
}

/// `RPOPLPUSH source destination`: the old name of `LMOVE source destination RIGHT LEFT`.
fn rpoplpush(call: &mut Call<'_>) -> Answer {
    Ok(transfer(call, End::Tail, End::Head)?.unwrap_or(Response::Null))
}

/// `BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout`: LMOVE, which waits if there is no source.
fn blmove(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let (from, to) = (parse_end(args.bytes(2))?, parse_end(args.bytes(3))?);
    transfer_or_wait(call, (from, to), 4)
}

/// `BRPOPLPUSH source destination timeout`: the old name of `BLMOVE source destination RIGHT LEFT timeout`.
fn brpoplpush(call: &mut Call<'_>) -> Answer {
    transfer_or_wait(call, (End::Tail, End::Head), 2)
}

/// The argument number `timeout` says how long it waits.
fn transfer_or_wait(call: &mut Call<'_>, (from, to): (End, End), timeout: usize) -> Answer {
    const WAIT: Wait = Wait::new(Awaited::First(Kind::List.type_name()), Response::NullArray);
    let timeout = parse_timeout(call.args().bytes(timeout))?;
    let Some(element) = transfer(call, from, to)? else {
        return call.wait(WAIT.for_at_most(timeout), Response::Null);
    };
    let (source, destination) = (call.key_name(0), call.key_name(1));
    call.record(|| Command::new("LMOVE").arg(source).arg(destination).arg(word(from)).arg(word(to)));
    Ok(element)
}

fn word(end: End) -> &'static str {
    if end == End::Head { "LEFT" } else { "RIGHT" }
}

/// Moves an element from an end of the list of the first key to an end of that of the second; `None` if there is no first.
fn transfer(call: &mut Call<'_>, from: End, to: End) -> Result<Option<Response>, CommandError> {
    let limit = call.thresholds().chunk();
    let element = call.find::<List>(0)?.and_then(|list: ListRef<'_>| list.end(from)).map(bulk);
    let Some(element) = element else { return Ok(None) };
    // The element is pushed first, as Redis tells it. A list that is rotated is therefore never empty.
    let mut destination = call.edit_or_create::<List>(1, pushed(to))?;
    destination.update(|list| list.push(to, element.as_bytes().unwrap_or_default(), limit));
    drop(destination);
    if let Some(mut source) = call.edit::<List>(0, popped(from))? {
        source.update(|list| list.remove(from, 1, limit));
    }
    Ok(Some(element))
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn an_element_moves_between_any_two_ends() {
        TestStore::new().check([
            ("RPUSH a 1 2 3 4", ":4"),
            ("RPUSH b x", ":1"),
            ("LMOVE a b LEFT LEFT", "\"1\""),
            ("LMOVE a b left right", "\"2\""),
            ("LMOVE a b RIGHT LEFT", "\"4\""),
            ("LRANGE b 0 -1", r#"["4", "1", "x", "2"]"#),
            ("LMOVE a c RIGHT RIGHT", "\"3\""),
            ("EXISTS a", ":0"),
            ("RPOPLPUSH b c", "\"2\""),
            ("LRANGE c 0 -1", r#"["2", "3"]"#),
            ("LMOVE a b LEFT LEFT", "(nil)"),
            ("RPOPLPUSH a b", "(nil)"),
        ]);
    }

    #[test]
    fn one_list_is_rotated() {
        TestStore::new().check([
            ("RPUSH l 1 2 3", ":3"),
            ("RPOPLPUSH l l", "\"3\""),
            ("LRANGE l 0 -1", r#"["3", "1", "2"]"#),
            ("LMOVE l l LEFT RIGHT", "\"3\""),
            ("LRANGE l 0 -1", r#"["1", "2", "3"]"#),
            ("LMOVE l l LEFT LEFT", "\"1\""),
            ("LRANGE l 0 -1", r#"["1", "2", "3"]"#),
            ("RPUSH one x", ":1"),
            ("RPOPLPUSH one one", "\"x\""),
            ("LRANGE one 0 -1", r#"["x"]"#),
        ]);
    }

    #[test]
    fn a_refused_move_changes_nothing() {
        const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        TestStore::new().check([
            ("RPUSH l 1", ":1"),
            ("SET s v", "+OK"),
            ("LMOVE l s LEFT LEFT", WRONG_TYPE),
            ("LMOVE s l LEFT LEFT", WRONG_TYPE),
            ("LMOVE none s LEFT LEFT", "(nil)"),
            ("LMOVE l l UP LEFT", "-ERR syntax error"),
            ("LMOVE l l LEFT DOWN", "-ERR syntax error"),
            ("LRANGE l 0 -1", r#"["1"]"#),
        ]);
    }
}
