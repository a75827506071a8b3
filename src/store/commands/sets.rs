//! Sets: SADD, SMEMBERS and their kin.

use kvstore_protocol::{Command, CommandError, Packed, Response};

use super::{
    numkeys::{limit, options_behind_keys},
    random::{Draw, Draws},
    scan_options::{ScanOptions, scan_answer},
};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{Set, SetLimits, SetRef, difference, intersection, union},
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new("SADD", sadd),
    Spec::new("SREM", srem),
    Spec::new("SISMEMBER", sismember),
    Spec::new("SMISMEMBER", smismember),
    Spec::new("SMEMBERS", smembers),
    Spec::new("SCARD", scard),
    Spec::new("SPOP", spop),
    Spec::new("SRANDMEMBER", srandmember),
    Spec::new("SMOVE", smove),
    Spec::new("SINTER", sinter),
    Spec::new("SINTERSTORE", sinterstore),
    Spec::new("SINTERCARD", sintercard),
    Spec::new("SUNION", sunion),
    Spec::new("SUNIONSTORE", sunionstore),
    Spec::new("SUNIONCARD", sunioncard),
    Spec::new("SDIFF", sdiff),
    Spec::new("SDIFFSTORE", sdiffstore),
    Spec::new("SDIFFCARD", sdiffcard),
    Spec::new("SSCAN", sscan),
];

/// `SADD key member [member …]`: adds members. Answers how many are new.
fn sadd(call: &mut Call<'_>) -> Answer {
    let (args, limits) = (call.args(), SetLimits::from(call.thresholds()));
    let mut set = call.edit_or_create::<Set>(0, Event::SADD)?;
    Ok(set.update(|set| args.from(1).filter(|member| set.insert(member, limits)).count()).into())
}

/// `SREM key member [member …]`: removes members, and the key with the last of them. Answers how many there were.
fn srem(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let Some(mut set) = call.edit::<Set>(0, Event::SREM)? else { return Ok(0.into()) };
    Ok(set.update(|set| args.from(1).filter(|member| set.remove(member)).count()).into())
}

/// `SISMEMBER key member`: whether there is a member.
fn sismember(call: &mut Call<'_>) -> Answer {
    let member = call.args().bytes(1);
    Ok(call.get::<Set>(0)?.is_some_and(|set| set.contains(member)).into())
}

/// `SMISMEMBER key member [member …]`: the same for each member.
fn smismember(call: &mut Call<'_>) -> Answer {
    let set = call.get::<Set>(0)?;
    let mut found = Packed::array();
    call.args().from(1).for_each(|member| found.push_integer(set.is_some_and(|set| set.contains(member)).into()));
    Ok(found.into())
}

/// `SMEMBERS key`: every member.
fn smembers(call: &mut Call<'_>) -> Answer {
    let length = call.find::<Set>(0)?.map_or(0, SetRef::len);
    call.afford_elements(length)?;
    let mut members = call.collect(Packed::set());
    if let Some(set) = call.get::<Set>(0)? {
        set.for_each(|member| members.push(member));
    }
    call.collected(members)
}

/// `SCARD key`: the number of members.
fn scard(call: &mut Call<'_>) -> Answer {
    Ok(call.get::<Set>(0)?.map_or(0, SetRef::len).into())
}

/// `SPOP key [count]`: removes random members, and answers them.
fn spop(call: &mut Call<'_>) -> Answer {
    match call.args().len() {
        1 => pop_one(call),
        2 => pop_many(call),
        _ => Err(CommandError::SYNTAX),
    }
}

fn pop_one(call: &mut Call<'_>) -> Answer {
    let (args, seed) = (call.args(), call.seed());
    if call.is_in_script() {
        let length = call.find::<Set>(0)?.map_or(0, SetRef::len);
        call.afford_part(0, (1, length), POP)?;
    }
    let Some(mut set) = call.edit::<Set>(0, Event::SPOP)? else { return Ok(Response::Null) };
    let index = Draws::one(set.len(), seed);
    let popped = set.update(|set| set.take_nth(index, |member| Response::from(member)));
    drop(set);
    let popped = popped.unwrap_or(Response::Null);
    call.record(|| Command::new("SREM").arg(args.bytes(0)).arg(popped.as_bytes().unwrap_or_default()));
    Ok(popped)
}

/// How many elements of a list are as much work as one that is removed from a set.
const POP: usize = 8;

