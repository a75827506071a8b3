//! [`decompress`].

use super::{LONG, MAX_LENGTH, MAX_LITERALS};
use crate::store::rdb::length::take;

/// How many times longer than its input an output is at most.
const MAX_GROWTH: usize = MAX_LENGTH / 3;

/// Decompresses a string of `len` bytes. `None` if the input is not valid, or the output has another length.
pub(in super::super) fn decompress(mut input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len / MAX_GROWTH > input.len() {
        return None;
    }
    let mut output = Vec::with_capacity(len);
    while let Some((control, rest)) = input.split_first() {
        input = rest;
        match usize::from(*control) {
            literals @ 0..MAX_LITERALS => {
                let (taken, rest) = input.split_at_checked(literals + 1)?;
                output.extend_from_slice(taken);
                input = rest;
            }
            control => copy_back(control, &mut input, &mut output)?,
        }
        if output.len() > len {
            return None;
        }
    }
    (output.len() == len).then_some(output)
}

/// Repeats bytes of the output.
fn copy_back(control: usize, input: &mut &[u8], output: &mut Vec<u8>) -> Option<()> {
    let length = match (control >> 5) + 2 {
        LONG => LONG + usize::from(take::<1>(input)?[0]),
        short => short,
    };
    let distance = ((control & 0x1F) << 8 | usize::from(take::<1>(input)?[0])) + 1;
    let start = output.len().checked_sub(distance)?;
    if length <= distance {
        output.extend_from_within(start..start + length);
        return Some(());
    }
    // A repetition that overlaps what it repeats.
    for at in start..start + length {
        output.push(output[at]);
    }
    Some(())
}
