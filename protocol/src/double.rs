//! Doubles as text, as Redis writes them.

use std::{
    fmt::{self, Write},
    ops::Deref,
};

/// The integers below this are written with all of their digits.
const MAX_INTEGER: f64 = (1_u64 << 62) as f64;

/// The text of a double, on the stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoubleText {
    // The longest text is a sign, 17 digits, a point and `e-308`.
    bytes: [u8; 32],
    len: usize,
}

/// Returns the text of a double as Redis 8 and Valkey 9 write it: the shortest one that parses as `number`, with an exponent if
/// it is large or small; or `inf`, `-inf`, `nan`.
///
/// ```
/// use kvstore_protocol::format_double;
///
/// assert_eq!(&*format_double(0.1), "0.1");
/// assert_eq!(&*format_double(1e20), "1e+20");
/// ```
pub fn format_double(number: f64) -> DoubleText {
    let (mut text, magnitude) = (DoubleText::default(), number.abs());
    if number.is_nan() {
        text.push("nan");
        return text;
    }
    if number.is_sign_negative() {
        text.push("-");
    }
    if magnitude.is_infinite() {
        text.push("inf");
    } else if magnitude == magnitude.trunc() && magnitude < MAX_INTEGER {
        text.push(itoa::Buffer::new().format(magnitude as u64));
    } else {
        text.push_shortest(magnitude);
    }
    text
}

impl DoubleText {
    /// The text, which is ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Appends a positive number: without an exponent, if that adds few zeros.
    fn push_shortest(&mut self, number: f64) {
        let mut scientific = Self::default();
        let _ = write!(scientific, "{number:e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (first, others) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let power: isize = exponent.parse().unwrap_or(0);
        // The power of ten of the last digit.
        let last = power - others.len() as isize;
        let most_zeros = 7 - self.len as isize;
        match last {
            0.. if power <= others.len() as isize + most_zeros => {
                self.push_all([first, others]);
                self.push_zeros(last);
            }
            ..0 if last > -7 || power.abs() < 4 => match usize::try_from(power) {
                Ok(whole) => self.push_all([first, &others[..whole], ".", &others[whole..]]),
                Err(_) => {
                    self.push("0.");
                    self.push_zeros(-power - 1);
                    self.push_all([first, others]);
                }
            },
            _ => self.push_all([mantissa, "e", if power < 0 { "" } else { "+" }, exponent]),
        }
    }

    fn push_zeros(&mut self, count: isize) {
        (0..count).for_each(|_| self.push("0"));
    }

    fn push_all<const N: usize>(&mut self, parts: [&str; N]) {
        parts.iter().for_each(|part| self.push(part));
    }

    fn push(&mut self, part: &str) {
        self.bytes[self.len..][..part.len()].copy_from_slice(part.as_bytes());
        self.len += part.len();
    }
}

impl Deref for DoubleText {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Write for DoubleText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.push(part);
        Ok(())
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
            assert_eq!(&*format_double(number), text);
        }
    }
}
