//! What PFSELFTEST checks.

use super::{Corrupted, HyperLogLogBuffer, REGISTERS, Register, dense};

/// How often registers are set to random values.
const CYCLES: usize = 10;

/// The most elements that are added. The estimate is checked at each power of 10.
const ELEMENTS: u64 = 100_000;

/// Sets registers and adds elements. `limit` is the most bytes of a sparse HyperLogLog.
///
/// # Errors
/// What is wrong, as PFSELFTEST answers it.
pub(crate) fn self_test(seed: u64, limit: usize) -> Result<(), String> {
    (0..CYCLES as u64).try_for_each(|cycle| check_registers(seed.wrapping_add(cycle)))?;
    check_estimates(seed, limit)
}

fn check_registers(seed: u64) -> Result<(), String> {
    let (mut bytes, mut values) = (vec![0; dense::LENGTH], vec![0; REGISTERS]);
    let mut random = seed | 1;
    for (index, value) in values.iter_mut().enumerate() {
        // Xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        *value = (random % 64) as u8;
        dense::raise(&mut bytes, Register { index, value: *value });
    }
    values.iter().enumerate().try_for_each(|(index, value)| match dense::get(&bytes, index) {
        found if found == *value => Ok(()),
        found => Err(format!("TESTFAILED Register {index} should be {value} but is {found}")),
    })
}

fn check_estimates(seed: u64, limit: usize) -> Result<(), String> {
    let disagree = || "TESTFAILED dense/sparse disagree".to_owned();
    let invalid = |Corrupted| disagree();
    let (mut one, mut dense) = (HyperLogLogBuffer::default(), HyperLogLogBuffer::default());
    dense.make_dense().map_err(invalid)?;
    let mut next = 1;
    for number in 1..=ELEMENTS {
        let register = Register::of(&(number ^ seed).to_le_bytes());
        one.raise([register].into_iter(), limit).map_err(invalid)?;
        dense.raise([register].into_iter(), 0).map_err(invalid)?;
        if number < next {
            continue;
        }
        if number < limit as u64 / 2 && one.as_ref().is_dense() {
            return Err("TESTFAILED sparse encoding not used".to_owned());
        }
        let estimate = dense.as_ref().estimate().map_err(invalid)?;
        if one.as_ref().estimate() != Ok(estimate) {
            return Err(disagree());
        }
        // Six times the standard error.
        let most = (1.04 / (REGISTERS as f64).sqrt() * 6.0 * number as f64).ceil() as u64;
        if estimate.abs_diff(number) > most {
            let error = estimate.abs_diff(number);
            return Err(format!("TESTFAILED Too big error. card:{number} abserr:{error}"));
        }
        next *= 10;
    }
    Ok(())
}
