//! Setting and removing the expiry of fields: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HPERSIST.

use kvstore_protocol::{CommandError, Packed};

use super::{
    super::expiry::{TimeBase, TimeFormat, Unit},
    NO_EXPIRY, NO_SUCH_FIELD, fields, fields_from, resolve,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::Hash,
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("HEXPIRE", hexpire),
    Spec::new("HPEXPIRE", hpexpire),
    Spec::new("HEXPIREAT", hexpireat),
    Spec::new("HPEXPIREAT", hpexpireat),
    Spec::new("HPERSIST", hpersist),
];

const NOT_A_COUNT: CommandError = CommandError::new("ERR", "Parameter `numFields` should be greater than 0");

/// What became of a field.
const NOT_MET: i64 = 0;
const SET: i64 = 1;
const REMOVED: i64 = 2;

/// `HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field …]`: sets the expiry of fields, in seconds from now. Answers for
/// each 1 if it was set, 2 if the field was removed since the time has passed, 0 if the condition is not met, -2 if there is no such
/// field.
fn hexpire(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Seconds, TimeBase::Relative), call)
}

/// `HPEXPIRE key milliseconds …`: the same in milliseconds.
fn hpexpire(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Milliseconds, TimeBase::Relative), call)
}

/// `HEXPIREAT key seconds …`: the same in seconds since the Unix epoch.
fn hexpireat(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Seconds, TimeBase::Absolute), call)
}

/// `HPEXPIREAT key milliseconds …`: the same in milliseconds since the Unix epoch.
fn hpexpireat(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Milliseconds, TimeBase::Absolute), call)
}

fn set_expiry(format: TimeFormat, call: &mut Call<'_>) -> Answer {
    let args = call.args();
    call.find::<Hash>(0)?;
    let at = resolve(format, call, args.integer(1)?)?;
    let condition = Condition::parse(&args);
    let fields = fields_from(&args, if condition.is_some() { 3 } else { 2 }, NOT_A_COUNT)?;
    let (mut results, is_past) = (Packed::array(), at <= call.now());
    let Some(mut hash) = call.edit::<Hash>(0, Event::HEXPIRE)? else {
        fields.for_each(|_| results.push_integer(NO_SUCH_FIELD));
        return Ok(results.into());
    };
    for field in fields {
        results.push_integer(match hash.as_ref().expiry_of(field) {
            None => NO_SUCH_FIELD,
            Some(before) if !condition.is_none_or(|condition| condition.is_met(at, before)) => NOT_MET,
            Some(_) if is_past => {
                hash.update(|hash| hash.remove(field));
                hash.set_event(Event::HDEL);
                REMOVED
            }
            Some(_) => {
                hash.update(|hash| hash.set_expiry(field, Some(at)));
                SET
            }
        });
    }
    drop(hash);
    Ok(results.into())
}

/// When the expiry of a field is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// The field has no expiry.
    Nx,
    /// The field has an expiry.
    Xx,
    /// The new expiry is later. No expiry counts as the latest.
    Gt,
    /// The new expiry is earlier.
    Lt,
}

impl Condition {
    /// The condition behind the time, if there is one.
    fn parse(args: &Args<'_>) -> Option<Self> {
        let conditions = [("NX", Self::Nx), ("XX", Self::Xx), ("GT", Self::Gt), ("LT", Self::Lt)];
        conditions.into_iter().find(|(word, _)| args.is(2, word)).map(|(_, condition)| condition)
    }

    fn is_met(self, at: u64, before: Option<u64>) -> bool {
        match self {
            Self::Nx => before.is_none(),
            Self::Xx => before.is_some(),
            Self::Gt => before.is_some_and(|before| at > before),
            Self::Lt => before.is_none_or(|before| at < before),
        }
    }
}

