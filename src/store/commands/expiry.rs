//! Expiry: EXPIRE, TTL, PERSIST and their variants.

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    shard::Expiry,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] = &[EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL, EXPIRETIME, PEXPIRETIME, PERSIST];

/// The unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

/// What a time counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeBase {
    /// From now.
    Relative,
    /// From the Unix epoch.
    Absolute,
}

/// The meaning of a number that is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeFormat(pub(super) Unit, pub(super) TimeBase);

impl TimeFormat {
    /// The options of SET and GETEX that have a time.
    pub(super) const OPTIONS: [(&'static str, Self); 4] = [
        ("EX", Self(Unit::Seconds, TimeBase::Relative)),
        ("PX", Self(Unit::Milliseconds, TimeBase::Relative)),
        ("EXAT", Self(Unit::Seconds, TimeBase::Absolute)),
        ("PXAT", Self(Unit::Milliseconds, TimeBase::Absolute)),
    ];

    /// The time in milliseconds since the Unix epoch, which may have passed.
    fn resolve(self, call: &mut Call<'_>, number: i64) -> Result<i64, CommandError> {
        let milliseconds = match self.0 {
            Unit::Seconds => number.checked_mul(1000),
            Unit::Milliseconds => Some(number),
        };
        let resolved = match self.1 {
            TimeBase::Relative => milliseconds.and_then(|milliseconds| milliseconds.checked_add(call.now() as i64)),
            TimeBase::Absolute => milliseconds,
        };
        resolved.ok_or_else(|| invalid_expire_time(call.name()))
    }

    /// The same for a number that must be positive.
    pub(super) fn positive(self, call: &mut Call<'_>, number: i64) -> Result<u64, CommandError> {
        if number <= 0 {
            return Err(invalid_expire_time(call.name()));
        }
        self.resolve(call, number).map(|at| at as u64)
    }
}

pub(super) fn invalid_expire_time(name: &str) -> CommandError {
    CommandError::err(format!("invalid expire time in '{name}' command"))
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`: sets the expiry, in seconds from now. Answers whether it was set.
const EXPIRE: Spec = Spec::new("EXPIRE", expire);

fn expire(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Seconds, TimeBase::Relative), call)
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`: the same in milliseconds.
const PEXPIRE: Spec = Spec::new("PEXPIRE", pexpire);

fn pexpire(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Milliseconds, TimeBase::Relative), call)
}

/// `EXPIREAT key seconds [NX | XX | GT | LT]`: sets the expiry, in seconds since the Unix epoch. Answers whether it was
/// set.
const EXPIREAT: Spec = Spec::new("EXPIREAT", expireat);

fn expireat(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Seconds, TimeBase::Absolute), call)
}

/// `PEXPIREAT key milliseconds [NX | XX | GT | LT]`: the same in milliseconds.
const PEXPIREAT: Spec = Spec::new("PEXPIREAT", pexpireat);

fn pexpireat(call: &mut Call<'_>) -> Answer {
    set_expiry(TimeFormat(Unit::Milliseconds, TimeBase::Absolute), call)
}

fn set_expiry(format: TimeFormat, call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let condition = ExpireCondition::parse(&args)?;
    let at = format.resolve(call, args.integer(1)?)?;
    let is_met = call.entry(0).is_some_and(|entry| condition.is_met(at, entry.expires_at()));
    if is_met {
        match u64::try_from(at) {
            Ok(at) => call.expire_at(0, Expiry::At(at)),
            // Before the Unix epoch.
            Err(_) => _ = call.remove(0, Event::DEL),
        }
    }
    Ok(is_met.into())
}

/// When EXPIRE sets the expiry: if all of these are met.
#[derive(Clone, Copy, Debug, Default)]
struct ExpireCondition {
    /// The key has no expiry.
    nx: bool,
    /// The key has an expiry.
    xx: bool,
    /// The new expiry is later. No expiry counts as the latest.
    gt: bool,
    /// The new expiry is earlier.
    lt: bool,
}

