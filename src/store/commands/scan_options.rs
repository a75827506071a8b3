//! The arguments of SCAN, HSCAN, SSCAN and ZSCAN.

use kvstore_protocol::{ByteString, CommandError, Packed, Pattern, Response};

use crate::store::{
    args::Args,
    call::Call,
    rdb::{AnyRef, AnyType},
    spec::Answer,
    value::DataType,
};

/// `cursor [MATCH pattern] [COUNT count] [TYPE type] [NOVALUES]`.
#[derive(Debug)]
pub(super) struct ScanOptions<'a> {
    pub(super) cursor: u64,
    pattern: Option<Pattern<'a>>,
    pub(super) count: usize,
    /// The type of the keys.
    pub(super) kind: Option<&'a [u8]>,
    /// Whether only the fields are answered.
    pub(super) is_short: bool,
}

/// How many elements of a list are as much work as one that is visited.
const ELEMENT: usize = 4;

impl<'a> ScanOptions<'a> {
    /// Those of SCAN.
    ///
    /// # Errors
    /// As Redis has them.
    pub(super) fn of_keys(args: &Args<'a>) -> Result<Self, CommandError> {
        Self::parse(args, 0, Some("TYPE"), None)
    }

    /// Those of the scan of a collection; `None` if it is missing, whatever the options are. `short` is the keyword that leaves
    /// the values out.
    ///
    /// # Errors
    /// As Redis has them.
    pub(super) fn of_elements<T: DataType>(
        call: &mut Call<'a>,
        short: Option<&str>,
    ) -> Result<Option<Self>, CommandError> {
        let args = call.args();
        cursor(args.bytes(1))?;
        if call.find::<T>(0)?.is_none() {
            return Ok(None);
        }
        let options = Self::parse(&args, 1, None, short)?;
        let length = call.find::<AnyType>(0)?.map_or(0, AnyRef::len);
        call.afford_elements(options.count.min(length).saturating_mul(ELEMENT))?;
        Ok(Some(options))
    }

    fn parse(args: &Args<'a>, index: usize, kind: Option<&str>, short: Option<&str>) -> Result<Self, CommandError> {
        let cursor = cursor(args.bytes(index))?;
        let mut scan = Self { cursor, pattern: None, count: 10, kind: None, is_short: false };
        let mut options = args.options(index + 1);
        loop {
            if options.keyword("MATCH") {
                scan.pattern = Some(Pattern::new(options.value()?));
            } else if options.keyword("COUNT") {
                scan.count = count(options.integer()?)?;
            } else if kind.is_some_and(|keyword| options.keyword(keyword)) {
                scan.kind = Some(options.value()?);
            } else if short.is_some_and(|keyword| options.keyword(keyword)) {
                scan.is_short = true;
            } else if options.keyword("NOVALUES") {
                return Err(CommandError::new("ERR", "NOVALUES option can only be used in HSCAN"));
            } else if options.keyword("NOSCORES") {
                return Err(CommandError::new("ERR", "NOSCORES option can only be used in ZSCAN"));
            } else {
                break;
            }
        }
        options.finish()?;
        Ok(scan)
    }

    /// Whether a name matches the pattern.
    pub(super) fn admits(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(name))
    }

    /// Scans from the cursor on until about `count` elements were visited, and returns the next cursor. `step` visits one
    /// bucket, counts what it visits, and returns the next cursor.
    pub(super) fn scan(&self, mut step: impl FnMut(u64, &mut usize) -> u64) -> u64 {
        let (mut cursor, mut visited, mut steps) = (self.cursor, 0, 0);
        loop {
            cursor = step(cursor, &mut visited);
            steps += 1;
            // Empty buckets count too: a table that has shrunk may have many.
            if cursor == 0 || visited >= self.count || steps >= self.count.saturating_mul(10) {
                return cursor;
            }
        }
    }
}

/// The answer of a scan.
///
/// # Errors
/// Those of [`Call::collected`].
pub(super) fn scan_answer(call: &mut Call<'_>, cursor: u64, found: Packed) -> Answer {
    let cursor = ByteString::from(itoa::Buffer::new().format(cursor));
    Ok(Response::Array(vec![cursor.into(), call.collected(found)?]))
}

fn cursor(bytes: &[u8]) -> Result<u64, CommandError> {
    let digits = std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(CommandError::new("ERR", "invalid cursor"))
}

fn count(number: i64) -> Result<usize, CommandError> {
    usize::try_from(number).ok().filter(|count| *count > 0).ok_or(CommandError::SYNTAX)
}
