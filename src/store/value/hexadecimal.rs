//! [`Hexadecimal`]: numbers such as `0x1.8p3`, as Redis reads them.

/// The number of bits that are kept, as in Redis: others are rounded.
const BITS: i64 = 64;

/// The power of two of the last bit of a number. Smaller numbers are refused, but for zero.
const MIN_POWER: i64 = -16_445;

/// The power of two that is refused, and greater numbers with it.
const LIMIT: i64 = 16_384;

/// The digits that are read. They hold all bits that are kept and the one that decides about rounding.
const MAX_DIGITS: usize = 30;

/// A power of two. For a number below it, the decimal digits are not exact.
const EXACT: i64 = -256;

/// The number of decimal digits of a limb.
const LIMB_DIGITS: usize = 9;

const LIMB: u64 = 1_000_000_000;

/// A number without its sign: the product of the mantissa and a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hexadecimal {
    mantissa: u64,
    power: i64,
}

impl Hexadecimal {
    /// Parses what is after `0x`, without its exponent. Returns `None` for a number out of range.
    pub(super) fn parse(mantissa: &[u8], exponent: i64) -> Option<Self> {
        let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
        let digits = || whole.iter().chain(fraction).map(|digit| char::from(*digit).to_digit(16));
        if digits().next().is_none() || digits().any(|digit| digit.is_none()) {
            return None;
        }
        let mut digits = digits().flatten().skip_while(|digit| *digit == 0);
        let read = digits.by_ref().take(MAX_DIGITS).fold(0, |read, digit| read << 4 | u128::from(digit));
        let (mut unread, mut has_more) = (0, false);
        digits.for_each(|digit| (unread, has_more) = (unread + 1, has_more | (digit != 0)));
        Self::rounded(read, has_more, exponent + 4 * (unread - fraction.len() as i64))
    }

    /// Rounds to the bits that are kept. Of two nearest numbers, takes the even one.
    fn rounded(read: u128, has_more: bool, power: i64) -> Option<Self> {
        if read == 0 {
            return Some(Self { mantissa: 0, power: 0 });
        }
        let dropped = (length(read) - BITS).max(MIN_POWER - power).max(0);
        if dropped > length(read) {
            return None;
        }
        let (kept, half) = (read.unbounded_shr(dropped as u32), (1_u128 << dropped) / 2);
        let rest = read - (kept << dropped);
        let is_up = rest > half || dropped > 0 && rest == half && (has_more || kept % 2 == 1);
        Self::in_range(kept + u128::from(is_up), power + dropped)
    }

    fn in_range(kept: u128, power: i64) -> Option<Self> {
        if kept == 0 || power + length(kept) > LIMIT {
            return None;
        }
        let zeros = kept.trailing_zeros();
        Some(Self { mantissa: u64::try_from(kept >> zeros).ok()?, power: power + i64::from(zeros) })
    }

    /// The nearest double; infinite if it is too large.
    pub(super) fn to_double(self) -> f64 {
        // In two steps, since the power of two of a small number is no double.
        let half = self.power / 2;
        let power = |power: i64| 2.0_f64.powi(power as i32);
        self.mantissa as f64 * power(half) * power(self.power - half)
    }

    /// The decimal digits, and the power of ten of the last one.
    pub(super) fn to_decimal(self) -> (Vec<u8>, i64) {
        if self.mantissa == 0 {
            return (vec![0], 0);
        }
        if self.power + length(self.mantissa.into()) < EXACT {
            // It changes a rounded sum only by breaking a tie, as any other number of this size.
            return (vec![1], -77);
        }
        match self.power {
            0.. => (product(self.mantissa, 2, self.power), 0),
            // 2^-n is 5^n / 10^n.
            _ => (product(self.mantissa, 5, -self.power), self.power),
        }
    }
}

/// The number of bits.
fn length(number: u128) -> i64 {
    i64::from(u128::BITS - number.leading_zeros())
}

