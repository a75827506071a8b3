//! Storing strings: SET, GETSET, SETNX, SETEX, PSETEX, MSET, MSETEX, MSETNX.

use kvstore_protocol::{CommandError, Response};

use super::{
    super::expiry::{TimeBase, TimeFormat, Unit},
    comparison::Comparison,
    expiry_option::{ExpiryOption, expiry},
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    shard::Expiry,
    spec::{Answer, Spec},
    value::{StringRef, StringValue},
};

pub(in super::super) const SPECS: &[Spec] =
    &[SET, GETSET, SETNX, SETEX, PSETEX, MSET, Spec::new("MSETEX", msetex).keeping_values(), MSETNX];

/// `SET key value [NX | XX | IFEQ value | IFNE value | IFDEQ digest | IFDNE digest] [GET] [EX seconds | PX milliseconds |
/// EXAT seconds | PXAT milliseconds | KEEPTTL]`: stores the string.
const SET: Spec = Spec::new("SET", set).keeping_values();

fn set(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    if args.len() == 2 {
        call.set(0, args.value(1), Event::SET);
        return Ok(Response::ok());
    }
    let options = SetOptions::parse(&args)?;
    let expiry = expiry(options.expiry, call)?;
    let before = if options.get { Some(replaced(call)?) } else { None };
    let is_met = options.condition.map_or(Ok(true), |condition| condition.is_met(call))?;
    if is_met {
        call.put(0, args.value(1), expiry, Event::SET);
    }
    Ok(match before {
        Some(before) => before,
        None if is_met => Response::ok(),
        None => Response::Null,
    })
}

/// The string that is about to be replaced or removed, as an answer.
pub(super) fn replaced(call: &Call<'_>) -> Answer {
    let string = call.get::<StringValue>(0)?;
    call.check_answer(string.map_or(0, |string| string.len()))?;
    Ok(StringRef::answer(string))
}

#[derive(Debug, Default)]
struct SetOptions<'a> {
    condition: Option<SetCondition<'a>>,
    get: bool,
    expiry: Option<ExpiryOption<'a>>,
}

/// When SET stores the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetCondition<'a> {
    /// If the key is missing.
    Nx,
    /// If the key exists.
    Xx,
    /// If the string before compares so.
    If(Comparison<'a>),
}

impl<'a> SetOptions<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        let (mut set, mut options) = (Self::default(), args.options(2));
        loop {
            if options.keyword("NX") {
                set.set_condition(SetCondition::Nx)?;
            } else if options.keyword("XX") {
                set.set_condition(SetCondition::Xx)?;
            } else if options.keyword("GET") {
                set.get = true;
            } else if options.keyword("KEEPTTL") {
                ExpiryOption::KeepTtl.set(&mut set.expiry)?;
            } else if let Some(time) = ExpiryOption::take_time(&mut options)? {
                time.set(&mut set.expiry)?;
            } else if let Some(comparison) = Comparison::take(&mut options)? {
                set.set_condition(SetCondition::If(comparison))?;
            } else {
                break;
            }
        }
        options.finish()?;
        Ok(set)
    }

    fn set_condition(&mut self, condition: SetCondition<'a>) -> Result<(), CommandError> {
        let is_repeated = |before| before == condition && !matches!(condition, SetCondition::If(_));
        if !self.condition.is_none_or(is_repeated) {
            return Err(CommandError::SYNTAX);
        }
        self.condition = Some(condition);
        Ok(())
    }
}

impl SetCondition<'_> {
    fn is_met(self, call: &mut Call<'_>) -> Result<bool, CommandError> {
        match self {
            Self::Nx => Ok(!call.exists(0)),
            Self::Xx => Ok(call.exists(0)),
            Self::If(comparison) => Ok(comparison.check(call)?.unwrap_or(comparison.admits_missing())),
        }
    }
}

/// `GETSET key value`: stores the string and answers the one before.
const GETSET: Spec = Spec::new("GETSET", getset).keeping_values();

fn getset(call: &mut Call<'_>) -> Answer {
    let before = replaced(call)?;
    call.set(0, call.args().value(1), Event::SET);
    Ok(before)
}

/// `SETNX key value`: stores the string if the key is missing.
const SETNX: Spec = Spec::new("SETNX", setnx).keeping_values();

fn setnx(call: &mut Call<'_>) -> Answer {
    let is_free = !call.exists(0);
    if is_free {
        call.set(0, call.args().value(1), Event::SET);
    }
    Ok(is_free.into())
}

/// `SETEX key seconds value`: stores the string with an expiry.
const SETEX: Spec = Spec::new("SETEX", setex).keeping_values();

