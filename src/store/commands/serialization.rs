//! Serialized values: DUMP and RESTORE.

use kvstore_protocol::{ByteString, CommandError, Options, Response};

use super::expiry::{TimeBase, TimeFormat, Unit};
use crate::store::{
    args::Args,
    call::{Call, OwnedEntry},
    change::Event,
    rdb::{self, AnyType, RestoreError},
    shard::Expiry,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] = &[Spec::new("DUMP", dump), Spec::new("RESTORE", restore)];

const BUSY_KEY: CommandError = CommandError::new("BUSYKEY", "Target key name already exists.");
const INVALID_TTL: CommandError = CommandError::new("ERR", "Invalid TTL value, must be >= 0");
const INVALID_IDLE_TIME: CommandError = CommandError::new("ERR", "Invalid IDLETIME value, must be >= 0");
const INVALID_FREQUENCY: CommandError = CommandError::new("ERR", "Invalid FREQ value, must be >= 0 and <= 255");
const BAD_FOOTER: CommandError = CommandError::new("ERR", "DUMP payload version or checksum are wrong");
const BAD_VALUE: CommandError = CommandError::new("ERR", "Bad data format");

/// `DUMP key`: the value of the key, serialized in the format that `dump-format` says.
fn dump(call: &mut Call<'_>) -> Answer {
    let elements = call.find::<AnyType>(0)?.map_or(0, rdb::AnyRef::len);
    call.afford_elements(elements)?;
    call.reserve(call.entry(0).map_or(0, |entry| entry.memory()))?;
    let Some(value) = call.get::<AnyType>(0)? else { return Ok(Response::Null) };
    let format = *call.store().dump_format.lock();
    Ok(Response::Bulk(ByteString::from(rdb::dump(value, format))))
}

/// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`: stores a serialized value. A `ttl` of 0 is
/// no expiry.
fn restore(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let options = RestoreOptions::parse(&args)?;
    if !options.replace && call.exists(0) {
        return Err(BUSY_KEY);
    }
    let ttl = args.integer(1)?;
    if ttl < 0 {
        return Err(INVALID_TTL);
    }
    call.afford_elements(args.bytes(2).len() / ELEMENT)?;
    let object = rdb::restore(args.bytes(2), call.thresholds()).map_err(refusal)?;
    let expires_at = options.expiry(call, ttl)?;
    if expires_at.is_some_and(|at| call.is_past(Expiry::At(at))) {
        call.remove(0, Event::DEL);
        return Ok(Response::ok());
    }
    let entry = object.store(|value| OwnedEntry::new(value, expires_at));
    call.put_entry(0, entry, Event::RESTORE);
    call.set_idle(0, options.idle_time);
    Ok(Response::ok())
}

/// The length of a short element in a payload.
const ELEMENT: usize = 4;

#[derive(Debug, Default)]
struct RestoreOptions {
    replace: bool,
    /// The TTL counts from the Unix epoch.
    absolute: bool,
    /// The seconds since the last access.
    idle_time: u64,
}

impl RestoreOptions {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let (mut restore, mut options) = (Self::default(), args.options(3));
        let (mut has_idle_time, mut has_frequency) = (false, false);
        loop {
            if options.keyword("REPLACE") {
                restore.replace = true;
            } else if options.keyword("ABSTTL") {
                restore.absolute = true;
            } else if !has_frequency && options.keyword("IDLETIME") {
                has_idle_time = true;
                restore.idle_time = u64::try_from(options.integer()?).map_err(|_| INVALID_IDLE_TIME)?;
            } else if !has_idle_time && options.keyword("FREQ") {
                has_frequency = true;
                check_frequency(&mut options)?;
            } else {
                break;
            }
        }
        options.finish()?;
        Ok(restore)
    }

    /// The expiry in milliseconds since the Unix epoch.
    fn expiry(&self, call: &mut Call<'_>, ttl: i64) -> Result<Option<u64>, CommandError> {
        let base = if self.absolute { TimeBase::Absolute } else { TimeBase::Relative };
        match ttl {
            0 => Ok(None),
            ttl => TimeFormat(Unit::Milliseconds, base).positive(call, ttl).map(Some),
        }
    }
}

/// Takes a frequency. It is not kept: the store does not count accesses.
fn check_frequency(options: &mut Options<'_>) -> Result<(), CommandError> {
    if (0..=255).contains(&options.integer()?) { Ok(()) } else { Err(INVALID_FREQUENCY) }
}

