//! [`SavePoints`]: after how many changes, and how many seconds, a snapshot is taken.

use std::{fmt, time::Duration};

/// The `save` points: a snapshot is taken when one of them is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct SavePoints(Vec<SavePoint>);

/// So many changes since the last snapshot, and so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SavePoint {
    seconds: u64,
    changes: u64,
}

impl SavePoints {
    /// Parses pairs of numbers between spaces, as `3600 1 300 100`; `None` if they are not valid. No pair is no point.
    pub(in super::super) fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let (pairs, []) = numbers.as_chunks::<2>() else { return None };
        let points = pairs.iter().map(|[seconds, changes]| SavePoint { seconds: *seconds, changes: *changes });
        let points: Vec<_> = points.collect();
        points.iter().all(|point| point.seconds > 0 && i32::try_from(point.changes).is_ok()).then_some(Self(points))
    }

    pub(in super::super) fn add(&mut self, interval: Duration, changes: u64) {
        self.0.push(SavePoint { seconds: interval.as_secs(), changes });
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a point is reached.
    pub(super) fn are_reached(&self, changes: u64, since: Duration) -> bool {
        self.0.iter().any(|point| changes >= point.changes && since > Duration::from_secs(point.seconds))
    }
}

impl fmt::Display for SavePoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, SavePoint { seconds, changes }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{seconds} {changes}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_pairs_of_numbers() {
        for text in ["", "3600 1", "3600 1 300 100 60 10000"] {
            assert_eq!(SavePoints::parse(text).map(|points| points.to_string()).as_deref(), Some(text));
        }
        for text in ["1", "1 2 3", "x 1", "0 1", "1 -1", "1 2147483648"] {
            assert_eq!(SavePoints::parse(text), None, "{text}");
        }
        assert!(SavePoints::parse(" ").is_some_and(|points| points.is_empty()));
    }

    #[test]
    fn a_point_is_reached_by_changes_and_time_together() {
        let points = SavePoints::parse("60 10 10 100").unwrap();
        let reached = |changes, seconds| points.are_reached(changes, Duration::from_secs(seconds));
        assert!(reached(10, 61) && reached(100, 11) && !reached(9, 61) && !reached(99, 60));
    }
}
