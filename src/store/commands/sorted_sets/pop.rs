//! Commands that remove the first or last members: ZPOPMIN, ZPOPMAX, ZMPOP.

use kvstore_protocol::{CommandError, Response};

use super::{super::numkeys::Numkeys, scored::Scored};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{SortedSet, SortedSetRef},
};

pub(in super::super) const SPECS: &[Spec] =
    &[Spec::new("ZPOPMIN", zpopmin), Spec::new("ZPOPMAX", zpopmax), Spec::new("ZMPOP", zmpop)];

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
        2 => {
            const NEGATIVE: CommandError = CommandError::new("ERR", "value is out of range, must be positive");
            Some(usize::try_from(args.integer(1)?).map_err(|_| NEGATIVE)?)
        }
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

/// Removes up to `count` members of a key.
fn pop(call: &mut Call<'_>, key: usize, end: End, count: usize, popped: &mut Scored) -> Result<(), CommandError> {
    let length = call.find::<SortedSet>(key)?.map_or(0, SortedSetRef::len);
    let count = count.min(length);
    call.afford_elements(count)?;
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
    let args = call.args();
    let Numkeys { mut options, .. } = Numkeys::parse(&args, 0)?;
    let end = match (options.keyword("MIN"), options.keyword("MAX")) {
        (true, false) => End::Min,
        (false, true) => End::Max,
        _ => return Err(CommandError::SYNTAX),
    };
    let mut count = 1;
    if options.keyword("COUNT") {
        const NOT_POSITIVE: CommandError = CommandError::new("ERR", "count should be greater than 0");
        let number = options.integer().map_err(|_| NOT_POSITIVE)?;
        count = usize::try_from(number).ok().filter(|count| *count > 0).ok_or(NOT_POSITIVE)?;
    }
    options.finish()?;
    for key in 0..call.keys() {
        if call.find::<SortedSet>(key)?.is_some() {
            let mut popped = Scored::pairs();
            pop(call, key, end, count, &mut popped)?;
            return Ok(Response::Array(vec![call.key_name(key).into(), popped.into()]));
        }
    }
    Ok(Response::NullArray)
}