fn refusal(error: RestoreError) -> CommandError {
    match error {
        RestoreError::Footer => BAD_FOOTER,
        RestoreError::Value => BAD_VALUE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestStore;

    /// The payload of the string `v7673`, whose checksum is a text by chance.
    const PAYLOAD: &str = "\0\x05v7673\x0B\0k~yT0jdH";

    /// A command with that payload.
    fn line(command: &str) -> String {
        command.replace("PAYLOAD", PAYLOAD)
    }

    #[track_caller]
    fn check<'a>(store: &TestStore, lines: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (command, expected) in lines {
            store.check([(&*line(command), expected)]);
        }
    }

    #[test]
    fn a_value_is_dumped_and_restored() {
        let store = TestStore::new();
        store.check([("DUMP k", "(nil)"), ("SET k v7673 EX 10", "+OK")]);
        assert_eq!(store.answer("DUMP k"), Response::from(PAYLOAD));
        check(
            &store,
            [
                ("RESTORE l 0 PAYLOAD", "+OK"),
                ("GET l", "\"v7673\""),
                ("PTTL l", ":-1"),
                ("OBJECT ENCODING l", "\"embstr\""),
                ("RESTORE l 0 PAYLOAD", "-BUSYKEY Target key name already exists."),
                ("RESTORE l 5000 PAYLOAD replace", "+OK"),
                ("PTTL l", ":5000"),
                ("RESTORE l 1700000000007 PAYLOAD REPLACE ABSTTL", "+OK"),
                ("PTTL l", ":7"),
                ("RESTORE l 0 PAYLOAD REPLACE ABSTTL", "+OK"),
                ("PTTL l", ":-1"),
                ("HSET h f v", ":1"),
                ("RESTORE h 0 PAYLOAD REPLACE", "+OK"),
                ("TYPE h", "+string"),
            ],
        );
    }

    #[test]
    fn the_format_of_dump_is_a_parameter() {
        const UNKNOWN: &str = "-ERR CONFIG SET failed (possibly related to argument 'dump-format') - argument(s) must be one of \
            the following: redis, valkey";
        let store = TestStore::new();
        store.check([
            ("HSETEX h PXAT 2000000000000 FIELDS 1 f v", ":1"),
            ("CONFIG GET dump-format", "{\"dump-format\": \"redis\"}"),
            ("CONFIG SET dump-format json", UNKNOWN),
        ]);
        for (format, end) in [("valkey", [22, 80]), ("redis", [25, 12])] {
            store.check([(&*format!("CONFIG SET dump-format {format}"), "+OK")]);
            let dumped = store.answer("DUMP h");
            let dumped = dumped.as_bytes().expect("a payload");
            assert_eq!([dumped[0], dumped[dumped.len() - 10]], end, "{format}");
        }
    }

    #[test]
    fn an_expiry_that_has_passed_removes_the_key() {
        check(
            &TestStore::new(),
            [
                ("RESTORE k 5 PAYLOAD ABSTTL", "+OK"),
                ("EXISTS k", ":0"),
                ("SET k v", "+OK"),
                ("RESTORE k 5 PAYLOAD ABSTTL REPLACE", "+OK"),
                ("EXISTS k", ":0"),
            ],
        );
    }

    #[test]
    fn the_idle_time_is_restored_and_the_frequency_is_not() {
        check(
            &TestStore::new(),
            [
                ("RESTORE k 0 PAYLOAD IDLETIME 1000", "+OK"),
                ("OBJECT IDLETIME k", ":1000"),
                ("RESTORE k 0 PAYLOAD REPLACE", "+OK"),
                ("OBJECT IDLETIME k", ":0"),
                ("RESTORE k 0 PAYLOAD REPLACE FREQ 255", "+OK"),
                ("OBJECT IDLETIME k", ":0"),
                ("RESTORE k 0 PAYLOAD REPLACE IDLETIME 9223372036854775807", "+OK"),
                ("OBJECT IDLETIME k", ":1700000000"),
            ],
        );
    }

    #[test]
    fn arguments_are_checked_in_the_order_of_redis() {
        const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";
        check(
            &TestStore::new(),
            [
                ("SET k v", "+OK"),
                ("RESTORE k x y FOO", "-ERR syntax error"),
                ("RESTORE k x y", "-BUSYKEY Target key name already exists."),
                ("RESTORE k x y REPLACE", NOT_AN_INTEGER),
                ("RESTORE k -1 y REPLACE", "-ERR Invalid TTL value, must be >= 0"),
                ("RESTORE k 1 y REPLACE", "-ERR DUMP payload version or checksum are wrong"),
                ("RESTORE k 9223372036854775807 y REPLACE", "-ERR DUMP payload version or checksum are wrong"),
                ("RESTORE k 9223372036854775807 PAYLOAD REPLACE", "-ERR invalid expire time in 'restore' command"),
                ("RESTORE n 1 y IDLETIME", "-ERR syntax error"),
                ("RESTORE n 1 y IDLETIME x", NOT_AN_INTEGER),
                ("RESTORE n 1 y IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0"),
                ("RESTORE n 1 y FREQ x", NOT_AN_INTEGER),
                ("RESTORE n 1 y FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
                ("RESTORE n 1 y FREQ -1", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
                ("RESTORE n 1 y FREQ 1 IDLETIME 1", "-ERR syntax error"),
                ("RESTORE n 1 y IDLETIME 1 FREQ 1", "-ERR syntax error"),
                ("RESTORE n 0 PAYLOAD FREQ 1 FREQ 2 ABSTTL ABSTTL", "+OK"),
                ("GET k", "\"v\""),
            ],
        );
    }

    #[test]
    fn a_record_leads_to_the_same_expiry_and_idle_time_later() {
        let (store, told) = TestStore::observed();
        check(&store, [("RESTORE k 5000 PAYLOAD IDLETIME 100", "+OK")]);
        let other = TestStore::new();
        other.pass(2000);
        for (record, _) in told.take() {
            assert_eq!(other.store().apply(&record), Ok(()));
        }
        // Advances the LRU clock.
        other.remove_expired();
        other.check([("PTTL k", ":3000"), ("OBJECT IDLETIME k", ":102"), ("GET k", "\"v7673\"")]);
    }
}
