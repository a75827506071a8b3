//! Numbers as text, written as C's `%.14g` does and read as its `strtod`.

use std::io::Write;

/// The longest text of a number: a sign, 14 digits, a point, and `e-308` or four zeros.
const LONGEST: usize = 32;

/// Powers of ten that a `u64` holds.
const POWERS: [u64; 16] = {
    let mut powers = [1; 16];
    let mut exponent = 1;
    while exponent < 16 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// The text of a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Text {
    /// A number to `precision` significant digits, of which there may be 1 to 14, without zeros at the end.
    pub(super) fn of(number: f64, precision: usize) -> Self {
        let mut text = Self { bytes: [0; LONGEST], length: 0 };
        if number.is_sign_negative() && !number.is_nan() {
            text.push(b"-");
        }
        let magnitude = number.abs();
        if magnitude.is_nan() {
            text.push(b"nan");
        } else if magnitude.is_infinite() {
            text.push(b"inf");
        } else if magnitude < POWERS[precision] as f64 && magnitude.trunc() == magnitude {
            text.integer(magnitude as u64);
        } else {
            text.decimal(magnitude, precision);
        }
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn integer(&mut self, number: u64) {
        let mut buffer = itoa::Buffer::new();
        self.push(buffer.format(number).as_bytes());
    }

    /// A number that is no integer of so many digits. In positional notation if its exponent is -4 or more, and below the precision.
    fn decimal(&mut self, magnitude: f64, precision: usize) {
        let mut digits = [0; 14];
        let exponent = significant(magnitude, &mut digits[..precision]);
        let used = digits.iter().rposition(|digit| *digit != b'0' && *digit != 0).map_or(1, |last| last + 1);
        let digits = &digits[..used];
        match usize::try_from(exponent) {
            Ok(exponent) if exponent < precision => self.positional(digits, exponent + 1),
            Err(_) if exponent >= -4 => {
                self.push(b"0.");
                self.push(&b"000"[..(-exponent - 1).unsigned_abs() as usize]);
                self.push(digits);
            }
            _ => self.scientific(digits, exponent),
        }
    }

    /// Digits of which `whole` are before the point.
    fn positional(&mut self, digits: &[u8], whole: usize) {
        match digits.split_at_checked(whole) {
            Some((before, after)) => {
                self.push(before);
                if !after.is_empty() {
                    self.push(b".");
                    self.push(after);
                }
            }
            None => {
                self.push(digits);
                self.push(&[b'0'; 14][..whole - digits.len()]);
            }
        }
    }

    fn scientific(&mut self, digits: &[u8], exponent: i32) {
        self.positional(digits, 1);
        self.push(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.unsigned_abs() < 10 {
            self.push(b"0");
        }
        self.integer(exponent.unsigned_abs().into());
    }
}

/// Rounds to as many digits as there is room for, and returns the exponent of the first one.
fn significant(magnitude: f64, digits: &mut [u8]) -> i32 {
    let mut text = [0; LONGEST];
    let mut rest = &mut text[..];
    // Such as 1.2345e-7, with as many digits as asked for: at most 14 and 7 characters more.
    let _ = write!(rest, "{magnitude:.*e}", digits.len() - 1);
    let left = rest.len();
    let text = &text[..LONGEST - left];
    let mark = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(mark);
    let shown = mantissa.iter().filter(|byte| **byte != b'.');
    digits.iter_mut().zip(shown).for_each(|(digit, byte)| *digit = *byte);
    let exponent = exponent.get(1..).and_then(|text| std::str::from_utf8(text).ok());
    exponent.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The number at the begin of `text`, and how many bytes it has. `None` if there is none.
pub(super) fn read(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let is_negative = text.first() == Some(&b'-');
    let whole = sign + digits(&text[sign..]);
    match text.get(whole) {
        Some(b'.' | b'e' | b'E') => {}
        Some(b'x' | b'X') if text[sign..whole] == *b"0" => {
            if let Some((number, length)) = hexadecimal(&text[whole + 1..]) {
                return Some((signed(number, is_negative), whole + 1 + length));
            }
        }
        Some(b'i' | b'I' | b'n' | b'N') if whole == sign => {
            let (number, length) = word(&text[sign..])?;
            return Some((signed(number, is_negative), sign + length));
        }
        // An integer of 18 digits is one of 64 bits.
        _ if (1..=18).contains(&(whole - sign)) => return Some((integer(&text[sign..whole], is_negative), whole)),
        _ => {}
    }
    let length = decimal(text, whole);
    let number = std::str::from_utf8(&text[..length]).ok()?.parse().ok()?;
    Some((number, length))
}

fn signed(magnitude: f64, is_negative: bool) -> f64 {
    if is_negative { -magnitude } else { magnitude }
}

/// An infinity or NaN.
fn word(text: &[u8]) -> Option<(f64, usize)> {
    let is = |word: &[u8]| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    if is(b"infinity") {
        Some((f64::INFINITY, 8))
    } else if is(b"inf") {
        Some((f64::INFINITY, 3))
    } else if is(b"nan") {
        let inner = text[3..].strip_prefix(b"(").unwrap_or_default();
        let letters = inner.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let brackets = if inner.get(letters) == Some(&b')') { letters + 2 } else { 0 };
        Some((f64::NAN, 3 + brackets))
    } else {
        None
    }
}

/// A hexadecimal number behind its `0x`: digits with a point, and an exponent of two behind a `p`.
fn hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let (mut mantissa, mut exponent, mut length, mut seen, mut point) = (0_u64, 0_i64, 0, false, false);
    for byte in text {
        match char::from(*byte).to_digit(16) {
            Some(digit) if mantissa >> 60 == 0 => mantissa = mantissa << 4 | u64::from(digit),
            // What is lost is kept as the lowest bit, for rounding.
            Some(digit) => {
                mantissa |= u64::from(digit != 0);
                exponent += 4;
            }
            None if *byte == b'.' && !point => {
                point = true;
                length += 1;
                continue;
            }
            None => break,
        }
        seen = true;
        exponent -= if point { 4 } else { 0 };
        length += 1;
    }
    if !seen {
        return None;
    }
    let (power, more) = binary_exponent(&text[length..]);
    Some((scaled(mantissa, exponent.saturating_add(power)), length + more))
}

/// The exponent behind a `p`, and its length.
fn binary_exponent(text: &[u8]) -> (i64, usize) {
    let Some((b'p' | b'P', rest)) = text.split_first() else { return (0, 0) };
    let sign = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
    let count = digits(&rest[sign..]);
    if count == 0 {
        return (0, 0);
    }
    let append = |power: i64, digit: &u8| power.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let power = rest[sign..sign + count].iter().fold(0, append);
    (if rest[0] == b'-' { -power } else { power }, 1 + sign + count)
}

/// `mantissa * 2^exponent`, rounded to even once.
fn scaled(mantissa: u64, exponent: i64) -> f64 {
    /// The exponent of the smallest double.
    const SMALLEST: i64 = -1074;
    if mantissa == 0 {
        return 0.0;
    }
    let zeros = mantissa.leading_zeros();
    let (mantissa, exponent) = (mantissa << zeros, exponent.saturating_sub(i64::from(zeros)));
    // A double has 53 bits, and fewer near zero.
    let drop = SMALLEST.saturating_sub(exponent).max(11);
    let Some(kept) = u32::try_from(drop).ok().filter(|drop| *drop <= 64) else { return 0.0 };
    let wide = u128::from(mantissa);
    let (whole, rest, half) = (wide >> kept, wide & ((1 << kept) - 1), 1_u128 << (kept - 1));
    let rounded = whole + u128::from(rest > half || rest == half && whole & 1 == 1);
    let exponent = exponent.saturating_add(drop).min(2000) as i32;
    // In two steps, as the power itself may be out of range.
    let first = exponent / 2;
    rounded as f64 * 2_f64.powi(first) * 2_f64.powi(exponent - first)
}

/// How many digits there are at the begin.
fn digits(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}

fn integer(digits: &[u8], is_negative: bool) -> f64 {
    let magnitude = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0')) as f64;
    if is_negative { -magnitude } else { magnitude }
}

/// The length of a decimal number whose first `whole` bytes are its sign and the digits before the point.
fn decimal(text: &[u8], whole: usize) -> usize {
    let mut length = whole;
    if text.get(length) == Some(&b'.') {
        length += 1 + digits(&text[length + 1..]);
    }
    if let Some(b'e' | b'E') = text.get(length) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'-' | b'+')));
        let exponent = digits(text.get(length + 1 + sign..).unwrap_or_default());
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

