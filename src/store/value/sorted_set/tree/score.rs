//! [`Score`]: a score that is ordered as an integer.

/// A score as an integer of the same order. Both zeros are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Score(u64);

impl Score {
    /// A score that is not NaN.
    #[inline]
    pub(crate) fn new(score: f64) -> Self {
        // The sum turns -0.0 into 0.0, and leaves every other score as it is.
        let bits = (score + 0.0).to_bits();
        let sign = 1 << (u64::BITS - 1);
        // Negative numbers sort backwards by their bits, and after the positive ones.
        Self(if bits & sign == 0 { bits | sign } else { !bits })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_zeros_are_equal() {
        assert_eq!(Score::new(-0.0), Score::new(0.0));
    }

    #[test]
    fn infinities_are_the_ends() {
        assert!(Score::new(f64::NEG_INFINITY) < Score::new(f64::MIN));
        assert!(Score::new(f64::INFINITY) > Score::new(f64::MAX));
    }

    proptest! {
        #[test]
        fn scores_are_ordered_as_their_numbers(one: f64, other: f64) {
            prop_assert_eq!(Score::new(one).partial_cmp(&Score::new(other)), one.partial_cmp(&other));
        }
    }
}