fn pop_many(call: &mut Call<'_>) -> Answer {
    let (args, seed) = (call.args(), call.seed());
    let count = args.count(1)?;
    let mut popped = Packed::set();
    let length = call.find::<Set>(0)?.map_or(0, SetRef::len);
    call.afford_part(0, (count, length), POP)?;
    let Some(mut set) = call.edit::<Set>(0, Event::SPOP)? else { return Ok(popped.into()) };
    let (mut random, mut members) = (fastrand::Rng::with_seed(seed), Vec::new());
    for length in (length - count.min(length)..length).rev() {
        let index = random.usize(..=length);
        members.extend(set.update(|set| set.take_nth(index, <[u8]>::to_vec)));
    }
    drop(set);
    members.iter().for_each(|member| popped.push(member));
    call.record(|| Command::new("SREM").arg(args.bytes(0)).with_args(members));
    Ok(popped.into())
}

/// `SRANDMEMBER key [count]`: random members. A negative count may name a member several times.
fn srandmember(call: &mut Call<'_>) -> Answer {
    let (args, seed) = (call.args(), call.seed());
    let draw = Draw::parse(&args, "")?;
    let length = call.find::<Set>(0)?.map_or(0, SetRef::len);
    call.afford_elements(draw.work(length))?;
    let mut members = call.collect(Packed::array());
    let Some(set) = call.get::<Set>(0)? else { return Ok(draw.of_nothing()) };
    let Some(count) = draw.count else {
        return Ok(set.nth(Draws::one(set.len(), seed), |member| member.into()).unwrap_or(Response::Null));
    };
    for index in Draws::new(count, set.len(), seed) {
        set.nth(index, |member| members.push(member));
        if members.is_too_large() {
            break;
        }
    }
    call.collected(members)
}

/// `SMOVE source destination member`: moves a member from one set to another. Answers whether it was in the first.
fn smove(call: &mut Call<'_>) -> Answer {
    let (member, limits) = (call.args().bytes(2), SetLimits::from(call.thresholds()));
    let is_member = call.find::<Set>(0)?.is_some_and(|set| set.contains(member));
    if call.find::<Set>(0)?.is_none() || call.are_same(0, 1) {
        return Ok(is_member.into());
    }
    call.find::<Set>(1)?;
    if is_member {
        if let Some(mut source) = call.edit::<Set>(0, Event::SREM)? {
            source.update(|set| set.remove(member));
        }
        call.edit_or_create::<Set>(1, Event::SADD)?.update(|set| set.insert(member, limits));
    }
    Ok(is_member.into())
}

