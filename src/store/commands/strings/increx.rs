//! INCREX: increments a number within bounds, and sets its expiry.

use kvstore_protocol::{CommandError, Response, parse_integer};

use super::expiry_option::{ExpiryOption, expiry};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    shard::Expiry,
    spec::{Answer, Spec},
    value::{Decimal, Extended, Finite},
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("INCREX", increx)];

const CROSSED_BOUNDS: CommandError = CommandError::new("ERR", "LBOUND can't be greater than UBOUND");
const INFINITE: CommandError = CommandError::new("ERR", "increment would produce NaN or Infinity");

/// `INCREX key [BYFLOAT increment | BYINT increment] [LBOUND lower] [UBOUND upper] [SATURATE] [EX seconds | PX milliseconds |
/// EXAT seconds | PXAT milliseconds | PERSIST] [ENX]`: adds a number, or 1. A sum outside of the bounds changes nothing, or with
/// SATURATE is the bound. ENX keeps an expiry that there is. Answers the number, and what was added to it.
fn increx(call: &mut Call<'_>) -> Answer {
    let options = IncrexOptions::parse(&call.args())?;
    match options.by {
        Some(By::Float(by)) => increment_decimal(call, &options, by),
        Some(By::Integer(by)) => increment_integer(call, &options, by),
        None => increment_integer(call, &options, b"1"),
    }
}

#[derive(Debug, Default)]
struct IncrexOptions<'a> {
    by: Option<By<'a>>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    saturates: Option<()>,
    expiry: Option<ExpiryOption<'a>>,
    keeps_expiry: Option<()>,
}

#[derive(Clone, Copy, Debug)]
enum By<'a> {
    Float(&'a [u8]),
    Integer(&'a [u8]),
}

impl<'a> IncrexOptions<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        let (mut increx, mut options) = (Self::default(), args.options(1));
        loop {
            if options.keyword("BYFLOAT") {
                set_once(&mut increx.by, By::Float(options.value()?))?;
            } else if options.keyword("BYINT") {
                set_once(&mut increx.by, By::Integer(options.value()?))?;
            } else if options.keyword("LBOUND") {
                set_once(&mut increx.lower, options.value()?)?;
            } else if options.keyword("UBOUND") {
                set_once(&mut increx.upper, options.value()?)?;
            } else if options.keyword("SATURATE") {
                set_once(&mut increx.saturates, ())?;
            } else if options.keyword("ENX") {
                set_once(&mut increx.keeps_expiry, ())?;
            } else if options.keyword("PERSIST") {
                set_once(&mut increx.expiry, ExpiryOption::Persist)?;
            } else if let Some(time) = ExpiryOption::take_time(&mut options)? {
                set_once(&mut increx.expiry, time)?;
            } else {
                break;
            }
        }
        options.finish()?;
        increx.checked()
    }

    fn checked(self) -> Result<Self, CommandError> {
        match (self.keeps_expiry, self.expiry) {
            (Some(()), None) => Err(CommandError::err("ENX flag requires an expiration")),
            (Some(()), Some(ExpiryOption::Persist)) => Err(CommandError::SYNTAX),
            _ => Ok(self),
        }
    }

    /// Parses both bounds.
    fn bounds<T>(
        &self,
        kind: &str,
        defaults: (T, T),
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<(T, T), CommandError> {
        let bound = |name: &str, bound: Option<&[u8]>, default: T| match bound {
            Some(bytes) => parse(bytes).ok_or_else(|| CommandError::err(format!("{name} is not {kind}"))),
            None => Ok(default),
        };
        Ok((bound("LBOUND", self.lower, defaults.0)?, bound("UBOUND", self.upper, defaults.1)?))
    }

    /// What the expiry becomes.
    fn expiry(&self, call: &mut Call<'_>) -> Result<Expiry, CommandError> {
        let has_expiry = call.entry(0).is_some_and(|entry| entry.expires_at().is_some());
        match self.expiry {
            None => Ok(Expiry::Keep),
            Some(option) => {
                let expiry = expiry(Some(option), call)?;
                Ok(if self.keeps_expiry.is_some() && has_expiry { Expiry::Keep } else { expiry })
            }
        }
    }

    /// The number that is stored instead of `sum`; `None` if none is.
    fn within<T: Ord>(&self, sum: T, lower: T, upper: T) -> Option<T> {
        match self.saturates {
            Some(()) => Some(sum.clamp(lower, upper)),
            None => (lower <= sum && sum <= upper).then_some(sum),
        }
    }
}

fn set_once<T>(option: &mut Option<T>, value: T) -> Result<(), CommandError> {
    if option.replace(value).is_none() { Ok(()) } else { Err(CommandError::SYNTAX) }
}

