//! Strings: SET, GET and their like.

use kvstore_protocol::{CommandError, Response};

use super::expiry::{TimeBase, TimeFormat, Unit};
use crate::store::{
    args::Args,
    context::Context,
    shard::Expiry,
    slots::{Slot, Slots},
    spec::{Answer, Arity, DENY_OOM, FAST, Keys, READ, Spec, WRITE},
    value::StringRef,
};

/// How long a string may be, and a word of a command: 512 MiB.
pub(super) const MAX_LENGTH: usize = 512 * 1024 * 1024;

const TOO_LONG: CommandError = CommandError::new("ERR", "string exceeds maximum allowed size (proto-max-bulk-len)");

pub(super) const SPECS: &[Spec] = &[
    GET, SET, GETSET, GETDEL, GETEX, MGET, MSET, MSETNX, SETNX, SETEX, PSETEX, STRLEN, APPEND, GETRANGE, SUBSTR,
    SETRANGE,
];

/// `GET key`: the string; nil when the key is missing.
const GET: Spec = Spec::new("GET", Arity::exactly(2), Keys::FIRST, READ.and(FAST), get)
    .about("Returns the string of a key.", "1.0.0");

fn get(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    Ok(StringRef::answer(slots.first().string()?))
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | KEEPTTL]`: stores the
/// string.
const SET: Spec = Spec::new("SET", Arity::at_least(3), Keys::FIRST, WRITE.and(DENY_OOM), set)
    .about("Stores a string under a key, whatever was there, and sets when it ends.", "1.0.0");

fn set(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    if args.len() == 2 {
        slots.first().set(args.value(1));
        return Ok(Response::ok());
    }
    let options = SetOptions::parse(args)?;
    let expiry = expiry_of(options.expiry, context, args, "set")?;
    let mut slot = slots.first();
    let before = if options.answers_old { Some(StringRef::answer(slot.string()?)) } else { None };
    let is_allowed = options.condition.is_none_or(|condition| condition.holds(&mut slot));
    if is_allowed {
        slot.put(args.value(1), expiry, false);
    }
    Ok(match before {
        Some(before) => before,
        None if is_allowed => Response::ok(),
        None => Response::Null,
    })
}

/// When SET does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetCondition {
    Nx,
    Xx,
}

impl SetCondition {
    fn holds(self, slot: &mut Slot<'_>) -> bool {
        slot.is_filled() == (self == Self::Xx)
    }
}

/// What becomes of the end of a key, as an option asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExpiryOption {
    KeepTtl,
    Persist,
    /// The time is the argument at the index.
    At(TimeFormat, usize),
}

impl ExpiryOption {
    /// The word at `index` with the one after it, where they are a time: the last of several, if they are of one kind.
    fn time(option: Option<Self>, args: &Args<'_>, index: usize) -> Option<Self> {
        let time = TimeFormat::OPTIONS.into_iter().find(|(word, _)| args.is(index, word))?.1;
        let is_same = |option: Self| matches!(option, Self::At(before, _) if before == time);
        (option.is_none_or(is_same) && index + 1 < args.len()).then_some(Self::At(time, index + 1))
    }
}

/// What becomes of the end of a key.
fn expiry_of(
    option: Option<ExpiryOption>,
    context: &Context<'_>,
    args: &Args<'_>,
    name: &str,
) -> Result<Expiry, CommandError> {
    Ok(match option {
        Some(ExpiryOption::At(time, index)) => Expiry::At(time.future(context, args.integer(index)?, name)?),
        Some(ExpiryOption::KeepTtl) => Expiry::Keep,
        Some(ExpiryOption::Persist) | None => Expiry::Never,
    })
}

#[derive(Debug, Default)]
struct SetOptions {
    condition: Option<SetCondition>,
    answers_old: bool,
    expiry: Option<ExpiryOption>,
}

impl SetOptions {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut index = 2;
        while index < args.len() {
            let Self { condition, expiry, .. } = options;
            if args.is(index, "NX") && condition != Some(SetCondition::Xx) {
                options.condition = Some(SetCondition::Nx);
            } else if args.is(index, "XX") && condition != Some(SetCondition::Nx) {
                options.condition = Some(SetCondition::Xx);
            } else if args.is(index, "GET") {
                options.answers_old = true;
            } else if args.is(index, "KEEPTTL") && expiry.is_none_or(|expiry| expiry == ExpiryOption::KeepTtl) {
                options.expiry = Some(ExpiryOption::KeepTtl);
            } else {
                options.expiry = Some(ExpiryOption::time(expiry, args, index).ok_or(CommandError::SYNTAX)?);
                index += 1;
            }
            index += 1;
        }
        Ok(options)
    }
}

/// `GETSET key value`: stores the string and answers the one before.
const GETSET: Spec = Spec::new("GETSET", Arity::exactly(3), Keys::FIRST, WRITE.and(DENY_OOM).and(FAST), getset)
    .about("Stores a string under a key and returns the one before.", "1.0.0");

fn getset(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let mut slot = slots.first();
    let before = StringRef::answer(slot.string()?);
    slot.set(args.value(1));
    Ok(before)
}

/// `GETDEL key`: removes the string and answers it.
const GETDEL: Spec = Spec::new("GETDEL", Arity::exactly(2), Keys::FIRST, WRITE.and(FAST), getdel)
    .about("Removes a key and returns its string.", "6.2.0");

fn getdel(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let mut slot = slots.first();
    let before = StringRef::answer(slot.string()?);
    slot.remove();
    Ok(before)
}

/// `GETEX key [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | PERSIST]`: the string, whose end is set
/// or removed.
const GETEX: Spec = Spec::new("GETEX", Arity::at_least(2), Keys::FIRST, WRITE.and(FAST), getex)
    .about("Returns the string of a key after setting or removing its end.", "6.2.0");

fn getex(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let option = getex_option(args)?;
    let mut slot = slots.first();
    let Some(found) = slot.string()?.map(|text| StringRef::answer(Some(text))) else { return Ok(Response::Null) };
    // The time is read after the key is found: Redis answers nil for a missing key, whatever the time says.
    let expiry = expiry_of(option, context, args, "getex")?;
    if option.is_some() {
        slot.expire_at(expiry);
    }
    Ok(found)
}

fn getex_option(args: &Args<'_>) -> Result<Option<ExpiryOption>, CommandError> {
    let (mut end, mut index) = (None, 1);
    while index < args.len() {
        if args.is(index, "PERSIST") && end.is_none_or(|end| end == ExpiryOption::Persist) {
            end = Some(ExpiryOption::Persist);
        } else {
            end = Some(ExpiryOption::time(end, args, index).ok_or(CommandError::SYNTAX)?);
            index += 1;
        }
        index += 1;
    }
    Ok(end)
}

/// `MGET key [key …]`: the strings; nil for a missing key and for another type.
const MGET: Spec = Spec::new("MGET", Arity::at_least(2), Keys::ALL, READ.and(FAST), mget)
    .about("Returns the strings of several keys at once.", "1.0.0");

fn mget(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let indices = 0..slots.len();
    Ok(Response::array(indices.map(|index| StringRef::answer(slots.at(index).string().ok().flatten()))))
}

/// `MSET key value [key value …]`: stores the strings, all of them.
const MSET: Spec = Spec::new("MSET", Arity::at_least(3), Keys::PAIRS, WRITE.and(DENY_OOM), mset)
    .about("Stores several strings at once.", "1.0.1");

fn mset(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    check_pairs(args, "mset")?;
    set_pairs(args, slots);
    Ok(Response::ok())
}

/// `MSETNX key value [key value …]`: stores the strings when none of the keys exists, else nothing.
const MSETNX: Spec = Spec::new("MSETNX", Arity::at_least(3), Keys::PAIRS, WRITE.and(DENY_OOM), msetnx)
    .about("Stores several strings at once, but only when none of the keys exists.", "1.0.1");

fn msetnx(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    check_pairs(args, "msetnx")?;
    let is_free = (0..slots.len()).all(|index| !slots.at(index).is_filled());
    if is_free {
        set_pairs(args, slots);
    }
    Ok(is_free.into())
}

fn check_pairs(args: &Args<'_>, name: &str) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) { Ok(()) } else { Err(CommandError::wrong_arity(name)) }
}

fn set_pairs(args: &Args<'_>, slots: &mut Slots<'_>) {
    for index in 0..slots.len() {
        slots.at(index).set(args.value(2 * index + 1));
    }
}

/// `SETNX key value`: stores the string when the key is missing.
const SETNX: Spec = Spec::new("SETNX", Arity::exactly(3), Keys::FIRST, WRITE.and(DENY_OOM).and(FAST), setnx)
    .about("Stores a string only when the key is missing.", "1.0.0");

fn setnx(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let mut slot = slots.first();
    let is_free = !slot.is_filled();
    if is_free {
        slot.set(args.value(1));
    }
    Ok(is_free.into())
}

/// `SETEX key seconds value`: stores the string for so long.
const SETEX: Spec = Spec::new("SETEX", Arity::exactly(4), Keys::FIRST, WRITE.and(DENY_OOM), setex)
    .about("Stores a string that ends after so many seconds.", "2.0.0");

fn setex(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    set_for(Unit::Seconds, context, args, slots, "setex")
}

/// `PSETEX key milliseconds value`: stores the string for so long.
const PSETEX: Spec = Spec::new("PSETEX", Arity::exactly(4), Keys::FIRST, WRITE.and(DENY_OOM), psetex)
    .about("Stores a string that ends after so many milliseconds.", "2.6.0");

fn psetex(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    set_for(Unit::Milliseconds, context, args, slots, "psetex")
}

fn set_for(unit: Unit, context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>, name: &str) -> Answer {
    let at = TimeFormat(unit, TimeBase::Relative).future(context, args.integer(1)?, name)?;
    slots.first().put(args.value(2), Expiry::At(at), false);
    Ok(Response::ok())
}

/// `STRLEN key`: how many bytes the string holds; 0 when the key is missing.
const STRLEN: Spec = Spec::new("STRLEN", Arity::exactly(2), Keys::FIRST, READ.and(FAST), strlen)
    .about("Returns the length of a string.", "2.2.0");

fn strlen(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let length = slots.first().string()?.map_or(0, |value| value.len());
    Ok(length.into())
}

/// `APPEND key value`: adds the bytes at the end of the string, and answers its length.
const APPEND: Spec = Spec::new("APPEND", Arity::exactly(3), Keys::FIRST, WRITE.and(DENY_OOM).and(FAST), append)
    .about("Adds bytes at the end of a string; a missing key is an empty one.", "2.0.0");

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
const GETRANGE: Spec =
    Spec::new("GETRANGE", Arity::exactly(4), Keys::FIRST, READ, getrange).about("Returns a part of a string.", "2.4.0");

/// `SUBSTR key start end`: what GETRANGE was called once.
const SUBSTR: Spec =
    Spec::new("SUBSTR", Arity::exactly(4), Keys::FIRST, READ, getrange).about("Returns a part of a string.", "1.0.0");

fn getrange(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let (start, end) = (args.integer(1)?, args.integer(2)?);
    let mut slot = slots.first();
    let Some(string) = slot.string()? else { return Ok(Response::from("")) };
    let range = range_of(string.len(), start, end);
    Ok(string.slice(range).into())
}

/// The indices from `start` to `end`, where negative ones count from the end.
fn range_of(length: usize, start: i64, end: i64) -> std::ops::Range<usize> {
    let index = |at: i64| if at < 0 { (length as i64).saturating_add(at).max(0) as usize } else { at as usize };
    // Both before the string: nothing, where cutting both to the first byte would be that byte.
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let end = index(end).saturating_add(1).min(length);
    index(start).min(end)..end
}

/// `SETRANGE key offset value`: writes the bytes over the string from an index on, and answers its length.
const SETRANGE: Spec = Spec::new("SETRANGE", Arity::exactly(4), Keys::FIRST, WRITE.and(DENY_OOM), setrange)
    .about("Overwrites a part of a string from an offset on; a missing key is an empty one.", "2.2.0");

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
    use kvstore_protocol::Command;

    use super::*;
    use crate::store::testing::{START, TestStore};

    #[test]
    fn set_stores_and_get_answers() {
        TestStore::new().check([
            ("GET k", "(nil)"),
            ("SET k v", "+OK"),
            ("GET k", "\"v\""),
            ("STRLEN k", ":1"),
            ("STRLEN missing", ":0"),
            ("SET k ''", "+OK"),
            ("GET k", "\"\""),
        ]);
    }

    #[test]
    fn set_obeys_its_conditions() {
        TestStore::new().check([
            ("SET k 1 XX", "(nil)"),
            ("SET k 1 NX", "+OK"),
            ("SET k 2 NX", "(nil)"),
            ("SET k 2 xx", "+OK"),
            ("SETNX k 3", ":0"),
            ("SETNX other 3", ":1"),
            ("MGET k other", "[\"2\", \"3\"]"),
        ]);
    }

    #[test]
    fn set_with_get_answers_the_old_string_whether_it_stores_or_not() {
        TestStore::new().check([
            ("SET k 1 NX GET", "(nil)"),
            ("SET k 2 NX GET", "\"1\""),
            ("SET k 3 GET", "\"1\""),
            ("SET missing 1 XX GET", "(nil)"),
            ("GET k", "\"3\""),
            ("EXISTS missing", ":0"),
        ]);
    }

    #[test]
    fn set_takes_the_end_away_unless_it_sets_or_keeps_one() {
        let store = TestStore::new();
        store.check([
            ("SET k 1 EX 10", "+OK"),
            ("PTTL k", ":10000"),
            ("SET k 2 KEEPTTL", "+OK"),
            ("PTTL k", ":10000"),
            ("SET k 3 PX 20", "+OK"),
            ("PTTL k", ":20"),
            ("SET k 4", "+OK"),
            ("PTTL k", ":-1"),
            ("SET k 5 EXAT 1700000001", "+OK"),
            ("PTTL k", ":1000"),
            ("SET k 6 PXAT 1700000000500", "+OK"),
            ("PTTL k", ":500"),
            ("SET new 7 KEEPTTL", "+OK"),
            ("PTTL new", ":-1"),
        ]);
        assert_eq!(START, 1_700_000_000_000);
        store.pass(500);
        store.check([("GET k", "(nil)"), ("EXISTS k", ":0"), ("SET k 7 XX", "(nil)")]);
    }

    #[test]
    fn set_with_an_end_in_the_past_leaves_nothing() {
        TestStore::new().check([("SET k 1", "+OK"), ("SET k 2 EXAT 1", "+OK"), ("GET k", "(nil)"), ("DBSIZE", ":0")]);
    }

    #[test]
    fn options_that_contradict_each_other_are_a_syntax_error() {
        for options in ["NX XX", "EX 1 PX 1", "EX 1 KEEPTTL", "KEEPTTL PXAT 1", "EX", "FOO", "PERSIST", "EX 1 EXAT 1"] {
            TestStore::new().check([(&*format!("SET k v {options}"), "-ERR syntax error"), ("EXISTS k", ":0")]);
        }
        for options in ["NX", "PERSIST EX 1", "EX 1 PERSIST", "EX", "KEEPTTL", "EX 1 PX 1"] {
            TestStore::new().check([(&*format!("GETEX k {options}"), "-ERR syntax error")]);
        }
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        for time in ["EX 0", "EX -1", "PX 0", "EXAT 0", "PXAT -1", "EX 9223372036854775807", "PX 9223372036854775807"] {
            TestStore::new().check([
                (&*format!("SET k v {time}"), "-ERR invalid expire time in 'set' command"),
                ("SET k v", "+OK"),
                (&*format!("GETEX k {time}"), "-ERR invalid expire time in 'getex' command"),
                (&*format!("GETEX missing {time}"), "(nil)"),
            ]);
        }
        TestStore::new().check([
            ("SET k v EX x", "-ERR value is not an integer or out of range"),
            ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
            ("PSETEX k -1 v", "-ERR invalid expire time in 'psetex' command"),
            ("SETEX k x v", "-ERR value is not an integer or out of range"),
        ]);
    }

    #[test]
    fn setex_and_psetex_store_for_a_time() {
        let store = TestStore::new();
        store.check([("SETEX s 2 v", "+OK"), ("PSETEX p 1500 v", "+OK"), ("TTL s", ":2"), ("PTTL p", ":1500")]);
        store.pass(1999);
        store.check([("GET s", "\"v\""), ("GET p", "(nil)")]);
    }

    #[test]
    fn getset_and_getdel_answer_what_was_there() {
        TestStore::new().check([
            ("GETSET k 1", "(nil)"),
            ("EXPIRE k 10", ":1"),
            ("GETSET k 2", "\"1\""),
            ("TTL k", ":-1"),
            ("GETDEL k", "\"2\""),
            ("GETDEL k", "(nil)"),
        ]);
    }

    #[test]
    fn getex_changes_the_end_when_option() {
        TestStore::new().check([
            ("SET k v EX 10", "+OK"),
            ("GETEX k", "\"v\""),
            ("TTL k", ":10"),
            ("GETEX k EX 20", "\"v\""),
            ("TTL k", ":20"),
            ("GETEX k PERSIST", "\"v\""),
            ("TTL k", ":-1"),
            ("GETEX k PXAT 1", "\"v\""),
            ("EXISTS k", ":0"),
        ]);
    }

    #[test]
    fn many_keys_are_set_and_read_at_once() {
        TestStore::new().check([
            ("MSET a 1 b 2 a 3", "+OK"),
            ("MGET a missing b a", "[\"3\", (nil), \"2\", \"3\"]"),
            ("MSET a", "-ERR wrong number of arguments for 'mset' command"),
            ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
        ]);
    }

    #[test]
    fn msetnx_sets_all_or_nothing() {
        TestStore::new().check([
            ("MSETNX a 1 b 2", ":1"),
            ("MSETNX c 3 a 4", ":0"),
            ("MGET a b c", "[\"1\", \"2\", (nil)]"),
            ("MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"),
            ("MSETNX d 1 d 2", ":1"),
            ("GET d", "\"2\""),
        ]);
    }

    #[test]
    fn append_adds_and_keeps_the_end() {
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
    fn setrange_writes_over_and_fills_with_zeros() {
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
    fn no_string_grows_over_its_limit() {
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
        store.answer_to(Command::set("k", "x".repeat(1000)));
        let read = store.answer("GET k");
        store.check([("APPEND k y", ":1001"), ("SETRANGE k 0 z", ":1001")]);
        assert_eq!(read, Response::from("x".repeat(1000)));
    }
}
