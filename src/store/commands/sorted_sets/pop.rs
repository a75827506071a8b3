//! Commands that remove the first or last members: ZPOPMIN, ZPOPMAX, ZMPOP, and BZPOPMIN, BZPOPMAX, BZMPOP, which wait for one.

use kvstore_protocol::{Command, CommandError, Response, parse_integer};

use super::{
    super::{numkeys::options_behind_keys, timeout::parse_timeout},
    scored::Scored,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{Kind, SortedSet, SortedSetRef},
    waiting::{Awaited, Wait},
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("ZPOPMIN", zpopmin),
    Spec::new("ZPOPMAX", zpopmax),
    Spec::new("ZMPOP", zmpop),
    Spec::new("BZPOPMIN", bzpopmin),
    Spec::new("BZPOPMAX", bzpopmax),
    Spec::new("BZMPOP", bzmpop),
];

/// The end of a sorted set where members are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> Event {
        if self == Self::Min { Event::ZPOPMIN } else { Event::ZPOPMAX }
    }

    fn pop_name(self) -> &'static str {
        if self == Self::Min { "ZPOPMIN" } else { "ZPOPMAX" }
    }
}

/// `ZPOPMIN key [count]`: removes the members with the lowest scores, and answers them.
fn zpopmin(call: &mut Call<'_>) -> Answer {
    pop_of_key(call, End::Min)
}

/// `ZPOPMAX key [count]`: the same for the highest scores.
fn zpopmax(call: &mut Call<'_>) -> Answer {
    pop_of_key(call, End::Max)
}

fn pop_of_key(call: &mut Call<'_>, end: End) -> Answer {
    let args = call.args();
    let count = match args.len() {
        1 => None,
        2 => Some(args.count(1)?),
        _ => return Err(CommandError::SYNTAX),
    };
    // Without a count the pair is flat in RESP3 too.
    let mut popped = match count {
        None => Scored::flat(call.session()),
        Some(_) => Scored::new(call.session(), true),
    };
    pop(call, 0, end, count.unwrap_or(1), &mut popped)?;
    Ok(popped.into())
}

/// How many elements of a list are as much work as a member that is removed.
const POP: usize = 16;

/// Removes up to `count` members of a key.
fn pop(call: &mut Call<'_>, key: usize, end: End, count: usize, popped: &mut Scored) -> Result<(), CommandError> {
    let length = call.find::<SortedSet>(key)?.map_or(0, SortedSetRef::len);
    let count = count.min(length);
    if count > 1 || call.is_in_script() {
        call.afford_part(key, (count, length), POP)?;
    }
    if count == 0 {
        return Ok(());
    }
    let Some(mut set) = call.edit::<SortedSet>(key, end.event())? else { return Ok(()) };
    let ranks = if end == End::Min { 0..count } else { length - count..length };
    set.as_ref().visit(ranks.clone(), end == End::Max, |member, score| {
        popped.push(member, score);
        true
    });
    set.update(|set| set.remove_range(ranks, |_, _| {}));
    Ok(())
}

/// `ZMPOP numkeys key [key …] MIN | MAX [COUNT count]`: the same for the first of the keys that is not empty.
fn zmpop(call: &mut Call<'_>) -> Answer {
    let (end, count) = parse_zmpop(&call.args(), 0)?;
    Ok(pop_first(call, end, count)?.unwrap_or(Response::NullArray))
}

/// Parses the arguments of ZMPOP, of which `numkeys` is number `start`.
fn parse_zmpop(args: &Args<'_>, start: usize) -> Result<(End, usize), CommandError> {
    let mut options = options_behind_keys(args, start, CommandError::SYNTAX)?;
    let end = match (options.keyword("MIN"), options.keyword("MAX")) {
        (true, false) => End::Min,
        (false, true) => End::Max,
        _ => return Err(CommandError::SYNTAX),
    };
    let mut count = 1;
    if options.keyword("COUNT") {
        const NOT_POSITIVE: CommandError = CommandError::new("ERR", "count should be greater than 0");
        let number = parse_integer(options.value()?).and_then(|number| usize::try_from(number).ok());
        count = number.filter(|count| *count > 0).ok_or(NOT_POSITIVE)?;
    }
    options.finish()?;
    Ok((end, count))
}

