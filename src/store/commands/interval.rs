//! Intervals of indices, as LRANGE and ZRANGE have them.

use std::ops::Range;

/// The indices from `start` to `stop`, both included, of which negative ones count from the end, as far as they are below
/// `length`.
pub(super) fn clamp(start: i64, stop: i64, length: usize) -> Range<usize> {
    let index = |at: i64| if at < 0 { (length as i64).saturating_add(at) } else { at };
    let start = usize::try_from(index(start)).unwrap_or(0);
    let end = usize::try_from(index(stop).saturating_add(1)).unwrap_or(0).min(length);
    start.min(end)..end
}
