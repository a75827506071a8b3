//! Commands on single members, or on a sorted set as a whole: ZSCORE, ZRANK, ZREM, ZCARD, ZRANDMEMBER, ZSCAN.

use kvstore_protocol::{CommandError, Packed, Response, format_double};

use super::{
    super::{
        random::{Draw, Draws},
        scan_options::{ScanOptions, scan_answer},
    },
    scored::Scored,
};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{SortedSet, SortedSetRef},
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("ZCARD", zcard),
    Spec::new("ZSCORE", zscore),
    Spec::new("ZMSCORE", zmscore),
    Spec::new("ZRANK", zrank),
    Spec::new("ZREVRANK", zrevrank),
    Spec::new("ZREM", zrem),
    Spec::new("ZRANDMEMBER", zrandmember),
    Spec::new("ZSCAN", zscan),
];

/// `ZCARD key`: the number of members.
fn zcard(call: &mut Call<'_>) -> Answer {
    Ok(call.get::<SortedSet>(0)?.map_or(0, SortedSetRef::len).into())
}

/// `ZSCORE key member`: the score of a member.
fn zscore(call: &mut Call<'_>) -> Answer {
    let member = call.args().bytes(1);
    let score = call.get::<SortedSet>(0)?.and_then(|set| set.score(member));
    Ok(score.map_or(Response::Null, Response::Double))
}

/// `ZMSCORE key member [member …]`: the scores of members.
fn zmscore(call: &mut Call<'_>) -> Answer {
    let set = call.get::<SortedSet>(0)?;
    let score = |member| set.and_then(|set| set.score(member)).map_or(Response::Null, Response::Double);
    Ok(Response::Array(call.args().from(1).map(score).collect()))
}

/// `ZRANK key member [WITHSCORE]`: the number of members before a member.
fn zrank(call: &mut Call<'_>) -> Answer {
    rank(call, |rank, _| rank)
}

/// `ZREVRANK key member [WITHSCORE]`: the number of members after a member.
fn zrevrank(call: &mut Call<'_>) -> Answer {
    rank(call, |rank, length| length - 1 - rank)
}

fn rank(call: &mut Call<'_>, of: fn(usize, usize) -> usize) -> Answer {
    let args = call.args();
    let with_score = match args.len() {
        2 => false,
        3 if args.is(2, "WITHSCORE") => true,
        3 => return Err(CommandError::SYNTAX),
        _ => return Err(CommandError::wrong_arity(call.name())),
    };
    let missing = if with_score { Response::NullArray } else { Response::Null };
    let Some(set) = call.get::<SortedSet>(0)? else { return Ok(missing) };
    let Some(rank) = set.rank(args.bytes(1)).map(|rank| of(rank, set.len())) else { return Ok(missing) };
    if !with_score {
        return Ok(rank.into());
    }
    let score = set.score(args.bytes(1)).unwrap_or_default();
    Ok(Response::Array(vec![rank.into(), Response::Double(score)]))
}

/// `ZREM key member [member …]`: removes members, and the key with the last of them. Answers how many there were.
fn zrem(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let Some(mut set) = call.edit::<SortedSet>(0, Event::ZREM)? else { return Ok(0.into()) };
    Ok(set.update(|set| args.from(1).filter(|member| set.remove(member)).count()).into())
}

