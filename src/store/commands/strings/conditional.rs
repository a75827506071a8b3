//! Removing a string on a condition, and the digests that conditions compare: DELEX, DELIFEQ, DIGEST.

use kvstore_protocol::{CommandError, Response};

use super::comparison::{Comparison, digest};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::StringValue,
};

pub(in super::super) const SPECS: &[Spec] =
    &[Spec::new("DELEX", delex), Spec::new("DELIFEQ", delifeq), Spec::new("DIGEST", digest_of)];

const NO_STRING: CommandError = CommandError::new("ERR", "Key should be of string type if conditions are specified");
const NO_CONDITION: CommandError = CommandError::new("ERR", "Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");

/// `DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]`: removes the key, if its string is equal to the value or
/// not. Answers whether it was removed.
fn delex(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    match args.len() {
        1 => return Ok(call.remove(0, Event::DEL).into()),
        3 => {}
        _ => return Err(CommandError::wrong_arity(call.name())),
    }
    let Some(entry) = call.entry(0) else { return Ok(false.into()) };
    entry.string().map_err(|_| NO_STRING)?;
    let comparison = Comparison::take(&mut args.options(1))?.ok_or(NO_CONDITION)?;
    remove_if(call, comparison)
}

/// `DELIFEQ key value`: removes the key, if its string is equal to the value. Answers whether it was removed.
fn delifeq(call: &mut Call<'_>) -> Answer {
    remove_if(call, Comparison::equal_to(call.args().bytes(1)))
}

fn remove_if(call: &mut Call<'_>, comparison: Comparison<'_>) -> Answer {
    let is_met = comparison.check(call)? == Some(true);
    Ok((is_met && call.remove(0, Event::DEL)).into())
}

/// `DIGEST key`: the digest of the string.
fn digest_of(call: &mut Call<'_>) -> Answer {
    let length = call.find::<StringValue>(0)?.map_or(0, |string| string.len());
    call.afford(length)?;
    let Some(string) = call.get::<StringValue>(0)? else { return Ok(Response::Null) };
    Ok(digest(&string).into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    const BAD_DIGEST: &str = "-ERR must be exactly 16 hexadecimal characters";
    const ARITY: &str = "-ERR wrong number of arguments for 'delex' command";

    #[test]
    fn delex_removes_a_key_of_any_type() {
        TestStore::new().check([
            ("DELEX k", ":0"),
            ("SET k v", "+OK"),
            ("DELEX k", ":1"),
            ("SADD k 1", ":1"),
            ("DELEX k", ":1"),
            ("EXISTS k", ":0"),
        ]);
    }

    #[test]
    fn delex_removes_a_string_that_meets_the_condition() {
        TestStore::new().check([
            ("SET k hello", "+OK"),
            ("DELEX k IFEQ other", ":0"),
            ("DELEX k IFNE hello", ":0"),
            ("DELEX k IFDEQ 0000000000000000", ":0"),
            ("DELEX k IFDNE 9555E8555C62DCFD", ":0"),
            ("DELEX k ifeq hello", ":1"),
            ("SET k hello", "+OK"),
            ("DELEX k IFNE other", ":1"),
            ("SET k hello", "+OK"),
            ("DELEX k IFDEQ 9555E8555c62dcfd", ":1"),
            ("SET k 0123", "+OK"),
            ("DELEX k IFEQ 123", ":0"),
            ("DELEX k IFDNE zzzzzzzzzzzzzzzz", ":1"),
            ("EXISTS k", ":0"),
        ]);
    }

    #[test]
    fn delex_refuses_other_conditions_and_other_types() {
        const NO_STRING: &str = "-ERR Key should be of string type if conditions are specified";
        TestStore::new().check([
            ("DELEX k FOO x", ":0"),
            ("DELEX k IFDEQ x", ":0"),
            ("DELEX k IFEQ", ARITY),
            ("DELEX k IFEQ x y", ARITY),
            ("DELEX", ARITY),
            ("SET k v", "+OK"),
            ("DELEX k FOO x", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"),
            ("DELEX k IFDEQ 123", BAD_DIGEST),
            ("DELEX k IFDNE ''", BAD_DIGEST),
            ("SADD s 1", ":1"),
            ("DELEX s IFEQ 1", NO_STRING),
            ("DELEX s FOO 1", NO_STRING),
            ("EXISTS k s", ":2"),
        ]);
    }

    #[test]
    fn delifeq_removes_an_equal_string() {
        TestStore::new().check([
            ("DELIFEQ k v", ":0"),
            ("SET k v", "+OK"),
            ("DELIFEQ k w", ":0"),
            ("DELIFEQ k v", ":1"),
            ("EXISTS k", ":0"),
            ("SADD s 1", ":1"),
            ("DELIFEQ s 1", WRONG_TYPE),
        ]);
    }

    #[test]
    fn a_digest_is_that_of_a_string() {
        TestStore::new().check([
            ("DIGEST k", "(nil)"),
            ("SET k v8", "+OK"),
            ("DIGEST k", "\"0cc76dbb41381419\""),
            ("SADD s 1", ":1"),
            ("DIGEST s", WRONG_TYPE),
        ]);
    }
}
