//! Registers of 6 bits, one behind the other, from the least significant bit of a byte to the most significant one.

use super::{REGISTERS, Register, Registers};

/// The length of all registers, in bytes.
pub(super) const LENGTH: usize = REGISTERS * BITS / 8;

const BITS: usize = 6;
const MASK: u8 = (1 << BITS) - 1;

/// So many registers fill whole bytes, and fit into a word.
const GROUP: usize = 8;
const GROUP_BYTES: usize = GROUP * BITS / 8;

/// The value of a register.
#[inline]
pub(super) fn get(bytes: &[u8], index: usize) -> u8 {
    let (at, shift) = place(index);
    (window(bytes, at) >> shift) as u8 & MASK
}

/// Raises a register. Returns whether it was lower.
#[inline]
pub(super) fn raise(bytes: &mut [u8], register: Register) -> bool {
    if get(bytes, register.index) >= register.value {
        return false;
    }
    let (at, shift) = place(register.index);
    let cleared = window(bytes, at) & !(u16::from(MASK) << shift);
    let [low, high] = (cleared | u16::from(register.value) << shift).to_le_bytes();
    bytes[at] = low;
    // The last register ends with the last byte.
    if let Some(byte) = bytes.get_mut(at + 1) {
        *byte = high;
    }
    true
}

/// The byte in which a register begins, and the bit.
fn place(index: usize) -> (usize, usize) {
    (index * BITS / 8, index * BITS % 8)
}

fn window(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes.get(at + 1).copied().unwrap_or_default()])
}

/// Raises each of the registers to its value here.
pub(super) fn merge(bytes: &[u8], registers: &mut Registers) {
    // Many at once: so the compiler compares them in wide registers.
    const MANY: usize = 32;
    let (groups, _) = bytes.as_chunks::<GROUP_BYTES>();
    let (groups, _) = groups.as_chunks::<MANY>();
    let (targets, _) = registers.as_chunks_mut::<{ MANY * GROUP }>();
    for (groups, targets) in groups.iter().zip(targets) {
        let mut values = [0; MANY * GROUP];
        let (unpacked_groups, _) = values.as_chunks_mut::<GROUP>();
        unpacked_groups.iter_mut().zip(groups).for_each(|(values, group)| *values = unpacked(*group).to_le_bytes());
        targets.iter_mut().zip(&values).for_each(|(target, value)| *target = (*target).max(*value));
    }
}

/// Writes all registers.
pub(super) fn write(registers: &Registers, bytes: &mut [u8]) {
    let (sources, _) = registers.as_chunks::<GROUP>();
    let (groups, _) = bytes.as_chunks_mut::<GROUP_BYTES>();
    for (source, group) in sources.iter().zip(groups) {
        group.copy_from_slice(&packed(u64::from_le_bytes(*source)).to_le_bytes()[..GROUP_BYTES]);
    }
}

/// Counts the registers with each value.
pub(super) fn count(bytes: &[u8]) -> [u32; 64] {
    let (groups, _) = bytes.as_chunks::<GROUP_BYTES>();
    count_groups(groups.iter().map(|group| unpacked(*group).to_le_bytes()))
}

/// The same for registers that are each in a byte of its own.
pub(super) fn count_unpacked(registers: &Registers) -> [u32; 64] {
    let (groups, _) = registers.as_chunks::<GROUP>();
    count_groups(groups.iter().copied())
}

#[inline(always)]
fn count_groups(groups: impl Iterator<Item = [u8; GROUP]>) -> [u32; 64] {
    // One count for each place in a group: counts of the same value in a row do not wait for each other.
    let mut counts = [[0; 64]; GROUP];
    for group in groups {
        for (counts, value) in counts.iter_mut().zip(group) {
            counts[usize::from(value & MASK)] += 1;
        }
    }
    std::array::from_fn(|value| counts.iter().map(|counts| counts[value]).sum())
}

/// The registers of a group, each in a byte of its own. Halves of the word are moved apart, then halves of these.
#[inline(always)]
fn unpacked(group: [u8; GROUP_BYTES]) -> u64 {
    let [a, b, c, d, e, f] = group;
    let word = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    let word = word & 0x00ff_ffff | (word & 0xffff_ff00_0000) << 8;
    let word = word & 0x0000_0fff_0000_0fff | (word & 0x00ff_f000_00ff_f000) << 4;
    word & 0x003f_003f_003f_003f | (word & 0x0fc0_0fc0_0fc0_0fc0) << 2
}

/// The other way round.
#[inline(always)]
fn packed(word: u64) -> u64 {
    let word = word & 0x003f_003f_003f_003f | (word & 0x3f00_3f00_3f00_3f00) >> 2;
    let word = word & 0x0000_0fff_0000_0fff | (word & 0x0fff_0000_0fff_0000) >> 4;
    word & 0x00ff_ffff | (word & 0x00ff_ffff_0000_0000) >> 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn registers_are_raised_merged_written_and_counted_as_in_an_array(
            raised in prop::collection::vec((0..REGISTERS, 0..64_u8), 0..200),
        ) {
            let (mut bytes, mut model) = (vec![0; LENGTH], [0; REGISTERS]);
            for (index, value) in raised.iter().copied().chain([(REGISTERS - 1, 63), (REGISTERS - 2, 1)]) {
                prop_assert_eq!(raise(&mut bytes, Register { index, value }), value > model[index]);
                model[index] = value.max(model[index]);
            }
            prop_assert!(model.iter().enumerate().all(|(index, value)| get(&bytes, index) == *value));
            let mut merged = [1; REGISTERS];
            merge(&bytes, &mut merged);
            prop_assert!(merged.iter().zip(&model).all(|(merged, value)| *merged == 1.max(*value)));
            let mut written = vec![0xff; LENGTH];
            write(&model, &mut written);
            prop_assert_eq!(written, &bytes[..]);
            let counts = count(&bytes);
            prop_assert_eq!(count_unpacked(&model), counts);
            for value in 0..64_u8 {
                let expected = model.iter().filter(|other| **other == value).count();
                prop_assert_eq!(counts[usize::from(value)] as usize, expected);
            }
        }
    }
}
