//! Commands that combine sorted sets: ZUNION, ZINTER, ZDIFF, and those that store or count the result.

use kvstore_protocol::CommandError;

use super::{super::numkeys::limit, scored::Scored};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{Aggregate, Combination, DataType, Element, Set, SortedSet, Source, parse_double},
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("ZUNION", zunion),
    Spec::new("ZINTER", zinter),
    Spec::new("ZDIFF", zdiff),
    Spec::new("ZUNIONSTORE", zunionstore),
    Spec::new("ZINTERSTORE", zinterstore),
    Spec::new("ZDIFFSTORE", zdiffstore),
    Spec::new("ZINTERCARD", zintercard),
];

/// `numkeys key [key …] [WEIGHTS weight [weight …]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`.
#[derive(Debug)]
struct Combine {
    combination: Combination,
    /// One for each key; none if all are 1.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Combine {
    /// Parses the arguments from `index` on. `answers` says whether the result is answered, not stored.
    fn parse(call: &Call<'_>, index: usize, combination: Combination, answers: bool) -> Result<Self, CommandError> {
        let (count, mut parsed) = (key_count(call, index)?, Self::new(combination));
        let mut options = call.args().options(index + 1 + count);
        let has_weights = combination != Combination::Difference;
        loop {
            if has_weights && options.keyword("WEIGHTS") {
                if options.size_hint().0 < count {
                    return Err(CommandError::SYNTAX);
                }
                const NOT_A_FLOAT: CommandError = CommandError::new("ERR", "weight value is not a float");
                let weights = (0..count).map(|_| parse_double(options.value()?).ok_or(NOT_A_FLOAT));
                parsed.weights = weights.collect::<Result<_, _>>()?;
            } else if has_weights && options.keyword("AGGREGATE") {
                parsed.aggregate = aggregate(options.value()?).ok_or(CommandError::SYNTAX)?;
            } else if answers && options.keyword("WITHSCORES") {
                parsed.with_scores = true;
            } else {
                break;
            }
        }
        options.finish()?;
        Ok(parsed)
    }

    fn new(combination: Combination) -> Self {
        Self { combination, weights: Vec::new(), aggregate: Aggregate::default(), with_scores: false }
    }