fn setex(call: &mut Call<'_>) -> Answer {
    set_with_ttl(Unit::Seconds, call)
}

/// `PSETEX key milliseconds value`: stores the string with an expiry.
const PSETEX: Spec = Spec::new("PSETEX", psetex).keeping_values();

fn psetex(call: &mut Call<'_>) -> Answer {
    set_with_ttl(Unit::Milliseconds, call)
}

fn set_with_ttl(unit: Unit, call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let at = TimeFormat(unit, TimeBase::Relative).positive(call, args.integer(1)?)?;
    call.put(0, args.value(2), Expiry::At(at), Event::SET);
    Ok(Response::ok())
}

/// `MSET key value [key value …]`: stores the strings, all of them.
const MSET: Spec = Spec::new("MSET", mset).keeping_values();

fn mset(call: &mut Call<'_>) -> Answer {
    check_pairs(call)?;
    set_pairs(call);
    Ok(Response::ok())
}

/// `MSETEX numkeys key value [key value …] [NX | XX] [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds |
/// KEEPTTL]`: stores the strings with an expiry, all of them or none.
fn msetex(call: &mut Call<'_>) -> Answer {
    let MsetexOptions { must_exist, expiry: option } = MsetexOptions::parse(&call.args())?;
    let expiry = expiry(option, call)?;
    let is_met = must_exist.is_none_or(|must_exist| (0..call.keys()).all(|key| call.exists(key) == must_exist));
    if is_met {
        for key in 0..call.keys() {
            call.put(key, call.args().value(2 * key + 2), expiry, Event::SET);
        }
    }
    Ok(is_met.into())
}

#[derive(Debug, Default)]
struct MsetexOptions<'a> {
    /// Whether all of the keys must exist, or none of them.
    must_exist: Option<bool>,
    expiry: Option<ExpiryOption<'a>>,
}

impl<'a> MsetexOptions<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        const NUMKEYS: CommandError = CommandError::new("ERR", "invalid numkeys value or out of range");
        let pairs = args.integer(0).ok().and_then(|pairs| i32::try_from(pairs).ok());
        let pairs = pairs.filter(|pairs| *pairs > 0).ok_or(NUMKEYS)? as usize;
        if pairs > (args.len() - 1) / 2 {
            return Err(CommandError::SYNTAX);
        }
        let (mut msetex, mut options) = (Self::default(), args.options(1 + 2 * pairs));
        loop {
            if options.keyword("NX") {
                msetex.set_must_exist(false)?;
            } else if options.keyword("XX") {
                msetex.set_must_exist(true)?;
            } else if options.keyword("KEEPTTL") {
                ExpiryOption::KeepTtl.set(&mut msetex.expiry)?;
            } else if let Some(time) = ExpiryOption::take_time(&mut options)? {
                time.set(&mut msetex.expiry)?;
            } else {
                break;
            }
        }
        options.finish()?;
        Ok(msetex)
    }

    fn set_must_exist(&mut self, must_exist: bool) -> Result<(), CommandError> {
        if self.must_exist.replace(must_exist).is_none_or(|before| before == must_exist) {
            Ok(())
        } else {
            Err(CommandError::SYNTAX)
        }
    }
}

/// `MSETNX key value [key value …]`: stores the strings if none of the keys exists, otherwise nothing.
const MSETNX: Spec = Spec::new("MSETNX", msetnx).keeping_values();

fn msetnx(call: &mut Call<'_>) -> Answer {
    check_pairs(call)?;
    let is_free = (0..call.keys()).all(|key| !call.exists(key));
    if is_free {
        set_pairs(call);
    }
    Ok(is_free.into())
}

fn check_pairs(call: &Call<'_>) -> Result<(), CommandError> {
    if call.args().len().is_multiple_of(2) { Ok(()) } else { Err(CommandError::wrong_arity(call.name())) }
}

fn set_pairs(call: &mut Call<'_>) {
    for key in 0..call.keys() {
        call.set(key, call.args().value(2 * key + 1), Event::SET);
    }
}

