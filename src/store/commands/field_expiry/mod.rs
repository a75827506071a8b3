//! Fields of hashes that expire.
//!
//! - `expire` HEXPIRE and its variants, HPERSIST
//! - `ttl` HTTL and its variants
//! - `values` HGETEX, HSETEX

pub(super) mod expire;
pub(super) mod ttl;
pub(super) mod values;

use kvstore_protocol::CommandError;

use super::expiry::{TimeBase, TimeFormat, Unit, invalid_expire_time};
use crate::store::{
    args::Args,
    call::{Call, LINES},
    value::{Hash, MAX_FIELD_EXPIRY},
};

/// The latest expiry of a field, in milliseconds since the Unix epoch, as in Redis.
const LATEST: i64 = (1 << 46) - 1;

const NEGATIVE: CommandError = CommandError::new("ERR", "invalid expire time, must be >= 0");
const NO_FIELDS: CommandError =
    CommandError::new("ERR", "Mandatory argument FIELDS is missing or not at the right position");
const NOT_A_COUNT: CommandError = CommandError::new("ERR", "Number of fields must be a positive integer");
const OTHER_COUNT: CommandError =
    CommandError::new("ERR", "The `numfields` parameter must match the number of arguments");

/// The fields of `FIELDS numfields field [field …]`, which begins at an index. `not_a_count` refuses a number that is not positive.
///
/// # Errors
/// As Redis has them.
pub(super) fn fields_from<'a>(
    args: &Args<'a>,
    index: usize,
    not_a_count: CommandError,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + use<'a>, CommandError> {
    if !args.is(index, "FIELDS") {
        return Err(NO_FIELDS);
    }
    let count = args.integer(index + 1).ok().filter(|count| *count > 0).ok_or(not_a_count)?;
    let fields = args.from(index + 2);
    if usize::try_from(count) == Ok(fields.len()) { Ok(fields) } else { Err(OTHER_COUNT) }
}

/// The same, refused as most commands do.
pub(super) fn fields<'a>(
    args: &Args<'a>,
    index: usize,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + use<'a>, CommandError> {
    fields_from(args, index, NOT_A_COUNT)
}

/// The most that values may be without being looked at, in bytes.
const FEW_BYTES: usize = 256 << 10;

/// Declares how many bytes the values of fields are.
///
/// # Errors
/// Those of [`Call::afford_answer`].
pub(super) fn afford_values<'a>(
    call: &mut Call<'_>,
    fields: impl ExactSizeIterator<Item = &'a [u8]>,
) -> Result<(), CommandError> {
    let most = call.entry(0).map_or(0, |entry| entry.copied()).saturating_mul(fields.len());
    let Ok(Some(hash)) = call.find::<Hash>(0) else { return Ok(()) };
    if most < FEW_BYTES {
        return Ok(());
    }
    let bytes = fields.filter_map(|field| hash.get(field, <[u8]>::len)).map(|length| length + LINES).sum();
    call.afford_answer(bytes)
}

/// The expiry that a number stands for, in milliseconds since the Unix epoch. It may have passed. Valkey takes later ones than Redis:
/// what its replicas are told is the latest that there is here.
///
/// # Errors
/// As Redis has them.
fn resolve(TimeFormat(unit, base): TimeFormat, call: &Call<'_>, number: i64) -> Result<u64, CommandError> {
    if number < 0 {
        return Err(NEGATIVE);
    }
    let milliseconds = match unit {
        Unit::Seconds => number.checked_mul(1000),
        Unit::Milliseconds => Some(number),
    };
    let start = match base {
        TimeBase::Relative => call.now() as i64,
        TimeBase::Absolute => 0,
    };
    match milliseconds.and_then(|milliseconds| milliseconds.checked_add(start)) {
        Some(at) if at <= LATEST => Ok(at as u64),
        Some(at) if call.must_obey() => Ok(MAX_FIELD_EXPIRY.min(at as u64)),
        _ => Err(invalid_expire_time(call.name())),
    }
}

/// What a reply says of the expiry of a field that is missing, and of one that has none.
const NO_SUCH_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