/// `ZRANDMEMBER key [count [WITHSCORES]]`: random members. A negative count may name a member several times.
fn zrandmember(call: &mut Call<'_>) -> Answer {
    let (args, seed) = (call.args(), call.seed());
    let draw = Draw::parse(&args, "WITHSCORES")?;
    let length = call.find::<SortedSet>(0)?.map_or(0, SortedSetRef::len);
    call.afford_elements(draw.work(length))?;
    let mut members = Scored::new(call.session(), draw.with_values).collecting(call);
    let Some(set) = call.get::<SortedSet>(0)? else { return Ok(draw.of_nothing()) };
    let Some(count) = draw.count else {
        let index = Draws::one(set.len(), seed);
        return Ok(set.nth(index, |member, _| member.into()).unwrap_or(Response::Null));
    };
    for index in Draws::new(count, set.len(), seed) {
        set.nth(index, |member, score| members.push(member, score));
        if members.is_too_large() {
            break;
        }
    }
    call.collected(members)
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]`: some of the members with their scores, and the next cursor.
fn zscan(call: &mut Call<'_>) -> Answer {
    let (options, mut found) =
        (ScanOptions::of_elements::<SortedSet>(call, Some("NOSCORES"))?, call.collect(Packed::array()));
    let (Some(options), Some(set)) = (options, call.get::<SortedSet>(0)?) else { return scan_answer(call, 0, found) };
    let next = options.scan(|cursor, visited| {
        set.scan(cursor, |member, score| {
            *visited += 1;
            if options.admits(member) {
                found.push(member);
                if !options.is_short {
                    found.push(format_double(score).as_bytes());
                }
            }
        })
    });
    scan_answer(call, next, found)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn members_have_scores_and_ranks() {
        TestStore::new().check([
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("ZCARD z", ":3"),
            ("ZCARD missing", ":0"),
            ("ZSCORE z a", "1"),
            ("ZSCORE z x", "(nil)"),
            ("ZSCORE missing a", "(nil)"),
            ("ZMSCORE z a x c", "[1, (nil), 3]"),
            ("ZMSCORE missing a b", "[(nil), (nil)]"),
            ("ZRANK z a", ":0"),
            ("ZRANK z c", ":2"),
            ("ZRANK z x", "(nil)"),
            ("ZRANK missing a", "(nil)"),
            ("ZREVRANK z a", ":2"),
            ("ZRANK z b WITHSCORE", "[:1, 2]"),
            ("ZREVRANK z b withscore", "[:1, 2]"),
            ("ZRANK z x WITHSCORE", "(nil)"),
            ("ZRANK z b FOO", "-ERR syntax error"),
            ("ZRANK z b WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command"),
            ("ZREM z a x a", ":1"),
            ("ZREM missing a", ":0"),
            ("ZADD z 1e20 big 0.1 small -inf low 1.5e-7 tiny -0 zero", ":5"),
            (
                "ZRANGE z 0 -1 WITHSCORES",
                r#"["low", "-inf", "zero", "0", "tiny", "1.5e-7", "small", "0.1", "b", "2", "c", "3", "big", "1e+20"]"#,
            ),
            ("ZSCORE z zero", "0"),
            ("ZREM z b c big small low tiny zero", ":7"),
            ("EXISTS z", ":0"),
        ]);
    }

    #[test]
    fn random_members_are_drawn() {
        TestStore::new().check([
            ("ZRANDMEMBER z", "(nil)"),
            ("ZRANDMEMBER z 3", "[]"),
            ("ZADD z 1.5 a", ":1"),
            ("ZRANDMEMBER z", r#""a""#),
            ("ZRANDMEMBER z 9", r#"["a"]"#),
            ("ZRANDMEMBER z -2", r#"["a", "a"]"#),
            ("ZRANDMEMBER z 9 WITHSCORES", r#"["a", "1.5"]"#),
            ("ZRANDMEMBER z -2 withscores", r#"["a", "1.5", "a", "1.5"]"#),
            ("ZRANDMEMBER z 0", "[]"),
            ("ZRANDMEMBER z x", "-ERR value is not an integer or out of range"),
            ("ZRANDMEMBER z 1 FOO", "-ERR syntax error"),
            (
                "ZRANDMEMBER z -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("ZRANDMEMBER z -9223372036854775807 WITHSCORES", "-ERR value is out of range"),
            ("ZRANDMEMBER z 1 WITHSCORES x", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn a_small_sorted_set_is_scanned_in_one_call() {
        TestStore::new().check([
            ("ZSCAN z 0", r#"["0", []]"#),
            ("ZADD z 1 a 2.5 b 3 ab", ":3"),
            ("ZSCAN z 0", r#"["0", ["a", "1", "b", "2.5", "ab", "3"]]"#),
            ("ZSCAN z 0 MATCH a* COUNT 1", r#"["0", ["a", "1", "ab", "3"]]"#),
            ("ZSCAN z x", "-ERR invalid cursor"),
            ("ZSCAN z 0 COUNT 0", "-ERR syntax error"),
            ("ZSCAN z 0 FOO", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn an_expired_sorted_set_is_absent() {
        let store = TestStore::new();
        store.check([("ZADD z 1 a", ":1"), ("PEXPIRE z 5", ":1")]);
        store.pass(6);
        store.check([
            ("ZSCORE z a", "(nil)"),
            ("ZRANGE z 0 -1", "[]"),
            ("ZPOPMIN z", "[]"),
            ("ZADD z XX 2 a", ":0"),
            ("ZINCRBY z 3 a", "3"),
            ("TTL z", ":-1"),
        ]);
    }
}