impl ExpireCondition {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let (mut condition, mut options) = (Self::default(), args.options(2));
        loop {
            if options.keyword("NX") {
                condition.nx = true;
            } else if options.keyword("XX") {
                condition.xx = true;
            } else if options.keyword("GT") {
                condition.gt = true;
            } else if options.keyword("LT") {
                condition.lt = true;
            } else {
                break;
            }
        }
        match options.next() {
            Some(word) => Err(CommandError::err(format!("Unsupported option {}", String::from_utf8_lossy(word)))),
            None => condition.checked(),
        }
    }

    /// Refuses conditions that contradict each other.
    fn checked(self) -> Result<Self, CommandError> {
        if self.nx && (self.xx || self.gt || self.lt) {
            return Err(CommandError::err("NX and XX, GT or LT options at the same time are not compatible"));
        }
        if self.gt && self.lt {
            return Err(CommandError::err("GT and LT options at the same time are not compatible"));
        }
        Ok(self)
    }

    fn is_met(self, at: i64, before: Option<u64>) -> bool {
        let is_later = || before.is_some_and(|before| at > before as i64);
        let is_earlier = || before.is_none_or(|before| at < before as i64);
        (!self.nx || before.is_none())
            && (!self.xx || before.is_some())
            && (!self.gt || is_later())
            && (!self.lt || is_earlier())
    }
}

/// `TTL key`: the seconds until the key expires; -1 if it has no expiry, -2 if it is missing.
const TTL: Spec = Spec::new("TTL", ttl);

fn ttl(call: &mut Call<'_>) -> Answer {
    expiry(call, |at, now| at.saturating_sub(now).saturating_add(500) / 1000)
}

/// `PTTL key`: the same in milliseconds.
const PTTL: Spec = Spec::new("PTTL", pttl);

fn pttl(call: &mut Call<'_>) -> Answer {
    expiry(call, u64::saturating_sub)
}

/// `EXPIRETIME key`: the expiry in seconds since the Unix epoch; -1 if the key has none, -2 if it is missing.
const EXPIRETIME: Spec = Spec::new("EXPIRETIME", expiretime);

fn expiretime(call: &mut Call<'_>) -> Answer {
    expiry(call, |at, _| at.saturating_add(500) / 1000)
}

/// `PEXPIRETIME key`: the same in milliseconds.
const PEXPIRETIME: Spec = Spec::new("PEXPIRETIME", pexpiretime);

fn pexpiretime(call: &mut Call<'_>) -> Answer {
    expiry(call, |at, _| at)
}

/// Answers the expiry, converted by a function of it and of the time.
fn expiry(call: &mut Call<'_>, convert: impl FnOnce(u64, u64) -> u64) -> Answer {
    Ok(Response::Integer(match call.peek(0).map(|entry| entry.expires_at()) {
        Some(Some(at)) => convert(at, call.now()) as i64,
        Some(None) => -1,
        None => -2,
    }))
}

/// `PERSIST key`: removes the expiry. Answers whether there was one.
const PERSIST: Spec = Spec::new("PERSIST", persist);

fn persist(call: &mut Call<'_>) -> Answer {
    let expires = call.entry(0).is_some_and(|entry| entry.expires_at().is_some());
    if expires {
        call.expire_at(0, Expiry::Never);
    }
    Ok(expires.into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn a_key_expires() {
        let store = TestStore::new();
        store.check([("SET k v", "+OK"), ("PEXPIRE k 100", ":1")]);
        store.pass(99);
        store.check([("GET k", "\"v\""), ("PTTL k", ":1")]);
        // In its millisecond the key is still there.
        store.pass(1);
        store.check([
            ("GET k", "\"v\""),
            ("PTTL k", ":0"),
            ("COPY k l", ":1"),
            ("RENAME k m", "+OK"),
            ("RENAME m k", "+OK"),
        ]);
        store.remove_expired();
        store.check([("EXISTS k l", ":2")]);
        store.pass(1);
        store.check([("GET k", "(nil)"), ("PTTL k", ":-2"), ("EXPIRE k 10", ":0"), ("KEYS *", "[]")]);
    }

    #[test]
    fn expiries_are_answered_relative_and_absolute_in_seconds_and_milliseconds() {
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
    fn a_past_expiry_removes_the_key() {
        for command in ["EXPIRE k 0", "EXPIRE k -1", "PEXPIRE k -5", "EXPIREAT k 1", "PEXPIREAT k -9223372036854775808"]
        {
            TestStore::new().check([("SET k v", "+OK"), (command, ":1"), ("EXISTS k", ":0"), ("DBSIZE", ":0")]);
        }
    }

    #[test]
    fn conditions_compare_with_the_expiry_before() {
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
    fn contradicting_conditions_are_refused() {
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
    fn persist_removes_the_expiry() {
        let store = TestStore::new();
        store.check([("PERSIST k", ":0"), ("SET k v EX 1", "+OK"), ("PERSIST k", ":1"), ("PERSIST k", ":0")]);
        store.pass(10_001);
        store.check([("GET k", "\"v\"")]);
    }
}
