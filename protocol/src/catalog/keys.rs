//! [`KeySpec`]: the positions of the keys of a command.

use std::ops::Range;

use super::KeyFlags;
use crate::{Command, parse_integer};

/// The positions of a group of keys of a command, and how the command accesses them.
///
/// This is the format of the key specifications of Redis: where the search begins, and how the keys are found from
/// there. A command may have several. The name is word 0.
///
/// ```
/// use kvstore_protocol::{Command, catalog::KeySpec};
///
/// // `ZUNIONSTORE destination numkeys key [key …]`
/// let command = Command::new("ZUNIONSTORE").with_args(["sum", "2", "a", "b", "WEIGHTS", "1", "2"]);
/// let (target, sources) = (KeySpec::overwrites(1), KeySpec::reads(2).counted());
/// assert_eq!(target.words(&command).collect::<Vec<_>>(), [1]);
/// assert_eq!(sources.words(&command).collect::<Vec<_>>(), [3, 4]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    flags: KeyFlags,
    begin: BeginSearch,
    find: FindKeys,
    /// Finds the words instead, where Redis parses the options of the command too.
    words_of: Option<fn(&Command) -> Range<usize>>,
    /// Finds the flags instead, where they depend on the arguments.
    flags_of: Option<fn(&Command) -> KeyFlags>,
}

/// Where the search for the keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeginSearch {
    /// At this word.
    Index(usize),
    /// After a word.
    Keyword {
        /// The word, without regard to case.
        keyword: &'static str,
        /// The first word that is compared. A negative number counts from the end, and searches backwards.
        from: isize,
    },
    /// Not described.
    Unknown,
}

/// How the keys are found from where the search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindKeys {
    /// In a range of words.
    Range {
        /// The last key, counted from the first. A negative number counts from the end of the command.
        last: isize,
        /// The distance between two keys.
        step: usize,
        /// If more than 1, only the first of this many equal parts of the words up to the end.
        limit: usize,
    },
    /// By a number of keys.
    Count {
        /// The word that is the number, counted from the beginning.
        at: usize,
        /// The first key, counted from the beginning.
        first: usize,
        /// The distance between two keys.
        step: usize,
    },
    /// Not described.
    Unknown,
}

impl KeySpec {
    /// A key at word `index`, the data of which is read.
    pub const fn reads(index: usize) -> Self {
        Self::new(index, KeyFlags::all(&[KeyFlags::RO, KeyFlags::ACCESS]))
    }

