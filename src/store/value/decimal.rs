//! [`Decimal`]: exact addition of decimal numbers, for INCRBYFLOAT.
//!
//! Redis adds in the widest float of the C compiler, which has 80 bits on some machines and 128 on others. Here the same
//! commands lead to the same state on every machine: the sum is exact, and rounded once. A sum that Redis shows as
//! `5000.10000000000000009` is `5000.1` here.

use std::cmp::Ordering;

use super::hexadecimal::Hexadecimal;

/// The longest text that is parsed. Every sum is shorter, so that it can be parsed again.
const MAX_LEN: usize = 5 * 1024 - 1;

/// The powers of ten that Redis parses.
const POWERS: std::ops::RangeInclusive<i64> = -4951..=4932;

/// Greater exponents are read as this one. With it, a number is out of range however many digits it has.
const MAX_EXPONENT: i64 = 1_000_000;

/// The number of digits after the decimal point of a sum.
const FRACTION_DIGITS: i64 = 17;

/// The largest number that Redis stores, a float of 80 bits.
const LARGEST: &[u8] = b"1.18973149535723176502e4932";

/// A decimal number, or infinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decimal {
    Finite(Finite),
    Infinite,
}

/// A decimal number.
#[derive(Clone, Debug)]
pub(crate) struct Finite {
    is_negative: bool,
    /// From the most to the least significant.
    digits: Vec<u8>,
    /// The power of ten of the last digit.
    power: i64,
}

impl Decimal {
    /// Parses a number such as `-12.5`, `1e3`, `.5`, `0x1.8p3`, `inf`.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (is_negative, unsigned) = match bytes {
            _ if bytes.len() > MAX_LEN => return None,
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, bytes),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite);
        }
        let (digits, power) = match unsigned {
            [b'0', b'x' | b'X', hexadecimal @ ..] => {
                let (mantissa, exponent) = split_exponent(hexadecimal, b'p')?;
                Hexadecimal::parse(mantissa, exponent)?.to_decimal()
            }
            _ => {
                let (mantissa, exponent) = split_exponent(unsigned, b'e')?;
                parse_digits(mantissa, exponent)?
            }
        };
        Some(Self::Finite(Finite { is_negative, digits, power }))
    }
}

/// Splits a number at the letter in front of its exponent, which is 0 if there is none.
pub(super) fn split_exponent(unsigned: &[u8], letter: u8) -> Option<(&[u8], i64)> {
    let at = unsigned.iter().position(|byte| byte.eq_ignore_ascii_case(&letter));
    at.map_or(Some((unsigned, 0)), |at| Some((&unsigned[..at], parse_exponent(&unsigned[at + 1..])?)))
}

fn parse_exponent(bytes: &[u8]) -> Option<i64> {
    let (sign, digits) = match bytes {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| (10 * value + i64::from(digit - b'0')).min(MAX_EXPONENT));
    Some(sign * value)
}

/// The digits without leading zeros, and the power of ten of the last one. Returns `None` for a number out of range.
fn parse_digits(mantissa: &[u8], exponent: i64) -> Option<(Vec<u8>, i64)> {
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
    let digits: Vec<u8> = whole.iter().chain(fraction).map(|digit| digit.wrapping_sub(b'0')).collect();
    if digits.is_empty() || digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    let Some(first) = digits.iter().position(|digit| *digit != 0) else { return Some((vec![0], 0)) };
    let power = exponent - fraction.len() as i64;
    let highest = power + (digits.len() - first - 1) as i64;
    POWERS.contains(&highest).then(|| (digits[first..].to_vec(), power))
}

/// A decimal number, or an infinity with a sign: a sum or a bound. In the order of numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extended {
    NegativeInfinity,
    Finite(Finite),
    Infinity,
}

impl Extended {
    /// Parses a number as [`Decimal::parse`] does.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        match Decimal::parse(bytes)? {
            Decimal::Finite(number) => Some(Self::Finite(number)),
            Decimal::Infinite => Some(Self::infinity(bytes.starts_with(b"-"))),
        }
    }

    /// The sum of two numbers, as [`Finite::plus`] rounds it.
    pub(crate) fn sum(left: &Finite, right: &Finite) -> Self {
        left.plus(right).map_or_else(|| Self::infinity(right.is_negative), Self::Finite)
    }

    fn infinity(is_negative: bool) -> Self {
        if is_negative { Self::NegativeInfinity } else { Self::Infinity }
    }
}

