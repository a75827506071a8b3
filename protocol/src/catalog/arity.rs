//! [`Arity`]: how many words a command has.

/// How many words a command has, its name (and that of its sub-command) included.
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
    /// This many words.
    pub const fn exactly(words: usize) -> Self {
        Self { least: words, most: words }
    }

    /// This many words or more.
    pub const fn at_least(words: usize) -> Self {
        Self { least: words, most: usize::MAX }
    }

    /// From `least` to `most` words.
    pub const fn between(least: usize, most: usize) -> Self {
        Self { least, most }
    }

    /// The smallest number of words.
    pub const fn least(self) -> usize {
        self.least
    }

    /// The largest number of words; `usize::MAX` when there is no bound.
    pub const fn most(self) -> usize {
        self.most
    }

    /// Whether a command may have this many words.
    #[inline]
    pub const fn admits(self, words: usize) -> bool {
        self.least <= words && words <= self.most
    }

    /// The arity of two parts of a command together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { least: self.least.saturating_add(other.least), most: self.most.saturating_add(other.most) }
    }

    /// The same arity after `words` more words.
    #[must_use]
    pub const fn behind(self, words: usize) -> Self {
        self.and(Self::exactly(words))
    }

    /// The number that `COMMAND` shows: negative for "at least". It has no form for an upper bound.
    pub const fn as_redis(self) -> i64 {
        let least = self.least as i64;
        if self.least == self.most { least } else { -least }
    }
}
