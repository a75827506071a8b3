//! Doubles as text, as Redis writes them.

use std::borrow::Cow;

/// The integers below this are written with all of their digits.
const MAX_INTEGER: f64 = (1_u64 << 62) as f64;

/// Returns the text of a double as Redis 8 and Valkey 9 write it: the shortest one that parses as `number`, with an exponent if
/// it is large or small; or `inf`, `-inf`, `nan`.
///
/// ```
/// use kvstore_protocol::format_double;
///
/// assert_eq!(format_double(0.1), "0.1");
/// assert_eq!(format_double(1e20), "1e+20");
/// ```
pub fn format_double(number: f64) -> Cow<'static, str> {
    if number.is_nan() {
        return Cow::Borrowed("nan");
    }
    if number.is_infinite() {
        return Cow::Borrowed(if number > 0.0 { "inf" } else { "-inf" });
    }
    if number == 0.0 {
        return Cow::Borrowed(if number.is_sign_negative() { "-0" } else { "0" });
    }
    if number == number.trunc() && number.abs() < MAX_INTEGER {
        return Cow::Owned((number as i64).to_string());
    }
    Cow::Owned(shortened(&format!("{number:e}")))
}

/// Writes a number such as `1.5e-7` without an exponent, if that adds few zeros.
fn shortened(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific.to_owned() };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let digits = mantissa.replace('.', "");
    let exponent: isize = exponent.parse().unwrap_or(0);
    // The power of ten of the last digit.
    let power = exponent + 1 - digits.len() as isize;
    let most_zeros = 7 - sign.len() as isize;
    match power {
        0.. if exponent < digits.len() as isize + most_zeros => format!("{sign}{digits}{}", zeros(power)),
        ..0 if power > -7 || exponent.abs() < 4 => match usize::try_from(exponent) {
            Ok(exponent) => format!("{sign}{}.{}", &digits[..=exponent], &digits[exponent + 1..]),
            Err(_) => format!("{sign}0.{}{digits}", zeros(-exponent - 1)),
        },
        _ => format!("{sign}{mantissa}e{exponent:+}"),
    }
}

fn zeros(count: isize) -> String {
    "0".repeat(count.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_redis_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (3.0e-4, "0.0003"),
            (1e-5, "0.00001"),
            (-1e-5, "-0.00001"),
            (1e-6, "0.000001"),
            (1.2e-5, "0.000012"),
            (1.23e-5, "1.23e-5"),
            (1.1e-6, "1.1e-6"),
            (1e-7, "1e-7"),
            (-1e-7, "-1e-7"),
            (1.5e-7, "1.5e-7"),
            (123.456, "123.456"),
            (12.000001, "12.000001"),
            (3.0000000001, "3.0000000001"),
            (1e17, "100000000000000000"),
            (123456789012345678.0, "123456789012345680"),
            (4.6e18, "4600000000000000000"),
            (-4.6e18, "-4600000000000000000"),
            (4.7e18, "4.7e+18"),
            (1e20, "1e+20"),
            (-1e20, "-1e+20"),
            (12345678912345678912.0, "12345678912345680000"),
            (1.234e300, "1.234e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(format_double(number), text);
        }
    }
}
