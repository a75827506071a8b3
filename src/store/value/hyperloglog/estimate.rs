//! How many different elements were added, estimated from the registers.
//!
//! The estimator is that of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284), with the
//! operations in the order in which Redis has them: the answers are the same.

use super::{Corrupted, HASH_BITS, REGISTERS};

/// Half of the inverse of the natural logarithm of 2.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate, from the numbers of registers with each value. Those of greater values than there are do not count.
///
/// # Errors
/// If there is no end to it: all registers have the greatest value, or greater ones.
pub(super) fn estimate(counts: &[u32; 64]) -> Result<u64, Corrupted> {
    let registers = REGISTERS as f64;
    let most = HASH_BITS + 1;
    let mut sum = registers * tau((registers - f64::from(counts[most])) / registers);
    for count in counts[1..most].iter().rev() {
        sum = (sum + f64::from(*count)) * 0.5;
    }
    sum += registers * sigma(f64::from(counts[0]) / registers);
    let estimate = (ALPHA * registers * registers / sum).round();
    if estimate.is_finite() { Ok(estimate as u64) } else { Err(Corrupted) }
}

/// The correction for registers with the greatest value.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        y *= 0.5;
        let before = z;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// The correction for registers that are 0.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_an_estimate_unless_all_have_the_greatest_value() {
        let all = |value: usize| {
            let mut counts = [0; 64];
            counts[value] = REGISTERS as u32;
            estimate(&counts)
        };
        assert_eq!(all(0), Ok(0));
        assert!((1..HASH_BITS).all(|value| all(value).expect("it is finite") < all(value + 1).expect("it is finite")));
        // What no hash leads to.
        assert_eq!([HASH_BITS + 1, HASH_BITS + 2, 63].map(all), [Err(Corrupted); 3]);
    }
}
