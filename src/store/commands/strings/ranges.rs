//! Parts of strings: APPEND, GETRANGE, SUBSTR, SETRANGE.

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::StringValue,
};

const TOO_LONG: CommandError = CommandError::new("ERR", "string exceeds maximum allowed size (proto-max-bulk-len)");

pub(in super::super) const SPECS: &[Spec] = &[APPEND, GETRANGE, SUBSTR, SETRANGE];

/// `APPEND key value`: appends the bytes to the string. Answers its new length.
const APPEND: Spec = Spec::new("APPEND", append);

fn append(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let tail = args.bytes(1);
    let Some(mut string) = call.edit::<StringValue>(0, Event::APPEND)? else {
        call.set(0, args.value(1), Event::APPEND);
        return Ok(tail.len().into());
    };
    let length = string.len() + tail.len();
    if !string.admits_string(length) {
        return Err(TOO_LONG);
    }
    string.afford(string.work_of_change(string.len()..length))?;
    string.update(|string| string.append(tail));
    Ok(string.len().into())
}

/// `GETRANGE key start end`: the bytes from one index to another, both included; negative ones count from the end.
const GETRANGE: Spec = Spec::new("GETRANGE", getrange);

/// `SUBSTR key start end`: the old name of GETRANGE.
const SUBSTR: Spec = Spec::new("SUBSTR", getrange);

fn getrange(call: &mut Call<'_>) -> Answer {
    let (start, end) = (call.args().integer(1)?, call.args().integer(2)?);
    let Some(string) = call.get::<StringValue>(0)? else { return Ok(Response::from("")) };
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
const SETRANGE: Spec = Spec::new("SETRANGE", setrange);

fn setrange(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let offset = usize::try_from(args.integer(1)?).map_err(|_| CommandError::err("offset is out of range"))?;
    let patch = args.bytes(2);
    let end = offset.saturating_add(patch.len());
    let Some(mut string) = call.edit::<StringValue>(0, Event::SETRANGE)? else {
        return set_in_new(call, offset, patch);
    };
    if !patch.is_empty() {
        if !string.admits_string(end) {
            return Err(TOO_LONG);
        }
        string.afford(string.work_of_change(offset..end))?;
        string.update(|string| string.overwrite(offset, patch));
    }
    Ok(string.len().into())
}

/// SETRANGE of a missing key, which is an empty string.
fn set_in_new(call: &mut Call<'_>, offset: usize, patch: &[u8]) -> Answer {
    if patch.is_empty() {
        return Ok(0.into());
    }
    if !call.admits_string(offset.saturating_add(patch.len())) {
        return Err(TOO_LONG);
    }
    call.create(0, StringValue::padded(offset, patch), Event::SETRANGE);
    Ok((offset + patch.len()).into())
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::{Command, Response};

    use crate::store::testing::{TestStore, command};

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
    fn a_large_string_that_a_reply_or_a_copy_shares_is_changed_where_no_connection_waits() {
        const CHANGES: [&str; 3] = ["APPEND k x", "SETRANGE k 0 x", "SETRANGE k 2000000 x"];
        let postponed = |store: &TestStore| CHANGES.map(|line| store.postpones(&command(line)));
        let store = TestStore::new();
        store.answer_to(Command::new("SET").arg("k").arg("x".repeat(2_000_000)));
        // The first one gives the buffer room to grow.
        store.check([("APPEND k x", ":2000001")]);
        assert_eq!(postponed(&store), [false; 3]);
        let reply = store.answer("GET k");
        assert_eq!(postponed(&store), [true; 3]);
        drop(reply);
        assert_eq!(postponed(&store), [false; 3]);
        store.check([("COPY k l", ":1")]);
        assert_eq!(postponed(&store), [true; 3]);
        // Those that were postponed have changed nothing.
        store.check([("STRLEN k", ":2000003"), ("STRLEN l", ":2000003")]);
    }

    #[test]
    fn a_large_gap_is_filled_where_no_connection_waits() {
        let store = TestStore::new();
        let postpones = |line| store.postpones(&command(line));
        store.check([("SET short v", "+OK"), ("SETRANGE k 2000000 x", ":2000001"), ("APPEND k x", ":2000002")]);
        assert!(postpones("SETRANGE k 3500000 x") && postpones("SETRANGE k 8000000 x"));
        store.check([("STRLEN k", ":2000002")]);
        // The zeros of this one come from the allocator.
        assert!(!postpones("SETRANGE short 2000000 x"));
        store.check([("STRLEN short", ":2000001")]);
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
