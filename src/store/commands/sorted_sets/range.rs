//! Commands on ranges: ZRANGE and its kin, ZCOUNT, ZREMRANGEBYSCORE.

use super::{
    range_options::{By, RangeQuery},
    scored::Scored,
};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::SortedSet,
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("ZRANGE", zrange),
    Spec::new("ZRANGESTORE", zrangestore),
    Spec::new("ZREVRANGE", zrevrange),
    Spec::new("ZRANGEBYSCORE", zrangebyscore),
    Spec::new("ZREVRANGEBYSCORE", zrevrangebyscore),
    Spec::new("ZRANGEBYLEX", zrangebylex),
    Spec::new("ZREVRANGEBYLEX", zrevrangebylex),
    Spec::new("ZCOUNT", zcount),
    Spec::new("ZLEXCOUNT", zlexcount),
    Spec::new("ZREMRANGEBYRANK", zremrangebyrank),
    Spec::new("ZREMRANGEBYSCORE", zremrangebyscore),
    Spec::new("ZREMRANGEBYLEX", zremrangebylex),
];

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`: the members of a range.
fn zrange(call: &mut Call<'_>) -> Answer {
    range(call, None, None)
}

/// `ZREVRANGE key start stop [WITHSCORES]`: the members of a range of ranks that count from the last member.
fn zrevrange(call: &mut Call<'_>) -> Answer {
    range(call, Some(By::Rank), Some(true))
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`: the members of a range of scores.
fn zrangebyscore(call: &mut Call<'_>) -> Answer {
    range(call, Some(By::Score), Some(false))
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`: the same backwards.
fn zrevrangebyscore(call: &mut Call<'_>) -> Answer {
    range(call, Some(By::Score), Some(true))
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`: the members of a range of names.
fn zrangebylex(call: &mut Call<'_>) -> Answer {
    range(call, Some(By::Name), Some(false))
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`: the same backwards.
fn zrevrangebylex(call: &mut Call<'_>) -> Answer {
    range(call, Some(By::Name), Some(true))
}

fn range(call: &mut Call<'_>, by: Option<By>, is_reversed: Option<bool>) -> Answer {
    let query = RangeQuery::parse(&call.args(), 1, by, is_reversed, true)?;
    let count = call.find::<SortedSet>(0)?.map_or(0, |set| query.ranks(set).len());
    call.afford_elements(count)?;
    let mut found = Scored::new(call.session(), query.with_scores);
    if let Some(set) = call.get::<SortedSet>(0)? {
        set.visit(query.ranks(set), query.is_reversed, |member, score| {
            found.push(member, score);
            true
        });
    }
    Ok(found.into())
}

/// `ZRANGESTORE destination source start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count]`: stores a range as another sorted
/// set. Answers its size.
fn zrangestore(call: &mut Call<'_>) -> Answer {
    let query = RangeQuery::parse(&call.args(), 2, None, None, false)?;
    let count = call.find::<SortedSet>(1)?.map_or(0, |set| query.ranks(set).len());
    call.afford_elements(count)?;
    let (mut result, limit) = (SortedSet::default(), call.thresholds().sorted_set());
    if let Some(set) = call.get::<SortedSet>(1)? {
        set.visit(query.ranks(set), false, |member, score| {
            result.set(member, score, limit);
            true
        });
    }
    call.put_result(0, result, Event::ZRANGESTORE);
    Ok(count.into())
}

/// `ZCOUNT key min max`: the number of members in a range of scores.
fn zcount(call: &mut Call<'_>) -> Answer {
    count(call, By::Score)
}

/// `ZLEXCOUNT key min max`: the number of members in a range of names.
fn zlexcount(call: &mut Call<'_>) -> Answer {
    count(call, By::Name)
}

fn count(call: &mut Call<'_>, by: By) -> Answer {
    let query = RangeQuery::of_interval(&call.args(), 1, by)?;
    Ok(call.get::<SortedSet>(0)?.map_or(0, |set| query.ranks(set).len()).into())
}

/// `ZREMRANGEBYRANK key start stop`: removes a range of ranks. Answers how many members there were.
fn zremrangebyrank(call: &mut Call<'_>) -> Answer {
    remove(call, By::Rank, Event::ZREMRANGEBYRANK)
}

/// `ZREMRANGEBYSCORE key min max`: removes a range of scores.
fn zremrangebyscore(call: &mut Call<'_>) -> Answer {
    remove(call, By::Score, Event::ZREMRANGEBYSCORE)
}

/// `ZREMRANGEBYLEX key min max`: removes a range of names.
fn zremrangebylex(call: &mut Call<'_>) -> Answer {
    remove(call, By::Name, Event::ZREMRANGEBYLEX)
}

fn remove(call: &mut Call<'_>, by: By, event: Event) -> Answer {
    let query = RangeQuery::of_interval(&call.args(), 1, by)?;
    let ranks = call.find::<SortedSet>(0)?.map_or(0..0, |set| query.ranks(set));
    call.afford_elements(ranks.len())?;
    let Some(mut set) = call.edit::<SortedSet>(0, event)? else { return Ok(0.into()) };
    Ok(set.update(|set| set.remove_range(ranks, |_, _| {})).into())
}
