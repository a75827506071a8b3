//! Numbers of Lua as arguments of commands.

use std::fmt::Write;

/// Appends the text of a number: of an integer its digits, of any other 17 significant digits, as `%.17g` of C.
pub(super) fn push_number(number: f64, text: &mut Vec<u8>) {
    let integer = number as i64;
    // The negative zero is no integer.
    if integer as f64 == number && integer != i64::MAX && !(number == 0.0 && number.is_sign_negative()) {
        return text.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    }
    text.extend_from_slice(with_17_digits(number).as_bytes());
}

fn with_17_digits(number: f64) -> String {
    const DIGITS: i32 = 17;
    if !number.is_finite() {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        return format!("{sign}{}", if number.is_nan() { "nan" } else { "inf" });
    }
    let scientific = format!("{number:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..DIGITS).contains(&exponent) {
        let fixed = format!("{number:.*}", (DIGITS - 1 - exponent) as usize);
        return without_zeros(&fixed).to_owned();
    }
    let mut text = without_zeros(mantissa).to_owned();
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(text, "e{sign}{:02}", exponent.abs());
    text
}

/// The text without zeros at the end of its fraction.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_digits_and_others_have_seventeen() {
        for (number, expected) in [
            (3.0, "3"),
            (-5.0, "-5"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1e15, "1000000000000000"),
            (9007199254740992.0, "9007199254740992"),
            (3.5, "3.5"),
            (0.1, "0.10000000000000001"),
            (2.1, "2.1000000000000001"),
            (1e300, "1.0000000000000001e+300"),
            (1e20, "1e+20"),
            (1e-7, "9.9999999999999995e-08"),
            (0.0001, "0.0001"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut text = Vec::new();
            push_number(number, &mut text);
            assert_eq!(String::from_utf8_lossy(&text), expected, "{number:?}");
        }
    }
}