/// The decimal digits of `number * base^exponent`.
fn product(number: u64, base: u64, mut exponent: i64) -> Vec<u8> {
    let mut limbs = vec![number % LIMB, number / LIMB % LIMB, number / LIMB / LIMB];
    while exponent > 0 {
        // Both 2^13 and 5^13 fit into 32 bits.
        let step = exponent.min(13);
        multiply(&mut limbs, base.pow(step as u32));
        exponent -= step;
    }
    let text: String = limbs.iter().rev().map(|limb| format!("{limb:0LIMB_DIGITS$}")).collect();
    text.trim_start_matches('0').bytes().map(|digit| digit - b'0').collect()
}

/// Multiplies limbs, the least significant first.
fn multiply(limbs: &mut Vec<u64>, factor: u64) {
    let mut carry = 0;
    for limb in limbs.iter_mut() {
        let product = *limb * factor + carry;
        (*limb, carry) = (product % LIMB, product / LIMB);
    }
    limbs.extend((carry > 0).then_some(carry));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(mantissa: &str, exponent: i64) -> Option<(String, i64)> {
        let (digits, power) = Hexadecimal::parse(mantissa.as_bytes(), exponent)?.to_decimal();
        Some((digits.iter().map(u8::to_string).collect(), power))
    }

    #[test]
    fn numbers_have_their_decimal_digits() {
        for (mantissa, exponent, digits, power) in [
            ("10", 0, "16", 0),
            ("aBcD", 0, "43981", 0),
            (".8", 0, "5", -1),
            ("8.", -4, "5", -1),
            ("1.8", 3, "12", 0),
            ("0", 99, "0", 0),
            ("000.000", -99_999, "0", 0),
            ("1", 64, "18446744073709551616", 0),
            ("1", -10, "9765625", -10),
            ("00000000000000000000000000000000000000000000001", 0, "1", 0),
            ("0.0000000000000000000000001", 100, "1", 0),
        ] {
            assert_eq!(decimal(mantissa, exponent), Some((digits.to_owned(), power)), "{mantissa} {exponent}");
        }
        for mantissa in ["", ".", "g", "1.2.3", "+1", "1_0"] {
            assert_eq!(decimal(mantissa, 0), None, "{mantissa}");
        }
    }

    #[test]
    fn bits_beyond_the_64th_are_rounded() {
        let rounded = |mantissa: &str| decimal(mantissa, 0).map(|(digits, _)| digits);
        for (mantissa, digits) in [
            ("1ffffffffffffffff", "36893488147419103232"),
            ("10000000000000001", "18446744073709551616"),
            ("10000000000000003", "18446744073709551620"),
        ] {
            assert_eq!(rounded(mantissa).as_deref(), Some(digits), "{mantissa}");
        }
        // A tie, and just above it.
        let (tie, above) = ("8000000000000000800000000000000000000", "8000000000000000800000000000000000001");
        assert_eq!(rounded(tie), rounded("8000000000000000000000000000000000000"));
        assert_eq!(rounded(above), rounded("8000000000000001000000000000000000000"));
    }

    #[test]
    fn the_range_is_that_of_a_float_of_80_bits() {
        let is_taken = |mantissa, exponent| decimal(mantissa, exponent).is_some();
        assert!(is_taken("1", 16_383) && !is_taken("1", 16_384) && !is_taken("1", i64::from(i32::MAX)));
        assert!(is_taken("1.fffffffffffffffe", 16_383) && !is_taken("1.ffffffffffffffff", 16_383));
        assert!(is_taken("1", -16_445) && !is_taken("1", -16_446) && is_taken("1.8", -16_446));
        assert!(!is_taken("1", -16_494) && !is_taken("1", i64::from(i32::MIN)));
        assert_eq!(decimal("1", 16_383).map(|(digits, _)| digits.len()), Some(4932));
        assert_eq!(decimal("1", -16_000), Some(("1".to_owned(), -77)));
    }
}
