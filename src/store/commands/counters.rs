//! Strings that are numbers: INCR, DECR and their variants. The key keeps its expiry.

use kvstore_protocol::{ByteString, CommandError, parse_integer};

use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::Decimal,
};

const OVERFLOW: CommandError = CommandError::new("ERR", "increment or decrement would overflow");
const INFINITE: CommandError = CommandError::new("ERR", "increment would produce NaN or Infinity");

pub(super) const SPECS: &[Spec] = &[INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT];

/// `INCR key`: adds 1. Answers the sum. A missing key counts as 0.
const INCR: Spec = Spec::new("INCR", incr);

fn incr(call: &mut Call<'_>) -> Answer {
    add(call, 1)
}

/// `DECR key`: subtracts 1. Answers the difference.
const DECR: Spec = Spec::new("DECR", decr);

fn decr(call: &mut Call<'_>) -> Answer {
    add(call, -1)
}

/// `INCRBY key increment`: adds an integer. Answers the sum.
const INCRBY: Spec = Spec::new("INCRBY", incrby);

fn incrby(call: &mut Call<'_>) -> Answer {
    add(call, call.args().integer(1)?)
}

/// `DECRBY key decrement`: subtracts an integer. Answers the difference.
const DECRBY: Spec = Spec::new("DECRBY", decrby);

fn decrby(call: &mut Call<'_>) -> Answer {
    let decrement = call.args().integer(1)?;
    add(call, decrement.checked_neg().ok_or(CommandError::new("ERR", "decrement would overflow"))?)
}

fn add(call: &mut Call<'_>, increment: i64) -> Answer {
    let before = match call.entry(0) {
        Some(entry) => parse_integer(&entry.string()?).ok_or(CommandError::NOT_AN_INTEGER)?,
        None => 0,
    };
    let sum = before.checked_add(increment).ok_or(OVERFLOW)?;
    call.replace(0, itoa::Buffer::new().format(sum).as_bytes(), Event::INCRBY);
    Ok(sum.into())
}

/// `INCRBYFLOAT key increment`: adds a number such as `-1.5`, `1e3` or `0x1.8p3`. Answers the sum, with up to 17 digits after the
/// decimal point. The sum is exact, while Redis shows the rounding of 80-bit floats (`5000.10000000000000009`).
const INCRBYFLOAT: Spec = Spec::new("INCRBYFLOAT", incrbyfloat);

fn incrbyfloat(call: &mut Call<'_>) -> Answer {
    let before = match call.entry(0) {
        Some(entry) => Decimal::parse(&entry.string()?),
        None => Decimal::parse(b"0"),
    };
    let increment = Decimal::parse(call.args().bytes(1)).ok_or(CommandError::NOT_A_FLOAT)?;
    let sum = match (before.ok_or(CommandError::NOT_A_FLOAT)?, increment) {
        (Decimal::Finite(before), Decimal::Finite(increment)) => before.plus(&increment).ok_or(INFINITE)?,
        _ => return Err(INFINITE),
    };
    let text = ByteString::from(sum.to_text());
    call.replace(0, &text, Event::INCRBYFLOAT);
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";

    #[test]
    fn counters_start_at_zero_and_keep_their_expiry() {
        TestStore::new().check([
            ("INCR n", ":1"),
            ("EXPIRE n 10", ":1"),
            ("INCRBY n 10", ":11"),
            ("DECR n", ":10"),
            ("DECRBY n 20", ":-10"),
            ("GET n", "\"-10\""),
            ("TTL n", ":10"),
        ]);
    }

    #[test]
    fn only_integers_are_incremented() {
        let store = TestStore::new();
        store.check([("INCRBY n x", NOT_AN_INTEGER), ("INCRBY n 1.5", NOT_AN_INTEGER), ("EXISTS n", ":0")]);
        for text in ["abc", "1.0", "01", "+1", "''", "9223372036854775808"] {
            store.check([(&*format!("SET n {text}"), "+OK"), ("INCR n", NOT_AN_INTEGER)]);
        }
    }

    #[test]
    fn a_counter_does_not_overflow() {
        const OVERFLOW: &str = "-ERR increment or decrement would overflow";
        TestStore::new().check([
            ("SET n 9223372036854775807", "+OK"),
            ("INCR n", OVERFLOW),
            ("DECRBY n -1", OVERFLOW),
            ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"),
            ("GET n", "\"9223372036854775807\""),
            ("SET n -9223372036854775808", "+OK"),
            ("DECR n", OVERFLOW),
        ]);
    }

    #[test]
    fn decimals_are_added_exactly() {
        TestStore::new().check([
            ("SET n 10.50", "+OK"),
            ("INCRBYFLOAT n 0.1", "\"10.6\""),
            ("SET n 5.0e3", "+OK"),
            ("EXPIRE n 10", ":1"),
            ("INCRBYFLOAT n 2.0e2", "\"5200\""),
            ("TTL n", ":10"),
            ("INCRBYFLOAT new -0.5", "\"-0.5\""),
            ("INCRBYFLOAT new 0.5", "\"0\""),
            ("SET large 1e300", "+OK"),
            ("INCRBYFLOAT large -1e300", "\"0\""),
        ]);
    }

    #[test]
    fn only_decimal_numbers_are_added() {
        const NOT_A_FLOAT: &str = "-ERR value is not a valid float";
        const INFINITE: &str = "-ERR increment would produce NaN or Infinity";
        TestStore::new().check([
            ("INCRBYFLOAT n x", NOT_A_FLOAT),
            ("INCRBYFLOAT n nan", NOT_A_FLOAT),
            ("INCRBYFLOAT n 1e5000", NOT_A_FLOAT),
            ("INCRBYFLOAT n inf", INFINITE),
            ("SET large 9e4932", "+OK"),
            ("INCRBYFLOAT large 9e4932", INFINITE),
            ("GET large", "\"9e4932\""),
            ("INCRBYFLOAT n -inf", INFINITE),
            ("EXISTS n", ":0"),
            ("SET n x", "+OK"),
            ("INCRBYFLOAT n 1", NOT_A_FLOAT),
        ]);
    }
}
