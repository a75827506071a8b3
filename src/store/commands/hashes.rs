//! Hashes: HSET, HGET and their kin.

use kvstore_protocol::{CommandError, Packed, Response, parse_integer};

use super::{
    random::{Draw, Draws},
    scan_options::{ScanOptions, scan_answer},
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{Decimal, Hash, HashRef},
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new("HSET", hset),
    Spec::new("HMSET", hmset),
    Spec::new("HSETNX", hsetnx),
    Spec::new("HGET", hget),
    Spec::new("HMGET", hmget),
    Spec::new("HGETALL", hgetall),
    Spec::new("HKEYS", hkeys),
    Spec::new("HVALS", hvals),
    Spec::new("HLEN", hlen),
    Spec::new("HSTRLEN", hstrlen),
    Spec::new("HEXISTS", hexists),
    Spec::new("HDEL", hdel),
    Spec::new("HGETDEL", hgetdel),
    Spec::new("HINCRBY", hincrby),
    Spec::new("HINCRBYFLOAT", hincrbyfloat),
    Spec::new("HRANDFIELD", hrandfield),
    Spec::new("HSCAN", hscan),
];

const NOT_AN_INTEGER: CommandError = CommandError::new("ERR", "hash value is not an integer");
const NOT_A_FLOAT: CommandError = CommandError::new("ERR", "hash value is not a float");
const OVERFLOW: CommandError = CommandError::new("ERR", "increment or decrement would overflow");
const INFINITE: CommandError = CommandError::new("ERR", "increment would produce NaN or Infinity");

/// `HSET key field value [field value …]`: sets fields. Answers how many are new.
fn hset(call: &mut Call<'_>) -> Answer {
    Ok(set_fields(call)?.into())
}

/// `HMSET key field value [field value …]`: the same. Answers OK.
fn hmset(call: &mut Call<'_>) -> Answer {
    set_fields(call)?;
    Ok(Response::ok())
}

fn set_fields(call: &mut Call<'_>) -> Result<usize, CommandError> {
    let (args, limit) = (call.args(), call.thresholds().hash());
    if args.len().is_multiple_of(2) {
        return Err(CommandError::wrong_arity(call.name()));
    }
    let mut hash = call.edit_or_create::<Hash>(0, Event::HSET)?;
    let mut new = 0;
    hash.update(|hash| {
        for index in (1..args.len()).step_by(2) {
            new += usize::from(hash.set(args.bytes(index), args.bytes(index + 1), limit));
        }
    });
    Ok(new)
}

/// `HSETNX key field value`: sets a field that is missing. Answers whether it was done.
fn hsetnx(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().hash());
    let mut hash = call.edit_or_create::<Hash>(0, Event::HSET)?;
    let is_new = !hash.as_ref().contains(args.bytes(1));
    if is_new {
        hash.update(|hash| hash.set(args.bytes(1), args.bytes(2), limit));
    }
    Ok(is_new.into())
}

/// `HGET key field`: the value of a field.
fn hget(call: &mut Call<'_>) -> Answer {
    let field = call.args().bytes(1);
    let Some(hash) = call.get::<Hash>(0)? else { return Ok(Response::Null) };
    Ok(hash.get(field, |value| value.into()).unwrap_or(Response::Null))
}

/// `HMGET key field [field …]`: the values of fields.
fn hmget(call: &mut Call<'_>) -> Answer {
    let hash = call.get::<Hash>(0)?;
    let mut values = Packed::array();
    for field in call.args().from(1) {
        if hash.and_then(|hash| hash.get(field, |value| values.push(value))).is_none() {
            values.push_null();
        }
    }
    Ok(values.into())
}

/// `HGETALL key`: every field and its value.
fn hgetall(call: &mut Call<'_>) -> Answer {
    let mut pairs = Packed::map();
    visit(call, |field, value| {
        pairs.push(field);
        pairs.push(value);
    })?;
    Ok(pairs.into())
}

/// `HKEYS key`: every field.
fn hkeys(call: &mut Call<'_>) -> Answer {
    let mut fields = Packed::array();
    visit(call, |field, _| fields.push(field))?;
    Ok(fields.into())
}

/// `HVALS key`: every value.
fn hvals(call: &mut Call<'_>) -> Answer {
    let mut values = Packed::array();
    visit(call, |_, value| values.push(value))?;
    Ok(values.into())
}

/// Visits every field and its value, where no connection waits if there are many.
fn visit(call: &mut Call<'_>, visit: impl FnMut(&[u8], &[u8])) -> Result<(), CommandError> {
    let length = call.find::<Hash>(0)?.map_or(0, HashRef::len);
    call.afford_elements(length)?;
    if let Some(hash) = call.get::<Hash>(0)? {
        hash.for_each(visit);
    }
    Ok(())
}

/// `HLEN key`: the number of fields.
fn hlen(call: &mut Call<'_>) -> Answer {
    Ok(call.get::<Hash>(0)?.map_or(0, HashRef::len).into())
}