    /// A key at word `index`, the data of which is read and changed.
    pub const fn updates(index: usize) -> Self {
        Self::new(index, KeyFlags::all(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE]))
    }

    /// A key at word `index`, which is overwritten.
    pub const fn overwrites(index: usize) -> Self {
        Self::new(index, KeyFlags::all(&[KeyFlags::OW, KeyFlags::UPDATE]))
    }

    /// A key at word `index`, which is removed.
    pub const fn removes(index: usize) -> Self {
        Self::new(index, KeyFlags::all(&[KeyFlags::RM, KeyFlags::DELETE]))
    }

    /// A key at word `index`.
    ///
    /// With [`KeyFlags::NONE`], `COMMAND` shows the access that follows from the flags of the command.
    pub const fn new(index: usize, flags: KeyFlags) -> Self {
        let find = FindKeys::Range { last: 0, step: 1, limit: 0 };
        Self { flags, begin: BeginSearch::Index(index), find, words_of: None, flags_of: None }
    }

    /// Keys that the format cannot describe.
    pub(super) const fn unknown(flags: KeyFlags) -> Self {
        Self { begin: BeginSearch::Unknown, find: FindKeys::Unknown, ..Self::new(0, flags) }
    }

    /// All words from the first key to `last`, counted from the first key. A negative number counts from the end of the
    /// command: -1 is the last word.
    #[must_use]
    pub const fn to(self, last: isize) -> Self {
        let (step, limit) = match self.find {
            FindKeys::Range { step, limit, .. } => (step, limit),
            FindKeys::Count { step, .. } => (step, 0),
            FindKeys::Unknown => (1, 0),
        };
        Self { find: FindKeys::Range { last, step, limit }, ..self }
    }

    /// Only every `step`th word is a key.
    ///
    /// # Panics
    /// If `step` is 0.
    #[must_use]
    pub const fn every(self, step: usize) -> Self {
        assert!(step > 0, "the distance between two keys is at least 1");
        let find = match self.find {
            FindKeys::Range { last, limit, .. } => FindKeys::Range { last, step, limit },
            FindKeys::Count { at, first, .. } => FindKeys::Count { at, first, step },
            FindKeys::Unknown => FindKeys::Unknown,
        };
        Self { find, ..self }
    }

    /// The first word is the number of keys, which follow it.
    #[must_use]
    pub const fn counted(self) -> Self {
        Self { find: FindKeys::Count { at: 0, first: 1, step: 1 }, ..self }
    }

    /// The first of `parts` equal parts of all words up to the end are keys.
    #[must_use]
    pub const fn first_of(self, parts: usize) -> Self {
        Self { find: FindKeys::Range { last: -1, step: 1, limit: parts }, ..self }
    }

    /// The keys begin after the word `keyword`, which is searched for from `index` on.
    #[must_use]
    pub const fn after(self, keyword: &'static str) -> Self {
        self.after_from(keyword, 1)
    }

    /// The keys begin after the word `keyword`, which is searched for backwards, from `index` words before the end.
    #[must_use]
    pub const fn after_last(self, keyword: &'static str) -> Self {
        self.after_from(keyword, -1)
    }

    const fn after_from(self, keyword: &'static str, sign: isize) -> Self {
        match self.begin {
            BeginSearch::Index(from) => {
                Self { begin: BeginSearch::Keyword { keyword, from: sign * from as isize }, ..self }
            }
            _ => self,
        }
    }

    /// The keys are the words that `words_of` returns. The description stays.
    pub(super) const fn found_by(self, words_of: fn(&Command) -> Range<usize>) -> Self {
        Self { words_of: Some(words_of), ..self }
    }

    /// The flags in a command are those that `flags_of` returns. The description stays.
    pub(super) const fn flagged_by(self, flags_of: fn(&Command) -> KeyFlags) -> Self {
        Self { flags_of: Some(flags_of), ..self }
    }

    /// Returns the same keys in a command with `words` additional words before them.
    #[must_use]
    pub const fn behind(self, words: usize) -> Self {
        let begin = match self.begin {
            BeginSearch::Index(index) => BeginSearch::Index(index + words),
            BeginSearch::Keyword { keyword, from } if from > 0 => {
                BeginSearch::Keyword { keyword, from: from + words as isize }
            }
            begin => begin,
        };
        Self { begin, ..self }
    }

    /// Returns the same keys with `flags`, if theirs are [`NONE`](KeyFlags::NONE).
    #[must_use]
    pub fn or_flags(self, flags: KeyFlags) -> Self {
        if self.flags == KeyFlags::NONE { Self { flags, ..self } } else { self }
    }

    /// Returns the flags of the keys in any command.
    pub const fn flags(&self) -> KeyFlags {
        self.flags
    }

    /// Returns where the search begins.
    pub const fn begin_search(&self) -> BeginSearch {
        self.begin
    }

    /// Returns how the keys are found from there.
    pub const fn find_keys(&self) -> FindKeys {
        self.find
    }

    /// Returns the flags of the keys in `command`.
    #[inline]
    pub fn flags_in(&self, command: &Command) -> KeyFlags {
        self.flags_of.map_or(self.flags, |flags_of| flags_of(command))
    }

    /// Returns the positions of the keys in `command`. Returns none if the number of keys is invalid or larger than the
    /// command.
    #[inline]
    pub fn words(&self, command: &Command) -> KeyWords {
        let Range { start, end } = self.range(command).unwrap_or_default();
        KeyWords { next: start, end, step: self.step() }
    }

    /// Whether the number of keys in `command` is valid, if it has one.
    #[inline]
    pub(super) fn has_valid_count(&self, command: &Command) -> bool {
        !matches!(self.find, FindKeys::Count { .. }) || self.range(command).is_some()
    }

    /// Returns up to how many words the command has at most one key of these, its first argument.
    pub(super) const fn single_up_to(&self) -> usize {
        match (self.begin, self.find) {
            _ if self.words_of.is_some() || !self.has_keys() => 0,
            (BeginSearch::Index(1), FindKeys::Range { last: 0, .. }) => usize::MAX,
            (BeginSearch::Index(1), FindKeys::Range { last: last @ ..0, step, limit: 0 }) => step + last.unsigned_abs(),
            _ => 0,
        }
    }

    /// Returns up to how many words the command has none of these keys.
    pub(super) const fn none_up_to(&self) -> usize {
        match self.begin {
            BeginSearch::Index(index) => index,
            BeginSearch::Keyword { from: from @ 0.., .. } => from as usize + 1,
            _ => 0,
        }
    }

    /// Whether the words are keys.
    #[inline]
    pub(super) const fn has_keys(&self) -> bool {
        !self.flags.has(KeyFlags::NOT_KEY)
    }

    #[inline]
    fn range(&self, command: &Command) -> Option<Range<usize>> {
        let range = match self.words_of {
            Some(words_of) => words_of(command),
            None => self.find.range(self.first(command)?, command)?,
        };
        (range.start < range.end && range.end <= command.len()).then_some(range)
    }

    #[inline]
    fn step(&self) -> usize {
        match self.find {
            FindKeys::Range { step, .. } | FindKeys::Count { step, .. } => step,
            FindKeys::Unknown => 1,
        }
    }

    /// Returns where the search begins in `command`.
    #[inline]
    fn first(&self, command: &Command) -> Option<usize> {
        match self.begin {
            BeginSearch::Index(index) => Some(index),
            BeginSearch::Keyword { keyword, from } => Some(1 + position(command, keyword, from)?),
            BeginSearch::Unknown => None,
        }
    }
}

