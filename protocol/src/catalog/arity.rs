//! [`Arity`]: the number of words of a command.

/// The number of words of a command, including its name and that of its sub-command.
///
/// ```
/// use kvstore_protocol::catalog::Arity;
///
/// assert!(Arity::exactly(2).admits(2) && !Arity::exactly(2).admits(3));
/// assert_eq!(Arity::at_least(3).most(), usize::MAX);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    least: usize,
    most: usize,
}

impl Arity {
    /// Exactly this many words.
    pub const fn exactly(words: usize) -> Self {
        Self { least: words, most: words }
    }

    /// At least this many words.
    pub const fn at_least(words: usize) -> Self {
        Self { least: words, most: usize::MAX }
    }

    /// From `least` to `most` words.
    pub const fn between(least: usize, most: usize) -> Self {
        Self { least, most }
    }

    /// Returns the minimum number of words.
    pub const fn least(self) -> usize {
        self.least
    }

    /// Returns the maximum number of words; `usize::MAX` if there is none.
    pub const fn most(self) -> usize {
        self.most
    }

    /// Whether a command may have this many words.
    #[inline]
    pub const fn admits(self, words: usize) -> bool {
        self.least <= words && words <= self.most
    }

    /// Returns the sum of two arities: that of two parts of a command together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { least: self.least.saturating_add(other.least), most: self.most.saturating_add(other.most) }
    }

    /// Returns the arity with `words` additional words.
    #[must_use]
    pub const fn behind(self, words: usize) -> Self {
        self.and(Self::exactly(words))
    }

    /// Returns the number that `COMMAND` shows: negative for a minimum. It cannot express a maximum.
    pub const fn as_redis(self) -> i64 {
        let least = self.least as i64;
        if self.least == self.most { least } else { -least }
    }
}
