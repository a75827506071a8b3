//! Doubles, as Redis reads them.

use super::{decimal::split_exponent, hexadecimal::Hexadecimal};

/// Parses a number as `strtod` does: decimal, hexadecimal, or an infinity. Returns `None` for NaN, for a number that is too
/// large or too small for a double, and for anything else.
pub(crate) fn parse_double(bytes: &[u8]) -> Option<f64> {
    let (sign, unsigned) = split_sign(bytes);
    let number = parse_unsigned(unsigned)?;
    let is_out_of_range = match unsigned {
        [b'0', b'x' | b'X', ..] => number.is_infinite(),
        [b'0'..=b'9' | b'.', ..] => number.is_infinite() || number == 0.0 && has_digits(unsigned),
        _ => false,
    };
    (!is_out_of_range).then_some(sign * number)
}

/// Parses a bound of a range. Redis checks less here: a number that is too large is infinite, and one that is too small is 0, as is
/// nothing at all.
pub(crate) fn parse_double_bound(bytes: &[u8]) -> Option<f64> {
    let (sign, unsigned) = split_sign(bytes);
    if bytes.is_empty() { Some(0.0) } else { Some(sign * parse_unsigned(unsigned)?) }
}

#[inline]
fn split_sign(bytes: &[u8]) -> (f64, &[u8]) {
    match bytes {
        [b'-', rest @ ..] => (-1.0, rest),
        [b'+', rest @ ..] => (1.0, rest),
        _ => (1.0, bytes),
    }
}

/// A number that is too large is infinite, and one that is too small is 0.
#[inline]
fn parse_unsigned(unsigned: &[u8]) -> Option<f64> {
    match unsigned {
        [b'0', b'x' | b'X', hexadecimal @ ..] => {
            let (mantissa, exponent) = split_exponent(hexadecimal, b'p')?;
            Some(Hexadecimal::parse(mantissa, exponent)?.to_double())
        }
        [b'0'..=b'9' | b'.', ..] => std::str::from_utf8(unsigned).ok()?.parse().ok(),
        _ => {
            let is_infinite = unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity");
            is_infinite.then_some(f64::INFINITY)
        }
    }
}

/// Whether there is a digit but 0 in front of the exponent.
fn has_digits(unsigned: &[u8]) -> bool {
    let mantissa = unsigned.iter().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e'));
    mantissa.into_iter().any(|byte| (b'1'..=b'9').contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, number) in [
            ("1", 1.0),
            ("-1.5", -1.5),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("0x1.8p3", 12.0),
            ("-0X10", -16.0),
            ("0x1p-1074", 5e-324),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0e-999", 0.0),
            ("1e-320", 1e-320),
            ("9007199254740993", 9_007_199_254_740_992.0),
        ] {
            assert_eq!(parse_double(text.as_bytes()), Some(number), "{text}");
        }
        for text in
            ["", "-", "nan", "-nan", "1x", " 1", "1 ", "e5", "1e", "1e400", "-1e400", "1e-400", "0x", "--1", "0x1p2000"]
        {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn bounds_have_no_limit() {
        for (text, number) in [
            ("1.5", 1.5),
            ("", 0.0),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("0x1p2000", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_double_bound(text.as_bytes()), Some(number), "{text}");
        }
        for text in [" ", " 1", "-", "nan", "1x", "1 ", "--1"] {
            assert_eq!(parse_double_bound(text.as_bytes()), None, "{text}");
        }
    }
}
