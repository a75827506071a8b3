//! How long a command waits; and WAIT, which waits for nothing else.

use std::time::Duration;

use kvstore_protocol::{CommandError, Response, parse_integer};

use crate::store::{
    call::Call,
    spec::{Answer, Spec},
    value::parse_double,
    waiting::{Awaited, Wait},
};

pub(super) const SPECS: &[Spec] = &[WAIT];

const NEGATIVE: CommandError = CommandError::new("ERR", "timeout is negative");
const OUT_OF_RANGE: CommandError = CommandError::new("ERR", "timeout is out of range");

/// Parses a timeout in seconds, which is rounded up to milliseconds. `None` is for ever, which is written as 0.
pub(super) fn parse_timeout(text: &[u8]) -> Result<Option<Duration>, CommandError> {
    const NOT_A_FLOAT: CommandError = CommandError::new("ERR", "timeout is not a float or out of range");
    let seconds = parse_double(text).ok_or(NOT_A_FLOAT)?;
    match (seconds * 1000.0).ceil() {
        negative if negative < 0.0 => Err(NEGATIVE),
        milliseconds if milliseconds >= i64::MAX as f64 => Err(OUT_OF_RANGE),
        milliseconds => Ok(some_time(milliseconds as u64)),
    }
}

fn some_time(milliseconds: u64) -> Option<Duration> {
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

/// `WAIT numreplicas timeout`: waits until so many replicas have all that the connection has written, and answers their number.
/// There are none here, so it waits for its time to end.
const WAIT: Spec = Spec::new("WAIT", wait);

fn wait(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let timeout = parse_integer(args.bytes(1)).ok_or(CommandError::err("timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| NEGATIVE)?;
    let none = Response::Integer(0);
    if args.integer(0)? <= 0 {
        return Ok(none);
    }
    call.wait(Wait::new(Awaited::Time, none.clone()).for_at_most(some_time(timeout)), none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_in_seconds_and_rounded_up() {
        for (text, milliseconds) in
            [("0", None), ("1", Some(1000)), ("0.0001", Some(1)), ("1.5", Some(1500)), ("0x10", Some(16_000))]
        {
            assert_eq!(parse_timeout(text.as_bytes()), Ok(milliseconds.map(Duration::from_millis)), "{text}");
        }
        for (text, refusal) in [
            ("-1", "timeout is negative"),
            ("x", "timeout is not a float or out of range"),
            ("", "timeout is not a float or out of range"),
            ("nan", "timeout is not a float or out of range"),
            ("inf", "timeout is out of range"),
            ("9223372036854775807", "timeout is out of range"),
        ] {
            assert_eq!(
                parse_timeout(text.as_bytes()).map_err(|refusal| refusal.text().to_owned()),
                Err(refusal.to_owned())
            );
        }
    }
}
