//! [`equal_bytes`]: sixteen bytes compared with one, all at once.

/// The positions of the bytes that equal `byte`, a bit each, counted from the lowest byte.
#[cfg(target_feature = "sse2")]
#[inline]
pub(super) fn equal_bytes(bytes: u128, byte: u8) -> u32 {
    use safe_arch::{cmp_eq_mask_i8_m128i, m128i, move_mask_i8_m128i, set_splat_i8_m128i};

    let equal = cmp_eq_mask_i8_m128i(m128i::from(bytes.to_le_bytes()), set_splat_i8_m128i(byte as i8));
    move_mask_i8_m128i(equal) as u32
}

#[cfg(not(target_feature = "sse2"))]
pub(super) use portable::equal_bytes;

#[cfg(any(test, not(target_feature = "sse2")))]
mod portable {
    #[inline]
    pub(in super::super) fn equal_bytes(bytes: u128, byte: u8) -> u32 {
        equal_in_half(bytes as u64, byte) | equal_in_half((bytes >> 64) as u64, byte) << 8
    }

    #[inline]
    fn equal_in_half(bytes: u64, byte: u8) -> u32 {
        const ONES: u64 = u64::MAX / 255;
        const LOW_BITS: u64 = ONES * 0x7f;
        let differences = bytes ^ (ONES * u64::from(byte));
        // The high bit of every byte that is zero, and nothing else (Hacker's Delight, section 6-1).
        let zeros = !(((differences & LOW_BITS) + LOW_BITS) | differences | LOW_BITS);
        // Each factor moves the bit of one byte to the highest byte; no two of them meet.
        ((zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::{array::uniform16, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn the_bits_are_those_of_the_equal_bytes(bytes in uniform16(0..4_u8), byte in 0..4_u8, flip in any::<u8>()) {
            // Also with bytes that differ in their high bits.
            let (bytes, byte) = (bytes.map(|byte| byte ^ flip), byte ^ flip);
            let expected = (0..16).filter(|at| bytes[*at] == byte).map(|at| 1 << at).sum::<u32>();
            prop_assert_eq!(equal_bytes(u128::from_le_bytes(bytes), byte), expected);
            prop_assert_eq!(portable::equal_bytes(u128::from_le_bytes(bytes), byte), expected);
        }
    }
}