impl PartialEq for Finite {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Finite {}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In the order of numbers.
impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        let power = self.power.min(other.power);
        let length = self.highest().max(other.highest()) - power + 1;
        let (left, right) = (self.aligned(power, length), other.aligned(power, length));
        match (self.is_negative, other.is_negative) {
            (false, false) => left.cmp(&right),
            (true, true) => right.cmp(&left),
            _ if left.iter().chain(&right).all(|digit| *digit == 0) => Ordering::Equal,
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl Finite {
    pub(crate) const ZERO: Self = Self { is_negative: false, digits: Vec::new(), power: 0 };

    /// The largest number.
    pub(crate) fn largest() -> Self {
        match Decimal::parse(LARGEST) {
            Some(Decimal::Finite(largest)) => largest,
            _ => unreachable!("it is a decimal number"),
        }
    }

    pub(crate) fn negated(&self) -> Self {
        Self { is_negative: !self.is_negative, ..self.clone() }
    }

    /// The nearest double; an infinity if it is too large.
    pub(crate) fn to_double(&self) -> f64 {
        self.to_text().parse().unwrap_or_default()
    }

    /// The sum, rounded to 17 digits after the decimal point. `None` if it exceeds the range of Redis.
    pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
        let power = self.power.min(other.power);
        let length = self.highest().max(other.highest()) - power + 2;
        let (mut left, mut right) = (self.aligned(power, length), other.aligned(power, length));
        if self.is_negative == other.is_negative {
            add(&mut left, &right);
            return Self { is_negative: self.is_negative, digits: left, power }.in_range();
        }
        let mut is_negative = self.is_negative;
        if left < right {
            std::mem::swap(&mut left, &mut right);
            is_negative = other.is_negative;
        }
        subtract(&mut left, &right);
        Self { is_negative, digits: left, power }.in_range()
    }

    /// The number without an exponent and without trailing zeros.
    pub(crate) fn to_text(&self) -> String {
        let behind = (-self.power).max(0) as usize;
        let mut text: String = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        text.extend(std::iter::repeat_n('0', self.power.max(0) as usize));
        if text.len() <= behind {
            text.insert_str(0, &"0".repeat(behind + 1 - text.len()));
        }
        let fraction = text.split_off(text.len() - behind);
        let fraction = fraction.trim_end_matches('0');
        let whole = match text.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        let sign = if self.is_negative && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }

    /// The power of ten of the first digit.
    fn highest(&self) -> i64 {
        self.power + self.digits.len() as i64 - 1
    }

    /// `length` digits, of which the last is for `power`.
    fn aligned(&self, power: i64, length: i64) -> Vec<u8> {
        let after = (self.power - power) as usize;
        let before = length as usize - self.digits.len() - after;
        let zeros = |count| std::iter::repeat_n(0, count);
        zeros(before).chain(self.digits.iter().copied()).chain(zeros(after)).collect()
    }

    fn in_range(self) -> Option<Self> {
        // Rounded first, which may add a digit in front.
        let rounded = self.rounded(-FRACTION_DIGITS);
        let zeros = rounded.digits.iter().take_while(|digit| **digit == 0).count();
        (rounded.highest() - zeros as i64 <= *POWERS.end()).then_some(rounded)
    }

    /// The nearest number whose last digit is for `power`; of two, the one with an even digit.
    fn rounded(self, power: i64) -> Self {
        if self.power >= power {
            return self;
        }
        let dropped = (power - self.power) as usize;
        // A zero in front takes the carry, and is the even digit if no other is left.
        let mut digits: Vec<u8> = self.aligned(self.power, self.digits.len().max(dropped) as i64 + 1);
        let tail = digits.split_off(digits.len() - dropped);
        let is_odd = digits.last().is_some_and(|digit| digit % 2 == 1);
        let is_up = match (tail[0], tail[1..].iter().any(|digit| *digit != 0)) {
            (5, false) => is_odd,
            (first, _) => first >= 5,
        };
        if is_up {
            let mut one = vec![0; digits.len()];
            one[digits.len() - 1] = 1;
            add(&mut digits, &one);
        }
        Self { is_negative: self.is_negative, digits, power }
    }
}

/// Adds digits of the same length. The first has room for the carry.
fn add(left: &mut [u8], right: &[u8]) {
    let mut carry = 0;
    for (digit, other) in left.iter_mut().zip(right).rev() {
        let sum = *digit + other + carry;
        (*digit, carry) = (sum % 10, sum / 10);
    }
}

/// Subtracts digits of the same length that are not greater.
fn subtract(left: &mut [u8], right: &[u8]) {
    let mut borrow = 0;
    for (digit, other) in left.iter_mut().zip(right).rev() {
        let difference = 10 + *digit - other - borrow;
        (*digit, borrow) = (difference % 10, 1 - difference / 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(left: &str, right: &str) -> String {
        match (Decimal::parse(left.as_bytes()), Decimal::parse(right.as_bytes())) {
            (Some(Decimal::Finite(left)), Some(Decimal::Finite(right))) => {
                left.plus(&right).map_or("overflow".to_owned(), |sum| sum.to_text())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_are_in_their_order() {
        let extended = |text: &str| Extended::parse(text.as_bytes()).expect("a number");
        let ordered = ["-inf", "-1e4932", "-12.5", "-12.49", "0", "1e-4951", "12.49", "12.5", "1e4932", "inf"];
        for pair in ordered.windows(2) {
            assert!(extended(pair[0]) < extended(pair[1]), "{pair:?}");
        }
        for (left, right) in [("0", "-0"), ("1.50", "15e-1"), ("0x10", "16"), ("007", "7"), ("0e9", "0")] {
            assert_eq!(extended(left), extended(right), "{left} {right}");
        }
    }

    #[test]
    fn sums_are_exact() {
        for (left, right, expected) in [
            ("10.5", "0.1", "10.6"),
            ("0.1", "0.2", "0.3"),
            ("3.0e3", "200", "3200"),
            ("1", "-1.1", "-0.1"),
            ("1000.1", "0.2", "1000.3"),
            ("-5", "5", "0"),
            ("-0.0", "0", "0"),
            ("1e20", "1", "100000000000000000001"),
            ("99.9", "0.1", "100"),
            (".5", "5.", "5.5"),
            ("-1e-20", "0", "0"),
            ("0.999999999999999999", "0", "1"),
            ("0.000000000000000005", "0", "0"),
            ("0.000000000000000015", "0", "0.00000000000000002"),
            ("0.0000000000000000051", "0", "0.00000000000000001"),
            ("-120", "20.25", "-99.75"),
            ("1E2", "+1e+1", "110"),
            ("0x10", "0", "16"),
            ("-0X1.8p3", "+0x.8P+0", "-11.5"),
            ("0x1e5", "0x1p-2", "485.25"),
            ("5000", "0x1p-100", "5000"),
            ("0.000000000000000005", "0x1p-16445", "0.00000000000000001"),
            ("0x0p99999999999999999999", "0e-99999999999999999999", "0"),
        ] {
            assert_eq!(sum(left, right), expected, "{left} + {right}");
            assert_eq!(sum(right, left), expected, "{right} + {left}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(sum("9e4932", "9e4932"), "overflow");
        assert_eq!(Decimal::parse(b"1e4933"), None);
        assert_eq!(Decimal::parse(b"1e-5000"), None);
        assert_eq!(Decimal::parse(b"1e99999999999999999999"), None);
        assert_eq!(Decimal::parse(b"1e-99999999999999999999"), None);
        assert_eq!(Decimal::parse(b"0x1p16384"), None);
        assert_eq!(Decimal::parse(b"0x1p-16494"), None);
        assert_eq!(Decimal::parse(b"0x1p99999999999999999999"), None);
        assert_eq!(sum("0x1p16383", "0x1p16383").len(), 4933);
        assert_eq!(Decimal::parse(b"1.5e-9223372036854775808"), None);
        assert_eq!(sum("1e4932", "1e-4951").len(), 4933);
    }

    #[test]
    fn every_sum_can_be_parsed_again() {
        let nines = "9".repeat(4933);
        for (left, right) in [("1e254", "1"), ("1e308", "1e308"), ("-1e4932", "-0.00000000000000001"), (&nines, "0.5")]
        {
            let text = sum(left, right);
            assert_eq!(sum(&text, "0"), text);
        }
        let more_nines = format!("{nines}.{}", "9".repeat(17));
        assert_eq!(sum(&more_nines, "0"), more_nines);
        assert_eq!(sum(&format!("{more_nines}9"), "0"), "overflow");
    }

    #[test]
    fn only_numbers_are_parsed() {
        for text in [
            "", "-", ".", "e5", "1e", "1 ", " 1", "1.2.3", "--1", "nan", "1e1.5", "abc", "1:", "0x", "0x.", "0x1p",
            "0x1p+", "0x1p-", "0x1p1.0", "0xg", "00x1", "0x-1", "1p5", "0x1 ", "0x1p--5", "0x1p0x1",
        ] {
            assert_eq!(Decimal::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Decimal::parse(&[b'0'; MAX_LEN + 1]), None);
        assert_eq!(Decimal::parse(&[b'1'; 4934]), None);
        assert_eq!(Decimal::parse(b"-Infinity"), Some(Decimal::Infinite));
    }
}
