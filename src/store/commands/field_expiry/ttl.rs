//! Reading the expiry of fields: HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME.

use kvstore_protocol::Packed;

use super::{NO_EXPIRY, NO_SUCH_FIELD, fields};
use crate::store::{
    call::Call,
    spec::{Answer, Spec},
    value::Hash,
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("HTTL", httl),
    Spec::new("HPTTL", hpttl),
    Spec::new("HEXPIRETIME", hexpiretime),
    Spec::new("HPEXPIRETIME", hpexpiretime),
];

/// `HTTL key FIELDS numfields field [field …]`: the seconds until each field expires, rounded up; -1 if it has no expiry, -2 if there is
/// no such field.
fn httl(call: &mut Call<'_>) -> Answer {
    expiries(call, |at, now| at.saturating_sub(now).div_ceil(1000))
}

/// `HPTTL key FIELDS numfields field [field …]`: the same in milliseconds.
fn hpttl(call: &mut Call<'_>) -> Answer {
    expiries(call, u64::saturating_sub)
}

/// `HEXPIRETIME key FIELDS numfields field [field …]`: the expiry of each field in seconds since the Unix epoch, rounded up; -1 if it
/// has none, -2 if there is no such field.
fn hexpiretime(call: &mut Call<'_>) -> Answer {
    expiries(call, |at, _| at.div_ceil(1000))
}

/// `HPEXPIRETIME key FIELDS numfields field [field …]`: the same in milliseconds.
fn hpexpiretime(call: &mut Call<'_>) -> Answer {
    expiries(call, |at, _| at)
}

/// Answers the expiries, converted by a function of each and of the time.
fn expiries(call: &mut Call<'_>, convert: impl Fn(u64, u64) -> u64) -> Answer {
    let hash = call.get::<Hash>(0)?;
    let (fields, mut results) = (fields(&call.args(), 1)?, Packed::array());
    for field in fields {
        results.push_integer(match hash.and_then(|hash| hash.expiry_of(field)) {
            None => NO_SUCH_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(at)) => convert(at, call.now()) as i64,
        });
    }
    Ok(results.into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn expiries_are_answered_relative_and_absolute_in_seconds_and_milliseconds() {
        TestStore::new().check([
            ("HTTL h FIELDS 2 a b", "[:-2, :-2]"),
            ("HSET h a 1 b 2", ":2"),
            ("HPEXPIRETIME h FIELDS 2 a c", "[:-1, :-2]"),
            ("HPEXPIRE h 1001 FIELDS 1 a", "[:1]"),
            ("HTTL h FIELDS 3 a b c", "[:2, :-1, :-2]"),
            ("HPTTL h FIELDS 1 a", "[:1001]"),
            ("HEXPIRETIME h FIELDS 1 a", "[:1700000002]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[:1700000001001]"),
            ("HEXPIREAT h 1700000100 FIELDS 1 a", "[:1]"),
            ("HTTL h FIELDS 1 a", "[:100]"),
        ]);
    }

    #[test]
    fn arguments_are_checked_in_the_order_of_redis() {
        TestStore::new().check([
            ("SET s v", "+OK"),
            ("HTTL s FOO 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HTTL h FOO 1 a", "-ERR Mandatory argument FIELDS is missing or not at the right position"),
            ("HPTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
            ("HPTTL h FIELDS x a", "-ERR Number of fields must be a positive integer"),
            ("HEXPIRETIME h FIELDS 2 a", "-ERR The `numfields` parameter must match the number of arguments"),
            ("HPEXPIRETIME h FIELDS 1", "-ERR wrong number of arguments for 'hpexpiretime' command"),
        ]);
    }
}