#[cfg(test)]
mod tests {
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
    fn set_obeys_nx_and_xx() {
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
    fn set_removes_the_expiry_unless_it_sets_or_keeps_one() {
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
        store.pass(501);
        store.check([("GET k", "(nil)"), ("EXISTS k", ":0"), ("SET k 7 XX", "(nil)")]);
    }

    #[test]
    fn set_with_a_past_expiry_removes_the_key() {
        TestStore::new().check([
            ("SET k 1", "+OK"),
            ("SET k 2 EXAT 1", "+OK"),
            ("GET k", "(nil)"),
            ("DBSIZE", ":0"),
            ("SET k 1 XX EXAT 1 GET", "(nil)"),
            ("SET k 1 NX EXAT 1", "+OK"),
            ("EXISTS k", ":0"),
            ("SET k 1", "+OK"),
            ("SET k 2 NX EXAT 1", "(nil)"),
            ("SET k 2 XX EXAT 1 GET", "\"1\""),
            ("EXISTS k", ":0"),
        ]);
    }

    #[test]
    fn setex_and_psetex_set_an_expiry() {
        let store = TestStore::new();
        store.check([("SETEX s 2 v", "+OK"), ("PSETEX p 1500 v", "+OK"), ("TTL s", ":2"), ("PTTL p", ":1500")]);
        store.pass(2000);
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
    fn many_keys_are_set_and_read_at_once() {
        TestStore::new().check([
            ("MSET a 1 b 2 a 3", "+OK"),
            ("MGET a missing b a", "[\"3\", (nil), \"2\", \"3\"]"),
            ("MSET a", "-ERR wrong number of arguments for 'mset' command"),
            ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
        ]);
    }

    #[test]
    fn set_compares_the_string_before() {
        const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        TestStore::new().check([
            ("SET k 1 IFEQ 1", "(nil)"),
            ("SET k 1 IFDEQ 0000000000000000", "(nil)"),
            ("EXISTS k", ":0"),
            ("SET k 1 IFNE 1", "+OK"),
            ("SET k 2 IFNE 1", "(nil)"),
            ("SET k 2 IFEQ 1 EX 10", "+OK"),
            ("TTL k", ":10"),
            ("SET k 3 IFEQ 1 GET", "\"2\""),
            ("SET k hello GET ifeq 2", "\"2\""),
            ("SET k 4 IFDNE 9555e8555c62dcfd", "(nil)"),
            ("SET k 4 IFDEQ 9555E8555C62DCFD", "+OK"),
            ("GET k", "\"4\""),
            ("SET new 1 IFDNE 0000000000000000", "+OK"),
            ("SET k 5 IFDEQ 0", "-ERR must be exactly 16 hexadecimal characters"),
            ("SET k 5 IFEQ", "-ERR syntax error"),
            ("SET k 5 IFEQ 4 NX", "-ERR syntax error"),
            ("SET k 5 XX IFEQ 4", "-ERR syntax error"),
            ("SET k 5 IFEQ 4 IFEQ 4", "-ERR syntax error"),
            ("GET k", "\"4\""),
            ("SADD s 1", ":1"),
            ("SET s 1 IFEQ 1", WRONG_TYPE),
            ("SET s 1 IFNE 1 GET", WRONG_TYPE),
        ]);
    }

    #[test]
    fn msetex_sets_all_or_nothing_with_an_expiry() {
        let store = TestStore::new();
        store.check([
            ("MSETEX 2 a 1 b 2 EX 10", ":1"),
            ("TTL a", ":10"),
            ("MSETEX 2 a 3 c 4 NX", ":0"),
            ("MSETEX 2 a 3 c 4 XX", ":0"),
            ("MSETEX 2 a 3 b 4 xx KEEPTTL", ":1"),
            ("TTL b", ":10"),
            ("MGET a b c", "[\"3\", \"4\", (nil)]"),
            ("MSETEX 2 c 5 c 6 NX PX 500", ":1"),
            ("GET c", "\"6\""),
            ("MSETEX 1 a 7", ":1"),
            ("TTL a", ":-1"),
            ("MSETEX 1 a 7 EXAT 1", ":1"),
            ("EXISTS a", ":0"),
        ]);
        store.pass(501);
        store.check([("EXISTS c", ":0"), ("MSETEX 1 c 1 XX", ":0")]);
    }

    #[test]
    fn msetex_refuses_invalid_arguments() {
        const NUMKEYS: &str = "-ERR invalid numkeys value or out of range";
        let store = TestStore::new();
        store.check([
            ("MSETEX 0 a 1", NUMKEYS),
            ("MSETEX -1 a 1", NUMKEYS),
            ("MSETEX x a 1", NUMKEYS),
            ("MSETEX 2147483648 a 1", NUMKEYS),
            ("MSETEX 1 a 1 EX x", "-ERR value is not an integer or out of range"),
            ("MSETEX 1 a 1 EX 0", "-ERR invalid expire time in 'msetex' command"),
        ]);
        for line in ["2 a 1", "2 a 1 b", "2147483647 a 1", "1 a 1 FOO", "1 a 1 EX", "1 a 1 NX XX", "1 a 1 EX 1 KEEPTTL"]
        {
            store.check([(&*format!("MSETEX {line}"), "-ERR syntax error")]);
        }
        store.check([("DBSIZE", ":0")]);
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
}
