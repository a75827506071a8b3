//! Hashes: HSET, HGET and their kin.

use kvstore_protocol::{ByteString, CommandError, Packed, Response, parse_integer};

use super::{
    field_expiry::{afford_values, fields},
    random::{Draw, Draws},
    scan_options::{ScanOptions, scan_answer},
};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{Decimal, Finite, Hash, HashRef},
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
    let (field, most) = (call.args().bytes(1), call.most_copied());
    let Some(hash) = call.get::<Hash>(0)? else { return Ok(Response::Null) };
    let value = hash.get(field, |value| (value.len() <= most).then(|| value.into()));
    value.map_or(Ok(Response::Null), |copy| call.copied(copy))
}

/// `HMGET key field [field …]`: the values of fields.
fn hmget(call: &mut Call<'_>) -> Answer {
    let protocol = call.session().protocol();
    let mut values = call.collect(Packed::array());
    let hash = call.get::<Hash>(0)?;
    for field in call.args().from(1) {
        if hash.and_then(|hash| hash.get(field, |value| values.push(value))).is_none() {
            values.push_null_in(protocol);
        }
    }
    call.collected(values)
}

/// `HGETALL key`: every field and its value.
fn hgetall(call: &mut Call<'_>) -> Answer {
    let mut pairs = call.collect(Packed::map());
    visit(call, |field, value| {
        pairs.push(field);
        pairs.push(value);
    })?;
    call.collected(pairs)
}

/// `HKEYS key`: every field.
fn hkeys(call: &mut Call<'_>) -> Answer {
    let mut fields = call.collect(Packed::array());
    visit(call, |field, _| fields.push(field))?;
    call.collected(fields)
}

/// `HVALS key`: every value.
fn hvals(call: &mut Call<'_>) -> Answer {
    let mut values = call.collect(Packed::array());
    visit(call, |_, value| values.push(value))?;
    call.collected(values)
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

/// `HLEN key`: the number of fields. As in Redis, those that have expired and are not removed yet are counted.
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
    call.find::<Hash>(0)?;
    afford_values(call, fields(&args, 1)?)?;
    let (fields, mut values) = (fields(&args, 1)?, Packed::array());
    let Some(mut hash) = call.edit::<Hash>(0, Event::HDEL)? else {
        fields.for_each(|_| values.push_null());
        return Ok(values.into());
    };
    for field in fields {
        if hash.as_ref().get(field, |value| values.push(value)).is_none() {
            values.push_null();
        }
        hash.update(|hash| hash.remove(field));
    }
    drop(hash);
    Ok(values.into())
}

/// `HINCRBY key field increment`: adds an integer to a field. Answers the sum.
fn hincrby(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().hash());
    let increment = args.integer(2)?;
    let mut hash = call.edit_or_create::<Hash>(0, Event::HINCRBY)?;
    let mut sum = 0;
    let add = |before: Option<&[u8]>| {
        let before = before.map_or(Some(0), parse_integer).ok_or(NOT_AN_INTEGER)?;
        sum = before.checked_add(increment).ok_or(OVERFLOW)?;
        Ok::<_, CommandError>(ByteString::from_integer(sum))
    };
    hash.update(|hash| hash.compute(args.bytes(1), limit, add))?;
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
    let add = |before: Option<&[u8]>| match before.map(|value| Decimal::parse(value).ok_or(NOT_A_FLOAT)).transpose()? {
        None => Ok(Finite::ZERO.plus(&increment).ok_or(INFINITE)?.to_text()),
        Some(Decimal::Finite(before)) => Ok(before.plus(&increment).ok_or(INFINITE)?.to_text()),
        Some(_) => Err(INFINITE),
    };
    let sum = hash.update(|hash| hash.compute(args.bytes(1), limit, add))?;
    drop(hash);
    Ok(sum.into())
}

