//! Strings that are numbers: INCR and its like. Their ends stay.

use kvstore_protocol::{ByteString, CommandError};

use crate::store::{
    args::{Args, NOT_A_FLOAT, NOT_AN_INTEGER, parse_integer},
    context::Context,
    engine::Slots,
    spec::{Answer, Arity, FAST, GROWS, Keys, Spec, WRITE},
    value::{Decimal, Value},
};

const OVERFLOW: CommandError = CommandError::new("ERR", "increment or decrement would overflow");
const INFINITE: CommandError = CommandError::new("ERR", "increment would produce NaN or Infinity");

pub(super) const SPECS: &[Spec] = &[INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT];

/// `INCR key`: adds 1 and answers the sum; a missing key counts as 0.
const INCR: Spec = Spec::new("INCR", Arity::exactly(2), Keys::FIRST, WRITE.and(GROWS).and(FAST), incr);

fn incr(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    add(slots, 1)
}

/// `DECR key`: subtracts 1 and answers the difference.
const DECR: Spec = Spec::new("DECR", Arity::exactly(2), Keys::FIRST, WRITE.and(GROWS).and(FAST), decr);

fn decr(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    add(slots, -1)
}

/// `INCRBY key increment`: adds an integer and answers the sum.
const INCRBY: Spec = Spec::new("INCRBY", Arity::exactly(3), Keys::FIRST, WRITE.and(GROWS).and(FAST), incrby);

fn incrby(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    add(slots, args.integer(1)?)
}

/// `DECRBY key decrement`: subtracts an integer and answers the difference.
const DECRBY: Spec = Spec::new("DECRBY", Arity::exactly(3), Keys::FIRST, WRITE.and(GROWS).and(FAST), decrby);

fn decrby(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let decrement = args.integer(1)?;
    add(slots, decrement.checked_neg().ok_or(CommandError::new("ERR", "decrement would overflow"))?)
}

fn add(slots: &mut Slots<'_>, increment: i64) -> Answer {
    let mut slot = slots.first();
    let Some(entry) = slot.entry() else {
        slot.set(Value::String(ByteString::from_integer(increment)));
        return Ok(increment.into());
    };
    let string = entry.value.as_string_mut()?;
    let before = parse_integer(string).ok_or(NOT_AN_INTEGER)?;
    let sum = before.checked_add(increment).ok_or(OVERFLOW)?;
    *string = ByteString::from_integer(sum);
    entry.is_edited = false;
    Ok(sum.into())
}

/// `INCRBYFLOAT key increment`: adds a decimal number and answers the sum, with up to 17 digits behind the point.
const INCRBYFLOAT: Spec =
    Spec::new("INCRBYFLOAT", Arity::exactly(3), Keys::FIRST, WRITE.and(GROWS).and(FAST), incrbyfloat);

fn incrbyfloat(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let mut slot = slots.first();
    let before = match slot.entry() {
        Some(entry) => Decimal::parse(entry.value.as_string()?),
        None => Decimal::parse(b"0"),
    };
    let increment = Decimal::parse(args.bytes(1)).ok_or(NOT_A_FLOAT)?;
    let sum = match (before.ok_or(NOT_A_FLOAT)?, increment) {
        (Decimal::Finite(before), Decimal::Finite(increment)) => before.plus(&increment).ok_or(INFINITE)?,
        _ => return Err(INFINITE),
    };
    let text = ByteString::from(sum.to_text());
    slot.replace(Value::String(text.clone()));
    Ok(text.into())
}
