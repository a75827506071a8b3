//! SETBIT and GETBIT.

use kvstore_protocol::CommandError;

use super::{mask, parse_offset};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::StringValue,
};

pub(in super::super) const SPECS: &[Spec] = &[SETBIT, GETBIT];

/// `SETBIT key offset value`: sets or clears a bit. Answers what it was.
const SETBIT: Spec = Spec::new("SETBIT", setbit);

fn setbit(call: &mut Call<'_>) -> Answer {
    const BAD_BIT: CommandError = CommandError::new("ERR", "bit is not an integer or out of range");
    let args = call.args();
    let offset = parse_offset(args.bytes(1), None, call)?;
    let is_set = match args.bytes(2) {
        b"0" => false,
        b"1" => true,
        _ => return Err(BAD_BIT),
    };
    let (at, mask) = ((offset / 8) as usize, mask(offset));
    let Some(mut string) = call.edit::<StringValue>(0, Event::SETBIT)? else {
        call.create(0, StringValue::padded(at, &[if is_set { mask } else { 0 }]), Event::SETBIT);
        return Ok(0.into());
    };
    let before = string.as_bytes().get(at).copied();
    let byte = before.unwrap_or_default();
    let changed = if is_set { byte | mask } else { byte & !mask };
    if before != Some(changed) {
        string.afford(string.work_of_change(at..at + 1))?;
        string.update(|string| string.overwrite(at, &[changed]));
    }
    Ok(i64::from(byte & mask != 0).into())
}

/// `GETBIT key offset`: a bit. Those behind the string are 0.
const GETBIT: Spec = Spec::new("GETBIT", getbit);

fn getbit(call: &mut Call<'_>) -> Answer {
    let offset = parse_offset(call.args().bytes(1), None, call)?;
    let string = call.get::<StringValue>(0)?;
    let byte = string.and_then(|string| string.get((offset / 8) as usize).copied());
    Ok(i64::from(byte.is_some_and(|byte| byte & mask(offset) != 0)).into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    const BAD_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
    const BAD_BIT: &str = "-ERR bit is not an integer or out of range";

    #[test]
    fn bits_are_counted_from_the_most_significant_one() {
        TestStore::new().check([
            ("SETBIT k 7 1", ":0"),
            ("GET k", r#""\x01""#),
            ("SETBIT k 0 1", ":0"),
            ("SETBIT k 17 1", ":0"),
            ("GET k", r#""\x81\x00@""#),
            ("SETBIT k 0 0", ":1"),
            ("GETBIT k 0", ":0"),
            ("GETBIT k 7", ":1"),
            ("GETBIT k 100000", ":0"),
            ("GETBIT missing 0", ":0"),
        ]);
    }

    #[test]
    fn a_string_grows_by_a_bit_that_is_clear_and_keeps_its_expiry() {
        TestStore::new().check([
            ("SETBIT k 20 0", ":0"),
            ("STRLEN k", ":3"),
            ("EXPIRE k 10", ":1"),
            ("SETBIT k 80000 0", ":0"),
            ("STRLEN k", ":10001"),
            ("SETBIT k 79999 1", ":0"),
            ("SETBIT k 79999 1", ":1"),
            ("BITCOUNT k", ":1"),
            ("TTL k", ":10"),
        ]);
    }

    #[test]
    fn what_is_no_offset_and_no_bit_is_refused() {
        TestStore::new().check([
            ("SETBIT k x 1", BAD_OFFSET),
            ("SETBIT k -1 1", BAD_OFFSET),
            ("SETBIT k 4294967296 1", BAD_OFFSET),
            ("SETBIT k 1 2", BAD_BIT),
            ("SETBIT k 1 01", BAD_BIT),
            ("GETBIT k 4294967296", BAD_OFFSET),
            ("EXISTS k", ":0"),
            ("RPUSH list a", ":1"),
            ("SETBIT list 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GETBIT list 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }
}
