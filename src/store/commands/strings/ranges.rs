//! Parts of strings: APPEND, GETRANGE, SUBSTR, SETRANGE.

use kvstore_protocol::{CommandError, Response};

use super::MAX_LENGTH;
use crate::store::{
    args::Args,
    context::Context,
    slots::Slots,
    spec::{Answer, Arity, DENY_OOM, FAST, Keys, READ, Spec, WRITE},
};

const TOO_LONG: CommandError = CommandError::new("ERR", "string exceeds maximum allowed size (proto-max-bulk-len)");

pub(in super::super) const SPECS: &[Spec] = &[APPEND, GETRANGE, SUBSTR, SETRANGE];

/// `APPEND key value`: appends the bytes to the string. Answers its new length.
const APPEND: Spec = Spec::new("APPEND", Arity::exactly(3), Keys::FIRST, WRITE.and(DENY_OOM).and(FAST), append)
    .about("Appends bytes to the string of a key. A missing key is an empty string.", "2.0.0");

fn append(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let mut slot = slots.first();
    let tail = args.bytes(1);
    let Some(entry) = slot.entry() else {
        slot.set(args.value(1));
        return Ok(tail.len().into());
    };
    if entry.string()?.len() + tail.len() > MAX_LENGTH {
        return Err(TOO_LONG);
    }
    Ok(slot.append(tail)?.into())
}

/// `GETRANGE key start end`: the bytes from one index to another, both included; negative ones count from the end.
const GETRANGE: Spec = Spec::new("GETRANGE", Arity::exactly(4), Keys::FIRST, READ, getrange)
    .about("Returns a part of the string of a key.", "2.4.0");

/// `SUBSTR key start end`: the old name of GETRANGE.
const SUBSTR: Spec = Spec::new("SUBSTR", Arity::exactly(4), Keys::FIRST, READ, getrange)
    .about("Returns a part of the string of a key. The old name of GETRANGE.", "1.0.0");

fn getrange(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let (start, end) = (args.integer(1)?, args.integer(2)?);
    let mut slot = slots.first();
    let Some(string) = slot.string()? else { return Ok(Response::from("")) };
    let range = range_of(string.len(), start, end);
    Ok(string.slice(range).into())
}

/// The indices from `start` to `end`, of which negative ones count from the end.
fn range_of(length: usize, start: i64, end: i64) -> std::ops::Range<usize> {
    let index = |at: i64| if at < 0 { (length as i64).saturating_add(at).max(0) as usize } else { at as usize };
    // If both are before the string, Redis answers nothing. Clamped to 0, they would mean the first byte.
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let end = index(end).saturating_add(1).min(length);
    index(start).min(end)..end
}

/// `SETRANGE key offset value`: overwrites the string from an index on. Answers its length.
const SETRANGE: Spec = Spec::new("SETRANGE", Arity::exactly(4), Keys::FIRST, WRITE.and(DENY_OOM), setrange)
    .about("Overwrites a part of the string of a key. A missing key is an empty string.", "2.2.0");

fn setrange(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let offset = usize::try_from(args.integer(1)?).map_err(|_| CommandError::err("offset is out of range"))?;
    let patch = args.bytes(2);
    let mut slot = slots.first();
    let length = slot.entry().map(|entry| entry.string()).transpose()?.map_or(0, |string| string.len());
    if patch.is_empty() {
        return Ok(length.into());
    }
    if offset.saturating_add(patch.len()) > MAX_LENGTH {
        return Err(TOO_LONG);
    }
    slot.overwrite(offset, patch)?;
    Ok(length.max(offset + patch.len()).into())
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::{Command, Response};

    use crate::store::testing::TestStore;

    #[test]
    fn append_keeps_the_expiry() {
        TestStore::new().check([
            ("APPEND k ab", ":2"),
            ("EXPIRE k 10", ":1"),
            ("APPEND k cd", ":4"),
            ("GET k", "\"abcd\""),
            ("TTL k", ":10"),
        ]);
    }

    #[test]
    fn getrange_takes_any_two_integers() {
        let store = TestStore::new();
        store.answer("SET k hello");
        for (start, end, part) in [
            ("0", "-1", "hello"),
            ("1", "3", "ell"),
            ("-3", "-2", "ll"),
            ("3", "1", ""),
            ("-2", "-3", ""),
            ("5", "10", ""),
            ("-100", "0", "h"),
            ("-100", "-200", ""),
            ("-200", "-100", "h"),
            ("-9223372036854775808", "9223372036854775807", "hello"),
            ("9223372036854775807", "-9223372036854775808", ""),
        ] {
            store.check([(&*format!("GETRANGE k {start} {end}"), &*format!("\"{part}\""))]);
        }
        store.check([
            ("SUBSTR k 0 0", "\"h\""),
            ("GETRANGE missing 0 -1", "\"\""),
            ("GETRANGE k x 1", "-ERR value is not an integer or out of range"),
        ]);
    }

    #[test]
    fn setrange_overwrites_and_fills_gaps_with_zeros() {
        TestStore::new().check([
            ("SETRANGE k 2 ab", ":4"),
            ("GET k", r#""\x00\x00ab""#),
            ("SETRANGE k 3 cd", ":5"),
            ("GET k", r#""\x00\x00acd""#),
            ("SETRANGE k 100 ''", ":5"),
            ("SETRANGE missing 100 ''", ":0"),
            ("EXISTS missing", ":0"),
            ("SETRANGE k -1 x", "-ERR offset is out of range"),
        ]);
    }

    #[test]
    fn no_string_exceeds_the_limit() {
        const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
        TestStore::new().check([
            ("SETRANGE k 536870912 x", TOO_LONG),
            ("SETRANGE k 9223372036854775807 xx", TOO_LONG),
            ("EXISTS k", ":0"),
            ("SET k v", "+OK"),
            ("SETRANGE k 536870911 xx", TOO_LONG),
            ("GET k", "\"v\""),
        ]);
    }

    #[test]
    fn a_copy_that_is_being_read_does_not_change() {
        let store = TestStore::new();
        store.answer_to(Command::new("SET").arg("k").arg("x".repeat(1000)));
        let read = store.answer("GET k");
        store.check([("APPEND k y", ":1001"), ("SETRANGE k 0 z", ":1001")]);
        assert_eq!(read, Response::from("x".repeat(1000)));
    }
}
