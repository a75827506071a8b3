//! Doubles as text, as Redis writes them.

use std::borrow::Cow;

/// Returns the text of a double as Redis writes it: the shortest one that parses as `number`, with an exponent where `%.17g`
/// has one; or `inf`, `-inf`, `nan`.
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
    if number == number.trunc() && number.abs() < 1e17 {
        // `-0` stays signed, as `%.17g` writes it.
        let sign = if number == 0.0 && number.is_sign_negative() { "-" } else { "" };
        return Cow::Owned(format!("{sign}{}", number as i64));
    }
    Cow::Owned(as_c_writes(&format!("{number:e}")))
}

/// Writes a number such as `1.5e-7` as C's `%g` does: without an exponent from 10^-4 on, else with a sign and at least
/// two digits in it.
fn as_c_writes(scientific: &str) -> String {
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific.to_owned() };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..17).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let digits = digits.replace('.', "");
    match usize::try_from(exponent) {
        Ok(exponent) if exponent + 1 < digits.len() => {
            format!("{sign}{}.{}", &digits[..=exponent], &digits[exponent + 1..])
        }
        Ok(exponent) => format!("{sign}{digits}{}", "0".repeat(exponent + 1 - digits.len())),
        Err(_) => format!("{sign}0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1)),
    }
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
            (1e-5, "1e-05"),
            (123.456, "123.456"),
            (1.5e-7, "1.5e-07"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e20, "1e+20"),
            (1.234e300, "1.234e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(format_double(number), text);
        }
    }
}
