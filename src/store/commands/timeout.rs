//! How long a command waits; and WAIT and WAITAOF, which wait for replicas and for the disk.

use std::time::Duration;

use kvstore_protocol::{CommandError, Response, parse_integer};

use crate::store::{
    call::Call,
    spec::{Answer, Spec},
    value::parse_double,
    waiting::{Awaited, NO_JOURNAL, Wait},
};

pub(super) const SPECS: &[Spec] = &[WAIT, WAITAOF];

const NEGATIVE: CommandError = CommandError::new("ERR", "timeout is negative");
const OUT_OF_RANGE: CommandError = CommandError::new("ERR", "timeout is out of range");

/// Parses a timeout in seconds, which is rounded up to milliseconds. `None` is for ever, which is written as 0.
pub(super) fn parse_timeout(text: &[u8]) -> Result<Option<Duration>, CommandError> {
    const NOT_A_FLOAT: CommandError = CommandError::new("ERR", "timeout is not a float or out of range");
    let seconds = parse_double(text).ok_or(NOT_A_FLOAT)?;
    timeout((seconds * 1000.0).ceil() as i64)
}

/// A timeout in milliseconds.
fn timeout(milliseconds: i64) -> Result<Option<Duration>, CommandError> {
    match milliseconds {
        ..0 => Err(NEGATIVE),
        0 => Ok(None),
        TOO_LATE.. => Err(OUT_OF_RANGE),
        milliseconds => Ok(Some(Duration::from_millis(milliseconds as u64))),
    }
}

/// A timeout after which the milliseconds since the Unix epoch would overflow, as Redis counts them, until the year 2109.
const TOO_LATE: i64 = i64::MAX - (1 << 42);

/// `WAIT numreplicas timeout`: waits until so many replicas have all that the connection has written, and answers their number.
/// There are none here, so it waits for its time to end.
const WAIT: Spec = Spec::new("WAIT", wait);

fn wait(call: &mut Call<'_>) -> Answer {
    const REPLICA: CommandError = CommandError::new(
        "ERR",
        "WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be \
         writable (which is not the default) writes to replicas are just local and are not propagated.",
    );
    if call.store().replication.is_replica() {
        return Err(REPLICA);
    }
    let args = call.args();
    let timeout = parse_milliseconds(args.bytes(1))?;
    let none = Response::Integer(0);
    if args.integer(0)? <= 0 {
        return Ok(none);
    }
    call.wait(Wait::new(Awaited::Time, none.clone()).for_at_most(timeout), none)
}

/// `WAITAOF numlocal numreplicas timeout`: waits until what was written is on the disk here, if `numlocal` is 1, and on those of so
/// many replicas. There are none here. Answers on how many disks it is: here, and at replicas.
///
/// It waits for all that was written before it, also by other connections. It does not ask for a sync, so with the policy `no` it waits
/// until there is one for another reason.
const WAITAOF: Spec = Spec::new("WAITAOF", waitaof);

fn waitaof(call: &mut Call<'_>) -> Answer {
    const RANGE: CommandError = CommandError::new("ERR", "value is out of range, value must between 0 and 1");
    const POSITIVE: CommandError = CommandError::new("ERR", "value is out of range, must be positive");
    const REPLICA: CommandError = CommandError::new(
        "ERR",
        "WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not \
         propagated.",
    );
    let args = call.args();
    let local = Some(args.integer(0)?).filter(|local| (0..=1).contains(local)).ok_or(RANGE)?;
    let replicas = Some(args.integer(1)?).filter(|replicas| *replicas >= 0).ok_or(POSITIVE)?;
    let timeout = parse_milliseconds(args.bytes(2))?;
    if call.store().replication.is_replica() {
        return Err(REPLICA);
    }
    if local > 0 && call.store().journal().is_none() {
        return Err(NO_JOURNAL);
    }
    let number = call.store().last_commit();
    let answer = call.store().acknowledged(number);
    if replicas == 0 && (local == 0 || call.store().is_synced(number)) {
        return Ok(answer);
    }
    let synced = Awaited::Sync { number, is_enough: replicas == 0 };
    call.wait(Wait::new(synced, answer.clone()).for_at_most(timeout), answer)
}

/// Parses a timeout in milliseconds. `None` is for ever, which is written as 0.
pub(super) fn parse_milliseconds(text: &[u8]) -> Result<Option<Duration>, CommandError> {
    const NOT_AN_INTEGER: CommandError = CommandError::new("ERR", "timeout is not an integer or out of range");
    timeout(parse_integer(text).ok_or(NOT_AN_INTEGER)?)
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