fn increment_integer(call: &mut Call<'_>, options: &IncrexOptions<'_>, by: &[u8]) -> Answer {
    const KIND: &str = "an integer or out of range";
    let by = parse_integer(by).ok_or_else(|| CommandError::err(format!("Increment is not {KIND}")))?;
    let (lower, upper) = options.bounds(KIND, (i64::MIN, i64::MAX), parse_integer)?;
    if lower > upper {
        return Err(CROSSED_BOUNDS);
    }
    let before = match call.entry(0) {
        Some(entry) => parse_integer(&entry.string()?).ok_or(CommandError::NOT_AN_INTEGER)?,
        None => 0,
    };
    let expiry = options.expiry(call)?;
    let sum = i128::from(before) + i128::from(by);
    let Some(after) = options.within(sum, lower.into(), upper.into()) else {
        return Ok(Response::array([before, 0]));
    };
    let applied = i64::try_from(after - i128::from(before));
    let applied = applied.map_err(|_| CommandError::err("applied increment would overflow"))?;
    let after = before + applied;
    call.put(0, itoa::Buffer::new().format(after).as_bytes().into(), expiry, Event::INCRBY);
    Ok(Response::array([after, applied]))
}

fn increment_decimal(call: &mut Call<'_>, options: &IncrexOptions<'_>, by: &[u8]) -> Answer {
    const KIND: &str = "a valid float";
    let by = Decimal::parse(by).ok_or_else(|| CommandError::err(format!("Increment is not {KIND}")))?;
    let largest = Finite::largest();
    let defaults = (Extended::Finite(largest.negated()), Extended::Finite(largest));
    let (lower, upper) = options.bounds(KIND, defaults, Extended::parse)?;
    if lower > upper {
        return Err(CROSSED_BOUNDS);
    }
    let before = match call.entry(0) {
        Some(entry) => Decimal::parse(&entry.string()?).ok_or(CommandError::NOT_A_FLOAT)?,
        None => Decimal::Finite(Finite::ZERO),
    };
    let (Decimal::Finite(before), Decimal::Finite(by)) = (before, by) else { return Err(INFINITE) };
    let expiry = options.expiry(call)?;
    let sum = Extended::sum(&before, &by);
    let Some(after) = options.within(sum, lower, upper) else {
        return Ok(Response::array([Response::Double(before.to_double()), Response::Double(0.0)]));
    };
    let (after, applied) = applied(after, &before)?;
    call.put(0, after.to_text().as_bytes().into(), expiry, Event::INCRBYFLOAT);
    Ok(Response::array([after, applied].map(|number| Response::Double(number.to_double()))))
}