/// `HSTRLEN key field`: the length of the value of a field.
fn hstrlen(call: &mut Call<'_>) -> Answer {
    let field = call.args().bytes(1);
    let hash = call.get::<Hash>(0)?;
    Ok(hash.and_then(|hash| hash.get(field, <[u8]>::len)).unwrap_or(0).into())
}

/// `HEXISTS key field`: whether there is a field.
fn hexists(call: &mut Call<'_>) -> Answer {
    let field = call.args().bytes(1);
    Ok(call.get::<Hash>(0)?.is_some_and(|hash| hash.contains(field)).into())
}

/// `HDEL key field [field …]`: removes fields, and the key with the last of them. Answers how many there were.
fn hdel(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let Some(mut hash) = call.edit::<Hash>(0, Event::HDEL)? else { return Ok(0.into()) };
    let removed = hash.update(|hash| args.from(1).filter(|field| hash.remove(field)).count());
    Ok(removed.into())
}

/// `HGETDEL key FIELDS numfields field [field …]`: removes fields, and answers the values that they had.
fn hgetdel(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    check_fields(&args)?;
    let mut values = Packed::array();
    let Some(mut hash) = call.edit::<Hash>(0, Event::HDEL)? else {
        args.from(3).for_each(|_| values.push_null());
        return Ok(values.into());
    };
    for field in args.from(3) {
        if hash.as_ref().get(field, |value| values.push(value)).is_none() {
            values.push_null();
        }
        hash.update(|hash| hash.remove(field));
    }
    drop(hash);
    Ok(values.into())
}

/// Checks `FIELDS numfields field [field …]` behind the key.
fn check_fields(args: &Args<'_>) -> Result<(), CommandError> {
    if !args.is(1, "FIELDS") {
        return Err(CommandError::new("ERR", "Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count = args.integer(2).ok().filter(|count| *count > 0);
    let count = count.ok_or(CommandError::new("ERR", "Number of fields must be a positive integer"))?;
    if usize::try_from(count).ok() != args.len().checked_sub(3) {
        return Err(CommandError::new("ERR", "The `numfields` parameter must match the number of arguments"));
    }
    Ok(())
}

/// `HINCRBY key field increment`: adds an integer to a field. Answers the sum.
fn hincrby(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().hash());
    let increment = args.integer(2)?;
    let mut hash = call.edit_or_create::<Hash>(0, Event::HINCRBY)?;
    let before = hash.as_ref().get(args.bytes(1), |value| parse_integer(value).ok_or(NOT_AN_INTEGER));
    let sum = before.transpose()?.unwrap_or(0).checked_add(increment).ok_or(OVERFLOW)?;
    hash.update(|hash| _ = hash.set(args.bytes(1), itoa::Buffer::new().format(sum).as_bytes(), limit));
    Ok(sum.into())
}

/// `HINCRBYFLOAT key field increment`: adds a number to a field. Answers the sum, as INCRBYFLOAT does.
fn hincrbyfloat(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().hash());
    let increment = Decimal::parse(args.bytes(2)).ok_or(CommandError::NOT_A_FLOAT)?;
    let Decimal::Finite(increment) = increment else {
        return Err(CommandError::new("ERR", "value is NaN or Infinity"));
    };
    let mut hash = call.edit_or_create::<Hash>(0, Event::HINCRBYFLOAT)?;
    let before = hash.as_ref().get(args.bytes(1), |value| Decimal::parse(value).ok_or(NOT_A_FLOAT));
    let sum = match before.transpose()? {
        None => increment,
        Some(Decimal::Finite(before)) => before.plus(&increment).ok_or(INFINITE)?,
        Some(_) => return Err(INFINITE),
    };
    let sum = sum.to_text();
    hash.update(|hash| _ = hash.set(args.bytes(1), sum.as_bytes(), limit));
    drop(hash);
    Ok(sum.into())
}

/// `HRANDFIELD key [count [WITHVALUES]]`: random fields. A negative count may name a field several times.
fn hrandfield(call: &mut Call<'_>) -> Answer {
    let (args, seed) = (call.args(), call.seed());
    let draw = Draw::parse(&args, "WITHVALUES")?;
    let Some(hash) = call.get::<Hash>(0)? else { return Ok(draw.of_nothing()) };
    let Some(count) = draw.count else {
        let index = Draws::one(hash.len(), seed);
        return Ok(hash.nth(index, |field, _| field.into()).unwrap_or(Response::Null));
    };
    let mut found = if draw.with_values { Packed::pairs() } else { Packed::array() };
    for index in Draws::new(count, hash.len(), seed) {
        hash.nth(index, |field, value| {
            found.push(field);
            if draw.with_values {
                found.push(value);
            }
        });
    }
    Ok(found.into())
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`: some of the fields, and the next cursor.
fn hscan(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let options = ScanOptions::of_elements(&args, Some("NOVALUES"))?;
    let mut found = Packed::array();
    let Some(hash) = call.get::<Hash>(0)? else { return Ok(scan_answer(0, found)) };
    let next = options.scan(|cursor, visited| {
        hash.scan(cursor, |field, value| {
            *visited += 1;
            if options.admits(field) {
                found.push(field);
                if !options.is_short {
                    found.push(value);
                }
            }
        })
    });
    Ok(scan_answer(next, found))
}
