//! [`KeyRange`]: the keys of a command as one range of words.

use super::{BeginSearch, FindKeys, KeyFlags, KeySpec};

/// The keys of a command as one range of words: the fields *first key*, *last key* and *step* of `COMMAND`.
///
/// It cannot describe every command: [`is_movable`](Self::is_movable) says whether some of the keys are not in it.
///
/// ```
/// use kvstore_protocol::catalog::{KeyRange, KeySpec};
///
/// let range = KeyRange::of(&[KeySpec::updates(1), KeySpec::reads(2).to(-1)]);
/// assert_eq!((range.first(), range.last(), range.step(), range.is_movable()), (1, -1, 1, false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    first: usize,
    last: isize,
    step: usize,
    is_movable: bool,
}

impl KeyRange {
    /// No keys.
    const NONE: Self = Self { first: 0, last: 0, step: 0, is_movable: false };

    /// Returns the range of these keys, joined where one specification ends and the next begins.
    pub const fn of(specs: &[KeySpec]) -> Self {
        // A step of more than 1 cannot be joined with another range.
        if let [spec] = specs
            && let Some(range) = Self::of_spec(spec)
        {
            return range;
        }
        let (mut range, mut index) = (Self::NONE, 0);
        while index < specs.len() {
            range = range.join(&specs[index]);
            index += 1;
        }
        range
    }

    /// Returns word of the first key; 0 if there is none.
    pub const fn first(self) -> usize {
        self.first
    }

    /// Returns the word of the last key. A negative number counts from the end: -1 is the last word.
    pub const fn last(self) -> isize {
        self.last
    }

    /// Returns the distance between two keys; 0 if there is none.
    pub const fn step(self) -> usize {
        self.step
    }

    /// Whether the command may have keys that are not in the range.
    pub const fn is_movable(self) -> bool {
        self.is_movable
    }

    const fn of_spec(spec: &KeySpec) -> Option<Self> {
        let is_movable = spec.flags().has(KeyFlags::INCOMPLETE);
        match (spec.begin_search(), spec.find_keys()) {
            (BeginSearch::Index(first), FindKeys::Range { last, step, .. }) => {
                let last = if last < 0 { last } else { first as isize + last };
                Some(Self { first, last, step, is_movable })
            }
            _ => None,
        }
    }

    /// Adds the keys of `spec`, if they follow directly.
    const fn join(self, spec: &KeySpec) -> Self {
        match Self::of_spec(spec) {
            Some(Self { first, last, step: 1, is_movable }) if self.first == 0 || self.last == first as isize - 1 => {
                let first = if self.first == 0 { first } else { self.first };
                Self { first, last, step: 1, is_movable: self.is_movable || is_movable }
            }
            _ => Self { is_movable: true, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_follow_each_other_are_joined() {
        let range = |first, last, step, is_movable| KeyRange { first, last, step, is_movable };
        let (one, two) = (KeySpec::reads(1), KeySpec::reads(2));
        for (specs, expected) in [
            (&[][..], KeyRange::NONE),
            (&[one.to(-1).every(2)], range(1, -1, 2, false)),
            (&[one, two], range(1, 2, 1, false)),
            (&[one, KeySpec::reads(3)], range(1, 1, 1, true)),
            (&[one, two.counted()], range(1, 1, 1, true)),
            (&[one.after("STREAMS")], range(0, 0, 0, true)),
            (&[KeySpec::reads(2), KeySpec::reads(3).to(-1)], range(2, -1, 1, false)),
        ] {
            assert_eq!(KeyRange::of(specs), expected, "{specs:?}");
        }
    }
}