/// Removes up to `count` members of the first of the keys that is not empty; `None` if there is none.
fn pop_first(call: &mut Call<'_>, end: End, count: usize) -> Result<Option<Response>, CommandError> {
    let popped = pop_of_first(call, end, count, |_| Scored::pairs())?;
    Ok(popped.map(|(name, popped)| Response::Array(vec![name.into(), popped.into()])))
}

/// The same. The answer is added to what `begin` returns for the name of the key.
fn pop_of_first<'c>(
    call: &mut Call<'c>,
    end: End,
    count: usize,
    begin: impl FnOnce(&[u8]) -> Scored,
) -> Result<Option<(&'c [u8], Scored)>, CommandError> {
    for key in 0..call.keys() {
        if call.find::<SortedSet>(key)?.is_some() {
            let name = call.key_name(key);
            let mut popped = begin(name);
            pop(call, key, end, count, &mut popped)?;
            call.record(|| Command::new(end.pop_name()).arg(name).arg(count));
            return Ok(Some((name, popped)));
        }
    }
    Ok(None)
}

/// `BZPOPMIN key [key …] timeout`: removes the member with the lowest score of the first of the keys that is not empty, and
/// waits for one if there is none.
fn bzpopmin(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, End::Min)
}

/// `BZPOPMAX key [key …] timeout`: the same for the highest score.
fn bzpopmax(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, End::Max)
}

fn pop_or_wait(call: &mut Call<'_>, end: End) -> Answer {
    let args = call.args();
    let timeout = parse_timeout(args.bytes(args.len() - 1))?;
    let session = call.session();
    match pop_of_first(call, end, 1, |name| Scored::behind_key(session, name))? {
        Some((_, popped)) => Ok(popped.into()),
        None => call.wait(WAIT.for_at_most(timeout), Response::NullArray),
    }
}

/// `BZMPOP timeout numkeys key [key …] MIN | MAX [COUNT count]`: ZMPOP, which waits if all keys are empty.
fn bzmpop(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let timeout = parse_timeout(args.bytes(0))?;
    let (end, count) = parse_zmpop(&args, 1)?;
    match pop_first(call, end, count)? {
        Some(answer) => Ok(answer),
        None => call.wait(WAIT.for_at_most(timeout), Response::NullArray),
    }
}

const WAIT: Wait = Wait::new(Awaited::Any(Kind::SortedSet.type_name()), Response::NullArray);

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn the_first_and_the_last_members_are_popped() {
        TestStore::new().check([
            ("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f", ":6"),
            ("ZPOPMIN z", r#"["a", "1"]"#),
            ("ZPOPMAX z", r#"["f", "6"]"#),
            ("ZPOPMIN z 2", r#"["b", "2", "c", "3"]"#),
            ("ZPOPMAX z 0", "[]"),
            ("ZPOPMAX z 9", r#"["e", "5", "d", "4"]"#),
            ("EXISTS z", ":0"),
            ("ZPOPMIN z", "[]"),
            ("ZPOPMIN z 2", "[]"),
            ("ZPOPMIN z -1", "-ERR value is out of range, must be positive"),
            ("ZPOPMIN z x", "-ERR value is out of range, must be positive"),
            ("ZPOPMIN z 1 1", "-ERR syntax error"),
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("ZMPOP 2 missing z MIN", r#"["z", [["a", 1]]]"#),
            ("ZMPOP 1 z MAX COUNT 5", r#"["z", [["c", 3], ["b", 2]]]"#),
            ("EXISTS z", ":0"),
            ("ZMPOP 1 z MIN", "(nil)"),
            ("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0"),
            ("ZMPOP x z MIN", "-ERR numkeys should be greater than 0"),
            ("ZMPOP 2 z MIN", "-ERR syntax error"),
            ("ZMPOP 1 z FOO", "-ERR syntax error"),
            ("ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0"),
            ("ZMPOP 4294967296 z MIN", "-ERR syntax error"),
            ("ZMPOP 3 z MIN", "-ERR syntax error"),
            ("ZMPOP 1 z MIN COUNT", "-ERR syntax error"),
            ("ZMPOP 1 z MIN COUNT x", "-ERR count should be greater than 0"),
            ("ZMPOP 1 z MIN COUNT 1 COUNT 1", "-ERR syntax error"),
            ("ZMPOP 1 z MIN MAX", "-ERR syntax error"),
            ("SET k v", "+OK"),
            ("ZMPOP 1 k MIN", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZMPOP 2 z k MIN", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZPOPMIN k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }
}
