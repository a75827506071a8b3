//! Parameters that are a number of bytes.

use kvstore_protocol::parse_integer;

/// The least of the parameters that bound a request.
const MIB: usize = 1 << 20;

/// Parses a number of bytes as Redis does: `100`, `1k` for 1000, `1kb` for 1024, and so on to `gb`.
///
/// ```
/// use kvstore::store::parse_bytes;
///
/// assert_eq!([parse_bytes(b"1mb"), parse_bytes(b"1M"), parse_bytes(b"1x")], [Some(1 << 20), Some(1_000_000), None]);
/// ```
pub fn parse_bytes(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let unit = match &*unit.to_ascii_lowercase() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    usize::try_from(parse_integer(number)?).ok()?.checked_mul(unit)
}

/// A number of bytes that is 1 MiB or more.
pub(super) fn parse_large(value: &[u8]) -> Result<usize, &'static str> {
    let bytes = parse_bytes(value).ok_or("argument must be a memory value")?;
    let is_valid = (MIB..=i64::MAX as usize).contains(&bytes);
    is_valid.then_some(bytes).ok_or("argument must be between 1048576 and 9223372036854775807 inclusive")
}

/// A number of bytes, or a part of `whole` as `25%`. 0 is no limit.
pub(super) fn parse_bytes_or_percent(value: &[u8], whole: Option<u64>) -> Result<usize, &'static str> {
    const INVALID: &str = "argument must be a memory or percent value";
    let bytes = match value.strip_suffix(b"%") {
        Some(percent) => {
            let percent = parse_integer(percent).filter(|percent| (0..=100).contains(percent)).ok_or(INVALID)?;
            (u128::from(whole.ok_or("the memory of the machine is not known")?) * percent as u128 / 100) as usize
        }
        None => parse_bytes(value).ok_or(INVALID)?,
    };
    Ok(if bytes == 0 { usize::MAX } else { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_of_bytes_or_a_part_of_the_memory() {
        let parse = |text: &str| parse_bytes_or_percent(text.as_bytes(), Some(1000));
        assert_eq!(
            [parse("0"), parse("0%"), parse("25%"), parse("1kb")],
            [Ok(usize::MAX), Ok(usize::MAX), Ok(250), Ok(1024)]
        );
        assert!([parse("101%"), parse("-1"), parse("%"), parse("1x")].iter().all(Result::is_err));
        assert!(parse_bytes_or_percent(b"10%", None).is_err());
        assert!(parse_large(b"1023kb").is_err() && parse_large(b"1mb") == Ok(1 << 20));
    }
}
