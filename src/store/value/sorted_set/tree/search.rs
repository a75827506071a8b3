//! The search in a node.

/// The number of items at the front that pass a test which no item after them passes.
///
/// It branches on each test, where the searches of the standard library compute the next index: the processor guesses the
/// outcome and reads the next record meanwhile, which is seldom in its cache. Tests of several records at once were slower.
#[inline(always)]
pub(super) fn partition_point(len: usize, passes: impl Fn(usize) -> bool) -> usize {
    let (mut start, mut end) = (0, len);
    while start < end {
        let middle = (start + end) / 2;
        if passes(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_every_length_is_found() {
        for len in 0..200 {
            for point in 0..=len {
                assert_eq!(partition_point(len, |index| index < point), point, "of {len}");
            }
        }
    }
}