/// Whether a number begins as one that C reads and JSON does not have: with a plus, a needless zero, in hexadecimal, or as an
/// infinity or NaN.
pub(super) fn is_invalid(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'+', ..] => text[0] == b'+',
        [b'0', second, ..] => matches!(second, b'x' | b'X' | b'0'..=b'9'),
        [b'i' | b'I' | b'n' | b'N', ..] => {
            let word = digits.get(..3).unwrap_or_default();
            word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, read};

    #[test]
    fn numbers_are_written_as_c_does() {
        let written = |number, precision| String::from_utf8(Text::of(number, precision).as_bytes().to_vec());
        for (number, precision, text) in [
            (101.0, 14, "101"),
            (-0.0, 14, "-0"),
            (1e14, 14, "1e+14"),
            (99_999_999_999_999.0, 14, "99999999999999"),
            (99_999_999_999_999.5, 14, "1e+14"),
            (0.1 + 0.2, 14, "0.3"),
            (1.0 / 3.0, 3, "0.333"),
            (0.0001, 14, "0.0001"),
            (0.000_099, 14, "9.9e-05"),
            (123_456.0, 3, "1.23e+05"),
            (1200.0, 2, "1.2e+03"),
            (1.7976931348623157e308, 14, "1.7976931348623e+308"),
            (5e-324, 14, "4.9406564584125e-324"),
            (f64::INFINITY, 14, "inf"),
            (f64::NEG_INFINITY, 14, "-inf"),
            (f64::NAN, 14, "nan"),
        ] {
            assert_eq!(written(number, precision).as_deref(), Ok(text));
        }
    }

    #[test]
    fn numbers_are_read_as_c_does() {
        for (text, number, length) in [
            ("12]", 12.0, 2),
            ("-0", -0.0, 2),
            ("+5", 5.0, 2),
            ("007", 7.0, 3),
            ("1.", 1.0, 2),
            ("-.5x", -0.5, 3),
            ("1e", 1.0, 1),
            ("1e+", 1.0, 1),
            ("1.5e3,", 1500.0, 5),
            ("1e999", f64::INFINITY, 5),
            ("0x", 0.0, 1),
            ("0x1F", 31.0, 4),
            ("-0x1.8p1", -3.0, 8),
            ("0x.8", 0.5, 4),
            ("0x1p", 1.0, 3),
            ("0x1p-1074", 5e-324, 9),
            ("0x1p-1075", 0.0, 9),
            ("0x3p-1075", 1e-323, 9),
            ("0x1p99999999999999999999", f64::INFINITY, 24),
            ("0x20000000000001", 9_007_199_254_740_992.0, 16),
            ("0x200000000000010000000000001", 2_f64.powi(105) + 2_f64.powi(53), 29),
            ("-infinity", f64::NEG_INFINITY, 9),
            ("INFx", f64::INFINITY, 3),
            ("12345678901234567890", 12_345_678_901_234_567_890.0, 20),
        ] {
            let (read, read_length) = read(text.as_bytes()).expect(text);
            assert_eq!((read.to_bits(), read_length), (number.to_bits(), length), "{text}");
        }
        for (text, length) in [("nan", 3), ("-NaN(1_a)", 9), ("nan(", 3), ("nan(-)", 3)] {
            let (number, read_length) = read(text.as_bytes()).expect(text);
            assert!(number.is_nan() && read_length == length, "{text}");
        }
        for text in ["", "-", "+", "-.", "x", "i", "-n", "e5", "--1"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
