//! When keys end: EXPIRE, TTL and their like.

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    args::Args,
    context::Context,
    shard::Expiry,
    slots::Slots,
    spec::{Answer, Arity, FAST, Keys, READ, Spec, WRITE},
};

pub(super) const SPECS: &[Spec] = &[EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL, EXPIRETIME, PEXPIRETIME, PERSIST];

/// What a time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

/// What a time is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeBase {
    Relative,
    Absolute,
}

/// How an argument tells a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeFormat(pub(super) Unit, pub(super) TimeBase);

impl TimeFormat {
    /// The options by which SET and GETEX take a time.
    pub(super) const OPTIONS: [(&'static str, Self); 4] = [
        ("EX", Self(Unit::Seconds, TimeBase::Relative)),
        ("PX", Self(Unit::Milliseconds, TimeBase::Relative)),
        ("EXAT", Self(Unit::Seconds, TimeBase::Absolute)),
        ("PXAT", Self(Unit::Milliseconds, TimeBase::Absolute)),
    ];

    /// The time in milliseconds since 1970, which may be over; `name` is that of the command.
    fn resolve(self, context: &Context<'_>, number: i64, name: &str) -> Result<i64, CommandError> {
        let milliseconds = match self.0 {
            Unit::Seconds => number.checked_mul(1000),
            Unit::Milliseconds => Some(number),
        };
        let resolved = match self.1 {
            TimeBase::Relative => milliseconds.and_then(|milliseconds| milliseconds.checked_add(context.now() as i64)),
            TimeBase::Absolute => milliseconds,
        };
        resolved.ok_or_else(|| invalid(name))
    }

    /// The same, where only a positive number makes sense.
    pub(super) fn future(self, context: &Context<'_>, number: i64, name: &str) -> Result<u64, CommandError> {
        if number <= 0 {
            return Err(invalid(name));
        }
        self.resolve(context, number, name).map(|at| at as u64)
    }
}

fn invalid(name: &str) -> CommandError {
    CommandError::err(format!("invalid expire time in '{name}' command"))
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`: the key ends after so many seconds. Answers whether that was set.
const EXPIRE: Spec = Spec::new("EXPIRE", Arity::at_least(3), Keys::FIRST, WRITE.and(FAST), expire)
    .about("Lets a key end after so many seconds.", "1.0.0");

fn expire(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expire_with(TimeFormat(Unit::Seconds, TimeBase::Relative), context, args, slots, "expire")
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`: the key ends after so many milliseconds.
const PEXPIRE: Spec = Spec::new("PEXPIRE", Arity::at_least(3), Keys::FIRST, WRITE.and(FAST), pexpire)
    .about("Lets a key end after so many milliseconds.", "2.6.0");

fn pexpire(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expire_with(TimeFormat(Unit::Milliseconds, TimeBase::Relative), context, args, slots, "pexpire")
}

/// `EXPIREAT key seconds [NX | XX | GT | LT]`: the key ends so many seconds after 1970 began.
const EXPIREAT: Spec = Spec::new("EXPIREAT", Arity::at_least(3), Keys::FIRST, WRITE.and(FAST), expireat)
    .about("Lets a key end at a Unix time in seconds.", "1.2.0");

fn expireat(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expire_with(TimeFormat(Unit::Seconds, TimeBase::Absolute), context, args, slots, "expireat")
}

/// `PEXPIREAT key milliseconds [NX | XX | GT | LT]`: the key ends so many milliseconds after 1970 began.
const PEXPIREAT: Spec = Spec::new("PEXPIREAT", Arity::at_least(3), Keys::FIRST, WRITE.and(FAST), pexpireat)
    .about("Lets a key end at a Unix time in milliseconds.", "2.6.0");

fn pexpireat(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expire_with(TimeFormat(Unit::Milliseconds, TimeBase::Absolute), context, args, slots, "pexpireat")
}

fn expire_with(time: TimeFormat, context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>, name: &str) -> Answer {
    let condition = ExpireCondition::parse(args)?;
    let at = time.resolve(context, args.integer(1)?, name)?;
    let mut slot = slots.first();
    let is_set = slot.entry().is_some_and(|entry| condition.holds(at, entry.expires_at()));
    if is_set {
        match u64::try_from(at) {
            Ok(at) => slot.expire_at(Expiry::At(at)),
            // Before 1970.
            Err(_) => _ = slot.remove(),
        }
    }
    Ok(is_set.into())
}

/// On which condition an end is set.
#[derive(Clone, Copy, Debug, Default)]
struct ExpireCondition {
    /// There is none.
    nx: bool,
    /// There is one.
    xx: bool,
    /// It is later; never is the latest.
    gt: bool,
    /// It is earlier.
    lt: bool,
}

impl ExpireCondition {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let mut condition = Self::default();
        for (index, word) in args.from(2).enumerate() {
            let met = match index + 2 {
                at if args.is(at, "NX") => &mut condition.nx,
                at if args.is(at, "XX") => &mut condition.xx,
                at if args.is(at, "GT") => &mut condition.gt,
                at if args.is(at, "LT") => &mut condition.lt,
                _ => return Err(CommandError::err(format!("Unsupported option {}", String::from_utf8_lossy(word)))),
            };
            *met = true;
        }
        let Self { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            return Err(CommandError::err("NX and XX, GT or LT options at the same time are not compatible"));
        }
        if gt && lt {
            return Err(CommandError::err("GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    fn holds(self, at: i64, before: Option<u64>) -> bool {
        let later = || before.is_some_and(|before| at > before as i64);
        let earlier = || before.is_none_or(|before| at < before as i64);
        !(self.nx && before.is_some() || self.xx && before.is_none() || self.gt && !later() || self.lt && !earlier())
    }
}

/// `TTL key`: in how many seconds the key ends; -1 for never, -2 when it is missing.
const TTL: Spec = Spec::new("TTL", Arity::exactly(2), Keys::FIRST, READ.and(FAST), ttl)
    .about("Returns how many seconds are left until a key ends.", "1.0.0");

fn ttl(context: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expiry_or(slots, |at| at.saturating_sub(context.now()).saturating_add(500) / 1000)
}

/// `PTTL key`: the same in milliseconds.
const PTTL: Spec = Spec::new("PTTL", Arity::exactly(2), Keys::FIRST, READ.and(FAST), pttl)
    .about("Returns how many milliseconds are left until a key ends.", "2.6.0");

fn pttl(context: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expiry_or(slots, |at| at.saturating_sub(context.now()))
}

/// `EXPIRETIME key`: how many seconds after 1970 began the key ends; -1 for never, -2 when it is missing.
const EXPIRETIME: Spec = Spec::new("EXPIRETIME", Arity::exactly(2), Keys::FIRST, READ.and(FAST), expiretime)
    .about("Returns the Unix time in seconds at which a key ends.", "7.0.0");

fn expiretime(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expiry_or(slots, |at| at.saturating_add(500) / 1000)
}

/// `PEXPIRETIME key`: the same in milliseconds.
const PEXPIRETIME: Spec = Spec::new("PEXPIRETIME", Arity::exactly(2), Keys::FIRST, READ.and(FAST), pexpiretime)
    .about("Returns the Unix time in milliseconds at which a key ends.", "7.0.0");

fn pexpiretime(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    expiry_or(slots, |at| at)
}

fn expiry_or(slots: &mut Slots<'_>, shown: impl FnOnce(u64) -> u64) -> Answer {
    Ok(Response::Integer(match slots.first().peek().map(|entry| entry.expires_at()) {
        Some(Some(at)) => shown(at) as i64,
        Some(None) => -1,
        None => -2,
    }))
}

/// `PERSIST key`: the key never ends. Answers whether it would have.
const PERSIST: Spec = Spec::new("PERSIST", Arity::exactly(2), Keys::FIRST, WRITE.and(FAST), persist)
    .about("Removes the end of a key.", "2.2.0");

fn persist(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let mut slot = slots.first();
    let ends = slot.entry().is_some_and(|entry| entry.expires_at().is_some());
    if ends {
        slot.expire_at(Expiry::Never);
    }
    Ok(ends.into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn a_key_is_gone_when_its_time_has_come() {
        let store = TestStore::new();
        store.check([("SET k v", "+OK"), ("PEXPIRE k 100", ":1")]);
        store.pass(99);
        store.check([("GET k", "\"v\""), ("PTTL k", ":1")]);
        store.pass(1);
        store.check([("GET k", "(nil)"), ("PTTL k", ":-2"), ("EXPIRE k 10", ":0"), ("KEYS *", "[]")]);
    }

    #[test]
    fn ends_are_told_in_seconds_and_milliseconds_from_now_and_since_1970() {
        TestStore::new().check([
            ("TTL k", ":-2"),
            ("PEXPIRETIME k", ":-2"),
            ("SET k v", "+OK"),
            ("TTL k", ":-1"),
            ("EXPIRETIME k", ":-1"),
            ("PEXPIRE k 1499", ":1"),
            ("TTL k", ":1"),
            ("PTTL k", ":1499"),
            ("EXPIRETIME k", ":1700000001"),
            ("PEXPIRETIME k", ":1700000001499"),
            ("EXPIREAT k 1700000100", ":1"),
            ("TTL k", ":100"),
            ("PEXPIREAT k 1700000000007", ":1"),
            ("PTTL k", ":7"),
            ("EXPIRE k 3", ":1"),
            ("PTTL k", ":3000"),
        ]);
    }

    #[test]
    fn an_end_in_the_past_removes_the_key() {
        for command in ["EXPIRE k 0", "EXPIRE k -1", "PEXPIRE k -5", "EXPIREAT k 1", "PEXPIREAT k -9223372036854775808"]
        {
            TestStore::new().check([("SET k v", "+OK"), (command, ":1"), ("EXISTS k", ":0"), ("DBSIZE", ":0")]);
        }
    }

    #[test]
    fn conditions_compare_with_the_end_before() {
        TestStore::new().check([
            ("SET k v", "+OK"),
            ("EXPIRE k 10 XX", ":0"),
            ("EXPIRE k 10 GT", ":0"),
            ("EXPIRE k 10 LT", ":1"),
            ("EXPIRE k 20 NX", ":0"),
            ("EXPIRE k 20 LT", ":0"),
            ("EXPIRE k 10 GT", ":0"),
            ("EXPIRE k 20 GT XX", ":1"),
            ("EXPIRE k 5 XX LT", ":1"),
            ("TTL k", ":5"),
            ("SET k v", "+OK"),
            ("EXPIRE k 10 nx", ":1"),
        ]);
    }

    #[test]
    fn conditions_that_contradict_each_other_are_refused() {
        const FIRST: &str = "-ERR NX and XX, GT or LT options at the same time are not compatible";
        TestStore::new().check([
            ("EXPIRE k 10 NX XX", FIRST),
            ("EXPIRE k 10 GT NX", FIRST),
            ("EXPIRE k 10 GT LT", "-ERR GT and LT options at the same time are not compatible"),
            ("EXPIRE k x foo", "-ERR Unsupported option foo"),
        ]);
    }

    #[test]
    fn times_out_of_range_are_refused() {
        TestStore::new().check([
            ("SET k v", "+OK"),
            ("EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command"),
            ("EXPIRE k -9223372036854775808", "-ERR invalid expire time in 'expire' command"),
            ("PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"),
            ("EXPIREAT k 9223372036854775", ":1"),
            ("EXPIREAT k 9223372036854776", "-ERR invalid expire time in 'expireat' command"),
            ("PEXPIREAT k 9223372036854775807", ":1"),
            ("PEXPIRETIME k", ":9223372036854775807"),
            ("EXPIRE k x", "-ERR value is not an integer or out of range"),
        ]);
    }

    #[test]
    fn persist_takes_the_end_away() {
        let store = TestStore::new();
        store.check([("PERSIST k", ":0"), ("SET k v EX 1", "+OK"), ("PERSIST k", ":1"), ("PERSIST k", ":0")]);
        store.pass(10_000);
        store.check([("GET k", "\"v\"")]);
    }
}
