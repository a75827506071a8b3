//! Commands that read a stream by identifiers: XLEN, XRANGE, XREVRANGE.

use kvstore_protocol::{CommandError, Packed, Response};

use super::{
    ids::{parse_end, parse_start},
    reply::push_entry,
};
use crate::store::{
    args::Args,
    call::Call,
    spec::{Answer, Spec},
    value::{Stream, StreamId},
};

pub(in super::super) const SPECS: &[Spec] =
    &[Spec::new("XLEN", xlen), Spec::new("XRANGE", xrange), Spec::new("XREVRANGE", xrevrange)];

/// About how many elements of a collection take as long as an entry.
pub(super) const ENTRY: usize = 8;

/// `XLEN key`: the number of entries.
fn xlen(call: &mut Call<'_>) -> Answer {
    Ok(call.get::<Stream>(0)?.map_or(0, |log| log.len()).into())
}

/// `XRANGE key start end [COUNT count]`: the entries of a range.
fn xrange(call: &mut Call<'_>) -> Answer {
    range(call, (1, 2), false)
}

/// `XREVRANGE key end start [COUNT count]`: the entries of a range, the last one first.
fn xrevrange(call: &mut Call<'_>) -> Answer {
    range(call, (2, 1), true)
}

fn range(call: &mut Call<'_>, (start, end): (usize, usize), is_reversed: bool) -> Answer {
    let args = call.args();
    let (start, end) = (parse_start(args.bytes(start))?, parse_end(args.bytes(end))?);
    let count = parse_count(&args)?;
    let about = call.find::<Stream>(0)?.map_or(0, |log| log.entries_between(start, end));
    call.afford_elements(about.min(count.unwrap_or(usize::MAX)).saturating_mul(ENTRY))?;
    let mut entries = call.collect(Packed::array());
    let Some(log) = call.get::<Stream>(0)? else { return Ok(entries.into()) };
    if count == Some(0) {
        return Ok(Response::NullArray);
    }
    let mut left = count.unwrap_or(usize::MAX);
    let visit = |entry| {
        push_entry(&mut entries, entry);
        left -= 1;
        left > 0
    };
    if is_reversed {
        log.visit_back(start, end, visit)
    } else {
        log.visit(start, end, visit)
    }
    call.collected(entries)
}

/// The most entries, if there is a bound.
fn parse_count(args: &Args<'_>) -> Result<Option<usize>, CommandError> {
    let (mut options, mut count) = (args.options(3), None);
    while options.keyword("COUNT") {
        count = Some(usize::try_from(options.integer()?).unwrap_or(0));
    }
    options.finish()?;
    Ok(count)
}

/// The identifiers behind one: from the next one on, up to the last.
pub(super) fn behind(id: StreamId) -> Option<(StreamId, StreamId)> {
    Some((id.next()?, StreamId::MAX))
}
