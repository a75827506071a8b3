//! [`FieldType`]: an integer of any width within a string, and what happens when it overflows.

use kvstore_protocol::{CommandError, parse_integer};

/// `u8`, `i64` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldType {
    is_signed: bool,
    /// From 1 to 63, or 64 for a signed one.
    width: u32,
}

/// What becomes of a value that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Overflow {
    /// Its lowest bits are kept.
    #[default]
    Wrap,
    /// It becomes the lowest or highest value.
    Saturate,
    /// Nothing is changed.
    Fail,
}

impl FieldType {
    pub(super) fn parse(text: &[u8]) -> Result<Self, CommandError> {
        const INVALID: CommandError = CommandError::new(
            "ERR",
            "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        );
        let (is_signed, digits) = match text {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return Err(INVALID),
        };
        let most = if is_signed { 64 } else { 63 };
        let width = parse_integer(digits).filter(|width| (1..=most).contains(width)).ok_or(INVALID)?;
        Ok(Self { is_signed, width: width as u32 })
    }

    pub(super) fn width(self) -> u64 {
        u64::from(self.width)
    }

    /// The value of the field at this bit. Behind the string all bits are clear.
    pub(super) fn get(self, bytes: &[u8], offset: u64) -> i64 {
        // The field, the bits before it in its first byte, and those behind it in its last.
        let mut window = [0; 16];
        let start = (offset / 8) as usize;
        let there = bytes.get(start..).unwrap_or_default();
        let count = there.len().min(Self::WINDOW);
        window[..count].copy_from_slice(&there[..count]);
        let bits = u128::from_be_bytes(window) << (offset % 8);
        let shift = 128 - self.width;
        if self.is_signed { (bits as i128 >> shift) as i64 } else { (bits >> shift) as i64 }
    }

    /// The bytes that a field may touch.
    const WINDOW: usize = 9;

    /// Sets the field at this bit in a copy of the bytes that it touches. Returns where they begin, and the bytes.
    pub(super) fn set(self, bytes: &[u8], offset: u64, value: i64) -> (usize, Vec<u8>) {
        let (start, end) = ((offset / 8) as usize, ((offset + self.width() - 1) / 8) as usize);
        let mut window = [0; 16];
        let there = bytes.get(start..).unwrap_or_default();
        let count = there.len().min(end + 1 - start);
        window[..count].copy_from_slice(&there[..count]);
        let shift = 128 - self.width - (offset % 8) as u32;
        let mask = (u128::MAX >> (128 - self.width)) << shift;
        let bits = u128::from_be_bytes(window) & !mask | ((value as u128) << shift & mask);
        (start, bits.to_be_bytes()[..end + 1 - start].to_vec())
    }

    /// A value as the field keeps it; `None` if it does not fit, and that is not to be.
    pub(super) fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (least, most) = self.bounds();
        match overflow {
            _ if (least..=most).contains(&value) => Some(value as i64),
            Overflow::Wrap => {
                let shift = 128 - self.width;
                let bits = value << shift;
                Some(if self.is_signed { bits >> shift } else { (bits as u128 >> shift) as i128 } as i64)
            }
            Overflow::Saturate => Some(value.clamp(least, most) as i64),
            Overflow::Fail => None,
        }
    }

    /// What SET takes a value for: that of an unsigned field is not negative.
    pub(super) fn value_to_set(self, value: i64) -> i128 {
        if self.is_signed { value.into() } else { i128::from(value as u64) }
    }

    fn bounds(self) -> (i128, i128) {
        let values = 1_i128 << self.width;
        if self.is_signed { (-values / 2, values / 2 - 1) } else { (0, values - 1) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field_type(text: &str) -> FieldType {
        FieldType::parse(text.as_bytes()).expect("a type")
    }

    #[test]
    fn types_have_a_sign_and_a_width() {
        for text in ["u1", "u63", "i1", "i64"] {
            assert_eq!(field_type(text).width().to_string(), text[1..]);
        }
        for text in ["", "u", "u0", "u64", "i65", "i0", "x8", "u08", "u-1", "U8"] {
            assert!(FieldType::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_wraps_saturates_or_fails() {
        for (text, value, wrapped, saturated) in [
            ("u2", 5, 1, 3),
            ("u2", -1, 3, 0),
            ("i8", 128, -128, 127),
            ("i8", -129, 127, -128),
            ("i64", 1 << 63, i64::MIN, i64::MAX),
            ("u63", 1 << 63, 0, i64::MAX),
        ] {
            let fit = |overflow| field_type(text).fit(value, overflow);
            assert_eq!(
                [fit(Overflow::Wrap), fit(Overflow::Saturate), fit(Overflow::Fail)],
                [Some(wrapped), Some(saturated), None],
                "{text} {value}"
            );
        }
        assert_eq!(field_type("i8").fit(-128, Overflow::Fail), Some(-128));
    }

    proptest! {
        #[test]
        fn a_field_is_read_as_it_was_set_and_no_other_bit_is_changed(
            bytes in prop::collection::vec(any::<u8>(), 0..24), offset in 0..200_u64, width in 1..=64_u32,
            is_signed in any::<bool>(), value in any::<i64>(),
        ) {
            let field = FieldType { is_signed, width: if is_signed { width } else { width.min(63) } };
            let value = field.fit(value.into(), Overflow::Wrap).expect("it wraps");
            let (start, patch) = field.set(&bytes, offset, value);
            let mut changed = bytes.clone();
            changed.resize(bytes.len().max(start + patch.len()), 0);
            changed[start..start + patch.len()].copy_from_slice(&patch);
            prop_assert_eq!(field.get(&changed, offset), value);
            let bit = |bytes: &[u8], at: u64| bytes.get((at / 8) as usize).is_some_and(|byte| byte & super::super::mask(at) != 0);
            for at in (0..240).filter(|at| !(offset..offset + field.width()).contains(at)) {
                prop_assert_eq!(bit(&changed, at), bit(&bytes, at), "bit {}", at);
            }
        }
    }
}