/// The positions of keys in a command, as an iterator.
// `StepBy` divides when it is made, which takes longer than to find a single key.
#[derive(Clone, Debug)]
pub struct KeyWords {
    next: usize,
    end: usize,
    step: usize,
}

impl Iterator for KeyWords {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let word = self.next;
        self.next = word.saturating_add(self.step);
        (word < self.end).then_some(word)
    }
}

impl FindKeys {
    /// Returns the words of the keys, from the first one to the last.
    #[inline]
    fn range(self, begin: usize, command: &Command) -> Option<Range<usize>> {
        let words = command.len();
        match self {
            Self::Range { limit: limit @ 2.., .. } => Some(begin..begin + words.checked_sub(begin)? / limit),
            Self::Range { last: last @ ..0, .. } => Some(begin..words.checked_add_signed(last + 1)?),
            Self::Range { last, .. } => Some(begin..begin.checked_add_signed(last + 1)?),
            Self::Count { at, first, step } => {
                let count = usize::try_from(parse_integer(command.words().nth(begin.checked_add(at)?)?)?).ok()?;
                let begin = begin + first;
                Some(begin..begin.checked_add(count.checked_mul(step)?)?)
            }
            Self::Unknown => None,
        }
    }
}

/// Returns the first word from `from` on that is `keyword`. Searches backwards if `from` is negative.
fn position(command: &Command, keyword: &str, from: isize) -> Option<usize> {
    let is_keyword = |word: &[u8]| word.eq_ignore_ascii_case(keyword.as_bytes());
    let words = command.words().enumerate();
    let found = match usize::try_from(from) {
        Ok(from) => words.skip(from).find(|(_, word)| is_keyword(word)),
        Err(_) => words.rev().skip(from.unsigned_abs() - 1).find(|(_, word)| is_keyword(word)),
    };
    found.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(spec: KeySpec, line: &str) -> Vec<usize> {
        let mut words = line.split(' ');
        let command = Command::new(words.next().unwrap()).with_args(words);
        spec.words(&command).collect()
    }

    #[test]
    fn keys_are_found_in_every_form() {
        assert_eq!(keys(KeySpec::reads(1), "GET a"), [1]);
        assert_eq!(keys(KeySpec::reads(1).to(1), "LCS a b IDX"), [1, 2]);
        assert_eq!(keys(KeySpec::reads(1).to(-1), "MGET a b c"), [1, 2, 3]);
        assert_eq!(keys(KeySpec::overwrites(1).to(-1).every(2), "MSET a 1 b 2"), [1, 3]);
        assert_eq!(keys(KeySpec::updates(1).to(-2), "BLPOP a b 0"), [1, 2]);
        assert_eq!(keys(KeySpec::reads(1).after("STREAMS").first_of(2), "XREAD COUNT 1 streams a b 0 0"), [4, 5]);
        assert_eq!(keys(KeySpec::overwrites(1).counted().every(2), "MSETEX 2 a 1 b 2"), [2, 4]);
        assert_eq!(keys(KeySpec::overwrites(5).after("STORE"), "GEORADIUS a 1 2 3 km STORE b"), [7]);
        assert_eq!(keys(KeySpec::updates(2).after_last("KEYS").to(-1), "MIGRATE KEYS x KEYS a b"), [4, 5]);
        assert_eq!(keys(KeySpec::reads(1).to(-1).behind(1), "CACHE WARM a b"), [2, 3]);
    }

    #[test]
    fn a_count_that_does_not_fit_means_no_keys() {
        for line in ["EVAL x 3 a b", "EVAL x -1 a", "EVAL x y a", "EVAL x 0", "EVAL x", "EVAL x 9223372036854775807 a"]
        {
            assert!(keys(KeySpec::updates(2).counted(), line).is_empty(), "{line}");
            assert!(keys(KeySpec::updates(2).counted().every(2), line).is_empty(), "{line}");
        }
        assert!(keys(KeySpec::reads(1).after("STREAMS").first_of(2), "XREAD COUNT 1").is_empty());
        assert!(keys(KeySpec::reads(1), "GET").is_empty());
        assert!(keys(KeySpec::reads(1).to(-5), "BLPOP a 0").is_empty());
    }
}
