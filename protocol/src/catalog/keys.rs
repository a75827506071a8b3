//! [`KeySpec`]: the positions of the keys of a command.

use std::iter::StepBy;
use std::ops::Range;

use crate::{Command, parse_integer};

/// The positions of a group of keys of a command, and how the command accesses them.
///
/// This is the format of the key specifications of Redis: where the search begins, and how many keys follow. A command
/// may have several. The name is word 0.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    access: KeyAccess,
    begin: usize,
    /// If set, the keys begin after this word, which is searched for from `begin` on.
    keyword: Option<&'static str>,
    count: KeyCount,
    step: usize,
}

/// How a command accesses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAccess {
    /// Reads the value.
    Read,
    /// Reads or changes a part of the value.
    Update,
    /// Replaces the value without reading it.
    Overwrite,
    /// Removes the key.
    Remove,
}

impl KeyAccess {
    /// Returns the name that `COMMAND` shows: `RO`, `RW`, `OW` or `RM`.
    pub const fn as_redis(self) -> &'static str {
        match self {
            Self::Read => "RO",
            Self::Update => "RW",
            Self::Overwrite => "OW",
            Self::Remove => "RM",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyCount {
    /// All words up to this one, counted from the first key. A negative number counts from the end.
    To(isize),
    /// The first of this many equal parts of all words up to the end.
    PartOf(usize),
    /// The number is in the first word; the keys follow it.
    Counted,
}

impl KeySpec {
    /// A key at word `index`, which is read.
    pub const fn reads(index: usize) -> Self {
        Self::new(KeyAccess::Read, index)
    }

    /// A key at word `index`, a part of which is read or changed.
    pub const fn updates(index: usize) -> Self {
        Self::new(KeyAccess::Update, index)
    }

    /// A key at word `index`, which is overwritten.
    pub const fn overwrites(index: usize) -> Self {
        Self::new(KeyAccess::Overwrite, index)
    }

    /// A key at word `index`, which is removed.
    pub const fn removes(index: usize) -> Self {
        Self::new(KeyAccess::Remove, index)
    }

    const fn new(access: KeyAccess, begin: usize) -> Self {
        Self { access, begin, keyword: None, count: KeyCount::To(0), step: 1 }
    }

    /// Adds all words up to `last`, counted from the end: -1 is the last word.
    #[must_use]
    pub const fn to(self, last: isize) -> Self {
        Self { count: KeyCount::To(last), ..self }
    }

    /// Adds the next `more` words.
    #[must_use]
    pub const fn and(self, more: isize) -> Self {
        self.to(more)
    }

    /// Only every `step`th word is a key.
    #[must_use]
    pub const fn every(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// The first word is the number of keys, which follow it.
    #[must_use]
    pub const fn counted(self) -> Self {
        Self { count: KeyCount::Counted, ..self }
    }

    /// The keys begin after the word `keyword`, which is searched for from `index` on.
    #[must_use]
    pub const fn after(self, keyword: &'static str) -> Self {
        Self { keyword: Some(keyword), ..self }
    }

    /// The first of `parts` equal parts of all words up to the end are keys.
    #[must_use]
    pub const fn first_of(self, parts: usize) -> Self {
        Self { count: KeyCount::PartOf(parts), ..self }
    }

    /// Returns how the command accesses the keys.
    pub const fn access(self) -> KeyAccess {
        self.access
    }

    /// Returns the positions of the keys in `command`. Returns none if the number of keys is invalid or larger than the
    /// command.
    pub fn words(self, command: &Command) -> StepBy<Range<usize>> {
        self.range(command).unwrap_or(0..0).step_by(self.step)
    }

    fn range(self, command: &Command) -> Option<Range<usize>> {
        let words = command.len();
        let begin = match self.keyword {
            None => self.begin,
            Some(keyword) => 1 + command.words().skip(self.begin).position(|word| is(word, keyword))? + self.begin,
        };
        let range = match self.count {
            KeyCount::To(last @ ..0) => begin..words.checked_add_signed(last + 1)?,
            KeyCount::To(more) => begin..begin.checked_add_signed(more + 1)?,
            KeyCount::PartOf(parts) => begin..begin + words.checked_sub(begin)? / parts,
            KeyCount::Counted => {
                let count = usize::try_from(parse_integer(command.arg_at(begin.checked_sub(1)?)?)?).ok()?;
                begin + 1..count.checked_mul(self.step)?.checked_add(begin + 1)?
            }
        };
        (range.start < range.end && range.end <= words).then_some(range)
    }
}

fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
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
        assert_eq!(keys(KeySpec::reads(1).to(-1), "MGET a b c"), [1, 2, 3]);
        assert_eq!(keys(KeySpec::overwrites(1).to(-1).every(2), "MSET a 1 b 2"), [1, 3]);
        assert_eq!(keys(KeySpec::updates(1).to(-2), "BLPOP a b 0"), [1, 2]);
        assert_eq!(keys(KeySpec::reads(1).after("STREAMS").first_of(2), "XREAD COUNT 1 streams a b 0 0"), [4, 5]);
        assert_eq!(keys(KeySpec::overwrites(1).counted().every(2), "MSETEX 2 a 1 b 2"), [2, 4]);
        assert_eq!(keys(KeySpec::overwrites(5).after("STORE"), "GEORADIUS a 1 2 3 km STORE b"), [7]);
    }

    #[test]
    fn a_count_that_does_not_fit_means_no_keys() {
        for line in ["EVAL x 3 a b", "EVAL x -1 a", "EVAL x y a", "EVAL x 0", "EVAL x", "EVAL x 9223372036854775807 a"]
        {
            assert!(keys(KeySpec::updates(2).counted(), line).is_empty(), "{line}");
        }
        assert!(keys(KeySpec::reads(1).after("STREAMS").first_of(2), "XREAD COUNT 1").is_empty());
        assert!(keys(KeySpec::reads(1), "GET").is_empty());
    }
}