/// `HPERSIST key FIELDS numfields field [field …]`: removes the expiry of fields. Answers for each 1 if it had one, -1 if not, -2 if there
/// is no such field.
fn hpersist(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    call.find::<Hash>(0)?;
    let (fields, mut results) = (fields(&args, 1)?, Packed::array());
    let Some(mut hash) = call.edit::<Hash>(0, Event::HPERSIST)? else {
        fields.for_each(|_| results.push_integer(NO_SUCH_FIELD));
        return Ok(results.into());
    };
    for field in fields {
        results.push_integer(match hash.as_ref().expiry_of(field) {
            None => NO_SUCH_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(_)) => {
                hash.update(|hash| hash.set_expiry(field, None));
                SET
            }
        });
    }
    drop(hash);
    Ok(results.into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

    #[test]
    fn a_field_expires() {
        for entries in [512, 1] {
            let store = TestStore::new();
            store.check([
                (&*format!("CONFIG SET hash-max-listpack-entries {entries}"), "+OK"),
                ("HSET h a 1 b 2 c 3", ":3"),
                ("HPEXPIRE h 100 FIELDS 2 a b", "[:1, :1]"),
            ]);
            store.pass(100);
            // In its millisecond the field is still there.
            store.check([("HGET h a", r#""1""#), ("HPTTL h FIELDS 2 a c", "[:0, :-1]")]);
            store.remove_expired();
            store.check([("HGET h a", r#""1""#)]);
            store.pass(1);
            store.check([
                ("HGET h a", "(nil)"),
                ("HMGET h a b c", r#"[(nil), (nil), "3"]"#),
                ("HGETALL h", r#"{"c": "3"}"#),
                ("HKEYS h", r#"["c"]"#),
                ("HVALS h", r#"["3"]"#),
                ("HEXISTS h a", ":0"),
                ("HSTRLEN h b", ":0"),
                ("HRANDFIELD h", r#""c""#),
                ("HRANDFIELD h 5", r#"["c"]"#),
                ("HRANDFIELD h -2 WITHVALUES", r#"[["c", "3"], ["c", "3"]]"#),
                ("HSCAN h 0 COUNT 100", r#"["0", ["c", "3"]]"#),
                ("HTTL h FIELDS 3 a b c", "[:-2, :-2, :-1]"),
                // Like in Redis, HLEN counts what is not removed yet.
                ("HLEN h", ":3"),
                ("HINCRBY h a 5", ":5"),
                ("HTTL h FIELDS 1 a", "[:-1]"),
                ("HLEN h", ":2"),
                ("HSETNX h b 7", ":1"),
            ]);
        }
    }

    #[test]
    fn a_hash_whose_fields_have_all_expired_is_gone() {
        for entries in [512, 1] {
            for is_removed in [false, true] {
                let store = TestStore::new();
                store.check([
                    (&*format!("CONFIG SET hash-max-listpack-entries {entries}"), "+OK"),
                    ("HSET h a 1 b 2", ":2"),
                    ("HPEXPIRE h 100 FIELDS 1 a", "[:1]"),
                    ("HPEXPIRE h 200 FIELDS 1 b", "[:1]"),
                ]);
                store.pass(201);
                if is_removed {
                    store.remove_expired();
                    store.check([("DBSIZE", ":0")]);
                }
                store.check([
                    ("EXISTS h", ":0"),
                    ("TYPE h", "+none"),
                    ("HLEN h", ":0"),
                    ("HGETALL h", "{}"),
                    ("HTTL h FIELDS 1 a", "[:-2]"),
                    ("KEYS *", "[]"),
                    ("SCAN 0 COUNT 1000", r#"["0", []]"#),
                    ("RANDOMKEY", "(nil)"),
                    ("OBJECT ENCODING h", "(nil)"),
                    ("HEXPIRE h 10 FIELDS 1 a", "[:-2]"),
                    ("HDEL h a", ":0"),
                    ("COPY h i", ":0"),
                    ("RENAME h i", "-ERR no such key"),
                    ("SADD h member", ":1"),
                    ("TYPE h", "+set"),
                ]);
            }
        }
    }

    #[test]
    fn conditions_compare_with_the_expiry_before() {
        TestStore::new().check([
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HEXPIRE h 10 XX FIELDS 2 a missing", "[:0, :-2]"),
            ("HEXPIRE h 10 GT FIELDS 1 a", "[:0]"),
            ("HEXPIRE h 10 nx FIELDS 1 a", "[:1]"),
            ("HEXPIRE h 20 NX FIELDS 2 a b", "[:0, :1]"),
            ("HEXPIRE h 10 GT FIELDS 2 a b", "[:0, :0]"),
            ("HEXPIRE h 15 GT FIELDS 2 a b", "[:1, :0]"),
            ("HEXPIRE h 15 LT FIELDS 3 a b c", "[:0, :1, :1]"),
            ("HEXPIRE h 30 XX FIELDS 3 a a c", "[:1, :1, :1]"),
            ("HTTL h FIELDS 3 a b c", "[:30, :15, :30]"),
        ]);
    }

    #[test]
    fn a_time_that_has_passed_removes_the_field() {
        TestStore::new().check([
            ("HSET h a 1 b 2 c 3 d 4 e 5", ":5"),
            ("HEXPIRE h 0 FIELDS 2 a missing", "[:2, :-2]"),
            ("HEXPIREAT h 1 FIELDS 2 b b", "[:2, :-2]"),
            ("HPEXPIREAT h 1700000000000 FIELDS 1 c", "[:2]"),
            ("HPEXPIRE h 0 NX FIELDS 1 d", "[:2]"),
            ("HPEXPIRE h 0 XX FIELDS 1 e", "[:0]"),
            ("HGETALL h", r#"{"e": "5"}"#),
            ("HEXPIRE h 0 FIELDS 1 e", "[:2]"),
            ("EXISTS h", ":0"),
        ]);
    }

    #[test]
    fn arguments_are_checked_in_the_order_of_redis() {
        const POSITION: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
        const COUNT: &str = "-ERR The `numfields` parameter must match the number of arguments";
        const NOT_POSITIVE: &str = "-ERR Parameter `numFields` should be greater than 0";
        const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";
        TestStore::new().check([
            ("SET s v", "+OK"),
            ("HSET h a 1", ":1"),
            ("HEXPIRE s x FIELDS 1 a", WRONG_TYPE),
            ("HPERSIST s FIELDS 2 a", WRONG_TYPE),
            ("HEXPIRE h x FIELDS 0 a", NOT_AN_INTEGER),
            ("HEXPIRE h -1 NX FOO 1 a", "-ERR invalid expire time, must be >= 0"),
            ("HEXPIRE h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
            ("HPEXPIRE h 70368744177663 FIELDS 1 a", "-ERR invalid expire time in 'hpexpire' command"),
            ("HEXPIREAT h 70368744178 FIELDS 1 a", "-ERR invalid expire time in 'hexpireat' command"),
            ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"),
            ("HEXPIRE h 10 FOO FIELDS 1 a", POSITION),
            ("HEXPIRE h 10 NX XX FIELDS 1 a", POSITION),
            ("HEXPIRE h 10 FIELDS x a", NOT_POSITIVE),
            ("HEXPIRE h 10 FIELDS -1 a", NOT_POSITIVE),
            ("HEXPIRE h 10 FIELDS 9223372036854775808 a", NOT_POSITIVE),
            ("HEXPIRE h 10 FIELDS 9223372036854775807 a", COUNT),
            ("HEXPIRE h 10 FIELDS 1 a b", COUNT),
            ("HEXPIRE h 10 NX FIELDS 1", COUNT),
            ("HEXPIRE h 10 FIELDS 1", "-ERR wrong number of arguments for 'hexpire' command"),
            ("HEXPIRE missing 10 FIELDS 2 a b", "[:-2, :-2]"),
            ("HPERSIST h FOO 1 a", POSITION),
            ("HPERSIST h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
            ("HPERSIST h FIELDS 2 a", COUNT),
            ("HPEXPIREAT h 70368744177663 FIELDS 1 a", "[:1]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[:70368744177663]"),
        ]);
    }

    #[test]
    fn hpersist_removes_the_expiry() {
        let store = TestStore::new();
        store.check([
            ("HPERSIST h FIELDS 1 a", "[:-2]"),
            ("HSET h a 1 b 2", ":2"),
            ("HPERSIST h FIELDS 1 a", "[:-1]"),
            ("OBJECT ENCODING h", r#""listpack""#),
            ("HEXPIRE h 1 FIELDS 1 a", "[:1]"),
            ("HPERSIST h FIELDS 3 a b c", "[:1, :-1, :-2]"),
            ("OBJECT ENCODING h", r#""listpackex""#),
        ]);
        store.pass(10_000);
        store.remove_expired();
        store.check([("HGETALL h", r#"{"b": "2", "a": "1"}"#)]);
    }

    #[test]
    fn a_field_that_is_set_loses_its_expiry_and_one_that_is_counted_keeps_it() {
        for entries in [512, 1] {
            TestStore::new().check([
                (&*format!("CONFIG SET hash-max-listpack-entries {entries}"), "+OK"),
                ("HSET h a 1 b 2 c 3 d 4", ":4"),
                ("HEXPIRE h 10 FIELDS 4 a b c d", "[:1, :1, :1, :1]"),
                ("HSET h a 5", ":0"),
                ("HMSET h b 5", "+OK"),
                ("HINCRBY h c 5", ":8"),
                ("HINCRBYFLOAT h d 0.5", r#""4.5""#),
                ("HSETNX h d 7", ":0"),
                ("HTTL h FIELDS 4 a b c d", "[:-1, :-1, :10, :10]"),
            ]);
        }
    }

    #[test]
    fn the_expiry_of_fields_goes_with_the_hash() {
        let store = TestStore::new();
        store.check([
            ("HSET h a 1 b 2", ":2"),
            ("HPEXPIRE h 50 FIELDS 1 a", "[:1]"),
            ("COPY h copy", ":1"),
            ("RENAME h renamed", "+OK"),
            ("COPY copy far DB 1", ":1"),
            ("EXPIRE copy 100", ":1"),
            ("PERSIST copy", ":1"),
            ("HPTTL renamed FIELDS 2 a b", "[:50, :-1]"),
            ("HPTTL copy FIELDS 2 a b", "[:50, :-1]"),
        ]);
        store.pass(51);
        store.remove_expired();
        store.check([
            ("HLEN renamed", ":1"),
            ("HLEN copy", ":1"),
            ("DEL renamed", ":1"),
            ("SET copy v", "+OK"),
            ("MOVE copy 2", ":1"),
        ]);
        store.remove_expired();
    }
}
