//! Random elements of a collection: the arguments of HRANDFIELD, SRANDMEMBER and ZRANDMEMBER, and the draws.

use std::{collections::HashSet, ops::Range};

use fastrand::Rng;
use kvstore_protocol::{CommandError, Packed, Response};

use crate::store::args::Args;

/// The most elements that are drawn with repetition, so that no answer takes all memory.
const MAX_REPEATED: i64 = 1 << 27;

/// What is to be drawn: `[count [WITHVALUES]]` behind the key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    /// `None` for one element alone. A negative count may draw an element several times.
    pub(super) count: Option<i64>,
    /// Whether the values, or scores, are answered too.
    pub(super) with_values: bool,
}

impl Draw {
    /// Parses the arguments. `keyword` asks for the values.
    ///
    /// # Errors
    /// As Redis has them.
    pub(super) fn parse(args: &Args<'_>, keyword: &str) -> Result<Self, CommandError> {
        if args.len() < 2 {
            return Ok(Self { count: None, with_values: false });
        }
        const RANGE: CommandError = CommandError::new(
            "ERR",
            "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        );
        let count = args.integer(1)?;
        if count == i64::MIN {
            return Err(RANGE);
        }
        let with_values = match args.len() {
            2 => false,
            3 if args.is(2, keyword) => true,
            _ => return Err(CommandError::SYNTAX),
        };
        let is_out_of_range = with_values && count.unsigned_abs() > i64::MAX as u64 / 2;
        if is_out_of_range || count < -MAX_REPEATED {
            return Err(CommandError::new("ERR", "value is out of range"));
        }
        Ok(Self { count: Some(count), with_values })
    }

    /// About how many elements of a list are as much work as the draws from a collection: each is somewhere else in memory.
    pub(super) fn work(self, length: usize) -> usize {
        const DRAW: usize = 8;
        let count = self.count.unwrap_or_default();
        let drawn = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        (if count < 0 { drawn } else { drawn.min(length) }).saturating_mul(DRAW)
    }

    /// The answer for a key without a collection.
    pub(super) fn of_nothing(self) -> Response {
        if self.count.is_some() { Packed::array().into() } else { Response::Null }
    }
}

/// Random indices.
#[derive(Debug)]
pub(super) enum Draws {
    All(Range<usize>),
    Distinct(std::vec::IntoIter<usize>),
    Repeated { random: Rng, left: usize, length: usize },
}

impl Draws {
    /// Draws indices below `length`: distinct ones, or for a negative count independent ones.
    pub(super) fn new(count: i64, length: usize, seed: u64) -> Self {
        let number = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        match count {
            ..0 if length == 0 => Self::All(0..0),
            ..0 => Self::Repeated { random: Rng::with_seed(seed), left: number, length },
            _ if number >= length => Self::All(0..length),
            _ => Self::Distinct(distinct(number, length, seed).into_iter()),
        }
    }

    /// Draws one index below `length`; 0 if there is none.
    pub(super) fn one(length: usize, seed: u64) -> usize {
        if length == 0 { 0 } else { Rng::with_seed(seed).usize(..length) }
    }
}

impl Iterator for Draws {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::All(range) => range.next(),
            Self::Distinct(indices) => indices.next(),
            Self::Repeated { random, left, length } => {
                *left = left.checked_sub(1)?;
                Some(random.usize(..*length))
            }
        }
    }
}

/// `count` distinct indices below `length`, each choice as likely as any other (Robert Floyd's algorithm; Bentley, "Programming
/// Pearls", 1987).
fn distinct(count: usize, length: usize, seed: u64) -> Vec<usize> {
    let (mut random, mut chosen) = (Rng::with_seed(seed), HashSet::with_capacity(count));
    let mut indices = Vec::with_capacity(count);
    for last in length - count..length {
        let index = random.usize(..=last);
        let index = if chosen.insert(index) { index } else { last };
        chosen.insert(index);
        indices.push(index);
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_draws_are_distinct_and_all_are_drawn_at_times() {
        let mut counts = [0; 10];
        for seed in 0..500 {
            let mut drawn: Vec<_> = Draws::new(4, 10, seed).collect();
            drawn.iter().for_each(|index| counts[*index] += 1);
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), 4);
        }
        assert!(counts.iter().all(|count| (120..280).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_count_is_bounded_by_the_length_unless_it_is_negative() {
        assert_eq!(Draws::new(20, 3, 1).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(Draws::new(i64::MAX, 3, 1).count(), 3);
        assert_eq!(Draws::new(-20, 3, 1).count(), 20);
        assert_eq!((Draws::new(-20, 0, 1).count(), Draws::new(0, 3, 1).count()), (0, 0));
        assert!(Draws::new(-50, 3, 7).all(|index| index < 3));
    }
}