/// The number after an increment, and what was added.
fn applied(after: Extended, before: &Finite) -> Result<(Finite, Finite), CommandError> {
    if let Extended::Finite(after) = after
        && let Extended::Finite(applied) = Extended::sum(&after, &before.negated())
    {
        return Ok((after, applied));
    }
    Err(CommandError::err("applied increment would be Infinity"))
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    const SYNTAX: &str = "-ERR syntax error";
    const CROSSED: &str = "-ERR LBOUND can't be greater than UBOUND";

    /// Answers, each for a counter that is 10.
    #[track_caller]
    fn check_ten(lines: &[(&str, &str)]) {
        for (options, expected) in lines {
            let line = format!("INCREX k {options}");
            TestStore::new().check([("SET k 10", "+OK"), (&*line, *expected)]);
        }
    }

    #[test]
    fn a_counter_is_incremented() {
        TestStore::new().check([
            ("INCREX k", "[:1, :1]"),
            ("INCREX k BYINT 5", "[:6, :5]"),
            ("INCREX k byint -10", "[:-4, :-10]"),
            ("OBJECT ENCODING k", "\"int\""),
            ("INCREX k BYFLOAT 2.5", "[-1.5, 2.5]"),
            ("GET k", "\"-1.5\""),
            ("INCREX k", "-ERR value is not an integer or out of range"),
            ("INCREX f BYFLOAT 0.1", "[0.1, 0.1]"),
            ("INCREX f BYFLOAT 0.2", "[0.3, 0.2]"),
        ]);
    }

    #[test]
    fn a_sum_outside_of_the_bounds_changes_nothing() {
        check_ten(&[
            ("BYINT 5 UBOUND 15", "[:15, :5]"),
            ("BYINT 5 UBOUND 12", "[:10, :0]"),
            ("BYINT 5 UBOUND 5", "[:10, :0]"),
            ("BYINT -5 UBOUND 5", "[:5, :-5]"),
            ("BYINT -5 LBOUND 8", "[:10, :0]"),
            ("BYINT 5 LBOUND 20", "[:10, :0]"),
            ("BYINT 9223372036854775807", "[:10, :0]"),
            ("BYFLOAT 2.5 LBOUND 5.0 UBOUND 15.0", "[12.5, 2.5]"),
            ("BYFLOAT 5.5 UBOUND 12.5", "[10, 0]"),
            ("BYFLOAT 1.0 UBOUND inf", "[11, 1]"),
            ("BYFLOAT 1.0 LBOUND -inf UBOUND -inf", "[10, 0]"),
            ("BYFLOAT 1.18973149535723176502e4932", "[10, 0]"),
        ]);
        TestStore::new().check([
            ("INCREX k UBOUND 0", "[:0, :0]"),
            ("INCREX k LBOUND 5 EX 10", "[:0, :0]"),
            ("EXISTS k", ":0"),
            ("SET k 10 EX 500", "+OK"),
            ("INCREX k UBOUND 5 PERSIST", "[:10, :0]"),
            ("TTL k", ":500"),
        ]);
    }

    #[test]
    fn saturate_stops_at_the_bound() {
        check_ten(&[
            ("BYINT 5 UBOUND 12 SATURATE", "[:12, :2]"),
            ("BYINT 5 UBOUND 5 SATURATE", "[:5, :-5]"),
            ("BYINT -5 LBOUND 20 SATURATE", "[:20, :10]"),
            ("SATURATE BYINT 5", "[:15, :5]"),
            ("BYINT 9223372036854775807 SATURATE", "[:9223372036854775807, :9223372036854775797]"),
            ("BYFLOAT 5.5 UBOUND 12.5 SATURATE", "[12.5, 2.5]"),
            ("BYFLOAT -6 LBOUND 8 SATURATE", "[8, -2]"),
            ("BYFLOAT 1e4932 UBOUND 100 SATURATE", "[100, 90]"),
            ("BYFLOAT -1e4932 LBOUND -100 SATURATE", "[-100, -110]"),
            ("BYFLOAT 1 LBOUND inf UBOUND inf SATURATE", "-ERR applied increment would be Infinity"),
        ]);
        TestStore::new().check([
            ("INCREX k UBOUND 0 SATURATE", "[:0, :0]"),
            ("GET k", "\"0\""),
            ("SET k 9223372036854775807", "+OK"),
            ("INCREX k SATURATE", "[:9223372036854775807, :0]"),
            ("INCREX k UBOUND -9223372036854775808 SATURATE", "-ERR applied increment would overflow"),
            ("SET k 1e4932", "+OK"),
            ("INCREX k BYFLOAT 1e4932 SATURATE", "[inf, inf]"),
            ("STRLEN k", ":4933"),
        ]);
    }

    #[test]
    fn the_expiry_is_kept_set_or_removed() {
        TestStore::new().check([
            ("INCREX k EX 100", "[:1, :1]"),
            ("INCREX k", "[:2, :1]"),
            ("TTL k", ":100"),
            ("INCREX k PX 5000 ENX", "[:3, :1]"),
            ("INCREX k EXAT 1 ENX", "[:4, :1]"),
            ("TTL k", ":100"),
            ("INCREX k PERSIST", "[:5, :1]"),
            ("TTL k", ":-1"),
            ("INCREX k PX 5000 ENX", "[:6, :1]"),
            ("PTTL k", ":5000"),
            ("INCREX k EXAT 1", "[:7, :1]"),
            ("EXISTS k", ":0"),
            ("INCREX k EXAT 1", "[:1, :1]"),
            ("EXISTS k", ":0"),
        ]);
    }

    #[test]
    fn invalid_arguments_are_refused() {
        check_ten(&[
            ("BYINT", SYNTAX),
            ("BYINT 1 BYINT 1", SYNTAX),
            ("BYINT 1 BYFLOAT 1", SYNTAX),
            ("LBOUND", SYNTAX),
            ("EX 10 EX 10", SYNTAX),
            ("EX 10 PERSIST", SYNTAX),
            ("PERSIST ENX", SYNTAX),
            ("FOO", SYNTAX),
            ("ENX", "-ERR ENX flag requires an expiration"),
            ("EX 0", "-ERR invalid expire time in 'increx' command"),
            ("BYINT 1.5", "-ERR Increment is not an integer or out of range"),
            ("BYFLOAT x", "-ERR Increment is not a valid float"),
            ("BYFLOAT inf", "-ERR increment would produce NaN or Infinity"),
            ("UBOUND 12.5", "-ERR UBOUND is not an integer or out of range"),
            ("LBOUND inf", "-ERR LBOUND is not an integer or out of range"),
            ("BYFLOAT 1 UBOUND x", "-ERR UBOUND is not a valid float"),
            ("LBOUND 10 UBOUND 5", CROSSED),
            ("BYFLOAT 1 UBOUND -inf", CROSSED),
            ("BYFLOAT 1 LBOUND +inf", CROSSED),
            ("BYFLOAT 1 LBOUND 1.5 UBOUND 1.25", CROSSED),
        ]);
        TestStore::new().check([
            ("SADD s 1", ":1"),
            ("INCREX s EXAT 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SET k x", "+OK"),
            ("INCREX k EXAT 1", "-ERR value is not an integer or out of range"),
            ("INCREX k BYFLOAT 1", "-ERR value is not a valid float"),
            ("GET k", "\"x\""),
        ]);
    }
}
