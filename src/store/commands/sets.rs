//! Sets: SADD, SMEMBERS and their kin.

use kvstore_protocol::{Command, CommandError, Packed, Response};

use super::{
    numkeys::Numkeys,
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
    let mut members = Packed::set();
    if let Some(set) = call.get::<Set>(0)? {
        set.for_each(|member| members.push(member));
    }
    Ok(members.into())
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
    let Some(mut set) = call.edit::<Set>(0, Event::SPOP)? else { return Ok(Response::Null) };
    let index = Draws::one(set.len(), seed);
    let popped = set.update(|set| set.take_nth(index, |member| Response::from(member)));
    drop(set);
    let popped = popped.unwrap_or(Response::Null);
    call.record(|| Command::new("SREM").arg(args.bytes(0)).arg(popped.as_bytes().unwrap_or_default()));
    Ok(popped)
}

fn pop_many(call: &mut Call<'_>) -> Answer {
    let (args, seed) = (call.args(), call.seed());
    let count = usize::try_from(args.integer(1)?);
    let count = count.map_err(|_| CommandError::new("ERR", "value is out of range, must be positive"))?;
    let mut popped = Packed::set();
    let length = call.find::<Set>(0)?.map_or(0, SetRef::len);
    call.afford_elements(count.min(length))?;
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
    let Some(set) = call.get::<Set>(0)? else { return Ok(draw.of_nothing()) };
    let Some(count) = draw.count else {
        return Ok(set.nth(Draws::one(set.len(), seed), |member| member.into()).unwrap_or(Response::Null));
    };
    let mut members = Packed::array();
    Draws::new(count, set.len(), seed).for_each(|index| _ = set.nth(index, |member| members.push(member)));
    Ok(members.into())
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
    let mut members = Packed::set();
    combine_keys(call, 0, usize::MAX, combine, &mut |member| {
        members.push(member);
        true
    })?;
    Ok(members.into())
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
    let limit = Numkeys::parse(&call.args(), 0)?.limit()?;
    let mut count = 0;
    combine_keys(call, 0, limit, combine, &mut |_| {
        count += 1;
        count < limit
    })?;
    Ok(count.into())
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`: some of the members, and the next cursor.
fn sscan(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let options = ScanOptions::of_elements(&args, None)?;
    let mut found = Packed::array();
    let Some(set) = call.get::<Set>(0)? else { return Ok(scan_answer(0, found)) };
    let next = options.scan(|cursor, visited| {
        set.scan(cursor, |member| {
            *visited += 1;
            if options.admits(member) {
                found.push(member);
            }
        })
    });
    Ok(scan_answer(next, found))
}