/// `HRANDFIELD key [count [WITHVALUES]]`: random fields. A negative count may name a field several times.
fn hrandfield(call: &mut Call<'_>) -> Answer {
    let (args, seed) = (call.args(), call.seed());
    let draw = Draw::parse(&args, "WITHVALUES")?;
    let hash = call.find::<Hash>(0)?;
    let (length, hidden) = hash.map_or((0, 0), |hash| (hash.len(), hash.work_of_drawing()));
    call.afford_elements(hidden.saturating_add(draw.work(length)))?;
    let mut found = call.collect(if draw.with_values { Packed::pairs() } else { Packed::array() });
    let Some(hash) = call.get::<Hash>(0)? else { return Ok(draw.of_nothing()) };
    let hash = hash.drawable();
    let Some(count) = draw.count else {
        let index = Draws::one(hash.len(), seed);
        return Ok(hash.nth(index, |field, _| field.into()).unwrap_or(Response::Null));
    };
    for index in Draws::new(count, hash.len(), seed) {
        hash.nth(index, |field, value| {
            found.push(field);
            if draw.with_values {
                found.push(value);
            }
        });
        if found.is_too_large() {
            break;
        }
    }
    call.collected(found)
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`: some of the fields, and the next cursor.
fn hscan(call: &mut Call<'_>) -> Answer {
    let (options, mut found) =
        (ScanOptions::of_elements::<Hash>(call, Some("NOVALUES"))?, call.collect(Packed::array()));
    let (Some(options), Some(hash)) = (options, call.get::<Hash>(0)?) else { return scan_answer(call, 0, found) };
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
    scan_answer(call, next, found)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn fields_are_set_read_and_removed() {
        TestStore::new().check([
            ("HSET h a 1 b 2", ":2"),
            ("HSET h a 3 c 4", ":1"),
            ("HGET h a", r#""3""#),
            ("HGET h missing", "(nil)"),
            ("HGET missing a", "(nil)"),
            ("HMGET h a missing c a", r#"["3", (nil), "4", "3"]"#),
            ("HMGET missing a b", "[(nil), (nil)]"),
            ("HGETALL h", r#"{"a": "3", "b": "2", "c": "4"}"#),
            ("HGETALL missing", "{}"),
            ("HKEYS h", r#"["a", "b", "c"]"#),
            ("HVALS h", r#"["3", "2", "4"]"#),
            ("HKEYS missing", "[]"),
            ("HLEN h", ":3"),
            ("HLEN missing", ":0"),
            ("HSTRLEN h a", ":1"),
            ("HSTRLEN h missing", ":0"),
            ("HSTRLEN missing a", ":0"),
            ("HEXISTS h a", ":1"),
            ("HEXISTS h missing", ":0"),
            ("HEXISTS missing a", ":0"),
            ("HMSET h d 5 a 6", "+OK"),
            ("HSETNX h a 7", ":0"),
            ("HSETNX h e 7", ":1"),
            ("HDEL h a a missing b", ":2"),
            ("HDEL missing a", ":0"),
            ("HGETALL h", r#"{"c": "4", "d": "5", "e": "7"}"#),
            ("HSET h '' ''", ":1"),
            ("HGET h ''", r#""""#),
            ("HSTRLEN h ''", ":0"),
        ]);
    }

    #[test]
    fn a_hash_that_is_left_empty_is_removed() {
        TestStore::new().check([
            ("HSET h a 1 b 2", ":2"),
            ("EXPIRE h 100", ":1"),
            ("HDEL h a", ":1"),
            ("TTL h", ":100"),
            ("HDEL h b c", ":1"),
            ("EXISTS h", ":0"),
            ("TYPE h", "+none"),
            ("HSET h a 1", ":1"),
            ("TTL h", ":-1"),
            ("HGETDEL h FIELDS 1 a", r#"["1"]"#),
            ("EXISTS h", ":0"),
        ]);
    }

    #[test]
    fn hgetdel_answers_and_removes_fields() {
        TestStore::new().check([
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HGETDEL h FIELDS 2 a missing", r#"["1", (nil)]"#),
            ("HGETDEL h fields 3 b b c", r#"["2", (nil), "3"]"#),
            ("EXISTS h", ":0"),
            ("HGETDEL missing FIELDS 2 a b", "[(nil), (nil)]"),
            ("HSET h a 1", ":1"),
            ("HGETDEL h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
            ("HGETDEL h FIELDS -1 a", "-ERR Number of fields must be a positive integer"),
            ("HGETDEL h FIELDS x a", "-ERR Number of fields must be a positive integer"),
            ("HGETDEL h FIELDS 2 a", "-ERR The `numfields` parameter must match the number of arguments"),
            ("HGETDEL h FIELDS 1 a b", "-ERR The `numfields` parameter must match the number of arguments"),
            ("HGETDEL h FOO 1 a", "-ERR Mandatory argument FIELDS is missing or not at the right position"),
            (
                "HGETDEL h FIELDS 9223372036854775807 a",
                "-ERR The `numfields` parameter must match the number of arguments",
            ),
            ("HGETDEL h FIELDS 1", "-ERR wrong number of arguments for 'hgetdel' command"),
            ("HLEN h", ":1"),
        ]);
    }

    #[test]
    fn numbers_are_added_to_fields() {
        TestStore::new().check([
            ("HINCRBY h n 5", ":5"),
            ("HINCRBY h n -7", ":-2"),
            ("HGET h n", r#""-2""#),
            ("HSET h s text f 1.5 big 9223372036854775807 padded 01", ":4"),
            ("HINCRBY h s 1", "-ERR hash value is not an integer"),
            ("HINCRBY h f 1", "-ERR hash value is not an integer"),
            ("HINCRBY h padded 1", "-ERR hash value is not an integer"),
            ("HINCRBY h big 1", "-ERR increment or decrement would overflow"),
            ("HINCRBY h n x", "-ERR value is not an integer or out of range"),
            ("HINCRBY h n 1.5", "-ERR value is not an integer or out of range"),
            ("HINCRBY h n 9223372036854775808", "-ERR value is not an integer or out of range"),
            ("HINCRBYFLOAT h f 0.25", r#""1.75""#),
            ("HINCRBYFLOAT h f -1.75", r#""0""#),
            ("HINCRBYFLOAT h new 1e3", r#""1000""#),
            ("HINCRBYFLOAT h tiny 1e-400", r#""0""#),
            ("HINCRBYFLOAT h s 1", "-ERR hash value is not a float"),
            ("HINCRBYFLOAT h f x", "-ERR value is not a valid float"),
            ("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity"),
            ("HINCRBYFLOAT h f nan", "-ERR value is not a valid float"),
            ("HINCRBYFLOAT h f 1e5000", "-ERR value is not a valid float"),
            ("HINCRBY missing n x", "-ERR value is not an integer or out of range"),
            ("HINCRBYFLOAT missing n x", "-ERR value is not a valid float"),
            ("EXISTS missing", ":0"),
        ]);
    }

    #[test]
    fn other_types_and_arities_are_refused() {
        TestStore::new().check([
            ("SET s v", "+OK"),
            ("HSET s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HGET s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HGETALL s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HDEL s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HGETDEL s FIELDS 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HGETDEL s FIELDS 0 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HINCRBY s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HINCRBYFLOAT s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSETNX s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HMGET s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSCAN s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HRANDFIELD s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HLEN s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSTRLEN s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSET h a", "-ERR wrong number of arguments for 'hset' command"),
            ("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command"),
            ("HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command"),
            ("HMSET h a", "-ERR wrong number of arguments for 'hmset' command"),
            ("HGET h", "-ERR wrong number of arguments for 'hget' command"),
            ("HGET h a b", "-ERR wrong number of arguments for 'hget' command"),
            ("HDEL h", "-ERR wrong number of arguments for 'hdel' command"),
            ("HINCRBY h a", "-ERR wrong number of arguments for 'hincrby' command"),
            ("HSETNX h a", "-ERR wrong number of arguments for 'hsetnx' command"),
            ("HRANDFIELD h 1 WITHVALUES x", "-ERR syntax error"),
            ("HGETALL", "-ERR wrong number of arguments for 'hgetall' command"),
            ("GET s", r#""v""#),
            ("EXISTS h", ":0"),
        ]);
    }

    #[test]
    fn random_fields_are_drawn() {
        TestStore::new().check([
            ("HRANDFIELD h", "(nil)"),
            ("HRANDFIELD h 5", "[]"),
            ("HRANDFIELD h 5 WITHVALUES", "[]"),
            ("HSET h a 1", ":1"),
            ("HRANDFIELD h", r#""a""#),
            ("HRANDFIELD h 0", "[]"),
            ("HRANDFIELD h 5", r#"["a"]"#),
            ("HRANDFIELD h -3", r#"["a", "a", "a"]"#),
            ("HRANDFIELD h 5 WITHVALUES", r#"[["a", "1"]]"#),
            ("HRANDFIELD h -2 WITHVALUES", r#"[["a", "1"], ["a", "1"]]"#),
            ("HRANDFIELD h x", "-ERR value is not an integer or out of range"),
            ("HRANDFIELD h 1 FOO", "-ERR syntax error"),
            ("HRANDFIELD h 9223372036854775808", "-ERR value is not an integer or out of range"),
            (
                "HRANDFIELD h -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("HRANDFIELD h -9223372036854775807 WITHVALUES", "-ERR value is out of range"),
            ("HRANDFIELD h 9223372036854775807", r#"["a"]"#),
        ]);
    }

    #[test]
    fn a_small_hash_is_scanned_in_one_call() {
        TestStore::new().check([
            ("HSCAN h 0", r#"["0", []]"#),
            ("HSET h a 1 b 2 ab 3", ":3"),
            ("HSCAN h 0", r#"["0", ["a", "1", "b", "2", "ab", "3"]]"#),
            ("HSCAN h 0 MATCH a*", r#"["0", ["a", "1", "ab", "3"]]"#),
            ("HSCAN h 0 MATCH a* COUNT 1 NOVALUES", r#"["0", ["a", "ab"]]"#),
            ("HSCAN h x", "-ERR invalid cursor"),
            ("HSCAN h 0 COUNT 0", "-ERR syntax error"),
            ("HSCAN h 0 COUNT x", "-ERR value is not an integer or out of range"),
            ("HSCAN h 0 FOO", "-ERR syntax error"),
            ("HSCAN h 0 MATCH", "-ERR syntax error"),
            ("HSCAN h 18446744073709551616", "-ERR invalid cursor"),
        ]);
    }

    #[test]
    fn the_encoding_follows_the_thresholds() {
        TestStore::new().check([
            ("CONFIG SET hash-max-listpack-entries 3 hash-max-listpack-value 5", "+OK"),
            ("HSET h a 1 b 2 c 3", ":3"),
            ("OBJECT ENCODING h", r#""listpack""#),
            ("HSET h d 4", ":1"),
            ("OBJECT ENCODING h", r#""hashtable""#),
            ("HDEL h a b c", ":3"),
            ("OBJECT ENCODING h", r#""hashtable""#),
            ("HGETALL h", r#"{"d": "4"}"#),
            ("HSET long a 12345", ":1"),
            ("OBJECT ENCODING long", r#""listpack""#),
            ("HSET long a 123456", ":0"),
            ("OBJECT ENCODING long", r#""hashtable""#),
            ("HSET name 123456 a", ":1"),
            ("OBJECT ENCODING name", r#""hashtable""#),
            ("HINCRBY sum f 99999", ":99999"),
            ("OBJECT ENCODING sum", r#""listpack""#),
            ("HINCRBY sum f 1", ":100000"),
            ("OBJECT ENCODING sum", r#""hashtable""#),
            ("HSET all a 1 b 2 c 3 d 4", ":4"),
            ("OBJECT ENCODING all", r#""hashtable""#),
            ("CONFIG SET hash-max-listpack-entries 512 hash-max-listpack-value 64", "+OK"),
            ("HSET all e 5", ":1"),
            ("OBJECT ENCODING all", r#""hashtable""#),
        ]);
    }

    #[test]
    fn an_expired_hash_is_absent() {
        let store = TestStore::new();
        store.check([("HSET h a 1", ":1"), ("PEXPIRE h 5", ":1")]);
        store.pass(6);
        store.check([
            ("HGET h a", "(nil)"),
            ("HGETALL h", "{}"),
            ("HLEN h", ":0"),
            ("HSCAN h 0", r#"["0", []]"#),
            ("TYPE h", "+none"),
            ("HDEL h a", ":0"),
            ("HINCRBY h a 5", ":5"),
            ("TTL h", ":-1"),
        ]);
    }
}