    /// Calls `read` with the combination of the keys from `first` on.
    fn run<R>(
        &self,
        call: &mut Call<'_>,
        first: usize,
        read: impl FnOnce(&[(Element<'_>, f64)]) -> R,
    ) -> Result<R, CommandError> {
        let keys = first..call.keys();
        let lengths = keys.clone().map(|key| Ok(source(call, key)?.map_or(0, Source::len)));
        let members = lengths.sum::<Result<usize, CommandError>>()?;
        call.afford_elements(members)?;
        let sources = keys.enumerate().map(|(index, key)| {
            call.read(key);
            Ok((source(call, key)?, self.weights.get(index).copied().unwrap_or(1.0)))
        });
        let sources = sources.collect::<Result<Vec<_>, CommandError>>()?;
        Ok(read(&self.combination.of(&sources, self.aggregate)))
    }
}

/// The number of keys, which is the argument at `index`. They are checked to be sets.
fn key_count(call: &Call<'_>, index: usize) -> Result<usize, CommandError> {
    let args = call.args();
    let count = args.integer(index)?;
    if count < 1 {
        let name = call.name();
        return Err(CommandError::err(format!("at least 1 input key is needed for '{name}' command")));
    }
    let count = usize::try_from(count).ok().filter(|count| *count < args.len() - index);
    let count = count.ok_or(CommandError::SYNTAX)?;
    // Their types before the options: so does Redis.
    (call.keys() - count..call.keys()).try_for_each(|key| source(call, key).map(drop))?;
    Ok(count)
}

/// The set or sorted set of a key.
fn source<'a>(call: &'a Call<'_>, key: usize) -> Result<Option<Source<'a>>, CommandError> {
    let Some(entry) = call.entry(key) else { return Ok(None) };
    match SortedSet::read(entry) {
        Ok(set) => Ok(Some(Source::SortedSet(set))),
        Err(_) => Set::read(entry).map(|set| Some(Source::Set(set))),
    }
}

fn aggregate(word: &[u8]) -> Option<Aggregate> {
    let names = [("SUM", Aggregate::Sum), ("MIN", Aggregate::Min), ("MAX", Aggregate::Max)];
    names.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, aggregate)| *aggregate)
}

/// `ZUNION numkeys key [key …] [WEIGHTS weight [weight …]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`: the members that are in
/// any of the sets.
fn zunion(call: &mut Call<'_>) -> Answer {
    combined(call, Combination::Union)
}

/// `ZINTER numkeys key [key …] …`: the members that are in all of the sets.
fn zinter(call: &mut Call<'_>) -> Answer {
    combined(call, Combination::Intersection)
}

/// `ZDIFF numkeys key [key …] [WITHSCORES]`: the members of the first set that are in none of the others.
fn zdiff(call: &mut Call<'_>) -> Answer {
    combined(call, Combination::Difference)
}

fn combined(call: &mut Call<'_>, combination: Combination) -> Answer {
    let combine = Combine::parse(call, 0, combination, true)?;
    let mut answer = Scored::new(call.session(), combine.with_scores).collecting(call);
    combine.run(call, 0, |members| {
        members.iter().for_each(|(member, score)| answer.push(&member.text(), *score));
    })?;
    call.collected(answer)
}

/// `ZUNIONSTORE destination numkeys key [key …] …`: stores the union. Answers its size.
fn zunionstore(call: &mut Call<'_>) -> Answer {
    store(call, Combination::Union, Event::ZUNIONSTORE)
}

/// `ZINTERSTORE destination numkeys key [key …] …`: stores the intersection. Answers its size.
fn zinterstore(call: &mut Call<'_>) -> Answer {
    store(call, Combination::Intersection, Event::ZINTERSTORE)
}

/// `ZDIFFSTORE destination numkeys key [key …]`: stores the difference. Answers its size.
fn zdiffstore(call: &mut Call<'_>) -> Answer {
    store(call, Combination::Difference, Event::ZDIFFSTORE)
}

fn store(call: &mut Call<'_>, combination: Combination, event: Event) -> Answer {
    let combine = Combine::parse(call, 1, combination, false)?;
    let limit = call.thresholds().sorted_set();
    let result = combine.run(call, 1, |members| SortedSet::from_sorted(members, limit))?;
    let length = result.len();
    call.put_result(0, result, event);
    Ok(length.into())
}

/// `ZINTERCARD numkeys key [key …] [LIMIT limit]`: the size of the intersection, counted up to a limit.
fn zintercard(call: &mut Call<'_>) -> Answer {
    let count = key_count(call, 0)?;
    let limit = limit(call.args().options(1 + count))?;
    let count = Combine::new(Combination::Intersection).run(call, 0, |members| members.len())?;
    Ok(count.min(limit).into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn infinities_are_added_from_the_smallest_set_on() {
        TestStore::new().check([
            ("ZADD small inf a 1 b", ":2"),
            ("ZADD large -inf a 1 c 2 d", ":3"),
            ("ZUNIONSTORE sum 3 small large small", ":4"),
            ("ZSCORE sum a", "0"),
            ("ZUNIONSTORE sum 3 large large small", ":4"),
            ("ZSCORE sum a", "-inf"),
        ]);
    }

    #[test]
    fn sorted_sets_are_combined() {
        TestStore::new().check([
            ("ZADD a 1 x 2 y 3 z", ":3"),
            ("ZADD b 10 y 20 z 30 w", ":3"),
            ("SADD s x y", ":2"),
            ("ZUNION 2 a b WITHSCORES", r#"["x", "1", "y", "12", "z", "23", "w", "30"]"#),
            ("ZUNION 2 a b WEIGHTS 2 0.5 WITHSCORES", r#"["x", "2", "y", "9", "w", "15", "z", "16"]"#),
            ("ZUNION 2 a b AGGREGATE MIN WITHSCORES", r#"["x", "1", "y", "2", "z", "3", "w", "30"]"#),
            ("ZUNION 2 a b AGGREGATE max WITHSCORES", r#"["x", "1", "y", "10", "z", "20", "w", "30"]"#),
            ("ZUNION 2 a b WEIGHTS x", "-ERR syntax error"),
            ("ZUNION 1 a", r#"["x", "y", "z"]"#),
            ("ZINTER 2 a b WITHSCORES", r#"["y", "12", "z", "23"]"#),
            ("ZINTER 2 a s WEIGHTS 1 10 WITHSCORES", r#"["x", "11", "y", "12"]"#),
            ("ZINTER 2 a missing", "[]"),
            ("ZDIFF 2 a b WITHSCORES", r#"["x", "1"]"#),
            ("ZDIFF 2 a missing", r#"["x", "y", "z"]"#),
            ("ZDIFF 2 missing a", "[]"),
            ("ZUNIONSTORE d 2 a b", ":4"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["x", "1", "y", "12", "z", "23", "w", "30"]"#),
            ("ZINTERSTORE d 2 a b AGGREGATE MAX WEIGHTS 1 -1", ":2"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["y", "2", "z", "3"]"#),
            ("ZDIFFSTORE d 2 a b", ":1"),
            ("ZRANGE d 0 -1", r#"["x"]"#),
            ("ZDIFFSTORE d 2 b b", ":0"),
            ("EXISTS d", ":0"),
            ("ZUNIONSTORE s 1 s", ":2"),
            ("TYPE s", "+zset"),
            ("ZINTERCARD 2 a b", ":2"),
            ("ZINTERCARD 2 a b LIMIT 1", ":1"),
            ("ZINTERCARD 2 a b LIMIT 0", ":2"),
            ("ZINTERCARD 2 a missing", ":0"),
            ("ZADD p inf m", ":1"),
            ("ZADD q -inf m", ":1"),
            ("ZUNION 2 p q WITHSCORES", r#"["m", "0"]"#),
            ("ZUNION 1 p WEIGHTS 0 WITHSCORES", r#"["m", "0"]"#),
            ("ZINTER 2 p p WEIGHTS 10 0 WITHSCORES", r#"["m", "0"]"#),
        ]);
    }

    #[test]
    fn combinations_refuse_invalid_arguments() {
        TestStore::new().check([
            ("SET k v", "+OK"),
            ("ZADD a 1 x", ":1"),
            ("ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command"),
            ("ZUNION -1 a", "-ERR at least 1 input key is needed for 'zunion' command"),
            ("ZUNION x a", "-ERR value is not an integer or out of range"),
            ("ZUNION 2 a", "-ERR syntax error"),
            ("ZUNION 1 a WEIGHTS", "-ERR syntax error"),
            ("ZUNION 1 a WEIGHTS x", "-ERR weight value is not a float"),
            ("ZUNION 2 a b WEIGHTS 1", "-ERR syntax error"),
            ("ZUNION 1 a AGGREGATE FOO", "-ERR syntax error"),
            ("ZUNION 1 a FOO", "-ERR syntax error"),
            ("ZUNIONSTORE d 1 a WITHSCORES", "-ERR syntax error"),
            ("ZUNIONSTORE d 0 a", "-ERR at least 1 input key is needed for 'zunionstore' command"),
            ("ZDIFF 1 a WEIGHTS 1", "-ERR syntax error"),
            ("ZDIFF 1 a AGGREGATE MIN", "-ERR syntax error"),
            ("ZINTERCARD 1 a WITHSCORES", "-ERR syntax error"),
            ("ZINTERCARD 0 a", "-ERR at least 1 input key is needed for 'zintercard' command"),
            ("ZINTERCARD 2 a", "-ERR syntax error"),
            ("ZINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
            ("ZINTERCARD 1 a LIMIT x", "-ERR LIMIT can't be negative"),
            ("ZUNION 2 a k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZUNION 2 missing k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZINTER 2 missing k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZDIFF 2 missing k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZINTERCARD 2 missing k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZUNIONSTORE d 2 a k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZUNION 9223372036854775807 a", "-ERR syntax error"),
            ("ZDIFFSTORE d 1 a WITHSCORES", "-ERR syntax error"),
        ]);
    }
}
