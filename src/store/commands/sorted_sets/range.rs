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
    let mut found = Scored::new(call.session(), query.with_scores).collecting(call);
    if let Some(set) = call.get::<SortedSet>(0)? {
        set.visit(query.ranks(set), query.is_reversed, |member, score| {
            found.push(member, score);
            true
        });
    }
    call.collected(found)
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

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn ranges_of_ranks() {
        TestStore::new().check([
            ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
            ("ZRANGE z 0 -1", r#"["a", "b", "c", "d"]"#),
            ("ZRANGE z 1 2", r#"["b", "c"]"#),
            ("ZRANGE z -2 -1", r#"["c", "d"]"#),
            ("ZRANGE z 2 1", "[]"),
            ("ZRANGE z 4 9", "[]"),
            ("ZRANGE z -9 0", r#"["a"]"#),
            ("ZRANGE z -9223372036854775808 9223372036854775807", r#"["a", "b", "c", "d"]"#),
            ("ZRANGE z 0 1 REV", r#"["d", "c"]"#),
            ("ZRANGE z 0 0 WITHSCORES", r#"["a", "1"]"#),
            ("ZREVRANGE z 0 1", r#"["d", "c"]"#),
            ("ZREVRANGE z 0 -1 WITHSCORES", r#"["d", "4", "c", "3", "b", "2", "a", "1"]"#),
            ("ZRANGE missing 0 -1", "[]"),
            (
                "ZRANGE z 0 -1 LIMIT 0 1",
                "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ),
            ("ZRANGE z x 1", "-ERR value is not an integer or out of range"),
            ("ZRANGE z 0 x", "-ERR value is not an integer or out of range"),
            ("ZRANGE z 0 -1 FOO", "-ERR syntax error"),
            ("ZREVRANGE z 0 -1 REV", "-ERR syntax error"),
            ("ZREVRANGE z 0 -1 BYSCORE", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn ranges_of_scores() {
        TestStore::new().check([
            ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
            ("ZRANGEBYSCORE z 2 3", r#"["b", "c"]"#),
            ("ZRANGEBYSCORE z (2 3", r#"["c"]"#),
            ("ZRANGEBYSCORE z (2 (3", "[]"),
            ("ZRANGEBYSCORE z -inf +inf", r#"["a", "b", "c", "d"]"#),
            ("ZRANGEBYSCORE z -inf +inf LIMIT 1 2", r#"["b", "c"]"#),
            ("ZRANGEBYSCORE z -inf +inf LIMIT 1 -1", r#"["b", "c", "d"]"#),
            ("ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "[]"),
            ("ZRANGEBYSCORE z -inf +inf LIMIT 9 2", "[]"),
            ("ZRANGEBYSCORE z -inf +inf LIMIT 0 0", "[]"),
            ("ZRANGEBYSCORE z 4 4 WITHSCORES", r#"["d", "4"]"#),
            ("ZRANGEBYSCORE z 3 2", "[]"),
            ("ZREVRANGEBYSCORE z 3 2", r#"["c", "b"]"#),
            ("ZREVRANGEBYSCORE z +inf -inf LIMIT 1 2", r#"["c", "b"]"#),
            ("ZREVRANGEBYSCORE z 2 3", "[]"),
            ("ZRANGE z 2 3 BYSCORE", r#"["b", "c"]"#),
            ("ZRANGE z 3 2 BYSCORE REV", r#"["c", "b"]"#),
            ("ZRANGE z +inf (2 BYSCORE REV LIMIT 0 1", r#"["d"]"#),
            ("ZCOUNT z 2 3", ":2"),
            ("ZCOUNT z (2 (4", ":1"),
            ("ZCOUNT z 3 2", ":0"),
            ("ZCOUNT missing 0 9", ":0"),
            ("ZRANGEBYSCORE z x 2", "-ERR min or max is not a float"),
            ("ZRANGEBYSCORE z (x 2", "-ERR min or max is not a float"),
            ("ZRANGEBYSCORE z 2 nan", "-ERR min or max is not a float"),
            ("ZCOUNT z 1 x", "-ERR min or max is not a float"),
            ("ZRANGEBYSCORE z 1 2 LIMIT 1", "-ERR syntax error"),
            ("ZRANGEBYSCORE z 1 2 LIMIT x", "-ERR syntax error"),
            ("ZRANGEBYSCORE z 1 2 LIMIT x 1", "-ERR value is not an integer or out of range"),
            ("ZRANGEBYSCORE z 1 2 BYSCORE", "-ERR syntax error"),
            ("ZRANGEBYSCORE missing x 2", "-ERR min or max is not a float"),
            ("ZCOUNT z -1e400 (1e400", ":4"),
            ("ZCOUNT z '' 2", ":2"),
            ("ZCOUNT z ( 2", ":2"),
            ("ZRANGE z 0 0 LIMIT 6 -1", r#"["a"]"#),
        ]);
    }

    #[test]
    fn ranges_of_names() {
        TestStore::new().check([
            ("ZADD z 0 a 0 b 0 c 0 d", ":4"),
            ("ZRANGEBYLEX z - +", r#"["a", "b", "c", "d"]"#),
            ("ZRANGEBYLEX z [b [c", r#"["b", "c"]"#),
            ("ZRANGEBYLEX z (b [c", r#"["c"]"#),
            ("ZRANGEBYLEX z (b (c", "[]"),
            ("ZRANGEBYLEX z + -", "[]"),
            ("ZRANGEBYLEX z [b +", r#"["b", "c", "d"]"#),
            ("ZRANGEBYLEX z - (b", r#"["a"]"#),
            ("ZRANGEBYLEX z - + LIMIT 1 2", r#"["b", "c"]"#),
            ("ZREVRANGEBYLEX z + -", r#"["d", "c", "b", "a"]"#),
            ("ZREVRANGEBYLEX z [c [b", r#"["c", "b"]"#),
            ("ZREVRANGEBYLEX z + - LIMIT 0 1", r#"["d"]"#),
            ("ZRANGE z [b [c BYLEX", r#"["b", "c"]"#),
            ("ZRANGE z [c [b BYLEX REV", r#"["c", "b"]"#),
            ("ZLEXCOUNT z - +", ":4"),
            ("ZLEXCOUNT z (a (d", ":2"),
            ("ZLEXCOUNT z [x [y", ":0"),
            ("ZLEXCOUNT missing - +", ":0"),
            ("ZRANGEBYLEX z b c", "-ERR min or max not valid string range item"),
            ("ZRANGEBYLEX z - x", "-ERR min or max not valid string range item"),
            ("ZLEXCOUNT z b +", "-ERR min or max not valid string range item"),
            (
                "ZRANGE z [b [c BYLEX WITHSCORES",
                "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ),
            ("ZRANGEBYLEX z - + WITHSCORES", "-ERR syntax error, WITHSCORES not supported in combination with BYLEX"),
            ("ZRANGE z - + BYLEX BYSCORE", "-ERR syntax error"),
            ("ZRANGE z 0 1 BYSCORE BYLEX", "-ERR syntax error"),
            ("ZRANGEBYLEX z [ [z", r#"["a", "b", "c", "d"]"#),
        ]);
    }

    #[test]
    fn ranges_are_removed() {
        TestStore::new().check([
            ("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f", ":6"),
            ("ZREMRANGEBYRANK z 0 0", ":1"),
            ("ZREMRANGEBYRANK z -1 -1", ":1"),
            ("ZREMRANGEBYRANK z 9 10", ":0"),
            ("ZREMRANGEBYSCORE z 2 (3", ":1"),
            ("ZREMRANGEBYSCORE z 9 10", ":0"),
            ("ZREMRANGEBYLEX z [c [d", ":2"),
            ("ZRANGE z 0 -1", r#"["e"]"#),
            ("ZREMRANGEBYRANK z 0 -1", ":1"),
            ("EXISTS z", ":0"),
            ("ZREMRANGEBYRANK missing 0 -1", ":0"),
            ("ZREMRANGEBYSCORE missing 0 1", ":0"),
            ("ZREMRANGEBYLEX missing - +", ":0"),
            ("ZREMRANGEBYRANK z x 1", "-ERR value is not an integer or out of range"),
            ("ZREMRANGEBYSCORE z x 1", "-ERR min or max is not a float"),
            ("ZREMRANGEBYLEX z x +", "-ERR min or max not valid string range item"),
        ]);
    }

    #[test]
    fn a_range_is_stored() {
        TestStore::new().check([
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("ZRANGESTORE d z 0 1", ":2"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["a", "1", "b", "2"]"#),
            ("ZRANGESTORE d z 1 2 REV", ":2"),
            ("ZRANGE d 0 -1", r#"["a", "b"]"#),
            ("ZRANGESTORE d z (1 +inf BYSCORE LIMIT 1 1", ":1"),
            ("ZRANGE d 0 -1", r#"["c"]"#),
            ("ZRANGESTORE z z [b [c BYLEX", ":2"),
            ("ZRANGE z 0 -1", r#"["b", "c"]"#),
            ("ZRANGESTORE d z 5 9", ":0"),
            ("EXISTS d", ":0"),
            ("ZRANGESTORE d missing 0 -1", ":0"),
            ("SET k v", "+OK"),
            ("ZRANGESTORE k z 0 -1", ":2"),
            ("TYPE k", "+zset"),
            ("ZRANGESTORE d z 0 -1 WITHSCORES", "-ERR syntax error"),
            ("ZRANGESTORE d z 0", "-ERR wrong number of arguments for 'zrangestore' command"),
            ("ZRANGESTORE d z x 1", "-ERR value is not an integer or out of range"),
        ]);
    }
}