/// Combines sets: visits the members of the result until told to stop.
type Combine = fn(&[Option<SetRef<'_>>], SetLimits, usize, &mut dyn FnMut(&[u8]) -> bool);

const INTERSECTION: Combine = |sets, _, _, visit| intersection(sets, visit);
const DIFFERENCE: Combine = |sets, _, _, visit| difference(sets, visit);
const UNION: Combine = |sets, limits, most, visit| {
    union(sets, most, limits).as_ref().for_each(|member| _ = visit(member));
};

/// `SINTER key [key …]`: the members that are in all of the sets.
fn sinter(call: &mut Call<'_>) -> Answer {
    combined(call, INTERSECTION)
}

/// `SUNION key [key …]`: the members that are in any of the sets.
fn sunion(call: &mut Call<'_>) -> Answer {
    combined(call, UNION)
}

/// `SDIFF key [key …]`: the members of the first set that are in none of the others.
fn sdiff(call: &mut Call<'_>) -> Answer {
    combined(call, DIFFERENCE)
}

fn combined(call: &mut Call<'_>, combine: Combine) -> Answer {
    let mut members = call.collect(Packed::set());
    combine_keys(call, 0, usize::MAX, combine, &mut |member| {
        members.push(member);
        true
    })?;
    call.collected(members)
}

/// Combines the sets of the keys from `first` on. At most `most` members are wanted.
fn combine_keys(
    call: &mut Call<'_>,
    first: usize,
    most: usize,
    combine: Combine,
    visit: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), CommandError> {
    let keys = first..call.keys();
    let lengths = keys.clone().map(|key| Ok(call.find::<Set>(key)?.map_or(0, SetRef::len)));
    let members = lengths.sum::<Result<usize, CommandError>>()?;
    call.afford_elements(members)?;
    let sets = keys.map(|key| call.get::<Set>(key)).collect::<Result<Vec<_>, _>>()?;
    combine(&sets, SetLimits::from(call.thresholds()), most, visit);
    Ok(())
}

/// `SINTERSTORE destination key [key …]`: stores the intersection. Answers its size.
fn sinterstore(call: &mut Call<'_>) -> Answer {
    store(call, INTERSECTION, Event::SINTERSTORE)
}

/// `SUNIONSTORE destination key [key …]`: stores the union. Answers its size.
fn sunionstore(call: &mut Call<'_>) -> Answer {
    store(call, UNION, Event::SUNIONSTORE)
}

/// `SDIFFSTORE destination key [key …]`: stores the difference. Answers its size.
fn sdiffstore(call: &mut Call<'_>) -> Answer {
    store(call, DIFFERENCE, Event::SDIFFSTORE)
}

fn store(call: &mut Call<'_>, combine: Combine, event: Event) -> Answer {
    let (mut result, limits) = (Set::default(), SetLimits::from(call.thresholds()));
    combine_keys(call, 1, usize::MAX, combine, &mut |member| {
        result.insert(member, limits);
        true
    })?;
    let length = result.len();
    call.put_result(0, result, event);
    Ok(length.into())
}

/// `SINTERCARD numkeys key [key …] [LIMIT limit]`: the size of the intersection, counted up to a limit.
fn sintercard(call: &mut Call<'_>) -> Answer {
    count(call, INTERSECTION)
}

/// `SUNIONCARD numkeys key [key …] [LIMIT limit]`: the size of the union, counted up to a limit.
fn sunioncard(call: &mut Call<'_>) -> Answer {
    count(call, UNION)
}

/// `SDIFFCARD numkeys key [key …] [LIMIT limit]`: the size of the difference, counted up to a limit.
fn sdiffcard(call: &mut Call<'_>) -> Answer {
    count(call, DIFFERENCE)
}

fn count(call: &mut Call<'_>, combine: Combine) -> Answer {
    const TOO_FEW: CommandError = CommandError::new("ERR", "Number of keys can't be greater than number of args");
    let limit = limit(options_behind_keys(&call.args(), 0, TOO_FEW)?)?;
    let mut count = 0;
    combine_keys(call, 0, limit, combine, &mut |_| {
        count += 1;
        count < limit
    })?;
    Ok(count.into())
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`: some of the members, and the next cursor.
fn sscan(call: &mut Call<'_>) -> Answer {
    let (options, mut found) = (ScanOptions::of_elements::<Set>(call, None)?, call.collect(Packed::array()));
    let (Some(options), Some(set)) = (options, call.get::<Set>(0)?) else { return scan_answer(call, 0, found) };
    let next = options.scan(|cursor, visited| {
        set.scan(cursor, |member| {
            *visited += 1;
            if options.admits(member) {
                found.push(member);
            }
        })
    });
    scan_answer(call, next, found)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn members_are_added_and_removed() {
        TestStore::new().check([
            ("SADD s b a b c", ":3"),
            ("SADD s a d", ":1"),
            ("SCARD s", ":4"),
            ("SCARD missing", ":0"),
            ("SISMEMBER s a", ":1"),
            ("SISMEMBER s x", ":0"),
            ("SISMEMBER missing a", ":0"),
            ("SMISMEMBER s a x d", "[:1, :0, :1]"),
            ("SMISMEMBER missing a b", "[:0, :0]"),
            ("SREM s a x a", ":1"),
            ("SREM missing a", ":0"),
            ("SMEMBERS s", r#"{"b", "c", "d"}"#),
            ("SMEMBERS missing", "{}"),
            ("SADD n 3 1 2 -5 9223372036854775807", ":5"),
            ("SMEMBERS n", r#"{"-5", "1", "2", "3", "9223372036854775807"}"#),
            ("SADD n 01 +1 ''", ":3"),
            ("SISMEMBER n 1", ":1"),
            ("SISMEMBER n +1", ":1"),
            ("SREM n 1 +1 01 '' 2 3 -5", ":7"),
            ("SMEMBERS n", r#"{"9223372036854775807"}"#),
        ]);
    }

    #[test]
    fn a_set_that_is_left_empty_is_removed() {
        TestStore::new().check([
            ("SADD s a b", ":2"),
            ("EXPIRE s 100", ":1"),
            ("SREM s a", ":1"),
            ("TTL s", ":100"),
            ("SREM s b", ":1"),
            ("EXISTS s", ":0"),
            ("SADD s a", ":1"),
            ("SPOP s", r#""a""#),
            ("EXISTS s", ":0"),
            ("SADD s a", ":1"),
            ("SPOP s 5", r#"{"a"}"#),
            ("EXISTS s", ":0"),
            ("SADD s a", ":1"),
            ("SMOVE s t a", ":1"),
            ("EXISTS s t", ":1"),
            ("SADD u 1", ":1"),
            ("SINTERSTORE u u missing", ":0"),
            ("EXISTS u", ":0"),
        ]);
    }

    #[test]
    fn members_are_popped_and_drawn() {
        TestStore::new().check([
            ("SPOP missing", "(nil)"),
            ("SPOP missing 3", "{}"),
            ("SRANDMEMBER missing", "(nil)"),
            ("SRANDMEMBER missing 3", "[]"),
            ("SADD s a", ":1"),
            ("SRANDMEMBER s", r#""a""#),
            ("SRANDMEMBER s 0", "[]"),
            ("SRANDMEMBER s 9", r#"["a"]"#),
            ("SRANDMEMBER s -3", r#"["a", "a", "a"]"#),
            ("SRANDMEMBER s 9223372036854775807", r#"["a"]"#),
            (
                "SRANDMEMBER s -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("SRANDMEMBER s x", "-ERR value is not an integer or out of range"),
            ("SRANDMEMBER s 1 1", "-ERR syntax error"),
            ("SPOP s 0", "{}"),
            ("SPOP s -1", "-ERR value is out of range, must be positive"),
            ("SPOP s x", "-ERR value is out of range, must be positive"),
            ("SPOP s 1 1", "-ERR syntax error"),
            ("SPOP s 9223372036854775807", r#"{"a"}"#),
            ("EXISTS s", ":0"),
        ]);
    }

    #[test]
    fn a_member_is_moved() {
        TestStore::new().check([
            ("SADD s a b", ":2"),
            ("SADD t a", ":1"),
            ("SMOVE s t a", ":1"),
            ("SMOVE s t x", ":0"),
            ("SMEMBERS s", r#"{"b"}"#),
            ("SMEMBERS t", r#"{"a"}"#),
            ("SMOVE s s b", ":1"),
            ("SMOVE s new b", ":1"),
            ("EXISTS s", ":0"),
            ("SMOVE missing t a", ":0"),
            ("SET k v", "+OK"),
            ("SMOVE t k a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SMOVE t k x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SMOVE k t a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SMOVE missing k a", ":0"),
            ("SMOVE t t x", ":0"),
        ]);
    }

    #[test]
    fn sets_are_combined() {
        TestStore::new().check([
            ("SADD a 1 2 3 4", ":4"),
            ("SADD b 3 4 5", ":3"),
            ("SADD c 4 x", ":2"),
            ("SINTER a b", r#"{"3", "4"}"#),
            ("SINTER a b c", r#"{"4"}"#),
            ("SINTER a missing", "{}"),
            ("SINTER a", r#"{"1", "2", "3", "4"}"#),
            ("SUNION a b", r#"{"1", "2", "3", "4", "5"}"#),
            ("SUNION missing missing", "{}"),
            ("SDIFF a b c", r#"{"1", "2"}"#),
            ("SDIFF a missing", r#"{"1", "2", "3", "4"}"#),
            ("SDIFF missing a", "{}"),
            ("SDIFF a a", "{}"),
            ("SINTERCARD 2 a b", ":2"),
            ("SINTERCARD 2 a b LIMIT 1", ":1"),
            ("SINTERCARD 2 a b LIMIT 0", ":2"),
            ("SINTERCARD 2 a missing", ":0"),
            ("SINTERSTORE d a b", ":2"),
            ("SMEMBERS d", r#"{"3", "4"}"#),
            ("SUNIONSTORE d a b", ":5"),
            ("SMEMBERS d", r#"{"1", "2", "3", "4", "5"}"#),
            ("SDIFFSTORE a a b", ":2"),
            ("SMEMBERS a", r#"{"1", "2"}"#),
            ("SDIFFSTORE d missing a", ":0"),
            ("EXISTS d", ":0"),
            ("SET k v", "+OK"),
            ("SUNIONSTORE k a b", ":5"),
            ("TYPE k", "+set"),
            ("EXPIRE k 100", ":1"),
            ("SINTERSTORE k b c", ":1"),
            ("TTL k", ":-1"),
        ]);
    }

    #[test]
    fn other_types_and_arguments_are_refused() {
        TestStore::new().check([
            ("SET k v", "+OK"),
            ("SADD a 1", ":1"),
            ("SADD k 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SREM k 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SISMEMBER k 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SMISMEMBER k 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SMEMBERS k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SCARD k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SPOP k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SPOP k 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SRANDMEMBER k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SRANDMEMBER k 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SINTER a k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SINTER missing k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SUNION k a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SDIFF a k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SDIFF missing k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SINTERSTORE d a k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SINTERCARD 2 a k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SSCAN k 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SADD a", "-ERR wrong number of arguments for 'sadd' command"),
            ("SISMEMBER a", "-ERR wrong number of arguments for 'sismember' command"),
            ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
            ("SINTERCARD -1 a", "-ERR numkeys should be greater than 0"),
            ("SINTERCARD x a", "-ERR numkeys should be greater than 0"),
            ("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args"),
            ("SINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative"),
            ("SINTERCARD 2 a b LIMIT x", "-ERR LIMIT can't be negative"),
            ("SINTERCARD 2 a b LIMIT", "-ERR syntax error"),
            ("SINTERCARD 1 a b", "-ERR syntax error"),
            ("SINTERCARD 1 a FOO 1", "-ERR syntax error"),
            ("SINTERCARD 9223372036854775807 a", "-ERR Number of keys can't be greater than number of args"),
            ("SMOVE a b", "-ERR wrong number of arguments for 'smove' command"),
            ("SSCAN a x", "-ERR invalid cursor"),
            ("SSCAN a 0 COUNT 0", "-ERR syntax error"),
            ("SSCAN a 0 NOVALUES", "-ERR NOVALUES option can only be used in HSCAN"),
            ("GET k", r#""v""#),
        ]);
    }

    #[test]
    fn a_small_set_is_scanned_in_one_call() {
        TestStore::new().check([
            ("SSCAN s 0", r#"["0", []]"#),
            ("SADD s a b ab", ":3"),
            ("SSCAN s 0", r#"["0", ["a", "b", "ab"]]"#),
            ("SSCAN s x FOO", "-ERR invalid cursor"),
            ("SSCAN s 0 NOSCORES", "-ERR NOSCORES option can only be used in ZSCAN"),
            ("SSCAN missing 0 FOO", r#"["0", []]"#),
            ("SSCAN s 0 MATCH a* COUNT 1", r#"["0", ["a", "ab"]]"#),
            ("SADD n 3 1 2", ":3"),
            ("SSCAN n 0 MATCH ?", r#"["0", ["1", "2", "3"]]"#),
        ]);
    }

    #[test]
    fn the_encoding_follows_the_thresholds() {
        TestStore::new().check([
            ("CONFIG SET set-max-intset-entries 3 set-max-listpack-entries 4 set-max-listpack-value 5", "+OK"),
            ("SADD n 1 2 3", ":3"),
            ("OBJECT ENCODING n", r#""intset""#),
            ("SADD n 4", ":1"),
            ("OBJECT ENCODING n", r#""hashtable""#),
            ("SADD n 5", ":1"),
            ("OBJECT ENCODING n", r#""hashtable""#),
            ("SADD m 1 a", ":2"),
            ("OBJECT ENCODING m", r#""listpack""#),
            ("SREM m a", ":1"),
            ("OBJECT ENCODING m", r#""listpack""#),
            ("SADD m 123456", ":1"),
            ("OBJECT ENCODING m", r#""hashtable""#),
            ("SADD m abcdef", ":1"),
            ("OBJECT ENCODING m", r#""hashtable""#),
            ("SADD i 1 2", ":2"),
            ("SADD j 2 3", ":2"),
            ("SUNIONSTORE u i j", ":3"),
            ("OBJECT ENCODING u", r#""intset""#),
            ("SUNIONSTORE u i j m", ":5"),
            ("OBJECT ENCODING u", r#""hashtable""#),
            ("SMEMBERS i", r#"{"1", "2"}"#),
        ]);
    }

    #[test]
    fn expired_sets_are_absent() {
        TestStore::new().check([
            ("SADD s a", ":1"),
            ("PEXPIREAT s 1", ":1"),
            ("SADD s b", ":1"),
            ("SMEMBERS s", r#"{"b"}"#),
            ("TTL s", ":-1"),
        ]);
    }

    #[test]
    fn an_expired_set_is_absent() {
        let store = TestStore::new();
        store.check([("SADD s a", ":1"), ("PEXPIRE s 5", ":1"), ("SADD t a b", ":2")]);
        store.pass(6);
        store.check([
            ("SMEMBERS s", "{}"),
            ("SCARD s", ":0"),
            ("SINTER s t", "{}"),
            ("SDIFF t s", r#"{"a", "b"}"#),
            ("SMOVE s t a", ":0"),
            ("SMOVE t s a", ":1"),
            ("TTL s", ":-1"),
            ("SMEMBERS s", r#"{"a"}"#),
        ]);
    }
}
