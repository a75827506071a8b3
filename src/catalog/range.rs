//! [`KeyRange`]: keys at evenly spaced words.

use kvstore_protocol::Command;

/// The positions of the keys among the words of a command. The name is word 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    first: usize,
    last: isize,
    step: usize,
}

impl KeyRange {
    /// No keys.
    pub(crate) const NONE: Self = Self::new(0, 0, 0);
    /// One key, the first argument.
    pub(crate) const FIRST: Self = Self::new(1, 1, 1);
    /// Two keys, the first two arguments.
    pub(crate) const FIRST_TWO: Self = Self::new(1, 2, 1);
    /// Every argument is a key.
    pub(crate) const ALL: Self = Self::new(1, -1, 1);
    /// Every second argument is a key, starting with the first.
    pub(crate) const PAIRS: Self = Self::new(1, -1, 2);

    /// Creates a range from word `first` to word `last`, with a key every `step` words. A negative `last` counts from
    /// the end: -1 is the last word.
    pub(crate) const fn new(first: usize, last: isize, step: usize) -> Self {
        Self { first, last, step }
    }

    /// Returns up to how many words a command has at most one key, its first argument.
    pub(crate) const fn single_up_to(self) -> usize {
        match (self.first, self.last) {
            (1, 1) => usize::MAX,
            (1, -1) => 1 + self.step,
            _ => 0,
        }
    }

    /// Whether there are no keys.
    pub(crate) const fn is_none(self) -> bool {
        self.first == 0
    }

    /// Returns the keys of a command.
    pub(crate) fn of(self, command: &Command) -> impl Iterator<Item = &[u8]> {
        let last = if self.last < 0 { command.len().saturating_add_signed(self.last) } else { self.last as usize };
        let words = command.words().take(if self.is_none() { 0 } else { last + 1 });
        words.skip(self.first).step_by(self.step.max(1))
    }
}
